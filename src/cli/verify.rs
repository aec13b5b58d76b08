//! `flatscape verify`: whether a run directory is what it claims.

use std::path::PathBuf;

use clap::Args;

use super::Options;
use crate::error::Result;
use crate::records::{RunState, Verified, verify};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A run directory
    run: PathBuf,
    /// Do the whole job again and compare: takes as long as the run
    #[arg(long)]
    full: bool,
}

impl Arguments {
    /// Whether a backend has work to do.
    pub fn does_all(&self) -> bool {
        self.full
    }
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let backend = arguments.full.then(|| options.backend()).transpose()?;
    let verified = verify(&arguments.run, backend.as_deref())?;
    options.report(&verified, &table(&verified))?;
    Ok(0)
}

fn table(verified: &Verified) -> String {
    let mut text = format!("{} files have their checksums\n", verified.files);
    for claim in &verified.claims {
        text.push_str(&format!("holds: {claim}\n"));
    }
    if !verified.unread.is_empty() {
        text.push_str(&format!("not looked into: {}\n", verified.unread.join(", ")));
    }
    if !verified.strangers.is_empty() {
        text.push_str(&format!("not part of the run: {}\n", verified.strangers.join(", ")));
    }
    text + match verified.status {
        RunState::Complete => "the run is complete and sound\n",
        RunState::Interrupted => "the run is sound, and interrupted: go on with optimize --resume\n",
    }
}
