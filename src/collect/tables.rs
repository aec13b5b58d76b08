//! Rows of the collected tables.

use serde::Serialize;

use crate::job::completion::Completion;
use crate::job::reached::IterationRecord;
use crate::scan::{Timing, TrialRecord};
use crate::setup::scanned::Setting;

/// One row a trial. Energies in Hz³, drifts in neuron units.
#[derive(Clone, Debug, Serialize)]
pub struct TrialRow {
    /// Name of the trial.
    pub id: String,
    /// N.
    pub neurons: usize,
    /// L.
    pub maps: usize,
    /// α = L/N.
    pub alpha: f64,
    /// Index of the draw of the maps.
    pub realization: usize,
    /// How the landscape was flattened.
    pub method: String,
    /// Seed of the maps.
    pub seed: u64,
    /// How the outer iteration ended.
    pub status: String,
    /// Weight updates made.
    pub updates: usize,
    /// Mean |drift| by score.
    pub mean_drift: f64,
    /// Largest |drift| by score.
    pub largest_drift: f64,
    /// Mean |drift| by score from 100 ms on.
    pub settled_mean_drift: f64,
    /// Largest |drift| by score from 100 ms on.
    pub settled_largest_drift: f64,
    /// Mean |drift| by the population vector's phase.
    pub phase_mean_drift: f64,
    /// Mean summed squared rate change (Hz²).
    pub rate_change: f64,
    /// Mean bump score.
    pub score: f64,
    /// Fraction of bumps still in their own map.
    pub own_map_fraction: f64,
    /// Fraction of bumps in their own map and, by the population vector, within half a neuron unit of their start.
    pub within_0_5: f64,
    /// The same within one unit.
    pub within_1: f64,
    /// Within two.
    pub within_2: f64,
    /// Within five.
    pub within_5: f64,
    /// SD of M by the SD of J.
    pub change_sd_ratio: f64,
    /// Correlation of M with J.
    pub change_correlation: f64,
    /// Trajectories whose energy rose.
    pub energy_rises: usize,
    /// Mean energy change over the trajectories.
    pub energy_change: f64,
    /// SD of the landscape before the first update.
    pub energy_sd_before: f64,
    /// SD of the landscape after the last update.
    pub energy_sd_after: f64,
    /// Largest |E − Ē| before the first update.
    pub energy_peak_before: f64,
    /// Largest |E − Ē| after the last update.
    pub energy_peak_after: f64,
    /// SD between the fitted points after the last update.
    pub heldout_sd_after: f64,
    /// Robust SD between the fitted points after the last update.
    pub heldout_robust_sd_after: f64,
    /// States without certificate after the last update.
    pub unconverged: usize,
    /// Bumps that have left their place after the last update.
    pub bumps_lost: usize,
    /// Varied keys but the number of neurons; see [`super::axes::table`].
    #[serde(skip)]
    pub axes: Vec<Setting>,
}

impl TrialRow {
    /// The row of one record.
    pub fn of(record: &TrialRecord) -> Self {
        let (first, last) = (record.iterations.first(), record.iterations.last());
        let figure = |row: Option<&IterationRecord>, f: fn(&IterationRecord) -> f64| row.map_or(f64::NAN, f);
        let status = serde_json::to_value(record.status).ok().and_then(|v| v.as_str().map(str::to_owned));
        Self {
            id: record.id.clone(),
            neurons: record.trial.neurons,
            maps: record.trial.maps,
            alpha: record.trial.maps as f64 / record.trial.neurons as f64,
            realization: record.trial.realization,
            method: record.trial.method.clone(),
            seed: record.seed,
            status: status.unwrap_or_default(),
            updates: record.iterations.len().saturating_sub(1),
            mean_drift: record.drift.mean_drift,
            largest_drift: record.drift.largest_drift,
            settled_mean_drift: record.drift.settled_mean_drift,
            settled_largest_drift: record.drift.settled_largest_drift,
            phase_mean_drift: record.drift.phase_mean_drift,
            rate_change: record.drift.rate_change,
            score: record.drift.score,
            own_map_fraction: record.drift.own_map_fraction,
            within_0_5: record.drift.within_0_5,
            within_1: record.drift.within_1,
            within_2: record.drift.within_2,
            within_5: record.drift.within_5,
            change_sd_ratio: record.change.map_or(f64::NAN, |change| change.sd_ratio),
            change_correlation: record.change.map_or(f64::NAN, |change| change.correlation),
            energy_rises: record.drift.energy_rises,
            energy_change: record.course.last().map_or(f64::NAN, |m| m.energy_change),
            energy_sd_before: figure(first, |r| r.energy_sd),
            energy_sd_after: figure(last, |r| r.energy_sd),
            energy_peak_before: figure(first, |r| r.energy_peak),
            energy_peak_after: figure(last, |r| r.energy_peak),
            heldout_sd_after: figure(last, |r| r.heldout_sd),
            heldout_robust_sd_after: figure(last, |r| r.heldout_robust_sd),
            unconverged: last.map_or(0, |r| r.unconverged),
            bumps_lost: last.map_or(0, |r| r.bumps_lost),
            axes: record.trial.axes().cloned().collect(),
        }
    }
}

/// One row a trial and fraction of exchanged neurons.
#[derive(Clone, Debug, Serialize)]
pub struct CompletionRow {
    id: String,
    seed: u64,
    neurons: usize,
    maps: usize,
    realization: usize,
    method: String,
    exchanged: f64,
    own_map_fraction: f64,
    completed_fraction: f64,
    /// Varied keys but the number of neurons; see [`super::axes::table`].
    #[serde(skip)]
    pub(super) axes: Vec<Setting>,
}

impl CompletionRow {
    /// The rows of one record.
    pub fn of(record: &TrialRecord) -> Vec<Self> {
        let row = |completion: &Completion| Self {
            id: record.id.clone(),
            seed: record.seed,
            neurons: record.trial.neurons,
            maps: record.trial.maps,
            realization: record.trial.realization,
            method: record.trial.method.clone(),
            exchanged: completion.exchanged,
            own_map_fraction: completion.own_map_fraction,
            completed_fraction: completion.completed_fraction,
            axes: record.trial.axes().cloned().collect(),
        };
        record.completion.iter().map(row).collect()
    }
}

/// One row a trial and recorded time.
#[derive(Clone, Debug, Serialize)]
pub struct CourseRow {
    id: String,
    seed: u64,
    maps: usize,
    realization: usize,
    method: String,
    time_ms: f64,
    mean_drift: f64,
    energy_change: f64,
    rate_change: f64,
    recent_drift: f64,
    recent_rate_change: f64,
}

impl CourseRow {
    /// The rows of one record.
    pub fn of(record: &TrialRecord) -> Vec<Self> {
        let row = |moment: &crate::job::drift::Moment| Self {
            id: record.id.clone(),
            seed: record.seed,
            maps: record.trial.maps,
            realization: record.trial.realization,
            method: record.trial.method.clone(),
            time_ms: moment.time_ms,
            mean_drift: moment.mean_drift,
            energy_change: moment.energy_change,
            rate_change: moment.rate_change,
            recent_drift: moment.recent_drift,
            recent_rate_change: moment.recent_rate_change,
        };
        record.course.iter().map(row).collect()
    }
}

/// One row a trial and weight update: the trial, then the columns of a run's `iterations.csv` that are reproducible.
#[derive(Clone, Debug, Serialize)]
pub struct IterationRow {
    id: String,
    seed: u64,
    maps: usize,
    realization: usize,
    method: String,
    iteration: usize,
    energy_sd: f64,
    energy_peak: f64,
    energy_mean: f64,
    heldout_sd: f64,
    heldout_robust_sd: f64,
    lambda_rms: Option<f64>,
    delta_mean_abs: f64,
    delta_sd: f64,
    kkt_residual_max: Option<f64>,
    unconverged: usize,
    bumps_lost: usize,
}

impl IterationRow {
    /// The rows of one record.
    pub fn of(record: &TrialRecord) -> Vec<Self> {
        let row = |r: &IterationRecord| Self {
            id: record.id.clone(),
            seed: record.seed,
            maps: record.trial.maps,
            realization: record.trial.realization,
            method: record.trial.method.clone(),
            iteration: r.iteration,
            energy_sd: r.energy_sd,
            energy_peak: r.energy_peak,
            energy_mean: r.energy_mean,
            heldout_sd: r.heldout_sd,
            heldout_robust_sd: r.heldout_robust_sd,
            lambda_rms: r.lambda_rms,
            delta_mean_abs: r.delta_mean_abs,
            delta_sd: r.delta_sd,
            kkt_residual_max: r.kkt_residual_max,
            unconverged: r.unconverged,
            bumps_lost: r.bumps_lost,
        };
        record.iterations.iter().map(row).collect()
    }
}

/// One row a trial: how long it took. Kept apart from results, which are reproducible.
#[derive(Clone, Debug, Serialize)]
pub struct TimingRow {
    id: String,
    seed: u64,
    seconds: f64,
    first_landscape_seconds: f64,
    updates_seconds: f64,
    threads: usize,
    device: String,
}

impl TimingRow {
    /// The row of one timing.
    pub fn of(timing: &Timing) -> Self {
        Self {
            id: timing.id.clone(),
            seed: timing.seed,
            seconds: timing.seconds,
            first_landscape_seconds: timing.landscape_seconds.first().copied().unwrap_or(0.0),
            updates_seconds: timing.landscape_seconds.iter().skip(1).sum(),
            threads: timing.threads,
            device: timing.device.clone(),
        }
    }
}

/// Mean and half width of the 95 % confidence interval (1.96 standard errors) over the realizations of one
/// (neurons, varied keys, maps, method).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SummaryRow {
    /// N.
    pub neurons: usize,
    /// L.
    pub maps: usize,
    /// α = L/N.
    pub alpha: f64,
    /// How the landscape was flattened.
    pub method: String,
    /// Realizations averaged.
    pub realizations: usize,
    /// Mean |drift| by score (neuron units).
    pub mean_drift: f64,
    /// 1.96 SEM of it.
    pub mean_drift_ci: f64,
    /// Mean |drift| by score from 100 ms on (neuron units).
    pub settled_mean_drift: f64,
    /// 1.96 SEM of it.
    pub settled_mean_drift_ci: f64,
    /// Mean |drift| by the population vector's phase (neuron units).
    pub phase_mean_drift: f64,
    /// 1.96 SEM of it.
    pub phase_mean_drift_ci: f64,
    /// Mean summed squared rate change (Hz²).
    pub rate_change: f64,
    /// 1.96 SEM of it.
    pub rate_change_ci: f64,
    /// Mean bump score.
    pub score: f64,
    /// 1.96 SEM of it.
    pub score_ci: f64,
    /// Mean fraction of bumps still in their own map.
    pub own_map_fraction: f64,
    /// 1.96 SEM of it.
    pub own_map_fraction_ci: f64,
    /// Mean SD of the landscape after the last update (Hz³).
    pub energy_sd_after: f64,
    /// 1.96 SEM of it.
    pub energy_sd_after_ci: f64,
    /// Mean robust SD between the fitted points after the last update (Hz³).
    pub heldout_robust_sd_after: f64,
    /// 1.96 SEM of it.
    pub heldout_robust_sd_after_ci: f64,
    /// Varied keys but the number of neurons; see [`super::axes::table`].
    #[serde(skip)]
    pub axes: Vec<Setting>,
}

/// Averages over realizations, one row for every (neurons, varied keys, maps, method).
pub fn summarize(records: &[TrialRecord]) -> Vec<SummaryRow> {
    let mut rows: Vec<TrialRow> = records.iter().map(TrialRow::of).collect();
    fn group(row: &TrialRow) -> (usize, &[Setting], usize, &str) {
        (row.neurons, &row.axes, row.maps, &row.method)
    }
    rows.sort_by(|a, b| group(a).cmp(&group(b)));
    rows.chunk_by(|a, b| group(a) == group(b)).map(summary_row).collect()
}

fn summary_row(rows: &[TrialRow]) -> SummaryRow {
    let of = |f: fn(&TrialRow) -> f64| mean_and_ci(&rows.iter().map(f).collect::<Vec<f64>>());
    let (mean_drift, mean_drift_ci) = of(|r| r.mean_drift);
    let (settled_mean_drift, settled_mean_drift_ci) = of(|r| r.settled_mean_drift);
    let (phase_mean_drift, phase_mean_drift_ci) = of(|r| r.phase_mean_drift);
    let (rate_change, rate_change_ci) = of(|r| r.rate_change);
    let (score, score_ci) = of(|r| r.score);
    let (own_map_fraction, own_map_fraction_ci) = of(|r| r.own_map_fraction);
    let (energy_sd_after, energy_sd_after_ci) = of(|r| r.energy_sd_after);
    let (heldout_robust_sd_after, heldout_robust_sd_after_ci) = of(|r| r.heldout_robust_sd_after);
    SummaryRow {
        neurons: rows[0].neurons,
        maps: rows[0].maps,
        alpha: rows[0].alpha,
        method: rows[0].method.clone(),
        realizations: rows.len(),
        mean_drift,
        mean_drift_ci,
        settled_mean_drift,
        settled_mean_drift_ci,
        phase_mean_drift,
        phase_mean_drift_ci,
        rate_change,
        rate_change_ci,
        score,
        score_ci,
        own_map_fraction,
        own_map_fraction_ci,
        energy_sd_after,
        energy_sd_after_ci,
        heldout_robust_sd_after,
        heldout_robust_sd_after_ci,
        axes: rows[0].axes.clone(),
    }
}

/// Mean, and 1.96 standard errors of it (NaN for one value).
pub(crate) fn mean_and_ci(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, 1.96 * (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bars_are_standard_errors() {
        let (mean, ci) = mean_and_ci(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        // Sample SD 1.29099, divided by √4.
        assert!((ci - 1.96 * 0.6454972243679028).abs() < 1e-12);
        assert!(mean_and_ci(&[3.0]).1.is_nan());
    }
}
