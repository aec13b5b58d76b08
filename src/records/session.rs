//! A session of a run: the whole job on a run directory, with checkpoints, from the beginning or from where an earlier
//! session was stopped.

use std::path::Path;
use std::time::Instant;

use super::findings::STATES;
use super::{Checkpoint, Findings, RunDirectory, RunState, Summary};
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::alone::OneMap;
use crate::job::drift_record::Which;
use crate::job::reached::{Landscape, Status};
use crate::setup::config::Method;

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
    alone: Vec<OneMap>,
}

impl<'a> Session<'a> {
    /// Takes possession of the directory `path` for a job: for a new run, with `resume` to continue one, with `force`
    /// whatever is there. With `keep_states` the constrained minima after the last update are written too
    /// (`rates.npy`).
    ///
    /// # Errors
    /// As [`RunDirectory::claim`], and [`Error::Data`] if a checkpoint is damaged,
    /// and [`Error::Usage`] if states are wanted of a run that is complete without them.
    pub fn open(
        path: &Path,
        job: Job<'a>,
        resume: bool,
        force: bool,
        keep_states: bool,
    ) -> Result<Opened<'a>> {
        job.plan.check_energy()?;
        let directory = RunDirectory::claim(path, job.plan, job.network, resume, force)?;
        if let Some(summary) = complete(&directory, resume)? {
            if keep_states && !directory.path().join(STATES).exists() {
                return Err(Error::Usage(format!(
                    "{}: is complete and has no {STATES}, and its states are gone; run it again in another directory and keep the states",
                    path.display()
                )));
            }
            return Ok(Opened::Complete(Box::new(summary)));
        }
        let (checkpoint, landscape) = Checkpoint::load(directory.path(), job.plan)?;
        let earlier_seconds = checkpoint.wall_seconds;
        let started = Instant::now();
        let session = Self {
            job,
            directory,
            checkpoint,
            landscape,
            earlier_seconds,
            started,
            keep_states,
            alone: Vec::new(),
        };
        Ok(Opened::Unfinished(Box::new(session)))
    }

    /// Does the work and writes the records. If it is stopped, the summary says so, and what was done lies in a
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
        if !self.measure(&self.job.network.weights, Which::Base, landscape.as_ref())? {
            return Ok((landscape, Status::Interrupted));
        }
        if (self.job.stop)() {
            return Ok((landscape, Status::Interrupted));
        }
        let (landscape, status) = match (landscape, self.checkpoint.outcome) {
            (Some(landscape), Some(status)) => (landscape, status),
            (landscape, _) => match self.flatten(landscape) {
                // Stopped before there was a first landscape.
                Err(Error::Interrupted) => return Ok((None, Status::Interrupted)),
                reached => reached?,
            },
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
        match self.job.one_map_alone() {
            Err(Error::Interrupted) => return Ok((Some(landscape), Status::Interrupted)),
            alone => self.alone = alone?,
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
        let measured = match self.job.measure_drift(weights, which) {
            Err(Error::Interrupted) => return Ok(false),
            measured => measured?,
        };
        self.checkpoint.drift.extend(measured.records);
        self.checkpoint.paths.extend(measured.paths);
        self.save(landscape)?;
        Ok(true)
    }

    fn save(&mut self, landscape: Option<&Landscape>) -> Result<()> {
        self.checkpoint.wall_seconds = self.earlier_seconds + self.started.elapsed().as_secs_f64();
        self.checkpoint.save(self.directory.path(), self.directory.identity(), landscape)
    }

    /// Writes all records, and a checkpoint if there is more to do.
    fn finish(mut self, landscape: Option<&Landscape>, status: Status) -> Result<Summary> {
        if status == Status::Interrupted {
            self.save(landscape)?;
        }
        let findings = Findings {
            plan: self.job.plan,
            network: self.job.network,
            landscape,
            alone: &self.alone,
            drift: &self.checkpoint.drift,
            paths: &self.checkpoint.paths,
            status,
            device: self.job.backend.describe(),
            wall_seconds: self.earlier_seconds + self.started.elapsed().as_secs_f64(),
            session_seconds: self.started.elapsed().as_secs_f64(),
            keep_states: self.keep_states,
        };
        let summary = findings.write(&mut self.directory)?;
        if status != Status::Interrupted {
            Checkpoint::remove(self.directory.path())?;
        }
        Ok(summary)
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
