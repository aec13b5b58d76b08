//! The few rates that lie far from their state's point, for the products of [`super::bands`].

use rayon::prelude::*;

use super::manifolds::Manifolds;
use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::states::States;
use crate::manifold::periodic_displacement;

/// Far rates, by state and by neuron.
pub(super) struct FarRates {
    by_state: Lists,
    by_neuron: Lists,
}

/// Lists of (index, rate), one after the other.
struct Lists {
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Lists {
    fn get(&self, list: usize) -> &[(u32, f64)] {
        &self.entries[self.starts[list]..self.starts[list + 1]]
    }

    /// The same entries, listed by their former index, which runs to `count`.
    fn transposed(&self, count: usize) -> Self {
        let mut starts = vec![0; count + 1];
        for &(i, _) in &self.entries {
            starts[i as usize + 1] += 1;
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut entries = vec![(0, 0.0); self.entries.len()];
        for list in 0..self.starts.len() - 1 {
            for &(i, r) in self.get(list) {
                entries[next[i as usize]] = (list as u32, r);
                next[i as usize] += 1;
            }
        }
        Self { starts, entries }
    }
}

impl FarRates {
    /// All rates farther than `reach` from their point's base.
    pub(super) fn new(manifolds: Manifolds<'_>, reach: usize) -> Self {
        let Manifolds { states, maps, .. } = manifolds;
        let length = maps.neurons() as f64;
        let mut by_state = Lists { starts: vec![0], entries: Vec::new() };
        for (s, state) in states.iter().enumerate() {
            let base = manifolds.base(s);
            let positions = maps.sites(s / manifolds.per_map());
            by_state.entries.extend(
                state
                    .iter()
                    .filter(|&(i, _)| {
                        periodic_displacement(base as f64, f64::from(positions[i]), length).abs()
                            > reach as f64
                    })
                    .map(|(i, r)| (i as u32, r)),
            );
            by_state.starts.push(by_state.entries.len());
        }
        let by_neuron = by_state.transposed(maps.neurons());
        Self { by_state, by_neuron }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_state.entries.len()
    }

    /// Adds row `i` of `Σ_s α_s f_s (r_s − f_s/2)ᵀ`.
    pub(super) fn add_row(&self, states: &States, alpha: &[f64], i: usize, row: &mut [f64]) {
        for &(s, f) in self.by_neuron.get(i) {
            let scale = alpha[s as usize] * f;
            for (j, r) in states.get(s as usize).iter() {
                row[j] += scale * r;
            }
            for &(j, g) in self.by_state.get(s as usize) {
                row[j as usize] -= 0.5 * scale * g;
            }
        }
    }

    /// Adds `f_sᵀ X (r_s − f_s/2)` to the response of every state.
    pub(super) fn add_response(&self, states: &States, weights: &WeightMatrix, response: &mut [f64]) {
        let parts: Vec<Vec<f64>> = (0..weights.neurons())
            .into_par_iter()
            .map(|i| {
                let row = weights.row(i);
                let of_state = |&(s, f): &(u32, f64)| {
                    let all: f64 = states.get(s as usize).iter().map(|(j, r)| row[j] * r).sum();
                    let far: f64 =
                        self.by_state.get(s as usize).iter().map(|&(j, g)| row[j as usize] * g).sum();
                    f * (all - 0.5 * far)
                };
                self.by_neuron.get(i).iter().map(of_state).collect()
            })
            .collect();
        for (i, part) in parts.into_iter().enumerate() {
            for (&(s, _), value) in self.by_neuron.get(i).iter().zip(part) {
                response[s as usize] += value;
            }
        }
    }
}
