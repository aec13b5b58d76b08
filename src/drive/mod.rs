//! `flatscape drive`: bumps that are moved along paths, how large a drive has to be to free them, and cues of other maps.

pub mod cues;
pub mod depinning;
pub mod path;
#[cfg(feature = "plots")]
pub mod plots;

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::decoding::Scorer;
use crate::dynamics::drive::{Cue, Drive, slopes};
use crate::dynamics::noisy::{NoisyStart, driven_trajectories};
use crate::dynamics::trajectories::Trajectory;
use crate::error::Result;
use crate::job::Job;
use crate::job::drift::start_currents;
use crate::job::drift_record::Which;
use crate::manifold::{Point, Vector};
use crate::setup::config::DriveInput;

/// Rows of a driven trajectory.
const RECORDS: usize = 60;

/// One row of `drive.csv`: how far a driven bump has come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriveRecord {
    /// Weights.
    pub network: Which,
    /// 1 along the path, −1 along the same path backwards.
    pub sense: i8,
    /// Map of the start.
    pub map: usize,
    /// Number of the start, over all maps.
    pub start: usize,
    /// Time since the start (ms).
    pub time_ms: f64,
    /// What the drive asked for so far, `∫v dt` (neuron units).
    pub asked: f64,
    /// How far the population vector has moved along the direction (neuron units).
    pub moved: f64,
    /// The map with the highest score.
    pub winning_map: usize,
}

/// How well a network's bumps follow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Following {
    /// Weights.
    pub network: Which,
    /// Slope of a line through the origin: the velocity reached against the velocity asked for, over all intervals; 1 is
    /// perfect.
    pub gain: f64,
    /// The same for intervals of positive velocity.
    pub gain_right: Option<f64>,
    /// The same for intervals of negative velocity.
    pub gain_left: Option<f64>,
    /// Share of the variance of the velocities reached that the line explains, R².
    pub linearity: f64,
    /// Standard deviation of the velocity reached about the line, relative to the root mean square of the velocity asked for.
    pub unevenness: f64,
    /// Root mean square difference between the way moved and the way asked for, at the end (neuron units).
    pub end_error: f64,
    /// Fraction of bumps that are in another map at the end.
    pub wrong_map_fraction: f64,
}

/// What is driven.
pub struct Driven<'a> {
    /// Network, device, watcher.
    pub job: &'a Job<'a>,
    /// J or J + M.
    pub weights: &'a WeightMatrix,
    /// Which of them.
    pub network: Which,
}

impl Driven<'_> {
    /// The direction of the drive, a unit vector.
    fn direction(&self) -> Vector {
        let angle = self.job.plan.config.drive.angle * PI / 180.0;
        if self.job.network.maps.dimension() == 1 { [1.0, 0.0] } else { [angle.cos(), angle.sin()] }
    }

    /// What couples a velocity to a bump on `map`.
    pub(crate) fn slopes(&self, map: usize) -> WeightMatrix {
        let (maps, kernels) = (&self.job.network.maps, &self.job.network.kernels);
        match self.job.plan.config.drive.input {
            DriveInput::All => slopes(maps, kernels, 0..maps.count(), self.direction()),
            DriveInput::Active => slopes(maps, kernels, map..map + 1, self.direction()),
        }
    }

    fn tau_seconds(&self) -> f64 {
        self.job.plan.config.dynamics.tau_ms / 1000.0
    }

    /// Trajectories from idealized bumps at points, all driven on `map`.
    fn run(
        &self,
        points: &[Point],
        slopes: &WeightMatrix,
        velocities: &[f64],
        cue: Option<Cue<'_>>,
        at: &[usize],
    ) -> Result<Vec<Trajectory>> {
        let job = self.job;
        let drive = Drive { slopes, velocities, tau_seconds: self.tau_seconds(), cue };
        let currents = start_currents(job.network, points);
        let starts: Vec<NoisyStart<'_>> = currents
            .iter()
            .zip(0..)
            .map(|(current, trajectory)| NoisyStart { current, trajectory })
            .collect();
        let dynamics = job.network.dynamics(self.weights, job.plan.step());
        let noise = job.plan.noise();
        let items = starts.len() * at.last().copied().unwrap_or(0);
        job.stage("driven bumps", items, 1.0, |tick| {
            driven_trajectories(&dynamics, noise.as_ref(), &drive, &starts, at, tick)
        })
    }

    /// Drives every start along the velocities of each step, forwards and backwards.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if the work was stopped.
    pub fn follow(&self, velocities: &[f64]) -> Result<Vec<DriveRecord>> {
        let (job, plan) = (self.job, self.job.plan);
        let scorer = Scorer::new(&job.network.maps, &job.network.bumps);
        let per_map = plan.config.measure.starts_per_map;
        let starts = job.start_points();
        let every = velocities.len().div_ceil(RECORDS).max(1);
        let mut at: Vec<usize> = (0..=velocities.len()).step_by(every).collect();
        if at.last() != Some(&velocities.len()) {
            at.push(velocities.len());
        }
        let dt = plan.config.dynamics.dt_ms;
        let asked: Vec<f64> = std::iter::once(0.0)
            .chain(velocities.iter().scan(0.0, |sum, v| {
                *sum += v * dt / 1000.0;
                Some(*sum)
            }))
            .collect();
        let shared = (plan.config.drive.input == DriveInput::All).then(|| self.slopes(0));
        let mut records = Vec::new();
        for map in 0..plan.maps {
            let own;
            let slopes = match &shared {
                Some(slopes) => slopes,
                None => {
                    own = self.slopes(map);
                    &own
                }
            };
            let points = &starts[map * per_map..][..per_map];
            for sense in [1, -1] {
                let velocities: Vec<f64> = velocities.iter().map(|v| f64::from(sense) * v).collect();
                let runs = self.run(points, slopes, &velocities, None, &at)?;
                for (k, run) in runs.iter().enumerate() {
                    let moved = self.moved(&scorer, map, run);
                    records.extend((0..at.len()).map(|t| DriveRecord {
                        network: self.network,
                        sense,
                        map,
                        start: map * per_map + k,
                        time_ms: at[t] as f64 * dt,
                        asked: f64::from(sense) * asked[at[t]],
                        moved: moved[t],
                        winning_map: scorer.best_fit(&run.snapshots[t]).map,
                    }));
                }
            }
        }
        Ok(records)
    }

    /// Unwrapped way along the direction at every snapshot.
    fn moved(&self, scorer: &Scorer<'_>, map: usize, run: &Trajectory) -> Vec<f64> {
        let (space, direction) = (self.job.network.maps.space(map), self.direction());
        let places: Vec<Vector> = run.snapshots.iter().map(|rates| scorer.phase(map, rates)).collect();
        let steps = places.windows(2).map(|pair| space.displacement(pair[0], pair[1]));
        let along = steps.map(|step| step[0] * direction[0] + step[1] * direction[1]);
        std::iter::once(0.0)
            .chain(along.scan(0.0, |sum, step| {
                *sum += step;
                Some(*sum)
            }))
            .collect()
    }
}

impl Following {
    /// From the rows of one network; `None` if there are none, or nothing was asked for.
    pub fn of(records: &[DriveRecord], network: Which) -> Option<Self> {
        let own: Vec<&DriveRecord> = records.iter().filter(|r| r.network == network).collect();
        let runs: Vec<&[&DriveRecord]> =
            own.chunk_by(|a, b| (a.sense, a.start) == (b.sense, b.start)).collect();
        let speeds: Vec<(f64, f64)> = runs
            .iter()
            .flat_map(|run| run.windows(2))
            .map(|pair| {
                let seconds = (pair[1].time_ms - pair[0].time_ms) / 1000.0;
                ((pair[1].asked - pair[0].asked) / seconds, (pair[1].moved - pair[0].moved) / seconds)
            })
            .collect();
        let slope = |keep: &dyn Fn(f64) -> bool| {
            let kept = || speeds.iter().filter(|(asked, _)| keep(*asked));
            let squares: f64 = kept().map(|(a, _)| a * a).sum();
            (squares > 0.0).then(|| kept().map(|(a, m)| a * m).sum::<f64>() / squares)
        };
        let gain = slope(&|_| true)?;
        let count = speeds.len() as f64;
        let mean = speeds.iter().map(|s| s.1).sum::<f64>() / count;
        let total: f64 = speeds.iter().map(|s| (s.1 - mean).powi(2)).sum();
        let residual: f64 = speeds.iter().map(|(a, m)| (m - gain * a).powi(2)).sum();
        let asked = (speeds.iter().map(|s| s.0 * s.0).sum::<f64>() / count).sqrt();
        let ends: Vec<&DriveRecord> = runs.iter().filter_map(|run| run.last().copied()).collect();
        let over_ends =
            |f: fn(&DriveRecord) -> f64| ends.iter().map(|r| f(r)).sum::<f64>() / ends.len() as f64;
        Some(Self {
            network,
            gain,
            gain_right: slope(&|asked| asked > 0.0),
            gain_left: slope(&|asked| asked < 0.0),
            linearity: if total > 0.0 { 1.0 - residual / total } else { 1.0 },
            unevenness: (residual / count).sqrt() / asked,
            end_error: over_ends(|r| (r.moved - r.asked).powi(2)).sqrt(),
            wrong_map_fraction: over_ends(|r| f64::from(u8::from(r.winning_map != r.map))),
        })
    }
}
