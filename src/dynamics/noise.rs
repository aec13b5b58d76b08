//! Noise in the dynamics, drawn from counters: a random number is a function of (trajectory, step, neuron) and nothing else,
//! so that a trajectory does not depend on what runs beside it, on threads, batches, shards or devices, or on being resumed.
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"); key and
//! counter are
//!
//! | word | Poisson | current |
//! |---|---|---|
//! | key 0, 1 | seed | seed |
//! | counter 0 | step / 4 | step |
//! | counter 1 | neuron | neuron / 4 |
//! | counter 2 | trajectory | trajectory |
//! | counter 3 | 0 | 1 |
//! | word of the output | step mod 4 | neuron mod 4 |
//!
//! What is made of the 32 bits uses integers and f32 alone, so that a GPU can do the same arithmetic.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What kind of noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoiseKind {
    /// Neurons send spikes: the recurrent input sees `s_j = F·Poisson(r_j·Δt/F)/Δt` in place of r_j.
    Poisson {
        /// F: variance of the count of spikes by its mean, dimensionless.
        fano: f64,
    },
    /// Every neuron has a noise current of its own: `τ dI = (…) dt + s·√τ dB`.
    Current {
        /// s: the standard deviation that a neuron's current would have without input is s/√2 (Hz²).
        sd: f64,
    },
}

/// Noise of a measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// What kind, and how much.
    pub kind: NoiseKind,
    /// Key of the generator.
    pub seed: u64,
    /// Δt (s): what turns rates into numbers of spikes.
    pub dt_seconds: f64,
}

impl Noise {
    /// The generator's key.
    pub fn key(&self) -> [u32; 2] {
        [self.seed as u32, (self.seed >> 32) as u32]
    }
}

/// Streams of random numbers, the counter's last word.
pub const POISSON_STREAM: u32 = 0;
/// See [`POISSON_STREAM`].
pub const CURRENT_STREAM: u32 = 1;

/// Steps whose Poisson numbers come from one block of the generator: one word each.
pub const STEPS_PER_BLOCK: usize = 4;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Philox4x32-10: 128 random bits of a counter under a key.
#[inline]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k0, mut k1]) = (counter, key);
    for _ in 0..ROUNDS {
        let left = u64::from(MULTIPLIERS[0]) * u64::from(a);
        let right = u64::from(MULTIPLIERS[1]) * u64::from(c);
        (a, b, c, d) =
            ((right >> 32) as u32 ^ b ^ k0, right as u32, (left >> 32) as u32 ^ d ^ k1, left as u32);
        (k0, k1) = (k0.wrapping_add(WEYL[0]), k1.wrapping_add(WEYL[1]));
    }
    [a, b, c, d]
}

/// The largest mean that [`poisson`] draws from; a larger one counts as this. A plan allows means up to 1 at the bump's
/// peak, where it starts.
pub const LARGEST_MEAN: f32 = 64.0;

/// A Poisson number of the given mean (0 to [`LARGEST_MEAN`]) from 32 random bits: the least k with `v ≥ P(X > k)`, for v
/// uniform in `[0, 1)`. Small probabilities are those near v = 0, where an f32 is finest.
#[inline]
pub fn poisson(mean: f32, bits: u32) -> u32 {
    let v = bits as f32 * 2.0_f32.powi(-32);
    // P(X > 0) = 1 − e^−m is below m: with a mean of 0.002 nearly always all there is to do.
    if v >= mean { 0 } else { count_above(mean.min(LARGEST_MEAN), v) }
}

/// Sums `P(X > k)` down from `P(X > 0)` until it is at most v.
fn count_above(mean: f32, v: f32) -> u32 {
    let mut probability = exp_of_minus(mean);
    // 1 − e^−m, by its series where the difference would lose digits.
    let mut above = if mean < 0.5 {
        mean * (1.0
            - mean / 2.0 * (1.0 - mean / 3.0 * (1.0 - mean / 4.0 * (1.0 - mean / 5.0 * (1.0 - mean / 6.0)))))
    } else {
        1.0 - probability
    };
    let mut count = 0;
    // Beyond the mean, a probability of 2⁻³³ is less than one value of the bits: what `above` still has is rounding.
    while v < above && (probability > 2.0_f32.powi(-33) || (count as f32) < mean) {
        count += 1;
        probability *= mean / count as f32;
        above -= probability;
    }
    count
}

/// `e^−x` for x from 0 to [`LARGEST_MEAN`], to 2·10⁻⁷ relative: `2^−n` by its bits, the rest by a polynomial.
#[inline]
fn exp_of_minus(x: f32) -> f32 {
    let whole = (x * std::f32::consts::LOG2_E + 0.5).floor();
    // ln 2 in two parts, so that the difference keeps its digits.
    let rest = (whole * 0.693_359_4 - x) - whole * 2.121_944_4e-4;
    let series = 1.0
        + rest
            * (1.0
                + rest / 2.0
                    * (1.0 + rest / 3.0 * (1.0 + rest / 4.0 * (1.0 + rest / 5.0 * (1.0 + rest / 6.0)))));
    series * f32::from_bits((127 - whole as u32) << 23)
}

/// Four independent normal numbers of mean 0 and variance 1 from four words of random bits (Box & Muller 1958).
pub fn normals(bits: [u32; 4]) -> [f64; 4] {
    // Uniform in (0, 1): never 0, which has no logarithm.
    let uniform = |bits: u32| (f64::from(bits) + 0.5) * 2.0_f64.powi(-32);
    let pair = |a: u32, b: u32| {
        let radius = (-2.0 * uniform(a).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * uniform(b)).sin_cos();
        [radius * cos, radius * sin]
    };
    let ([a, b], [c, d]) = (pair(bits[0], bits[1]), pair(bits[2], bits[3]));
    [a, b, c, d]
}

/// A normal number of mean 0 and variance 1 from an ordinary generator, for what is drawn once and not step by step.
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let mut word = || rng.random::<u32>();
    normals([word(), word(), 0, 0])[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of the authors' own test (Random123, `kat_vectors`).
    #[test]
    fn philox_gives_the_published_numbers() {
        for (counter, key, expected) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            assert_eq!(philox(counter, key), expected);
        }
    }

    #[test]
    fn the_exponential_is_good_to_single_precision() {
        for step in 0..=6400 {
            let x = step as f32 / 100.0;
            let expected = (-f64::from(x)).exp();
            let error = (f64::from(exp_of_minus(x)) / expected - 1.0).abs();
            // A handful of roundings of 6e-8 each, and the argument's own.
            assert!(error < 1e-6, "{x}: {error:e}");
        }
    }

    /// Counts of draws by value, and what is expected of them; values expected fewer than 10 times are pooled.
    fn chi_square(mean: f32, draws: u32, sample: impl Fn(u32) -> u32) -> (f64, usize) {
        let mut found = vec![0_u64; 200];
        (0..draws).for_each(|draw| found[sample(draw) as usize] += 1);
        let (mean, total) = (f64::from(mean), f64::from(draws));
        let (mut probability, mut value) = ((-mean).exp(), 0);
        let (mut sum, mut bins, mut rest, mut rest_found) = (0.0, 0, 1.0, draws as f64);
        let mut pooled = (0.0, 0.0);
        let mut add = |found: f64, expected: f64| {
            sum += (found - expected).powi(2) / expected;
            bins += 1;
        };
        while value < found.len() {
            pooled = (pooled.0 + found[value] as f64, pooled.1 + total * probability);
            if pooled.1 >= 10.0 && total * (rest - pooled.1 / total) >= 10.0 {
                add(pooled.0, pooled.1);
                rest -= pooled.1 / total;
                rest_found -= pooled.0;
                pooled = (0.0, 0.0);
            }
            value += 1;
            probability *= mean / value as f64;
        }
        add(rest_found, total * rest);
        (sum, bins - 1)
    }

    /// χ² of n degrees has mean n and variance 2n; 5 standard deviations, and 8 more for the skewness of few degrees, are
    /// passed by chance less than once in 10⁵. Seeds are fixed, so the test passes always or never.
    fn plausible((sum, degrees): (f64, usize)) -> bool {
        degrees > 0 && sum < degrees as f64 + 5.0 * (2.0 * degrees as f64).sqrt() + 8.0
    }

    const DRAWS: u32 = 2_000_000;

    fn draw(mean: f32) -> impl Fn(u32) -> u32 {
        move |draw| poisson(mean, philox([draw / 4, 7, 3, POISSON_STREAM], [11, 5])[(draw % 4) as usize])
    }

    #[test]
    fn poisson_numbers_have_their_distribution() {
        for mean in [1e-4_f32, 1e-3, 0.01, 0.1, 0.3, 0.499, 0.501, 1.0, 3.0, 10.0] {
            let found = chi_square(mean, DRAWS, draw(mean));
            assert!(plausible(found), "mean {mean}: chi^2 {found:?}");
        }
    }

    #[test]
    fn a_wrong_mean_is_found_out() {
        for mean in [0.01_f32, 0.3, 3.0] {
            let found = chi_square(mean, DRAWS, draw(mean * 1.06));
            assert!(!plausible(found), "mean {mean}: chi^2 {found:?}");
        }
    }

    #[test]
    fn the_ends_of_the_bits_give_an_end() {
        for mean in [0.0_f32, 1e-30, 1e-4, 0.5, 10.0, LARGEST_MEAN, 1e9, f32::NAN] {
            assert_eq!(poisson(mean, u32::MAX), 0, "{mean}");
            // The largest number of all that 32 bits can tell from less.
            assert!(poisson(mean, 0) <= 130, "{mean}: {}", poisson(mean, 0));
        }
    }

    #[test]
    fn normal_numbers_have_their_moments() {
        let (mut moments, blocks) = ([0.0; 4], 250_000);
        for block in 0..blocks {
            for x in normals(philox([block, 0, 0, CURRENT_STREAM], [1, 2])) {
                (0..4).for_each(|k| moments[k] += x.powi(k as i32 + 1));
            }
        }
        let count = 4.0 * f64::from(blocks);
        // Standard errors of the first four moments of 10⁶ normal numbers: √1, √2, √15, √96 over 10³; five of them.
        for ((found, expected), variance) in
            moments.iter().map(|m| m / count).zip([0.0, 1.0, 0.0, 3.0]).zip([1.0, 2.0, 15.0, 96.0_f64])
        {
            assert!((found - expected).abs() < 5.0 * (variance / count).sqrt(), "{found} {expected}");
        }
    }
}
