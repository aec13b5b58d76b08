//! Witnesses: the minima behind a sample of the energies of the last landscape, kept so that others can check them.
//!
//! A point may have several constrained minima, and which of them a run has followed from update to update cannot be told
//! from its weights: near capacity a search from the idealized bump finds another at half of all points. A state says it:
//! whether it is a minimum of the network at its point, and has the energy that is claimed, takes a step of Newton's method.

use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use crate::files::npy;
use crate::job::reached::Landscape;
use crate::landscape::states::States;
use crate::setup::plan::Plan;

/// Where they lie: f32 `[points, neurons]`, rates (Hz) at the sampled fitted points, then at the sampled held-out ones.
pub(super) const FILE: &str = "witnesses.npy";

/// Random points of a landscape that are looked at, fitted and held out.
const SAMPLE: usize = 400;

/// The points of the last landscape whose minima are kept.
pub(super) struct Witnesses {
    /// Fitted points: random ones, then every map's lowest and highest.
    pub fitted: Vec<usize>,
    /// How many of them are random.
    pub random: usize,
    /// Held-out points, all random.
    pub held_out: Vec<usize>,
}

impl Witnesses {
    /// The sample of a run, which its identity and its last landscape decide: whoever makes a run cannot choose it apart
    /// from them.
    pub fn of(identity: &str, plan: &Plan, last: &[f64]) -> Self {
        let mut fitted = sample(identity, "the last landscape", last.len());
        let random = fitted.len();
        fitted.extend(extremes(last, plan.points_per_map));
        let held_out = sample(identity, "between the last landscape", plan.held_out_points());
        Self { fitted, random, held_out }
    }

    /// The bytes of their file.
    pub fn encode(&self, landscape: &Landscape) -> Vec<u8> {
        let neurons = landscape.fitted.neurons();
        let of = |states: &States, points: &[usize]| -> Vec<f32> {
            let chosen = States::pack(neurons, points.iter().map(|&s| states.get(s)));
            chosen.to_dense().into_iter().map(|r| r as f32).collect()
        };
        let rates = [of(&landscape.fitted, &self.fitted), of(&landscape.held_out, &self.held_out)].concat();
        npy::encode(&[self.fitted.len() + self.held_out.len(), neurons], &rates)
    }
}

/// Random numbers that a run's identity alone decides.
pub(super) fn random(identity: &str, purpose: &str) -> ChaCha8Rng {
    let text = format!("{identity} {purpose}");
    ChaCha8Rng::from_seed(*blake3::hash(text.as_bytes()).as_bytes())
}

/// Some of `count` points.
pub(super) fn sample(identity: &str, purpose: &str, count: usize) -> Vec<usize> {
    index::sample(&mut random(identity, purpose), count, SAMPLE.min(count)).into_vec()
}

/// The points of the lowest and the highest energy of every map.
pub(super) fn extremes(landscape: &[f64], points_per_map: usize) -> Vec<usize> {
    let of_map = |(map, energies): (usize, &[f64])| {
        let by_energy = |a: &usize, b: &usize| energies[*a].total_cmp(&energies[*b]);
        let places = || 0..energies.len();
        [places().min_by(by_energy), places().max_by(by_energy)]
            .map(|k| map * points_per_map + k.unwrap_or_default())
    };
    landscape.chunks_exact(points_per_map).enumerate().flat_map(of_map).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_has_its_extremes() {
        assert_eq!(extremes(&[3.0, 1.0, 5.0, 2.0, 2.0, 9.0], 3), [1, 2, 3, 5]);
    }

    #[test]
    fn the_identity_decides_the_sample() {
        let of = |identity| sample(identity, "x", 1000);
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        assert_eq!(of("a").len(), SAMPLE);
        assert_eq!(sample("a", "x", 3).len(), 3);
    }
}
