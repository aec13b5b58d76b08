//! Coarse weights: few of them, or of few bits.

use serde::{Deserialize, Serialize};

use crate::connectivity::matrix::WeightMatrix;

/// What a weight may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Half precision: 11 bits of digits.
    Half,
    /// So many bits, 1 to 16: `2^bits − 1` evenly spaced values about 0, as far as the largest |weight|; one bit keeps the
    /// signs.
    Bits(u32),
}

impl Serialize for Precision {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Half => to.serialize_str("f16"),
            Self::Bits(bits) => to.serialize_u32(*bits),
        }
    }
}

impl<'de> Deserialize<'de> for Precision {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(from)? {
            toml::Value::String(word) if word == "f16" => Ok(Self::Half),
            toml::Value::Integer(bits @ 1..=16) => Ok(Self::Bits(bits as u32)),
            _ => Err(serde::de::Error::custom("f16 or a number of bits from 1 to 16")),
        }
    }
}

/// A grid that weights are rounded to.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    precision: Precision,
    /// Of all weights (Hz).
    largest: f64,
    /// Mean |weight| over pairs (Hz).
    mean_size: f64,
}

impl Grid {
    /// The grid of a precision for given weights.
    pub fn new(precision: Precision, weights: &WeightMatrix) -> Self {
        let n = weights.neurons() as f64;
        let largest = weights.as_slice().iter().fold(0.0_f64, |most, w| most.max(w.abs()));
        Self { precision, largest, mean_size: weights.statistics().mean_abs * n / (n - 1.0) }
    }

    /// The nearest value of the grid.
    pub fn round(&self, weight: f64) -> f64 {
        match self.precision {
            _ if weight == 0.0 || self.largest == 0.0 => 0.0,
            Precision::Half => to_half(weight),
            Precision::Bits(1) => self.mean_size * weight.signum(),
            Precision::Bits(bits) => {
                let levels = f64::from((1_u32 << (bits - 1)) - 1);
                let level = (weight / self.largest * levels).round().clamp(-levels, levels);
                level * self.largest / levels
            }
        }
    }
}

/// Calls `f` for every pair i > j, in order.
pub fn for_pairs(neurons: usize, mut f: impl FnMut(usize, usize)) {
    (0..neurons).for_each(|i| (0..i).for_each(|j| f(i, j)));
}

/// Sets a weight and its mirror image.
pub fn set_pair(weights: &mut WeightMatrix, i: usize, j: usize, to: f64) {
    weights.row_mut(i)[j] = to;
    weights.row_mut(j)[i] = to;
}

/// Takes out the given fraction of the pairs, those of the smallest |weight|; of equal ones those that come first.
pub fn prune(weights: &mut WeightMatrix, fraction: f64) {
    let n = weights.neurons();
    let mut sizes = Vec::with_capacity(n * (n - 1) / 2);
    for_pairs(n, |i, j| sizes.push(weights.row(i)[j].abs()));
    let removed = (fraction * sizes.len() as f64).round() as usize;
    let mut order: Vec<u32> = (0..sizes.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| sizes[a as usize].total_cmp(&sizes[b as usize]).then(a.cmp(&b)));
    let mut out = vec![false; sizes.len()];
    order[..removed].iter().for_each(|&k| out[k as usize] = true);
    let mut pair = 0;
    for_pairs(n, |i, j| {
        if out[pair] {
            set_pair(weights, i, j, 0.0);
        }
        pair += 1;
    });
}

/// Rounds every weight to a grid of its own.
pub fn quantise(weights: &mut WeightMatrix, precision: Precision) {
    let grid = Grid::new(precision, weights);
    for_pairs(weights.neurons(), |i, j| {
        let to = grid.round(weights.row(i)[j]);
        set_pair(weights, i, j, to);
    });
}

/// The nearest number of half precision: 11 bits of digits, down to 2⁻²⁴.
fn to_half(x: f64) -> f64 {
    let exponent = x.abs().log2().floor().max(-14.0);
    let step = 2.0_f64.powf(exponent - 10.0);
    (x / step).round() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values without order, as many of either sign.
    fn weights() -> WeightMatrix {
        let mut weights = WeightMatrix::zeros(120);
        for_pairs(120, |i, j| set_pair(&mut weights, i, j, 0.01 * ((37 * i + 91 * j) as f64).sin()));
        weights
    }

    #[test]
    fn pruning_takes_the_smallest_and_no_more() {
        let (full, mut pruned) = (weights(), weights());
        prune(&mut pruned, 0.5);
        let (mut kept, mut gone) = (f64::INFINITY, 0.0_f64);
        let mut count = 0;
        for_pairs(120, |i, j| {
            let (before, after) = (full.row(i)[j].abs(), pruned.row(i)[j]);
            if after == 0.0 {
                gone = gone.max(before);
                count += 1;
            } else {
                kept = kept.min(before);
            }
        });
        assert!(gone <= kept && count == 3570, "{gone} {kept} {count}");
    }

    #[test]
    fn rounding_errs_by_half_a_step() {
        let full = weights();
        let largest = full.as_slice().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        for (bits, step) in [(8, largest / 127.0), (3, largest / 3.0), (2, largest)] {
            let mut rounded = full.clone();
            quantise(&mut rounded, Precision::Bits(bits));
            let error = rounded.plus(-1.0, &full);
            let worst = error.as_slice().iter().fold(0.0_f64, |m, w| m.max(w.abs()));
            assert!(worst <= 0.5 * step * (1.0 + 1e-12) && worst > 0.4 * step, "{bits}: {worst} {step}");
        }
        let mut half = full.clone();
        quantise(&mut half, Precision::Half);
        for (a, b) in half.as_slice().iter().zip(full.as_slice()) {
            assert!((a - b).abs() <= 2.0_f64.powi(-11) * b.abs() + 2.0_f64.powi(-25));
        }
        assert_eq!([to_half(1.0 + 2.0_f64.powi(-11)), to_half(65504.0)], [1.0 + 2.0_f64.powi(-10), 65504.0]);
    }

    #[test]
    fn one_bit_is_a_sign() {
        let mut signs = weights();
        quantise(&mut signs, Precision::Bits(1));
        let size = signs.row(1)[0].abs();
        for_pairs(120, |i, j| assert_eq!(signs.row(i)[j].abs(), size));
    }
}
