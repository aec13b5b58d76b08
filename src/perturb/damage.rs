//! Kinds of damage to a flattened network.

use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::connectivity::coarse::{Precision, for_pairs, prune, quantise, set_pair};
use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::noise::normal;
use crate::network::Network;

/// What is done to the weights or the neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Damage {
    /// Normal noise on M; size: its standard deviation, relative to that of M
    DeltaNoise,
    /// Normal noise on all weights J + M; size: its standard deviation, relative to theirs
    WeightNoise,
    /// All weights times log-normal factors of mean 1; size: standard deviation of their logarithm
    Factors,
    /// The smallest weights of M are taken out; size: the fraction
    Prune,
    /// M rounded to a grid; size: bits per weight, 16 for half precision (f16)
    Quantise,
    /// Neurons that are silent for good; size: the fraction
    Silence,
}

impl Damage {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::DeltaNoise, Self::WeightNoise, Self::Factors, Self::Prune, Self::Quantise, Self::Silence];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeltaNoise => "delta-noise",
            Self::WeightNoise => "weight-noise",
            Self::Factors => "factors",
            Self::Prune => "prune",
            Self::Quantise => "quantise",
            Self::Silence => "silence",
        }
    }

    /// What it is, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::DeltaNoise => "noise on M, by M's SD",
            Self::WeightNoise => "noise on all weights, by their SD",
            Self::Factors => "log-normal factors, SD",
            Self::Prune => "M's smallest taken out, fraction",
            Self::Quantise => "M rounded, bits",
            Self::Silence => "silent neurons, fraction",
        }
    }

    /// Sizes unless others are given, mildest first.
    pub fn sizes(self) -> &'static [f64] {
        match self {
            Self::DeltaNoise => &[0.001, 0.01, 0.03, 0.05, 0.1, 0.3],
            Self::WeightNoise => &[0.0003, 0.001, 0.003, 0.01, 0.03],
            Self::Factors => &[0.0003, 0.001, 0.003, 0.01, 0.03],
            Self::Prune => &[0.1, 0.3, 0.5, 0.7, 0.9],
            Self::Quantise => &[16.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0],
            Self::Silence => &[0.001, 0.005, 0.01, 0.02, 0.05],
        }
    }

    /// Whether a size makes sense.
    pub fn allows(self, size: f64) -> bool {
        match self {
            Self::DeltaNoise | Self::WeightNoise | Self::Factors => size > 0.0 && size <= 10.0,
            Self::Prune | Self::Silence => (0.0..1.0).contains(&size),
            Self::Quantise => (1.0..=16.0).contains(&size) && size.fract() == 0.0,
        }
    }

    /// Sizes that make sense, in words.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::DeltaNoise | Self::WeightNoise | Self::Factors => "a number above 0, at most 10",
            Self::Prune | Self::Silence => "a fraction, 0 or more and below 1",
            Self::Quantise => "a whole number of bits from 1 to 16",
        }
    }

    /// Whether chance takes part.
    pub fn is_drawn(self) -> bool {
        !matches!(self, Self::Prune | Self::Quantise)
    }

    /// How much damage a size does: the size itself; for bits, the grid's step relative to the largest weight.
    pub(super) fn severity(self, size: f64) -> f64 {
        if self == Self::Quantise { 2.0_f64.powf(-size) } else { size }
    }

    /// The inverse of severity.
    pub(super) fn size_of(self, severity: f64) -> f64 {
        if self == Self::Quantise { -severity.log2() } else { severity }
    }
}

/// The weights J + M `[neurons, neurons]` (Hz) after some damage, and the network around them. The same numbers give the same
/// damage.
pub fn damaged(
    network: &Network,
    delta: &WeightMatrix,
    damage: Damage,
    size: f64,
    replicate: usize,
) -> (WeightMatrix, Network) {
    let (base, n) = (&network.weights, network.neurons());
    let mut rng = ChaCha8Rng::seed_from_u64(damage as u64);
    rng.set_stream(replicate as u64);
    let mut around = network.clone();
    let mut changed = delta.clone();
    let weights = match damage {
        Damage::DeltaNoise => {
            let sd = size * delta.statistics().sd;
            for_pairs(n, |i, j| set_pair(&mut changed, i, j, delta.row(i)[j] + sd * normal(&mut rng)));
            base.plus(1.0, &changed)
        }
        Damage::WeightNoise => {
            let whole = base.plus(1.0, delta);
            let (sd, mut noisy) = (size * whole.statistics().sd, whole.clone());
            for_pairs(n, |i, j| set_pair(&mut noisy, i, j, whole.row(i)[j] + sd * normal(&mut rng)));
            noisy
        }
        Damage::Factors => {
            let whole = base.plus(1.0, delta);
            let mut scaled = whole.clone();
            for_pairs(n, |i, j| {
                let factor = (size * normal(&mut rng) - 0.5 * size * size).exp();
                set_pair(&mut scaled, i, j, whole.row(i)[j] * factor);
            });
            scaled
        }
        Damage::Prune => {
            prune(&mut changed, size);
            base.plus(1.0, &changed)
        }
        Damage::Quantise => {
            quantise(&mut changed, if size == 16.0 { Precision::Half } else { Precision::Bits(size as u32) });
            base.plus(1.0, &changed)
        }
        Damage::Silence => {
            let silent = index::sample(&mut rng, n, (size * n as f64).round() as usize);
            // A current so low that no input lifts it above 0.
            silent.into_iter().for_each(|i| around.external_current[i] = SILENT);
            base.plus(1.0, delta)
        }
    };
    (weights, around)
}

/// External current of a neuron that is silent for good (Hz²).
const SILENT: f64 = -1e9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::manifold::Maps;

    fn parts() -> (Network, WeightMatrix) {
        let network = Network::new(Maps::random(120, 2, 3, 0), Kernel::PAPER.scaled_to(120), 10.0).unwrap();
        let mut delta = WeightMatrix::zeros(120);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for_pairs(120, |i, j| set_pair(&mut delta, i, j, 0.01 * normal(&mut rng)));
        (network, delta)
    }

    #[test]
    fn damage_is_symmetric_and_drawn_anew() {
        let (network, delta) = parts();
        for damage in Damage::ALL {
            let size = if damage == Damage::Quantise { 4.0 } else { 0.05 };
            let (one, around) = damaged(&network, &delta, damage, size, 0);
            let (again, _) = damaged(&network, &delta, damage, size, 0);
            let (other, there) = damaged(&network, &delta, damage, size, 1);
            assert_eq!(one.to_dense(), again.to_dense());
            let differs =
                one.to_dense() != other.to_dense() || around.external_current != there.external_current;
            assert_eq!(differs, damage.is_drawn(), "{damage:?}");
            for i in 0..120 {
                assert_eq!(one.row(i)[i], 0.0, "{damage:?}");
                assert!((0..i).all(|j| one.row(i)[j] == one.row(j)[i]), "{damage:?}");
            }
        }
    }

    #[test]
    fn noise_has_the_size_that_was_asked_for() {
        let (network, delta) = parts();
        let (noisy, _) = damaged(&network, &delta, Damage::DeltaNoise, 0.1, 0);
        let added = noisy.plus(-1.0, &network.weights.plus(1.0, &delta));
        let ratio = added.statistics().sd / (0.1 * delta.statistics().sd);
        // 7,140 normal numbers: their SD is good to 0.8 %.
        assert!((ratio - 1.0).abs() < 0.04, "{ratio}");
    }
}
