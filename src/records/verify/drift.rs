//! `drift.csv`: what all rows have to be, and trajectories of a sample of them run again.

use rand::seq::index;

use super::super::witnesses::random;
use super::Checker;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::job::drift::{is_possible, start_currents};
use crate::job::drift_record::{DriftRecord, Which};
use crate::landscape::states::{StateBuf, States};
use crate::manifold::Point;
use crate::records::RunState;
use crate::setup::config::Method;

/// One of so many trajectories is run again, of each network two at least and [`MOST`] at most.
const ONE_OF: usize = 25;

/// See [`ONE_OF`].
const MOST: usize = 16;

/// Platforms differ in the last place of J, and bumps move to where they would have gone: far closer than this, relative.
const TOLERANCE: f64 = 1e-6;

/// The same for a GPU, which computes in f32: energies of 10⁵ Hz³ to some units, rates to 10⁻⁴.
const GPU_TOLERANCE: f64 = 1e-2;

impl Checker<'_> {
    /// Both networks' rows.
    pub(super) fn drift(&mut self) -> Result<()> {
        let base = self.job.network.weights.clone();
        let last = self.records.delta.as_ref().map(|delta| base.plus(1.0, delta));
        let flattened = self.job.plan.config.flatten.method != Method::None;
        let complete = self.manifest.status == RunState::Complete;
        let expected = [(Which::Base, Some(base), complete), (Which::Flattened, last, complete && flattened)];
        let mut rows = 0;
        for (which, weights, needed) in expected {
            let own: Vec<DriftRecord> =
                self.records.drift.iter().filter(|r| r.network == which).cloned().collect();
            rows += own.len();
            match weights {
                Some(weights) if !own.is_empty() => self.network(which, &weights, &own)?,
                _ => self.claim(
                    "drift.csv",
                    own.is_empty() && !needed,
                    "it has rows of the networks it should have",
                )?,
            }
        }
        self.claim("drift.csv", rows == self.records.drift.len(), "every row is of one of the two networks")
    }

    fn network(&mut self, which: Which, weights: &WeightMatrix, rows: &[DriftRecord]) -> Result<()> {
        const FILE: &str = "drift.csv";
        let (plan, network, points) = (self.job.plan, self.job.network, self.job.start_points());
        let name = if which == Which::Base { "before" } else { "after" };
        let possible = rows.len() == points.len()
            && rows.iter().zip(&points).all(|(row, start)| is_possible(row, start, &network.maps));
        self.claim(
            FILE,
            possible,
            &format!("the trajectories {name} start where they should and end where they say"),
        )?;
        let starts = start_currents(network, &points);
        let starts: Vec<StateBuf> = starts
            .iter()
            .map(|current| {
                StateBuf::from_dense(
                    &current.iter().map(|i| network.energy(weights).transfer.rate(*i)).collect::<Vec<f64>>(),
                )
            })
            .collect();
        let states = States::pack(plan.neurons, starts.iter().map(StateBuf::view));
        let found = network.energy(weights).of_states(&states);
        let tolerance = if self.on_cpu() { TOLERANCE } else { GPU_TOLERANCE };
        let same = found.iter().zip(rows).all(|(e, row)| close(*e, row.start_energy, tolerance));
        self.claim(FILE, same, &format!("the trajectories {name} start with the energies of their bumps"))?;
        let count = (rows.len() / ONE_OF).clamp(2, MOST).min(rows.len());
        let mut sample =
            index::sample(&mut random(&self.manifest.configuration, name), rows.len(), count).into_vec();
        sample.sort_unstable();
        let from: Vec<Point> = sample.iter().map(|&row| points[row]).collect();
        let again = self.job.measure_from(weights, which, &from)?.records;
        let pairs = || again.iter().zip(sample.iter().map(|&row| &rows[row]));
        let differ = pairs().filter(|(again, row)| !agrees(again, row, tolerance)).count();
        // On a GPU a bump at the edge of two dents may go to the other.
        let allowed = if self.on_cpu() { 0 } else { count / 4 };
        self.claim(
            FILE,
            differ <= allowed,
            &format!("trajectories {name} that are run again end as it says"),
        )?;
        let exact =
            pairs().all(|(again, row)| again.rate_change == row.rate_change && again.score == row.score);
        self.claim(
            "manifest.json",
            self.on_cpu() || !exact,
            "the device that is named did the work: no other computes the bits of the CPU",
        )
    }
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (a.abs() + b.abs())
}

/// Whether a trajectory that was run again is the one of the row. Displacements of a fraction of a unit are differences of
/// positions of hundreds: a unit is what they are relative to.
pub(super) fn agrees(again: &DriftRecord, row: &DriftRecord, tolerance: f64) -> bool {
    let moved = |a: f64, b: f64| (a - b).abs() <= tolerance.max(1e-6) * (1.0 + a.abs() + b.abs());
    let exact = tolerance < GPU_TOLERANCE;
    let place = |r: &DriftRecord| (r.map, r.start, r.end, r.winning_map, r.displacement);
    (!exact || (place(again) == place(row) && again.energy_rises == row.energy_rises))
        && (exact || (again.displacement - row.displacement).abs() <= 2.0)
        && moved(again.phase_displacement, row.phase_displacement)
        && (!exact || again.settled_displacement == row.settled_displacement)
        && close(again.rate_change, row.rate_change, tolerance)
        && close(again.score, row.score, tolerance)
        && close(again.end_energy, row.end_energy, tolerance)
}
