//! Learning of maximal margin, row by row: the optimum that rules for storing continuous attractors are held against
//! (Battista & Monasson, PRL 124:048302, 2020, after Gardner's perceptrons of maximal stability).
//!
//! Every neuron's incoming weights are a problem by themselves. Under the idealized bump of every point its current has to be on
//! the right side of 0, with a margin κ: `y_s (Σ_j W_ij r_sj + h_i) ≥ κ`, where `y_s = 1` if the neuron is active in bump s and
//! −1 if it is silent. Of all weights without self-coupling that do this the least is taken, which is the largest margin for its
//! size: the minimum of `½λ‖W_i‖² + ½Σ_s max(0, κ − y_s(…))²`. The softness λ is a thousandth of the mean `|r_s|²`, so that
//! margins that can be kept are kept to a few thousandths, and where they cannot be kept the squared shortfall is least. No
//! neuron knows of any other, so W is **not symmetric**, and there is no energy.
//!
//! The problem is convex and quadratic between changes of the set of points that fall short. Newton's method with a halved step
//! where a whole one does not pay ends at the exact minimum, as soon as a whole step leaves that set as it is (finite Newton
//! method: Keerthi & DeCoste, JMLR 6:341, 2005). O(N³/3 + S·a²) a step and neuron, a active neurons in a bump.

use rayon::prelude::*;

use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::landscape::problem::Problem;
use crate::landscape::states::{StateBuf, States};
use crate::manifold::Points;
use crate::progress::Tick;
use crate::solve::cholesky::Cholesky;

/// λ, relative to the mean squared length of the bumps.
const SOFTNESS: f64 = 1e-3;

/// Most Newton steps of a neuron; one to ten are usual.
const MOST_STEPS: usize = 100;

/// Shortest part of a Newton step that is tried.
const SHORTEST: f64 = 1e-6;

/// The weights W `[neurons, neurons]` (Hz) under which every neuron's current has the given `margin` (Hz²) in the idealized bumps
/// at `points`; row i has the weights *into* neuron i. `tick` is told of as many items as there are points.
///
/// # Errors
/// [`Error::Run`] if a neuron's weights are not found, [`Error::Interrupted`] if `tick` stops it.
pub fn maximal_margin(
    problem: &Problem<'_>,
    points: Points<'_>,
    margin: f64,
    tick: &Tick<'_>,
) -> Result<WeightMatrix> {
    let bumps: Vec<StateBuf> = points.iter().map(|point| problem.bumps.at(problem.maps, &point)).collect();
    let states = States::pack(problem.weights.neurons(), bumps.iter().map(StateBuf::view));
    let weights = separating(&states, problem.external_current, margin, tick)?;
    tick.add(points.len() as u64);
    Ok(weights)
}

/// The same for any states.
fn separating(
    states: &States,
    external_current: &[f64],
    margin: f64,
    tick: &Tick<'_>,
) -> Result<WeightMatrix> {
    let neurons = states.neurons();
    let squares: f64 = states.iter().flat_map(|state| state.iter()).map(|(_, rate)| rate * rate).sum();
    let softness = SOFTNESS * squares / states.len() as f64;
    let row = |neuron: usize| {
        tick.go_on()?;
        Neuron::new(states, neuron, external_current[neuron], margin, softness).solve()
    };
    let rows: Vec<Vec<f64>> = (0..neurons).into_par_iter().map(row).collect::<Result<_>>()?;
    let mut weights = WeightMatrix::zeros(neurons);
    for (neuron, row) in rows.iter().enumerate() {
        weights.row_mut(neuron)[..neurons].copy_from_slice(row);
    }
    Ok(weights)
}

/// The problem of one neuron, and what is reached.
struct Neuron<'a> {
    states: &'a States,
    neuron: usize,
    margin: f64,
    softness: f64,
    /// y_s.
    sides: Vec<f64>,
    /// h_i (Hz²).
    external_current: f64,
    /// W_i, 0 for the neuron itself.
    weights: Vec<f64>,
    /// Whether each state falls short of the margin.
    short: Vec<bool>,
    /// `λ + Σ r_s r_sᵀ` over the states that fall short, without the neuron itself; symmetric.
    curvature: Vec<f64>,
    /// `Σ (y_s κ − h_i) r_s` over the same.
    pull: Vec<f64>,
}

impl<'a> Neuron<'a> {
    fn new(states: &'a States, neuron: usize, external_current: f64, margin: f64, softness: f64) -> Self {
        let neurons = states.neurons();
        let active = |state: usize| states.get(state).iter().any(|(of, _)| of == neuron);
        let mut curvature = vec![0.0; neurons * neurons];
        (0..neurons).for_each(|i| curvature[i * neurons + i] = softness);
        Self {
            states,
            neuron,
            margin,
            softness,
            sides: (0..states.len()).map(|s| if active(s) { 1.0 } else { -1.0 }).collect(),
            external_current,
            weights: vec![0.0; neurons],
            short: vec![false; states.len()],
            curvature,
            pull: vec![0.0; neurons],
        }
    }

    fn solve(mut self) -> Result<Vec<f64>> {
        let mut shortfalls = self.shortfalls(&self.weights);
        for _ in 0..MOST_STEPS {
            if !self.recount(&shortfalls) {
                return Ok(self.weights);
            }
            let target = self.minimum()?;
            let (value, slope) = (self.value(&self.weights, &shortfalls), self.slope(&target));
            let mut part = 1.0;
            loop {
                let tried: Vec<f64> =
                    self.weights.iter().zip(&target).map(|(w, t)| w + part * (t - w)).collect();
                let short = self.shortfalls(&tried);
                // A part of what the slope promises: the usual condition of Armijo.
                if self.value(&tried, &short) <= value + 1e-4 * part * slope || part < SHORTEST {
                    (self.weights, shortfalls) = (tried, short);
                    break;
                }
                part *= 0.5;
            }
        }
        Err(Error::Run(format!(
            "the weights of neuron {} did not settle in {MOST_STEPS} steps of Newton's method; change flatten.margin",
            self.neuron
        )))
    }

    /// How far every state falls short of the margin (Hz²); not above 0 where it keeps it.
    fn shortfalls(&self, weights: &[f64]) -> Vec<f64> {
        let of = |(state, side): (usize, &f64)| {
            let input: f64 = self.states.get(state).iter().map(|(j, rate)| weights[j] * rate).sum();
            self.margin - side * (input + self.external_current)
        };
        self.sides.iter().enumerate().map(of).collect()
    }

    /// Takes over which states fall short; says whether these are others than before.
    fn recount(&mut self, shortfalls: &[f64]) -> bool {
        let mut changed = false;
        for (state, shortfall) in shortfalls.iter().enumerate() {
            let short = *shortfall > 0.0;
            if short != self.short[state] {
                changed = true;
                self.short[state] = short;
                self.count(state, if short { 1.0 } else { -1.0 });
            }
        }
        changed
    }

    /// Adds a state's part of curvature and pull, or takes it away.
    fn count(&mut self, state: usize, sign: f64) {
        let neurons = self.states.neurons();
        let pull = sign * (self.sides[state] * self.margin - self.external_current);
        let others = || self.states.get(state).iter().filter(|(j, _)| *j != self.neuron);
        for (i, rate) in others() {
            self.pull[i] += pull * rate;
            for (j, other) in others() {
                self.curvature[i * neurons + j] += sign * rate * other;
            }
        }
    }

    /// The minimum if the set of states that fall short stayed as it is.
    fn minimum(&self) -> Result<Vec<f64>> {
        let factor = Cholesky::new(self.states.neurons(), self.curvature.clone(), &Tick::silent()).map_err(|_| {
            Error::Run(format!(
                "the bumps' correlations without neuron {} have no Cholesky factor; lower flatten.points_per_map",
                self.neuron
            ))
        })?;
        let mut weights = self.pull.clone();
        factor.solve(&mut weights);
        Ok(weights)
    }

    /// `½λ‖W_i‖² + ½Σ_s max(0, shortfall)²`.
    fn value(&self, weights: &[f64], shortfalls: &[f64]) -> f64 {
        let size: f64 = weights.iter().map(|w| w * w).sum();
        let missed: f64 = shortfalls.iter().map(|short| short.max(0.0).powi(2)).sum();
        0.5 * (self.softness * size + missed)
    }

    /// Slope of that from the present weights towards `target`: minus the step's squared length in the curvature.
    fn slope(&self, target: &[f64]) -> f64 {
        let step: Vec<f64> = target.iter().zip(&self.weights).map(|(t, w)| t - w).collect();
        let rows = self.curvature.chunks_exact(step.len()).zip(&step);
        -rows.map(|(row, s)| s * row.iter().zip(&step).map(|(c, t)| c * t).sum::<f64>()).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::landscape::problem::{Definition, Minimizer};
    use crate::manifold::Maps;
    use crate::network::Network;

    fn states(rates: &[&[f64]]) -> States {
        let bumps: Vec<StateBuf> = rates.iter().map(|rates| StateBuf::from_dense(rates)).collect();
        States::pack(rates[0].len(), bumps.iter().map(StateBuf::view))
    }

    fn solve(states: &States, current: f64, margin: f64) -> WeightMatrix {
        separating(states, &vec![current; states.neurons()], margin, &Tick::silent()).unwrap()
    }

    #[test]
    fn one_state_is_solved_by_hand() {
        // Neuron 0 is silent and gets 5 Hz² from outside: its input has to be −5 − κ, through the rates (3, 4) of the others.
        let found = solve(&states(&[&[0.0, 3.0, 4.0]]), 5.0, 2.0);
        let part = -(5.0 + 2.0) / (25.0 + SOFTNESS * 25.0);
        for (weight, expected) in found.row(0).iter().zip([0.0, 3.0 * part, 4.0 * part]) {
            assert!((weight - expected).abs() < 1e-12, "{:?}", &found.row(0)[..3]);
        }
        // Neuron 1 is active and has more than the margin from outside: no weights are the least.
        assert_eq!(found.row(1)[..3], [0.0; 3]);
    }

    #[test]
    fn the_dual_problem_has_the_same_solution() {
        // Another problem, another algorithm: coordinate ascent over one multiplier a state (Hsieh et al., ICML 2008).
        let rate = |state: usize, neuron: usize| {
            let x = (1.7 * state as f64 + 2.3 * neuron as f64 + (state * neuron) as f64).sin();
            if x > 0.2 { 4.0 * x } else { 0.0 }
        };
        let rates: Vec<Vec<f64>> = (0..14).map(|s| (0..6).map(|i| rate(s, i)).collect()).collect();
        let states = states(&rates.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let (current, margin) = (3.0, 2.0);
        let found = solve(&states, current, margin);
        let squares: f64 = rates.iter().flatten().map(|r| r * r).sum();
        let softness = SOFTNESS * squares / 14.0;
        let mut kept = 0;
        for i in 0..6 {
            let (mut weights, mut multipliers) = ([0.0; 6], [0.0_f64; 14]);
            for _ in 0..400_000 {
                for (rates, multiplier) in rates.iter().zip(&mut multipliers) {
                    let side = if rates[i] > 0.0 { 1.0 } else { -1.0 };
                    let others = || (0..6).filter(|&j| j != i);
                    let input: f64 = others().map(|j| weights[j] * rates[j]).sum();
                    let length: f64 = others().map(|j| rates[j] * rates[j]).sum();
                    let missing = margin - side * (input + current) - softness * *multiplier;
                    let next = (*multiplier + missing / (length + softness)).max(0.0);
                    others().for_each(|j| weights[j] += (next - *multiplier) * side * rates[j]);
                    *multiplier = next;
                }
            }
            kept += multipliers.iter().filter(|m| **m == 0.0).count();
            for (j, weight) in weights.iter().enumerate() {
                // Where the ascent has come to in so many sweeps.
                assert!((found.row(i)[j] - weight).abs() < 1e-6, "{i}, {j}: {} {weight}", found.row(i)[j]);
            }
        }
        assert!((10..74).contains(&kept), "some states hold the margin by themselves, some do not: {kept}");
    }

    #[test]
    fn few_maps_are_separated_by_weights_that_are_not_symmetric() {
        let network = Network::new(Maps::random(80, 3, 4, 0), Kernel::PAPER.scaled_to(80), 10.0).unwrap();
        let problem = network.problem(&network.weights, Definition::Kkt, Minimizer::Newton);
        let points = Points::fitted(&network.maps, 40);
        let weights = maximal_margin(&problem, points, 5.0, &Tick::silent()).unwrap();
        let mut least = f64::INFINITY;
        for point in points.iter() {
            let mut rates = vec![0.0; 80];
            network.bumps.at(&network.maps, &point).view().scatter(&mut rates);
            for (i, rate) in rates.iter().enumerate() {
                let input: f64 = weights.row(i).iter().zip(&rates).map(|(w, r)| w * r).sum();
                let side = if *rate > 0.0 { 1.0 } else { -1.0 };
                least = least.min(side * (input + network.external_current[i]));
            }
        }
        // What the softness lets go.
        assert!((4.5..5.0).contains(&least), "{least}");
        assert!((0..80).all(|i| weights.row(i)[i] == 0.0));
        assert!((weights.row(1)[2] - weights.row(2)[1]).abs() > 1e-3);
    }
}
