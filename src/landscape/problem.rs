//! Constrained minima of the energy: the state of least energy whose bump stays at a given manifold point.
//!
//! Wanted at each point x of map l: the minimum over r ≥ 0 of `E(r) = Σ r_i³/3 − Σ h_i r_i − ½ rᵀWr` (eqs. 1, S8, in
//! rates) with `Σ c_i r_i = 0`, where `c_i = Δx_i` is neuron i's displacement from the point (eqs. S14–S23; the
//! constraint on the centre of mass is linear in the rates; a surface has two such equations). At the minimum, with
//! multiplier λ and `T_i = h_i + (Wr)_i − λ·c_i`: `r_i² = T_i` where `r_i > 0`, and `T_i ≤ 0` where `r_i = 0`. λ is the slope
//! of the landscape along the manifold times −Σ r: the force that would move the bump, a vector on a surface.

use serde::{Deserialize, Serialize};

use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::bumps::IdealizedBumps;
use crate::landscape::constraint::{Certificate, Constraint, Minimum};
use crate::landscape::energy::Energy;
use crate::landscape::states::States;
use crate::landscape::transfer::Transfer;
use crate::manifold::{Maps, Point, Vector};

/// Which constrained minimum is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Definition {
    /// As the paper prints it: the gradient is taken in the currents and carries φ′(I), so that only the neurons
    /// of the idealized bump can be active. Displacements run over the whole map.
    Paper,
    /// The true minimum over all rates r ≥ 0: every neuron may join. Displacements beyond the
    /// [`window`](crate::landscape::constraint::window) count as 0, or a far neuron with a tiny rate would balance a bump
    /// that has left its place.
    Kkt,
}

/// How minima are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Minimizer {
    /// Projected Newton steps; a few per state, residuals at rounding.
    Newton,
    /// The paper's literal gradient descent in the currents, kept as the reference.
    Descent,
}

/// What has to be minimized: one network, and which minima of it are meant.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    /// W = J + M (Hz).
    pub weights: &'a WeightMatrix,
    /// External current h `[neurons]` (Hz²).
    pub external_current: &'a [f64],
    /// φ.
    pub transfer: Transfer,
    /// The maps that say where neurons lie.
    pub maps: &'a Maps,
    /// Idealized bumps: supports, and where a bump should be.
    pub bumps: &'a IdealizedBumps,
    /// Which minimum.
    pub definition: Definition,
    /// How to find it.
    pub minimizer: Minimizer,
}

impl Problem<'_> {
    /// What is minimized.
    pub fn energy(&self) -> Energy<'_> {
        Energy { weights: self.weights, external_current: self.external_current, transfer: self.transfer }
    }

    /// The constraint of one point, as the definition wants it.
    pub(crate) fn constraint(&self, point: &Point) -> Constraint {
        let idealized = self.bumps.at(self.maps, point);
        match self.definition {
            Definition::Kkt => Constraint::windowed(self.maps, point, idealized),
            Definition::Paper => {
                let support = Some(idealized.active.clone());
                Constraint { displacements: point.displacements(self.maps), support, idealized }
            }
        }
    }
}

/// Where the search for minima begins.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// At the idealized bump of every point.
    Idealized,
    /// At given states: minima of a network with slightly different weights.
    States(&'a States),
}

/// Constrained minima at many points.
#[derive(Clone, Debug, PartialEq)]
pub struct Minima {
    /// Rates, sparse.
    pub states: States,
    /// Energies (Hz³), one per state.
    pub energies: Vec<f64>,
    /// Multipliers λ, the force along the manifold (Hz²/neuron unit), one per state, with a component per dimension.
    pub multipliers: Vec<Vector>,
    /// Certificates, one per state.
    pub certificates: Vec<Certificate>,
}

impl Minima {
    pub(crate) fn append(&mut self, found: &[Minimum]) {
        self.states.append(found.iter().map(|m| m.state.view()));
        self.energies.extend(found.iter().map(|m| m.energy));
        self.multipliers.extend(found.iter().map(|m| m.multiplier));
        self.certificates.extend(found.iter().map(|m| m.certificate));
    }
}
