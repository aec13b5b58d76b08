//! The two products of conjugate gradients, by the fast path for the paper's rings or state by state.

use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::states::States;
use crate::solve::bands::Bands;
use crate::solve::direct;
use crate::solve::manifolds::Manifolds;

/// `X = Σ_t α_t r_t r_tᵀ` without its diagonal, and `v_s = ½ r_sᵀ X r_s`.
pub(super) enum Products<'a> {
    /// Rings of all neurons, on which states form bands.
    Bands(Box<Bands<'a>>),
    /// Anything else: a² numbers of X are touched a state.
    StateByState(&'a States),
}

impl<'a> Products<'a> {
    pub(super) fn new(manifolds: Manifolds<'a>) -> Self {
        if manifolds.maps.are_full_rings() {
            Self::Bands(Box::new(Bands::new(manifolds)))
        } else {
            Self::StateByState(manifolds.states)
        }
    }

    /// X, to `out` `[neurons, neurons]`.
    pub(super) fn forward(&self, alpha: &[f64], out: &mut WeightMatrix) {
        match self {
            Self::Bands(bands) => bands.forward(alpha, out),
            Self::StateByState(states) => *out = direct::weight_gradient(states, alpha),
        }
    }

    /// v, one number per state.
    pub(super) fn response(&self, weights: &WeightMatrix) -> Vec<f64> {
        match self {
            Self::Bands(bands) => bands.response(weights),
            Self::StateByState(states) => direct::response(weights, states),
        }
    }
}
