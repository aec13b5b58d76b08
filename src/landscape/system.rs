//! The linear system of a Newton step: filling it, and solving it by Cholesky's factorization.

use std::ops::Range;

use faer::MatMut;
use faer::Par;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::traits::RealField;

use crate::connectivity::matrix::WeightMatrix;
use crate::manifold::Vector;

/// The precision that a system is factored in.
pub(super) trait Precision: RealField + Copy {
    fn of(x: f64) -> Self;
    fn wide(self) -> f64;
}

impl Precision for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn wide(self) -> f64 {
        self
    }
}

impl Precision for f32 {
    fn of(x: f64) -> Self {
        x as f32
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

/// Memory for systems of one precision, used again for the next.
pub(super) struct System<T> {
    matrix: Vec<T>,
    solution: Vec<T>,
    scratch: MemBuffer,
}

/// What the matrix is made of: `diag(curvature) − W + Σ_d lift_d·c_d·c_dᵀ` over the given slots.
pub(super) struct Terms<'a> {
    pub local: &'a WeightMatrix,
    /// c, one list by slot a dimension.
    pub displacements: &'a [Vec<f64>],
    pub slots: &'a [usize],
    /// In the order of `slots`.
    pub curvature: &'a [f64],
    pub lift: Vector,
    /// Added to the diagonal.
    pub damping: f64,
}

impl<T: Precision> System<T> {
    pub(super) fn new() -> Self {
        Self {
            matrix: Vec::new(),
            solution: Vec::new(),
            scratch: MemBuffer::new(faer::dyn_stack::StackReq::EMPTY),
        }
    }

    /// Solves `terms·x = b` for the right-hand sides that `solution` holds one after the other, in place;
    /// `false` if the matrix is not positive definite.
    pub(super) fn solve(&mut self, terms: &Terms<'_>, solution: &mut [f64]) -> bool {
        self.fill(terms);
        self.solution.clear();
        self.solution.extend(solution.iter().map(|&x| T::of(x)));
        if !self.factor_and_solve(terms.slots.len()) {
            return false;
        }
        solution.iter_mut().zip(&self.solution).for_each(|(to, x)| *to = x.wide());
        solution.iter().all(|x| x.is_finite())
    }

    /// Writes the lower triangle, column by column.
    fn fill(&mut self, terms: &Terms<'_>) {
        match terms.displacements {
            [] => self.fill_columns(terms, []),
            [x] => self.fill_columns(terms, [x.as_slice()]),
            [x, y, ..] => self.fill_columns(terms, [x.as_slice(), y.as_slice()]),
        }
    }

    fn fill_columns<const D: usize>(&mut self, terms: &Terms<'_>, displacements: [&[f64]; D]) {
        let &Terms { local, slots, curvature, lift, damping, .. } = terms;
        let n = slots.len();
        let runs = runs(slots);
        self.matrix.resize(n * n, T::of(0.0));
        for (b, (&slot_b, column)) in slots.iter().zip(self.matrix.chunks_exact_mut(n)).enumerate() {
            let weights = local.row(slot_b);
            let scales: [f64; D] = std::array::from_fn(|d| lift[d] * displacements[d][slot_b]);
            for run in runs.iter().filter(|run| run.end > b) {
                let first = run.start.max(b);
                let those = slots[first]..slots[first] + run.end - first;
                let count = those.len();
                let from: [&[f64]; D] = std::array::from_fn(|d| &displacements[d][those.clone()][..count]);
                let (to, weights) = (&mut column[first..][..count], &weights[those][..count]);
                for k in 0..count {
                    let lifted: f64 = (0..D).map(|d| scales[d] * from[d][k]).sum();
                    to[k] = T::of(lifted - weights[k]);
                }
            }
            let lifted: f64 = scales.iter().zip(displacements).map(|(scale, c)| scale * c[slot_b]).sum();
            column[b] = T::of(lifted - weights[slot_b] + (curvature[b] + damping));
        }
    }

    fn factor_and_solve(&mut self, n: usize) -> bool {
        let right = self.solution.len() / n.max(1);
        let need = llt::factor::cholesky_in_place_scratch::<T>(n, Par::Seq, Default::default())
            .or(llt::solve::solve_in_place_scratch::<T>(n, right, Par::Seq));
        if self.scratch.len() < need.unaligned_bytes_required() {
            self.scratch = MemBuffer::new(need);
        }
        let mut matrix = MatMut::from_column_major_slice_mut(&mut self.matrix, n, n);
        let stack = MemStack::new(&mut self.scratch);
        let factored = llt::factor::cholesky_in_place(
            matrix.as_mut(),
            Default::default(),
            Par::Seq,
            stack,
            Default::default(),
        );
        if factored.is_err() {
            return false;
        }
        let right = MatMut::from_column_major_slice_mut(&mut self.solution, n, right);
        llt::solve::solve_in_place(matrix.as_ref(), right, Par::Seq, stack);
        true
    }
}

/// Where runs of consecutive `slots` end: nearly all slots are consecutive, and memory in order is read faster.
fn runs(slots: &[usize]) -> Vec<Range<usize>> {
    let mut end = 0;
    let run = |run: &[usize]| {
        end += run.len();
        end - run.len()..end
    };
    slots.chunk_by(|a, b| a + 1 == *b).map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_precisions_solve_the_system() {
        let weights = WeightMatrix::from_dense(
            4,
            &[0.0, 1.0, 9.0, 0.5, 1.0, 0.0, 9.0, -0.5, 9.0, 9.0, 0.0, 9.0, 0.5, -0.5, 9.0, 0.0],
        );
        let (slots, curvature) = ([0, 1, 3], [4.0, 5.0, 6.0]);
        let displacements = [vec![-1.0, 0.0, 5.0, 2.0], vec![0.5, 1.0, 3.0, -1.0]];
        assert_eq!(runs(&slots), [0..2, 2..3]);
        for dimension in [1, 2] {
            let terms = |damping| Terms {
                local: &weights,
                displacements: &displacements[..dimension],
                slots: &slots,
                curvature: &curvature,
                lift: [0.25, 0.75],
                damping,
            };
            let matrix = |a: usize, b: usize| {
                let (i, j) = (slots[a], slots[b]);
                let lifted = |d: usize| terms(0.0).lift[d] * displacements[d][i] * displacements[d][j];
                (0..dimension).map(lifted).sum::<f64>() - weights.row(i)[j]
                    + if a == b { curvature[a] + 0.5 } else { 0.0 }
            };
            let x = [1.0, -2.0, 3.0, 0.5, 0.0, 1.0];
            let product = |k: usize| (0..3).map(|b| matrix(k % 3, b) * x[k / 3 * 3 + b]).sum();
            let right: Vec<f64> = (0..6).map(product).collect();
            let (mut double, mut single) = (right.clone(), right);
            assert!(System::<f64>::new().solve(&terms(0.5), &mut double));
            assert!(System::<f32>::new().solve(&terms(0.5), &mut single));
            for k in 0..6 {
                // A few roundings of numbers of order ten.
                assert!(
                    (double[k] - x[k]).abs() < 1e-14 && (single[k] - x[k]).abs() < 1e-5,
                    "{double:?} {single:?}"
                );
            }
            assert!(!System::<f64>::new().solve(&terms(-30.0), &mut double));
        }
    }
}
