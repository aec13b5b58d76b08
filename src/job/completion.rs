//! Pattern completion: whether bumps that start damaged find their map and place again.
//!
//! A start is an idealized bump of which a fraction of the active neurons has exchanged its currents with as many silent
//! neurons, all drawn at random. It counts as completed if its own map wins at the end and the bump then lies within σ, the
//! width of the map's kernel, of where it started.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::decoding::Scorer;
use crate::error::Result;
use crate::job::Job;
use crate::job::drift::start_currents;
use crate::job::drift_record::Which;
use crate::manifold::length;

/// What became of bumps that started damaged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// Fraction of the active neurons that was exchanged.
    pub exchanged: f64,
    /// Fraction of the bumps that ended in their own map.
    pub own_map_fraction: f64,
    /// Fraction of the bumps that ended in their own map and within σ of their place.
    pub completed_fraction: f64,
}

impl Job<'_> {
    /// Runs the network with the given weights from damaged bumps, for every fraction of `measure.completion`; from the same
    /// points and for as long as drift is measured.
    ///
    /// # Errors
    /// If the backend fails, or [`Error::Interrupted`](crate::error::Error::Interrupted) if the work was stopped.
    pub fn measure_completion(&self, weights: &WeightMatrix, which: Which) -> Result<Vec<Completion>> {
        let fractions = self.plan.config.measure.completion.as_deref().unwrap_or_default();
        fractions.iter().map(|&exchanged| self.completion(weights, which, exchanged)).collect()
    }

    fn completion(&self, weights: &WeightMatrix, which: Which, exchanged: f64) -> Result<Completion> {
        let (plan, network) = (self.plan, self.network);
        let points = self.start_points();
        let mut starts = start_currents(network, &points);
        for (number, current) in starts.iter_mut().enumerate() {
            damage(current, exchanged, &mut random(plan.config.network.seed, exchanged, number));
        }
        let dynamics = self.dynamics(weights, which);
        let (items, seconds) = (starts.len() * plan.steps, plan.cost.trajectories_seconds);
        let runs = self.stage("damaged bumps", items, seconds, |tick| {
            self.backend.trajectories(&dynamics, &starts, &[plan.steps], tick)
        })?;
        let scorer = Scorer::new(&network.maps, &network.bumps);
        let ends: Vec<(bool, bool)> = points
            .par_iter()
            .zip(&runs)
            .map(|(start, run)| {
                let end = scorer.best_fit(&run.snapshots[0]);
                let moved = length(network.maps.space(start.map).displacement(start.position, end.location));
                let width = network.kernels[network.maps.group_index(start.map)].width;
                let own_map = end.map == start.map;
                (own_map, own_map && moved <= width)
            })
            .collect();
        let fraction = |of: fn(&(bool, bool)) -> bool| {
            ends.iter().filter(|end| of(end)).count() as f64 / ends.len() as f64
        };
        Ok(Completion {
            exchanged,
            own_map_fraction: fraction(|end| end.0),
            completed_fraction: fraction(|end| end.1),
        })
    }
}

/// Random numbers of one start: the same in every network with these maps, so that methods are compared on the same damage.
fn random(seed: u64, exchanged: f64, number: usize) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("flatscape: which neurons of a start are exchanged");
    for number in [seed, exchanged.to_bits(), number as u64] {
        hasher.update(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Exchanges the currents of a fraction of the active neurons, rounded to a whole number, with those of as many silent ones.
fn damage(current: &mut [f64], exchanged: f64, random: &mut ChaCha8Rng) {
    let (mut active, mut silent): (Vec<usize>, Vec<usize>) =
        (0..current.len()).partition(|&neuron| current[neuron] > 0.0);
    let count = ((exchanged * active.len() as f64).round() as usize).min(silent.len());
    let (chosen, _) = active.partial_shuffle(random, count);
    let (others, _) = silent.partial_shuffle(random, count);
    for (&mut a, &mut b) in chosen.iter_mut().zip(others) {
        current.swap(a, b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_active_neurons_are_exchanged_and_nothing_is_lost() {
        let bump: Vec<f64> =
            (0..40).map(|i| if i < 10 { 5.0 + f64::from(i) } else { -f64::from(i) }).collect();
        for (exchanged, expected) in [(0.0, 0), (0.3, 3), (0.5, 5), (1.0, 10)] {
            let mut current = bump.clone();
            damage(&mut current, exchanged, &mut random(1, exchanged, 7));
            let gone = (0..10).filter(|&i| current[i] <= 0.0).count();
            assert_eq!(gone, expected, "{exchanged}");
            let sorted = |mut values: Vec<f64>| {
                values.sort_by(f64::total_cmp);
                values
            };
            assert_eq!(sorted(current), sorted(bump.clone()));
        }
        let of = |number| {
            let mut current = bump.clone();
            damage(&mut current, 0.3, &mut random(1, 0.3, number));
            current
        };
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }
}
