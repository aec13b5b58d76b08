//! Maps: which neuron is the place cell of which position, in each environment.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The place `p_l(i) ∈ 0..N` of every neuron i in every map l: one permutation of the neurons per map.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    neurons: usize,
    positions: Vec<i32>,
    neuron_at: Vec<u32>,
}

impl Maps {
    /// Independent random permutations. Map `l` of realization `r` draws from its own ChaCha8 stream `(r << 32) + l`
    /// of `seed`, so a map depends neither on the number of maps nor on the machine.
    pub fn random(neurons: usize, maps: usize, seed: u64, realization: u32) -> Self {
        let mut positions = Vec::with_capacity(neurons * maps);
        for map in 0..maps {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream((u64::from(realization) << 32) + map as u64);
            let mut permutation: Vec<i32> = (0..neurons as i32).collect();
            permutation.shuffle(&mut rng);
            positions.extend(permutation);
        }
        Self::with_inverse(neurons, positions)
    }

    /// One map whose neurons lie in their own order: the ring on which the single-map bump lives.
    pub fn ring(neurons: usize) -> Self {
        Self::with_inverse(neurons, (0..neurons as i32).collect())
    }

    /// From positions `[maps, neurons]`, each row of which must be a permutation of `0..neurons`.
    ///
    /// # Errors
    /// A sentence naming the map, the neuron and the position that is out of range or repeated.
    pub fn from_positions(neurons: usize, positions: Vec<i32>) -> Result<Self, String> {
        if neurons == 0 || positions.is_empty() || !positions.len().is_multiple_of(neurons) {
            return Err(format!(
                "{} positions are no whole number of maps of {neurons} neurons",
                positions.len()
            ));
        }
        for (map, row) in positions.chunks_exact(neurons).enumerate() {
            let mut owner = vec![None; neurons];
            for (neuron, &position) in row.iter().enumerate() {
                let Some(slot) = usize::try_from(position).ok().and_then(|p| owner.get_mut(p)) else {
                    return Err(format!(
                        "map {map}, neuron {neuron}: position {position} is outside 0..{neurons}"
                    ));
                };
                if let Some(other) = slot.replace(neuron) {
                    return Err(format!(
                        "map {map}: neurons {other} and {neuron} both have position {position}; each position belongs to one neuron"
                    ));
                }
            }
        }
        Ok(Self::with_inverse(neurons, positions))
    }

    fn with_inverse(neurons: usize, positions: Vec<i32>) -> Self {
        let mut neuron_at = vec![0; positions.len()];
        for (map, row) in positions.chunks_exact(neurons).enumerate() {
            for (neuron, &position) in row.iter().enumerate() {
                neuron_at[map * neurons + position as usize] = neuron as u32;
            }
        }
        Self { neurons, positions, neuron_at }
    }

    /// Number of maps, L.
    pub fn count(&self) -> usize {
        self.positions.len() / self.neurons
    }

    /// Number of neurons, N.
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// `p_l(i)` for all neurons i of map `l`.
    pub fn positions(&self, map: usize) -> &[i32] {
        &self.positions[map * self.neurons..(map + 1) * self.neurons]
    }

    /// All positions, C-ordered `[maps, neurons]`.
    pub fn as_slice(&self) -> &[i32] {
        &self.positions
    }

    /// The neuron at each position of map `l`: the inverse of [`Maps::positions`].
    pub fn neurons_by_position(&self, map: usize) -> &[u32] {
        &self.neuron_at[map * self.neurons..(map + 1) * self.neurons]
    }
}

/// Displacement from `from` to `to` around a ring of `length`, in `[-length/2, length/2)`.
pub fn periodic_displacement(from: f64, to: f64, length: f64) -> f64 {
    let half = length / 2.0;
    let mut d = (to - from) % length;
    if d < -half {
        d += length;
    } else if d >= half {
        d -= length;
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_maps_for_ever() {
        // Written down on the day the streams were defined: a change here changes every published result.
        let maps = Maps::random(12, 2, 1, 0);
        let expected = [[3, 8, 5, 2, 7, 9, 11, 0, 4, 1, 6, 10], [6, 5, 2, 8, 0, 9, 7, 10, 3, 4, 11, 1]];
        assert_eq!(maps.as_slice(), expected.as_flattened());
    }

    #[test]
    fn a_map_does_not_depend_on_how_many_there_are() {
        let (few, many) = (Maps::random(50, 2, 7, 3), Maps::random(50, 5, 7, 3));
        assert_eq!(few.positions(1), many.positions(1));
        assert_ne!(many.positions(1), many.positions(2));
        assert_ne!(few.positions(1), Maps::random(50, 2, 7, 4).positions(1));
        assert_ne!(few.positions(1), Maps::random(50, 2, 8, 3).positions(1));
    }

    #[test]
    fn inverse_undoes_positions() {
        let maps = Maps::random(40, 3, 2, 0);
        for map in 0..3 {
            for (neuron, &p) in maps.positions(map).iter().enumerate() {
                assert_eq!(maps.neurons_by_position(map)[p as usize], neuron as u32);
            }
        }
    }

    #[test]
    fn bad_positions_are_named() {
        let repeated = Maps::from_positions(3, vec![0, 1, 2, 2, 0, 2]).unwrap_err();
        assert!(repeated.contains("map 1: neurons 0 and 2 both have position 2"), "{repeated}");
        let outside = Maps::from_positions(3, vec![0, 1, 3]).unwrap_err();
        assert!(outside.contains("position 3 is outside 0..3"), "{outside}");
        assert!(Maps::from_positions(3, vec![0, 1]).is_err());
    }

    #[test]
    fn displacements_wrap_to_the_half_open_interval() {
        assert_eq!(periodic_displacement(590.0, 10.0, 600.0), 20.0);
        assert_eq!(periodic_displacement(10.0, 590.0, 600.0), -20.0);
        assert_eq!(periodic_displacement(0.0, 300.0, 600.0), -300.0);
        assert_eq!(periodic_displacement(0.25, 300.0, 600.0), 299.75);
        assert_eq!(periodic_displacement(300.0, 0.0, 600.0), -300.0);
    }
}
