//! The energy (Lyapunov) function of the network, eqs. 1 and S8.
//!
//! In rates it is a cubic, `E(r) = Σ r_i³/3 − h Σ r_i − ½ rᵀWr` (Hz³), because φ(x) = √x turns `∫ z φ′(z) dz` into r³/3; for other transfer functions
//! see [`Transfer`]. It never rises along the dynamics.

use rayon::prelude::*;

use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::landscape::states::{State, States};
use crate::landscape::transfer::Transfer;
use crate::progress::Tick;

/// The energy function of a network.
#[derive(Clone, Copy)]
pub struct Energy<'a> {
    /// W `[neurons, neurons]` (Hz).
    pub weights: &'a WeightMatrix,
    /// h `[neurons]` (Hz²).
    pub external_current: &'a [f64],
    /// φ.
    pub transfer: Transfer,
}

impl Energy<'_> {
    /// Energy of a state, where `field` says what `Wr` is at a neuron.
    fn sum(&self, state: State<'_>, field: impl Fn(usize) -> f64) -> f64 {
        let of_neuron = |(i, r): (usize, f64)| {
            r * (self.transfer.energy_per_rate(r) - self.external_current[i] - 0.5 * field(i))
        };
        state.iter().map(of_neuron).sum()
    }

    /// Energy of a state whose field `Wr` `[neurons]` is known (Hz³).
    pub fn from_field(&self, state: State<'_>, field: &[f64]) -> f64 {
        self.sum(state, |i| field[i])
    }

    /// Energy of a state (Hz³). Only the a² weights between its active neurons are read.
    pub fn of_state(&self, state: State<'_>) -> f64 {
        self.sum(state, |i| {
            let row = self.weights.row(i);
            state.iter().map(|(j, q)| row[j] * q).sum()
        })
    }

    /// Energies of many states, one each (Hz³).
    pub fn of_states(&self, states: &States) -> Vec<f64> {
        (0..states.len()).into_par_iter().map(|s| self.of_state(states.get(s))).collect()
    }

    /// As [`Energy::of_states`], until `tick` stops it.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if it does.
    pub fn of_states_until(&self, states: &States, tick: &Tick<'_>) -> Result<Vec<f64>> {
        let of_state = |s| {
            tick.go_on()?;
            Ok(self.of_state(states.get(s)))
        };
        (0..states.len()).into_par_iter().map(of_state).collect()
    }

    /// max |h_i| (Hz²).
    pub fn largest_current(&self) -> f64 {
        self.external_current.iter().fold(0.0, |largest, h| largest.max(h.abs()))
    }
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
        let energy = Energy { weights: &weights, external_current: &[10.0; 3], transfer: Transfer::ROOT };
        let found = energy.of_states(&states)[0];
        assert!((found - expected).abs() < 1e-13, "{found}");
        let field = [1.0, 1.5, 45.0];
        assert!((energy.from_field(state.view(), &field) - expected).abs() < 1e-13);
    }
}
