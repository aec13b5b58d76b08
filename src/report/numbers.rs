//! The numbers that a run's page draws.

use std::collections::HashMap;

use serde::Serialize;

use super::position;
use super::surfaces::relative;
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::reached::IterationRecord;
use crate::manifold::Points;
use crate::setup::plan::Plan;

/// Energies that a page holds at most. If there are more, only one in every few points of a map is kept.
const MOST_ENERGIES: usize = 400_000;

/// One trajectory.
#[derive(Serialize)]
struct ShownDrift {
    flattened: bool,
    map: usize,
    /// Where its start is drawn: its position (neuron units), or its number.
    at: f64,
    /// Its start and its end, in words.
    from: String,
    to: String,
    /// Neuron units.
    displacement: f64,
    winner: usize,
}

/// What the script reads. Energies in Hz³, positions and displacements in neuron units.
#[derive(Serialize)]
pub(super) struct Numbers {
    /// How long each map is drawn: a line's length (neuron units), or where some are surfaces the number of its points.
    lengths: Vec<f64>,
    /// Class of what was flattened.
    method: &'static str,
    /// Relative to the level of their group of maps in each landscape `[updates + 1][maps][points]`.
    energies: Vec<Vec<Vec<f64>>>,
    /// At the fitted points, and between them (robust), for each landscape.
    roughness: Vec<(f64, f64)>,
    drift: Vec<ShownDrift>,
    /// How far `ShownDrift::at` reaches in one map.
    starts: f64,
    /// Whether that counts the starts of a map: places on a surface lie on no line.
    counted: bool,
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
        let histogram = Histogram::of(drift);
        let counted = (0..plan.maps).any(|map| points.maps().space(map).dimension() > 1);
        let drift = shown_drift(drift, counted);
        let energies = energies
            .chunks_exact(plan.states())
            .map(|landscape| {
                let row = |row: &[f64]| row.iter().step_by(stride).map(|e| rounded(*e)).collect();
                relative(points, landscape).chunks_exact(plan.points_per_map).map(row).collect()
            })
            .collect();
        let length = |map| match counted {
            true => plan.points_per_map as f64,
            false => points.maps().space(map).sides[0],
        };
        let lengths: Vec<f64> = (0..plan.maps).map(length).collect();
        Self {
            method: plan.config.flatten.method.name(),
            energies,
            roughness: iterations.iter().map(|r| (r.energy_sd, r.heldout_robust_sd)).collect(),
            starts: if counted {
                drift.iter().map(|d| d.at + 0.5).fold(1.0, f64::max)
            } else {
                lengths.iter().copied().fold(0.0, f64::max)
            },
            lengths,
            drift,
            counted,
            histogram,
            stride,
        }
    }

    /// JSON that can stand inside a script element.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers have text keys").replace('<', "\\u003c")
    }
}

/// Trajectories as they are drawn; if `counted`, the starts of each map in each network by their number.
fn shown_drift(drift: &[DriftRecord], counted: bool) -> Vec<ShownDrift> {
    let mut started: HashMap<(bool, usize), usize> = HashMap::new();
    let mut shown = |d: &DriftRecord| {
        let number = started.entry((flattened(d), d.map)).or_default();
        *number += 1;
        ShownDrift {
            flattened: flattened(d),
            map: d.map,
            at: if counted { *number as f64 - 0.5 } else { d.start[0] },
            from: position(d.start, d.dimension),
            to: position(d.end, d.dimension),
            displacement: rounded(d.displacement),
            winner: d.winning_map,
        }
    };
    drift.iter().map(&mut shown).collect()
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

/// Bins between the largest displacement and the smallest that is distinguished from zero, where displacements may be
/// smaller than a spacing.
const HALVINGS: i32 = 8;

impl Histogram {
    /// By score bumps on a lattice stay or move by one spacing at least: the first bins are 0, 1 and 2 then. Other
    /// displacements are halved from the largest on.
    fn of(drift: &[DriftRecord]) -> Self {
        let sizes = drift.iter().map(|d| d.displacement.abs()).filter(|x| x.is_finite());
        let largest = sizes.clone().fold(0.0, f64::max);
        let stays_or_steps = sizes.into_iter().all(|x| x == 0.0 || x >= 1.0);
        let last = largest.max(f64::MIN_POSITIVE).log2().ceil() as i32;
        let first = if stays_or_steps { 0 } else { last - HALVINGS };
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
    fn steps_on_a_torus_have_bins_like_those_on_a_ring() {
        let drift = [0.0, 1.0, 2_f64.sqrt(), 5_f64.sqrt()].map(|x| record(Which::Flattened, x));
        let histogram = Histogram::of(&drift);
        assert_eq!(
            (&histogram.up_to[..], &histogram.counts[1][..]),
            (&[0.0, 1.0, 2.0, 4.0][..], &[1; 4][..])
        );
    }

    /// On a ring a start is drawn at its position; on a surface starts are counted in every map and network.
    #[test]
    fn starts_on_a_surface_are_counted() {
        let start = |network, map, x, y| DriftRecord { map, start: [x, y], ..record(network, 1.0) };
        let drift = [
            start(Which::Base, 0, 7.0, 3.0),
            start(Which::Flattened, 0, 7.0, 3.0),
            start(Which::Base, 0, 2.0, 9.0),
            start(Which::Base, 1, 5.0, 5.0),
        ];
        let at = |counted| shown_drift(&drift, counted).iter().map(|d| d.at).collect::<Vec<_>>();
        assert_eq!(at(false), [7.0, 7.0, 2.0, 5.0]);
        assert_eq!(at(true), [0.5, 0.5, 1.5, 0.5]);
    }

    #[test]
    fn rounding_keeps_what_is_seen() {
        assert_eq!([rounded(-1637.18342), rounded(0.0), rounded(1.0)], [-1637.2, 0.0, 1.0]);
    }
}
