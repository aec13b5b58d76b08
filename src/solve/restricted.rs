//! Weight changes under restrictions: M of few pairs, or of few bits. The restriction is part of the solve, so that a coarse M
//! can be flat too.
//!
//! - **Few pairs** (`flatten.keep`): the first update is solved for in all pairs; the largest of it stay, and from then on
//!   every solve is in these alone. Conjugate gradients need no more for that than to leave the other pairs out of
//!   `X = Σ_t α_t r_t r_tᵀ`.
//! - **Few bits** (`flatten.precision`): half of the pairs, drawn, are rounded; the energies that this has changed are put
//!   right by a solve in the pairs that are still free; then half of those, and so on. Only the last pairs' rounding is left.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::connectivity::coarse::{Grid, Precision, for_pairs, prune, set_pair};
use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::progress::Tick;
use crate::solve::manifolds::Manifolds;
use crate::solve::{WeightProblem, conjugate, direct};

/// What M may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Restriction {
    /// Fraction of the pairs that may have a weight.
    pub keep: f64,
    /// Values that these may have; all if `None`.
    pub precision: Option<Precision>,
}

/// Times that half of the free pairs are rounded: then 3 % are left.
const HALVINGS: usize = 5;

/// How far the energies are put right between two roundings: the next one changes them again, by 0.7 as much.
const WHILE_ROUNDING: f64 = 0.1;

/// Which pairs are rounded first is drawn with this seed.
const SEED: u64 = 2;

impl Restriction {
    /// The change of M to a part `step` of the solved one, such that M is as it may be afterwards. `current` is M before.
    ///
    /// # Errors
    /// As [`conjugate::solve`].
    pub fn change(
        &self,
        problem: &WeightProblem<'_>,
        current: &WeightMatrix,
        step: f64,
        tick: &Tick<'_>,
    ) -> Result<WeightMatrix> {
        let WeightProblem { manifolds, energies, ridge, accuracy, .. } = *problem;
        let solve = |energies: &[f64], free: &WeightMatrix, accuracy: f64| {
            conjugate::solve_within(manifolds, energies, ridge, accuracy, Some(free), tick)
                .map(|(update, _)| update.delta)
        };
        let free = self.free_pairs(problem, current, tick)?;
        let target = current.plus(step, &solve(energies, &free, accuracy)?);
        let rounded = match self.precision {
            None => target,
            Some(precision) => round(manifolds, target, free, precision, tick, |energies, free| {
                solve(energies, free, accuracy.max(WHILE_ROUNDING))
            })?,
        };
        Ok(rounded.plus(-1.0, current))
    }

    /// 1 for every pair that may have a weight, else 0: those that have one; of an M that is 0, the largest of a first
    /// solution.
    fn free_pairs(
        &self,
        problem: &WeightProblem<'_>,
        current: &WeightMatrix,
        tick: &Tick<'_>,
    ) -> Result<WeightMatrix> {
        let n = current.neurons();
        let mut free = WeightMatrix::zeros(n);
        if self.keep == 1.0 {
            for_pairs(n, |i, j| set_pair(&mut free, i, j, 1.0));
            return Ok(free);
        }
        let begun = current.as_slice().iter().any(|w| *w != 0.0);
        let pattern = if begun {
            current.clone()
        } else {
            let WeightProblem { manifolds, energies, ridge, accuracy, .. } = *problem;
            let mut first = conjugate::solve(manifolds, energies, ridge, accuracy, tick)?.0.delta;
            prune(&mut first, 1.0 - self.keep);
            first
        };
        for_pairs(n, |i, j| {
            if pattern.row(i)[j] != 0.0 {
                set_pair(&mut free, i, j, 1.0);
            }
        });
        Ok(free)
    }
}

/// Rounds `target` to a grid, half of the free pairs after half, each time with the energies put right by the rest.
fn round(
    manifolds: Manifolds<'_>,
    target: WeightMatrix,
    mut free: WeightMatrix,
    precision: Precision,
    tick: &Tick<'_>,
    solve: impl Fn(&[f64], &WeightMatrix) -> Result<WeightMatrix>,
) -> Result<WeightMatrix> {
    let grid = Grid::new(precision, &target);
    let mut pairs = Vec::new();
    for_pairs(target.neurons(), |i, j| {
        if free.row(i)[j] != 0.0 {
            pairs.push((i, j));
        }
    });
    pairs.shuffle(&mut ChaCha8Rng::seed_from_u64(SEED));
    let mut weights = target.clone();
    for halving in 0..=HALVINGS {
        let last = halving == HALVINGS;
        let now = if last { pairs.len() } else { pairs.len().div_ceil(2) };
        for (i, j) in pairs.drain(..now) {
            let to = grid.round(weights.row(i)[j]);
            set_pair(&mut weights, i, j, to);
            set_pair(&mut free, i, j, 0.0);
        }
        if last {
            break;
        }
        // Fewer pairs than energies cannot put them right.
        if pairs.len() < manifolds.states.len() {
            continue;
        }
        tick.go_on()?;
        // What rounding has done to the energies so far.
        let changed = direct::response(&weights.plus(-1.0, &target), manifolds.states);
        let energies: Vec<f64> = changed.iter().map(|e| -e).collect();
        // Few free pairs cannot put everything right; what they cannot, stays.
        match solve(&energies, &free) {
            Ok(delta) => weights = weights.plus(1.0, &delta),
            Err(crate::error::Error::Run(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(weights)
}
