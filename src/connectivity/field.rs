//! The recurrent input `f_i = Σ_j W_ij r_j` of sparse states: the innermost loop of everything on the CPU.
//!
//! Only rows of active neurons are read: W is symmetric, so a row is a column, or stands here by its columns. One state at a time reads
//! 8 bytes per multiplication and is bound by the cache that W lives in; [`GROUP`] states that share most of their
//! active neurons, as neighbours on a manifold do, read each row once for all of them and become bound by
//! arithmetic. The order of additions is the ascending order of neurons in either case and a silent neuron adds an
//! exact zero, so a state's field has the same bits whatever company it is computed in.

use pulp::{Arch, Simd, WithSimd};

use crate::connectivity::matrix::WeightMatrix;

/// Number of states that share each row of W in [`group_field`].
pub const GROUP: usize = 4;

/// Writes the field of one state, given by its active neurons (ascending) and their rates (Hz), to `out`
/// `[stride]` (Hz²).
pub fn field(arch: Arch, weights: &WeightMatrix, active: &[u32], rates: &[f64], out: &mut [f64]) {
    arch.dispatch(Field::<1> { weights, active, rates: bytemuck::cast_slice(rates), out });
}

/// Writes the fields of [`GROUP`] states to `out` `[GROUP, stride]`; `rates[n]` holds the rates of neuron `active[n]`
/// in every state of the group.
pub fn group_field(
    arch: Arch,
    weights: &WeightMatrix,
    active: &[u32],
    rates: &[[f64; GROUP]],
    out: &mut [f64],
) {
    arch.dispatch(Field::<GROUP> { weights, active, rates, out });
}

struct Field<'a, const G: usize> {
    weights: &'a WeightMatrix,
    active: &'a [u32],
    rates: &'a [[f64; G]],
    out: &'a mut [f64],
}

impl<const G: usize> WithSimd for Field<'_, G> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let stride = self.weights.stride();
        let (weights, tail) = S::as_simd_f64s(self.weights.as_slice());
        assert!(tail.is_empty() && self.out.len() == G * stride && self.active.len() == self.rates.len());
        let (out, tail) = S::as_mut_simd_f64s(self.out);
        assert!(tail.is_empty());
        let row = RowVectors { length: stride / S::F64_LANES, simd };
        let mut column = 0;
        // As many accumulators as there are registers to hold them beside the weights and a rate.
        let wide = if G == 1 { 8 } else { 4 };
        if S::REGISTER_COUNT >= 32 || G == 1 {
            while column + wide <= row.length {
                if G == 1 {
                    row.tile::<8, G>(weights, self.active, self.rates, out, column);
                } else {
                    row.tile::<4, G>(weights, self.active, self.rates, out, column);
                }
                column += wide;
            }
        }
        while column + 2 <= row.length {
            row.tile::<2, G>(weights, self.active, self.rates, out, column);
            column += 2;
        }
        if column < row.length {
            row.tile::<1, G>(weights, self.active, self.rates, out, column);
        }
    }
}

#[derive(Clone, Copy)]
struct RowVectors<S> {
    /// Vectors in a row of W.
    length: usize,
    simd: S,
}

impl<S: Simd> RowVectors<S> {
    /// `V` vectors of the fields of `G` states, from vector `column` on, kept in registers over all active rows.
    #[inline(always)]
    fn tile<const V: usize, const G: usize>(
        self,
        weights: &[S::f64s],
        active: &[u32],
        rates: &[[f64; G]],
        out: &mut [S::f64s],
        column: usize,
    ) {
        let simd = self.simd;
        let mut sum = [[simd.splat_f64s(0.0); V]; G];
        for (&neuron, rate) in active.iter().zip(rates) {
            let start = neuron as usize * self.length + column;
            let row = &weights[start..start + V];
            for (sum, &rate) in sum.iter_mut().zip(rate) {
                let rate = simd.splat_f64s(rate);
                for (sum, &weight) in sum.iter_mut().zip(row) {
                    *sum = simd.mul_add_f64s(rate, weight, *sum);
                }
            }
        }
        for (g, sum) in sum.iter().enumerate() {
            let start = g * self.length + column;
            out[start..start + V].copy_from_slice(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::manifold::Maps;

    fn weights(neurons: usize) -> WeightMatrix {
        Kernel { amplitude: 2.0, width: 5.0, inhibition: -0.6, ..Kernel::PAPER }
            .connectivity(&Maps::random(neurons, 3, 1, 0))
    }

    #[test]
    fn equals_the_dense_product() {
        for neurons in [13, 64, 100] {
            let w = weights(neurons);
            let active: Vec<u32> = (0..neurons as u32).step_by(3).collect();
            let rates: Vec<f64> = active.iter().map(|&i| 1.0 + f64::from(i).sin()).collect();
            let mut out = vec![f64::NAN; w.stride()];
            field(Arch::new(), &w, &active, &rates, &mut out);
            for (i, &f) in out[..neurons].iter().enumerate() {
                let expected: f64 = active.iter().zip(&rates).map(|(&j, r)| w.row(i)[j as usize] * r).sum();
                // Sums of 40 products of size ≤ 10: rounding stays below 40 · 10 · 2⁻⁵³ · 10.
                assert!((f - expected).abs() < 1e-12, "{neurons}: {f} {expected}");
            }
        }
    }

    #[test]
    fn company_does_not_change_a_bit() {
        let w = weights(100);
        let active: Vec<u32> = (0..60).collect();
        let rates: Vec<[f64; GROUP]> = active
            .iter()
            .map(|&i| {
                std::array::from_fn(|g| {
                    if (i as usize + g).is_multiple_of(3) { 0.0 } else { f64::from(i).cos().abs() }
                })
            })
            .collect();
        let mut together = vec![f64::NAN; GROUP * w.stride()];
        group_field(Arch::new(), &w, &active, &rates, &mut together);
        for g in 0..GROUP {
            let own: Vec<usize> = (0..active.len()).filter(|&n| rates[n][g] > 0.0).collect();
            let mut alone = vec![f64::NAN; w.stride()];
            let (index, rate): (Vec<u32>, Vec<f64>) = own.iter().map(|&n| (active[n], rates[n][g])).unzip();
            field(Arch::new(), &w, &index, &rate, &mut alone);
            assert_eq!(alone[..100], together[g * w.stride()..][..100]);
        }
    }
}
