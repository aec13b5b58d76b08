//! The weight change by conjugate gradients with products that are a little wrong, such as a device's in f32.
//!
//! Their error is a fraction of some 10⁻⁶ of the residual they began with, so a residual is trusted down to [`TRUSTED`] of it. Where
//! less is asked for, the true residual is computed by exact products and the rest is solved for in turn.

use super::WeightUpdate;
use super::conjugate::{Convergence, LEAST_LIFT, Solve, WORTHWHILE, center, mean_diagonal, norm};
use super::manifolds::Manifolds;
use super::products::Products;
use super::schwarz::Schwarz;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::progress::Tick;

/// Products by other means.
pub(crate) trait RoughProducts {
    /// Why one may fail.
    type Failure;

    /// `½ r_sᵀ X r_s` of every state, for `X = Σ_t α_t r_t r_tᵀ` without its diagonal.
    fn product(&mut self, alpha: &[f64]) -> std::result::Result<Vec<f64>, Self::Failure>;

    /// X.
    fn change(&mut self, alpha: &[f64]) -> std::result::Result<WeightMatrix, Self::Failure>;
}

/// How [`solve_roughly`] ended.
pub(crate) struct Rough {
    /// The solution, or nothing if it takes better products.
    pub outcome: Result<Option<(WeightUpdate, Convergence)>>,
    /// Multiply-adds that were done here.
    pub host_multiply_adds: u64,
}

/// To this fraction of what they began with residuals by rough products are trusted.
const TRUSTED: f64 = 1e-4;

/// Rounds of rough solves, each down to [`TRUSTED`].
const ROUNDS: usize = 6;

/// As [`conjugate::solve`](super::conjugate::solve), with rough products; the residual is computed by exact ones where the accuracy asks for it.
pub(crate) fn solve_roughly<P: RoughProducts>(
    manifolds: Manifolds<'_>,
    energies: &[f64],
    ridge: f64,
    accuracy: f64,
    rough: &mut P,
    tick: &Tick<'_>,
) -> std::result::Result<Rough, P::Failure> {
    let mean_diagonal = mean_diagonal(manifolds);
    let lift = ridge.max(LEAST_LIFT) * mean_diagonal;
    let preconditioner = Schwarz::new(manifolds, lift, tick);
    let mut host_multiply_adds = 0;
    let ended = |outcome, host_multiply_adds| Ok(Rough { outcome, host_multiply_adds });
    let Some(preconditioner) = preconditioner.filter(|_| !tick.stopped()) else {
        // The exact solver says why.
        return ended(tick.go_on().map(|()| None), 0);
    };
    host_multiply_adds += preconditioner.multiply_adds(manifolds).0;
    let levels = manifolds.levels();
    let mut residual = energies.to_vec();
    let means = center(&mut residual, &levels);
    center(&mut residual, &levels);
    let (first, target) = (norm(&residual), residual.clone());
    let mut sum =
        Solve { alpha: vec![0.0; energies.len()], residual, shifts: vec![0.0; levels.len()], levels };
    let mut convergence = Convergence { iterations: 0, reached: if first > 0.0 { 1.0 } else { 0.0 } };
    let mut exact = None;
    let quiet = |_| ();
    let silent = tick.telling(&quiet);
    for _ in 0..ROUNDS {
        if convergence.reached <= accuracy {
            break;
        }
        let goal = accuracy / convergence.reached;
        let mut part =
            Solve { alpha: vec![0.0; energies.len()], shifts: vec![0.0; means.len()], ..sum.clone() };
        let found = part.run(
            goal.max(TRUSTED),
            &silent,
            |r| preconditioner.apply(r),
            |direction| {
                let mut image = rough.product(direction)?;
                image.iter_mut().zip(direction).for_each(|(g, d)| *g += ridge * mean_diagonal * d);
                Ok(image)
            },
        )?;
        if let Err(stopped) = tick.go_on() {
            return ended(Err(stopped), host_multiply_adds);
        }
        let Some(found) = found.filter(|found| found.reached <= goal.max(WORTHWHILE)) else {
            return ended(Ok(None), host_multiply_adds);
        };
        convergence.iterations += found.iterations;
        host_multiply_adds += found.iterations as u64 * preconditioner.multiply_adds(manifolds).1;
        sum.alpha.iter_mut().zip(&part.alpha).for_each(|(a, b)| *a += b);
        sum.shifts.iter_mut().zip(&part.shifts).for_each(|(a, b)| *a += b);
        if goal >= TRUSTED && exact.is_none() {
            convergence.reached = found.reached;
            break;
        }
        let products = exact.get_or_insert_with(|| Products::new(manifolds));
        let mut product = WeightMatrix::zeros(manifolds.maps.neurons());
        products.forward(&sum.alpha, &mut product);
        let mut image = products.response(&product);
        image.iter_mut().zip(&sum.alpha).for_each(|(g, a)| *g += ridge * mean_diagonal * a);
        host_multiply_adds += multiply_adds(manifolds);
        sum.shifts = center(&mut image, &sum.levels);
        sum.residual = target.iter().zip(&image).map(|(e, g)| e - g).collect();
        convergence.reached = norm(&sum.residual) / first;
    }
    let is_exact = exact.is_some();
    if is_exact && !(convergence.reached <= accuracy) {
        return ended(Ok(None), host_multiply_adds);
    }
    let delta = match exact {
        Some(products) => {
            let mut product = WeightMatrix::zeros(manifolds.maps.neurons());
            products.forward(&sum.alpha, &mut product);
            host_multiply_adds += multiply_adds(manifolds) / 2;
            product
        }
        None => rough.change(&sum.alpha)?,
    };
    tick.add(energies.len() as u64);
    let levels = means.iter().zip(&sum.shifts).map(|(mean, shift)| mean - shift).collect();
    ended(Ok(Some((WeightUpdate { delta, levels }, convergence))), host_multiply_adds)
}

/// Multiply-adds that both products need, each by half of X.
fn multiply_adds(manifolds: Manifolds<'_>) -> u64 {
    manifolds.states.iter().map(|state| (state.active.len() as u64).pow(2)).sum()
}
