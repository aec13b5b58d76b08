//! Drift: how far bumps move when nothing should move them (S6, S7, figs 2, 4–6, S7, S10).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::decoding::{BestFit, Scorer};
use crate::dynamics::noisy::NoisyStart;
use crate::dynamics::trajectories::Trajectory;
use crate::error::Result;
use crate::job::Job;
use crate::job::corrupt::corrupt;
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::path_record::PathRecord;
use crate::manifold::{Maps, Point, Space, Vector, length, start_anywhere, start_point};
use crate::network::Network;
use crate::observable::observables;
use crate::progress::Tick;
use crate::setup::config::Starts;
use crate::setup::plan::Plan;

/// Times at which a measurement is recorded (ms), up to its length; its end is always recorded.
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
            /// Mean energy relative to the start's; none where weights are not symmetric.
            [File, "energy change", "Hz³"]
            energy_change: Option<f64>,
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
    /// One for each start.
    pub records: Vec<DriftRecord>,
    /// In order of time.
    pub course: Vec<Moment>,
    /// Places in the course of time, trajectory after trajectory; none unless asked for.
    pub paths: Vec<PathRecord>,
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
            /// Trajectories whose energy rose anywhere; none where weights are not symmetric.
            [File, "trajectories whose energy rose", "1"]
            energy_rises: Option<usize> = |runs| {
                let have_energy = runs.iter().all(|r| !r.start_energy.is_nan());
                have_energy.then(|| runs.iter().filter(|r| r.energy_rises > 0).count())
            },
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

/// Fraction of a network's bumps that ended in their own map within σ of where they started: completed patterns, where the
/// starts were damaged. `None` if there are no rows.
pub fn recovered_fraction(records: &[DriftRecord], network: Which, plan: &Plan) -> Option<f64> {
    let width = |map: usize| {
        let mut groups = plan.layout.groups.iter();
        let mut first = 0;
        let group = groups.find(|group| {
            first += group.group.count;
            map < first
        });
        group.map_or(0.0, |group| group.kernel.width)
    };
    let rows: Vec<&DriftRecord> = records.iter().filter(|r| r.network == network).collect();
    let back = |r: &&&DriftRecord| r.winning_map == r.map && r.displacement.abs() <= width(r.map);
    (!rows.is_empty()).then(|| rows.iter().filter(back).count() as f64 / rows.len() as f64)
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

/// A trajectory of a measurement: where it starts, and its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Launch {
    /// Where.
    pub point: Point,
    /// Number of the start, over all maps.
    pub start: usize,
    /// Which of the trajectories from there.
    pub replicate: usize,
}

/// Most rates that snapshots hold at a time; larger measurements go batch by batch.
const SNAPSHOT_RATES: usize = 1 << 25;

impl Job<'_> {
    /// Runs the network with the given weights from the currents of idealized bumps and records where they go.
    ///
    /// # Errors
    /// If the backend fails, or [`Error::Interrupted`](crate::error::Error::Interrupted) if the work was stopped.
    pub fn measure_drift(&self, weights: &WeightMatrix, which: Which) -> Result<Measurement> {
        self.measure_from(weights, which, &self.launches())
    }

    /// Where the trajectories of a measurement start.
    pub(crate) fn start_points(&self) -> Vec<Point> {
        let measure = &self.plan.config.measure;
        start_points(&self.network.maps, measure.starts, measure.starts_per_map)
    }

    /// The trajectories of a measurement: every start's replicates, start after start.
    pub(crate) fn launches(&self) -> Vec<Launch> {
        let of_start = |(start, point): (usize, Point)| {
            (0..self.plan.replicates).map(move |replicate| Launch { point, start, replicate })
        };
        self.start_points().into_iter().enumerate().flat_map(of_start).collect()
    }

    /// As [`Job::measure_drift`], for some of the trajectories only.
    ///
    /// # Errors
    /// As [`Job::measure_drift`].
    pub(crate) fn measure_from(
        &self,
        weights: &WeightMatrix,
        which: Which,
        launches: &[Launch],
    ) -> Result<Measurement> {
        let (plan, network) = (self.plan, self.network);
        let label = match which {
            Which::Base => "drift before",
            Which::Flattened => "drift after",
        };
        let times = SnapshotTimes::new(plan);
        let scorer = Scorer::new(&network.maps, &network.bumps);
        let batch = (SNAPSHOT_RATES / (plan.neurons * times.steps.len())).max(1);
        let (items, seconds) = (launches.len() * plan.steps, plan.cost.trajectories_seconds);
        let followed: Vec<Followed> = self.stage(label, items, seconds, |tick| {
            let mut followed = Vec::with_capacity(launches.len());
            for launches in launches.chunks(batch) {
                let runs = self.run(weights, which, launches, &times.steps, tick)?;
                let follow = |(launch, run): (&Launch, &Trajectory)| {
                    Located::new(network, &scorer, launch, run).follow(which, &scorer, &times, plan)
                };
                followed.par_extend(launches.par_iter().zip(&runs).map(follow));
            }
            Ok(followed)
        })?;
        Ok(Measurement {
            course: course(&followed),
            paths: followed.iter().flat_map(|f| f.path.iter().copied()).collect(),
            records: followed.into_iter().map(|f| f.record).collect(),
        })
    }

    /// Number of a trajectory among all of the measurement.
    fn number(&self, launch: &Launch) -> u32 {
        (launch.start * self.plan.replicates + launch.replicate) as u32
    }

    /// The currents with which trajectories start: those of idealized bumps, damaged if the configuration says so.
    pub(crate) fn launch_currents(&self, launches: &[Launch]) -> Vec<Vec<f64>> {
        let points: Vec<Point> = launches.iter().map(|launch| launch.point).collect();
        let mut starts = start_currents(self.network, &points);
        let config = &self.plan.config;
        for (current, launch) in starts.iter_mut().zip(launches) {
            let (how, seed) = (&config.measure.corrupt, config.network.seed);
            corrupt(current, how, self.network.transfer, seed, self.number(launch));
        }
        starts
    }

    /// The trajectories, with noise where the configuration has some.
    fn run(
        &self,
        weights: &WeightMatrix,
        which: Which,
        launches: &[Launch],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>> {
        let starts = self.launch_currents(launches);
        let dynamics = self.dynamics(weights, which);
        let Some(noise) = self.plan.noise() else {
            return self.backend.trajectories(&dynamics, &starts, at, tick);
        };
        let starts: Vec<NoisyStart<'_>> = launches
            .iter()
            .zip(&starts)
            .map(|(launch, current)| NoisyStart { current, trajectory: self.number(launch) })
            .collect();
        self.backend.noisy_trajectories(&dynamics, &noise, &starts, at, tick)
    }
}

/// When rates are kept, in steps.
struct SnapshotTimes {
    steps: Vec<usize>,
    /// Indices of the times of the course.
    course: Vec<usize>,
    /// Indices of the rows of `trajectories.csv`.
    path: Vec<usize>,
    /// Index of the time from which drift counts as settled.
    settled: usize,
}

impl SnapshotTimes {
    fn new(plan: &Plan) -> Self {
        let in_steps = |ms: f64| (ms / plan.config.dynamics.dt_ms).round() as usize;
        let sorted = |mut steps: Vec<usize>| {
            steps.sort_unstable();
            steps.dedup();
            steps
        };
        let course = COURSE_MS.into_iter().map(in_steps).filter(|&s| s < plan.steps);
        let course = sorted(course.chain([plan.settling_steps, plan.steps]).collect());
        let path: Vec<usize> = match plan.record_steps {
            Some(every) => sorted((0..=plan.steps).step_by(every).chain([plan.steps]).collect()),
            None => Vec::new(),
        };
        let steps = sorted(course.iter().chain(&path).copied().collect());
        let index = |of: &[usize]| of.iter().map(|s| steps.partition_point(|x| x < s)).collect();
        let settled = steps.partition_point(|&s| s < plan.settling_steps);
        Self { course: index(&course), path: index(&path), settled, steps }
    }
}

/// Averages over all starts, time by time.
fn course(runs: &[Followed]) -> Vec<Moment> {
    let count = runs.len() as f64;
    let times = runs.first().map_or(0, |run| run.course.len());
    (0..times)
        .map(|t| {
            let mean = |f: fn(&Moment) -> f64| runs.iter().map(|run| f(&run.course[t])).sum::<f64>() / count;
            Moment {
                time_ms: runs[0].course[t].time_ms,
                mean_drift: mean(|m| m.mean_drift),
                energy_change: Some(mean(|m| m.energy_change.unwrap_or(f64::NAN)))
                    .filter(|mean| !mean.is_nan()),
                rate_change: mean(|m| m.rate_change),
                recent_drift: mean(|m| m.recent_drift),
                recent_rate_change: mean(|m| m.recent_rate_change),
            }
        })
        .collect()
}

/// The shortest way from one place to another: signed on a line, its length on a surface (neuron units).
fn moved(space: &Space, from: Vector, to: Vector) -> f64 {
    let displacement = space.displacement(from, to);
    if space.dimension() == 1 { displacement[0] } else { length(displacement) }
}

/// Whether a row could describe a trajectory from `start`: its displacement leads from there to the end, and its energy falls.
pub(crate) fn is_possible(row: &DriftRecord, launch: &Launch, plan: &Plan, maps: &Maps) -> bool {
    let (start, noisy) = (&launch.point, plan.noise().is_some());
    (row.map, row.start) == (start.map, start.position)
        && row.replicate == (plan.replicates > 1).then_some(launch.replicate)
        && row.winning_map < maps.count()
        && row.displacement == moved(maps.space(start.map), row.start, row.end)
        // Noise may lift a bump.
        && (noisy || row.end_energy <= row.start_energy)
        && row.rate_change >= 0.0
}

/// What is kept of a trajectory.
struct Followed {
    record: DriftRecord,
    /// Its contribution to the averages.
    course: Vec<Moment>,
    path: Vec<PathRecord>,
}

/// A trajectory with where its bump is at every recorded time.
struct Located<'a> {
    dimension: usize,
    space: Space,
    launch: Launch,
    trajectory: &'a Trajectory,
    best_fits: Vec<BestFit>,
}

impl<'a> Located<'a> {
    fn new(network: &Network, scorer: &Scorer<'_>, launch: &Launch, trajectory: &'a Trajectory) -> Self {
        let (maps, best) = (&network.maps, trajectory.snapshots.iter().map(|rates| scorer.best_fit(rates)));
        let space = *maps.space(launch.point.map);
        Self { dimension: maps.dimension(), space, launch: *launch, trajectory, best_fits: best.collect() }
    }

    fn follow(&self, network: Which, scorer: &Scorer<'_>, times: &SnapshotTimes, plan: &Plan) -> Followed {
        let time_ms = |t: usize| times.steps[t] as f64 * plan.config.dynamics.dt_ms;
        let energies = &self.trajectory.energies;
        let moment = |(k, &t): (usize, &usize)| {
            let before = times.course[k.saturating_sub(1)];
            Moment {
                time_ms: time_ms(t),
                mean_drift: self.displacement(0, t).abs(),
                energy_change: Some(energies[t] - energies[0]).filter(|change| !change.is_nan()),
                rate_change: self.rate_change(0, t),
                recent_drift: self.displacement(before, t).abs(),
                recent_rate_change: self.rate_change(before, t),
            }
        };
        let place = |&t: &usize| PathRecord {
            network,
            map: self.launch.point.map,
            start: self.launch.start,
            replicate: self.launch.replicate,
            time_ms: time_ms(t),
            position: scorer.phase(self.launch.point.map, &self.trajectory.snapshots[t]),
            winning_map: self.best_fits[t].map,
            score: self.best_fits[t].score,
        };
        Followed {
            record: self.record(network, scorer, times, plan),
            course: times.course.iter().enumerate().map(moment).collect(),
            path: times.path.iter().map(place).collect(),
        }
    }

    /// Displacement between two recorded times on the start's map (neuron units); time 0 is the start itself.
    fn displacement(&self, from: usize, to: usize) -> f64 {
        let at = |t: usize| if t == 0 { self.launch.point.position } else { self.best_fits[t].location };
        moved(&self.space, at(from), at(to))
    }

    fn rate_change(&self, from: usize, to: usize) -> f64 {
        let (first, last) = (&self.trajectory.snapshots[from], &self.trajectory.snapshots[to]);
        first.iter().zip(last).map(|(a, b)| (b - a).powi(2)).sum()
    }

    fn record(&self, network: Which, scorer: &Scorer<'_>, times: &SnapshotTimes, plan: &Plan) -> DriftRecord {
        let last = self.best_fits.len() - 1;
        let (end, start) = (self.best_fits[last], &self.launch.point);
        let phases = [0, last].map(|t| scorer.phase(start.map, &self.trajectory.snapshots[t]));
        DriftRecord {
            dimension: self.dimension,
            network,
            map: start.map,
            replicate: (plan.replicates > 1).then_some(self.launch.replicate),
            start: start.position,
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
