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
use crate::field::{GROUP, group_field};
use crate::matrix::{self, WeightMatrix};
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
        let count = (last - first).div_ceil(GROUP);
        let minima: Vec<Vec<Minimum>> = (0..count)
            .into_par_iter()
            .map_init(
                || Group::new(neurons),
                |group, g| {
                    let range = first + g * GROUP..last.min(first + (g + 1) * GROUP);
                    let points = range.map(|s| {
                        let constraint = Constraint::new(&sorted, Point { map: 0, ..points.get(s) });
                        let from = match start {
                            Start::Idealized => constraint.idealized.clone(),
                            Start::States(states) => relabelled(states.get(s), problem.maps.positions(map)),
                        };
                        (constraint, from)
                    });
                    let minima = group.minimize(&sorted, points.collect());
                    tick.add(minima.len() as u64);
                    let name = problem.maps.neurons_by_position(map);
                    let named = |m: Minimum| Minimum { state: relabelled(m.state.view(), name), ..m };
                    minima.into_iter().map(named).collect()
                },
            )
            .collect();
        minima.iter().for_each(|minima| found.append(minima));
        first = last;
    }
    found
}

/// Neighbouring points whose searches go side by side and read W together.
struct Group {
    searches: [Workspace; GROUP],
    /// Neurons active in any of the states, and their rates in each.
    active: Vec<u32>,
    rates: Vec<[f64; GROUP]>,
    /// `[GROUP, stride]`
    fields: Vec<f64>,
}

impl Group {
    fn new(neurons: usize) -> Self {
        Self {
            searches: std::array::from_fn(|_| Workspace::new(Arch::new(), neurons)),
            active: Vec::new(),
            rates: vec![[0.0; GROUP]; neurons],
            fields: vec![0.0; GROUP * matrix::stride(neurons)],
        }
    }

    /// The minima of at most [`GROUP`] points.
    fn minimize(&mut self, problem: &Problem<'_>, points: Vec<(Constraint, StateBuf)>) -> Vec<Minimum> {
        let (weights, h) = (problem.weights, problem.external_current);
        for (search, (constraint, start)) in self.searches.iter_mut().zip(&points) {
            search.begin(weights, h, constraint, start.view());
        }
        let mut waiting: Vec<usize> = (0..points.len()).collect();
        loop {
            waiting.retain(|&g| !self.searches[g].advance(weights, h, &points[g].0, Asking::Seldom));
            if waiting.is_empty() {
                break;
            }
            self.update_fields(weights, &waiting);
        }
        let searches = self.searches.iter_mut().zip(&points);
        searches.map(|(search, (constraint, _))| search.finish(weights, h, constraint)).collect()
    }

    /// Computes the fields of the searches that wait for them.
    fn update_fields(&mut self, weights: &WeightMatrix, waiting: &[usize]) {
        self.rates.resize(weights.neurons(), [0.0; GROUP]);
        self.rates.fill([0.0; GROUP]);
        for &g in waiting {
            for (i, r) in self.searches[g].sorted().view().iter() {
                self.rates[i][g] = r;
            }
        }
        self.active.clear();
        self.active.extend((0..self.rates.len() as u32).filter(|&i| self.rates[i as usize] != [0.0; GROUP]));
        self.rates.retain(|r| *r != [0.0; GROUP]);
        group_field(Arch::new(), weights, &self.active, &self.rates, &mut self.fields);
        let stride = weights.stride();
        for &g in waiting {
            self.searches[g].give_field(&self.fields[g * stride..][..stride]);
        }
    }
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
