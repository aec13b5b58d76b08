//! The constraint of one point, the minimum found under it, and the proof of its quality.

use serde::{Deserialize, Serialize};

use crate::landscape::energy::Energy;
use crate::landscape::states::{State, StateBuf};
use crate::manifold::{Maps, Point, Space, Vector, length};

/// Fraction of a line's length, to each side of the point, over which `kkt` minima count displacements.
const WINDOW: f64 = 1.0 / 8.0;

/// On a surface: radius of the circle around the point, as a fraction of the shorter side. With 0.4 minima are the same
/// within a few per cent, and more bumps are lost.
const WINDOW_RADIUS: f64 = 1.0 / 4.0;

/// Beyond this distance from its point a neuron's displacement counts as 0 in `kkt` minima (neuron units).
pub fn window(space: &Space) -> f64 {
    match space.dimension() {
        1 => WINDOW * space.sides[0],
        _ => WINDOW_RADIUS * space.size().sqrt().min(space.sides[0]).min(space.sides[1]),
    }
}

/// A minimum counts as converged when no neuron is farther than this from stationarity (Hz²), given |h| of the order
/// of a thousand: rounding of `h + Wr` is about 10⁻¹², and an error of 10⁻⁹ enters the energy squared.
pub const RESIDUAL_TOLERANCE: f64 = 1e-9;

/// A bump whose rates have less than this cosine with the idealized bump's at the same point has left its place.
/// Bumps that stay have 0.9 and more even near capacity.
pub const OVERLAP_MINIMUM: f64 = 0.6;

/// Proof of a state's quality, recomputed from the returned rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// `max |(r_i/c)^{1/n} − T_i|` over active neurons (Hz²).
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
        worse(self.stationarity, self.silent_excess)
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
    /// λ, one per dimension.
    pub multiplier: Vector,
    pub certificate: Certificate,
}

/// The constraint of one point, and who may take part.
#[derive(Clone)]
pub(crate) struct Constraint {
    /// c, one list `[neurons]` a dimension (neuron units): `Σ_i c_i r_i = 0`.
    pub displacements: Vec<Vec<f64>>,
    /// The only neurons that may be active, or all if `None`.
    pub support: Option<Vec<u32>>,
    /// The idealized bump at the point.
    pub idealized: StateBuf,
}

impl Constraint {
    /// Displacements count within the [`window`], and every neuron may be active.
    pub(crate) fn windowed(maps: &Maps, point: &Point, idealized: StateBuf) -> Self {
        let mut displacements = point.displacements(maps);
        let window = window(maps.space(point.map));
        match displacements.as_mut_slice() {
            [along] => along.iter_mut().filter(|x| x.abs() > window).for_each(|x| *x = 0.0),
            [xs, ys] => {
                for (x, y) in xs.iter_mut().zip(ys).filter(|(x, y)| **x * **x + **y * **y > window * window) {
                    (*x, *y) = (0.0, 0.0);
                }
            }
            _ => {}
        }
        Self { displacements, support: None, idealized }
    }

    /// Number of equations, D.
    pub(crate) fn dimension(&self) -> usize {
        self.displacements.len()
    }

    /// `λ·c` of neuron i (Hz²).
    fn pull(&self, i: usize, multiplier: Vector) -> f64 {
        self.displacements.iter().zip(multiplier).map(|(along, l)| l * along[i]).sum()
    }
}

/// Certificate of `state` from its field `Wr` `[neurons]` and its multiplier.
pub(crate) fn certify(
    of: Energy<'_>,
    constraint: &Constraint,
    state: State<'_>,
    field: &[f64],
    multiplier: Vector,
    iterations: u32,
) -> Certificate {
    let target = |i: usize| of.external_current[i] + field[i] - constraint.pull(i, multiplier);
    let stationarity = state.iter().map(|(i, r)| (of.transfer.current(r) - target(i)).abs()).fold(0.0, worse);
    let mut rest = state.active.iter().peekable();
    let excess = |largest: f64, i: u32| {
        while rest.next_if(|j| **j < i).is_some() {}
        if rest.next_if(|j| **j == i).is_some() { largest } else { worse(largest, target(i as usize)) }
    };
    let silent_excess = match &constraint.support {
        Some(support) => support.iter().copied().fold(0.0, excess),
        None => (0..of.external_current.len() as u32).fold(0.0, excess),
    };
    let moment = |along: &Vec<f64>| state.iter().map(|(i, r)| along[i] * r).sum::<f64>();
    let moments: Vector = std::array::from_fn(|d| constraint.displacements.get(d).map_or(0.0, moment));
    let total: f64 = state.rates.iter().sum();
    Certificate {
        stationarity,
        silent_excess,
        displacement: if total > 0.0 { length(moments) / total } else { f64::INFINITY },
        overlap: state.overlap(constraint.idealized.view()),
        iterations,
    }
}

/// The larger of two violations. One that is not a number is the worst: no certificate may hide it.
pub(crate) fn worse(a: f64, b: f64) -> f64 {
    if a >= b || a.is_nan() { a } else { b }
}
