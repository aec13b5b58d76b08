//! The network's dynamics, eq. S4: `τ dI_i/dt = −I_i + h + Σ_j W_ij φ(I_j)`, by Euler's method.
//!
//! States run in groups of [`GROUP`] that share the rows of W; a group's union of active neurons is multiplied, nothing
//! else. Cost of a step: 2·a·N flops a state.

use pulp::Arch;
use rayon::prelude::*;

use crate::connectivity::field::{GROUP, field, group_field};
use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::landscape::energy::Energy;
use crate::landscape::transfer::Transfer;
use crate::progress::Tick;

/// The network and the time step.
#[derive(Clone, Copy)]
pub struct Dynamics<'a> {
    /// W (Hz) by its columns: row j has the weights *from* neuron j. Symmetric weights are their own columns.
    pub weights: &'a WeightMatrix,
    /// Whether W is symmetric, so that there is an energy.
    pub symmetric: bool,
    /// h `[neurons]` (Hz²).
    pub external_current: &'a [f64],
    /// φ.
    pub transfer: Transfer,
    /// Δt/τ, dimensionless.
    pub step: f64,
}

impl<'a> Dynamics<'a> {
    /// Of any symmetric weights W (Hz) and currents h `[neurons]` (Hz²), in steps of Δt/τ.
    pub fn new(
        weights: &'a WeightMatrix,
        external_current: &'a [f64],
        transfer: Transfer,
        step: f64,
    ) -> Self {
        Self { weights, symmetric: true, external_current, transfer, step }
    }

    /// The energy that never rises along the dynamics, if W is symmetric; otherwise there is none, and this means nothing.
    pub fn energy(&self) -> Energy<'_> {
        Energy { weights: self.weights, external_current: self.external_current, transfer: self.transfer }
    }
}

/// What one trajectory leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// Rates `[neurons]` (Hz) after each of the requested numbers of steps.
    pub snapshots: Vec<Vec<f64>>,
    /// Energies (Hz³) at the same times; NaN where there is no energy.
    pub energies: Vec<f64>,
    /// Steps at which the energy rose by more than rounding explains. The theory says none.
    pub energy_rises: u64,
    /// The largest such rise (Hz³).
    pub largest_rise: f64,
}

/// An energy is a sum of terms of both signs; a rise by less than this fraction of their sizes is rounding
/// (√(number of terms) · 2⁻⁵³ and a margin of a thousand).
const RISE_RESOLUTION: f64 = 1e-12;

/// Steps between two reports of progress.
const REPORT_EVERY: usize = 500;

/// Runs every start, given as currents `[neurons]` (Hz²), and keeps the rates after each of `at` steps (ascending).
/// `tick` is told of finished steps, summed over starts.
///
/// Trajectories do not influence each other, nor does the number of threads.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` stops it.
pub fn trajectories(
    dynamics: &Dynamics<'_>,
    starts: &[Vec<f64>],
    at: &[usize],
    tick: &Tick<'_>,
) -> Result<Vec<Trajectory>> {
    let groups: Result<Vec<Vec<Trajectory>>> = grouped(starts)
        .into_par_iter()
        .map(|group| match group.len() {
            GROUP => Integrator::<GROUP>::new(dynamics, group).run(at, tick),
            _ => group
                .chunks(1)
                .map(|one| Integrator::<1>::new(dynamics, one).run(at, tick))
                .collect::<Result<Vec<_>>>()
                .map(|runs| runs.into_iter().flatten().collect()),
        })
        .collect();
    Ok(groups?.into_iter().flatten().collect())
}

/// Splits consecutive starts into groups that share most of their active neurons, and single ones.
fn grouped(starts: &[Vec<f64>]) -> Vec<&[Vec<f64>]> {
    let active = |i: usize, group: &[Vec<f64>]| group.iter().filter(|c| c[i] > 0.0).count();
    let mut groups = Vec::new();
    let mut rest = starts;
    while !rest.is_empty() {
        let candidate = &rest[..GROUP.min(rest.len())];
        let neurons = candidate[0].len();
        let (mut union, mut sum) = (0, 0);
        for i in 0..neurons {
            let count = active(i, candidate);
            union += usize::from(count > 0);
            sum += count;
        }
        // Sharing pays if fewer than twice the multiplications of separate runs are made.
        let size = if candidate.len() == GROUP && union * GROUP < 2 * sum { GROUP } else { 1 };
        groups.push(&rest[..size]);
        rest = &rest[size..];
    }
    groups
}

/// `G` states that step together. Arrays by neuron are `[G, stride]`.
struct Integrator<'a, const G: usize> {
    dynamics: &'a Dynamics<'a>,
    neurons: usize,
    stride: usize,
    current: Vec<f64>,
    /// h, padded to `[stride]`.
    external_current: Vec<f64>,
    field: Vec<f64>,
    /// Neurons active in any of the states, ascending.
    active: Vec<u32>,
    /// Their rates in every state.
    rates: Vec<[f64; G]>,
}

impl<'a, const G: usize> Integrator<'a, G> {
    fn new(dynamics: &'a Dynamics<'a>, starts: &[Vec<f64>]) -> Self {
        let stride = dynamics.weights.stride();
        let mut current = vec![-1.0; G * stride];
        for (to, from) in current.chunks_exact_mut(stride).zip(starts) {
            to[..from.len()].copy_from_slice(from);
        }
        let neurons = dynamics.weights.neurons();
        let (active, rates) = (vec![0; neurons], vec![[0.0; G]; neurons]);
        let mut external_current = dynamics.external_current.to_vec();
        external_current.resize(stride, 0.0);
        let field = vec![0.0; G * stride];
        let mut integrator =
            Self { dynamics, neurons, stride, current, external_current, field, active, rates };
        integrator.update_rates();
        integrator
    }

    fn run(mut self, at: &[usize], tick: &Tick<'_>) -> Result<Vec<Trajectory>> {
        let empty =
            Trajectory { snapshots: Vec::new(), energies: Vec::new(), energy_rises: 0, largest_rise: 0.0 };
        let mut runs = vec![empty; G];
        let mut energies = [f64::INFINITY; G];
        let last = at.last().copied().unwrap_or(0);
        tick.go_on()?;
        for step in 0..=last {
            self.update_field();
            for (g, run) in runs.iter_mut().enumerate() {
                let (energy, resolution) = self.energy(g);
                let rise = energy - energies[g];
                if self.dynamics.symmetric && !(rise <= resolution) {
                    run.energy_rises += 1;
                    run.largest_rise = run.largest_rise.max(rise);
                }
                energies[g] = energy;
                for _ in at.iter().filter(|&&t| t == step) {
                    run.snapshots.push(self.dense_rates(g));
                    run.energies.push(energy);
                }
            }
            if step < last {
                self.update_currents();
                self.update_rates();
            }
            if (step + 1) % REPORT_EVERY == 0 {
                tick.go_on()?;
                tick.add((G * REPORT_EVERY) as u64);
            }
        }
        tick.add((G * (last % REPORT_EVERY)) as u64);
        Ok(runs)
    }

    /// `f = W·r`.
    fn update_field(&mut self) {
        let (weights, arch) = (self.dynamics.weights, Arch::new());
        if G == GROUP {
            group_field(
                arch,
                weights,
                &self.active,
                bytemuck::cast_slice(self.rates.as_flattened()),
                &mut self.field,
            );
        } else {
            field(arch, weights, &self.active, self.rates.as_flattened(), &mut self.field);
        }
    }

    /// `I += (Δt/τ)·(−I + h + f)`.
    fn update_currents(&mut self) {
        let (k, stride) = (self.dynamics.step, self.stride);
        let (current, field, h) = (&mut self.current, &self.field, &self.external_current);
        Arch::new().dispatch(|| {
            for (current, field) in current.chunks_exact_mut(stride).zip(field.chunks_exact(stride)) {
                for ((i, f), h) in current.iter_mut().zip(field).zip(h) {
                    *i += k * (h - *i + f);
                }
            }
        });
    }

    /// `r = φ(I)` of the neurons with positive current in any state.
    fn update_rates(&mut self) {
        self.active.resize(self.neurons, 0);
        let mut count = 0;
        for i in 0..self.neurons {
            let largest = (0..G).map(|g| self.current[g * self.stride + i]).fold(0.0, f64::max);
            self.active[count] = i as u32;
            count += usize::from(largest > 0.0);
        }
        self.active.truncate(count);
        self.rates.clear();
        let current = |i: u32, g: usize| self.current[g * self.stride + i as usize];
        let transfer = self.dynamics.transfer;
        if transfer.is_root() {
            // Without a question asked of every neuron.
            let root = |&i: &u32| std::array::from_fn(|g| current(i, g).max(0.0).sqrt());
            self.rates.extend(self.active.iter().map(root));
        } else {
            let rate = |&i: &u32| std::array::from_fn(|g| transfer.rate(current(i, g)));
            self.rates.extend(self.active.iter().map(rate));
        }
    }

    /// Energy of state `g` from its present rates and field, and how much of it is rounding; NaN where there is none.
    fn energy(&self, g: usize) -> (f64, f64) {
        if !self.dynamics.symmetric {
            return (f64::NAN, f64::NAN);
        }
        let transfer = self.dynamics.transfer;
        let field = &self.field[g * self.stride..][..self.stride];
        let (mut energy, mut size) = (0.0, 0.0);
        for (&i, rates) in self.active.iter().zip(&self.rates) {
            let (r, f, h) = (rates[g], field[i as usize], self.external_current[i as usize]);
            let own = transfer.energy_per_rate(r);
            energy += r * (own - h - 0.5 * f);
            size += r * (own + h.abs() + 0.5 * f.abs());
        }
        (energy, RISE_RESOLUTION * size)
    }

    fn dense_rates(&self, g: usize) -> Vec<f64> {
        let mut dense = vec![0.0; self.neurons];
        for (&i, rates) in self.active.iter().zip(&self.rates) {
            dense[i as usize] = rates[g];
        }
        dense
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::manifold::Maps;
    use crate::manifold::Point;
    use crate::network::Network;

    fn network() -> Network {
        Network::new(Maps::random(120, 2, 3, 0), Kernel::PAPER.scaled_to(120), 10.0).unwrap()
    }

    fn starts(network: &Network, bases: impl IntoIterator<Item = i64>) -> Vec<Vec<f64>> {
        bases
            .into_iter()
            .map(|base| {
                let mut current = vec![0.0; 120];
                let lattice = &network.maps.group(0).lattice;
                let point = Point::on_lattice(0, lattice, [base, 0], [0.0; 2]);
                network.bumps.current_at(&network.maps, &point, &mut current);
                current
            })
            .collect()
    }

    fn run(network: &Network, starts: &[Vec<f64>], at: &[usize]) -> Vec<Trajectory> {
        let dynamics = network.dynamics(&network.weights, 0.2 / 15.0);
        trajectories(&dynamics, starts, at, &Tick::silent()).unwrap()
    }

    #[test]
    fn equals_the_equation_written_out() {
        let network = network();
        let start = starts(&network, [17]);
        let found = &run(&network, &start, &[0, 300])[0];
        let mut current = start[0].clone();
        for _ in 0..300 {
            let rates: Vec<f64> = current.iter().map(|i| i.max(0.0).sqrt()).collect();
            for (i, current) in current.iter_mut().enumerate() {
                let input: f64 = rates.iter().zip(network.weights.row(i)).map(|(r, w)| w * r).sum();
                *current += 0.2 / 15.0 * (-*current + network.external_current[i] + input);
            }
        }
        for (i, c) in current.iter().enumerate() {
            // 300 steps, each rounding at 1e-14 of the currents; the dynamics amplify little in that time.
            assert!((found.snapshots[1][i] - c.max(0.0).sqrt()).abs() < 1e-9, "neuron {i}");
        }
        assert_eq!(found.snapshots.len(), 2);
    }

    #[test]
    fn company_does_not_change_a_bit_and_energy_never_rises() {
        let network = network();
        let starts = starts(&network, 40..48);
        let together = run(&network, &starts, &[0, 50, 2000]);
        assert_eq!(grouped(&starts).len(), 2, "neighbours share rows");
        for (start, expected) in starts.iter().zip(&together) {
            let alone = run(&network, std::slice::from_ref(start), &[0, 50, 2000]);
            assert_eq!(alone[0].snapshots, expected.snapshots);
            assert_eq!(expected.energy_rises, 0);
            assert!(expected.energies.is_sorted_by(|a, b| a > b), "{:?}", expected.energies);
        }
    }

    #[test]
    fn an_energy_that_rises_is_reported() {
        // Asymmetric weights have no energy: the claim must be able to fail.
        let mut network = network();
        for i in 0..120 {
            for j in 0..i {
                network.weights.row_mut(i)[j] *= 1.5;
                network.weights.row_mut(j)[i] *= 0.5;
            }
        }
        let starts = starts(&network, [10]);
        let run = run(&network, &starts, &[2000]);
        assert!(run[0].energy_rises > 0 && run[0].largest_rise > 0.0);
    }

    #[test]
    fn weights_that_are_not_symmetric_are_read_by_columns_and_have_no_energy() {
        let network = network();
        let mut weights = network.weights.clone();
        for i in 0..120 {
            for j in 0..i {
                weights.row_mut(i)[j] *= 1.5;
                weights.row_mut(j)[i] *= 0.5;
            }
        }
        // Four neighbours, who share what is read, and one alone.
        let starts = starts(&network, [40, 41, 42, 43, 90]);
        let columns = weights.transposed();
        let dynamics = Dynamics { symmetric: false, ..network.dynamics(&columns, 0.2 / 15.0) };
        let found = trajectories(&dynamics, &starts, &[0, 300], &Tick::silent()).unwrap();
        for (start, found) in starts.iter().zip(&found) {
            let mut current = start.clone();
            for _ in 0..300 {
                let rates: Vec<f64> = current.iter().map(|i| i.max(0.0).sqrt()).collect();
                for (i, current) in current.iter_mut().enumerate() {
                    let input: f64 = rates.iter().zip(weights.row(i)).map(|(r, w)| w * r).sum();
                    *current += 0.2 / 15.0 * (-*current + network.external_current[i] + input);
                }
            }
            for (rate, current) in found.snapshots[1].iter().zip(&current) {
                // As for symmetric weights.
                assert!((rate - current.max(0.0).sqrt()).abs() < 1e-9, "{rate} {current}");
            }
            assert!(found.energies.iter().all(|energy| energy.is_nan()) && found.energy_rises == 0);
        }
    }

    #[test]
    fn distant_starts_run_alone() {
        let network = network();
        assert_eq!(grouped(&starts(&network, [0, 30, 60, 90])).len(), 4);
    }
}
