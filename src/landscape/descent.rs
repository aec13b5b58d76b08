//! The paper's literal gradient descent (eqs. S14–S23), kept as the reference for the Newton method.
//!
//! Gradient and constraint are taken in the currents and carry φ′(I) = 1/(2√I), so a neuron that falls silent has no
//! gradient any more and stays silent. Finite steps hold the centre of mass to first order only. It is the paper's alone: for
//! maps of one dimension and the square root as transfer function.

use crate::landscape::constraint::{Constraint, Minimum, certify};
use crate::landscape::problem::Problem;
use crate::landscape::states::{State, StateBuf};
use crate::manifold::Point;

/// η: dimensionless in the units of eq. S16 (Hz² of current per Hz of gradient). Larger steps let weakly active
/// neurons, whose φ′ is large, oscillate.
const LEARNING_RATE: f64 = 1.0;

/// Steps after which the descent gives up; the paper uses thousands.
const MAX_STEPS: u32 = 24_000;

/// The descent ends when no current changes by more than this in one step (Hz²).
const SMALLEST_STEP: f64 = 1e-6;

/// A state on its way down.
struct Descent<'a> {
    problem: &'a Problem<'a>,
    constraint: &'a Constraint,
    neurons: Vec<usize>,
    currents: Vec<f64>,
    rates: Vec<f64>,
    /// λ of the rates' constraint `Σ Δx r = 0`; 0 without constraint.
    multiplier: f64,
}

impl<'a> Descent<'a> {
    fn new(problem: &'a Problem<'a>, constraint: &'a Constraint, start: State<'_>) -> Self {
        Self {
            problem,
            constraint,
            neurons: start.active.iter().map(|&i| i as usize).collect(),
            currents: start.rates.iter().map(|r| r * r).collect(),
            rates: start.rates.to_vec(),
            multiplier: 0.0,
        }
    }

    /// One step, with the position held or not; returns the largest change of a current.
    fn step(&mut self, held: bool) -> f64 {
        let total: f64 = self.rates.iter().sum();
        let moment = self.moment();
        // φ′·(∂E/∂r) and φ′·(∂f/∂r) of eqs. S20 and S23.
        let (energy_gradient, position_gradient): (Vec<f64>, Vec<f64>) = (0..self.neurons.len())
            .map(|a| {
                if self.rates[a] == 0.0 {
                    return (0.0, 0.0);
                }
                let row = self.problem.weights.row(self.neurons[a]);
                let field: f64 = self.neurons.iter().zip(&self.rates).map(|(&j, r)| row[j] * r).sum();
                let slope = 0.5 / self.rates[a];
                let displacement = self.constraint.displacements[0][self.neurons[a]];
                let position = (displacement * total - moment) / (total * total);
                (
                    slope * (self.currents[a] - self.problem.external_current[self.neurons[a]] - field),
                    slope * position,
                )
            })
            .unzip();
        let along: f64 = energy_gradient.iter().zip(&position_gradient).map(|(e, f)| e * f).sum();
        let square: f64 = position_gradient.iter().map(|f| f * f).sum();
        let pull = if held && square > 0.0 { -along / square } else { 0.0 };
        // λ of E + λ·f with f = Σ Δx r / Σ r becomes λ of the rates' constraint Σ Δx r = 0.
        self.multiplier = if total > 0.0 { pull / total } else { 0.0 };
        let mut largest: f64 = 0.0;
        for a in 0..self.neurons.len() {
            let step = -LEARNING_RATE * (energy_gradient[a] + pull * position_gradient[a]);
            self.currents[a] += step;
            self.rates[a] = self.currents[a].max(0.0).sqrt();
            largest = largest.max(step.abs());
        }
        largest
    }

    /// `Σ Δx_i r_i`.
    fn moment(&self) -> f64 {
        self.neurons.iter().zip(&self.rates).map(|(&i, r)| self.constraint.displacements[0][i] * r).sum()
    }

    fn state(&self) -> StateBuf {
        let active = self.neurons.iter().zip(&self.rates).filter(|(_, r)| **r > 0.0);
        let (active, rates) = active.map(|(&i, &r)| (i as u32, r)).unzip();
        StateBuf { active, rates }
    }
}

/// Descends from `start` until the currents stand still.
pub(crate) fn minimize(problem: &Problem<'_>, constraint: &Constraint, start: State<'_>) -> Minimum {
    let mut descent = Descent::new(problem, constraint, start);
    let mut steps = 0;
    while steps < MAX_STEPS {
        steps += 1;
        if descent.step(true) < SMALLEST_STEP {
            break;
        }
    }
    let state = descent.state();
    let field: Vec<f64> = (0..problem.weights.neurons())
        .map(|i| state.view().iter().map(|(j, r)| problem.weights.row(i)[j] * r).sum())
        .collect();
    let (energy, multiplier) = (problem.energy(), [descent.multiplier, 0.0]);
    let certificate = certify(energy, constraint, state.view(), &field, multiplier, steps);
    Minimum { energy: energy.from_field(state.view(), &field), multiplier, certificate, state }
}

/// Displacement of the centre of mass from `point` (neuron units) before every step of a descent from the idealized
/// bump, with the position held or not (fig. S8a).
pub fn descent_course(problem: &Problem<'_>, point: &Point, steps: usize, held: bool) -> Vec<f64> {
    let constraint = problem.constraint(point);
    let mut descent = Descent::new(problem, &constraint, constraint.idealized.view());
    (0..steps)
        .map(|_| {
            let displacement = descent.moment() / descent.rates.iter().sum::<f64>();
            descent.step(held);
            displacement
        })
        .collect()
}
