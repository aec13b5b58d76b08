//! How far noise carries a bump: the diffusion coefficient, measured and in theory, and how long a memory lasts.

use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::landscape::bumps::IdealizedBumps;
use crate::landscape::lattice_bump::LatticeBump;
use crate::manifold::{Maps, Shape, Vector};

/// A number with the interval that holds it with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// 2.5 % of the bootstrap's values are lower.
    pub low: f64,
    /// 97.5 % are lower.
    pub high: f64,
}

/// Draws of a bootstrap: enough for the interval's ends to be good to a tenth of its width.
const DRAWS: usize = 1000;

/// Seed of the bootstrap, so that the same trajectories have the same interval.
const SEED: u64 = 1;

/// The replicates of one start: how far each has moved at every recorded time, unwrapped, `[replicates][times]` (neuron
/// units).
pub type Replicates = Vec<Vec<Vector>>;

/// D from `⟨|x − x̄|²⟩ = 2·d·D·t`, d the dimension: the mean x̄ over a start's replicates is the drift, and a least-squares
/// line through the origin is fitted to what is left (neuron units²/s). The interval is a bootstrap over each
/// start's replicates. `None` if no start has two replicates, or no time is after 0.
pub fn diffusion(starts: &[Replicates], times_s: &[f64], dimension: usize) -> Option<Interval> {
    let squares: f64 = times_s.iter().map(|t| t * t).sum();
    let starts: Vec<&Replicates> = starts.iter().filter(|replicates| replicates.len() > 1).collect();
    if starts.is_empty() || squares == 0.0 {
        return None;
    }
    let shares: Vec<f64> = times_s.iter().map(|t| t / (2.0 * dimension as f64 * squares)).collect();
    // The weighted product of every pair of a start's replicates: each bootstrap draw is a sum of these.
    let products: Vec<Products> =
        starts.iter().map(|replicates| Products::new(replicates, &shares)).collect();
    let degrees: f64 = products.iter().map(|p| (p.count - 1) as f64).sum();
    let value = products.iter().map(|p| p.spread(&vec![1; p.count])).sum::<f64>() / degrees;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut draws: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let sum: f64 = products.iter().map(|p| p.drawn(&mut rng)).sum();
            sum / degrees
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    let at = |part: f64| draws[((DRAWS as f64 * part) as usize).min(DRAWS - 1)];
    Some(Interval { value, low: at(0.025), high: at(0.975) })
}

/// `Σ_t w_t x_a(t)·x_b(t)` of all pairs of replicates, `[count, count]`.
struct Products {
    count: usize,
    pairs: Vec<f64>,
}

impl Products {
    fn new(replicates: &Replicates, shares: &[f64]) -> Self {
        let product = |a: &[Vector], b: &[Vector]| -> f64 {
            a.iter().zip(b).zip(shares).map(|((a, b), w)| w * (a[0] * b[0] + a[1] * b[1])).sum()
        };
        let count = replicates.len();
        let pairs = (0..count * count).map(|k| product(&replicates[k / count], &replicates[k % count]));
        Self { count, pairs: pairs.collect() }
    }

    /// The weighted sum of squares about the mean, each replicate taken as often as `times` says.
    fn spread(&self, times: &[usize]) -> f64 {
        let n = self.count;
        let total: usize = times.iter().sum();
        let own: f64 = (0..n).map(|a| times[a] as f64 * self.pairs[a * n + a]).sum();
        let pair = |a: usize, b: usize| (times[a] * times[b]) as f64 * self.pairs[a * n + b];
        let mean: f64 = (0..n).flat_map(|a| (0..n).map(move |b| (a, b))).map(|(a, b)| pair(a, b)).sum();
        own - mean / total as f64
    }

    /// The spread of as many replicates drawn with replacement. About their own mean it is smaller by (n − 1)/n, which is made up for.
    fn drawn(&self, rng: &mut ChaCha8Rng) -> f64 {
        let n = self.count;
        let mut times = vec![0; n];
        (0..n).for_each(|_| times[rng.random_range(0..n)] += 1);
        self.spread(&times) * n as f64 / (n - 1) as f64
    }
}

/// The first time at which the root mean square error, over all starts and replicates, exceeds `tolerance` (neuron units);
/// linear between recorded times. `errors` is `[times]`. `None` if it never does.
pub fn lifetime(errors: &[f64], times_s: &[f64], tolerance: f64) -> Option<f64> {
    let past = errors.iter().position(|error| *error > tolerance)?;
    let Some(before) = past.checked_sub(1) else { return Some(times_s[0]) };
    let part = (tolerance - errors[before]) / (errors[past] - errors[before]);
    Some(times_s[before] + part * (times_s[past] - times_s[before]))
}

/// The diffusion coefficient of a bump in a flat network under Poisson noise (neuron units²/s):
/// `D = ½ F Σ_j r_j (I′_j)² / (τ Σ_i r′_i I′_i)²`, primes are derivatives along the position, from each map's idealized bump.
/// The mean over the maps; `None` unless every map is a ring or torus with a neuron on every site, where a bump looks the
/// same everywhere.
pub fn poisson_theory(maps: &Maps, bumps: &IdealizedBumps, fano: f64, tau_seconds: f64) -> Option<f64> {
    let of_map = |map: usize| {
        let regular = maps.fills_lattice(map)
            && matches!(maps.space(map).shape, Shape::Ring | Shape::Torus)
            && maps.group(map).lattice.spacing() == [1.0, 1.0];
        regular.then(|| {
            let slopes = Slopes::of(bumps.lattice_bump(maps.group_index(map)));
            0.5 * fano * slopes.noise / (tau_seconds * slopes.mobility).powi(2)
        })
    };
    let sum: Option<f64> = (0..maps.count()).map(of_map).sum();
    sum.map(|sum| sum / maps.count() as f64)
}

/// Sums over a bump that is moved along the first axis.
struct Slopes {
    /// `Σ_j r_j (I′_j)²` (Hz⁵/neuron unit²).
    noise: f64,
    /// `Σ_i r′_i I′_i` (Hz³/neuron unit²).
    mobility: f64,
}

impl Slopes {
    /// Derivatives are differences of the neighbours on both sides.
    fn of(bump: &LatticeBump) -> Self {
        let (lattice, rates, current) = (bump.lattice(), bump.centred_rates(), bump.centred_current());
        let (mut noise, mut mobility) = (0.0, 0.0);
        for site in 0..lattice.sites() {
            let [x, y] = lattice.base_of(site);
            let beside = |step: i64| lattice.site_at([x + step, y]).unwrap_or(site);
            let slope = |values: &[f64]| 0.5 * (values[beside(1)] - values[beside(-1)]);
            let of_current = slope(current);
            noise += rates[site] * of_current * of_current;
            mobility += slope(&rates) * of_current;
        }
        Self { noise, mobility }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::dynamics::noise::normals;
    use crate::dynamics::noise::philox;
    use crate::network::Network;

    /// Random walks of known D with a drift of their own at each start.
    fn walks(starts: u32, replicates: u32, times: usize, d: f64) -> Vec<Replicates> {
        let step = (2.0 * d * 0.05_f64).sqrt();
        let walk = |start: u32, replicate: u32| {
            let mut x = [0.0; 2];
            let drawn = (0..times as u32).map(|t| normals(philox([t, start, replicate, 9], [3, 4])));
            drawn
                .enumerate()
                .map(|(t, normal)| {
                    if t > 0 {
                        (0..2).for_each(|k| x[k] += step * normal[k] + 0.05 * f64::from(start));
                    }
                    x
                })
                .collect()
        };
        (0..starts).map(|start| (0..replicates).map(|r| walk(start, r)).collect()).collect()
    }

    #[test]
    fn random_walks_have_their_diffusion_coefficient() {
        let times: Vec<f64> = (0..61).map(|t| 0.05 * t as f64).collect();
        let (mut inside, trials) = (0, 40);
        for own in walks(4 * trials, 20, 61, 7.0).chunks(4) {
            let found = diffusion(own, &times, 2).unwrap();
            assert!(found.low < found.value && found.value < found.high, "{found:?}");
            inside += u32::from((found.low..found.high).contains(&7.0));
        }
        // 95 % of 40 is 38; a percentile bootstrap of a variance misses a little more often. 31 has less than one chance in 10³.
        assert!(inside >= 31, "{inside} of {trials} intervals hold the truth");
    }

    #[test]
    fn one_replicate_says_nothing_of_noise() {
        assert_eq!(diffusion(&walks(3, 1, 5, 1.0), &[0.0, 0.1, 0.2, 0.3, 0.4], 2), None);
    }

    #[test]
    fn lifetimes_lie_between_records() {
        let times = [0.0, 1.0, 2.0];
        assert_eq!(lifetime(&[0.0, 1.0, 3.0], &times, 2.0), Some(1.5));
        assert_eq!(lifetime(&[0.0, 1.0, 1.5], &times, 2.0), None);
    }

    /// An independent implementation finds 1328, 133, 13.3.
    #[test]
    fn theory_of_the_paper_network() {
        let network = Network::new(Maps::random(600, 1, 1, 0), Kernel::PAPER, 10.0).unwrap();
        for (fano, expected) in [(1.0, 1328.0), (0.1, 132.8), (0.01, 13.28)] {
            let found = poisson_theory(&network.maps, &network.bumps, fano, 0.015).unwrap();
            assert!((found - expected).abs() < 0.01 * expected, "{found} {expected}");
        }
    }
}
