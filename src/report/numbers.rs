//! The numbers that a run's page draws.

use serde::Serialize;

use super::surfaces::relative;
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::reached::IterationRecord;
use crate::manifold::Points;
use crate::setup::plan::Plan;

/// Energies that a page holds at most. If there are more, only one in every few points of a map is kept.
const MOST_ENERGIES: usize = 400_000;

/// What the script reads. Energies in Hz³, positions and displacements in neuron units.
#[derive(Serialize)]
pub(super) struct Numbers {
    neurons: usize,
    /// Class of what was flattened.
    method: &'static str,
    /// Relative to the level of their group of maps in each landscape `[updates + 1][maps][points]`.
    energies: Vec<Vec<Vec<f64>>>,
    /// At the fitted points, and between them (robust), for each landscape.
    roughness: Vec<(f64, f64)>,
    /// (1 if flattened, map, start, end, displacement, winning map); on surfaces the first coordinates.
    drift: Vec<(u8, usize, f64, f64, f64, usize)>,
    histogram: Histogram,
    /// One in this many points is shown.
    #[serde(skip)]
    pub(super) stride: usize,
}

impl Numbers {
    pub(super) fn new(
        plan: &Plan,
        points: Points<'_>,
        iterations: &[IterationRecord],
        energies: &[f64],
        drift: &[DriftRecord],
    ) -> Self {
        let stride = energies.len().div_ceil(MOST_ENERGIES).max(1);
        let energies = energies
            .chunks_exact(plan.states())
            .map(|landscape| {
                let row = |row: &[f64]| row.iter().step_by(stride).map(|e| rounded(*e)).collect();
                relative(points, landscape).chunks_exact(plan.points_per_map).map(row).collect()
            })
            .collect();
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
            histogram: Histogram::of(drift),
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

/// How many starts drifted how far. Bins double in width from one to the next, so that both the few that drift far and
/// the many that hardly drift are told apart.
#[derive(Debug, Serialize)]
struct Histogram {
    /// Largest |displacement| of each bin (neuron units); the first holds those that have not moved.
    up_to: Vec<f64>,
    /// Starts, before and after.
    counts: [Vec<usize>; 2],
}

/// Bins between the largest displacement and the smallest that is distinguished from zero, where displacements are not
/// whole numbers.
const HALVINGS: i32 = 8;

impl Histogram {
    /// Displacements by score are whole neuron units on a lattice: the first bins are 0, 1 and 2 then. Others are
    /// halved from the largest on.
    fn of(drift: &[DriftRecord]) -> Self {
        let sizes = drift.iter().map(|d| d.displacement.abs()).filter(|x| x.is_finite());
        let largest = sizes.clone().fold(0.0, f64::max);
        let whole = sizes.into_iter().all(|x| x == x.round());
        let last = largest.max(f64::MIN_POSITIVE).log2().ceil() as i32;
        let first = if whole { 0 } else { last - HALVINGS };
        let up_to: Vec<f64> = match largest {
            0.0 => vec![0.0],
            _ => [0.0].into_iter().chain((first..=last.max(first)).map(|e| 2_f64.powi(e))).collect(),
        };
        let mut counts = [vec![0; up_to.len()], vec![0; up_to.len()]];
        for record in drift {
            let size = record.displacement.abs();
            if let Some(bin) = up_to.iter().position(|&end| size <= end) {
                counts[usize::from(flattened(record))][bin] += 1;
            }
        }
        Self { up_to, counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(network: Which, displacement: f64) -> DriftRecord {
        DriftRecord {
            replicate: None,
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
        for largest in [0.0, 0.3, 1.0, 19.0, 20.0, 59.5, 64.0] {
            let drift = [
                record(Which::Base, -largest),
                record(Which::Base, 0.5 * largest),
                record(Which::Flattened, largest),
            ];
            let histogram = Histogram::of(&drift);
            let [before, after] = &histogram.counts;
            assert_eq!((before.iter().sum::<usize>(), after.iter().sum::<usize>()), (2, 1), "{histogram:?}");
            assert!(before.len() <= 10, "{histogram:?}");
        }
        assert_eq!(Histogram::of(&[]).counts[0].len(), 1);
    }

    #[test]
    fn small_drifts_are_told_apart_beside_large_ones() {
        let after = [0.0, 0.0, 1.0, -1.0, 2.0, 3.0, 4.0].map(|x| record(Which::Flattened, x));
        let drift: Vec<DriftRecord> = [record(Which::Base, -47.0)].into_iter().chain(after).collect();
        let histogram = Histogram::of(&drift);
        assert_eq!(histogram.up_to, [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]);
        assert_eq!(histogram.counts[1], [2, 2, 1, 2, 0, 0, 0, 0]);
        assert_eq!(histogram.counts[0], [0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn rounding_keeps_what_is_seen() {
        assert_eq!([rounded(-1637.18342), rounded(0.0), rounded(1.0)], [-1637.2, 0.0, 1.0]);
    }
}
