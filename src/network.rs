//! The network: maps, connectivity, external current, and the idealized bumps that its maps would have alone.

use crate::connectivity::Kernel;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::landscape::bumps::IdealizedBumps;
use crate::landscape::problem::{Definition, Minimizer, Problem};
use crate::manifold::Maps;

/// A network that stores several maps, before any weight is changed (eqs. S1–S5).
#[derive(Clone)]
pub struct Network {
    /// Positions of all neurons in all maps.
    pub maps: Maps,
    /// Connectivity kernel of one map, scaled to this network's size.
    pub kernel: Kernel,
    /// J `[neurons, neurons]` (Hz).
    pub weights: WeightMatrix,
    /// h (Hz²): the same for all neurons.
    pub external_current: f64,
    /// What every map's bump would be if it were alone.
    pub bumps: IdealizedBumps,
}

impl Network {
    /// Builds J = Σ_l J^l and calibrates `h = h₀ − (L−1)·N·J̄·R̄`, so that the other maps' mean input to a bump is
    /// compensated. `fractions` are the parts of a neuron spacing at which bumps will be wanted.
    ///
    /// # Errors
    /// If the parameters have no single bump.
    pub fn new(maps: Maps, kernel: Kernel, baseline_current: f64, fractions: &[f64]) -> Result<Self> {
        let neurons = maps.neurons();
        let bumps = IdealizedBumps::new(neurons, kernel, baseline_current, fractions)?;
        let others = (maps.count() - 1) as f64;
        let external_current =
            baseline_current - others * neurons as f64 * kernel.row_mean(neurons) * bumps.mean_rate();
        Ok(Self { weights: kernel.connectivity(&maps), maps, kernel, external_current, bumps })
    }

    /// What is sought at the points of this network's maps, under the given weights `[neurons, neurons]` (Hz): its own,
    /// or those that it has after a weight change.
    pub fn problem<'a>(
        &'a self,
        weights: &'a WeightMatrix,
        definition: Definition,
        minimizer: Minimizer,
    ) -> Problem<'a> {
        let Self { maps, external_current, bumps, .. } = self;
        Problem { weights, external_current: *external_current, maps, bumps, definition, minimizer }
    }

    /// Number of neurons, N.
    pub fn neurons(&self) -> usize {
        self.maps.neurons()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_current_of_the_paper_network() {
        let kernel = Kernel::PAPER;
        let network = Network::new(Maps::random(600, 10, 1, 0), kernel, 10.0, &[0.0]).unwrap();
        assert!((network.external_current - 768.0242).abs() < 5e-5);
    }
}
