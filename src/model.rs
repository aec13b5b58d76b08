//! The library in a few words: a [`Model`] is a network with a device that computes; flattening it gives a [`Run`];
//! measuring either gives a [`Drift`].
//!
//! Everything here is put together from the other modules, which are public too. Long calls can be watched
//! ([`Model::watched_by`]) and stopped ([`Model::stopped_by`]); a call that is stopped ends in [`Error::Interrupted`].

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::compute::backend::Backend;
use crate::compute::cpu::Cpu;
use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::trajectories::Trajectory;
use crate::error::{Error, Result};
use crate::files::npy;
use crate::job::Job;
use crate::job::drift::{DriftSummary, Measurement, Moment, start_currents, start_points};
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::memory::MemorySummary;
use crate::job::path_record::PathRecord;
use crate::job::reached::{IterationRecord, Landscape, Status};
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::States;
use crate::manifold::{Maps, Point, Points};
use crate::network::Network;
use crate::progress::{Monitor, Watcher};
use crate::records::{Findings, Opened, RunDirectory, Session, Summary};
use crate::setup::arrays::Arrays;
use crate::setup::config::Config;
use crate::setup::inputs::Inputs;
use crate::setup::plan::Plan;

/// A network as a configuration describes it, and the device that computes. Copies are cheap: they share the network.
#[derive(Clone)]
pub struct Model {
    plan: Arc<Plan>,
    network: Arc<Network>,
    backend: Arc<dyn Backend>,
    watcher: Option<Arc<dyn Watcher>>,
    stop: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Model {
    /// Checks a configuration and builds its network; the CPU will do the work.
    ///
    /// # Errors
    /// [`Error::Usage`] if sizes contradict each other or the machine, or the parameters have no single bump;
    /// [`Error::Data`] if a file that the configuration names is damaged.
    pub fn new(config: Config) -> Result<Self> {
        Self::of(Plan::new(config)?)
    }

    /// As [`Model::new`], with given maps in place of random ones.
    ///
    /// # Errors
    /// As [`Model::new`], and if the configuration asks for other numbers of maps or neurons.
    pub fn with_maps(config: Config, maps: Maps) -> Result<Self> {
        Self::of(Plan::with_maps(config, &maps)?)
    }

    /// As [`Model::new`], with arrays in memory in place of files that the configuration names.
    ///
    /// # Errors
    /// As [`Model::new`].
    pub fn with_arrays(config: Config, arrays: &Arrays) -> Result<Self> {
        Self::of(Plan::with_arrays(config, arrays)?)
    }

    /// The same network with other settings of flattening and measurement; the network is shared, not built again.
    ///
    /// # Errors
    /// [`Error::Usage`] if the configuration is that of another network, or its sizes contradict each other.
    pub fn with_settings(&self, config: Config) -> Result<Self> {
        Ok(Self { plan: Arc::new(self.plan.with_settings(config)?), ..self.clone() })
    }

    fn of(plan: Plan) -> Result<Self> {
        let network = Arc::new(plan.network(0)?);
        Ok(Self {
            plan: Arc::new(plan),
            network,
            backend: Arc::new(Cpu),
            watcher: None,
            stop: Arc::new(|| false),
        })
    }

    /// Lets another device do the work, for example one that [`choose`](crate::choose) has found.
    pub fn on(self, backend: impl Into<Arc<dyn Backend>>) -> Self {
        Self { backend: backend.into(), ..self }
    }

    /// Tells `watcher` how far long calls are.
    pub fn watched_by(self, watcher: Arc<dyn Watcher>) -> Self {
        Self { watcher: Some(watcher), ..self }
    }

    /// Asks `stop` now and then, from any thread, whether a long call is to end early.
    pub fn stopped_by(self, stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { stop: Arc::new(stop), ..self }
    }

    /// The configuration as `config.toml`, and the files that it names, by name: in a folder of their own they are all that a
    /// network like this one is built from.
    pub fn inputs(&self) -> Vec<(String, Vec<u8>)> {
        let Inputs { config, mut files } = Inputs::new(&self.plan, &self.network);
        let (maps, n) = (&self.network.maps, self.plan.neurons);
        if config.network.maps_file.is_some() {
            files.push(("maps.npy".to_owned(), npy::encode(&[maps.count(), n], maps.all_sites())));
        }
        if config.network.weights_file.is_some() {
            let weights = npy::encode(&[n, n], &self.network.weights.to_dense());
            files.push(("weights_base.npy".to_owned(), weights));
        }
        files.push(("config.toml".to_owned(), config.to_toml().into_bytes()));
        files
    }

    /// Sizes, checks and cost of the configuration.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Maps, weights J, external current h and idealized bumps.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What does the work.
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// The fitted points: K evenly spaced positions on every map.
    pub fn points(&self) -> Points<'_> {
        Points::fitted(&self.network.maps, self.plan.points_per_map)
    }

    /// Flattens the landscape, as the configuration's `[flatten]` says.
    ///
    /// # Errors
    /// If the device fails, or no weight change can be found.
    pub fn flatten(&self) -> Result<Run> {
        let started = Instant::now();
        let (landscape, status) =
            self.job(self.plan.cost.total_seconds, |job| job.flatten(None, &mut |_| Ok(())))?;
        if status == Status::Interrupted {
            return Err(Error::Interrupted);
        }
        let seconds = started.elapsed().as_secs_f64();
        Ok(Run { model: self.clone(), landscape, status, seconds })
    }

    /// The whole job in a run directory, as `flatscape optimize` does it: drift before, flattening with a checkpoint
    /// after every weight change, drift after, records. Goes on with what an earlier call has left there.
    ///
    /// # Errors
    /// If the directory holds something else, the device fails, or a file cannot be written. After
    /// [`Error::Interrupted`] the same call goes on where this one was stopped.
    pub fn run_in(&self, directory: impl AsRef<Path>) -> Result<Run> {
        let directory = directory.as_ref();
        let status = self.job(self.plan.cost.total_seconds, |job| {
            match Session::open(directory, job, true, false, false)? {
                Opened::Complete(summary) => Ok(summary.status),
                Opened::Unfinished(session) => session.run().map(|summary| summary.status),
            }
        })?;
        if status == Status::Interrupted {
            return Err(Error::Interrupted);
        }
        let run = Run::load(directory)?;
        Ok(Run { model: Model { plan: run.model.plan, network: run.model.network, ..self.clone() }, ..run })
    }

    /// The drift of the network before any weight is changed, as the configuration's `[measure]` says.
    ///
    /// # Errors
    /// If the device fails.
    pub fn measure(&self) -> Result<Drift> {
        self.measure_with(&self.network.weights, Which::Base)
    }

    /// The drift under other weights `[neurons, neurons]` (Hz).
    ///
    /// # Errors
    /// [`Error::Usage`] if the weights are those of another number of neurons; or if the device fails.
    pub fn measure_weights(&self, weights: &WeightMatrix) -> Result<Drift> {
        self.measure_with(weights, Which::Flattened)
    }

    fn measure_with(&self, weights: &WeightMatrix, network: Which) -> Result<Drift> {
        self.check(weights)?;
        let measured =
            self.job(self.plan.cost.trajectories_seconds, |job| job.measure_drift(weights, network))?;
        let summary = DriftSummary::of(&measured.records, network)
            .ok_or_else(|| Error::Run("no trajectory was started".to_owned()))?;
        let memory = MemorySummary::of(&measured.paths, network, &self.plan, &self.network);
        let Measurement { records, course, paths } = measured;
        Ok(Drift { network, records, course, paths, summary, memory })
    }

    /// The constrained minima at the fitted points under the given weights `[neurons, neurons]` (Hz), sought from the
    /// idealized bumps: the landscape, with states, multipliers and certificates.
    ///
    /// # Errors
    /// [`Error::Usage`] if the weights are those of another number of neurons; or if the device fails.
    pub fn minima(&self, weights: &WeightMatrix) -> Result<Minima> {
        self.minima_from(weights, self.points(), Start::Idealized)
    }

    /// As [`Model::minima`], at any points and from any start.
    ///
    /// # Errors
    /// As [`Model::minima`].
    pub fn minima_from(
        &self,
        weights: &WeightMatrix,
        points: Points<'_>,
        start: Start<'_>,
    ) -> Result<Minima> {
        self.check(weights)?;
        let seconds = 0.5 * self.plan.cost.minima_seconds;
        self.job(seconds, |job| {
            job.stage("landscape", points.len(), seconds, |tick| {
                self.backend.minima(&self.problem(weights), points, start, tick)
            })
        })
    }

    /// Trajectories from the currents `starts` (each `[neurons]`, Hz²) under the given weights, all at once. Rates and
    /// energies are kept at `times_ms`, ascending, each rounded to whole Euler steps.
    ///
    /// # Errors
    /// [`Error::Usage`] if an argument has the wrong size or order; or if the device fails.
    pub fn simulate(
        &self,
        weights: &WeightMatrix,
        starts: &[Vec<f64>],
        times_ms: &[f64],
    ) -> Result<Vec<Trajectory>> {
        self.check(weights)?;
        let neurons = self.plan.neurons;
        if let Some((which, start)) = starts.iter().enumerate().find(|(_, s)| s.len() != neurons) {
            return Err(Error::Usage(format!(
                "start {which} has {} currents; the network has {neurons} neurons",
                start.len()
            )));
        }
        if !(times_ms.iter().all(|t| t.is_finite() && *t >= 0.0) && times_ms.is_sorted()) {
            return Err(Error::Usage(format!(
                "times to keep are {times_ms:?} ms; they have to be finite, 0 or more, and ascending"
            )));
        }
        let dt = self.plan.config.dynamics.dt_ms;
        let at: Vec<usize> = times_ms.iter().map(|t| (t / dt).round() as usize).collect();
        let dynamics = self.network.dynamics(weights, self.plan.step());
        let items = starts.len() * at.last().copied().unwrap_or(0);
        self.job(1.0, |job| {
            job.stage("trajectories", items, 1.0, |tick| {
                self.backend.trajectories(&dynamics, starts, &at, tick)
            })
        })
    }

    /// Points at which the configuration's measurement starts: evenly spaced, map after map.
    pub fn starts(&self) -> Vec<Point> {
        let measure = &self.plan.config.measure;
        start_points(&self.network.maps, measure.starts, measure.starts_per_map)
    }

    /// Currents of the idealized bumps at some points, each `[neurons]` (Hz²): where [`Model::simulate`] may start.
    pub fn bump_currents(&self, points: &[Point]) -> Vec<Vec<f64>> {
        start_currents(&self.network, points)
    }

    fn problem<'a>(&'a self, weights: &'a WeightMatrix) -> Problem<'a> {
        let flatten = &self.plan.config.flatten;
        self.network.problem(weights, flatten.definition, flatten.minimizer)
    }

    fn check(&self, weights: &WeightMatrix) -> Result<()> {
        let (found, neurons) = (weights.neurons(), self.plan.neurons);
        if found == neurons {
            return Ok(());
        }
        Err(Error::Usage(format!("the weights are those of {found} neurons; the network has {neurons}")))
    }

    /// Does something that is estimated to take this many seconds.
    fn job<R>(&self, seconds: f64, work: impl FnOnce(Job<'_>) -> Result<R>) -> Result<R> {
        let monitor = match &self.watcher {
            Some(watcher) => Monitor::new(watcher.clone(), seconds),
            None => Monitor::silent(),
        };
        let done = work(Job {
            plan: &self.plan,
            network: &self.network,
            backend: self.backend.as_ref(),
            monitor: &monitor,
            stop: self.stop.as_ref(),
        });
        monitor.finish();
        done
    }
}

/// A flattened network, and how it became so.
pub struct Run {
    model: Model,
    landscape: Landscape,
    status: Status,
    /// Time it took (s).
    seconds: f64,
}

impl Run {
    /// Reads a run directory; the CPU will do further work. [`Run::model`]`().clone().on(…)` measures on another
    /// device.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file that is missing or damaged.
    pub fn load(directory: impl AsRef<Path>) -> Result<Self> {
        let (directory, manifest) = RunDirectory::open(directory.as_ref())?;
        let plan = directory.read_plan()?;
        let n = plan.neurons;
        let mut model = Model::of(plan)?;
        // The weights that the run had, whatever this machine's `exp` makes of them.
        let base = directory.read_square("weights_base.npy", n)?;
        model.network = Arc::new(Network { weights: base, ..model.network().clone() });
        let none = || States::pack(n, []);
        let landscape = Landscape {
            delta: directory.read_square("weights_delta.npy", n)?,
            fitted: none(),
            held_out: none(),
            energies: directory.read_array("energies.npy")?.1,
            records: directory.read_rows("iterations.csv")?,
            ridge_factor: 1.0,
        };
        Ok(Self { model, landscape, status: manifest.outcome, seconds: manifest.wall_seconds })
    }

    /// Writes a run directory, with the given measurements, if any. The directory must be new or empty.
    ///
    /// # Errors
    /// [`Error::Usage`] if the directory holds something already, [`Error::Io`] naming the file that cannot be written.
    pub fn save(&self, directory: impl AsRef<Path>, drift: &[&Drift]) -> Result<Summary> {
        let model = &self.model;
        let mut directory =
            RunDirectory::claim(directory.as_ref(), &model.plan, &model.network, false, false)?;
        let paths: Vec<PathRecord> = drift.iter().flat_map(|d| d.paths.iter().copied()).collect();
        let drift: Vec<DriftRecord> = drift.iter().flat_map(|d| d.records.iter().cloned()).collect();
        let findings = Findings {
            plan: &model.plan,
            network: &model.network,
            landscape: Some(&self.landscape),
            alone: &[],
            drift: &drift,
            paths: &paths,
            status: self.status,
            device: model.backend.describe(),
            wall_seconds: self.seconds,
            session_seconds: self.seconds,
            keep_states: !self.landscape.fitted.is_empty(),
        };
        findings.write(&mut directory)
    }

    /// The network that was flattened, and its device.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The states at the fitted points under J + M, from which [`Run::minima`] begins; none after [`Run::load`].
    pub fn states(&self) -> &States {
        &self.landscape.fitted
    }

    /// The same run with its states, which a run directory does not hold to the last digit.
    ///
    /// # Errors
    /// [`Error::Usage`] if they are not one for each point of this network.
    pub fn with_states(mut self, states: States) -> Result<Self> {
        let (wanted, neurons) = (self.model.plan.states(), self.model.plan.neurons);
        if !(states.is_empty() || states.len() == wanted) || states.neurons() != neurons {
            return Err(Error::Usage(format!(
                "{} states of {} neurons; the run has {wanted} points and {neurons} neurons",
                states.len(),
                states.neurons()
            )));
        }
        self.landscape.fitted = states;
        Ok(self)
    }

    /// How long the flattening took (s).
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// How the outer iteration ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// J + M `[neurons, neurons]` (Hz): the flattened network.
    pub fn weights(&self) -> WeightMatrix {
        self.model.network.weights.plus(1.0, &self.landscape.delta)
    }

    /// M `[neurons, neurons]` (Hz): what was added to J.
    pub fn weight_change(&self) -> &WeightMatrix {
        &self.landscape.delta
    }

    /// One record before the first weight change and one after each: roughness, certificates, size of the change.
    pub fn records(&self) -> &[IterationRecord] {
        &self.landscape.records
    }

    /// Energies (Hz³) `[maps, points]` after this many weight changes; `None` if fewer were made.
    pub fn energies(&self, weight_changes: usize) -> Option<&[f64]> {
        self.landscape.energies.chunks_exact(self.model.plan.states()).nth(weight_changes)
    }

    /// The constrained minima of the flattened network, on the branch that the flattening has followed; after
    /// [`Run::load`], which has no states, sought from the idealized bumps.
    ///
    /// # Errors
    /// If the device fails.
    pub fn minima(&self) -> Result<Minima> {
        self.minima_by(&self.model)
    }

    /// As [`Run::minima`], by a model of the same network that is watched, stopped, or on another device.
    ///
    /// # Errors
    /// As [`Model::minima`].
    pub fn minima_by(&self, model: &Model) -> Result<Minima> {
        let states = &self.landscape.fitted;
        let start = if states.is_empty() { Start::Idealized } else { Start::States(states) };
        model.minima_from(&self.weights(), self.model.points(), start)
    }

    /// The drift of the flattened network.
    ///
    /// # Errors
    /// If the device fails.
    pub fn measure(&self) -> Result<Drift> {
        self.model.measure_weights(&self.weights())
    }
}

/// How far bumps move when nothing should move them.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// Whether weights were changed.
    pub network: Which,
    /// One trajectory each: start, end, displacement, score.
    pub records: Vec<DriftRecord>,
    /// Averages at several times.
    pub course: Vec<Moment>,
    /// Places in the course of time, trajectory after trajectory, where the configuration has noise or `measure.record_ms`.
    pub paths: Vec<PathRecord>,
    /// Averages over all trajectories.
    pub summary: DriftSummary,
    /// What the places say of diffusion, lifetime and loss of the map.
    pub memory: Option<MemorySummary>,
}
