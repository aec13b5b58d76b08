//! `flatscape config`: all keys of a configuration, and what they may be.

use std::path::PathBuf;

use clap::Args;

use super::Options;
use crate::error::Result;
use crate::setup::config::Config;
use crate::setup::reference;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration to write out, TOML [default: every key at its default]
    #[arg(conflicts_with = "reference")]
    config: Option<PathBuf>,
    /// Every key with its default, unit, range and meaning, as Markdown (or JSON with --json)
    #[arg(long)]
    reference: bool,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    if arguments.reference {
        options.report(&reference::entries(), &reference::markdown())?;
        return Ok(0);
    }
    let config = match &arguments.config {
        Some(file) => options.load(file)?,
        None => {
            let mut config = Config::default();
            options.set.iter().try_for_each(|setting| config.set(setting))?;
            config
        }
    };
    options.report(&config, &config.to_toml())?;
    Ok(0)
}
