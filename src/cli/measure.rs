//! `flatscape measure`: the drift of a run's network again.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::output::{OutputFile, as_text, contains, tell_if_unfinished};
use super::{Options, bars};
use crate::cli::interrupt;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::drift::DriftSummary;
use crate::job::drift_record::Which;
use crate::observable::{self, Shown, pairs};
use crate::records;
use crate::records::{RunDirectory, RunState};
use crate::setup::config::{Config, Starts};
use crate::setup::plan::Plan;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A run directory
    run: PathBuf,
    /// Length of the trajectories (ms) [default: measure.duration_ms of the run]
    #[arg(long, value_name = "MS")]
    duration: Option<String>,
    /// Starts on each map, evenly spaced [default: measure.starts_per_map of the run]
    #[arg(long, value_name = "N")]
    starts: Option<String>,
    /// Where the rows go, in the format of drift.csv [default: a name made of both, in the run]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct MeasureRecord {
    duration_ms: f64,
    starts_per_map: usize,
    drift_before: Option<DriftSummary>,
    drift_after: Option<DriftSummary>,
    run: RunState,
    #[serde(serialize_with = "as_text")]
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let out = arguments.out.as_deref();
    let out = out.map(|path| OutputFile::claim(path, &is_rows, options.force)).transpose()?;
    let (directory, manifest) = RunDirectory::open(&arguments.run)?;
    directory.read("config.toml")?;
    let config = configuration(arguments, options)?;
    let plan = Plan::new(config)?;
    let network = plan.network(0)?;
    let n = plan.neurons;
    let base = directory.read_square("weights_base.npy", n)?;
    let flattened = base.plus(1.0, &directory.read_square("weights_delta.npy", n)?);
    let backend = options.backend()?;
    interrupt::listen()?;
    let monitor = bars::monitor(options.shows_progress(), 2.0 * plan.cost.trajectories_seconds);
    let job = Job {
        plan: &plan,
        network: &network,
        backend: backend.as_ref(),
        monitor: &monitor,
        stop: &interrupt::requested,
    };
    let mut rows = Vec::new();
    for (weights, which) in [(&base, Which::Base), (&flattened, Which::Flattened)] {
        rows.extend(job.measure_drift(weights, which)?.records);
    }
    monitor.finish();
    let measure = &plan.config.measure;
    let name = format!(
        "drift-{}ms-{}starts{}-dt{}ms.csv",
        measure.duration_ms,
        measure.starts_per_map,
        if measure.starts == Starts::Anywhere { "-anywhere" } else { "" },
        plan.config.dynamics.dt_ms
    );
    let csv = records::to_csv(&rows);
    tell_if_unfinished(&manifest, &arguments.run);
    match &out {
        Some(file) => file.write(&csv)?,
        None => directory.add(&name, &csv, options.force)?,
    }
    let file = arguments.out.clone().unwrap_or_else(|| arguments.run.join(name));
    let record = MeasureRecord {
        duration_ms: measure.duration_ms,
        starts_per_map: measure.starts_per_map,
        drift_before: DriftSummary::of(&rows, Which::Base),
        drift_after: DriftSummary::of(&rows, Which::Flattened),
        run: manifest.status,
        file,
    };
    match &out {
        Some(file) => options.report_file(file, &record, &table(&record))?,
        None => options.report(&record, &table(&record))?,
    }
    Ok(0)
}

/// Whether a file holds rows of this command.
fn is_rows(bytes: &[u8]) -> bool {
    bytes.starts_with(b"network,map,start") && contains(bytes, b"displacement,settled_displacement,")
}

/// The run's configuration with what is to be measured differently. Only `[measure]` and `[dynamics]` may change: the
/// rest made the network.
fn configuration(arguments: &Arguments, options: &Options) -> Result<Config> {
    let mut settings = options.set.clone();
    settings.extend(arguments.duration.iter().map(|v| format!("measure.duration_ms={v}")));
    settings.extend(arguments.starts.iter().map(|v| format!("measure.starts_per_map={v}")));
    if let Some(other) =
        settings.iter().find(|s| !s.starts_with("measure.") && !s.starts_with("dynamics.dt_ms"))
    {
        return Err(Error::Usage(format!(
            "--set {other}: the network of a run is fixed; measure can change measure.* and dynamics.dt_ms"
        )));
    }
    Config::load(&arguments.run.join("config.toml"), &settings)
}

fn table(record: &MeasureRecord) -> String {
    let (before, after) = (record.drift_before.as_ref(), record.drift_after.as_ref());
    let shown = [Shown::First, Shown::Report];
    let figures = pairs(DriftSummary::ALL, &shown, before, after, record.duration_ms);
    format!("{}rows in {}\n", observable::table(&figures), record.file.display())
}
