//! One trial: build, flatten, measure, record.

use serde::{Deserialize, Serialize};

use super::Trial;
use crate::compute::backend::Backend;
use crate::connectivity::matrix::{RelativeSize, WeightMatrix};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::alone::OneMap;
use crate::job::completion::Completion;
use crate::job::drift::{DriftSummary, Moment};
use crate::job::drift_record::Which;
use crate::job::memory::MemorySummary;
use crate::job::reached::{IterationRecord, Status};
use crate::progress::{Monitor, Tick};
use crate::setup::config::{Config, MARGIN, Method};
use crate::solve::maximal_margin::maximal_margin;

/// Everything a trial found. The same inputs give the same bytes: timings are kept apart, in [`super::Timing`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Name for people and for `--trial`.
    pub id: String,
    /// Which cell of the scan.
    pub trial: Trial,
    /// Seed of the maps; `flatscape optimize --set network.seed=…` builds the same network.
    pub seed: u64,
    /// How the outer iteration ended.
    pub status: Status,
    /// Averages over all trajectories.
    pub drift: DriftSummary,
    /// Diffusion, lifetime and loss of the map, where trajectories were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySummary>,
    /// What became of damaged bumps, for every fraction of `measure.completion`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub completion: Vec<Completion>,
    /// One map of each kind alone, not flattened, where that is not flat by itself: the floor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alone: Vec<OneMap>,
    /// Size of the weight change M beside J.
    #[serde(default)]
    pub change: Option<RelativeSize>,
    /// The course of the trajectories in time.
    pub course: Vec<Moment>,
    /// Roughness, weights and certificates before the first update and after each; none without an energy.
    pub iterations: Vec<IterationRecord>,
    /// The trial's configuration, TOML.
    pub config: String,
}

/// The landscape of a trial before the first weight update and after the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialLandscape {
    /// L.
    pub maps: usize,
    /// K.
    pub points: usize,
    /// Energies `[2, maps, points]` relative to their mean before and after (Hz³).
    pub energies: Vec<f32>,
}

impl TrialLandscape {
    /// From the energies `[landscapes, maps, points]` of a whole run (Hz³).
    fn of(energies: &[f64], maps: usize, points: usize) -> Self {
        let states = maps * points;
        let relative = |landscape: &[f64]| -> Vec<f32> {
            let mean = landscape.iter().sum::<f64>() / states as f64;
            landscape.iter().map(|e| (e - mean) as f32).collect()
        };
        let energies =
            [relative(&energies[..states]), relative(&energies[energies.len() - states..])].concat();
        Self { maps, points, energies }
    }
}

/// What a trial found.
pub struct TrialOutcome {
    /// What is recorded of it.
    pub record: TrialRecord,
    /// Its first landscape and its last; none without an energy.
    pub landscape: Option<TrialLandscape>,
    /// How long each landscape took (s).
    pub landscape_seconds: Vec<f64>,
}

/// What a method made of a network.
struct Learned {
    /// J + M (Hz), by columns where it is not symmetric.
    weights: WeightMatrix,
    /// M, in the same way.
    delta: WeightMatrix,
    which: Which,
    status: Status,
    iterations: Vec<IterationRecord>,
    landscape: Option<TrialLandscape>,
}

impl Learned {
    fn new(job: &Job<'_>) -> Result<Self> {
        let (plan, network) = (job.plan, job.network);
        if plan.config.flatten.method == Method::MaximalMargin {
            let (problem, points) = (job.problem(&network.weights), job.fitted_points());
            let margin = plan.config.flatten.margin.unwrap_or(MARGIN);
            let learn = |tick: &Tick<'_>| maximal_margin(&problem, points, margin, tick);
            let weights = job.stage("weights of maximal margin", points.len(), 0.0, learn)?.transposed();
            let delta = weights.plus(-1.0, &network.weights);
            let (which, status) = (Which::Flattened, Status::IterationsUsedUp);
            return Ok(Self { weights, delta, which, status, iterations: Vec::new(), landscape: None });
        }
        let (landscape, status) = job.flatten(None, &mut |_| Ok(()))?;
        if status == Status::Interrupted {
            return Err(Error::Interrupted);
        }
        let (weights, which) = match plan.config.flatten.method {
            Method::None => (network.weights.clone(), Which::Base),
            _ => (network.weights.plus(1.0, &landscape.delta), Which::Flattened),
        };
        let (delta, iterations) = (landscape.delta, landscape.records);
        let landscape = TrialLandscape::of(&landscape.energies, plan.maps, plan.points_per_map);
        Ok(Self { weights, delta, which, status, iterations, landscape: Some(landscape) })
    }
}

/// Runs one trial.
///
/// # Errors
/// If the network has no bump, or the backend fails; [`Error::Interrupted`] if `stop` stopped it.
pub fn run_trial(
    trial: &Trial,
    scan: &Config,
    backend: &dyn Backend,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<TrialOutcome> {
    let plan = trial.plan(scan)?;
    let network = plan.network(0)?;
    let monitor = Monitor::silent();
    let job = Job { plan: &plan, network: &network, backend, monitor: &monitor, stop };
    let Learned { weights, delta, which, status, mut iterations, landscape } = Learned::new(&job)?;
    let measured = job.measure_drift(&weights, which)?;
    let completion = job.measure_completion(&weights, which)?;
    let alone = job.one_map_alone()?;
    let change = Some(RelativeSize::of(&delta, &network.weights));
    let landscape_seconds = iterations.iter_mut().filter_map(|record| record.seconds.take()).collect();
    let drift = DriftSummary::of(&measured.records, which)
        .ok_or_else(|| Error::Run(format!("trial {}: no trajectories", trial.id())))?;
    let record = TrialRecord {
        id: trial.id(),
        trial: trial.clone(),
        seed: trial.seed(scan.network.seed),
        status,
        drift,
        memory: MemorySummary::of(&measured.paths, which, &plan, &network),
        completion,
        alone,
        change,
        course: measured.course,
        iterations,
        config: trial.config(scan)?.to_toml(),
    };
    Ok(TrialOutcome { record, landscape, landscape_seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_landscape_are_kept() {
        let kept = TrialLandscape::of(&[1.0, 3.0, 7.0, 7.0, -5.0, 5.0], 2, 1);
        assert_eq!(kept.energies, [-1.0, 1.0, -5.0, 5.0]);
    }
}
