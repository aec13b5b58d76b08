//! Cholesky factorization of large symmetric matrices, with the same bits on any number of threads.
//!
//! A right-looking blocked factorization: panels of 128 columns, whose updates are matrix products done by faer
//! on one thread each. Which thread does which block does not matter, so the bits depend on the panel width alone.
//! n³/3 multiply-add pairs; memory is the matrix and one panel.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::progress::Tick;

/// Columns factored at once: wide enough for matrix products at full speed, narrow enough that a matrix of a few
/// thousand gives every core work.
pub(crate) const PANEL: usize = 128;

/// A lower triangular factor, column-major `[n, n]`; what stands above the diagonal is undefined.
pub struct Cholesky {
    order: usize,
    factor: Vec<f64>,
}

/// Why there is no factor.
#[derive(Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// The matrix is not positive definite to rounding.
    NotPositiveDefinite {
        /// Index of the column that showed it.
        column: usize,
    },
    /// An end was asked for.
    Stopped,
}

impl Cholesky {
    /// Factors the column-major `matrix` `[order, order]`, of which only the lower triangle is read. `tick` is told of
    /// every column.
    ///
    /// # Errors
    /// [`Unfinished`] if a pivot is not positive, or if `tick` stops it.
    pub fn new(order: usize, mut matrix: Vec<f64>, tick: &Tick<'_>) -> Result<Self, Unfinished> {
        assert_eq!(matrix.len(), order * order, "a matrix to factor is square");
        let mut panel = Vec::new();
        for start in (0..order).step_by(PANEL) {
            if tick.stopped() {
                return Err(Unfinished::Stopped);
            }
            let width = PANEL.min(order - start);
            let (done, rest) = matrix.split_at_mut((start + width) * order);
            factor_panel(&mut done[start * order..], order, start, width)
                .map_err(|column| Unfinished::NotPositiveDefinite { column: start + column })?;
            let below = order - start - width;
            if below > 0 {
                pack_panel(&done[start * order..], order, start + width, width, &mut panel);
                update_rest(rest, order, start + width, &panel, below, width);
            }
            tick.add(width as u64);
        }
        Ok(Self { order, factor: matrix })
    }

    /// Replaces the columns of `right` `[order, columns]`, column-major, by the solutions.
    pub fn solve(&self, right: &mut [f64]) {
        let n = self.order;
        let columns = right.len() / n;
        let factor = MatRef::from_column_major_slice(&self.factor, n, n);
        let mut right = MatMut::from_column_major_slice_mut(right, n, columns);
        solve_lower_triangular_in_place(factor, right.as_mut(), Par::Seq);
        solve_upper_triangular_in_place(factor.transpose(), right, Par::Seq);
    }
}

/// Factors the diagonal block and solves for the rows below it, in columns `[order, width]` starting at row 0.
fn factor_panel(columns: &mut [f64], order: usize, start: usize, width: usize) -> Result<(), usize> {
    let need = llt::factor::cholesky_in_place_scratch::<f64>(width, Par::Seq, Default::default());
    let mut buffer = MemBuffer::new(need);
    let panel = MatMut::from_column_major_slice_mut(columns, order, width);
    let (mut diagonal, below) = panel.split_at_row_mut(start).1.split_at_row_mut(width);
    llt::factor::cholesky_in_place(
        diagonal.as_mut(),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut buffer),
        Default::default(),
    )
    .map_err(|error| match error {
        llt::factor::LltError::NonPositivePivot { index } => index,
    })?;
    // X·Lᵀ = B, solved as L·Xᵀ = Bᵀ; rows are independent, so they are solved in fixed blocks side by side.
    let diagonal = diagonal.as_ref();
    let blocks = below.nrows().div_ceil(PANEL);
    below.par_row_partition_mut(blocks.max(1)).for_each(|rows| {
        solve_lower_triangular_in_place(diagonal, rows.transpose_mut(), Par::Seq);
    });
    Ok(())
}

/// Copies the rows from `first` on of a factored panel, contiguous, column-major.
fn pack_panel(columns: &[f64], order: usize, first: usize, width: usize, packed: &mut Vec<f64>) {
    packed.clear();
    for column in columns.chunks_exact(order).take(width) {
        packed.extend_from_slice(&column[first..]);
    }
}

/// Subtracts `panel·panelᵀ` from the lower triangle of the columns that are left, block column by block column.
fn update_rest(rest: &mut [f64], order: usize, first: usize, panel: &[f64], below: usize, width: usize) {
    let panel = MatRef::from_column_major_slice(panel, below, width);
    rest.par_chunks_mut(PANEL * order).enumerate().for_each(|(block, columns)| {
        let offset = block * PANEL;
        let count = columns.len() / order;
        let target = MatMut::from_column_major_slice_mut(columns, order, count);
        let target = target.split_at_row_mut(first + offset).1;
        let left = panel.split_at_row(offset).1;
        let right = left.split_at_row(count).0;
        matmul(target, Accum::Add, left, right.transpose(), -1.0, Par::Seq);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A well-conditioned matrix whose entries look random.
    fn matrix(n: usize) -> Vec<f64> {
        let entry = |i: usize, j: usize| (((i * 7919 + j * 104729) % 1009) as f64 / 1009.0 - 0.5) / n as f64;
        (0..n * n)
            .map(|x| (x % n, x / n))
            .map(|(i, j)| entry(i.min(j), i.max(j)) + if i == j { 2.0 } else { 0.0 })
            .collect()
    }

    fn solve(n: usize) -> Vec<f64> {
        let factored = Cholesky::new(n, matrix(n), &Tick::silent()).unwrap();
        let mut x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        factored.solve(&mut x);
        x
    }

    #[test]
    fn solves_across_panel_boundaries() {
        for n in [5, PANEL, PANEL + 1, 2 * PANEL + 37] {
            let (a, x) = (matrix(n), solve(n));
            for i in 0..n {
                let product: f64 = (0..n).map(|j| a[i + j * n] * x[j]).sum();
                // Condition number about 2, so only rounding of n terms is left.
                assert!((product - (i as f64).sin()).abs() < 1e-12, "n = {n}, row {i}");
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let on = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| solve(3 * PANEL + 5))
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn indefinite_matrices_are_refused() {
        let n = PANEL + 10;
        let mut a = matrix(n);
        a[(n - 3) * (n + 1)] = -1.0;
        let failure = Cholesky::new(n, a, &Tick::silent()).err();
        assert_eq!(failure, Some(Unfinished::NotPositiveDefinite { column: n - 3 }));
    }
}
