//! The constraint of one point, the minimum found under it, and the proof of its quality.

use serde::{Deserialize, Serialize};

use crate::landscape::states::{State, StateBuf};
use crate::manifold::{Maps, Point};

/// Fraction of the ring, to each side of the point, over which `kkt` minima count displacements.
pub const WINDOW: f64 = 1.0 / 8.0;

/// A minimum counts as converged when no neuron is farther than this from stationarity (Hz²), given |h| of the order
/// of a thousand: rounding of `h + Wr` is about 10⁻¹², and an error of 10⁻⁹ enters the energy squared.
pub const RESIDUAL_TOLERANCE: f64 = 1e-9;

/// A bump whose rates have less than this cosine with the idealized bump's at the same point has left its place.
/// Bumps that stay have 0.9 and more even near capacity.
pub const OVERLAP_MINIMUM: f64 = 0.6;

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
    /// Displacements count up to [`WINDOW`], and every neuron may be active.
    pub(crate) fn windowed(maps: &Maps, point: Point, idealized: StateBuf) -> Self {
        let mut displacements = point.displacements(maps);
        let window = WINDOW * displacements.len() as f64;
        displacements.iter_mut().filter(|d| d.abs() > window).for_each(|d| *d = 0.0);
        Self { displacements, support: None, idealized }
    }
}

/// Certificate of `state` from its field `Wr` `[neurons]` and its multiplier.
pub(crate) fn certify(
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
