//! How rough a landscape is: the loss of the method, and its robust relatives.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::landscape::problem::Minima;
use crate::manifold::Vector;

/// Roughness of a landscape over all points of all maps together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roughness {
    /// Ē (Hz³).
    pub mean: f64,
    /// Standard deviation of the energies (Hz³); the loss is its square times the number of states.
    pub sd: f64,
    /// 1.4826 × median absolute deviation from the median (Hz³): the SD of the bulk, blind to a few outliers.
    pub robust_sd: f64,
    /// max |E − Ē| (Hz³).
    pub peak: f64,
    /// Root mean square of |λ|, the force along the manifold (Hz²/neuron unit); `None` where no minima were sought.
    pub lambda_rms: Option<f64>,
}

/// The energies of landscapes that have a level each, shifted so that all have the mean of all. One level is left as it is.
pub fn about_one_level<'e>(energies: &'e [f64], levels: &[Range<usize>]) -> Cow<'e, [f64]> {
    if levels.len() < 2 {
        return Cow::Borrowed(energies);
    }
    let mean = |own: &[f64]| own[0] + own.iter().map(|e| e - own[0]).sum::<f64>() / own.len() as f64;
    let of_all = mean(energies);
    let mut shifted = energies.to_vec();
    for level in levels {
        let shift = mean(&energies[level.clone()]) - of_all;
        shifted[level.clone()].iter_mut().for_each(|e| *e -= shift);
    }
    Cow::Owned(shifted)
}

/// The factor that makes the median absolute deviation of a normal distribution its SD.
const NORMAL_MAD: f64 = 1.4826;

impl Roughness {
    /// Of the given energies and multipliers.
    ///
    /// # Panics
    /// If there are no energies.
    pub fn of(energies: &[f64], multipliers: Option<&[Vector]>) -> Self {
        let count = energies.len() as f64;
        // Around the first energy, so that digits are not lost in a sum of large numbers.
        let origin = energies[0];
        let mean = origin + energies.iter().map(|e| e - origin).sum::<f64>() / count;
        let sd = (energies.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / count).sqrt();
        let peak = energies.iter().map(|e| (e - mean).abs()).fold(0.0, f64::max);
        let middle = median(energies.to_vec());
        let robust_sd = NORMAL_MAD * median(energies.iter().map(|e| (e - middle).abs()).collect());
        let lambda_rms =
            multipliers.map(|m| (m.iter().map(|[x, y]| x * x + y * y).sum::<f64>() / count).sqrt());
        Self { mean, sd, robust_sd, peak, lambda_rms }
    }

    /// Of landscapes that have a level each: every energy counts relative to the mean of its own; see
    /// [`Points::levels`](crate::manifold::Points::levels). [`Roughness::mean`] is that of all.
    ///
    /// # Panics
    /// If there are no energies.
    pub fn about_levels(energies: &[f64], levels: &[Range<usize>], multipliers: Option<&[Vector]>) -> Self {
        Self::of(&about_one_level(energies, levels), multipliers)
    }

    /// Of constrained minima, each landscape about its level.
    pub fn of_minima(minima: &Minima, levels: &[Range<usize>]) -> Self {
        let multipliers = (!minima.multipliers.is_empty()).then_some(minima.multipliers.as_slice());
        Self::about_levels(&minima.energies, levels, multipliers)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    0.5 * (values[(n - 1) / 2] + values[n / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_moves_the_sd_but_not_the_robust_sd() {
        let mut energies: Vec<f64> = (0..1001).map(|i| -2e5 + f64::from(i % 7)).collect();
        let before = Roughness::of(&energies, Some(&[[3.0, 0.0]; 1001]));
        assert!((before.sd - 2.0).abs() < 0.01 && before.peak < 3.01);
        assert!((before.lambda_rms.unwrap() - 3.0).abs() < 1e-12);
        energies[500] += 1000.0;
        let after = Roughness::of(&energies, None);
        assert!(after.sd > 30.0 && after.peak > 990.0);
        assert_eq!(after.robust_sd, before.robust_sd);
        assert_eq!(after.robust_sd, NORMAL_MAD * 2.0);
        assert_eq!(after.lambda_rms, None);
    }

    #[test]
    fn a_landscape_counts_about_its_own_level() {
        let energies = [-100.0, -102.0, -98.0, 500.0, 501.0, 499.0];
        let roughness = Roughness::about_levels(&energies, &[0..3, 3..6], None);
        assert!(
            (roughness.sd - (5.0_f64 / 3.0).sqrt()).abs() < 1e-12 && (roughness.peak - 2.0).abs() < 1e-12
        );
        assert!((roughness.mean - 200.0).abs() < 1e-12);
        assert_eq!(
            Roughness::about_levels(&energies, std::slice::from_ref(&(0..6)), None),
            Roughness::of(&energies, None)
        );
    }

    #[test]
    fn tiny_roughness_of_large_energies_is_resolved() {
        let energies = [-200_000.0, -200_000.0 + 2e-7, -200_000.0 - 2e-7];
        let roughness = Roughness::of(&energies, None);
        // Energies themselves are spaced 3e-11.
        assert!((roughness.peak - 2e-7).abs() < 1e-10);
    }
}
