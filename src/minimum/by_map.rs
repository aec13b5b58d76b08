//! Constrained minima of large networks, one map after the other, in the order of that map's positions.
//!
//! Relabelling neurons relabels minima and changes nothing else. In the order of its positions a map is the ring, its
//! bumps are runs of consecutive neurons, and neighbouring points share nearly all the rows of W that they read: what
//! was scattered over N² weights, past every cache, becomes a block that stays in one. Sorting W costs N² reads a map,
//! about as much as ten states.
//!
//! Sums then run in another order than in [`super::minima`], and silent neurons are asked less often whether they
//! join ([`super::newton::Asking::Seldom`]), so that where two minima exist the other one may be found.

use pulp::Arch;
use rayon::prelude::*;

use super::newton::{Asking, Workspace};
use super::{Constraint, Minima, Minimum, Problem, Start};
use crate::matrix::WeightMatrix;
use crate::network::Maps;
use crate::progress::Tick;
use crate::states::{Point, Points, State, StateBuf, States};

/// The constrained minimum at every point, by Newton's method.
pub(super) fn minima(problem: &Problem<'_>, points: Points, start: Start<'_>, tick: &Tick<'_>) -> Minima {
    let neurons = problem.maps.neurons();
    let ring = Maps::ring(neurons);
    let mut weights = WeightMatrix::zeros(neurons);
    let mut found = Minima {
        states: States::pack(neurons, []),
        energies: Vec::with_capacity(points.len()),
        multipliers: Vec::with_capacity(points.len()),
        certificates: Vec::with_capacity(points.len()),
    };
    let mut first = 0;
    while first < points.len() {
        let map = points.get(first).map;
        let last = (first..points.len()).find(|&s| points.get(s).map != map).unwrap_or(points.len());
        sort(problem.weights, problem.maps.neurons_by_position(map), &mut weights);
        let sorted = Problem { weights: &weights, maps: &ring, ..*problem };
        let minima: Vec<Minimum> = (first..last)
            .into_par_iter()
            .map_init(
                || Workspace::new(Arch::new(), neurons),
                |workspace, s| {
                    let constraint = Constraint::new(&sorted, Point { map: 0, ..points.get(s) });
                    let from = match start {
                        Start::Idealized => constraint.idealized.clone(),
                        Start::States(states) => relabelled(states.get(s), problem.maps.positions(map)),
                    };
                    let h = problem.external_current;
                    let minimum = workspace.minimize(&weights, h, &constraint, from.view(), Asking::Seldom);
                    tick.one();
                    Minimum {
                        state: relabelled(minimum.state.view(), problem.maps.neurons_by_position(map)),
                        ..minimum
                    }
                },
            )
            .collect();
        found.append(&minima);
        first = last;
    }
    found
}

/// W in the order of positions: `to_pq = from_ij` with the neurons i at p and j at q.
fn sort(from: &WeightMatrix, neuron_at: &[u32], to: &mut WeightMatrix) {
    let stride = to.stride();
    to.as_mut_slice().par_chunks_mut(stride).zip(neuron_at).for_each(|(to, &neuron)| {
        let from = from.row(neuron as usize);
        for (w, &j) in to.iter_mut().zip(neuron_at) {
            *w = from[j as usize];
        }
    });
}

/// The state with neuron i called `label[i]`.
fn relabelled<L: Copy + TryInto<u32>>(state: State<'_>, label: &[L]) -> StateBuf {
    let name =
        |i: usize| label[i].try_into().unwrap_or_else(|_| unreachable!("positions and neurons are u32"));
    let mut pairs: Vec<(u32, f64)> = state.iter().map(|(i, r)| (name(i), r)).collect();
    pairs.sort_unstable_by_key(|p| p.0);
    let (active, rates) = pairs.into_iter().unzip();
    StateBuf { active, rates }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimum::{self, Definition, Minimizer};
    use crate::network::{Kernel, Network};

    #[test]
    fn finds_the_minima_that_are_found_one_by_one() {
        let kernel = Kernel { amplitude: 0.665, width: 15.0, inhibition: -0.2076 }.scaled_to(240);
        let maps = Maps::random(240, 3, 4, 0);
        let points = Points::fitted(&maps, 240);
        let network = Network::new(maps, kernel, 10.0, &points.fractions()).unwrap();
        for definition in [Definition::Kkt, Definition::Paper] {
            let problem = Problem {
                weights: &network.weights,
                external_current: network.external_current,
                maps: &network.maps,
                bumps: &network.bumps,
                definition,
                minimizer: Minimizer::Newton,
            };
            let expected = minimum::one_by_one(&problem, points, Start::Idealized, &Tick::silent());
            let found = minima(&problem, points, Start::Idealized, &Tick::silent());
            assert!(found.certificates.iter().all(|c| c.converged(1e-8)));
            let same = |s: &usize| {
                // Both converged to 1e-9 Hz², which enters energies of 1e4 Hz³ squared.
                (found.energies[*s] - expected.energies[*s]).abs() < 1e-9 * expected.energies[*s].abs()
            };
            let differ = (0..points.len()).filter(|s| !same(s)).count();
            assert!(differ <= points.len() / 50, "{differ} of {} are other minima", points.len());
            // From where they are, nothing is left to be done.
            let again = minima(&problem, points, Start::States(&found.states), &Tick::silent());
            assert!(again.certificates.iter().all(|c| c.iterations <= 1));
        }
    }
}
