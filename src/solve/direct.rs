//! The weight change that flattens a landscape, eqs. 2, 3 and S9–S13.
//!
//! Wanted: the symmetric ΔM with zero diagonal and least Frobenius norm that takes every state's energy to one level,
//! `E_s − ½ r_sᵀ ΔM r_s = C`. The paper's least-squares system has N·L rows and N(N−1)/2 columns; its Gram matrix has a
//! closed form, `G_st = ½[(r_s·r_t)² − Σ_i r_si² r_ti²]`, and the solution is `ΔM = Σ_s α_s r_s r_sᵀ` without its diagonal,
//! where `G α = E − C·1`, `C = (1ᵀG⁻¹E)/(1ᵀG⁻¹1)`; maps of different shapes have a level each, [`solve_levels`]. A ridge ρ (relative to the mean of G's diagonal) is added to
//! G's diagonal: states that nearly coincide make G nearly singular.
//!
//! [`solve`] here forms G and factors it; [`crate::solve::conjugate::solve`] does neither, and is for many states.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::landscape::states::States;
use crate::progress::Tick;
use crate::solve::WeightUpdate;
use crate::solve::cholesky::{Cholesky, PANEL, Unfinished};

/// Solves for the weight change that takes all `energies` (Hz³) of `states` to one level, by Cholesky factorization.
/// `ridge` is relative to the Gram matrix's mean diagonal. `tick` is told of every column factored.
///
/// # Errors
/// [`Error::Run`] if the Gram matrix is not positive definite: states coincide, and the ridge is too small.
/// [`Error::Interrupted`] if `tick` stops it.
pub fn solve(states: &States, energies: &[f64], ridge: f64, tick: &Tick<'_>) -> Result<WeightUpdate> {
    solve_levels(states, std::slice::from_ref(&(0..states.len())), energies, ridge, tick)
}

/// As [`solve`], with a level for each group of states: `G α = E − Σ_g C_g 1_g` and `1_gᵀ α = 0` for every group g.
///
/// # Errors
/// As [`solve`].
pub fn solve_levels(
    states: &States,
    levels: &[Range<usize>],
    energies: &[f64],
    ridge: f64,
    tick: &Tick<'_>,
) -> Result<WeightUpdate> {
    let count = states.len();
    let mut gram = gram_matrix(states, tick);
    tick.go_on()?;
    let mean_diagonal = (0..count).map(|s| gram[s * (count + 1)]).sum::<f64>() / count as f64;
    for s in 0..count {
        gram[s * (count + 1)] += ridge * mean_diagonal;
    }
    let factor = Cholesky::new(count, gram, tick).map_err(|unfinished| match unfinished {
        Unfinished::Stopped => Error::Interrupted,
        Unfinished::NotPositiveDefinite { column } => Error::Run(format!(
            "the {count} states are not independent enough to flatten (Gram matrix not positive definite at state {column}); raise flatten.ridge, now {ridge:e} (it falls by flatten.ridge_decay), or lower flatten.points_per_map or flatten.idealized_updates"
        )),
    })?;
    // Energies relative to their mean keep the digits that matter in the solves.
    let mean = energies.iter().sum::<f64>() / count as f64;
    let mut solutions: Vec<f64> = energies.iter().map(|e| e - mean).collect();
    for level in levels {
        solutions.extend((0..count).map(|s| f64::from(u8::from(level.contains(&s)))));
    }
    factor.solve(&mut solutions);
    let (of_energies, of_ones) = solutions.split_at(count);
    let of_ones: Vec<&[f64]> = of_ones.chunks_exact(count).collect();
    let heights = level_heights(levels, of_energies, &of_ones);
    let mut alpha = of_energies.to_vec();
    for (height, ones) in heights.iter().zip(&of_ones) {
        alpha.iter_mut().zip(*ones).for_each(|(a, o)| *a -= height * o);
    }
    let levels = heights.iter().map(|height| mean + height).collect();
    Ok(WeightUpdate { delta: weight_gradient(states, &alpha), levels })
}

/// The C with `Σ_h (1_gᵀ G⁻¹ 1_h) C_h = 1_gᵀ G⁻¹ E` for every group g, by Gauss's elimination: the matrix is positive
/// definite.
fn level_heights(levels: &[Range<usize>], of_energies: &[f64], of_ones: &[&[f64]]) -> Vec<f64> {
    let sum = |values: &[f64], level: &Range<usize>| values[level.clone()].iter().sum::<f64>();
    let mut right: Vec<f64> = levels.iter().map(|level| sum(of_energies, level)).collect();
    let mut matrix: Vec<Vec<f64>> =
        levels.iter().map(|level| of_ones.iter().map(|ones| sum(ones, level)).collect()).collect();
    let count = levels.len();
    for pivot in 0..count {
        let own = matrix[pivot].clone();
        for row in pivot + 1..count {
            let part = matrix[row][pivot] / own[pivot];
            matrix[row].iter_mut().zip(&own).for_each(|(x, y)| *x -= part * y);
            right[row] -= part * right[pivot];
        }
    }
    for row in (0..count).rev() {
        let known: f64 = (row + 1..count).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right
}

/// Lower triangle of the Gram matrix `G_st = ½[(r_s·r_t)² − Σ_i r_si² r_ti²]`, column-major `[states, states]` (Hz⁴).
/// What stands above the block diagonal is undefined.
///
/// Two symmetric products of dense `[states, neurons]` matrices: 2·S²·N multiply-add pairs, half of them for the
/// lower triangle alone. Stopped by `tick`, some columns are left out.
pub fn gram_matrix(states: &States, tick: &Tick<'_>) -> Vec<f64> {
    let (count, neurons) = (states.len(), states.neurons());
    let rates = states.to_dense();
    let squares: Vec<f64> = rates.iter().map(|r| r * r).collect();
    let rates = MatRef::from_row_major_slice(&rates, count, neurons);
    let squares = MatRef::from_row_major_slice(&squares, count, neurons);
    let mut gram = vec![0.0; count * count];
    gram.par_chunks_mut(PANEL * count).enumerate().for_each_init(
        Vec::new,
        |diagonal_terms, (block, columns)| {
            if tick.stopped() {
                return;
            }
            let first = block * PANEL;
            let width = columns.len() / count;
            let below = count - first;
            diagonal_terms.resize(below * width, 0.0);
            let mut dots =
                MatMut::from_column_major_slice_mut(columns, count, width).split_at_row_mut(first).1;
            let mut terms = MatMut::from_column_major_slice_mut(diagonal_terms, below, width);
            for (factor, target) in [(rates, dots.as_mut()), (squares, terms.as_mut())] {
                let left = factor.split_at_row(first).1;
                let right = left.split_at_row(width).0;
                matmul(target, Accum::Replace, left, right.transpose(), 1.0, Par::Seq);
            }
            for (column, terms) in columns.chunks_exact_mut(count).zip(diagonal_terms.chunks_exact(below)) {
                for (g, term) in column[first..].iter_mut().zip(terms) {
                    *g = 0.5 * (*g * *g - term);
                }
            }
        },
    );
    gram
}

/// `Σ_s α_s r_s r_sᵀ` without its diagonal, `[neurons, neurons]`. With `α_s = −(E_s − Ē)` this is the gradient of the
/// loss `½ Σ_s (E_s − Ē)²` with respect to the off-diagonal weights, each pair counted once (eqs. 3, S24).
pub fn weight_gradient(states: &States, alpha: &[f64]) -> WeightMatrix {
    let mut sum = WeightMatrix::zeros(states.neurons());
    let stride = sum.stride();
    // Each task owns a block of rows and adds the states in order, so bits do not depend on the threads.
    const ROWS: usize = 8;
    sum.as_mut_slice().par_chunks_mut(ROWS * stride).enumerate().for_each(|(block, rows)| {
        let first = block * ROWS;
        for (state, &a) in states.iter().zip(alpha) {
            let from = state.active.partition_point(|&i| (i as usize) < first);
            let to = state.active.partition_point(|&i| (i as usize) < first + ROWS);
            for (&i, &r) in state.active[from..to].iter().zip(&state.rates[from..to]) {
                let row = &mut rows[(i as usize - first) * stride..][..stride];
                let scale = a * r;
                for (j, q) in state.iter() {
                    row[j] += scale * q;
                }
            }
        }
        for (i, row) in rows.chunks_exact_mut(stride).enumerate() {
            if let Some(diagonal) = row.get_mut(first + i) {
                *diagonal = 0.0;
            }
        }
    });
    symmetrize(&mut sum);
    sum
}

/// `½(r_sᵀ X r_s − Σ_i X_ii r_si²)` for every state: how far ΔM = X lowers its energy to first order.
pub fn response(weights: &WeightMatrix, states: &States) -> Vec<f64> {
    (0..states.len())
        .into_par_iter()
        .map(|s| {
            let state = states.get(s);
            state
                .iter()
                .map(|(i, r)| {
                    let row = weights.row(i);
                    let others: f64 = state.iter().filter(|&(j, _)| j != i).map(|(j, q)| row[j] * q).sum();
                    0.5 * r * others
                })
                .sum()
        })
        .collect()
}

/// Makes a matrix that is symmetric up to rounding exactly so, by copying the lower triangle to the upper.
fn symmetrize(matrix: &mut WeightMatrix) {
    for i in 0..matrix.neurons() {
        for j in 0..i {
            let w = matrix.row(i)[j];
            matrix.row_mut(j)[i] = w;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::states::StateBuf;

    /// Some overlapping states whose rates look random.
    fn states(count: usize, neurons: usize) -> States {
        let buffers: Vec<StateBuf> = (0..count)
            .map(|s| {
                let dense: Vec<f64> = (0..neurons)
                    .map(|i| ((i * 31 + s * 17) % 23) as f64 - 12.0 + ((s * i) % 7) as f64 * 0.3)
                    .map(|r| r.max(0.0))
                    .collect();
                StateBuf::from_dense(&dense)
            })
            .collect();
        States::pack(neurons, buffers.iter().map(StateBuf::view))
    }

    #[test]
    fn gram_matrix_is_the_product_of_pair_vectors() {
        let states = states(9, 20);
        let gram = gram_matrix(&states, &Tick::silent());
        let dense = states.to_dense();
        for s in 0..9 {
            for t in 0..=s {
                // The paper's A has r_i r_j for every pair i < j; G = A·Aᵀ.
                let (a, b) = (&dense[s * 20..][..20], &dense[t * 20..][..20]);
                let mut expected = 0.0;
                for i in 0..20 {
                    for j in 0..i {
                        expected += a[i] * a[j] * b[i] * b[j];
                    }
                }
                let found = gram[s + t * 9];
                // A difference of two terms of this size, each good to 20 roundings.
                let size: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>().powi(2);
                assert!((found - expected).abs() <= 1e-14 * size, "{s}, {t}: {found} {expected}");
            }
        }
    }

    #[test]
    fn update_takes_every_energy_to_the_level() {
        let states = states(12, 30);
        let energies: Vec<f64> = (0..12).map(|s| -1e5 + 700.0 * f64::from(s).sin()).collect();
        let update = solve(&states, &energies, 0.0, &Tick::silent()).unwrap();
        for (e, lowered) in energies.iter().zip(response(&update.delta, &states)) {
            assert!((e - lowered - update.levels[0]).abs() < 1e-7, "{} {:?}", e - lowered, update.levels);
        }
        for i in 0..30 {
            assert_eq!(update.delta.row(i)[i], 0.0);
            for j in 0..30 {
                assert_eq!(update.delta.row(i)[j], update.delta.row(j)[i]);
            }
        }
    }

    #[test]
    fn every_group_is_taken_to_its_own_level() {
        let states = states(12, 30);
        let energies: Vec<f64> =
            (0..12).map(|s| f64::from(s / 5) * 4e3 + 700.0 * f64::from(s).sin()).collect();
        let levels = [0..5, 5..10, 10..12];
        let update = solve_levels(&states, &levels, &energies, 0.0, &Tick::silent()).unwrap();
        let lowered = response(&update.delta, &states);
        for (level, to) in levels.iter().zip(&update.levels) {
            for s in level.clone() {
                assert!(
                    (energies[s] - lowered[s] - to).abs() < 1e-7,
                    "{s}: {} {to}",
                    energies[s] - lowered[s]
                );
            }
        }
        // One level for all takes a larger change.
        let one = solve(&states, &energies, 0.0, &Tick::silent()).unwrap();
        assert!(update.delta.statistics().sd < one.delta.statistics().sd);
    }

    #[test]
    fn coinciding_states_need_a_ridge() {
        let once = states(4, 30);
        let twice = States::pack(30, once.iter().chain(once.iter()));
        let energies = [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.5];
        let refused = solve(&twice, &energies, 0.0, &Tick::silent()).err().expect("singular").to_string();
        assert!(refused.contains("flatten.ridge"), "{refused}");
        assert!(solve(&twice, &energies, 1e-4, &Tick::silent()).is_ok());
    }

    #[test]
    fn weight_gradient_does_not_depend_on_threads() {
        let states = states(40, 100);
        let alpha: Vec<f64> = (0..40).map(|s| f64::from(s).cos()).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| weight_gradient(&states, &alpha).to_dense())
        };
        assert_eq!(on(1), on(4));
    }
}
