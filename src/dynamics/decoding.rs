//! Where a bump is: score, winning map and location (eqs. S6, S7), and the population vector (fig. S10).

use std::f64::consts::TAU;

use crate::landscape::bumps::IdealizedBumps;
use crate::manifold::{Arrangement, Axis, Maps, Shape, Vector};

/// Where an idealized bump fits a state best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BestFit {
    /// The map with the highest score, l.
    pub map: usize,
    /// The position with the highest score in that map: a site of its lattice (neuron units).
    pub location: Vector,
    /// The highest score, `max_{l,x} q_l(x)`.
    pub score: f64,
}

/// Scores states against the idealized bumps of all maps.
pub struct Scorer<'a> {
    maps: &'a Maps,
    /// How each map is scored.
    templates: Vec<Template>,
}

/// The P of eq. S6 for one map.
enum Template {
    /// The same around every site: by offset along both axes.
    ByOffset(Vec<([i64; 2], f64)>),
    /// For every neuron the sites whose bump would make it fire: (site, P).
    ByNeuron(Vec<Vec<(u32, f64)>>),
}

impl<'a> Scorer<'a> {
    /// Takes P, the idealized bump with peak 1, from the single-map networks.
    pub fn new(maps: &'a Maps, bumps: &IdealizedBumps) -> Self {
        let templates = (0..maps.count()).map(|map| Template::new(maps, bumps, map)).collect();
        Self { maps, templates }
    }

    /// `q_l(x) = Σ_i P_i^l(x)·r_i / max r` for all sites x of one map's lattice `[sites]`; `rates` is dense `[neurons]`.
    pub fn scores(&self, map: usize, rates: &[f64]) -> Vec<f64> {
        let lattice = &self.maps.group(map).lattice;
        let peak = rates.iter().copied().fold(0.0, f64::max);
        let mut scores = vec![0.0; lattice.sites()];
        if !(peak > 0.0) {
            return scores;
        }
        match &self.templates[map] {
            Template::ByOffset(template) => {
                let [rows, columns] = lattice.counts.map(|n| n as i64);
                let active =
                    self.maps.sites(map).iter().zip(rates).filter(|(site, r)| **r > 0.0 && **site >= 0);
                for (&site, &r) in active {
                    let (rate, [x, y]) = (r / peak, lattice.base_of(site as usize));
                    for &([dx, dy], template) in template {
                        // The neuron lies at this offset from the site.
                        let at = (x - dx).rem_euclid(rows) * columns + (y - dy).rem_euclid(columns);
                        scores[at as usize] += template * rate;
                    }
                }
            }
            Template::ByNeuron(lists) => {
                for (list, &r) in lists.iter().zip(rates).filter(|(_, r)| **r > 0.0) {
                    let rate = r / peak;
                    list.iter().for_each(|&(site, template)| scores[site as usize] += template * rate);
                }
            }
        }
        scores
    }

    /// The winning map and location. Of equal scores the first map and site wins.
    pub fn best_fit(&self, rates: &[f64]) -> BestFit {
        let mut best = (0, 0, f64::NEG_INFINITY);
        for map in 0..self.maps.count() {
            for (site, score) in self.scores(map, rates).into_iter().enumerate() {
                if score > best.2 {
                    best = (map, site, score);
                }
            }
        }
        let (map, site, score) = best;
        let lattice = &self.maps.group(map).lattice;
        BestFit { map, location: lattice.position(lattice.base_of(site), [0.0; 2]), score }
    }

    /// Position of the population vector in one map (neuron units): on joined axes the phase of `Σ_i r_i exp(2πi x_i/side)`,
    /// on open ones the mean of the places. Where an edge is joined after a flip, and on the sphere, it starts at the site
    /// with the highest score and moves by the mean displacement of the active neurons' places, twice.
    pub fn phase(&self, map: usize, rates: &[f64]) -> Vector {
        let space = self.maps.space(map);
        if matches!(space.shape, Shape::Sphere | Shape::Moebius | Shape::Klein) {
            return self.mean_place(map, rates);
        }
        let axes = space.shape.axes();
        let placed = || self.maps.places(map).iter().zip(rates).filter(|(place, _)| !place[0].is_nan());
        let mut position = [0.0; 2];
        for d in 0..space.dimension() {
            let side = space.sides[d];
            if axes[d] == Axis::Open {
                let total: f64 = placed().map(|(_, r)| r).sum();
                position[d] = placed().map(|(place, r)| place[d] * r).sum::<f64>() / total;
                continue;
            }
            let (mut x, mut y) = (0.0, 0.0);
            for (place, &r) in placed() {
                let (sin, cos) = (TAU * place[d] / side).sin_cos();
                x += r * cos;
                y += r * sin;
            }
            position[d] = (y.atan2(x) / TAU).rem_euclid(1.0) * side;
        }
        position
    }

    fn mean_place(&self, map: usize, rates: &[f64]) -> Vector {
        let (space, lattice) = (self.maps.space(map), &self.maps.group(map).lattice);
        let scores = self.scores(map, rates);
        let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
        let mut position = lattice.position(lattice.base_of(best), [0.0; 2]);
        for _ in 0..2 {
            let (mut total, mut sum) = (0.0, [0.0; 2]);
            for (place, &r) in self.maps.places(map).iter().zip(rates).filter(|(place, _)| !place[0].is_nan())
            {
                let displacement = space.displacement(position, *place);
                sum = [sum[0] + r * displacement[0], sum[1] + r * displacement[1]];
                total += r;
            }
            if total > 0.0 {
                position = space.walk(position, sum.map(|x| x / total));
            }
        }
        position
    }
}

impl Template {
    fn new(maps: &Maps, bumps: &IdealizedBumps, map: usize) -> Self {
        let lattice = &maps.group(map).lattice;
        let bump = bumps.lattice_bump(maps.group_index(map));
        let by_offset = maps.fills_lattice(map)
            && lattice.space.shape.is_homogeneous()
            && lattice.arrangement == Arrangement::Square;
        if by_offset {
            return Self::ByOffset(bump.template());
        }
        let peak = bump.peak();
        let sites: Vec<Vector> =
            (0..lattice.sites()).map(|site| lattice.position(lattice.base_of(site), [0.0; 2])).collect();
        let of_neuron = |place: &Vector| {
            if place[0].is_nan() {
                return Vec::new();
            }
            let rate = |at: &Vector| bump.rate_by(lattice.space.displacement(*at, *place));
            let scored = sites.iter().zip(0..).map(|(at, site)| (site, rate(at) / peak));
            scored.filter(|(_, p)| *p > 0.0).collect()
        };
        Self::ByNeuron(maps.places(map).iter().map(of_neuron).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::landscape::transfer::Transfer;
    use crate::manifold::{Group, Lattice, Placement, Point, Points};

    fn bumps(maps: &Maps, kernel: Kernel) -> IdealizedBumps {
        let kernels = vec![kernel; maps.groups().len()];
        IdealizedBumps::new(maps, &kernels, 10.0, Transfer::ROOT).unwrap()
    }

    fn rates(bumps: &IdealizedBumps, maps: &Maps, point: &Point) -> Vec<f64> {
        let mut rates = vec![0.0; maps.neurons()];
        bumps.at(maps, point).view().scatter(&mut rates);
        rates
    }

    #[test]
    fn idealized_bumps_are_found_where_they_are() {
        let maps = Maps::random(150, 3, 9, 0);
        let bumps = bumps(&maps, Kernel::PAPER.scaled_to(150));
        let scorer = Scorer::new(&maps, &bumps);
        let self_score: f64 = bumps.lattice_bump(0).template().iter().map(|(_, p)| p * p).sum();
        let points = Points::fitted(&maps, 150);
        for (map, base) in [(0, 0), (1, 149), (2, 71)] {
            let rates = rates(&bumps, &maps, &points.get(150 * map + base));
            let best = scorer.best_fit(&rates);
            assert_eq!((best.map, best.location), (map, [base as f64, 0.0]));
            assert!((best.score - self_score).abs() < 1e-12 * self_score);
            let phase = scorer.phase(map, &rates);
            assert!(
                maps.space(map).distance([base as f64, 0.0], phase) < 1e-9,
                "{phase:?} instead of {base}"
            );
        }
    }

    #[test]
    fn bumps_are_found_on_every_shape() {
        for shape in Shape::ALL {
            let counts = if shape.dimension() == 1 || shape == Shape::Sphere { [400, 1] } else { [20, 20] };
            let lattice = Lattice::of_sites(shape, counts, Arrangement::Square);
            for placement in [Placement::Lattice, Placement::Anywhere(400)] {
                let mut maps = Maps::empty(440);
                maps.draw(Group { count: 2, lattice, margin: 4.0 }, &placement, 5, 0);
                let bumps = bumps(&maps, Kernel::PAPER.scaled_to_shape(shape, 400));
                let scorer = Scorer::new(&maps, &bumps);
                let points = Points::fitted(&maps, 100);
                for point in [points.get(3), points.get(150)] {
                    let rates = rates(&bumps, &maps, &point);
                    let (best, phase) = (scorer.best_fit(&rates), scorer.phase(point.map, &rates));
                    assert_eq!(best.map, point.map, "{shape:?} {placement:?}");
                    let space = maps.space(point.map);
                    // A site is at most half a cell's diagonal away; where neurons lie anywhere, the centre of mass of a
                    // bump of some forty of them is off by a few tenths of its width.
                    let (near, nearer) = match placement {
                        Placement::Lattice => (1.5, 0.75),
                        _ => (3.0, 3.0),
                    };
                    assert!(
                        space.distance(point.position, best.location) < near,
                        "{shape:?} {point:?} {best:?}"
                    );
                    assert!(space.distance(point.position, phase) < nearer, "{shape:?} {point:?} {phase:?}");
                }
            }
        }
    }

    #[test]
    fn a_silent_state_scores_zero() {
        let maps = Maps::random(150, 1, 9, 0);
        let bumps = bumps(&maps, Kernel::PAPER.scaled_to(150));
        assert_eq!(Scorer::new(&maps, &bumps).best_fit(&[0.0; 150]).score, 0.0);
    }
}
