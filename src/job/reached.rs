//! What the outer iteration has reached, and a record of it after each update.

use std::ops::Range;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::connectivity::matrix::{WeightMatrix, WeightStatistics};
use crate::landscape::constraint::{Certificate, RESIDUAL_TOLERANCE};
use crate::landscape::problem::Minima;
use crate::landscape::roughness::Roughness;
use crate::landscape::states::States;
use crate::observable::observables;

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
    /// As it stands in files.
    pub fn name(self) -> &'static str {
        match self {
            Status::Converged => "converged",
            Status::IterationsUsedUp => "iterations_used_up",
            Status::NoFurtherProgress => "no_further_progress",
            Status::Interrupted => "interrupted",
        }
    }

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

observables! {
    /// One row of `iterations.csv`: the landscape before the first weight update, and after each.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct IterationRecord in IterationColumns {
        figures {
            /// Weight updates made so far.
            [Report, "updates", "1"]
            iteration: usize,
            /// Roughness at the fitted points: the standard deviation of the energy.
            [First, "roughness at fitted points (SD)", "Hz³"]
            energy_sd: f64,
            /// Largest |E − Ē| at the fitted points.
            [Report, "peak at fitted points", "Hz³"]
            energy_peak: f64,
            /// Roughness at held-out points, between the fitted ones.
            [First, "roughness between them (SD)", "Hz³"]
            heldout_sd: f64,
            /// Largest |E − Ē| at the held-out points.
            [File, "peak between them", "Hz³"]
            heldout_peak: f64,
            /// Force along the manifold at the fitted points, root mean square.
            [File, "force along the manifold", "Hz²/neuron unit"]
            lambda_rms: Option<f64>,
            /// Mean energy Ē at the fitted points.
            [File, "mean energy", "Hz³"]
            energy_mean: f64,
            /// Mean |ΔM_ij| of the last weight update.
            [Report, "mean size of ΔM", "Hz"]
            delta_mean_abs: f64,
            /// SD of ΔM_ij of the last weight update.
            [File, "SD of ΔM", "Hz"]
            delta_sd: f64,
            /// Largest residual of the certificates at the fitted points.
            [Report, "largest residual", "Hz²"]
            kkt_residual_max: Option<f64>,
            /// States whose bump has left its place, fitted and held-out.
            [Report, "bumps lost", "1"]
            bumps_lost: usize,
            /// Time since the previous row; left out where records have to be reproducible.
            [File, "time", "s"]
            seconds: Option<f64>,
            /// Robust SD at the fitted points: 1.4826 × the median absolute deviation.
            [File, "roughness at fitted points (robust SD)", "Hz³"]
            energy_robust_sd: f64,
            /// Robust SD at the held-out points: 1.4826 × the median absolute deviation.
            [First, "roughness between them (robust SD)", "Hz³"]
            heldout_robust_sd: f64,
            /// Force along the manifold at the held-out points, root mean square.
            [File, "force along the manifold between them", "Hz²/neuron unit"]
            heldout_lambda_rms: Option<f64>,
            /// States whose certificate shows no constrained minimum, fitted and held-out.
            [Report, "without certificate", "1"]
            unconverged: usize,
            /// Weight updates that were tried for this row; all but the last were rejected.
            [File, "attempts", "1"]
            attempts: usize,
            /// Ridge of the accepted update, relative to the Gram matrix's mean diagonal.
            [Report, "ridge", "1"]
            ridge: f64,
            /// Fraction of the solved weight change that was made.
            [File, "step", "1"]
            step: f64,
            /// Mean energy of the idealized bumps above the constrained minima at their points.
            [File, "height of the idealized bumps", "Hz³"]
            idealized_height: f64,
        }
    }
}

impl IterationRecord {
    /// The same without what differs from one run to the next: its time.
    pub fn reproducible(&self) -> Self {
        Self { seconds: None, ..self.clone() }
    }
}

/// Everything that the outer iteration has reached; enough to resume from.
pub struct Landscape {
    /// M `[neurons, neurons]` (Hz).
    pub delta: WeightMatrix,
    /// States at the fitted points, under J + M.
    pub fitted: States,
    /// States at the held-out points, under J + M.
    pub held_out: States,
    /// Energies `[iterations + 1, maps, points]` (Hz³) at the fitted points.
    pub energies: Vec<f64>,
    /// One record per iteration.
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
    /// Mean height of the idealized bumps above the minima (Hz³).
    pub height: f64,
}

impl Landscape {
    /// Moves on to what an accepted weight update has led to.
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
    [fitted, held_out]: [(&Minima, &[Range<usize>]); 2],
    accepted: Accepted,
    started: Instant,
) -> IterationRecord {
    let [at, between] = [fitted, held_out].map(|(minima, levels)| Roughness::of_minima(minima, levels));
    let (fitted, held_out) = (fitted.0, held_out.0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_called_the_same_everywhere() {
        for status in
            [Status::Converged, Status::IterationsUsedUp, Status::NoFurtherProgress, Status::Interrupted]
        {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
    }
}
