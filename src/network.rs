//! The network: maps, connectivity, external current, and the idealized bumps that its maps would have alone.

use crate::connectivity::matrix::WeightMatrix;
use crate::connectivity::{Kernel, connectivity};
use crate::dynamics::trajectories::Dynamics;
use crate::error::Result;
use crate::landscape::bumps::IdealizedBumps;
use crate::landscape::energy::Energy;
use crate::landscape::problem::{Definition, Minimizer, Problem};
use crate::landscape::transfer::Transfer;
use crate::manifold::Maps;

/// A network that stores several maps, before any weight is changed (eqs. S1–S5).
#[derive(Clone)]
pub struct Network {
    /// Positions of all neurons in all maps.
    pub maps: Maps,
    /// Connectivity kernels, one for each group of maps, scaled to its size.
    pub kernels: Vec<Kernel>,
    /// J `[neurons, neurons]` (Hz).
    pub weights: WeightMatrix,
    /// h `[neurons]` (Hz²).
    pub external_current: Vec<f64>,
    /// φ.
    pub transfer: Transfer,
    /// What every map's bump would be if it were alone.
    pub bumps: IdealizedBumps,
}

impl Network {
    /// Builds J = Σ_l J^l and calibrates h so that the other maps' mean input to a bump is compensated; see
    /// [`calibrated_current`]. All groups of maps have the same kernel.
    ///
    /// # Errors
    /// If the parameters have no single bump.
    pub fn new(maps: Maps, kernel: Kernel, baseline_current: f64) -> Result<Self> {
        let kernels = vec![kernel; maps.groups().len()];
        Self::with_kernels(maps, kernels, baseline_current, Transfer::ROOT)
    }

    /// The same with a kernel for every group of maps, and any transfer function.
    ///
    /// # Errors
    /// If the parameters have no single bump.
    pub fn with_kernels(
        maps: Maps,
        kernels: Vec<Kernel>,
        baseline_current: f64,
        transfer: Transfer,
    ) -> Result<Self> {
        let bumps = IdealizedBumps::new(&maps, &kernels, baseline_current, transfer)?;
        let external_current = calibrated_current(&maps, &kernels, &bumps, baseline_current);
        let weights = connectivity(&kernels, &maps);
        Ok(Self { maps, kernels, weights, external_current, transfer, bumps })
    }

    /// A network whose weights and external current are given, and whose maps' bumps have the shape that `kernels` give
    /// them.
    ///
    /// # Errors
    /// If the parameters have no single bump.
    pub fn with_weights(
        maps: Maps,
        kernels: Vec<Kernel>,
        baseline_current: f64,
        transfer: Transfer,
        weights: WeightMatrix,
        external_current: Vec<f64>,
    ) -> Result<Self> {
        let bumps = IdealizedBumps::new(&maps, &kernels, baseline_current, transfer)?;
        Ok(Self { maps, kernels, weights, external_current, transfer, bumps })
    }

    /// Number of neurons, N.
    pub fn neurons(&self) -> usize {
        self.maps.neurons()
    }

    /// The energy function, with the given weights in place of J.
    pub fn energy<'a>(&'a self, weights: &'a WeightMatrix) -> Energy<'a> {
        Energy { weights, external_current: &self.external_current, transfer: self.transfer }
    }

    /// The dynamics in steps of Δt/τ = `step`, with the given weights in place of J.
    pub fn dynamics<'a>(&'a self, weights: &'a WeightMatrix, step: f64) -> Dynamics<'a> {
        Dynamics { weights, external_current: &self.external_current, transfer: self.transfer, step }
    }

    /// What is sought at a point of a manifold, with the given weights in place of J.
    pub fn problem<'a>(
        &'a self,
        weights: &'a WeightMatrix,
        definition: Definition,
        minimizer: Minimizer,
    ) -> Problem<'a> {
        Problem {
            weights,
            external_current: &self.external_current,
            transfer: self.transfer,
            maps: &self.maps,
            bumps: &self.bumps,
            definition,
            minimizer,
        }
    }
}

/// h (Hz²) of every neuron: the baseline less the mean input that the other maps give to a neuron of the active one.
///
/// `h_i = h₀ − (L−1)·b·R·(N−1)/N − (n_i − 1)·R·g/N`: R the summed rate of the lattice bump at rest, g the sum of one
/// neuron's excitatory weights on the lattice (itself left out), n_i the number of maps in which neuron i has a place. With
/// all neurons in all maps it is the paper's `h₀ − (L−1)·N·J̄·R̄` (eq. S4).
///
/// Where groups of maps differ, R, b and g are means over all maps.
pub fn calibrated_current(
    maps: &Maps,
    kernels: &[Kernel],
    bumps: &IdealizedBumps,
    baseline_current: f64,
) -> Vec<f64> {
    let neurons = maps.neurons();
    let terms: Vec<GroupTerms> = maps
        .groups()
        .iter()
        .enumerate()
        .map(|(group, kind)| {
            let bump = bumps.lattice_bump(group);
            let lattice = bump.lattice();
            let density = lattice.space.size() / lattice.sites() as f64;
            let inhibition = kernels[group].inhibition * (neurons - 1) as f64;
            let row_sum = if density == 1.0 {
                kernels[group].row_sum(lattice, neurons)
            } else {
                inhibition + density * kernels[group].excitation_sum(lattice)
            };
            GroupTerms {
                count: kind.count as f64,
                row_mean: row_sum / neurons as f64,
                inhibition,
                mean_rate: bump.free().rate_sum / neurons as f64,
            }
        })
        .collect();
    let count: f64 = terms.iter().map(|t| t.count).sum();
    let mean = |f: &dyn Fn(&GroupTerms) -> f64| terms.iter().map(|t| t.count * f(t)).sum::<f64>() / count;
    let (row_mean, inhibition, mean_rate) = match terms.as_slice() {
        [only] => (only.row_mean, only.inhibition, only.mean_rate),
        _ => (mean(&|t| t.row_mean), mean(&|t| t.inhibition), mean(&|t| t.mean_rate)),
    };
    // A neuron of every map gets a whole row from each of the others; what a map that does not hold it leaves out is
    // the excitation.
    let size = neurons as f64;
    let whole = baseline_current - (count - 1.0) * size * row_mean * mean_rate;
    let excitation = (size * row_mean - inhibition) * mean_rate;
    let of_neuron = |held: usize| {
        if held as f64 == count { whole } else { whole + (count - held as f64) * excitation }
    };
    maps.memberships().into_iter().map(of_neuron).collect()
}

/// What one group of maps contributes to the calibration of h.
struct GroupTerms {
    count: f64,
    /// J̄ of one map's connectivity (Hz).
    row_mean: f64,
    /// The part of it that is inhibition (Hz).
    inhibition: f64,
    /// R̄ (Hz).
    mean_rate: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifold::{Arrangement, Group, Lattice, Placement, Shape};

    #[test]
    fn external_current_of_the_paper_network() {
        let network = Network::new(Maps::random(600, 10, 1, 0), Kernel::PAPER, 10.0).unwrap();
        assert!(network.external_current.iter().all(|h| (h - 768.0242).abs() < 5e-5));
    }

    #[test]
    fn neurons_of_more_maps_get_less_current() {
        let lattice = Lattice::of_sites(Shape::Ring, [200, 1], Arrangement::Square);
        let mut maps = Maps::empty(400);
        maps.draw(Group { count: 4, lattice, margin: 0.0 }, &Placement::Lattice, 1, 0);
        let kernel = Kernel::PAPER.scaled_to(200);
        let network = Network::new(maps, kernel.clone(), 10.0).unwrap();
        let (rates, excitation) = (
            network.bumps.lattice_bump(0).free().rate_sum,
            (1..200).map(|d: i32| kernel.excitation(f64::from(d.min(200 - d)))).sum::<f64>(),
        );
        for (h, held) in network.external_current.iter().zip(network.maps.memberships()) {
            let expected = 10.0
                - 3.0 * kernel.inhibition * rates * 399.0 / 400.0
                - (held as f64 - 1.0) * rates * excitation / 400.0;
            assert!((h - expected).abs() < 1e-10, "{h} {expected}");
        }
    }
}
