//! `flatscape figures`: the paper's figures with verdicts.

use std::path::PathBuf;

use clap::Args;

use super::{Options, bars, interrupt};
use crate::error::{Error, Result};
use crate::figures::{self, Scope, Workshop, draw, table};
use crate::setup::config::Config;
use crate::text::tell;

/// The paper's protocol, built in.
const PAPER: &str = include_str!("../../configs/paper.toml");

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where data, plots and verdicts go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this figure: 2, 3, 4, 5, 6, S7, S8, S9 or S10, or noise, which is not in the paper (repeatable)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// The paper's 15 realizations and loads up to 20: hours, not minutes
    #[arg(long)]
    full: bool,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let mut config = Config::parse(PAPER, "configs/paper.toml")?;
    for setting in &options.set {
        config.set(setting)?;
    }
    let scope = Scope::new(arguments.only.clone(), arguments.full)?;
    let backend = options.backend()?;
    let monitor = bars::monitor(options.shows_progress(), figures::seconds(&scope, &config)?);
    interrupt::listen()?;
    let workshop =
        Workshop { config: &config, backend: &backend, monitor: &monitor, stop: &interrupt::requested };
    let verdicts = match draw(&arguments.out, &scope, &workshop, options.force) {
        Err(Error::Interrupted) => {
            tell("interrupted; go on with the same command");
            return Ok(Error::Interrupted.exit_code());
        }
        verdicts => verdicts?,
    };
    monitor.finish();
    options
        .report(&verdicts, &format!("{}data and plots in {}\n", table(&verdicts), arguments.out.display()))?;
    let failed = verdicts.iter().filter(|v| !v.pass).count();
    if failed > 0 {
        return Err(Error::Run(format!(
            "{failed} of {} verdicts fail; see {}",
            verdicts.len(),
            arguments.out.join("verdicts.json").display()
        )));
    }
    Ok(0)
}
