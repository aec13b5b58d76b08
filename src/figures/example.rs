//! The example network of figures 2, 3, 5a, 6a, S8 and S9: ten maps, flattened in every way.

use super::study::Way;
use super::{Scope, Workshop};
use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::decoding::Scorer;
use crate::dynamics::trajectories::Trajectory;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::drift::start_currents;
use crate::job::reached::{Landscape, Status};
use crate::landscape::problem::{Definition, Minimizer, Problem};
use crate::manifold::{Point, start_point};
use crate::network::Network;
use crate::setup::config::Config;
use crate::setup::plan::Plan;

/// Maps of the example.
const MAPS: usize = 10;

/// Maps whose trajectories are shown: the paper's #3 and #5, which are 2 and 4 where maps are counted from 0, as in all
/// of this program's data and names.
pub(super) const SHOWN_MAPS: [usize; 2] = [2, 4];

/// Starts in each of them.
pub(super) const STARTS: usize = 10;

/// Interval between shown locations (ms).
const INTERVAL_MS: f64 = 20.0;

/// Snapshots of figure 2a (ms).
pub(super) const SNAPSHOTS_MS: [f64; 3] = [0.0, 10.0, 1500.0];

/// One network with its landscapes and weights.
pub(super) struct Example {
    pub plan: Plan,
    pub network: Network,
    /// Landscapes by way, [idealized, paper, kkt].
    landscapes: Vec<(Way, Landscape)>,
    /// Trajectories by way, in `SHOWN_MAPS`.
    pub courses: Vec<(Way, Vec<Course>)>,
}

/// Ways whose weights are needed: for their landscapes, or to follow bumps on them.
fn flattened(scope: &Scope) -> Vec<Way> {
    let (landscapes, courses) = (scope.ways(|figure| figure.landscapes), scope.ways(|figure| figure.courses));
    let needed = |way: &Way| *way != Way::None && (landscapes.contains(way) || courses.contains(way));
    Way::ALL.into_iter().filter(needed).collect()
}

fn plan(config: &Config, way: Way) -> Result<Plan> {
    let mut config = way.configure(config);
    config.network.maps = Some(MAPS);
    Plan::new(config)
}

/// Estimated time of one way's trajectories (s).
fn courses_seconds(plan: &Plan) -> f64 {
    plan.cost.trajectories_seconds * (SHOWN_MAPS.len() * STARTS) as f64 / plan.starts() as f64
}

/// Estimated time of what the figures need of the example (s).
pub(super) fn seconds(scope: &Scope, config: &Config) -> Result<f64> {
    let mut seconds = 0.0;
    for way in flattened(scope) {
        let cost = plan(config, way)?.cost;
        seconds += cost.total_seconds - 2.0 * cost.trajectories_seconds;
    }
    for way in scope.ways(|figure| figure.courses) {
        seconds += courses_seconds(&plan(config, way)?);
    }
    Ok(seconds)
}

/// One shown trajectory.
pub(super) struct Course {
    pub map: usize,
    /// (time (s), displacement from the start in the winning map (neuron units)), unwrapped by the start.
    pub locations: Vec<(f64, f64)>,
    /// Rates by position in the start's map at `SNAPSHOTS_MS` (Hz).
    pub snapshots: Vec<Vec<f64>>,
    pub start: usize,
}

impl Example {
    /// The landscapes and trajectories that the figures need.
    pub fn compute(scope: &Scope, workshop: &Workshop<'_>) -> Result<Self> {
        let Workshop { backend, monitor, stop, .. } = *workshop;
        let backend = backend.as_ref();
        let plan = plan(workshop.config, Way::Paper)?;
        let network = plan.network(0)?;
        let mut landscapes = Vec::new();
        for way in flattened(scope) {
            let plan = self::plan(workshop.config, way)?;
            let job = Job { plan: &plan, network: &network, backend, monitor, stop };
            let (landscape, status) = job.flatten(None, &mut |_| Ok(()))?;
            if status == Status::Interrupted {
                return Err(Error::Interrupted);
            }
            landscapes.push((way, landscape));
        }
        let mut example = Self { plan, network, landscapes, courses: Vec::new() };
        for way in scope.ways(|figure| figure.courses) {
            let courses = example.run(way, workshop)?;
            example.courses.push((way, courses));
        }
        Ok(example)
    }

    /// The landscapes of a way, before and after every update.
    pub fn landscape(&self, way: Way) -> &Landscape {
        let found = self.landscapes.iter().find(|(w, _)| *w == way);
        &found.expect("a figure names the landscapes that it needs").1
    }

    /// W of a way.
    pub fn weights(&self, way: Way) -> WeightMatrix {
        match way {
            Way::None => self.network.weights.clone(),
            _ => self.network.weights.plus(1.0, &self.landscape(way).delta),
        }
    }

    /// The problem of constrained minima on given weights.
    pub fn problem<'a>(&'a self, weights: &'a WeightMatrix) -> Problem<'a> {
        self.network.problem(weights, Definition::Paper, Minimizer::Newton)
    }

    fn run(&self, way: Way, workshop: &Workshop<'_>) -> Result<Vec<Course>> {
        let points: Vec<Point> = SHOWN_MAPS
            .into_iter()
            .flat_map(|map| (0..STARTS).map(move |k| start_point(&self.network.maps, map, k, STARTS)))
            .collect();
        let starts = start_currents(&self.network, &points);
        let steps = |ms: f64| (ms / self.plan.config.dynamics.dt_ms).round() as usize;
        let mut at: Vec<usize> =
            (0..).map(|i| steps(f64::from(i) * INTERVAL_MS)).take_while(|&s| s <= self.plan.steps).collect();
        at.extend(SNAPSHOTS_MS.map(steps));
        at.sort_unstable();
        at.dedup();
        let weights = self.weights(way);
        let dynamics = self.network.dynamics(&weights, self.plan.step());
        let work = starts.len() * self.plan.steps;
        let runs = workshop.monitor.stage("trajectories", work, courses_seconds(&self.plan), |tick| {
            workshop.backend.trajectories(&dynamics, &starts, &at, &tick.stopped_by(workshop.stop))
        })?;
        let scorer = Scorer::new(&self.network.maps, &self.network.bumps);
        Ok(points.iter().zip(&runs).map(|(point, run)| self.course(&scorer, point, run, &at)).collect())
    }

    fn course(&self, scorer: &Scorer<'_>, start: &Point, run: &Trajectory, at: &[usize]) -> Course {
        let (map, space) = (start.map, self.network.maps.space(start.map));
        let dt = self.plan.config.dynamics.dt_ms;
        let locations = at
            .iter()
            .zip(&run.snapshots)
            .map(|(&step, rates)| {
                let location = if step == 0 { start.position } else { scorer.best_fit(rates).location };
                (step as f64 * dt / 1000.0, space.displacement(start.position, location)[0])
            })
            .collect();
        let snapshots = SNAPSHOTS_MS
            .iter()
            .filter_map(|&ms| at.iter().position(|&s| (s as f64 * dt - ms).abs() < 0.5 * dt))
            .map(|index| {
                let neurons = self.network.maps.neurons_by_site(map);
                neurons.iter().map(|&i| run.snapshots[index][i as usize]).collect()
            })
            .collect();
        Course { map, locations, snapshots, start: start.base[0] as usize }
    }
}
