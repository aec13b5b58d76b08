//! Beside figure 6: how much the rates of bumps change if they start on their manifold, not above it.
//!
//! From an idealized start the rate change includes the bump's first distortion, which no flattening removes; from a
//! constrained minimum it is due to drift alone.

use pulp::Arch;
use serde::Serialize;

use super::study::{Study, Way};
use super::verdict::Range;
use super::{Output, Verdict, Workshop};
use crate::collect::mean_and_ci;
use crate::connectivity::field::field;
use crate::connectivity::matrix;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::reached::Status;
use crate::landscape::problem::{Minimizer, Start};
use crate::landscape::states::State;
use crate::manifold::Points;
use crate::progress::Tick;
use crate::scan::TrialRecord;

/// Number of maps at which the paper's text gives the rate change: "small L".
const MAPS: usize = 2;

#[derive(Serialize)]
struct StartRow {
    realization: usize,
    way: &'static str,
    rate_change_from_minima: f64,
    rate_change_from_idealized: f64,
}

pub(super) fn draw(study: &Study, workshop: &Workshop<'_>, output: &mut Output) -> Result<()> {
    let Workshop { config, backend, monitor, stop } = *workshop;
    let backend = backend.as_ref();
    let mut rows = Vec::new();
    let mut decades = Vec::new();
    for with in study.records(Way::Paper, MAPS) {
        let same = |without: &&TrialRecord| without.trial.realization == with.trial.realization;
        let without = study.records(Way::None, MAPS).find(same).expect("a study runs all ways on every draw");
        let plan = with.trial.plan(&Way::Paper.configure(config))?;
        let network = plan.network(0)?;
        let job = Job { plan: &plan, network: &network, backend, monitor, stop };
        let (landscape, status) = job.flatten(None, &mut |_| Ok(()))?;
        if status == Status::Interrupted {
            return Err(Error::Interrupted);
        }
        let delta = landscape.delta;
        let weights = [network.weights.clone(), network.weights.plus(1.0, &delta)];
        let mut changes = Vec::new();
        for ((way, record), weights) in [(Way::None, without), (Way::Paper, with)].into_iter().zip(&weights) {
            let change = rate_change(&job, weights)?;
            changes.push(change);
            rows.push(StartRow {
                realization: record.trial.realization,
                way: way.label(),
                rate_change_from_minima: change,
                rate_change_from_idealized: record.drift.rate_change,
            });
        }
        decades.push((changes[0] / changes[1]).log10());
    }
    output.csv("figure-6-rate-change-from-minima", &rows);
    let (measured, error) = mean_and_ci(&decades);
    output.verdict(
        Verdict::new(
            "6",
            "decades that the rate change falls, L = 2, starts at constrained minima",
            "almost three decades at small L (text on fig. 6)",
            Range::new(2.0, 3.9, "from a third less than three to 30 % more"),
            measured,
        )
        .with_error(error)
        .over(study.realizations),
    );
    Ok(())
}

/// Mean `Σ_i (r_i(end) − r_i(0))²` (Hz²) over starts at the constrained minima of the given weights.
fn rate_change(job: &Job<'_>, weights: &WeightMatrix) -> Result<f64> {
    let Job { plan, network, backend, stop, .. } = *job;
    let problem = network.problem(weights, plan.config.flatten.definition, Minimizer::Newton);
    let fitted = Points::fitted(&network.maps, plan.points_per_map);
    let points = fitted.every((plan.points_per_map / plan.config.measure.starts_per_map).max(1));
    let minima = backend.minima(&problem, points, Start::Idealized, &Tick::silent().stopped_by(stop))?;
    let starts: Vec<Vec<f64>> =
        minima.states.iter().map(|state| currents(weights, &network.external_current, state)).collect();
    let dynamics = network.dynamics(weights, plan.step());
    let tick = Tick::silent().stopped_by(stop);
    let runs = backend.trajectories(&dynamics, &starts, &[0, plan.steps], &tick)?;
    let change = |run: &crate::dynamics::trajectories::Trajectory| -> f64 {
        run.snapshots[0].iter().zip(&run.snapshots[1]).map(|(a, b)| (b - a).powi(2)).sum()
    };
    Ok(runs.iter().map(change).sum::<f64>() / runs.len() as f64)
}

/// Currents `[neurons]` (Hz²) that have the state's rates: `r_i²`, and what silent neurons receive, as far as it keeps
/// them silent.
fn currents(weights: &WeightMatrix, external_current: &[f64], state: State<'_>) -> Vec<f64> {
    let mut input = vec![0.0; matrix::stride(weights.neurons())];
    field(Arch::new(), weights, state.active, state.rates, &mut input);
    input.truncate(weights.neurons());
    input.iter_mut().zip(external_current).for_each(|(x, h)| *x = (*x + h).min(0.0));
    for (i, r) in state.iter() {
        input[i] = r * r;
    }
    input
}
