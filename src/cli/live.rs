//! `flatscape live`: runs a configuration and opens the page in which its network runs.

use std::path::PathBuf;

use clap::Args;

use super::report::{Kind, write_page};
use super::{Options, optimize};
use crate::error::Result;
use crate::text::tell;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration, TOML
    config: PathBuf,
    /// The run directory to write; an existing run of this configuration is used, or continued [default: runs/NAME for
    /// NAME.toml]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only write the page, for a machine without a browser
    #[arg(long)]
    no_open: bool,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let name = arguments.config.file_stem().unwrap_or_default();
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("runs").join(name));
    let job = optimize::Arguments::new(arguments.config.clone(), out.clone());
    // One result on stdout: the page's.
    let quiet = options.quiet || options.json;
    let code = optimize::run(&job, &Options { resume: true, json: false, quiet, ..options.clone() })?;
    if code != 0 {
        return Ok(code);
    }
    let file = write_page(Kind::Live, &out, None, options)?;
    if !arguments.no_open
        && let Err(error) = open::that_detached(&file)
    {
        tell(&format!("no browser was opened ({error}); open {} yourself", file.display()));
    }
    Ok(0)
}
