//! Bumps that are damaged before they start: does the network complete the pattern?

use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use crate::dynamics::noise::normal;
use crate::landscape::transfer::Transfer;
use crate::setup::config::CorruptConfig;

/// Damages the currents of a bump `[neurons]` (Hz²): some active neurons swap currents with silent ones, others fall
/// silent, and normal noise is added to the rates of the rest. Each trajectory has its own random numbers, fixed by the
/// seed.
pub(crate) fn corrupt(
    current: &mut [f64],
    how: &CorruptConfig,
    transfer: Transfer,
    seed: u64,
    trajectory: u32,
) {
    if how.is_none() {
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(trajectory));
    let (active, silent): (Vec<usize>, Vec<usize>) = (0..current.len()).partition(|&i| current[i] > 0.0);
    let count = |part: f64| (part * active.len() as f64).round() as usize;
    let (replaced, silenced) = (count(how.replace).min(silent.len()), count(how.silence));
    let chosen: Vec<usize> =
        index::sample(&mut rng, active.len(), (replaced + silenced).min(active.len())).into_vec();
    let (replaced, silenced) = chosen.split_at(replaced.min(chosen.len()));
    let partners = index::sample(&mut rng, silent.len(), replaced.len());
    for (&own, other) in replaced.iter().zip(partners) {
        current.swap(active[own], silent[other]);
    }
    silenced.iter().for_each(|&own| current[active[own]] = 0.0);
    if how.noise > 0.0 {
        for current in current.iter_mut().filter(|i| **i > 0.0) {
            let rate = (transfer.rate(*current) + how.noise * normal(&mut rng)).max(0.0);
            *current = transfer.current(rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrupted(how: CorruptConfig, trajectory: u32) -> Vec<f64> {
        let mut current: Vec<f64> = (0..100).map(|i| if i < 20 { 25.0 } else { -3.0 }).collect();
        corrupt(&mut current, &how, Transfer::ROOT, 7, trajectory);
        current
    }

    #[test]
    fn as_many_neurons_are_touched_as_was_asked_for() {
        let none = CorruptConfig::default();
        assert!(corrupted(none, 0)[..20].iter().all(|i| *i == 25.0));
        let silence = corrupted(CorruptConfig { silence: 0.2, ..none }, 0);
        assert_eq!(silence.iter().filter(|i| **i == 25.0).count(), 16);
        let replace = corrupted(CorruptConfig { replace: 0.3, ..none }, 0);
        assert_eq!(replace[..20].iter().filter(|i| **i == -3.0).count(), 6);
        assert_eq!(replace.iter().filter(|i| **i == 25.0).count(), 20);
        let both = corrupted(CorruptConfig { silence: 0.5, replace: 0.5, ..none }, 0);
        assert!(both[..20].iter().all(|i| *i <= 0.0), "{both:?}");
        let noise = corrupted(CorruptConfig { noise: 1.0, ..none }, 0);
        assert!(
            noise[..20].iter().all(|i| *i >= 0.0 && *i != 25.0) && noise[20..].iter().all(|i| *i == -3.0)
        );
        assert_ne!(replace, corrupted(CorruptConfig { replace: 0.3, ..none }, 1), "every trajectory its own");
    }
}
