//! `flatscape optimize`: the main job.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Options, bars};
use crate::cli::interrupt;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::reached::Status;
use crate::landscape::problem::Minimizer;
use crate::records::{Opened, Session};
use crate::setup::plan::Plan;
use crate::text::tell;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration, TOML
    config: PathBuf,
    /// The run directory to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How constrained minima are found [default: flatten.minimizer of the configuration]
    #[arg(long, value_enum)]
    minimizer: Option<MinimizerChoice>,
    /// Also write the constrained minima after the last update (rates.npy)
    #[arg(long)]
    keep_states: bool,
}

impl Arguments {
    /// A configuration and where its run goes, with all other options at their defaults.
    #[cfg(feature = "plots")]
    pub(super) fn new(config: PathBuf, out: PathBuf) -> Self {
        Self { config, out, minimizer: None, keep_states: false }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MinimizerChoice {
    /// Projected Newton steps
    Newton,
    /// The paper's literal gradient descent, thousands of times slower
    Descent,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let mut config = options.load(&arguments.config)?;
    if let Some(choice) = arguments.minimizer {
        config.flatten.minimizer = match choice {
            MinimizerChoice::Newton => Minimizer::Newton,
            MinimizerChoice::Descent => Minimizer::Descent,
        };
    }
    work(&Plan::new(config)?, &arguments.out, arguments.keep_states, options)
}

/// Does all the work of a plan in the run directory `out`.
pub(super) fn work(plan: &Plan, out: &Path, keep_states: bool, options: &Options) -> Result<u8> {
    let backend = options.backend()?;
    let network = plan.network(0)?;
    let monitor = bars::monitor(options.shows_progress(), plan.cost.total_seconds);
    let job = Job {
        plan,
        network: &network,
        backend: backend.as_ref(),
        monitor: &monitor,
        stop: &interrupt::requested,
    };
    let place = out.display();
    let session = match Session::open(out, job, options.resume, options.force, keep_states)? {
        Opened::Unfinished(session) => session,
        Opened::Complete(summary) => {
            monitor.finish();
            tell(&format!("{place} is complete already"));
            options.report(&summary, &summary.table())?;
            return Ok(0);
        }
    };
    interrupt::listen()?;
    let summary = session.run()?;
    monitor.finish();
    options.report(
        &summary,
        &format!("{}results in {place}; check them with: flatscape verify {place}\n", summary.table()),
    )?;
    if summary.status == Status::Interrupted {
        tell("interrupted; go on with the same command and --resume");
        return Ok(Error::Interrupted.exit_code());
    }
    Ok(0)
}
