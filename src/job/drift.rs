//! Drift: how far bumps move when nothing should move them (S6, S7, figs 2, 4–6, S7, S10).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::decoding::{Place, Scorer};
use crate::dynamics::trajectories::Trajectory;
use crate::error::Result;
use crate::job::Job;
use crate::job::drift_record::{DriftRecord, Which};
use crate::manifold::{Maps, Point, Space, Vector, length, start_anywhere, start_point};
use crate::network::Network;
use crate::observable::observables;
use crate::setup::config::Starts;
use crate::setup::plan::Plan;

/// Times at which the course of a measurement is recorded (ms), as far as it lasts; its end is always recorded.
pub const COURSE_MS: [f64; 9] = [0.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 1500.0, 2000.0, 2500.0];

observables! {
    /// Averages over all starts at one time (figs 4, S7).
    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Moment in MomentColumns {
        figures {
            /// Time since the start.
            [File, "time", "ms"]
            time_ms: f64,
            /// Mean |displacement| since the start, by score.
            [File, "mean drift", "neuron units"]
            mean_drift: f64,
            /// Mean energy relative to the start's.
            [File, "energy change", "Hz³"]
            energy_change: f64,
            /// Mean `Σ_i (r_i(t) − r_i(0))²`.
            [File, "rate change", "Hz²"]
            rate_change: f64,
            /// Mean |displacement| since the recorded time before, by score.
            [File, "recent drift", "neuron units"]
            recent_drift: f64,
            /// Mean `Σ_i (r_i(t) − r_i(t'))²` since the recorded time t′ before.
            [File, "recent rate change", "Hz²"]
            recent_rate_change: f64,
        }
    }
}

/// A network's drift: every start, and the course of their averages.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// One a start.
    pub records: Vec<DriftRecord>,
    /// In order of time.
    pub course: Vec<Moment>,
}

observables! {
    averages of DriftRecord;
    /// Averages over the starts of one network.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
    pub struct DriftSummary in DriftSummaryColumns {
        figures {
            /// Mean |displacement| by score.
            [First, "mean drift in {duration}", "neuron units"]
            mean_drift: f64 = |runs| mean(runs, |r| r.displacement.abs()),
            /// Largest |displacement| by score.
            [File, "largest drift", "neuron units"]
            largest_drift: f64 = |runs| largest(runs, |r| r.displacement.abs()),
            /// Mean |displacement| by score from 100 ms on.
            [First, "settled drift (after 0.1 s)", "neuron units"]
            settled_mean_drift: f64 = |runs| mean(runs, |r| r.settled_displacement.abs()),
            /// Largest |displacement| by score from 100 ms on.
            [Report, "largest settled drift", "neuron units"]
            settled_largest_drift: f64 = |runs| largest(runs, |r| r.settled_displacement.abs()),
            /// Mean |displacement| by the population vector's phase.
            [Report, "mean drift by phase", "neuron units"]
            phase_mean_drift: f64 = |runs| mean(runs, |r| r.phase_displacement.abs()),
            /// Mean `Σ_i (r_i(end) − r_i(0))²`.
            [Report, "rate change", "Hz²"]
            rate_change: f64 = |runs| mean(runs, |r| r.rate_change),
            /// Mean bump score at the end.
            [First, "bump score", "1"]
            score: f64 = |runs| mean(runs, |r| r.score),
            /// Fraction of bumps that are still in their own map.
            [Report, "fraction of bumps still in their map", "1"]
            own_map_fraction: f64 = |runs| mean(runs, |r| f64::from(u8::from(r.winning_map == r.map))),
            /// Trajectories whose energy rose anywhere.
            [File, "trajectories whose energy rose", "1"]
            energy_rises: usize = |runs| runs.iter().filter(|r| r.energy_rises > 0).count(),
            /// Fraction of bumps in their own map and, by the population vector, within half a neuron unit of their start.
            [File, "fraction within 0.5 units", "1"]
            within_0_5: f64 = |runs| within(runs, 0.5),
            /// Fraction of bumps in their own map and, by the population vector, within one neuron unit of their start.
            [File, "fraction within 1 unit", "1"]
            within_1: f64 = |runs| within(runs, 1.0),
            /// Fraction of bumps in their own map and, by the population vector, within two neuron units of their start.
            [File, "fraction within 2 units", "1"]
            within_2: f64 = |runs| within(runs, 2.0),
            /// Fraction of bumps in their own map and, by the population vector, within five neuron units of their start.
            [File, "fraction within 5 units", "1"]
            within_5: f64 = |runs| within(runs, 5.0),
        }
    }
}

fn mean(runs: &[&DriftRecord], of: fn(&DriftRecord) -> f64) -> f64 {
    runs.iter().map(|run| of(run)).sum::<f64>() / runs.len() as f64
}

/// Fraction of bumps in their own map that the population vector has within a distance of their start (neuron units).
fn within(runs: &[&DriftRecord], distance: f64) -> f64 {
    let near = |run: &&&DriftRecord| run.winning_map == run.map && run.phase_displacement.abs() <= distance;
    runs.iter().filter(near).count() as f64 / runs.len() as f64
}

fn largest(runs: &[&DriftRecord], of: fn(&DriftRecord) -> f64) -> f64 {
    runs.iter().map(|run| of(run)).fold(0.0, f64::max)
}

impl DriftSummary {
    /// Averages the records of one network; `None` if there are none.
    pub fn of(records: &[DriftRecord], network: Which) -> Option<Self> {
        let runs: Vec<&DriftRecord> = records.iter().filter(|r| r.network == network).collect();
        (!runs.is_empty()).then(|| Self::average(&runs))
    }
}

/// Where trajectories start: `per_map` points on every map.
pub fn start_points(maps: &Maps, starts: Starts, per_map: usize) -> Vec<Point> {
    let point = |map: usize, k: usize| match starts {
        Starts::Sites => start_point(maps, map, k, per_map),
        Starts::Anywhere => start_anywhere(maps, map, k),
    };
    (0..maps.count()).flat_map(|map| (0..per_map).map(move |k| point(map, k))).collect()
}

/// The currents of idealized bumps at points, `[points][neurons]` (Hz²).
pub fn start_currents(network: &Network, points: &[Point]) -> Vec<Vec<f64>> {
    points
        .iter()
        .map(|point| {
            let mut current = vec![0.0; network.neurons()];
            network.bumps.current_at(&network.maps, point, &mut current);
            current
        })
        .collect()
}

impl Job<'_> {
    /// Runs the network with the given weights from the currents of idealized bumps and records where they go.
    ///
    /// # Errors
    /// If the backend fails, or [`Error::Interrupted`](crate::error::Error::Interrupted) if an end was asked for.
    pub fn measure_drift(&self, weights: &WeightMatrix, which: Which) -> Result<Measurement> {
        self.measure_from(weights, which, &self.start_points())
    }

    /// Where the trajectories of a measurement start.
    pub(crate) fn start_points(&self) -> Vec<Point> {
        let measure = &self.plan.config.measure;
        start_points(&self.network.maps, measure.starts, measure.starts_per_map)
    }

    /// As [`Job::measure_drift`], from some points only.
    ///
    /// # Errors
    /// As [`Job::measure_drift`].
    pub(crate) fn measure_from(
        &self,
        weights: &WeightMatrix,
        which: Which,
        points: &[Point],
    ) -> Result<Measurement> {
        let (plan, network) = (self.plan, self.network);
        let starts = start_currents(network, points);
        let dynamics = network.dynamics(weights, plan.step());
        let label = match which {
            Which::Base => "drift before",
            Which::Flattened => "drift after",
        };
        let times = SnapshotTimes::new(plan);
        let (items, seconds) = (starts.len() * plan.steps, plan.cost.trajectories_seconds);
        let runs = self.stage(label, items, seconds, |tick| {
            self.backend.trajectories(&dynamics, &starts, &times.steps, tick)
        })?;
        let scorer = Scorer::new(&network.maps, &network.bumps);
        let located: Vec<Located<'_>> = points
            .par_iter()
            .zip(&runs)
            .map(|(point, run)| Located::new(&network.maps, &scorer, point, run))
            .collect();
        Ok(Measurement {
            records: located.iter().map(|run| run.record(which, &scorer, &times)).collect(),
            course: times.course(plan, &located),
        })
    }
}

/// When rates are kept, in steps.
struct SnapshotTimes {
    steps: Vec<usize>,
    /// Index of the time from which drift counts as settled.
    settled: usize,
}

impl SnapshotTimes {
    fn new(plan: &Plan) -> Self {
        let in_steps = |ms: f64| (ms / plan.config.dynamics.dt_ms).round() as usize;
        let mut steps: Vec<usize> = COURSE_MS.into_iter().map(in_steps).filter(|&s| s < plan.steps).collect();
        steps.extend([plan.settling_steps, plan.steps]);
        steps.sort_unstable();
        steps.dedup();
        let settled = steps.partition_point(|&s| s < plan.settling_steps);
        Self { steps, settled }
    }

    fn course(&self, plan: &Plan, runs: &[Located<'_>]) -> Vec<Moment> {
        let mean = |f: &dyn Fn(&Located<'_>) -> f64| runs.iter().map(f).sum::<f64>() / runs.len() as f64;
        self.steps
            .iter()
            .enumerate()
            .map(|(t, &steps)| Moment {
                time_ms: steps as f64 * plan.config.dynamics.dt_ms,
                mean_drift: mean(&|run| run.displacement(0, t).abs()),
                energy_change: mean(&|run| run.trajectory.energies[t] - run.trajectory.energies[0]),
                rate_change: mean(&|run| run.rate_change(0, t)),
                recent_drift: mean(&|run| run.displacement(t.saturating_sub(1), t).abs()),
                recent_rate_change: mean(&|run| run.rate_change(t.saturating_sub(1), t)),
            })
            .collect()
    }
}

/// The shortest way from one place to another: signed on a line, its length on a surface (neuron units).
fn moved(space: &Space, from: Vector, to: Vector) -> f64 {
    let displacement = space.displacement(from, to);
    if space.dimension() == 1 { displacement[0] } else { length(displacement) }
}

/// Whether a row could be of a trajectory from `start`: the displacement leads from there to the end, and downhill.
pub(crate) fn is_possible(row: &DriftRecord, start: &Point, maps: &Maps) -> bool {
    (row.map, row.start) == (start.map, start.position)
        && row.winning_map < maps.count()
        && row.displacement == moved(maps.space(start.map), row.start, row.end)
        && row.end_energy <= row.start_energy
        && row.rate_change >= 0.0
}

/// A trajectory with the place of its bump at every recorded time.
struct Located<'a> {
    dimension: usize,
    space: Space,
    start: Point,
    trajectory: &'a Trajectory,
    places: Vec<Place>,
}

impl<'a> Located<'a> {
    fn new(maps: &Maps, scorer: &Scorer<'_>, start: &Point, trajectory: &'a Trajectory) -> Self {
        let places = trajectory.snapshots.iter().map(|rates| scorer.place(rates)).collect();
        Self { dimension: maps.dimension(), space: *maps.space(start.map), start: *start, trajectory, places }
    }

    /// Displacement between two recorded times on the start's map (neuron units); time 0 is the start itself.
    fn displacement(&self, from: usize, to: usize) -> f64 {
        let at = |t: usize| if t == 0 { self.start.position } else { self.places[t].location };
        moved(&self.space, at(from), at(to))
    }

    fn rate_change(&self, from: usize, to: usize) -> f64 {
        let (first, last) = (&self.trajectory.snapshots[from], &self.trajectory.snapshots[to]);
        first.iter().zip(last).map(|(a, b)| (b - a).powi(2)).sum()
    }

    fn record(&self, network: Which, scorer: &Scorer<'_>, times: &SnapshotTimes) -> DriftRecord {
        let last = self.places.len() - 1;
        let end = self.places[last];
        let phases = [0, last].map(|t| scorer.phase(self.start.map, &self.trajectory.snapshots[t]));
        DriftRecord {
            dimension: self.dimension,
            network,
            map: self.start.map,
            start: self.start.position,
            end: end.location,
            displacement: self.displacement(0, last),
            settled_displacement: self.displacement(times.settled, last),
            rate_change: self.rate_change(0, last),
            score: end.score,
            winning_map: end.map,
            phase_displacement: moved(&self.space, phases[0], phases[1]),
            start_energy: self.trajectory.energies[0],
            end_energy: self.trajectory.energies[last],
            energy_rises: self.trajectory.energy_rises,
        }
    }
}
