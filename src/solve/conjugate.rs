//! The weight change by preconditioned conjugate gradients, without the Gram matrix.
//!
//! The level C is eliminated exactly: `G α + C·1 = E` with `1ᵀα = 0` is the same system, so the iteration runs on
//! `P G P α = P E`, P = I − 11ᵀ/S, and `C = mean(E − G α)`; where groups of maps have a level each, P takes off the mean of
//! each group. G acts through the two products of [`super::bands`]
//! (eqs. S9–S13): `G α` is the response of all energies to `X = Σ_t α_t r_t r_tᵀ`. The residual's root mean square is the
//! roughness that the linear model predicts after the update; the iteration ends when that has fallen to a set fraction
//! of the present roughness, since the next outer iteration corrects what is left.
//!
//! On the paper's network (N = K = 600, L = 10, `kkt` minima, ridge 10⁻⁴) 29 iterations to a predicted roughness of 10⁻⁹ give the
//! weight change of the direct solve to 1.3·10⁻⁹ of its largest element, in a fifth of its time.
//!
//! Cost of an iteration: both products, 4·a²·S flops and what tiles waste. Memory: one weight matrix, 256 MB of tiles,
//! the preconditioner's factored segments (overlapping runs of every map's points), and vectors of S.

use std::ops::Range;

use super::manifolds::Manifolds;
use super::products::Products;
use super::schwarz::Schwarz;
use super::{WeightUpdate, bands, schwarz};
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::progress::Tick;

/// Iterations after which the solve stops. Regular systems take 10 to a predicted roughness of 10⁻³ and 30 to 10⁻⁹;
/// near capacity, where maps overlap strongly, a thousand reach 4·10⁻³.
const MAX_ITERATIONS: usize = 300;

/// What has reached this fraction of the present roughness by then is an update worth trying, and the next outer
/// iteration corrects the rest.
pub(super) const WORTHWHILE: f64 = 0.3;

/// Added to the preconditioner's diagonals where no ridge is asked for, relative to the Gram matrix's mean diagonal:
/// rounding of a product of a thousand rates.
pub(super) const LEAST_LIFT: f64 = 1e-13;

/// How a solve went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Convergence {
    /// Products with the Gram matrix.
    pub iterations: usize,
    /// Predicted roughness as a fraction of the present one.
    pub reached: f64,
}

/// Solves for the weight change that takes all `energies` (Hz³) to one level, up to a predicted roughness of `accuracy`
/// times the present one, or as far as 300 iterations get. `ridge` is relative to the Gram matrix's mean diagonal.
///
/// # Errors
/// [`Error::Run`] if the states are not independent enough, or the iteration does not converge.
/// [`Error::Interrupted`] if `tick` stops it.
pub fn solve(
    manifolds: Manifolds<'_>,
    energies: &[f64],
    ridge: f64,
    accuracy: f64,
    tick: &Tick<'_>,
) -> Result<(WeightUpdate, Convergence)> {
    solve_within(manifolds, energies, ridge, accuracy, None, tick)
}

/// As [`solve`], with a change of some pairs of neurons alone: those that have 1, not 0, in `free` `[neurons, neurons]`.
///
/// # Errors
/// As [`solve`].
pub fn solve_within(
    manifolds: Manifolds<'_>,
    energies: &[f64],
    ridge: f64,
    accuracy: f64,
    free: Option<&WeightMatrix>,
    tick: &Tick<'_>,
) -> Result<(WeightUpdate, Convergence)> {
    let leave_out = |product: &mut WeightMatrix| {
        if let Some(free) = free {
            product.as_mut_slice().iter_mut().zip(free.as_slice()).for_each(|(x, free)| *x *= free);
        }
    };
    let (products, count) = (Products::new(manifolds), manifolds.states.len());
    let mean_diagonal = mean_diagonal(manifolds);
    let lift = ridge.max(LEAST_LIFT) * mean_diagonal;
    let preconditioner = Schwarz::new(manifolds, lift, tick);
    tick.go_on()?;
    let preconditioner = preconditioner.ok_or_else(|| dependent(count, ridge))?;
    let mut product = WeightMatrix::zeros(manifolds.maps.neurons());
    let mut residual = energies.to_vec();
    let levels = manifolds.levels();
    let means = center(&mut residual, &levels);
    // Again, to remove what rounding of |E| ≈ 10⁵ has left.
    center(&mut residual, &levels);
    let mut solve =
        Solve { alpha: vec![0.0; energies.len()], residual, shifts: vec![0.0; levels.len()], levels };
    let convergence = solve.run(
        accuracy,
        tick,
        |r| preconditioner.apply(r),
        |direction| {
            products.forward(direction, &mut product);
            leave_out(&mut product);
            let mut image = products.response(&product);
            image.iter_mut().zip(direction).for_each(|(g, d)| *g += ridge * mean_diagonal * d);
            Ok::<_, Error>(image)
        },
    )?;
    tick.go_on()?;
    let Some(convergence) = convergence else { return Err(dependent(count, ridge)) };
    if !(convergence.reached <= accuracy.max(WORTHWHILE)) {
        return Err(Error::Run(format!(
            "the weight solve by conjugate gradients reached {:.1e} of the present roughness in {MAX_ITERATIONS} iterations, not {WORTHWHILE}, let alone flatten.accuracy = {accuracy:e}; raise flatten.ridge, now {ridge:e}, or use flatten.solver = \"direct\"",
            convergence.reached
        )));
    }
    products.forward(&solve.alpha, &mut product);
    leave_out(&mut product);
    let levels = means.iter().zip(&solve.shifts).map(|(mean, shift)| mean - shift).collect();
    Ok((WeightUpdate { delta: product, levels }, convergence))
}

/// Memory that a solve takes beside the states and the weight change (bytes), with `active` active neurons a state;
/// `full_rings` if all maps are rings of all neurons, else `surfaces` or lines.
pub(crate) fn memory(
    neurons: usize,
    maps: usize,
    per_map: usize,
    active: f64,
    full_rings: bool,
    surfaces: bool,
) -> u64 {
    let vectors = 8 * 8 * maps * per_map;
    let tiles = if full_rings { bands::memory(neurons, maps, active) } else { 8 * neurons * neurons };
    let segments = schwarz::sizes(neurons, per_map, active, surfaces);
    let factors = 8 * maps * segments.iter().map(|rows| rows.pow(2)).sum::<usize>();
    (tiles + factors + vectors) as u64
}

/// Arithmetic of the preconditioner (flop): what its Gram matrices take, and their factors.
pub(crate) fn preconditioner_work(
    neurons: usize,
    maps: usize,
    per_map: usize,
    active: f64,
    surfaces: bool,
) -> [f64; 2] {
    let segments = schwarz::sizes(neurons, per_map, active, surfaces);
    let sum = |power: i32| maps as f64 * segments.iter().map(|&rows| (rows as f64).powi(power)).sum::<f64>();
    [active * sum(2), sum(3) / 3.0]
}

fn dependent(states: usize, ridge: f64) -> Error {
    Error::Run(format!(
        "the {states} states are not independent enough to flatten (Gram matrix not positive definite); raise flatten.ridge, now {ridge:e} (it falls by flatten.ridge_decay), or lower flatten.points_per_map or flatten.idealized_updates"
    ))
}

/// The state of the iteration.
#[cfg_attr(feature = "gpu", derive(Clone))]
pub(super) struct Solve {
    pub(super) alpha: Vec<f64>,
    /// `P (E − G α)` (Hz³).
    pub(super) residual: Vec<f64>,
    /// Mean of `G α` over the states of each level (Hz³).
    pub(super) shifts: Vec<f64>,
    pub(super) levels: Vec<Range<usize>>,
}

impl Solve {
    /// Iterates until the residual has fallen to `accuracy`, the iterations are used up, or `tick` stops it.
    /// Nothing if the product shows that the Gram matrix is not positive definite.
    ///
    /// # Errors
    /// If a product fails.
    pub(super) fn run<E>(
        &mut self,
        accuracy: f64,
        tick: &Tick<'_>,
        precondition: impl Fn(&[f64]) -> Vec<f64>,
        mut product: impl FnMut(&[f64]) -> std::result::Result<Vec<f64>, E>,
    ) -> std::result::Result<Option<Convergence>, E> {
        let first = norm(&self.residual);
        let mut reached = if first > 0.0 { 1.0 } else { 0.0 };
        let mut direction = Vec::new();
        let mut previous = f64::INFINITY;
        let mut told = 0;
        let mut iterations = 0;
        while reached > accuracy && iterations < MAX_ITERATIONS && !tick.stopped() {
            let mut step = precondition(&self.residual);
            center(&mut step, &self.levels);
            let size = dot(&self.residual, &step);
            if direction.is_empty() {
                direction = step;
            } else {
                direction.iter_mut().zip(&step).for_each(|(d, z)| *d = z + size / previous * *d);
            }
            previous = size;
            let mut image = product(&direction)?;
            iterations += 1;
            let curvature = dot(&direction, &image);
            if !(curvature > 0.0 && size > 0.0) {
                return Ok(None);
            }
            let length = size / curvature;
            let means = center(&mut image, &self.levels);
            self.shifts.iter_mut().zip(means).for_each(|(shift, mean)| *shift += length * mean);
            self.alpha.iter_mut().zip(&direction).for_each(|(a, d)| *a += length * d);
            self.residual.iter_mut().zip(&image).for_each(|(r, g)| *r -= length * g);
            reached = norm(&self.residual) / first;
            let share = (reached.max(accuracy).ln() / accuracy.ln()).clamp(0.0, 1.0);
            let done = (share * self.alpha.len() as f64) as u64;
            tick.add(done.saturating_sub(told));
            told = told.max(done);
        }
        Ok(Some(Convergence { iterations, reached }))
    }
}

/// Mean over states of `G_ss = ½[(Σ r²)² − Σ r⁴]` (Hz⁴).
pub(super) fn mean_diagonal(manifolds: Manifolds<'_>) -> f64 {
    let diagonal = |rates: &[f64]| {
        let (mut square, mut fourth) = (0.0, 0.0);
        for r in rates {
            square += r * r;
            fourth += r * r * r * r;
        }
        0.5 * (square * square - fourth)
    };
    manifolds.states.iter().map(|s| diagonal(s.rates)).sum::<f64>() / manifolds.states.len() as f64
}

/// Takes the mean of each level off a vector, and returns the means.
pub(super) fn center(vector: &mut [f64], levels: &[Range<usize>]) -> Vec<f64> {
    let mut take_off = |level: &Range<usize>| {
        let own = &mut vector[level.clone()];
        let mean = own.iter().sum::<f64>() / own.len() as f64;
        own.iter_mut().for_each(|x| *x -= mean);
        mean
    };
    levels.iter().map(&mut take_off).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::states::{StateBuf, States};
    use crate::manifold::{Maps, Points};
    use crate::solve::direct;

    /// `P G P α = P E` for a matrix that is written down, without a preconditioner.
    fn iterate(gram: &[[f64; 4]; 4], energies: [f64; 4], accuracy: f64) -> (Option<Convergence>, Solve) {
        let mut residual = energies.to_vec();
        let levels: Vec<_> = std::iter::once(0..4).collect();
        center(&mut residual, &levels);
        let mut solve = Solve { alpha: vec![0.0; 4], residual, shifts: vec![0.0], levels };
        let product = |x: &[f64]| Ok::<_, Error>(gram.iter().map(|row| dot(row, x)).collect());
        let convergence = solve.run(accuracy, &Tick::silent(), <[f64]>::to_vec, product).unwrap();
        (convergence, solve)
    }

    const GRAM: [[f64; 4]; 4] =
        [[9.0, 1.0, 0.5, 0.0], [1.0, 7.0, 2.0, 0.3], [0.5, 2.0, 6.0, 1.0], [0.0, 0.3, 1.0, 8.0]];

    #[test]
    fn a_small_system_is_solved_in_as_many_iterations_as_it_has_dimensions() {
        let energies = [3.0, -1.0, 4.0, 2.0];
        let (convergence, solve) = iterate(&GRAM, energies, 1e-13);
        assert!(convergence.is_some_and(|c| c.iterations <= 4 && c.reached <= 1e-13), "{convergence:?}");
        let level = energies.iter().sum::<f64>() / 4.0 - solve.shifts[0];
        for (row, energy) in GRAM.iter().zip(energies) {
            assert!(
                (dot(row, &solve.alpha) + level - energy).abs() < 1e-12,
                "all energies come to one level"
            );
        }
        assert!(solve.alpha.iter().sum::<f64>().abs() < 1e-12, "1ᵀα = 0");
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_shows() {
        let mut gram = GRAM;
        gram[2][2] = -6.0;
        assert!(iterate(&gram, [3.0, -1.0, 4.0, 2.0], 1e-13).0.is_none());
        // Equal energies need nothing, whatever the matrix.
        let (convergence, solve) = iterate(&gram, [5.0; 4], 1e-13);
        assert_eq!(convergence, Some(Convergence { iterations: 0, reached: 0.0 }));
        assert_eq!(solve.alpha, [0.0; 4]);
    }

    #[test]
    fn a_loose_accuracy_ends_earlier() {
        let (loose, _) = iterate(&GRAM, [3.0, -1.0, 4.0, 2.0], 0.3);
        let (tight, _) = iterate(&GRAM, [3.0, -1.0, 4.0, 2.0], 1e-13);
        assert!(loose.unwrap().iterations < tight.unwrap().iterations);
    }

    #[test]
    fn the_mean_diagonal_is_that_of_the_gram_matrix() {
        let maps = Maps::random(40, 1, 3, 0);
        let rates = |s: usize| (0..40).map(move |i| (((i * 7 + s * 5) % 11) as f64 - 5.0).max(0.0));
        let buffers: Vec<StateBuf> =
            (0..10).map(|s| StateBuf::from_dense(&rates(s).collect::<Vec<f64>>())).collect();
        let states = States::pack(40, buffers.iter().map(StateBuf::view));
        let manifolds =
            Manifolds { states: &states, maps: &maps, points: Points::fitted(&maps, 10), at_each: 1 };
        let gram = direct::gram_matrix(&states, &Tick::silent());
        let expected = (0..10).map(|s| gram[s * 11]).sum::<f64>() / 10.0;
        assert!((mean_diagonal(manifolds) - expected).abs() < 1e-12 * expected);
        let stopped = Tick::silent().stopped_by(&|| true);
        let energies: Vec<f64> = (0..10).map(f64::from).collect();
        assert!(matches!(solve(manifolds, &energies, 1e-3, 1e-3, &stopped), Err(Error::Interrupted)));
    }
}
