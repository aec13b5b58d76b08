//! `flatscape optimize`: the main job.

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};

use super::Options;
use crate::cli::interrupt;
use crate::compute::backend::Backend;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::files::npy;
use crate::job::Job;
use crate::job::drift::Which;
use crate::job::reached::{Landscape, Status};
use crate::landscape::problem::Minimizer;
use crate::network::Network;
use crate::progress::Monitor;
use crate::records::{self, Checkpoint, Manifest, RunDirectory, RunState, Summary};
use crate::setup::config::Method;
use crate::setup::plan::Plan;
use crate::text::tell;

/// Where constrained minima are kept.
const STATES: &str = "rates.npy";

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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MinimizerChoice {
    /// Projected Newton steps
    Newton,
    /// The paper's literal gradient descent, thousands of times slower
    Descent,
}

/// A run in progress.
struct Run<'a> {
    job: Job<'a>,
    directory: RunDirectory,
    checkpoint: Checkpoint,
    /// Work of earlier sessions (s).
    earlier_seconds: f64,
    started: Instant,
    keep_states: bool,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let mut config = options.load(&arguments.config)?;
    if let Some(choice) = arguments.minimizer {
        config.flatten.minimizer = match choice {
            MinimizerChoice::Newton => Minimizer::Newton,
            MinimizerChoice::Descent => Minimizer::Descent,
        };
    }
    let plan = Plan::new(config)?;
    let backend = options.backend()?;
    let network = plan.network(0)?;
    let directory = RunDirectory::claim(&arguments.out, &plan, &network, options.resume, options.force)?;
    if let Some(summary) = finished(&directory, options.resume)? {
        if arguments.keep_states && !directory.path().join(STATES).exists() {
            return Err(Error::Usage(format!(
                "{}: is complete and has no {STATES}, and its states are gone; run it again with --keep-states and another --out",
                arguments.out.display()
            )));
        }
        tell(&format!("{} is complete already", arguments.out.display()));
        options.report(&summary, &summary.table())?;
        return Ok(0);
    }
    interrupt::listen()?;
    let (checkpoint, landscape) = Checkpoint::load(directory.path(), &plan)?;
    let monitor = Monitor::new(options.shows_progress(), plan.cost.total_seconds);
    let job = Job {
        plan: &plan,
        network: &network,
        backend: backend.as_ref(),
        monitor: &monitor,
        stop: &interrupt::requested,
    };
    let earlier_seconds = checkpoint.wall_seconds;
    let started = Instant::now();
    let mut run =
        Run { job, directory, checkpoint, earlier_seconds, started, keep_states: arguments.keep_states };
    let (landscape, status) = run.work(landscape)?;
    let summary = run.finish(landscape.as_ref(), status, &network, backend.as_ref())?;
    monitor.finish();
    let place = arguments.out.display();
    options.report(
        &summary,
        &format!("{}results in {place}; check them with: flatscape verify {place}\n", summary.table()),
    )?;
    if status == Status::Interrupted {
        tell("interrupted; go on with the same command and --resume");
        return Ok(Error::Interrupted.exit_code());
    }
    Ok(0)
}

/// The summary of a run that is complete already.
fn finished(directory: &RunDirectory, resume: bool) -> Result<Option<Summary>> {
    if !resume || !directory.path().join("manifest.json").exists() {
        return Ok(None);
    }
    let (previous, manifest) = RunDirectory::open(directory.path())?;
    if manifest.status != RunState::Complete {
        return Ok(None);
    }
    let file = directory.path().join("summary.json");
    let summary = serde_json::from_slice(&previous.read("summary.json")?)
        .map_err(|e| Error::data(&file, e.to_string()))?;
    Ok(Some(summary))
}

impl Run<'_> {
    /// Drift before, flattening, drift after; whatever an earlier session finished is not done again.
    fn work(&mut self, landscape: Option<Landscape>) -> Result<(Option<Landscape>, Status)> {
        let plan = self.job.plan;
        if !self.measure(&self.job.network.weights, Which::None, landscape.as_ref())? {
            return Ok((landscape, Status::Interrupted));
        }
        if (self.job.stop)() {
            return Ok((landscape, Status::Interrupted));
        }
        let (landscape, status) = match (landscape, self.checkpoint.outcome) {
            (Some(landscape), Some(status)) => (landscape, status),
            (landscape, _) => self.flatten(landscape)?,
        };
        if status == Status::Interrupted {
            return Ok((Some(landscape), status));
        }
        if plan.config.flatten.method != Method::None {
            let weights = self.job.network.weights.plus(1.0, &landscape.delta);
            if !self.measure(&weights, Which::Flattened, Some(&landscape))? {
                return Ok((Some(landscape), Status::Interrupted));
            }
        }
        Ok((Some(landscape), status))
    }

    fn flatten(&mut self, landscape: Option<Landscape>) -> Result<(Landscape, Status)> {
        let Self { job, directory, checkpoint, earlier_seconds, started, .. } = self;
        let (landscape, status) = job.flatten(landscape, &mut |reached| {
            checkpoint.wall_seconds = *earlier_seconds + started.elapsed().as_secs_f64();
            checkpoint.save(directory.path(), directory.identity(), Some(reached))
        })?;
        if status != Status::Interrupted {
            checkpoint.outcome = Some(status);
        }
        Ok((landscape, status))
    }

    /// Measures the drift of one network unless that is done; `false` if interrupted.
    fn measure(
        &mut self,
        weights: &WeightMatrix,
        which: Which,
        landscape: Option<&Landscape>,
    ) -> Result<bool> {
        if self.checkpoint.drift.iter().any(|r| r.network == which) {
            self.job.monitor.skip(self.job.plan.cost.trajectories_seconds);
            return Ok(true);
        }
        let Some(measured) = self.job.measure_drift(weights, which)? else { return Ok(false) };
        self.checkpoint.drift.extend(measured.records);
        self.save(landscape)?;
        Ok(true)
    }

    fn save(&mut self, landscape: Option<&Landscape>) -> Result<()> {
        self.checkpoint.wall_seconds = self.earlier_seconds + self.started.elapsed().as_secs_f64();
        self.checkpoint.save(self.directory.path(), self.directory.identity(), landscape)
    }

    /// Writes all records; the manifest last.
    fn finish(
        &mut self,
        landscape: Option<&Landscape>,
        status: Status,
        network: &Network,
        backend: &dyn Backend,
    ) -> Result<Summary> {
        let plan = self.job.plan;
        if status == Status::Interrupted {
            self.save(landscape)?;
        }
        let n = plan.neurons;
        let directory = &mut self.directory;
        directory.write_configuration(plan, network)?;
        directory.write("maps.npy", &npy::encode(&[plan.maps, n], network.maps.as_slice()))?;
        directory.write("weights_base.npy", &npy::encode(&[n, n], &network.weights.to_dense()))?;
        // An earlier session may have left the states of a network that is not the present one.
        directory.discard(STATES)?;
        let iterations = landscape.map_or(&[][..], |l| &l.records);
        if let Some(landscape) = landscape {
            let shape = [iterations.len(), plan.maps, plan.points_per_map];
            directory.write("weights_delta.npy", &npy::encode(&[n, n], &landscape.delta.to_dense()))?;
            directory.write("energies.npy", &npy::encode(&shape, &landscape.energies))?;
            if self.keep_states {
                let rates: Vec<f32> = landscape.fitted.to_dense().into_iter().map(|r| r as f32).collect();
                directory.write(STATES, &npy::encode(&[plan.states(), n], &rates))?;
            }
        }
        directory.write("iterations.csv", &records::to_csv(iterations))?;
        directory.write("drift.csv", &records::to_csv(&self.checkpoint.drift))?;
        let summary = Summary::new(plan, status, iterations, &self.checkpoint.drift);
        directory.write("summary.json", &records::to_json(&summary))?;
        let state = if status == Status::Interrupted { RunState::Interrupted } else { RunState::Complete };
        let manifest = self.manifest(state, status, backend);
        self.directory.write_manifest(manifest)?;
        if state == RunState::Complete {
            Checkpoint::remove(self.directory.path())?;
        }
        Ok(summary)
    }

    fn manifest(&self, state: RunState, outcome: Status, backend: &dyn Backend) -> Manifest {
        let elapsed = self.started.elapsed();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Manifest {
            format: records::FORMAT,
            program: records::PROGRAM.to_owned(),
            status: state,
            outcome,
            configuration: self.directory.identity().to_owned(),
            seed: self.job.plan.config.network.seed,
            device: backend.describe(),
            started_unix: now.saturating_sub(elapsed).as_secs(),
            wall_seconds: self.earlier_seconds + elapsed.as_secs_f64(),
            files: Default::default(),
            manifest: String::new(),
        }
    }
}
