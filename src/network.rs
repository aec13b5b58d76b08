//! The network: maps, connectivity, external current, and the idealized bumps that its maps would have alone.

use crate::connectivity::matrix::WeightMatrix;
use crate::connectivity::{Kernel, connectivity};
use crate::dynamics::trajectories::Dynamics;
use crate::error::{Error, Result};
use crate::landscape::bumps::{BumpShape, IdealizedBumps};
use crate::landscape::energy::Energy;
use crate::landscape::lattice_bump::LatticeBump;
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
        check_balance(&maps, &kernels, &bumps, baseline_current, transfer)?;
        let external_current = calibrated_current(&maps, &kernels, &bumps, baseline_current);
        let weights = connectivity(&kernels, &maps);
        Ok(Self { maps, kernels, weights, external_current, transfer, bumps })
    }

    /// A network whose weights and external current are given, and whose maps' bumps have the given shape: that of one map
    /// alone with its kernel and `baseline_current`, or that of bumps in the network itself, begun as wide as the kernel.
    ///
    /// # Errors
    /// If there is no single bump.
    pub fn with_weights(
        maps: Maps,
        kernels: Vec<Kernel>,
        baseline_current: f64,
        transfer: Transfer,
        (weights, external_current): (WeightMatrix, Vec<f64>),
        shape: BumpShape,
    ) -> Result<Self> {
        let bumps = match shape {
            BumpShape::Kernel => IdealizedBumps::new(&maps, &kernels, baseline_current, transfer)?,
            BumpShape::Relaxed => {
                let of = Energy { weights: &weights, external_current: &external_current, transfer };
                IdealizedBumps::relaxed(&maps, &kernels, of)?
            }
        };
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

    /// The dynamics in steps of Δt/τ = `step`, with the given symmetric weights in place of J.
    pub fn dynamics<'a>(&'a self, weights: &'a WeightMatrix, step: f64) -> Dynamics<'a> {
        Dynamics::new(weights, &self.external_current, self.transfer, step)
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

/// Groups of maps whose bumps ask for external currents that differ by more than this fraction of the lowest bump's peak
/// current cannot be balanced.
const UNBALANCED: f64 = 0.1;

/// Checks that one external current per neuron suits the bumps of all groups of maps.
fn check_balance(
    maps: &Maps,
    kernels: &[Kernel],
    bumps: &IdealizedBumps,
    baseline_current: f64,
    transfer: Transfer,
) -> Result<()> {
    let terms = group_terms(maps, kernels, bumps);
    let currents: Vec<f64> =
        (0..terms.len()).map(|group| of_every_map(&terms, group, baseline_current)).collect();
    let peak = |group: usize| transfer.current(bumps.lattice_bump(group).peak());
    let least = (0..terms.len()).map(peak).fold(f64::INFINITY, f64::min);
    let differs = |group: &usize| (currents[*group] - currents[0]).abs() > UNBALANCED * least;
    let Some(group) = (1..terms.len()).find(differs) else { return Ok(()) };
    let name = |group: usize| maps.groups()[group].lattice.space.shape.name();
    let change = match balanced_amplitude(maps, kernels, terms, group, baseline_current, transfer) {
        Some(amplitude) => format!("set maps.kernel.amplitude = {amplitude:.4} for [[maps]] {}", group + 1),
        None => "change maps.kernel or the members of one".to_owned(),
    };
    Err(Error::Usage(format!(
        "bumps of [[maps]] 1 ({}) need an external current of {:.1} Hz^2 beside the other maps, those of [[maps]] {} ({}) {:.1}, and a neuron has one current: {change}, or store them in networks of their own",
        name(0),
        currents[0],
        group + 1,
        name(group),
        currents[group],
    )))
}

/// The amplitude A of a group's kernel with which its bumps need the external current that the first group's need, if there
/// is one within a factor of four.
fn balanced_amplitude(
    maps: &Maps,
    kernels: &[Kernel],
    mut terms: Vec<GroupTerms>,
    group: usize,
    baseline_current: f64,
    transfer: Transfer,
) -> Option<f64> {
    let kind = &maps.groups()[group];
    let mut excess = |amplitude: f64| {
        let kernel = Kernel { amplitude, ..kernels[group].clone() };
        let bump = LatticeBump::new(&kind.lattice, &kernel, baseline_current, transfer).ok()?;
        terms[group] = GroupTerms::new(kind.count, &kernel, &bump, maps.neurons());
        Some(of_every_map(&terms, group, baseline_current) - of_every_map(&terms, 0, baseline_current))
    };
    let start = kernels[group].amplitude;
    let at_start = excess(start)?;
    // More excitation makes a larger bump, which asks for more current.
    let factor: f64 = if at_start < 0.0 { 1.1 } else { 1.0 / 1.1 };
    let (mut near, mut far) = (start, start);
    for _ in 0..15 {
        far = near * factor;
        if excess(far)? * at_start <= 0.0 {
            break;
        }
        near = far;
    }
    for _ in 0..10 {
        let middle = 0.5 * (near + far);
        if excess(middle)? * at_start <= 0.0 { far = middle } else { near = middle }
    }
    let found = 0.5 * (near + far);
    (excess(found)?.abs() < 0.1 * at_start.abs()).then_some(found)
}

/// The external current (Hz²) of a neuron that every map holds while a bump of one group is active: the baseline less the
/// mean input from all maps but that one.
fn of_every_map(terms: &[GroupTerms], active: usize, baseline_current: f64) -> f64 {
    let others: f64 = terms.iter().map(|t| t.count * t.row_sum).sum::<f64>() - terms[active].row_sum;
    baseline_current - others * terms[active].mean_rate
}

/// h (Hz²) of every neuron: the baseline less the mean input that the other maps give to a neuron of the active one.
///
/// `h_i = h₀ − (L−1)·b·R·(N−1)/N − (n_i − 1)·R·g/N`: R the summed rate of the lattice bump at rest, g the sum of one
/// neuron's excitatory weights on the lattice (itself left out), n_i the number of maps in which neuron i has a place. With
/// all neurons in all maps it is the paper's `h₀ − (L−1)·N·J̄·R̄` (eq. S4).
///
/// Where groups of maps differ, h is the mean over all maps of what their bumps need.
pub fn calibrated_current(
    maps: &Maps,
    kernels: &[Kernel],
    bumps: &IdealizedBumps,
    baseline_current: f64,
) -> Vec<f64> {
    let terms = group_terms(maps, kernels, bumps);
    let count: f64 = terms.iter().map(|t| t.count).sum();
    let mean = |f: &dyn Fn(usize) -> f64| {
        (0..terms.len()).map(|group| terms[group].count * f(group)).sum::<f64>() / count
    };
    // A neuron of every map gets a whole row from each of the others; what a map that does not hold it leaves out is
    // the excitation.
    let (whole, excitation) = match terms.as_slice() {
        [only] => {
            let size = maps.neurons() as f64;
            let row_mean = only.row_sum / size;
            let whole = baseline_current - (count - 1.0) * size * row_mean * only.mean_rate;
            (whole, (size * row_mean - only.inhibition) * only.mean_rate)
        }
        _ => {
            let rate = mean(&|group| terms[group].mean_rate);
            let excitation = mean(&|group| terms[group].row_sum - terms[group].inhibition);
            (mean(&|group| of_every_map(&terms, group, baseline_current)), excitation * rate)
        }
    };
    let of_neuron = |held: usize| {
        if held as f64 == count { whole } else { whole + (count - held as f64) * excitation }
    };
    maps.memberships().into_iter().map(of_neuron).collect()
}

fn group_terms(maps: &Maps, kernels: &[Kernel], bumps: &IdealizedBumps) -> Vec<GroupTerms> {
    let groups = maps.groups().iter().zip(kernels).enumerate();
    groups
        .map(|(group, (kind, kernel))| {
            GroupTerms::new(kind.count, kernel, bumps.lattice_bump(group), maps.neurons())
        })
        .collect()
}

/// What one group of maps contributes to the calibration of h.
struct GroupTerms {
    count: f64,
    /// Sum of a row of one map's connectivity (Hz).
    row_sum: f64,
    /// The part of it that is inhibition (Hz).
    inhibition: f64,
    /// R̄ (Hz).
    mean_rate: f64,
}

impl GroupTerms {
    fn new(count: usize, kernel: &Kernel, bump: &LatticeBump, neurons: usize) -> Self {
        let lattice = bump.lattice();
        let density = lattice.space.size() / lattice.sites() as f64;
        let inhibition = kernel.inhibition * (neurons - 1) as f64;
        let row_sum = if density == 1.0 {
            kernel.row_sum(lattice, neurons)
        } else {
            inhibition + density * kernel.excitation_sum(lattice)
        };
        let mean_rate = bump.free().rate_sum / neurons as f64;
        Self { count: count as f64, row_sum, inhibition, mean_rate }
    }
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
    fn maps_of_two_shapes_are_balanced_by_what_the_refusal_says() {
        let maps = || {
            let lattice = |shape, counts| Lattice::of_sites(shape, counts, Arrangement::Square);
            let mut maps = Maps::empty(256);
            for lattice in [lattice(Shape::Ring, [256, 1]), lattice(Shape::Torus, [16, 16])] {
                maps.draw(Group { count: 2, lattice, margin: 0.0 }, &Placement::Lattice, 1, 0);
            }
            maps
        };
        let kernels = [Shape::Ring, Shape::Torus].map(|shape| Kernel::PAPER.scaled_to_shape(shape, 256));
        let build =
            |kernels: &[Kernel]| Network::with_kernels(maps(), kernels.to_vec(), 10.0, Transfer::ROOT);
        let refused = build(&kernels).err().expect("bumps of a ring fire twice as much").to_string();
        let amplitude = refused.split("maps.kernel.amplitude = ").nth(1).expect(&refused);
        let amplitude: f64 = amplitude.split(' ').next().unwrap().parse().unwrap();
        let [ring, torus] = kernels;
        let balanced = [ring, Kernel { amplitude, ..torus }];
        let network = build(&balanced).unwrap();
        assert!(network.external_current.windows(2).all(|h| h[0] == h[1]));
        let rates = [0, 1].map(|group| network.bumps.lattice_bump(group).free().rate_sum);
        assert!((rates[0] / rates[1] - 1.0).abs() < 0.05, "{rates:?}");
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
