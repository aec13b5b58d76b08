//! `flatscape scan`: a capacity scan, or what is known of one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rayon::prelude::*;
use serde::Serialize;

use super::{Options, bars};
use crate::cli::interrupt;
use crate::compute::backend::Backend;
use crate::error::{Error, Result};
use crate::scan::{
    Event, Failure, Lookup, Outcome, Runner, Shard, ShardStatus, Store, Trial, Work, run_trial, trials,
};
use crate::setup::config::Config;
use crate::text::{duration, tell};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration, TOML, with a [scan] section
    #[arg(required_unless_present = "status")]
    config: Option<PathBuf>,
    /// The scan directory to write; a scan that was stopped goes on
    #[arg(long, value_name = "DIR", required_unless_present_any = ["status", "trial"])]
    out: Option<PathBuf>,
    /// Do part I of N of the trials; parts may run at the same time, also on several machines
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    shard: Shard,
    /// Run one trial, for example L08-r003-constrained, and print its record; compare it with the one in --out
    #[arg(long, value_name = "ID")]
    trial: Option<String>,
    /// Keep the landscapes of the trials that are done now, before and after flattening; the scan's report shows them
    #[arg(long)]
    keep_landscapes: bool,
    /// Show how far the scan in DIR is
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "out", "shard", "trial", "keep_landscapes"])]
    status: Option<PathBuf>,
}

impl Arguments {
    /// Whether nothing is to be done but looking.
    pub fn only_looks(&self) -> bool {
        self.status.is_some()
    }
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    if let Some(directory) = &arguments.status {
        return status(directory, options);
    }
    let Some(file) = &arguments.config else {
        return Err(Error::Usage("scan needs a configuration; see configs/capacity-smoke.toml".to_owned()));
    };
    let config = options.load(file)?;
    let trials = trials(&config)?;
    let backend = options.backend()?;
    match (&arguments.trial, &arguments.out) {
        (Some(id), out) => replay(id, &trials, &config, backend.as_ref(), out.as_deref(), options),
        (None, Some(out)) => scan(out, arguments, trials, config, &backend, options),
        (None, None) => Err(Error::Usage("scan needs a directory: --out DIR".to_owned())),
    }
}

fn scan(
    out: &Path,
    arguments: &Arguments,
    trials: Vec<Trial>,
    config: Config,
    backend: &Arc<dyn Backend>,
    options: &Options,
) -> Result<u8> {
    let config = Arc::new(config);
    let work: Vec<Work> = trials.into_iter().map(|trial| (trial, config.clone())).collect();
    Runner::check(&work)?;
    let (store, _lock) = Store::create(out, &config, arguments.shard, options.force)?;
    let store = Arc::new(store);
    interrupt::listen()?;
    let mut watcher = Watcher::new(options.shows_progress());
    let threads = rayon::current_num_threads();
    let runner = Runner::new(&store, &work, arguments.shard, threads, &mut |event| watcher.show(&event))?
        .keeping_landscapes(arguments.keep_landscapes);
    let planned = runner.total;
    watcher.begin(runner.done, planned);
    let outcome = runner.run(&store, backend, &interrupt::requested, &mut |event| watcher.show(&event))?;
    drop(watcher);
    match outcome {
        Outcome::Interrupted => {
            tell("interrupted; go on with the same command");
            Ok(Error::Interrupted.exit_code())
        }
        Outcome::Finished(failed) => {
            let text = format!(
                "{} of {planned} trials have records in {}; gather them with: flatscape collect {}\n",
                planned - failed.len(),
                out.display(),
                out.display()
            );
            options.report(&ScanRecord { trials: planned, failed: &failed }, &text)?;
            if failed.is_empty() {
                return Ok(0);
            }
            Err(Error::Run(format!(
                "{} trials failed: {}; the reasons are in {}",
                failed.len(),
                failed.join(", "),
                out.join("failed").display()
            )))
        }
    }
}

#[derive(Serialize)]
struct ScanRecord<'a> {
    trials: usize,
    failed: &'a [String],
}

/// Runs one trial by itself and compares it with the scan's record.
fn replay(
    id: &str,
    trials: &[Trial],
    config: &Config,
    backend: &dyn Backend,
    out: Option<&Path>,
    options: &Options,
) -> Result<u8> {
    let Some(trial) = trials.iter().find(|t| t.id() == id) else {
        let example = trials.first().map_or(String::new(), Trial::id);
        return Err(Error::Usage(format!(
            "--trial {id}: this scan has no such trial; its names look like {example}"
        )));
    };
    let record = run_trial(trial, config, backend, &|| false)?.record;
    options.report_json(&record)?;
    let Some(out) = out else { return Ok(0) };
    match Store::open(out)?.look_up(&trial.content_hash(config)?, trial, config)? {
        Lookup::Done(stored) if *stored == record => {
            tell(&format!("the same as the record in {}", out.display()))
        }
        Lookup::Done(_) => {
            return Err(Error::data(
                out,
                format!("has another result for {id}; was it made by another version or device?"),
            ));
        }
        Lookup::Missing => tell(&format!("{} has no record of {id} yet", out.display())),
        Lookup::Damaged(what) => return Err(Error::data(out, format!("the record of {id} {what}"))),
    }
    Ok(0)
}

#[derive(Serialize)]
struct StatusRecord {
    trials: usize,
    done: usize,
    failed: Vec<Failure>,
    running: Vec<ShardStatus>,
    complaints: Vec<String>,
}

fn status(directory: &Path, options: &Options) -> Result<u8> {
    let store = Store::open(directory)?;
    let config = store.config()?;
    let trials = trials(&config)?;
    let wanted: HashSet<String> =
        trials.par_iter().map(|trial| trial.content_hash(&config)).collect::<Result<_>>()?;
    let (done, complaints) = store.count_done(&wanted);
    let record = StatusRecord {
        trials: trials.len(),
        done,
        failed: store.failures(),
        running: store.running(),
        complaints,
    };
    let mut text =
        format!("{} of {} trials done, {} failed\n", record.done, record.trials, record.failed.len());
    for shard in &record.running {
        let trials = shard.running.join(", ");
        text.push_str(&format!(
            "shard {}/{} {}: {} of {} done, about {} left\n",
            shard.shard.index,
            shard.shard.count,
            if trials.is_empty() { "is between trials".to_owned() } else { format!("runs {trials}") },
            shard.done,
            shard.total,
            duration(shard.seconds_left)
        ));
    }
    if record.running.is_empty() {
        text.push_str("nothing is running\n");
    }
    for failure in &record.failed {
        text.push_str(&format!("failed: {}: {}\n", failure.id, failure.error));
    }
    for complaint in &record.complaints {
        text.push_str(&format!("note: {complaint}\n"));
    }
    options.report(&record, &text)?;
    Ok(0)
}

/// One line that is rewritten on a terminal, one line per trial elsewhere.
struct Watcher {
    visible: bool,
    bar: Option<bars::Bar>,
}

impl Watcher {
    fn new(visible: bool) -> Self {
        Self { visible, bar: bars::spinner(visible) }
    }

    /// Says how much there is to do, before the first trial is done.
    fn begin(&self, done: usize, planned: usize) {
        let text = format!("{done} of {planned} trials done");
        match &self.bar {
            Some(bar) => bar.message(&text),
            None if self.visible => tell(&text),
            None => {}
        }
    }

    fn show(&mut self, event: &Event<'_>) {
        match event {
            // Never silent: something happened to somebody's data.
            Event::Damaged { id, what } => {
                self.line(&format!("the record of {id} {what}; set aside in damaged/ and done again"))
            }
            Event::Finished { id, error, seconds, status } => {
                let so_far = format!(
                    "{} of {} done, {} failed, about {} left",
                    status.done,
                    status.total,
                    status.failed,
                    duration(status.seconds_left)
                );
                match (error, &self.bar) {
                    (Some(error), _) => self.line(&format!("{id} failed: {error}")),
                    (None, Some(bar)) => bar.message(&format!("{so_far}; last {id}")),
                    (None, None) if self.visible => {
                        tell(&format!("{id} done in {}; {so_far}", duration(*seconds)))
                    }
                    (None, None) => {}
                }
            }
        }
    }

    fn line(&self, text: &str) {
        bars::say(&format!("flatscape: {text}"));
    }
}
