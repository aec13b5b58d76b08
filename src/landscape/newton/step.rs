//! A step of Newton's method, and what the constraint makes of it.

use crate::landscape::rates::solve_symmetric;
use crate::manifold::Vector;

/// A solved Newton system.
pub(super) struct Step {
    /// Slots of the neurons that it moves.
    pub slots: Vec<usize>,
    /// Change of their rates (Hz).
    pub delta: Vec<f64>,
    /// λ after it.
    pub multiplier: Vector,
    /// Directional derivative of the energy along `delta`.
    pub slope: f64,
    /// What was added to the curvature.
    pub damping: f64,
    /// Whether less damping was tried in vain.
    pub raised: bool,
    /// Mean curvature of the energy over the slots.
    pub mean_curvature: f64,
}

impl Step {
    /// The damping to begin the next step with, after so much of this one was made; a full step that needed no more of it
    /// leaves the fraction `kept`.
    pub(super) fn eased_damping(&self, length: f64, kept: f64) -> f64 {
        let kept = if length == 1.0 && !self.raised { kept } else { 0.5 };
        if self.damping > 1e-3 * self.mean_curvature { kept * self.damping } else { 0.0 }
    }
}

/// What of λ the unconstrained step asks for: the e with `Cᵀ(newton − borders·e) = 0`, where `borders` are the solutions for
/// the columns of C, one after the other.
pub(super) fn excess(displacements: &[Vec<f64>], slots: &[usize], newton: &[f64], borders: &[f64]) -> Vector {
    let moment = |along: &[f64], v: &[f64]| slots.iter().zip(v).map(|(&s, x)| along[s] * x).sum::<f64>();
    match displacements {
        [] => [0.0; 2],
        [c] => {
            let gain = moment(c, borders);
            [if gain > 0.0 { moment(c, newton) / gain } else { 0.0 }, 0.0]
        }
        [x, y, ..] => {
            let (of_x, of_y) = borders.split_at(slots.len());
            let gains = [moment(x, of_x), moment(x, of_y), moment(y, of_y)];
            solve_symmetric(gains, [moment(x, newton), moment(y, newton)]).unwrap_or_default()
        }
    }
}

/// The λ that leaves the least `Σ (∂E/∂r_i + λ·c_i)²` over active neurons (eq. S19, in rates); `gradient` has their slots and
/// ∂E/∂r_i (Hz²).
pub(super) fn least_squares_multiplier(
    displacements: &[Vec<f64>],
    gradient: impl Iterator<Item = (usize, f64)>,
) -> Vector {
    match displacements {
        [] => [0.0; 2],
        [c] => {
            let (mut along, mut square) = (0.0, 0.0);
            for (slot, g) in gradient {
                along -= c[slot] * g;
                square += c[slot] * c[slot];
            }
            [if square > 0.0 { along / square } else { 0.0 }, 0.0]
        }
        [x, y, ..] => {
            let (mut along, mut squares) = ([0.0; 2], [0.0; 3]);
            for (slot, g) in gradient {
                let (x, y) = (x[slot], y[slot]);
                along = [along[0] - x * g, along[1] - y * g];
                squares = [squares[0] + x * x, squares[1] + x * y, squares[2] + y * y];
            }
            solve_symmetric(squares, along).unwrap_or_default()
        }
    }
}
