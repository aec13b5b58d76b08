//! `flatscape figures`: the paper's figures with verdicts.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Options, bars};
use crate::cli::interrupt;
use crate::compute::backend::Backend;
use crate::error::{Error, Result};
use crate::figures::{Resources, Scope, draw, table};
use crate::setup::config::Config;
use crate::setup::plan::Plan;
use crate::text::tell;

/// The paper's protocol, built in.
const PAPER: &str = include_str!("../../configs/paper.toml");

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where data, plots and verdicts go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this figure: 2, 3, 4, 5, 6, S7, S8, S9 or S10 (repeatable)
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
    let backend: Arc<dyn Backend> = options.backend()?.into();
    let plan = Plan::new(config.clone())?;
    interrupt::listen()?;
    let monitor = bars::monitor(options.shows_progress(), 3.0 * plan.cost.total_seconds);
    let scope = Scope { only: arguments.only.clone(), full: arguments.full };
    let work = Resources { backend: &backend, monitor: &monitor, stop: &interrupt::requested };
    let verdicts = match draw(&arguments.out, &scope, &config, &work, options.force) {
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
