//! Constrained minima of the energy: the state of least energy whose bump stays at a given manifold point.
//!
//! Wanted at each point x of map l: the minimum over r ≥ 0 of `E(r) = Σ r_i³/3 − h Σ r_i − ½ rᵀWr` (eqs. 1, S8, in
//! rates) with `Σ c_i r_i = 0`, where `c_i = Δx_i` is neuron i's displacement from the point (eqs. S14–S23; the
//! constraint on the centre of mass is linear in the rates). At the minimum, with multiplier λ and
//! `T_i = h + (Wr)_i − λ c_i`: `r_i² = T_i` where `r_i > 0`, and `T_i ≤ 0` where `r_i = 0`. λ is the slope of the
//! landscape along the manifold times −Σ r: the force that would move the bump.

mod by_map;
mod descent;
pub(crate) mod newton;
pub(crate) mod rates;
mod system;

pub use descent::descent_course;
use pulp::Arch;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::matrix::WeightMatrix;
use crate::network::{IdealizedBumps, Maps};
use crate::plan;
use crate::progress::Tick;
use crate::states::{Point, Points, State, StateBuf, States};

/// Which constrained minimum is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Definition {
    /// As the paper prints it: the gradient is taken in the currents and carries φ′(I), so that only the neurons
    /// of the idealized bump can be active. Displacements run over the whole ring.
    Paper,
    /// The true minimum over all rates r ≥ 0: every neuron may join. Displacements beyond [`WINDOW`] of the ring
    /// count as 0, or a far neuron with a tiny rate would balance a bump that has left its place.
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

/// Fraction of the ring, to each side of the point, over which `kkt` minima count displacements.
pub const WINDOW: f64 = 1.0 / 8.0;

/// A minimum counts as converged when no neuron is farther than this from stationarity (Hz²), given |h| of the order
/// of a thousand: rounding of `h + Wr` is about 10⁻¹², and an error of 10⁻⁹ enters the energy squared.
pub const RESIDUAL_TOLERANCE: f64 = 1e-9;

/// A bump whose rates have less than this cosine with the idealized bump's at the same point has left its place.
/// Bumps that stay have 0.9 and more even near capacity.
pub const OVERLAP_MINIMUM: f64 = 0.6;

/// What has to be minimized: one network, and which minima of it are meant.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    /// W = J + M (Hz).
    pub weights: &'a WeightMatrix,
    /// Uniform external current h (Hz²).
    pub external_current: f64,
    /// The maps that say where neurons lie.
    pub maps: &'a Maps,
    /// Idealized bumps: supports, and where a bump should be.
    pub bumps: &'a IdealizedBumps,
    /// Which minimum.
    pub definition: Definition,
    /// How to find it.
    pub minimizer: Minimizer,
}

/// Proof of a state's quality, recomputed from the returned rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// `max |r_i² − T_i|` over active neurons (Hz²).
    pub stationarity: f64,
    /// `max(0, max T_i)` over the silent neurons that the definition allows to join (Hz²).
    pub silent_excess: f64,
    /// `|Σ c_i r_i| / Σ r_i`: how far the centre of mass is from the point (neuron units).
    pub displacement: f64,
    /// Cosine between the rates and the idealized bump at the point.
    pub overlap: f64,
    /// Iterations it took.
    pub iterations: u32,
}

impl Certificate {
    /// The largest violation of the minimum's conditions on the rates (Hz²).
    pub fn residual(&self) -> f64 {
        self.stationarity.max(self.silent_excess)
    }

    /// Whether the state is a constrained minimum to within `tolerance` (Hz²).
    pub fn converged(&self, tolerance: f64) -> bool {
        self.residual() <= tolerance && self.displacement <= 1e-9
    }

    /// Whether the bump has left its place, or dissolved.
    pub fn bump_lost(&self) -> bool {
        !(self.overlap >= OVERLAP_MINIMUM)
    }
}

/// Constrained minima at many points.
#[derive(Clone, Debug, PartialEq)]
pub struct Minima {
    /// Rates, sparse.
    pub states: States,
    /// Energies (Hz³), one a state.
    pub energies: Vec<f64>,
    /// Multipliers λ (Hz²/neuron unit), one a state.
    pub multipliers: Vec<f64>,
    /// Certificates, one a state.
    pub certificates: Vec<Certificate>,
}

/// One constrained minimum.
pub(crate) struct Minimum {
    pub state: StateBuf,
    pub energy: f64,
    pub multiplier: f64,
    pub certificate: Certificate,
}

/// The constraint of one point, and who may take part.
pub(crate) struct Constraint {
    /// c `[neurons]` (neuron units).
    pub displacements: Vec<f64>,
    /// The only neurons that may be active, or all if `None`.
    pub support: Option<Vec<u32>>,
    /// The idealized bump at the point.
    pub idealized: StateBuf,
}

impl Constraint {
    pub(crate) fn new(problem: &Problem<'_>, point: Point) -> Self {
        let idealized = problem.bumps.at(problem.maps, point);
        match problem.definition {
            Definition::Kkt => Self::windowed(problem.maps, point, idealized),
            Definition::Paper => {
                let support = Some(idealized.active.clone());
                Self { displacements: point.displacements(problem.maps), support, idealized }
            }
        }
    }

    /// Displacements count up to [`WINDOW`], and every neuron may be active.
    pub(crate) fn windowed(maps: &Maps, point: Point, idealized: StateBuf) -> Self {
        let mut displacements = point.displacements(maps);
        let window = WINDOW * displacements.len() as f64;
        displacements.iter_mut().filter(|d| d.abs() > window).for_each(|d| *d = 0.0);
        Self { displacements, support: None, idealized }
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

/// Finds the constrained minimum at every point. Points are independent of each other, so results do not depend
/// on the number of threads.
pub fn minima(problem: &Problem<'_>, points: Points, start: Start<'_>, tick: &Tick<'_>) -> Minima {
    if plan::minima_by_map(problem.maps.neurons(), problem.minimizer) {
        by_map::minima(problem, points, start, tick)
    } else {
        one_by_one(problem, points, start, tick)
    }
}

/// Finds the minima in the order of the points, in the network as it is.
pub(crate) fn one_by_one(problem: &Problem<'_>, points: Points, start: Start<'_>, tick: &Tick<'_>) -> Minima {
    let neurons = problem.maps.neurons();
    let found: Vec<Minimum> = (0..points.len())
        .into_par_iter()
        .map_init(
            || newton::Workspace::new(Arch::new(), neurons),
            |workspace, s| {
                let constraint = Constraint::new(problem, points.get(s));
                let from = match start {
                    Start::Idealized => constraint.idealized.view(),
                    Start::States(states) => states.get(s),
                };
                let minimum = match problem.minimizer {
                    Minimizer::Newton => workspace.minimize(
                        problem.weights,
                        problem.external_current,
                        &constraint,
                        from,
                        newton::Asking::Always,
                    ),
                    Minimizer::Descent => descent::minimize(problem, &constraint, from),
                };
                tick.one();
                minimum
            },
        )
        .collect();
    let mut minima = Minima {
        states: States::pack(neurons, []),
        energies: Vec::new(),
        multipliers: Vec::new(),
        certificates: Vec::new(),
    };
    minima.append(&found);
    minima
}

impl Minima {
    fn append(&mut self, found: &[Minimum]) {
        self.states.append(found.iter().map(|m| m.state.view()));
        self.energies.extend(found.iter().map(|m| m.energy));
        self.multipliers.extend(found.iter().map(|m| m.multiplier));
        self.certificates.extend(found.iter().map(|m| m.certificate));
    }
}

/// Certificate of `state` from its field `Wr` `[neurons]` and its multiplier.
fn certify(
    external_current: f64,
    constraint: &Constraint,
    state: State<'_>,
    field: &[f64],
    multiplier: f64,
    iterations: u32,
) -> Certificate {
    let target = |i: usize| external_current + field[i] - multiplier * constraint.displacements[i];
    let stationarity = state.iter().map(|(i, r)| (r * r - target(i)).abs()).fold(0.0, f64::max);
    let is_silent = |i: &u32| state.active.binary_search(i).is_err();
    let excess = |largest: f64, i: u32| largest.max(target(i as usize));
    let silent_excess = match &constraint.support {
        Some(support) => support.iter().copied().filter(is_silent).fold(0.0, excess),
        None => (0..constraint.displacements.len() as u32).filter(is_silent).fold(0.0, excess),
    };
    let moment: f64 = state.iter().map(|(i, r)| constraint.displacements[i] * r).sum();
    let total: f64 = state.rates.iter().sum();
    Certificate {
        stationarity,
        silent_excess,
        displacement: if total > 0.0 { moment.abs() / total } else { f64::INFINITY },
        overlap: state.overlap(constraint.idealized.view()),
        iterations,
    }
}
