//! What the outer iteration has reached, and one record of it an update.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::connectivity::matrix::{WeightMatrix, WeightStatistics};
use crate::landscape::constraint::{Certificate, RESIDUAL_TOLERANCE};
use crate::landscape::problem::Minima;
use crate::landscape::roughness::Roughness;
use crate::landscape::states::States;

/// How the outer iteration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The landscape at the fitted points is flat to the tolerance.
    Converged,
    /// All weight updates that were asked for are made.
    IterationsUsedUp,
    /// No weight update that was tried made the landscape flatter.
    NoFurtherProgress,
    /// Stopped on request.
    Interrupted,
}

impl Status {
    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Status::Converged => "converged: the landscape is flat to the tolerance",
            Status::IterationsUsedUp => "all weight updates made",
            Status::NoFurtherProgress => "stopped early: no weight update made the landscape flatter",
            Status::Interrupted => "interrupted",
        }
    }
}

/// One row of `iterations.csv`: the landscape before the first weight update, and after each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IterationRecord {
    /// Number of weight updates made so far.
    pub iteration: usize,
    /// Roughness at the fitted points (Hz³).
    pub energy_sd: f64,
    /// Largest |E − Ē| at the fitted points (Hz³).
    pub energy_peak: f64,
    /// Roughness at points between the fitted ones (Hz³).
    pub heldout_sd: f64,
    /// Largest |E − Ē| there (Hz³).
    pub heldout_peak: f64,
    /// Force along the manifold at the fitted points, root mean square (Hz²/neuron unit).
    pub lambda_rms: Option<f64>,
    /// Ē at the fitted points (Hz³).
    pub energy_mean: f64,
    /// Mean |ΔM_ij| of the last weight update (Hz).
    pub delta_mean_abs: f64,
    /// SD of ΔM_ij of the last weight update (Hz).
    pub delta_sd: f64,
    /// Largest residual of all states' certificates (Hz²).
    pub kkt_residual_max: Option<f64>,
    /// States whose bump has left its place.
    pub bumps_lost: usize,
    /// Time since the previous row (s); left out where records have to be reproducible.
    pub seconds: Option<f64>,
    /// 1.4826 × median absolute deviation at the fitted points (Hz³).
    pub energy_robust_sd: f64,
    /// 1.4826 × median absolute deviation at the held-out points (Hz³).
    pub heldout_robust_sd: f64,
    /// Force along the manifold at the held-out points, root mean square (Hz²/neuron unit).
    pub heldout_lambda_rms: Option<f64>,
    /// States whose certificate shows no constrained minimum, fitted and held-out.
    pub unconverged: usize,
    /// Weight updates that were tried for this row; all but the last were rejected.
    pub attempts: usize,
    /// Ridge of the accepted update, relative to the Gram matrix's mean diagonal.
    pub ridge: f64,
    /// Fraction of the solved weight change that was made.
    pub step: f64,
    /// Mean energy of the idealized bumps above the constrained minima at their points (Hz³).
    pub idealized_height: f64,
}

/// Everything that the outer iteration has reached; enough to go on from.
pub struct Landscape {
    /// M `[neurons, neurons]` (Hz).
    pub delta: WeightMatrix,
    /// States at the fitted points, under J + M.
    pub fitted: States,
    /// States at the held-out points, under J + M.
    pub held_out: States,
    /// Energies `[iterations + 1, maps, points]` (Hz³) at the fitted points.
    pub energies: Vec<f64>,
    /// One record an iteration.
    pub records: Vec<IterationRecord>,
    /// How much the ridge is raised at present.
    pub ridge_factor: f64,
}

/// What is known of an accepted weight update.
pub(crate) struct Accepted {
    pub attempts: usize,
    pub ridge: f64,
    pub step: f64,
    pub statistics: WeightStatistics,
    /// Of the idealized bumps above the minima (Hz³).
    pub height: f64,
}

impl Landscape {
    /// Goes on to what an accepted weight update has led to.
    pub(crate) fn advance(
        &mut self,
        delta: WeightMatrix,
        fitted: Minima,
        held_out: Minima,
        record: IterationRecord,
    ) {
        self.records.push(record);
        self.energies.extend_from_slice(&fitted.energies);
        self.delta = delta;
        self.fitted = fitted.states;
        self.held_out = held_out.states;
    }

    /// Roughness at the fitted points, now.
    pub fn energy_sd(&self) -> f64 {
        self.records.last().map_or(f64::INFINITY, |r| r.energy_sd)
    }

    /// Energies at the fitted points, now.
    pub fn last_energies(&self, states: usize) -> &[f64] {
        &self.energies[self.energies.len() - states..]
    }
}

pub(crate) fn record(
    iteration: usize,
    fitted: &Minima,
    held_out: &Minima,
    accepted: Accepted,
    started: Instant,
) -> IterationRecord {
    let (at, between) = (Roughness::of_minima(fitted), Roughness::of_minima(held_out));
    let certificates = || fitted.certificates.iter().chain(&held_out.certificates);
    let tolerance = 10.0 * RESIDUAL_TOLERANCE;
    IterationRecord {
        iteration,
        energy_sd: at.sd,
        energy_peak: at.peak,
        heldout_sd: between.sd,
        heldout_peak: between.peak,
        lambda_rms: at.lambda_rms,
        energy_mean: at.mean,
        delta_mean_abs: accepted.statistics.mean_abs,
        delta_sd: accepted.statistics.sd,
        kkt_residual_max: fitted.certificates.iter().map(Certificate::residual).reduce(f64::max),
        bumps_lost: certificates().filter(|c| c.bump_lost()).count(),
        seconds: Some(started.elapsed().as_secs_f64()),
        energy_robust_sd: at.robust_sd,
        heldout_robust_sd: between.robust_sd,
        heldout_lambda_rms: between.lambda_rms,
        unconverged: certificates().filter(|c| !c.converged(tolerance)).count(),
        attempts: accepted.attempts,
        ridge: accepted.ridge,
        step: accepted.step,
        idealized_height: accepted.height,
    }
}
