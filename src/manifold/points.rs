//! Manifold points: where on the maps something is evaluated.

use std::ops::Range;

use super::lattice::{Lattice, fibonacci};
use super::maps::Maps;
use super::shape::{Axis, Shape, Vector};

/// The points of all manifolds at which something is evaluated: `per_map` evenly laid points on every map.
///
/// States are ordered `s = map·per_map + k`. On a ring point `k` lies at `k·N/per_map`; on shapes of two dimensions the
/// points form rows and columns, `k = x·columns + y`, and are the lattice's sites if there are as many. Along open edges
/// the map's margin holds no points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Points<'a> {
    maps: &'a Maps,
    first_map: usize,
    on_maps: usize,
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

impl PointKind {
    /// How far point `k` lies past the fitted one, in quarters of the spacing along each axis.
    fn quarters(self, k: usize) -> usize {
        match self {
            Self::Fitted => 0,
            Self::HeldOut => 2 - k % 2,
        }
    }
}

/// A place on one of the manifolds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Index of the map, l.
    pub map: usize,
    /// The lattice site at or before the point, by its index along each axis.
    pub base: [i64; 2],
    /// How far the point lies past `base`, in `[0, 1)` spacings of the lattice along each axis.
    pub fraction: Vector,
    /// Where it is (neuron units).
    pub position: Vector,
}

impl<'a> Points<'a> {
    /// The points that weights are fitted to. `per_map` has to be one of the numbers that [`grid`] allows for every map.
    pub fn fitted(maps: &'a Maps, per_map: usize) -> Self {
        Self { maps, first_map: 0, on_maps: maps.count(), per_map, kind: PointKind::Fitted, stride: 1 }
    }

    /// As many points that are not fitted, alternately halfway and a quarter of the way to the next fitted point (on two
    /// axes: along both).
    pub fn held_out(self) -> Self {
        Self { kind: PointKind::HeldOut, ..self }
    }

    /// Only every `stride`-th point, over all maps, from the first on.
    pub fn every(self, stride: usize) -> Self {
        Self { stride: self.stride * stride, ..self }
    }

    /// Only the points on the first `count` maps.
    pub fn on_first_maps(self, count: usize) -> Self {
        Self { on_maps: count.min(self.on_maps), ..self }
    }

    /// Only the points on one map.
    pub fn on_map(self, map: usize) -> Self {
        Self { first_map: map, on_maps: 1, ..self }
    }

    /// The maps on which they lie.
    pub fn maps(&self) -> &'a Maps {
        self.maps
    }

    /// Number of points on all maps together; S = L·K if none are left out.
    pub fn len(&self) -> usize {
        (self.on_maps * self.per_map).div_ceil(self.stride)
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
        let s = self.first_map * self.per_map + s * self.stride;
        let (map, k) = (s / self.per_map, s % self.per_map);
        let group = self.maps.group(map);
        let (lattice, margin) = (&group.lattice, group.margin);
        let quarters = self.kind.quarters(k);
        if lattice.space.shape == Shape::Sphere {
            let position = fibonacci(&lattice.space, k as f64 + quarters as f64 / 4.0, self.per_map);
            return Point::free(map, lattice, position);
        }
        let counts = grid(lattice, margin, self.per_map).unwrap_or([self.per_map, 1]);
        let index = [k / counts[1], k % counts[1]];
        let (mut base, mut fraction) = ([0; 2], [0.0; 2]);
        for d in 0..lattice.space.dimension() {
            let place = 4 * index[d] + quarters;
            (base[d], fraction[d]) = match lattice.space.shape.axes()[d] {
                Axis::Open => between_margins(lattice, d, margin, place, counts[d]),
                // Quarters of a spacing, so that k·N/K is exact whenever it is a whole number.
                Axis::Joined | Axis::Flipped => {
                    let sites = place * lattice.counts[d];
                    let steps = 4 * counts[d];
                    ((sites / steps) as i64, (sites % steps) as f64 / steps as f64)
                }
            };
        }
        Point::on_lattice(map, lattice, base, fraction)
    }

    /// The states of each group of maps, in the order of groups: maps of one kind have one level of energy.
    pub fn levels(&self) -> Vec<Range<usize>> {
        let mut first_map = 0;
        let mut levels = Vec::with_capacity(self.maps.groups().len());
        for group in self.maps.groups() {
            let last_map = first_map + group.count;
            let own = self.first_map..self.first_map + self.on_maps;
            let before = |map: usize| map.clamp(own.start, own.end) - own.start;
            let at = |map: usize| (before(map) * self.per_map).div_ceil(self.stride);
            levels.push(at(first_map)..at(last_map));
            first_map = last_map;
        }
        levels.retain(|level| !level.is_empty());
        levels
    }

    /// All points, in the order of states.
    pub fn iter(&self) -> impl Iterator<Item = Point> + '_ {
        (0..self.len()).map(|s| self.get(s))
    }
}

/// Place `quarters` (of `4·count`) along an open axis whose margins hold no points: sites and fraction of a spacing.
fn between_margins(lattice: &Lattice, d: usize, margin: f64, quarters: usize, count: usize) -> (i64, f64) {
    let (side, spacing) = (lattice.space.sides[d], lattice.spacing()[d]);
    let steps = (quarters as f64 / 4.0 + 0.5) / count as f64;
    let sites = (margin + steps * (side - 2.0 * margin)) / spacing - 0.5;
    (sites.floor() as i64, sites - sites.floor())
}

/// Rows and columns of `per_map` points on a lattice's shape, with cells as nearly square as whole numbers allow: the
/// longer side of a cell is at most twice the shorter one. `None` if `per_map` cannot be laid so.
pub fn grid(lattice: &Lattice, margin: f64, per_map: usize) -> Option<[usize; 2]> {
    if per_map == 0 {
        return None;
    }
    if lattice.space.dimension() == 1 || lattice.space.shape == Shape::Sphere {
        return Some([per_map, 1]);
    }
    let axes = lattice.space.shape.axes();
    let inside: Vector = std::array::from_fn(|d| {
        lattice.space.sides[d] - if axes[d] == Axis::Open { 2.0 * margin } else { 0.0 }
    });
    // |log| of the ratio of a cell's sides with this many rows.
    let skew = |rows: usize| {
        let columns = per_map / rows;
        (inside[0] / rows as f64 * columns as f64 / inside[1]).ln().abs()
    };
    let divisors = (1..=per_map.isqrt()).filter(|rows| per_map.is_multiple_of(*rows));
    let best =
        divisors.flat_map(|rows| [rows, per_map / rows]).min_by(|a, b| skew(*a).total_cmp(&skew(*b)))?;
    (skew(best) <= 2.0_f64.ln() + 1e-9).then_some([best, per_map / best])
}

impl Point {
    /// On or between the sites of a lattice.
    pub fn on_lattice(map: usize, lattice: &Lattice, base: [i64; 2], fraction: Vector) -> Self {
        Self { map, base, fraction, position: lattice.position(base, fraction) }
    }

    /// Anywhere on the shape.
    pub fn free(map: usize, lattice: &Lattice, position: Vector) -> Self {
        let (base, fraction) = match lattice.space.shape {
            Shape::Sphere => ([0; 2], [0.0; 2]),
            _ => lattice.place_of(position),
        };
        Self { map, base, fraction, position }
    }

    /// Displacement of every neuron's place from this point, one list `[neurons]` for each dimension (neuron units); 0 for
    /// neurons that have no place in the map.
    pub fn displacements(&self, maps: &Maps) -> Vec<Vec<f64>> {
        let space = maps.space(self.map);
        let mut displacements = vec![vec![0.0; maps.neurons()]; space.dimension()];
        for (i, place) in maps.places(self.map).iter().enumerate() {
            if place[0].is_nan() {
                continue;
            }
            let displacement = space.displacement(self.position, *place);
            for (to, x) in displacements.iter_mut().zip(displacement) {
                to[i] = x;
            }
        }
        displacements
    }
}

/// Place `k` of `count` from which a trajectory starts: evenly along a line, well spread over a surface (the multiples
/// of the golden ratio), and on a site of the lattice.
pub fn start_point(maps: &Maps, map: usize, k: usize, count: usize) -> Point {
    let group = maps.group(map);
    let (lattice, margin) = (&group.lattice, group.margin);
    if lattice.space.shape == Shape::Sphere {
        return Point::free(map, lattice, fibonacci(&lattice.space, k as f64, count));
    }
    let mut base = [0; 2];
    for (d, base) in base.iter_mut().enumerate().take(lattice.space.dimension()) {
        *base = match (lattice.space.shape.axes()[d], d) {
            (Axis::Joined | Axis::Flipped, 0) => (k * lattice.counts[0] / count) as i64,
            (axis, _) => {
                let share =
                    if d == 0 { (k as f64 + 0.5) / count as f64 } else { (GOLDEN * k as f64).fract() };
                let edge = if axis == Axis::Open { margin } else { 0.0 };
                let along = edge + share * (lattice.space.sides[d] - 2.0 * edge);
                ((along / lattice.spacing()[d]).floor() as i64).min(lattice.counts[d] as i64 - 1)
            }
        };
    }
    Point::on_lattice(map, lattice, base, [0.0; 2])
}

/// Place `k` from which a trajectory starts that may begin anywhere, also between the sites: a sequence that fills the
/// shape evenly however many are taken (multiples of the golden ratio, and of its relative in two dimensions).
pub fn start_anywhere(maps: &Maps, map: usize, k: usize) -> Point {
    let group = maps.group(map);
    let (lattice, space) = (&group.lattice, &group.lattice.space);
    let ratios = if space.dimension() == 1 { [GOLDEN, 0.0] } else { PLASTIC };
    let [u, v] = ratios.map(|ratio| (0.5 + (k + 1) as f64 * ratio).fract());
    if space.shape == Shape::Sphere {
        let height = 2.0 * u - 1.0;
        let (girth, (sin, cos)) = ((1.0 - height * height).sqrt(), (std::f64::consts::TAU * v).sin_cos());
        return Point::free(map, lattice, space.position_of([girth * cos, girth * sin, height]));
    }
    let mut position = [0.0; 2];
    for (d, share) in [u, v].into_iter().enumerate().take(space.dimension()) {
        let edge = if space.shape.axes()[d] == Axis::Open { group.margin } else { 0.0 };
        position[d] = edge + share * (space.sides[d] - 2.0 * edge);
    }
    Point::free(map, lattice, position)
}

/// (√5 − 1)/2.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// 1/p and 1/p² with p³ = p + 1 (Roberts' sequence of low discrepancy).
const PLASTIC: Vector = [0.754_877_666_246_692_7, 0.569_840_290_998_053_2];

#[cfg(test)]
mod tests {
    use super::super::lattice::Arrangement;
    use super::*;

    #[test]
    fn points_are_where_the_interface_says() {
        let maps = Maps::random(600, 2, 1, 0);
        let points = Points::fitted(&maps, 1200);
        assert_eq!(points.len(), 2400);
        let point = points.get(1201);
        assert_eq!((point.map, point.base, point.fraction), (1, [0, 0], [0.5, 0.0]));
        let between = points.held_out();
        assert_eq!(between.get(0).position, [0.25, 0.0]);
        assert_eq!(between.get(1).position, [0.625, 0.0]);
        assert_eq!(points.on_first_maps(1).len(), 1200);
        let sample = points.every(700);
        assert_eq!(sample.len(), 4);
        assert_eq!(sample.get(3), points.get(2100));
    }

    #[test]
    fn on_surfaces_points_are_the_sites_row_by_row() {
        let lattice = |shape| Lattice::of_sites(shape, [10, 6], Arrangement::Square);
        for shape in [Shape::Torus, Shape::Klein] {
            let maps = Maps::lattice_alone(lattice(shape));
            let points = Points::fitted(&maps, 60);
            for (k, point) in points.iter().enumerate() {
                assert_eq!((point.base, point.fraction), ([(k / 6) as i64, (k % 6) as i64], [0.0; 2]));
                assert_eq!(point.position, maps.places(0)[k]);
            }
            let half = Points::fitted(&maps, 240);
            assert_eq!(half.get(13).position, [0.5, 0.5]);
            assert_eq!(points.held_out().get(0).position, [0.5, 0.5]);
        }
        assert_eq!(grid(&lattice(Shape::Torus), 0.0, 61), None);
        let sheet = lattice(Shape::Sheet);
        assert_eq!(grid(&sheet, 1.0, 32), Some([8, 4]));
    }

    #[test]
    fn margins_hold_no_points() {
        for (shape, counts) in
            [(Shape::Segment, [60, 1]), (Shape::Sheet, [20, 20]), (Shape::Moebius, [20, 20])]
        {
            let mut maps = Maps::lattice_alone(Lattice::of_sites(shape, counts, Arrangement::Square));
            maps.set_margin(3.0);
            let per_map = if shape == Shape::Segment { 54 } else { 400 };
            let points = Points::fitted(&maps, per_map);
            let space = *maps.space(0);
            for point in points.iter().chain(points.held_out().iter()) {
                assert!(space.edge_distance(point.position) >= 3.0 - 1e-9, "{point:?}");
            }
        }
    }

    #[test]
    fn starts_anywhere_lie_on_the_shape_and_between_sites() {
        for shape in Shape::ALL {
            let counts = if shape.dimension() == 1 || shape == Shape::Sphere { [400, 1] } else { [20, 20] };
            let mut maps = Maps::lattice_alone(Lattice::of_sites(shape, counts, Arrangement::Square));
            maps.set_margin(2.0);
            let space = *maps.space(0);
            for k in 0..50 {
                let start = start_anywhere(&maps, 0, k);
                assert!(space.contains(start.position), "{shape:?} {start:?}");
                assert!(space.edge_distance(start.position) >= 2.0, "{shape:?} {start:?}");
                let lattice = &maps.group(0).lattice;
                assert!(lattice.site_near(start.position, 1e-3).is_none(), "{shape:?} {start:?}");
            }
        }
    }

    #[test]
    fn starts_are_evenly_spaced() {
        let maps = Maps::random(600, 2, 1, 0);
        let places: Vec<i64> = (0..3).map(|k| start_point(&maps, 0, k, 10).base[0]).collect();
        assert_eq!(places, [0, 60, 120]);
        let odd = Maps::random(20, 1, 1, 0);
        assert_eq!([0, 1, 2].map(|k| start_point(&odd, 0, k, 3).base[0]), [0, 6, 13]);
        let torus = Maps::lattice_alone(Lattice::of_sites(Shape::Torus, [20, 20], Arrangement::Square));
        let starts: Vec<Point> = (0..20).map(|k| start_point(&torus, 0, k, 20)).collect();
        let nearest = |a: &Point| {
            let others = starts.iter().filter(|b| b.position != a.position);
            others.map(|b| torus.space(0).distance(a.position, b.position)).fold(f64::INFINITY, f64::min)
        };
        assert!(starts.iter().all(|a| nearest(a) > 2.0), "{starts:?}");
    }
}
