//! Where a bump is: score, winning map and location (eqs. S6, S7), and the phase of the population vector (fig. S10).

use crate::landscape::bumps::IdealizedBumps;
use crate::manifold::Maps;

/// What a state says about place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The map with the highest score, l.
    pub map: usize,
    /// The position with the highest score in that map, `0..N` (neuron units).
    pub location: usize,
    /// The highest score, `max_{l,x} q_l(x)`.
    pub score: f64,
}

/// Scores states against the idealized bumps of all maps.
pub struct Scorer<'a> {
    maps: &'a Maps,
    /// P by ring displacement.
    template: Vec<(usize, f64)>,
}

impl<'a> Scorer<'a> {
    /// Takes P, the idealized bump with peak 1, from the single-map network.
    pub fn new(maps: &'a Maps, bumps: &IdealizedBumps) -> Self {
        Self { maps, template: bumps.template() }
    }

    /// `q_l(x) = Σ_i P_i^l(x)·r_i / max r` for all x of one map `[neurons]`; `rates` is dense `[neurons]`.
    pub fn scores(&self, map: usize, rates: &[f64]) -> Vec<f64> {
        let n = self.maps.neurons();
        let peak = rates.iter().copied().fold(0.0, f64::max);
        let mut scores = vec![0.0; n];
        if peak > 0.0 {
            for (&p, &r) in self.maps.positions(map).iter().zip(rates).filter(|(_, r)| **r > 0.0) {
                let rate = r / peak;
                for &(d, template) in &self.template {
                    // Neuron at p lies at displacement d from the position x = p − d.
                    scores[(p as usize + n - d) % n] += template * rate;
                }
            }
        }
        scores
    }

    /// The winning map and location. Of equal scores the first map and position wins.
    pub fn place(&self, rates: &[f64]) -> Place {
        let mut best = Place { map: 0, location: 0, score: f64::NEG_INFINITY };
        for map in 0..self.maps.count() {
            for (location, score) in self.scores(map, rates).into_iter().enumerate() {
                if score > best.score {
                    best = Place { map, location, score };
                }
            }
        }
        best
    }

    /// Position `0 ≤ x ≤ N` of the population vector `Σ_i r_i exp(2πi p_l(i)/N)` in one map (neuron units).
    pub fn phase(&self, map: usize, rates: &[f64]) -> f64 {
        let n = self.maps.neurons() as f64;
        let (mut x, mut y) = (0.0, 0.0);
        for (&p, &r) in self.maps.positions(map).iter().zip(rates) {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(p) / n).sin_cos();
            x += r * cos;
            y += r * sin;
        }
        (y.atan2(x) / std::f64::consts::TAU).rem_euclid(1.0) * n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::manifold::Point;

    #[test]
    fn idealized_bumps_are_found_where_they_are() {
        let kernel = Kernel::PAPER.scaled_to(150);
        let bumps = IdealizedBumps::new(150, kernel, 10.0, &[0.0]).unwrap();
        let maps = Maps::random(150, 3, 9, 0);
        let scorer = Scorer::new(&maps, &bumps);
        let self_score: f64 = bumps.template().iter().map(|(_, p)| p * p).sum();
        for (map, base) in [(0, 0), (1, 149), (2, 71)] {
            let mut rates = vec![0.0; 150];
            bumps.at(&maps, Point { map, base, fraction: 0.0 }).view().scatter(&mut rates);
            let place = scorer.place(&rates);
            assert_eq!((place.map, place.location), (map, base));
            assert!((place.score - self_score).abs() < 1e-12 * self_score);
            let phase = scorer.phase(map, &rates);
            let off = crate::manifold::periodic_displacement(base as f64, phase, 150.0);
            assert!(off.abs() < 1e-9, "{phase} instead of {base}");
        }
    }

    #[test]
    fn a_silent_state_scores_zero() {
        let kernel = Kernel::PAPER.scaled_to(150);
        let bumps = IdealizedBumps::new(150, kernel, 10.0, &[0.0]).unwrap();
        let maps = Maps::random(150, 1, 9, 0);
        assert_eq!(Scorer::new(&maps, &bumps).place(&[0.0; 150]).score, 0.0);
    }
}
