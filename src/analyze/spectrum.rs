//! Eigenvalues of the dynamics linearised at a fixed point.
//!
//! `τ dδI/dt = −δI + W Φ δI`, Φ = diag φ′(I). A silent neuron has φ′ = 0 and the eigenvalue −1/τ; the active ones have
//! `(e − 1)/τ`, e the eigenvalues of the symmetric matrix `Φ^½ W Φ^½` over them. D of those belong to a move along the manifold:
//! their vectors are nearest to `Φ^½ I′`, the tangent in these coordinates.

use faer::{Mat, Side};

use crate::landscape::problem::Problem;
use crate::landscape::states::State;

/// Eigenvalues of the active neurons (1/s).
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Of the D vectors along the manifold; negative where the fixed point attracts.
    pub tangential: Vec<f64>,
    /// All others, ascending.
    pub others: Vec<f64>,
}

impl Spectrum {
    /// At the state with the given tangents r′_a over its active neurons; `None` if the eigenvalues are not found.
    pub fn new(
        problem: &Problem<'_>,
        state: State<'_>,
        tangents: &[Vec<f64>],
        tau_seconds: f64,
    ) -> Option<Self> {
        // √φ′(I) = 1/√(dI/dr).
        let roots: Vec<f64> =
            state.rates.iter().map(|&r| problem.transfer.curvature(r).sqrt().recip()).collect();
        let active = state.active.len();
        let coupling = Mat::from_fn(active, active, |a, b| {
            let weight = problem.weights.row(state.active[a] as usize)[state.active[b] as usize];
            roots[a] * weight * roots[b]
        });
        let decomposition = coupling.self_adjoint_eigen(Side::Lower).ok()?;
        let (vectors, values) = (decomposition.U(), decomposition.S());
        let rate = |k: usize| (values[k] - 1.0) / tau_seconds;
        // Φ^½ I′ = Φ^−½ r′.
        let along: Vec<Vec<f64>> = orthonormal(
            tangents.iter().map(|t| t.iter().zip(&roots).map(|(slope, root)| slope / root).collect()),
        );
        let overlap = |k: usize| -> f64 {
            let product = |t: &Vec<f64>| (0..active).map(|i| vectors[(i, k)] * t[i]).sum::<f64>();
            along.iter().map(|t| product(t).powi(2)).sum()
        };
        let mut order: Vec<usize> = (0..active).collect();
        order.sort_by(|&a, &b| overlap(b).total_cmp(&overlap(a)));
        let (tangential, others) = order.split_at(along.len().min(active));
        let mut others: Vec<f64> = others.iter().map(|&k| rate(k)).collect();
        others.sort_by(f64::total_cmp);
        Some(Self { tangential: tangential.iter().map(|&k| rate(k)).collect(), others })
    }

    /// The least rate at which everything but the move along the manifold decays: minus the largest other eigenvalue (1/s). Negative
    /// where the fixed point repels across the manifold.
    pub fn gap(&self) -> Option<f64> {
        self.others.last().map(|largest| -largest)
    }
}

/// Gram & Schmidt.
fn orthonormal(vectors: impl Iterator<Item = Vec<f64>>) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for mut vector in vectors {
        for earlier in &basis {
            let product: f64 = vector.iter().zip(earlier).map(|(a, b)| a * b).sum();
            vector.iter_mut().zip(earlier).for_each(|(a, b)| *a -= product * b);
        }
        let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|a| *a /= norm);
        basis.push(vector);
    }
    basis
}
