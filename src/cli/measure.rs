//! `flatscape measure`: the drift of a run's network again.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::output::{OutputFile, as_text, contains, tell_if_unfinished};
use super::{Options, bars};
use crate::cli::interrupt;
use crate::dynamics::noise::NoiseKind;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::drift::{DriftSummary, recovered_fraction};
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::memory::MemorySummary;
use crate::job::path_record::PathRecord;
use crate::network::Network;
use crate::observable::{self, Shown, pairs};
use crate::records::{self, memory_pairs, recovered_pair};
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
    /// Where the rows go, in the format of drift.csv [default: a name made from both, in the run]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the bumps' places in the course of time go, with measure.record_ms or noise [default: beside the rows in the
    /// run; nowhere with --out]
    #[arg(long, value_name = "FILE")]
    trajectories: Option<PathBuf>,
}

#[derive(Serialize)]
struct MeasureRecord {
    #[serde(flatten)]
    figures: Figures,
    run: RunState,
    #[serde(serialize_with = "as_text")]
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    trajectories: Option<String>,
}

/// What is measured.
#[derive(Serialize)]
struct Figures {
    duration_ms: f64,
    starts_per_map: usize,
    replicates: usize,
    drift_before: Option<DriftSummary>,
    drift_after: Option<DriftSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered_before: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered_after: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_before: Option<MemorySummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_after: Option<MemorySummary>,
}

impl Figures {
    fn new(plan: &Plan, network: &Network, rows: &[DriftRecord], paths: &[PathRecord]) -> Self {
        let memory = |which| MemorySummary::of(paths, which, plan, network);
        let corrupts = !plan.config.measure.corrupt.is_none();
        let recovered = |which| recovered_fraction(rows, which, plan).filter(|_| corrupts);
        Self {
            duration_ms: plan.config.measure.duration_ms,
            starts_per_map: plan.config.measure.starts_per_map,
            replicates: plan.replicates,
            drift_before: DriftSummary::of(rows, Which::Base),
            drift_after: DriftSummary::of(rows, Which::Flattened),
            recovered_before: recovered(Which::Base),
            recovered_after: recovered(Which::Flattened),
            memory_before: memory(Which::Base),
            memory_after: memory(Which::Flattened),
        }
    }
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let claim = |path: &Option<PathBuf>, is_own: &dyn Fn(&[u8]) -> bool| {
        path.as_deref().map(|path| OutputFile::claim(path, is_own, options.force)).transpose()
    };
    let out = claim(&arguments.out, &is_rows)?;
    let paths_out = claim(&arguments.trajectories, &is_paths)?;
    let (directory, manifest) = RunDirectory::open(&arguments.run)?;
    directory.read("config.toml")?;
    let config = configuration(arguments, options)?;
    let plan = Plan::new(config)?;
    if plan.record_steps.is_none() && paths_out.is_some() {
        return Err(Error::Usage(
            "--trajectories: nothing is recorded in the course of time; set measure.record_ms or dynamics.noise.kind".to_owned(),
        ));
    }
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
    let (mut rows, mut paths) = (Vec::new(), Vec::new());
    for (weights, which) in [(&base, Which::Base), (&flattened, Which::Flattened)] {
        let measured = job.measure_drift(weights, which)?;
        rows.extend(measured.records);
        paths.extend(measured.paths);
    }
    monitor.finish();
    tell_if_unfinished(&manifest, &arguments.run);
    let name = name(&plan);
    let store = |file: &Option<OutputFile>, name: &str, bytes: &[u8]| match file {
        Some(file) => file.write(bytes),
        None => directory.add(name, bytes, options.force),
    };
    store(&out, &format!("drift-{name}.csv"), &records::to_csv(&rows))?;
    // Who takes the rows elsewhere and says nothing of trajectories wants none.
    let keeps_paths = !paths.is_empty() && (paths_out.is_some() || out.is_none());
    let paths_name = format!("trajectories-{name}.csv");
    if keeps_paths {
        let table = records::to_csv(&PathRecord::rows(&paths, network.maps.dimension()));
        store(&paths_out, &paths_name, &table)?;
    }
    let place =
        |given: &Option<PathBuf>, name: String| given.clone().unwrap_or_else(|| arguments.run.join(name));
    let record = MeasureRecord {
        run: manifest.status,
        file: place(&arguments.out, format!("drift-{name}.csv")),
        trajectories: keeps_paths
            .then(|| place(&arguments.trajectories, paths_name).to_string_lossy().into_owned()),
        figures: Figures::new(&plan, &network, &rows, &paths),
    };
    match &out {
        Some(file) => options.report_file(file, &record, &table(&record))?,
        None => options.report(&record, &table(&record))?,
    }
    Ok(0)
}

/// What is measured, in the names of files.
fn name(plan: &Plan) -> String {
    let (measure, dynamics) = (&plan.config.measure, &plan.config.dynamics);
    let noise = match plan.noise().map(|noise| noise.kind) {
        None => String::new(),
        Some(NoiseKind::Poisson { fano }) => format!("-poisson{fano}"),
        Some(NoiseKind::Current { sd }) => format!("-current{sd}"),
    };
    let anywhere = if measure.starts == Starts::Anywhere { "-anywhere" } else { "" };
    let how = &measure.corrupt;
    let corrupt = if how.is_none() {
        String::new()
    } else {
        format!("-silence{}-replace{}-noise{}", how.silence, how.replace, how.noise)
    };
    let replicates =
        if plan.replicates > 1 { format!("-{}replicates", plan.replicates) } else { String::new() };
    let seed = if dynamics.noise.seed > 0 { format!("-seed{}", dynamics.noise.seed) } else { String::new() };
    format!(
        "{}ms-{}starts{anywhere}-dt{}ms{corrupt}{noise}{replicates}{seed}",
        measure.duration_ms, measure.starts_per_map, dynamics.dt_ms
    )
}

/// Whether a file holds rows of this command.
fn is_rows(bytes: &[u8]) -> bool {
    bytes.starts_with(b"network,map,") && contains(bytes, b"displacement,settled_displacement,")
}

/// Whether a file holds places in the course of time.
fn is_paths(bytes: &[u8]) -> bool {
    bytes.starts_with(b"network,map,start,replicate,time_ms,")
}

/// The run's configuration, with the settings that differ in this measurement. Only `[measure]` and `[dynamics]` may
/// change: everything else made the network.
fn configuration(arguments: &Arguments, options: &Options) -> Result<Config> {
    let mut settings = options.set.clone();
    settings.extend(arguments.duration.iter().map(|v| format!("measure.duration_ms={v}")));
    settings.extend(arguments.starts.iter().map(|v| format!("measure.starts_per_map={v}")));
    let may_change = ["measure.", "dynamics.dt_ms", "dynamics.noise."];
    if let Some(other) = settings.iter().find(|s| !may_change.iter().any(|key| s.starts_with(key))) {
        return Err(Error::Usage(format!(
            "--set {other}: the network of a run is fixed; measure can change measure.*, dynamics.dt_ms and dynamics.noise.*"
        )));
    }
    Config::load(&arguments.run.join("config.toml"), &settings)
}

fn table(record: &MeasureRecord) -> String {
    let found = &record.figures;
    let (before, after) = (found.drift_before.as_ref(), found.drift_after.as_ref());
    let shown = [Shown::First, Shown::Report];
    let mut figures = pairs(DriftSummary::ALL, &shown, before, after, found.duration_ms);
    figures.extend(recovered_pair(found.recovered_before, found.recovered_after));
    figures.extend(memory_pairs(found.memory_before.as_ref(), found.memory_after.as_ref()));
    format!("{}rows in {}\n", observable::table(&figures), record.file.display())
}
