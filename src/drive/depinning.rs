//! The depinning velocity: the smallest drive that takes a bump round a whole lap. Below it the bump stays in a dent of the
//! landscape; in theory it is the fastest slide against the drive, so flattening should lower it as much as the slopes.

use serde::{Deserialize, Serialize};

use super::Driven;
use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::decoding::Scorer;
use crate::error::{Error, Result};
use crate::job::drift::start_currents;
use crate::manifold::{Axis, Point};

/// A lap is divided among this many bumps: each goes from its start to the next one's start, all at once.
const PARTS: usize = 20;

/// A bump that takes more than this many times as long as a free one counts as pinned.
const PATIENCE: f64 = 4.0;

/// Euler steps here are this part of τ: fixed points do not depend on the step, and laps are long.
const STEP: f64 = 1.0 / 15.0;

/// The search ends when its bounds are this near, relative.
const ACCURACY: f64 = 0.1;

/// Drives that are tried at first, and bounds of the search (neuron units/s).
const FIRST: f64 = 1.0;
const LEAST: f64 = 1e-3;
const MOST: f64 = 1e4;

/// The depinning velocity of one map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Depinning {
    /// Map.
    pub map: usize,
    /// The largest drive tried that leaves a bump pinned (neuron units/s); 0 if the smallest tried frees all.
    pub pinned: f64,
    /// The smallest drive tried that takes bumps round a lap (neuron units/s); none if the largest tried does not.
    pub free: Option<f64>,
}

impl Depinning {
    /// The geometric mean of both bounds (neuron units/s).
    pub fn velocity(&self) -> Option<f64> {
        self.free.map(|free| if self.pinned > 0.0 { (self.pinned * free).sqrt() } else { free })
    }
}

impl Driven<'_> {
    /// The depinning velocity of a map that closes on itself, by bisection. The search begins at `guess`, if there is one.
    ///
    /// # Errors
    /// [`Error::Usage`] for a map without a lap; if the backend fails, or the work was stopped.
    pub fn depinning(&self, map: usize, guess: Option<f64>) -> Result<Depinning> {
        let space = self.job.network.maps.space(map);
        if space.shape.axes()[0] != Axis::Joined || space.shape.name() == "sphere" {
            return Err(Error::Usage(format!(
                "a {} has no lap along its first axis, and so no depinning velocity; leave --depinning out",
                space.shape.name()
            )));
        }
        let slopes = self.slopes(map);
        let mut drive = guess.unwrap_or(FIRST).clamp(10.0 * LEAST, 0.1 * MOST);
        let (mut pinned, mut free) = (0.0, None);
        loop {
            if self.goes_round(map, &slopes, drive)? {
                free = Some(drive);
            } else {
                pinned = drive;
            }
            drive = match free {
                Some(free) if pinned == 0.0 => 0.5 * free,
                Some(free) => (pinned * free).sqrt(),
                None => 2.0 * drive,
            };
            let near = free.is_some_and(|free| pinned > 0.0 && free < (1.0 + ACCURACY) * pinned);
            if near || !(LEAST..=MOST).contains(&drive) {
                return Ok(Depinning { map, pinned, free });
            }
        }
    }

    /// Whether a constant drive takes bumps everywhere on a map to the next one's start in time.
    fn goes_round(&self, map: usize, slopes: &WeightMatrix, velocity: f64) -> Result<bool> {
        let (job, tau) = (self.job, self.tau_seconds());
        let maps = &job.network.maps;
        let (space, lattice) = (maps.space(map), &maps.group(map).lattice);
        let part = space.sides[0] / PARTS as f64;
        let points: Vec<Point> =
            (0..PARTS).map(|k| Point::free(map, lattice, [k as f64 * part, 0.0])).collect();
        // A constant drive is an asymmetric part of the weights.
        let driven = self.weights.plus(-tau * velocity, slopes);
        let dynamics = job.network.dynamics(&driven, STEP);
        let steps = (PATIENCE * part / velocity / (STEP * tau)).ceil() as usize;
        let count = (4.0 * PATIENCE) as usize;
        let at: Vec<usize> = (0..=count).map(|k| k * steps / count).collect();
        let starts = start_currents(job.network, &points);
        let label = format!("drive of {} units/s", crate::text::significant(velocity));
        let runs = job.stage(&label, PARTS * steps, 1.0, |tick| {
            job.backend.trajectories(&dynamics, &starts, &at, tick)
        })?;
        let scorer = Scorer::new(maps, &job.network.bumps);
        let arrives = |run| self.moved(&scorer, map, run).into_iter().any(|moved| moved >= part);
        Ok(runs.iter().all(arrives))
    }
}
