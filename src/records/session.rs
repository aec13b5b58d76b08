//! A session of a run: the whole job on a run directory, with checkpoints, from the beginning or from where an earlier
//! session was stopped.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::{Checkpoint, FORMAT, Manifest, PROGRAM, RunDirectory, RunState, Summary, to_csv, to_json};
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::files::npy;
use crate::job::Job;
use crate::job::drift_record::Which;
use crate::job::reached::{Landscape, Status};
use crate::setup::config::Method;

/// Where constrained minima are kept.
const STATES: &str = "rates.npy";

/// What there is to do in a run directory.
pub enum Opened<'a> {
    /// Nothing: the run is complete, with this summary.
    Complete(Box<Summary>),
    /// The run, or the rest of it.
    Unfinished(Box<Session<'a>>),
}

/// A run in progress. The directory is locked while it lives.
pub struct Session<'a> {
    job: Job<'a>,
    directory: RunDirectory,
    checkpoint: Checkpoint,
    /// What an earlier session has reached, until the work begins.
    landscape: Option<Landscape>,
    /// Work of earlier sessions (s).
    earlier_seconds: f64,
    started: Instant,
    keep_states: bool,
}

impl<'a> Session<'a> {
    /// Takes possession of the directory `path` for a job: for a new run, or with `resume` to go on with one; with `force`
    /// whatever lies there. With
    /// `keep_states` the constrained minima after the last update are written too (`rates.npy`).
    ///
    /// # Errors
    /// As [`RunDirectory::claim`], and [`Error::Data`](crate::error::Error::Data) if a checkpoint is damaged,
    /// and [`Error::Usage`] if states are wanted of a run that is complete without them.
    pub fn open(
        path: &Path,
        job: Job<'a>,
        resume: bool,
        force: bool,
        keep_states: bool,
    ) -> Result<Opened<'a>> {
        let directory = RunDirectory::claim(path, job.plan, job.network, resume, force)?;
        if let Some(summary) = complete(&directory, resume)? {
            if keep_states && !directory.path().join(STATES).exists() {
                return Err(Error::Usage(format!(
                    "{}: is complete and has no {STATES}, and its states are gone; run it again with --keep-states and another --out",
                    path.display()
                )));
            }
            return Ok(Opened::Complete(Box::new(summary)));
        }
        let (checkpoint, landscape) = Checkpoint::load(directory.path(), job.plan)?;
        let earlier_seconds = checkpoint.wall_seconds;
        let started = Instant::now();
        let session = Self { job, directory, checkpoint, landscape, earlier_seconds, started, keep_states };
        Ok(Opened::Unfinished(Box::new(session)))
    }

    /// Does the work and writes the records. If an end was asked for, the summary says so, and what was done lies in a
    /// checkpoint.
    ///
    /// # Errors
    /// If the backend fails, or a file cannot be written.
    pub fn run(mut self) -> Result<Summary> {
        let landscape = self.landscape.take();
        let (landscape, status) = self.work(landscape)?;
        self.finish(landscape.as_ref(), status)
    }

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
    fn finish(mut self, landscape: Option<&Landscape>, status: Status) -> Result<Summary> {
        let (plan, network) = (self.job.plan, self.job.network);
        if status == Status::Interrupted {
            self.save(landscape)?;
        }
        let n = plan.neurons;
        let directory = &mut self.directory;
        directory.write_configuration(plan, network)?;
        let maps = &network.maps;
        if maps.are_full_rings() {
            directory.write("maps.npy", &npy::encode(&[plan.maps, n], maps.all_sites()))?;
        }
        let places = npy::encode(&[plan.maps, n, maps.dimension()], &maps.all_places());
        directory.write("positions.npy", &places)?;
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
        directory.write("iterations.csv", &to_csv(iterations))?;
        directory.write("drift.csv", &to_csv(&self.checkpoint.drift))?;
        let summary = Summary::new(plan, status, iterations, &self.checkpoint.drift);
        directory.write("summary.json", &to_json(&summary))?;
        let state = if status == Status::Interrupted { RunState::Interrupted } else { RunState::Complete };
        let manifest = self.manifest(state, status);
        self.directory.write_manifest(manifest)?;
        if state == RunState::Complete {
            Checkpoint::remove(self.directory.path())?;
        }
        Ok(summary)
    }

    fn manifest(&self, state: RunState, outcome: Status) -> Manifest {
        let elapsed = self.started.elapsed();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Manifest {
            format: FORMAT,
            program: PROGRAM.to_owned(),
            status: state,
            outcome,
            configuration: self.directory.identity().to_owned(),
            seed: self.job.plan.config.network.seed,
            device: self.job.backend.describe(),
            started_unix: now.saturating_sub(elapsed).as_secs(),
            wall_seconds: self.earlier_seconds + elapsed.as_secs_f64(),
            files: Default::default(),
            manifest: String::new(),
        }
    }
}

/// The summary of a run that is complete already.
fn complete(directory: &RunDirectory, resume: bool) -> Result<Option<Summary>> {
    if !resume || !directory.path().join("manifest.json").exists() {
        return Ok(None);
    }
    let (previous, manifest) = RunDirectory::open(directory.path())?;
    match manifest.status {
        RunState::Complete => previous.read_summary().map(Some),
        RunState::Interrupted => Ok(None),
    }
}
