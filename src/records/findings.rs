//! What a run has found, as the files of its directory.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::witnesses::{self, Witnesses};
use super::{FORMAT, Manifest, PROGRAM, RunDirectory, RunState, Summary, to_csv, to_json};
use crate::compute::device::ComputeDevice;
use crate::error::Result;
use crate::files::npy;
use crate::job::alone::OneMap;
use crate::job::drift_record::DriftRecord;
use crate::job::path_record::PathRecord;
use crate::job::reached::{Landscape, Status};
use crate::network::Network;
use crate::setup::plan::Plan;

/// The states at the fitted points, where they are kept.
pub(super) const STATES: &str = "rates.npy";

/// Places of the bumps in the course of time, where they are recorded.
pub(super) const PATHS: &str = "trajectories.csv";

/// What a run has found.
pub(crate) struct Findings<'a> {
    pub plan: &'a Plan,
    /// Before any weight was changed.
    pub network: &'a Network,
    /// What the outer iteration has reached, if it has begun.
    pub landscape: Option<&'a Landscape>,
    /// One map of each kind alone.
    pub alone: &'a [OneMap],
    /// The measurements that were made.
    pub drift: &'a [DriftRecord],
    /// Places in the course of time, where they were recorded.
    pub paths: &'a [PathRecord],
    pub status: Status,
    /// What did the work.
    pub device: ComputeDevice,
    /// Work so far, over all sessions (s).
    pub wall_seconds: f64,
    /// Work of the last session (s).
    pub session_seconds: f64,
    /// Whether the states at the fitted points are written too.
    pub keep_states: bool,
}

impl Findings<'_> {
    /// Writes all records; the manifest last.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) naming the file.
    pub(crate) fn write(&self, directory: &mut RunDirectory) -> Result<Summary> {
        let Self { plan, network, landscape, drift, paths, status, .. } = *self;
        let n = plan.neurons;
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
            let last = landscape.last_energies(plan.states());
            let witnesses = Witnesses::of(directory.identity(), plan, last);
            directory.write(witnesses::FILE, &witnesses.encode(landscape))?;
            if self.keep_states {
                let rates: Vec<f32> = landscape.fitted.to_dense().into_iter().map(|r| r as f32).collect();
                directory.write(STATES, &npy::encode(&[plan.states(), n], &rates))?;
            }
        }
        directory.write("iterations.csv", &to_csv(iterations))?;
        directory.write("drift.csv", &to_csv(drift))?;
        if plan.record_steps.is_some() {
            directory.write(PATHS, &to_csv(&PathRecord::rows(paths, maps.dimension())))?;
        }
        let summary = Summary::new(plan, status, iterations, drift).with_memory(plan, network, paths);
        let summary = Summary { alone: self.alone.to_vec(), ..summary };
        directory.write("summary.json", &to_json(&summary))?;
        directory.write_manifest(self.manifest(directory))?;
        Ok(summary)
    }

    fn manifest(&self, directory: &RunDirectory) -> Manifest {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let session = Duration::try_from_secs_f64(self.session_seconds).unwrap_or_default();
        Manifest {
            format: FORMAT,
            program: PROGRAM.to_owned(),
            status: match self.status {
                Status::Interrupted => RunState::Interrupted,
                _ => RunState::Complete,
            },
            outcome: self.status,
            configuration: directory.identity().to_owned(),
            seed: self.plan.config.network.seed,
            device: self.device.clone(),
            started_unix: now.saturating_sub(session).as_secs(),
            wall_seconds: self.wall_seconds,
            files: Default::default(),
            manifest: String::new(),
        }
    }
}
