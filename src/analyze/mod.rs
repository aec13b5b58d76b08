//! `flatscape analyze`: the slow manifold of a network, without simulating it. Velocity along every map, fixed points with
//! stability, spacing and basins, and the eigenvalues of the linearised dynamics there.

pub mod fixed_points;
mod rows;
pub mod spectrum;
pub mod tangent;

#[cfg(feature = "plots")]
pub mod plots;

pub use rows::{
    AnalysisRecord, FigureRow, MapFigures, NetworkFigures, Place, Rest, figures_table, place_table,
    rest_table,
};

use rayon::prelude::*;

use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::drift_record::Which;
use crate::landscape::minima;
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::{State, States};
use crate::manifold::{Axis, Lattice, Point, Points, Shape, Vector, grid, length};
use crate::progress::Tick;
use fixed_points::{FixedPoint, Kind, basins, entropy_bits, on_line, on_surface};
use spectrum::Spectrum;
use tangent::{Tangent, step_to_rest};

/// Points for each neuron's place, on surfaces two along each axis, as long as there are no more than [`MOST_POINTS`] in all: the
/// roughness that flattening leaves has the period of the neurons.
const PER_NEURON: usize = 4;

/// See [`PER_NEURON`].
const MOST_POINTS: usize = 40_000;

/// Eigenvalues are computed at no more than this many fixed points of each kind on a map, evenly chosen.
const MOST_SPECTRA: usize = 25;

/// Newton steps that take a fixed point to rest, halved ones too, at most; and the part of the points' distance at which a step is
/// none.
const LOOKS_AT_REST: usize = 10;
const AT_REST: f64 = 1e-6;

/// Fixed points of a surface that have come to rest within this part of the points' distance from another are that one.
const SAME: f64 = 1e-2;

/// A network's slow manifold.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// Every point, map after map.
    pub places: Vec<Place>,
    /// Fixed points, map after map.
    pub rests: Vec<Rest>,
    /// Figures of the network and of each map.
    pub figures: NetworkFigures,
}

/// At how many points each map is looked at unless a number is given: four for each neuron's place, as long as that is not too
/// many and they can be laid evenly; otherwise at the fitted points.
pub fn default_points(job: &Job<'_>) -> usize {
    let maps = &job.network.maps;
    let fitted = job.plan.points_per_map;
    let finer = PER_NEURON * maps.groups().iter().map(|g| g.lattice.sites()).max().unwrap_or(0);
    let laid = maps.groups().iter().all(|g| grid(&g.lattice, g.margin, finer).is_some());
    if laid && maps.count() * finer <= MOST_POINTS { finer.max(fitted) } else { fitted }
}

/// The slow manifold of the network with the given weights, at `per_map` points on each map.
///
/// # Errors
/// [`Error::Usage`] if this many points cannot be laid on a map; if the backend fails, or the work was stopped.
pub fn analyze(job: &Job<'_>, weights: &WeightMatrix, network: Which, per_map: usize) -> Result<Analysis> {
    let maps = &job.network.maps;
    if let Some(group) = maps.groups().iter().find(|g| grid(&g.lattice, g.margin, per_map).is_none()) {
        return Err(Error::Usage(format!(
            "{per_map} points cannot be laid evenly on a {}; give as many as it has sites, or four times as many",
            group.lattice.space.shape.name()
        )));
    }
    let problem = job.problem(weights);
    let points = Points::fitted(maps, per_map);
    let label = if network == Which::Base { "manifold before" } else { "manifold after" };
    let minima = job.stage(label, points.len(), job.plan.cost.minima_seconds, |tick| {
        job.backend.minima(&problem, points, Start::Idealized, tick)
    })?;
    let tau = job.plan.config.dynamics.tau_ms / 1000.0;
    let tangents: Vec<Option<Tangent>> = (0..points.len())
        .into_par_iter()
        .map(|s| {
            let held = !minima.certificates[s].bump_lost();
            let at =
                || Tangent::new(&problem, &points.get(s), minima.states.get(s), minima.multipliers[s], tau);
            held.then(at).flatten()
        })
        .collect();
    let place = |(s, tangent): (usize, &Option<Tangent>)| {
        let point = points.get(s);
        let none = [f64::NAN; 2];
        Place {
            network,
            map: point.map,
            position: point.position,
            energy: minima.energies[s],
            slope: tangent.as_ref().map_or(none, |t| t.slope),
            velocity: tangent.as_ref().map_or(none, |t| t.velocity),
            lagging_velocity: tangent.as_ref().map_or(none, |t| t.lagging_velocity),
        }
    };
    let places: Vec<Place> = tangents.iter().enumerate().map(place).collect();
    let mut rests = Vec::new();
    let mut figures = Vec::new();
    for (map, places) in places.chunks_exact(per_map).enumerate() {
        if (job.stop)() {
            return Err(Error::Interrupted);
        }
        let of_map = OnMap { job, problem: &problem, network, map, places, minima: &minima, tau };
        let found = of_map.rests();
        figures.push(of_map.figures(&found));
        rests.extend(found);
    }
    let figures = NetworkFigures::of(network, job.plan.config.measure.duration_ms, figures);
    Ok(Analysis { places, rests, figures })
}

/// The slow manifold at any point, on the branch of minima that is found from a state near it. `None` where there is no bump.
pub fn tangent_at(
    problem: &Problem<'_>,
    point: &Point,
    near: State<'_>,
    tau_seconds: f64,
) -> Option<Tangent> {
    look(problem, point, near, tau_seconds).map(|(tangent, _, _)| tangent)
}

/// The constrained minimum at a point, found from a state near it, with its tangent and multiplier.
fn look(
    problem: &Problem<'_>,
    point: &Point,
    near: State<'_>,
    tau_seconds: f64,
) -> Option<(Tangent, Vector, Minima)> {
    let start = States::pack(problem.maps.neurons(), [near]);
    let found = minima::at(problem, &[*point], Start::States(&start), &Tick::silent()).ok()?;
    let multiplier = found.multipliers[0];
    let tangent = Tangent::new(problem, point, found.states.get(0), multiplier, tau_seconds)?;
    Some((tangent, multiplier, found))
}

/// Which fixed points have their eigenvalues computed. Kinds take turns along a line, so each kind is counted by itself.
fn evenly_chosen(points: &[FixedPoint]) -> Vec<bool> {
    let count = |points: &[FixedPoint], kind: Kind| points.iter().filter(|p| p.kind == kind).count();
    let is_chosen = |(k, point): (usize, &FixedPoint)| {
        let stride = count(points, point.kind).div_ceil(MOST_SPECTRA);
        count(&points[..k], point.kind).is_multiple_of(stride)
    };
    points.iter().enumerate().map(is_chosen).collect()
}

/// One map of the network that is looked at.
struct OnMap<'a> {
    job: &'a Job<'a>,
    problem: &'a Problem<'a>,
    network: Which,
    map: usize,
    /// The map's own points.
    places: &'a [Place],
    /// Of all maps.
    minima: &'a Minima,
    tau: f64,
}

impl OnMap<'_> {
    fn lattice(&self) -> &Lattice {
        &self.job.network.maps.group(self.map).lattice
    }

    fn is_line(&self) -> bool {
        self.lattice().space.dimension() == 1
    }

    /// Fixed points, with the eigenvalues of some.
    fn rests(&self) -> Vec<Rest> {
        let (lattice, margin) = (self.lattice(), self.job.network.maps.group(self.map).margin);
        let space = &lattice.space;
        let found = if self.is_line() {
            let positions: Vec<f64> = self.places.iter().map(|p| p.position[0]).collect();
            let velocities: Vec<f64> = self.places.iter().map(|p| p.velocity[0]).collect();
            on_line(space, &positions, &velocities)
        } else if let (Some(counts), false) =
            (grid(lattice, margin, self.places.len()), space.shape == Shape::Sphere)
        {
            let positions: Vec<Vector> = self.places.iter().map(|p| p.position).collect();
            let velocities: Vec<Vector> = self.places.iter().map(|p| p.velocity).collect();
            on_surface(lattice, counts, &positions, &velocities)
        } else {
            Vec::new()
        };
        let chosen = evenly_chosen(&found);
        let settled: Vec<(FixedPoint, Option<Spectrum>)> =
            found.par_iter().zip(chosen).map(|(point, chosen)| self.settle(point, chosen)).collect();
        let settled = if self.is_line() { settled } else { self.distinct(settled) };
        let points: Vec<FixedPoint> = settled.iter().map(|(point, _)| *point).collect();
        let mut basins = if self.is_line() { self.basins(&points) } else { Vec::new() }.into_iter();
        settled
            .into_iter()
            .map(|(point, spectrum)| Rest {
                network: self.network,
                map: self.map,
                position: point.position,
                kind: point.kind,
                settled: point.settled,
                basin: if point.kind == Kind::Stable { basins.next() } else { None },
                gap: spectrum.as_ref().and_then(Spectrum::gap),
                tangential: spectrum.map_or(Vec::new(), |s| s.tangential),
            })
            .collect()
    }

    /// Takes a fixed point to where λ is 0 by Newton's method, as far as it stays near where the interpolation put it: on a line
    /// between the points that enclose it. Steps that do not bring λ nearer to 0 are halved. There its kind is read, if it is on a
    /// surface, and its eigenvalues, if they are wanted. A point that does not settle stays where λ is least.
    fn settle(&self, point: &FixedPoint, wants_spectrum: bool) -> (FixedPoint, Option<Spectrum>) {
        let (space, spacing) = (&self.lattice().space, self.spacing());
        let (mut rest, mut spectrum) = (*point, None);
        let (mut least, mut way) = (f64::INFINITY, [0.0; 2]);
        for _ in 0..LOOKS_AT_REST {
            let at = FixedPoint { position: space.walk(rest.position, way), ..rest };
            let seen = if self.is_near(at.position, point) { self.look(&at) } else { None };
            match seen {
                Some((tangent, multiplier, minima)) if length(multiplier) < least => {
                    (rest, least) = (at, length(multiplier));
                    way = step_to_rest(&tangent, multiplier, space.dimension());
                    if wants_spectrum {
                        spectrum =
                            Spectrum::new(self.problem, minima.states.get(0), &tangent.rates, self.tau);
                    }
                    rest.settled = length(way) <= SAME * spacing;
                    if rest.settled && !self.is_line() {
                        rest.kind = Kind::of(tangent.stiffness);
                    }
                }
                _ => way = way.map(|w| 0.5 * w),
            }
            if length(way) <= AT_REST * spacing {
                break;
            }
        }
        (rest, spectrum)
    }

    /// Whether a position is where a fixed point may have been moved to.
    fn is_near(&self, position: Vector, point: &FixedPoint) -> bool {
        let (space, first, spacing) = (&self.lattice().space, self.places[0].position, self.spacing());
        if self.is_line() {
            let cell = |position: Vector| ((position[0] - first[0]) / spacing).floor();
            cell(position) == cell(point.position)
        } else {
            space.distance(position, point.position) <= spacing
        }
    }

    /// Of fixed points that have settled at the same place, the first: those of two cells may.
    fn distinct(&self, settled: Vec<(FixedPoint, Option<Spectrum>)>) -> Vec<(FixedPoint, Option<Spectrum>)> {
        let (space, same) = (&self.lattice().space, SAME * self.spacing());
        let mut kept: Vec<(FixedPoint, Option<Spectrum>)> = Vec::new();
        for (point, spectrum) in settled {
            if kept.iter().all(|(other, _)| space.distance(other.position, point.position) > same) {
                kept.push((point, spectrum));
            }
        }
        kept
    }

    /// Distance of the points (neuron units).
    fn spacing(&self) -> f64 {
        let space = &self.lattice().space;
        if self.is_line() {
            space.distance(self.places[0].position, self.places[1 % self.places.len()].position)
        } else {
            (space.size() / self.places.len() as f64).sqrt()
        }
    }

    /// The minimum at a fixed point.
    fn look(&self, at: &FixedPoint) -> Option<(Tangent, Vector, Minima)> {
        let point = Point::free(self.map, self.lattice(), at.position);
        let near = self.minima.states.get(self.map * self.places.len() + at.near);
        look(self.problem, &point, near, self.tau)
    }

    fn basins(&self, points: &[FixedPoint]) -> Vec<f64> {
        let (space, margin) = (&self.lattice().space, self.job.network.maps.group(self.map).margin);
        let edge = if space.shape.axes()[0] == Axis::Open { margin } else { 0.0 };
        basins(space, points, edge, space.sides[0] - edge)
    }

    fn figures(&self, rests: &[Rest]) -> MapFigures {
        let space = &self.lattice().space;
        let speeds: Vec<f64> =
            self.places.iter().map(|p| length(p.velocity)).filter(|v| v.is_finite()).collect();
        let count = |kind: Kind| rests.iter().filter(|r| r.kind == kind).count();
        let stable = count(Kind::Stable);
        let mean =
            |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        let basins: Vec<f64> = rests.iter().filter_map(|r| r.basin).collect();
        let settled = || rests.iter().filter(|r| r.settled);
        let tangential = |r: &Rest| r.tangential.iter().copied().reduce(f64::max);
        MapFigures {
            map: self.map,
            eta: speeds.iter().copied().fold(0.0, f64::max),
            mean_speed: speeds.iter().sum::<f64>() / speeds.len().max(1) as f64,
            points: self.places.len(),
            without_bump: self.places.len() - speeds.len(),
            stable,
            saddles: count(Kind::Saddle),
            unstable: count(Kind::Unstable),
            spacing: (stable > 0)
                .then(|| (space.size() / stable as f64).powf(1.0 / space.dimension() as f64)),
            basin_entropy_bits: (!basins.is_empty()).then(|| entropy_bits(&basins)),
            tangential: mean(settled().filter(|r| r.kind == Kind::Stable).filter_map(tangential).collect()),
            gap: settled().filter_map(|r| r.gap).reduce(f64::min),
        }
    }
}
