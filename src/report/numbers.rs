//! The numbers that a run's page draws.

use serde::Serialize;

use crate::job::drift_record::{DriftRecord, Which};
use crate::job::reached::IterationRecord;
use crate::setup::plan::Plan;

/// Energies that a page holds at most: beyond, every so many points of a map are left out.
const MOST_ENERGIES: usize = 400_000;

/// Bins of a drift histogram.
const BINS: usize = 20;

/// What the script reads. Energies in Hz³, positions and displacements in neuron units.
#[derive(Serialize)]
pub(super) struct Numbers {
    neurons: usize,
    /// Class of what was flattened.
    method: &'static str,
    /// Relative to the mean of each landscape `[updates + 1][maps][points]`.
    energies: Vec<Vec<Vec<f64>>>,
    /// At the fitted points, and between them (robust), for each landscape.
    roughness: Vec<(f64, f64)>,
    /// (1 if flattened, map, start, end, displacement, winning map); on surfaces the first coordinates.
    drift: Vec<(u8, usize, f64, f64, f64, usize)>,
    /// Width of a bin.
    bin: f64,
    /// Starts by |displacement|, before and after.
    histogram: [Vec<usize>; 2],
    /// One in how many points is shown.
    #[serde(skip)]
    pub(super) stride: usize,
}

impl Numbers {
    pub(super) fn new(
        plan: &Plan,
        iterations: &[IterationRecord],
        energies: &[f64],
        drift: &[DriftRecord],
    ) -> Self {
        let stride = energies.len().div_ceil(MOST_ENERGIES).max(1);
        let landscapes = energies.chunks_exact(plan.states()).zip(iterations);
        let energies = landscapes
            .map(|(landscape, record)| {
                let relative = |row: &[f64]| {
                    row.iter().step_by(stride).map(|e| rounded(e - record.energy_mean)).collect()
                };
                landscape.chunks_exact(plan.points_per_map).map(relative).collect()
            })
            .collect();
        let (bin, histogram) = histogram(drift);
        Self {
            neurons: plan.neurons,
            method: plan.config.flatten.method.name(),
            energies,
            roughness: iterations.iter().map(|r| (r.energy_sd, r.heldout_robust_sd)).collect(),
            drift: drift
                .iter()
                .map(|d| {
                    (
                        u8::from(flattened(d)),
                        d.map,
                        d.start[0],
                        d.end[0],
                        rounded(d.displacement),
                        d.winning_map,
                    )
                })
                .collect(),
            bin,
            histogram,
            stride,
        }
    }

    /// JSON that can stand inside a script element.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers have text keys").replace('<', "\\u003c")
    }
}

fn flattened(record: &DriftRecord) -> bool {
    record.network == Which::Flattened
}

/// Five significant digits are more than a screen shows.
fn rounded(x: f64) -> f64 {
    format!("{x:.4e}").parse().unwrap_or(x)
}

/// Width of a bin (neuron units) and the counts, before and after; bins are whole neuron units wide.
fn histogram(drift: &[DriftRecord]) -> (f64, [Vec<usize>; 2]) {
    let largest = drift.iter().map(|d| d.displacement.abs()).fold(0.0, f64::max);
    let bin = ((largest + 1.0) / BINS as f64).ceil();
    let count = ((largest + 1.0) / bin).ceil() as usize;
    let mut counts = [vec![0; count], vec![0; count]];
    for record in drift {
        counts[usize::from(flattened(record))][(record.displacement.abs() / bin) as usize] += 1;
    }
    (bin, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(network: Which, displacement: f64) -> DriftRecord {
        DriftRecord {
            dimension: 1,
            network,
            map: 0,
            start: [0.0; 2],
            end: [0.0; 2],
            displacement,
            settled_displacement: 0.0,
            rate_change: 0.0,
            score: 0.0,
            winning_map: 0,
            phase_displacement: 0.0,
            start_energy: 0.0,
            end_energy: 0.0,
            energy_rises: 0,
        }
    }

    #[test]
    fn every_start_is_counted_once() {
        for largest in [0.0, 1.0, 19.0, 20.0, 59.5] {
            let drift = [
                record(Which::None, -largest),
                record(Which::None, 0.5 * largest),
                record(Which::Flattened, largest),
            ];
            let (bin, [before, after]) = histogram(&drift);
            assert_eq!((before.iter().sum::<usize>(), after.iter().sum::<usize>()), (2, 1));
            assert!(before.len() <= BINS + 1 && bin >= 1.0, "{bin} {}", before.len());
        }
        assert_eq!(histogram(&[]).1[0].len(), 1);
    }

    #[test]
    fn rounding_keeps_what_is_seen() {
        assert_eq!([rounded(-1637.18342), rounded(0.0), rounded(1.0)], [-1637.2, 0.0, 1.0]);
    }
}
