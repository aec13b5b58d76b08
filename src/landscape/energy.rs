//! The energy (Lyapunov) function of the network, eqs. 1 and S8.
//!
//! In rates it is a cubic, `E(r) = Σ r_i³/3 − h Σ r_i − ½ rᵀWr` (Hz³), because φ(x) = √x turns `∫ z φ′(z) dz` into r³/3.
//! It never rises along the dynamics.

use rayon::prelude::*;

use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::states::{State, States};

/// Energy of a state whose field `Wr` `[neurons]` is known.
pub fn from_field(state: State<'_>, field: &[f64], external_current: f64) -> f64 {
    state.iter().map(|(i, r)| r * (r * r / 3.0 - external_current - 0.5 * field[i])).sum()
}

/// Energies of many states, one each. Only weights between active neurons are read: a² a state.
pub fn energies(weights: &WeightMatrix, external_current: f64, states: &States) -> Vec<f64> {
    (0..states.len())
        .into_par_iter()
        .map(|s| {
            let state = states.get(s);
            state
                .iter()
                .map(|(i, r)| {
                    let row = weights.row(i);
                    let field: f64 = state.iter().map(|(j, q)| row[j] * q).sum();
                    r * (r * r / 3.0 - external_current - 0.5 * field)
                })
                .sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::states::StateBuf;

    #[test]
    fn energy_of_two_neurons_by_hand() {
        let weights = WeightMatrix::from_dense(3, &[0.0, 0.5, 9.0, 0.5, 0.0, 9.0, 9.0, 9.0, 0.0]);
        let state = StateBuf::from_dense(&[3.0, 2.0, 0.0]);
        let states = States::pack(3, [state.view()]);
        // 27/3 + 8/3 − 10·5 − ½·(2·0.5·6)
        let expected = 9.0 + 8.0 / 3.0 - 50.0 - 3.0;
        let energy = energies(&weights, 10.0, &states)[0];
        assert!((energy - expected).abs() < 1e-13, "{energy}");
        let field = [1.0, 1.5, 45.0];
        assert!((from_field(state.view(), &field, 10.0) - expected).abs() < 1e-13);
    }
}
