//! `drift.csv`: what all rows have to be, and trajectories of a sample of them run again.

use std::collections::HashMap;

use rand::seq::index;

use super::super::findings::PATHS;
use super::super::witnesses::random;
use super::Checker;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::job::drift::{Launch, is_possible};
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::path_record::PathRecord;
use crate::landscape::states::{StateBuf, States};
use crate::records::RunState;
use crate::setup::config::Method;

/// One in this many trajectories is run again: at least two of each network, and at most [`MOST`].
const ONE_OF: usize = 25;

/// See [`ONE_OF`].
const MOST: usize = 16;

/// Platforms differ in the last place of J, and bumps move to where they would have gone: far closer than this, relative.
const TOLERANCE: f64 = 1e-6;

/// The same for a GPU, which computes in f32: energies of 10⁵ Hz³ to a few units, rates to 10⁻⁴.
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
                _ => {
                    self.claim("drift.csv", own.is_empty() && !needed, "it has rows of the right networks")?
                }
            }
        }
        self.claim("drift.csv", rows == self.records.drift.len(), "every row is of one of the two networks")
    }

    fn network(&mut self, which: Which, weights: &WeightMatrix, rows: &[DriftRecord]) -> Result<()> {
        const FILE: &str = "drift.csv";
        let (plan, network, launches) = (self.job.plan, self.job.network, self.job.launches());
        let name = if which == Which::Base { "before" } else { "after" };
        let possible = rows.len() == launches.len()
            && rows.iter().zip(&launches).all(|(row, launch)| is_possible(row, launch, plan, &network.maps));
        self.claim(
            FILE,
            possible,
            &format!("the trajectories {name} start where they should and end where they say"),
        )?;
        let starts = self.job.launch_currents(&launches);
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
        let from: Vec<Launch> = sample.iter().map(|&row| launches[row]).collect();
        let measured = self.job.measure_from(weights, which, &from)?;
        let (again, paths) = (measured.records, measured.paths);
        let pairs = || again.iter().zip(sample.iter().map(|&row| &rows[row]));
        let differ = pairs().filter(|(again, row)| !agrees(again, row, tolerance)).count();
        // On a GPU a bump at the edge of two dents may go to the other.
        let allowed = if self.on_cpu() { 0 } else { count / 4 };
        self.claim(
            FILE,
            differ <= allowed,
            &format!("trajectories {name} that are run again end as it says"),
        )?;
        if plan.record_steps.is_some() {
            self.paths(which, &launches, (&paths, count), tolerance)?;
        }
        let exact =
            pairs().all(|(again, row)| again.rate_change == row.rate_change && again.score == row.score);
        self.claim(
            "manifest.json",
            self.on_cpu() || !exact,
            "the named device did the work: no other computes the CPU's bits",
        )
    }

    /// `trajectories.csv`: as many rows as there should be, and those of the trajectories that were run again.
    fn paths(
        &mut self,
        which: Which,
        launches: &[Launch],
        (again, reran): (&[PathRecord], usize),
        tolerance: f64,
    ) -> Result<()> {
        let own: Vec<&PathRecord> = self.records.paths.iter().filter(|r| r.network == which).collect();
        let per_launch = own.len() / launches.len().max(1);
        let names = |r: &PathRecord| (r.start, r.replicate, r.map);
        let ordered = own.len() == per_launch * launches.len()
            && own.chunks(per_launch.max(1)).zip(launches).all(|(rows, launch)| {
                rows.iter().all(|r| names(r) == (launch.start, launch.replicate, launch.point.map))
            });
        let known: HashMap<_, &PathRecord> =
            own.iter().map(|r| ((names(r), r.time_ms.to_bits()), *r)).collect();
        let near = |a: f64, b: f64| (a.is_nan() && b.is_nan()) || close(a, b, tolerance.max(1e-6));
        let same = again.iter().all(|r| {
            known.get(&(names(r), r.time_ms.to_bits())).is_some_and(|row| {
                near(r.position[0], row.position[0])
                    && near(r.position[1], row.position[1])
                    && near(r.score, row.score)
                    && r.winning_map == row.winning_map
            })
        });
        self.claim(PATHS, ordered, "it has the rows of every trajectory, in order")?;
        let whole = again.len() == per_launch * reran;
        self.claim(
            PATHS,
            whole && (same || !self.on_cpu()),
            "bumps that are run again pass the places it says",
        )
    }
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (a.abs() + b.abs())
}

/// Whether a trajectory that was run again is the one of the row. Displacements of a fraction of a unit are differences of
/// positions in the hundreds, so errors are relative to at least a unit.
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
