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
//!
//! A bump that moves lags behind its minimum by `δr = −τ Σ_b θ̇_b G I′_b`, G the rates' part of the inverse of the matrix above.
//! Where the velocity changes along the manifold the lag changes too, which takes current: to first order
//! `Σ_b (m_ab − τ Σ_c q_ac ∂_b θ̇_c) θ̇_b = λ_a R/τ` with `q_ac = I′_aᵀ G I′_c`. At a fixed point of a line that is the expansion of the
//! tangential eigenvalue.

use faer::Mat;
use faer::prelude::Solve;

use crate::landscape::constraint::window;
use crate::landscape::problem::{Definition, Problem};
use crate::landscape::states::State;
use crate::manifold::{Point, Vector, length};

/// A constrained minimum seen as a place on the slow manifold.
#[derive(Clone, Debug, PartialEq)]
pub struct Tangent {
    /// `∂E/∂x` (Hz³/neuron unit).
    pub slope: Vector,
    /// θ̇ (neuron units/s).
    pub velocity: Vector,
    /// θ̇ of a bump whose shape lags behind its place (neuron units/s); `velocity` where the lag is no small correction.
    pub lagging_velocity: Vector,
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
        let displacements = displacements(problem, point, state);
        let sum_of_counted = |rates: &[f64]| -> f64 {
            rates.iter().zip(&displacements).filter(|(_, c)| c.is_some()).map(|(r, _)| r).sum()
        };
        let counted = sum_of_counted(state.rates);
        let curvatures: Vec<f64> = state.rates.iter().map(|&r| problem.transfer.curvature(r)).collect();
        let wanted = Mat::from_fn(active + dimension, dimension, |row, a| match row.checked_sub(active) {
            None if displacements[row].is_some() => multiplier[a],
            None => 0.0,
            Some(b) => f64::from(u8::from(a == b)) * counted,
        });
        let system = bordered(problem, state, &displacements, &curvatures, dimension);
        let factors = system.partial_piv_lu();
        let solution = factors.solve(&wanted);
        let part = |solution: &Mat<f64>, a: usize| (0..active).map(|i| solution[(i, a)]).collect();
        let rates: Vec<Vec<f64>> = (0..dimension).map(|a| part(&solution, a)).collect();
        let stiffness =
            std::array::from_fn(|a| {
                std::array::from_fn(|b| {
                    if a < dimension && b < dimension { solution[(active + b, a)] } else { 0.0 }
                })
            });
        let currents: Vec<Vec<f64>> =
            rates.iter().map(|r| r.iter().zip(&curvatures).map(|(r, c)| r * c).collect()).collect();
        let moved =
            Mat::from_fn(
                active + dimension,
                dimension,
                |row, a| {
                    if row < active { currents[a][row] } else { 0.0 }
                },
            );
        let lags = factors.solve(&moved);
        let lags: Vec<Vec<f64>> = (0..dimension).map(|a| part(&lags, a)).collect();
        let motion = Motion {
            dimension,
            mobility: products(&currents, &rates),
            lag: products(&currents, &lags),
            force: multiplier.map(|l| l * counted / tau_seconds),
            force_change: std::array::from_fn(|a| {
                let change = |b: usize| stiffness[a][b] * counted + multiplier[b] * sum_of_counted(&rates[a]);
                std::array::from_fn(|b| if a < dimension { change(b) / tau_seconds } else { 0.0 })
            }),
            tau_seconds,
        };
        let velocity = motion.velocity();
        let slope = multiplier.map(|l| -l * counted);
        let lagging_velocity = motion.lagging_velocity(velocity);
        velocity.iter().all(|v| v.is_finite()).then_some(Self {
            slope,
            velocity,
            lagging_velocity,
            stiffness,
            rates,
        })
    }
}

/// Of the active neurons from the point, where the constraint counts them.
fn displacements(problem: &Problem<'_>, point: &Point, state: State<'_>) -> Vec<Option<Vector>> {
    let space = problem.maps.space(point.map);
    let reach = if problem.definition == Definition::Kkt { window(space) } else { f64::INFINITY };
    let displacement = |(i, _): (usize, f64)| {
        let place = problem.maps.places(point.map)[i];
        let way = space.displacement(point.position, place);
        (!place[0].is_nan() && length(way) <= reach).then_some(way)
    };
    state.iter().map(displacement).collect()
}

/// `[Φ⁻¹ − W, C; Cᵀ, 0]` over the active neurons.
fn bordered(
    problem: &Problem<'_>,
    state: State<'_>,
    displacements: &[Option<Vector>],
    curvatures: &[f64],
    dimension: usize,
) -> Mat<f64> {
    let active = state.active.len();
    let constraint = |i: usize, d: usize| displacements[i].map_or(0.0, |c| c[d]);
    Mat::from_fn(active + dimension, active + dimension, |a, b| match (a < active, b < active) {
        (true, true) => {
            let weight = problem.weights.row(state.active[a] as usize)[state.active[b] as usize];
            if a == b { curvatures[a] - weight } else { -weight }
        }
        (true, false) => constraint(a, b - active),
        (false, true) => constraint(b, a - active),
        (false, false) => 0.0,
    })
}

/// `Σ_i x_ia y_ib` for lists x and y, one a dimension.
fn products(x: &[Vec<f64>], y: &[Vec<f64>]) -> [Vector; 2] {
    let product = |a: usize, b: usize| x[a].iter().zip(&y[b]).map(|(x, y)| x * y).sum::<f64>();
    std::array::from_fn(|a| {
        std::array::from_fn(|b| if a < x.len() && b < x.len() { product(a, b) } else { 0.0 })
    })
}

/// What decides how fast a bump moves.
struct Motion {
    dimension: usize,
    /// `m_ab = Σ_i r′_ia I′_ib`.
    mobility: [Vector; 2],
    /// `q_ab = I′_aᵀ G I′_b`.
    lag: [Vector; 2],
    /// `λ_a R/τ`.
    force: Vector,
    /// `∂_a (λ_b R)/τ`, `[a][b]`.
    force_change: [Vector; 2],
    tau_seconds: f64,
}

impl Motion {
    fn velocity(&self) -> Vector {
        solve(self.dimension, self.mobility, self.force)
    }

    /// θ̇ with the lag; without it where the correction is larger than the velocity, and the expansion fails.
    fn lagging_velocity(&self, velocity: Vector) -> Vector {
        let axes = 0..self.dimension;
        let change: Vec<Vector> =
            axes.clone().map(|b| solve(self.dimension, self.mobility, self.force_change[b])).collect();
        let mut slowed = self.mobility;
        for (a, row) in slowed.iter_mut().enumerate().take(self.dimension) {
            for (b, m) in row.iter_mut().enumerate().take(self.dimension) {
                *m -= self.tau_seconds * axes.clone().map(|c| self.lag[a][c] * change[b][c]).sum::<f64>();
            }
        }
        let corrected = solve(self.dimension, slowed, self.force);
        let difference = [corrected[0] - velocity[0], corrected[1] - velocity[1]];
        if length(difference) <= length(velocity) { corrected } else { velocity }
    }
}

/// `M⁻¹ v`, of the first row and column alone in one dimension.
fn solve(dimension: usize, [[a, b], [c, d]]: [Vector; 2], v: Vector) -> Vector {
    if dimension == 1 {
        return [v[0] / a, 0.0];
    }
    let determinant = a * d - b * c;
    [(d * v[0] - b * v[1]) / determinant, (a * v[1] - c * v[0]) / determinant]
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
