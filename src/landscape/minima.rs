//! Finding the constrained minima of many points.

use pulp::Arch;
use rayon::prelude::*;

use crate::error::Result;
use crate::landscape::constraint::Minimum;
use crate::landscape::problem::{Minima, Minimizer, Problem, Start};
use crate::landscape::states::States;
use crate::landscape::{by_map, descent, newton};
use crate::manifold::{Point, Points};
use crate::progress::Tick;

/// From this many neurons on W is larger than the caches, and minima are sought map by map; see
/// [`minima_by_map`].
pub const NEURONS_BY_MAP: usize = 2_000;

/// Whether constrained minima are sought map by map, with W in the order of the map's positions.
pub fn minima_by_map(neurons: usize, minimizer: Minimizer) -> bool {
    neurons >= NEURONS_BY_MAP && minimizer == Minimizer::Newton
}

/// Finds the constrained minimum at every point. Points are independent of each other, so results do not depend
/// on the number of threads.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` asks for an end.
pub fn minima(
    problem: &Problem<'_>,
    points: Points<'_>,
    start: Start<'_>,
    tick: &Tick<'_>,
) -> Result<Minima> {
    if minima_by_map(problem.maps.neurons(), problem.minimizer) && problem.maps.are_full_rings() {
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

/// Finds the minima at any points, each by itself.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted) if an end was asked for.
pub(crate) fn at(
    problem: &Problem<'_>,
    points: &[Point],
    start: Start<'_>,
    tick: &Tick<'_>,
) -> Result<Minima> {
    let neurons = problem.maps.neurons();
    let found: Result<Vec<Minimum>> = (0..points.len())
        .into_par_iter()
        .map_init(
            || newton::Workspace::new(Arch::new(), neurons),
            |workspace, s| {
                tick.go_on()?;
                let constraint = problem.constraint(&points[s]);
                let from = match start {
                    Start::Idealized => constraint.idealized.view(),
                    Start::States(states) => states.get(s),
                };
                let minimum = match problem.minimizer {
                    Minimizer::Newton => workspace.minimize(
                        problem.energy(),
                        &constraint,
                        from,
                        newton::SilentCheck::EveryStep,
                    ),
                    Minimizer::Descent => descent::minimize(problem, &constraint, from),
                };
                tick.one();
                Ok(minimum)
            },
        )
        .collect();
    let mut minima = Minima {
        states: States::pack(neurons, []),
        energies: Vec::new(),
        multipliers: Vec::new(),
        certificates: Vec::new(),
    };
    minima.append(&found?);
    Ok(minima)
}
