//! Finding the constrained minima of many points.

use rayon::prelude::*;

use super::newton::SilentCheck;
use super::together::{Group, Task};
use crate::connectivity::field::GROUP;
use crate::error::Result;
use crate::landscape::constraint::Minimum;
use crate::landscape::problem::{Minima, Minimizer, Problem, Start};
use crate::landscape::states::States;
use crate::landscape::{by_map, descent};
use crate::manifold::{Maps, Point, Points, Vector};
use crate::progress::Tick;

/// From this many neurons on W is larger than the caches, and minima are sought map by map; see
/// [`minima_by_map`].
pub const NEURONS_BY_MAP: usize = 2_000;

/// From this many points a neuron on, neighbours are so alike that they predict each other also in small networks.
const DENSE_POINTS: usize = 2;

/// Whether the minima of maps that are rings of all neurons are sought map by map from idealized bumps, with W in the order
/// of the map's positions and one predicted from the other: in large networks, or where points lie close.
pub fn minima_by_map(neurons: usize, points_per_map: usize, minimizer: Minimizer) -> bool {
    (neurons >= NEURONS_BY_MAP || points_per_map >= DENSE_POINTS * neurons) && minimizer == Minimizer::Newton
}

/// Finds the constrained minimum at every point. Points are independent of each other, so results do not depend
/// on the number of threads.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` stops it.
pub fn minima(
    problem: &Problem<'_>,
    points: Points<'_>,
    start: Start<'_>,
    tick: &Tick<'_>,
) -> Result<Minima> {
    let neurons = problem.maps.neurons();
    let by_map = minima_by_map(neurons, points.per_map(), problem.minimizer) && problem.maps.are_full_rings();
    // Given starts are better than predictions, and small networks lie in the caches as they are.
    if by_map && (neurons >= NEURONS_BY_MAP || matches!(start, Start::Idealized)) {
        by_map::minima(problem, points, start, tick)
    } else {
        one_by_one(problem, points, start, tick)
    }
}

/// Finds the minima in the order of the points, in the network as it is.
pub(crate) fn one_by_one(
    problem: &Problem<'_>,
    points: Points<'_>,
    start: Start<'_>,
    tick: &Tick<'_>,
) -> Result<Minima> {
    let points: Vec<Point> = points.iter().collect();
    at(problem, &points, start, tick)
}

/// Finds the minima at any points, each by itself. Neighbours go side by side: see [`super::together`].
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted) if the work was stopped.
pub(crate) fn at(
    problem: &Problem<'_>,
    points: &[Point],
    start: Start<'_>,
    tick: &Tick<'_>,
) -> Result<Minima> {
    let neurons = problem.maps.neurons();
    let order = near_each_other(problem.maps, points);
    let found: Result<Vec<Vec<Minimum>>> = order
        .par_chunks(GROUP)
        .map_init(
            || Group::new(neurons),
            |group, members| {
                tick.go_on()?;
                let tasks: Vec<Task> = members.iter().map(|&s| task(problem, &points[s], s, start)).collect();
                let minima = match problem.minimizer {
                    Minimizer::Newton => group.minimize(problem, &tasks, |_, _, minimum| minimum),
                    Minimizer::Descent => tasks
                        .iter()
                        .map(|task| descent::minimize(problem, &task.constraint, task.start.view()))
                        .collect(),
                };
                tick.add(members.len() as u64);
                Ok(minima)
            },
        )
        .collect();
    let mut in_order: Vec<(usize, Minimum)> =
        order.iter().copied().zip(found?.into_iter().flatten()).collect();
    in_order.sort_unstable_by_key(|(s, _)| *s);
    let in_order: Vec<Minimum> = in_order.into_iter().map(|(_, minimum)| minimum).collect();
    let mut minima = Minima {
        states: States::pack(neurons, []),
        energies: Vec::new(),
        multipliers: Vec::new(),
        certificates: Vec::new(),
    };
    minima.append(&in_order);
    Ok(minima)
}

/// The search at a point, which is number `s` where starts are given.
pub(crate) fn task(problem: &Problem<'_>, point: &Point, s: usize, start: Start<'_>) -> Task {
    let constraint = problem.constraint(point);
    let start = match start {
        Start::Idealized => constraint.idealized.clone(),
        Start::States(states) => states.get(s).to_owned(),
    };
    Task { constraint, start, check: SilentCheck::EveryStep }
}

/// The points' indices in an order in which those that follow on each other are neighbours: map by map, on a line as they
/// are, on surfaces along a curve that fills them.
pub(crate) fn near_each_other(maps: &Maps, points: &[Point]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    let place = |&s: &usize| {
        let point = &points[s];
        let line = maps.space(point.map).dimension() == 1;
        (point.map, if line { s as u64 } else { along_curve(point.position) })
    };
    order.sort_by_cached_key(place);
    order
}

/// All neurons in an order in which those that follow on each other are neighbours on a map; those without a place last.
#[cfg(feature = "gpu")]
pub(crate) fn neurons_in_order(maps: &Maps, map: usize) -> Vec<u32> {
    let places = maps.places(map);
    let mut order: Vec<u32> = (0..maps.neurons() as u32).collect();
    if maps.space(map).dimension() == 1 {
        // In this order what is not a number comes last.
        order.sort_by(|&i, &j| places[i as usize][0].total_cmp(&places[j as usize][0]));
    } else {
        let place = |&i: &u32| {
            let place = places[i as usize];
            if place[0].is_nan() { u64::MAX } else { along_curve(place) }
        };
        order.sort_by_cached_key(place);
    }
    order
}

/// How far along Morton's curve, which fills surfaces, a position lies.
fn along_curve(position: Vector) -> u64 {
    let spread = |x: u32| (0..16).fold(0_u64, |code, bit| code | u64::from(x >> bit & 1) << (2 * bit));
    // Points are at least half a spacing apart, but for rounding.
    let [x, y] = position.map(|x| (2.0 * x + 0.5) as u32);
    spread(x) | spread(y) << 1
}
