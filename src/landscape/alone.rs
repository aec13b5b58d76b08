//! The network that stores one map alone, a neuron on every site: its dynamics, and whether they have a bump.

use pulp::Arch;

use crate::connectivity::field::field;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::landscape::energy::Energy;
use crate::landscape::states::{StateBuf, States};
use crate::landscape::transfer::Transfer;
use crate::manifold::{Lattice, Maps};

/// Relaxation steps of size [`RELAXATION`]·τ that a bump gets to form.
pub(super) const RELAXATION_STEPS: usize = 2000;
pub(super) const RELAXATION: f64 = 0.2;

/// The network that stores one map, a neuron on every site.
pub(super) struct Alone {
    /// The map.
    pub maps: Maps,
    /// J (Hz).
    pub weights: WeightMatrix,
    /// External current of every neuron (Hz²).
    pub baseline_current: f64,
    /// φ.
    pub transfer: Transfer,
}

impl Alone {
    /// `h + J·r` `[neurons]` (Hz²).
    pub fn current(&self, state: &StateBuf) -> Vec<f64> {
        let mut out = vec![0.0; self.weights.stride()];
        field(Arch::new(), &self.weights, &state.active, &state.rates, &mut out);
        out.truncate(self.maps.neurons());
        out.iter_mut().for_each(|f| *f += self.baseline_current);
        out
    }

    /// The state with these currents `[neurons]` (Hz²).
    pub fn state(&self, current: &[f64]) -> StateBuf {
        let rates: Vec<f64> = current.iter().map(|&i| self.transfer.rate(i)).collect();
        StateBuf::from_dense(&rates)
    }

    /// Its energy (Hz³).
    pub fn energy_of(&self, state: &StateBuf) -> f64 {
        let external_current = vec![self.baseline_current; self.maps.neurons()];
        let energy =
            Energy { weights: &self.weights, external_current: &external_current, transfer: self.transfer };
        energy.of_states(&States::pack(self.maps.neurons(), [state.view()]))[0]
    }

    /// Follows the dynamics from a Gaussian start of the given width about site 0, until they settle. Kept even, since a
    /// bump may prefer to sit between neurons.
    pub fn relax(&self, lattice: &Lattice, width: f64) -> Result<StateBuf> {
        let n = self.maps.neurons();
        let at = |site: usize| lattice.position(lattice.base_of(site), [0.0; 2]);
        let distances: Vec<f64> = (0..n).map(|site| lattice.space.distance(at(0), at(site))).collect();
        let opposite: Vec<usize> =
            (0..n).map(|site| lattice.site_at(lattice.base_of(site).map(|x| -x)).unwrap_or(site)).collect();
        let start = |d: f64| 100.0 * (-0.5 * (d / width) * (d / width)).exp() - 1.0;
        let mut current: Vec<f64> = distances.iter().map(|&d| start(d)).collect();
        let mut rates = vec![0.0; n];
        for _ in 0..RELAXATION_STEPS {
            rates = current.iter().map(|&i| self.transfer.rate(i)).collect();
            let target = self.current(&StateBuf::from_dense(&rates));
            let mut change: f64 = 0.0;
            for d in 0..n {
                let even = 0.5 * (target[d] + target[opposite[d]]);
                let step = RELAXATION * (even - current[d]);
                current[d] += step;
                change = change.max(step.abs());
            }
            if !current.iter().all(|i| i.is_finite()) {
                return Err(no_bump("the rates are not finite numbers; lower kernel.amplitude"));
            }
            if change < 1e-10 * (1.0 + current[0].abs()) {
                break;
            }
        }
        check_bump(lattice, &rates)?;
        Ok(StateBuf::from_dense(&rates))
    }
}

/// Whether the rates are one bump at site 0.
pub(super) fn check_bump(lattice: &Lattice, rates: &[f64]) -> Result<()> {
    let (n, active) = (rates.len(), rates.iter().filter(|r| **r > 0.0).count());
    if active == 0 {
        return Err(no_bump("activity dies out; raise dynamics.baseline_current or kernel.amplitude"));
    }
    if active > n / 2 {
        return Err(no_bump(&format!(
            "activity spreads over {active} of {n} neurons; make kernel.inhibition more negative or kernel.width smaller"
        )));
    }
    // The sites connected with site 0.
    let mut reached = vec![false; n];
    let mut next: Vec<usize> = if rates[0] > 0.0 { vec![0] } else { Vec::new() };
    while let Some(site) = next.pop() {
        if std::mem::replace(&mut reached[site], true) {
            continue;
        }
        let [x, y] = lattice.base_of(site);
        let neighbours = [[x - 1, y], [x + 1, y], [x, y - 1], [x, y + 1]];
        let active = |&site: &usize| rates[site] > 0.0;
        next.extend(neighbours.into_iter().filter_map(|base| lattice.site_at(base)).filter(active));
    }
    if active == 1 || reached.iter().filter(|r| **r).count() != active {
        return Err(no_bump(
            "activity breaks up into several parts, or shrinks to one neuron; change kernel.width or kernel.amplitude",
        ));
    }
    let least = rates.iter().copied().filter(|r| *r > 0.0).fold(f64::INFINITY, f64::min);
    if least > 0.99 * rates[0] {
        return Err(no_bump("the active neurons all fire alike, wherever they lie; raise kernel.amplitude"));
    }
    Ok(())
}

pub(super) fn no_bump(what: &str) -> Error {
    Error::Usage(format!("these parameters have no single bump, even with one map: {what}"))
}
