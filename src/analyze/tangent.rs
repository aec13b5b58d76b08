//! How the constrained minimum changes as its point moves along the manifold, and how fast the dynamics move it.
//!
//! With `L = E + Σ_b λ_b Σ_i c_ib r_i` the envelope theorem gives the slope of the landscape, `∂E/∂x_a = −λ_a R`, R the summed
//! rate of the neurons whose displacement counts. Differentiating the minimum's conditions along `x_a` gives the tangent r′_a:
//!
//! ```text
//! ⎡ Φ⁻¹ − W   C ⎤ ⎡ r′_a ⎤   ⎡ λ_a·1 ⎤
//! ⎣   Cᵀ      0 ⎦ ⎣ λ′_a ⎦ = ⎣ R·e_a ⎦
//! ```
//!
//! over the active neurons, Φ = diag φ′. Along the manifold energy is lost at the rate `τ Σ_i İ_i ṙ_i`, so the bump moves with
//! `Σ_b m_ab θ̇_b = λ_a R/τ`, `m_ab = Σ_i r′_ia I′_ib`: in one dimension `θ̇ = −E′/(τ Σ_i r′_i I′_i)`. That holds while the bump's
//! shape keeps up with its place, which is where it is slow.

use faer::Mat;
use faer::prelude::Solve;

use crate::landscape::constraint::window;
use crate::landscape::problem::{Definition, Problem};
use crate::landscape::states::State;
use crate::manifold::{Point, Vector};

/// A constrained minimum seen as a place on the slow manifold.
#[derive(Clone, Debug, PartialEq)]
pub struct Tangent {
    /// `∂E/∂x` (Hz³/neuron unit).
    pub slope: Vector,
    /// θ̇ (neuron units/s).
    pub velocity: Vector,
    /// `∂λ_b/∂x_a`, `[a][b]` (Hz²/neuron unit²): what a Newton step to λ = 0 needs.
    pub stiffness: [Vector; 2],
    /// r′_a over the active neurons, one list per dimension (Hz/neuron unit).
    pub rates: Vec<Vec<f64>>,
}

impl Tangent {
    /// At the minimum `state` of a point, whose multiplier is λ; `None` if the bordered system is singular, as it is where a bump has
    /// dissolved.
    pub fn new(
        problem: &Problem<'_>,
        point: &Point,
        state: State<'_>,
        multiplier: Vector,
        tau_seconds: f64,
    ) -> Option<Self> {
        let space = problem.maps.space(point.map);
        let (active, dimension) = (state.active.len(), space.dimension());
        if active == 0 {
            return None;
        }
        let reach = if problem.definition == Definition::Kkt { window(space) } else { f64::INFINITY };
        let displacements: Vec<Option<Vector>> = state
            .iter()
            .map(|(i, _)| {
                let place = problem.maps.places(point.map)[i];
                let way = space.displacement(point.position, place);
                (!place[0].is_nan() && crate::manifold::length(way) <= reach).then_some(way)
            })
            .collect();
        let counted: f64 =
            state.rates.iter().zip(&displacements).filter(|(_, c)| c.is_some()).map(|(r, _)| r).sum();
        let curvatures: Vec<f64> = state.rates.iter().map(|&r| problem.transfer.curvature(r)).collect();
        let entry = |a: usize, b: usize| -> f64 {
            let constraint = |i: usize, d: usize| displacements[i].map_or(0.0, |c| c[d]);
            match (a < active, b < active) {
                (true, true) => {
                    let weight = problem.weights.row(state.active[a] as usize)[state.active[b] as usize];
                    if a == b { curvatures[a] - weight } else { -weight }
                }
                (true, false) => constraint(a, b - active),
                (false, true) => constraint(b, a - active),
                (false, false) => 0.0,
            }
        };
        let system = Mat::from_fn(active + dimension, active + dimension, entry);
        let wanted = Mat::from_fn(active + dimension, dimension, |row, a| match row.checked_sub(active) {
            None if displacements[row].is_some() => multiplier[a],
            None => 0.0,
            Some(b) => f64::from(u8::from(a == b)) * counted,
        });
        let solution = system.partial_piv_lu().solve(&wanted);
        let rates: Vec<Vec<f64>> =
            (0..dimension).map(|a| (0..active).map(|i| solution[(i, a)]).collect()).collect();
        let stiffness =
            std::array::from_fn(|a| {
                std::array::from_fn(|b| {
                    if a < dimension && b < dimension { solution[(active + b, a)] } else { 0.0 }
                })
            });
        let mobility = |a: usize, b: usize| -> f64 {
            rates[a].iter().zip(&rates[b]).zip(&curvatures).map(|((x, y), c)| c * x * y).sum()
        };
        let force = multiplier.map(|l| l * counted / tau_seconds);
        let velocity = if dimension == 1 {
            [force[0] / mobility(0, 0), 0.0]
        } else {
            solve_symmetric([mobility(0, 0), mobility(0, 1), mobility(1, 1)], force)
        };
        let slope = multiplier.map(|l| -l * counted);
        velocity.iter().all(|v| v.is_finite()).then_some(Self { slope, velocity, stiffness, rates })
    }
}

/// `[[a, b], [b, c]]⁻¹ v`.
fn solve_symmetric([a, b, c]: [f64; 3], v: Vector) -> Vector {
    let determinant = a * c - b * b;
    [(c * v[0] - b * v[1]) / determinant, (a * v[1] - b * v[0]) / determinant]
}

/// A step in position that takes λ to 0 to first order, `x ← x − (∂λ/∂x)⁻ᵀ λ` (neuron units).
pub fn step_to_rest(tangent: &Tangent, multiplier: Vector, dimension: usize) -> Vector {
    let [[xx, xy], [yx, yy]] = tangent.stiffness;
    if dimension == 1 {
        return [-multiplier[0] / xx, 0.0];
    }
    // λ_b changes by Σ_a stiffness[a][b]·dx_a.
    let determinant = xx * yy - xy * yx;
    [
        -(yy * multiplier[0] - yx * multiplier[1]) / determinant,
        -(xx * multiplier[1] - xy * multiplier[0]) / determinant,
    ]
}
