//! The weight change that takes all states' energies to one level.

pub mod bands;
pub mod cholesky;
pub mod conjugate;
pub mod direct;
mod far;
pub mod least_norm;
pub mod manifolds;
pub mod maximal_margin;
mod products;
pub mod pseudo_inverse;
pub mod restricted;
#[cfg(feature = "gpu")]
pub(crate) mod rough;
mod schwarz;

use serde::Serialize;

use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::progress::Tick;
use crate::solve::manifolds::Manifolds;

/// How the weight change is solved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SolverKind {
    /// Cholesky factorization of the Gram matrix; see [`direct`].
    Direct,
    /// Conjugate gradients, which never form it; see [`conjugate`].
    Cg,
}

/// What a weight change has to do: take the energies of some states to one level, or of each group of maps to its own.
#[derive(Clone, Copy)]
pub struct WeightProblem<'a> {
    /// The states, and the points of the manifolds that they belong to.
    pub manifolds: Manifolds<'a>,
    /// Their energies (Hz³), one per state.
    pub energies: &'a [f64],
    /// Added to the Gram matrix's diagonal, relative to the mean of that diagonal.
    pub ridge: f64,
    /// How it is solved.
    pub solver: SolverKind,
    /// Predicted roughness at which conjugate gradients end, as a fraction of the present one.
    pub accuracy: f64,
}

/// A solved weight change.
pub struct WeightUpdate {
    /// ΔM `[neurons, neurons]` (Hz), symmetric, zero diagonal.
    pub delta: WeightMatrix,
    /// C (Hz³): the level that the energies of each group of maps are taken to.
    pub levels: Vec<f64>,
}

/// Solves a weight problem. `tick` is told of as many items as there are states.
///
/// # Errors
/// [`Error::Run`](crate::Error::Run) if the states are not independent enough or the iteration does not converge,
/// [`Error::Interrupted`](crate::Error::Interrupted) if `tick` stops it.
pub fn weight_update(problem: &WeightProblem<'_>, tick: &Tick<'_>) -> Result<WeightUpdate> {
    let WeightProblem { manifolds, energies, ridge, solver, accuracy } = *problem;
    match solver {
        SolverKind::Direct => {
            direct::solve_levels(manifolds.states, &manifolds.levels(), energies, ridge, tick)
        }
        SolverKind::Cg => {
            conjugate::solve(manifolds, energies, ridge, accuracy, tick).map(|(update, _)| update)
        }
    }
}
