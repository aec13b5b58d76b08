//! The paper's literal gradient descent (eqs. S14–S23), kept as the reference for the Newton method.
//!
//! Gradient and constraint are taken in the currents and carry φ′(I) = 1/(2√I), so a neuron that falls silent has no
//! gradient any more and stays silent.

use super::{Constraint, Minimum, Problem, certify};
use crate::energy;
use crate::states::{State, StateBuf};

/// η: dimensionless in the units of eq. S16 (Hz² of current per Hz of gradient). Larger steps let weakly active
/// neurons, whose φ′ is large, oscillate.
const LEARNING_RATE: f64 = 1.0;

/// Steps after which the descent gives up; the paper uses thousands.
const MAX_STEPS: u32 = 24_000;

/// The descent ends when no current changes by more than this in one step (Hz²).
const SMALLEST_STEP: f64 = 1e-6;

/// Descends from `start` until the currents stand still.
pub(super) fn minimize(problem: &Problem<'_>, constraint: &Constraint, start: State<'_>) -> Minimum {
    let h = problem.external_current;
    let neurons: Vec<usize> = start.active.iter().map(|&i| i as usize).collect();
    let mut rates = start.rates.to_vec();
    let mut currents: Vec<f64> = rates.iter().map(|r| r * r).collect();
    let mut multiplier = 0.0;
    let mut steps = 0;
    while steps < MAX_STEPS {
        steps += 1;
        let total: f64 = rates.iter().sum();
        let moment: f64 = neurons.iter().zip(&rates).map(|(&i, r)| constraint.displacements[i] * r).sum();
        // φ′·(∂E/∂r) and φ′·(∂f/∂r) of eqs. S20 and S23.
        let (energy_gradient, position_gradient): (Vec<f64>, Vec<f64>) = (0..neurons.len())
            .map(|a| {
                if rates[a] == 0.0 {
                    return (0.0, 0.0);
                }
                let row = problem.weights.row(neurons[a]);
                let field: f64 = neurons.iter().zip(&rates).map(|(&j, r)| row[j] * r).sum();
                let slope = 0.5 / rates[a];
                let position = (constraint.displacements[neurons[a]] * total - moment) / (total * total);
                (slope * (currents[a] - h - field), slope * position)
            })
            .unzip();
        let along: f64 = energy_gradient.iter().zip(&position_gradient).map(|(e, f)| e * f).sum();
        let square: f64 = position_gradient.iter().map(|f| f * f).sum();
        let pull = if square > 0.0 { -along / square } else { 0.0 };
        // λ of E + λ·f with f = Σ Δx r / Σ r becomes λ of the rates' constraint Σ Δx r = 0.
        multiplier = if total > 0.0 { pull / total } else { 0.0 };
        let mut largest: f64 = 0.0;
        for a in 0..neurons.len() {
            let step = -LEARNING_RATE * (energy_gradient[a] + pull * position_gradient[a]);
            currents[a] += step;
            rates[a] = currents[a].max(0.0).sqrt();
            largest = largest.max(step.abs());
        }
        if largest < SMALLEST_STEP {
            break;
        }
    }
    let (active, rates) =
        start.active.iter().zip(&rates).filter(|(_, r)| **r > 0.0).map(|(&i, &r)| (i, r)).unzip();
    let state = StateBuf { active, rates };
    let field: Vec<f64> = (0..constraint.displacements.len())
        .map(|i| state.view().iter().map(|(j, r)| problem.weights.row(i)[j] * r).sum())
        .collect();
    let certificate = certify(h, constraint, state.view(), &field, multiplier, steps);
    Minimum { energy: energy::from_field(state.view(), &field, h), multiplier, certificate, state }
}
