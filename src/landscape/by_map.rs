//! Constrained minima of large networks, one map after the other, in the order of that map's positions.
//!
//! Relabelling neurons relabels minima and changes nothing else. In the order of its positions a map is the ring, its
//! bumps are runs of consecutive neurons, and neighbouring points share nearly all the rows of W that they read: what
//! was scattered over N² weights, past every cache, becomes a block that stays in one. Sorting W costs N² reads a map,
//! about as much as ten states.
//!
//! Without given starts, minima predict each other: first those of points about σ apart are sought from idealized
//! bumps, then those halfway between, level by level. Between points `T = h + Wr − λc` changes smoothly, also where
//! neurons join or fall silent, so it is interpolated from four neighbours, and the search starts from `r = √max(T,
//! 0)`. Neurons that nearly join are named, so that the silent ones need not be checked before the end. Given starts,
//! minima of slightly other weights, are as good as predictions and stay on their branch: they are taken as they are.
//!
//! What was measured (one thread of a machine that others used too, CPU ms; N = 6,000: one map of L = 100, K = 600, and
//! an update made for idealized bumps; L = 80: six maps; L = 40: 40, 40, 4 and 10 of them; "before" is every point from its idealized bump, in double
//! precision, with damping that is halved after every step):
//!
//! | N, L | first: iterations, ms a state | after an update |
//! |---|---|---|
//! | 2400, 10 before | 6.9, 1.18 | 5.4, 0.95 |
//! | 2400, 10 | 5.6, 0.77 | 5.3, 0.68 |
//! | 2400, 40 before | 19.9, 3.18 | 11.6, 1.76 |
//! | 2400, 40 predicted, nothing else | 14.0, 2.39 | 11.8, 1.93 |
//! | 2400, 40 predicted, damping dropped faster | 10.7, 2.21 | 9.1, 1.77 |
//! | 2400, 40 that, in single precision | 11.1, 1.41 | 9.1, 1.05 |
//! | 2400, 80 before | 58.9, 7.97; 374 of 1440 not converged | – |
//! | 2400, 80 | 46.6, 5.40; 271 of 1440 not converged | 22.3, 2.4; 16 not converged |
//! | 6000, 100 before | 26.5, 38.5 | – |
//! | 6000, 100 | 13.1, 11.4 | 14.2, 13.1 |
//!
//! Better predictions do not help much further: T interpolated linearly, or relative to the idealized bump's current,
//! takes 14.0 to 14.5 iterations where 14.0 are given above, and coarse points σ/2 apart take 15.8. What is left are
//! neurons that fall silent one after the other, and failed factorizations on the way (one in three).
//!
//! Sums run in another order than in [`super::minima`], starts are others, and silent neurons are checked less often
//! ([`SilentCheck`]), so that where two minima exist the other one may be found: at L/N = 1/60 a third of the states
//! and more, with energies lower by 1 Hz³ in the mean where the landscape's SD is some thousand.

use rayon::prelude::*;

use super::newton::{NEARLY, SilentCheck, Workspace};
use super::together::{Group, Task};
use crate::connectivity::field::GROUP;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::landscape::constraint::{Minimum, RESIDUAL_TOLERANCE};
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::{State, StateBuf, States};
use crate::manifold::{Maps, periodic_displacement};
use crate::manifold::{Point, Points};
use crate::progress::Tick;

/// The constrained minimum at every point, by Newton's method.
pub(super) fn minima(
    problem: &Problem<'_>,
    points: Points<'_>,
    start: Start<'_>,
    tick: &Tick<'_>,
) -> Result<Minima> {
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
        sort(problem.weights, problem.maps.neurons_by_site(map), &mut weights);
        let in_order =
            problem.maps.neurons_by_site(map).iter().map(|&i| problem.external_current[i as usize]);
        let external_current: Vec<f64> = in_order.collect();
        let bumps = problem.bumps.of_group(problem.maps.group_index(map));
        let starts = |s: usize| match start {
            Start::Idealized => None,
            Start::States(states) => Some(relabelled(states.get(s), problem.maps.sites(map))),
        };
        let line = Line {
            problem: Problem {
                weights: &weights,
                external_current: &external_current,
                maps: &ring,
                bumps: &bumps,
                ..*problem
            },
            points: (first..last).map(|s| Point { map: 0, ..points.get(s) }).collect(),
            starts: (first..last).filter_map(starts).collect(),
        };
        let name = problem.maps.neurons_by_site(map);
        let named = |m: Minimum| Minimum { state: relabelled(m.state.view(), name), ..m };
        let minima: Vec<Minimum> = line.minima(tick)?.into_iter().map(named).collect();
        found.append(&minima);
        first = last;
    }
    Ok(found)
}

/// The points of one map, evenly spaced around the ring that the map is in the order of its positions.
struct Line<'a> {
    problem: Problem<'a>,
    points: Vec<Point>,
    /// A given start for every point, or none at all.
    starts: Vec<StateBuf>,
}

/// A minimum, and `T` of all neurons there `[neurons]` (Hz²), from which those nearby are predicted.
struct Known {
    minimum: Minimum,
    targets: Vec<f64>,
}

impl Known {
    /// Whether it is what was looked for.
    fn is_good(&self) -> bool {
        let certificate = &self.minimum.certificate;
        certificate.converged(10.0 * RESIDUAL_TOLERANCE) && !certificate.bump_lost()
    }

    /// Whether it is to be taken instead: first what was looked for, then a bump in its place, then the lower energy.
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |known: &Self| (known.is_good(), !known.minimum.certificate.bump_lost());
        let (mine, others) = (rank(self), rank(other));
        mine > others || (mine == others && self.minimum.energy < other.minimum.energy)
    }
}

/// Points whose minima predict others are at most so far apart, relative to the kernel's width σ.
const REACH: f64 = 1.0;

/// Active neurons of an idealized bump in units of σ.
const BUMP_WIDTHS: f64 = 4.0;

impl Line<'_> {
    /// The minima of all points: some, evenly spaced, each from its own start, then those halfway between, level by
    /// level.
    fn minima(&self, tick: &Tick<'_>) -> Result<Vec<Minimum>> {
        let count = self.points.len();
        let mut known: Vec<Option<Known>> = (0..count).map(|_| None).collect();
        let mut spacing = self.coarse_spacing();
        self.settle(&mut known, (0..count).step_by(spacing).collect(), None, tick)?;
        while spacing > 1 {
            let level = (spacing / 2..count).step_by(spacing).collect();
            self.settle(&mut known, level, Some(spacing), tick)?;
            spacing /= 2;
        }
        Ok(known.into_iter().flatten().map(|known| known.minimum).collect())
    }

    /// The largest power of two of points that spans at most [`REACH`]; 1, so that nothing is predicted, where starts
    /// are given.
    fn coarse_spacing(&self) -> usize {
        if !self.starts.is_empty() {
            return 1;
        }
        let (neurons, active) = (self.problem.maps.neurons() as f64, self.problem.bumps.active(0) as f64);
        let most = REACH * active / BUMP_WIDTHS * self.points.len() as f64 / neurons;
        1 << most.max(1.0).log2() as u32
    }

    /// Finds the minima at the points of one level; every `spacing`-th point is known, if any.
    fn settle(
        &self,
        known: &mut [Option<Known>],
        level: Vec<usize>,
        spacing: Option<usize>,
        tick: &Tick<'_>,
    ) -> Result<()> {
        let neurons = self.problem.maps.neurons();
        let before: &[Option<Known>] = known;
        let found: Result<Vec<Vec<Known>>> = level
            .par_chunks(GROUP)
            .map_init(
                || Group::new(neurons),
                |group, members| {
                    tick.go_on()?;
                    let task = |&k: &usize| {
                        let predicted = spacing.and_then(|spacing| self.predicted(before, k, spacing));
                        predicted.unwrap_or_else(|| self.own(k))
                    };
                    let found = self.search(group, members, members.iter().map(task).collect());
                    tick.add(found.len() as u64);
                    Ok(found)
                },
            )
            .collect();
        for (k, found) in level.into_iter().zip(found?.into_iter().flatten()) {
            known[k] = Some(found);
        }
        Ok(())
    }

    /// The minima of a group; where a predicted start misleads, its own is tried too.
    fn search(&self, group: &mut Group, members: &[usize], tasks: Vec<Task>) -> Vec<Known> {
        let known = |task: &Task, search: &Workspace, minimum: Minimum| Known {
            minimum,
            targets: search.targets(self.problem.energy(), &task.constraint),
        };
        let mut found = group.minimize(&self.problem, &tasks, known);
        let missed = |&g: &usize| tasks[g].check == SilentCheck::AtRest && !found[g].is_good();
        let again: Vec<usize> = (0..tasks.len()).filter(missed).collect();
        let tasks: Vec<Task> = again.iter().map(|&g| self.own(members[g])).collect();
        for (g, other) in again.into_iter().zip(group.minimize(&self.problem, &tasks, known)) {
            let iterations = |known: &Known| known.minimum.certificate.iterations;
            let both = iterations(&other) + iterations(&found[g]);
            if other.is_better_than(&found[g]) {
                found[g] = other;
            }
            found[g].minimum.certificate.iterations = both;
        }
        found
    }

    /// The search from the point's given start or its idealized bump.
    fn own(&self, k: usize) -> Task {
        let constraint = self.problem.constraint(&self.points[k]);
        let start = self.starts.get(k).unwrap_or(&constraint.idealized).clone();
        Task { constraint, start, check: SilentCheck::Rarely }
    }

    /// The search from `r = √max(T, 0)`, with T interpolated between the two known points on either side; `None` if
    /// there are too few, or some bump there is lost.
    fn predicted(&self, known: &[Option<Known>], k: usize, spacing: usize) -> Option<Task> {
        let count = self.points.len().div_ceil(spacing);
        if count < 4 {
            return None;
        }
        let length = self.problem.maps.neurons() as f64;
        let (mut near, mut places) = (Vec::with_capacity(4), Vec::with_capacity(4));
        for step in 0..4 {
            let neighbour = (k / spacing + count + step - 1) % count * spacing;
            near.push(known[neighbour].as_ref().filter(|known| known.is_good())?);
            let (here, there) = (self.points[k].position[0], self.points[neighbour].position[0]);
            places.push(periodic_displacement(here, there, length));
        }
        let mut targets = vec![0.0; self.problem.maps.neurons()];
        for (known, weight) in near.iter().zip(interpolation(&places)) {
            targets.iter_mut().zip(&known.targets).for_each(|(to, t)| *to += weight * t);
        }
        let peak = targets.iter().copied().fold(0.0, f64::max);
        let nearly = |&(_, t): &(u32, f64)| t > -NEARLY * peak;
        let (active, rates) =
            (0..).zip(targets).filter(nearly).map(|(i, t)| (i, self.problem.transfer.rate(t))).unzip();
        let constraint = self.problem.constraint(&self.points[k]);
        Some(Task { constraint, start: StateBuf { active, rates }, check: SilentCheck::AtRest })
    }
}

/// Weights that interpolate at 0 between values at the given places (Lagrange).
fn interpolation(places: &[f64]) -> Vec<f64> {
    let weight = |i: usize| {
        let others = places.iter().enumerate().filter(|&(j, _)| j != i);
        others.map(|(_, other)| other / (other - places[i])).product()
    };
    (0..places.len()).map(weight).collect()
}

/// W in the order of positions: `to_pq = from_ij` with the neurons i at p and j at q.
fn sort(from: &WeightMatrix, neuron_at: &[u32], to: &mut WeightMatrix) {
    let stride = to.stride();
    let rows = to.as_mut_slice().par_chunks_mut(stride).zip(neuron_at);
    rows.for_each(|(to, &neuron)| sort_row(from.row(neuron as usize), neuron_at, to));
}

/// One row of [`sort`].
pub(crate) fn sort_row(from: &[f64], neuron_at: &[u32], to: &mut [f64]) {
    to.iter_mut().zip(neuron_at).for_each(|(w, &j)| *w = from[j as usize]);
}

/// The state with neuron i called `label[i]`.
pub(crate) fn relabelled<L: Copy + TryInto<u32>>(state: State<'_>, label: &[L]) -> StateBuf {
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
    use crate::connectivity::Kernel;
    use crate::landscape::minima;
    use crate::landscape::problem::{Definition, Minimizer};
    use crate::network::Network;

    /// A small network, where one point per neuron or more is close enough to be predicted.
    fn network() -> Network {
        Network::new(Maps::random(240, 3, 4, 0), Kernel::PAPER.scaled_to(240), 10.0).unwrap()
    }

    #[test]
    fn finds_the_minima_that_are_found_one_by_one() {
        // 240/4 points are coarse; 250 is no power of two, and every third of them starts each map elsewhere.
        for (per_map, stride) in [(240, 1), (250, 1), (250, 3), (3, 1)] {
            let network = network();
            let points = Points::fitted(&network.maps, per_map).every(stride);
            for definition in [Definition::Kkt, Definition::Paper] {
                let problem = network.problem(&network.weights, definition, Minimizer::Newton);
                let expected =
                    minima::one_by_one(&problem, points, Start::Idealized, &Tick::silent()).unwrap();
                let found = minima(&problem, points, Start::Idealized, &Tick::silent()).unwrap();
                assert_eq!(found.energies.len(), points.len());
                assert!(found.certificates.iter().all(|c| c.converged(1e-8) && !c.bump_lost()));
                // Both converged to 1e-9 Hz², which enters energies of 1e4 Hz³ squared: what remains is rounding.
                let same = |s: &usize| {
                    (found.energies[*s] - expected.energies[*s]).abs() < 1e-9 * expected.energies[*s].abs()
                };
                let differ = (0..points.len()).filter(|s| !same(s)).count();
                assert!(differ <= points.len() / 50, "{differ} of {} are other minima", points.len());
                // From where they are, nothing is left to be done.
                let again = minima(&problem, points, Start::States(&found.states), &Tick::silent()).unwrap();
                assert!(again.certificates.iter().all(|c| c.iterations <= 1));
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let network = network();
        let points = Points::fitted(&network.maps, 250);
        let problem = network.problem(&network.weights, Definition::Kkt, Minimizer::Newton);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| minima(&problem, points, Start::Idealized, &Tick::silent()).unwrap())
        };
        assert!(with(1) == with(3));
    }

    #[test]
    fn interpolation_is_exact_for_cubics() {
        let places = [-3.5, -1.0, 0.5, 4.0];
        let cubic = |x: f64| 2.0 - x + 3.0 * x * x - 0.5 * x * x * x;
        let at_0: f64 = interpolation(&places).iter().zip(places).map(|(w, x)| w * cubic(x)).sum();
        assert!((at_0 - 2.0).abs() < 1e-12, "{at_0}");
    }
}
