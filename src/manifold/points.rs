//! Manifold points: where on the maps something is evaluated.

use crate::manifold::maps::{Maps, periodic_displacement};

/// The points of all manifolds at which something is evaluated: `per_map` evenly spaced positions on every map.
///
/// Point `k` lies at `(k + offset_k)·N/per_map`; states are ordered `s = map·per_map + k`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Points {
    neurons: usize,
    maps: usize,
    per_map: usize,
    kind: PointKind,
    stride: usize,
}

/// Which points of the even spacing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum PointKind {
    Fitted,
    HeldOut,
}

/// A place on one of the manifolds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Index of the map, l.
    pub map: usize,
    /// The neuron position at or before the point, `0..N`.
    pub base: usize,
    /// How far the point lies past `base`, in `[0, 1)` (neuron units).
    pub fraction: f64,
}

impl Points {
    /// The points that weights are fitted to: `k·N/per_map`.
    pub fn fitted(maps: &Maps, per_map: usize) -> Self {
        Self { neurons: maps.neurons(), maps: maps.count(), per_map, kind: PointKind::Fitted, stride: 1 }
    }

    /// As many points that are not fitted, alternately halfway and a quarter of the way to the next fitted point.
    pub fn held_out(self) -> Self {
        Self { kind: PointKind::HeldOut, ..self }
    }

    /// Every `stride`-th of these points, over all maps, from the first on.
    pub fn every(self, stride: usize) -> Self {
        Self { stride: self.stride * stride, ..self }
    }

    /// Those of these points that lie on the first maps, so many of them.
    pub fn on_first_maps(self, count: usize) -> Self {
        Self { maps: count.min(self.maps), ..self }
    }

    /// Number of points on all maps together; S = L·K if none are left out.
    pub fn len(&self) -> usize {
        (self.maps * self.per_map).div_ceil(self.stride)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of points on each map, K.
    pub fn per_map(&self) -> usize {
        self.per_map
    }

    /// Point `s`.
    pub fn get(&self, s: usize) -> Point {
        let s = s * self.stride;
        let k = s % self.per_map;
        // Quarters of a spacing, so that k·N/K is exact whenever it is a whole number.
        let quarters = 4 * k
            + match self.kind {
                PointKind::Fitted => 0,
                PointKind::HeldOut => 2 - k % 2,
            };
        let (whole, rest) =
            (quarters * self.neurons / (4 * self.per_map), quarters * self.neurons % (4 * self.per_map));
        Point { map: s / self.per_map, base: whole, fraction: rest as f64 / (4 * self.per_map) as f64 }
    }

    /// The distinct [`Point::fraction`]s, ascending.
    pub fn fractions(&self) -> Vec<f64> {
        let mut fractions: Vec<f64> = self.iter().map(|point| point.fraction).collect();
        fractions.sort_unstable_by(f64::total_cmp);
        fractions.dedup();
        fractions
    }

    /// All points, in the order of states.
    pub fn iter(&self) -> impl Iterator<Item = Point> + '_ {
        (0..self.len()).map(|s| self.get(s))
    }
}

impl Point {
    /// Position on the ring, `0 ≤ x < N` (neuron units).
    pub fn position(&self) -> f64 {
        self.base as f64 + self.fraction
    }

    /// Displacement of every neuron's position from this point `[neurons]`, in `[−N/2, N/2)` (neuron units).
    pub fn displacements(&self, maps: &Maps) -> Vec<f64> {
        let (position, length) = (self.position(), maps.neurons() as f64);
        let positions = maps.positions(self.map).iter();
        positions.map(|&p| periodic_displacement(position, f64::from(p), length)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_where_the_interface_says() {
        let points = Points::fitted(&Maps::random(600, 2, 1, 0), 1200);
        assert_eq!(points.len(), 2400);
        assert_eq!(points.get(1201), Point { map: 1, base: 0, fraction: 0.5 });
        let between = points.held_out();
        assert_eq!(between.get(0).position(), 0.25);
        assert_eq!(between.get(1).position(), 0.625);
        assert_eq!(points.on_first_maps(1).len(), 1200);
        let sample = points.every(700);
        assert_eq!(sample.len(), 4);
        assert_eq!(sample.get(3), points.get(2100));
    }
}
