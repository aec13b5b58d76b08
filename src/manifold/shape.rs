//! The shapes that a map can have: what distinguishes them is the shortest way between two positions.
//!
//! All shapes but the sphere are flat: a rectangle (or a stretch) whose edges are open, or joined, or joined after a flip.
//! On them a displacement is the difference of coordinates by the shortest way round, on the sphere the logarithm map:
//! the direction of the great circle in the tangent plane (east, north), as long as the arc.
//!
//! The unit of length is one neuron spacing: a map of M members has length or area M.

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};

/// Coordinates on a shape, or in the tangent plane at a point of it (neuron units). On shapes of one dimension the second is 0.
///
/// On the sphere a position is (along the equator, from the south pole to the north), both as arcs: `0 ≤ x < 2πR`,
/// `0 ≤ y ≤ πR`.
pub type Vector = [f64; 2];

/// Which kind of space a map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A line that closes on itself; the paper's.
    Ring,
    /// A line with two ends.
    Segment,
    /// A rectangle whose opposite edges are joined.
    Torus,
    /// A rectangle whose left and right edges are joined.
    Cylinder,
    /// A rectangle with four edges.
    Sheet,
    /// The surface of a ball.
    Sphere,
    /// A rectangle whose left and right edges are joined after a flip.
    Moebius,
    /// A Möbius strip whose upper and lower edges are joined too.
    Klein,
}

/// What lies beyond the two ends of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Nothing.
    Open,
    /// The other end.
    Joined,
    /// The other end, with the second coordinate mirrored.
    Flipped,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 8] = [
        Self::Ring,
        Self::Segment,
        Self::Torus,
        Self::Cylinder,
        Self::Sheet,
        Self::Sphere,
        Self::Moebius,
        Self::Klein,
    ];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Segment => "segment",
            Self::Torus => "torus",
            Self::Cylinder => "cylinder",
            Self::Sheet => "sheet",
            Self::Sphere => "sphere",
            Self::Moebius => "moebius",
            Self::Klein => "klein",
        }
    }

    /// Number of coordinates, D.
    pub fn dimension(self) -> usize {
        match self {
            Self::Ring | Self::Segment => 1,
            _ => 2,
        }
    }

    /// What lies beyond the ends of both axes; a shape of one dimension has one, the sphere's are its own.
    pub fn axes(self) -> [Axis; 2] {
        match self {
            Self::Ring => [Axis::Joined, Axis::Open],
            Self::Segment | Self::Sheet => [Axis::Open, Axis::Open],
            Self::Torus => [Axis::Joined, Axis::Joined],
            Self::Cylinder | Self::Sphere => [Axis::Joined, Axis::Open],
            Self::Moebius => [Axis::Flipped, Axis::Open],
            Self::Klein => [Axis::Flipped, Axis::Joined],
        }
    }

    /// Whether every position looks like every other: no edges, and nothing that a translation changes.
    pub fn is_homogeneous(self) -> bool {
        matches!(self, Self::Ring | Self::Torus)
    }
}

/// A shape with its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Space {
    /// What kind of space it is.
    pub shape: Shape,
    /// Length along each axis (neuron units); the second is 1 on shapes of one dimension. On the sphere `2πR` and `πR`.
    pub sides: Vector,
}

impl Space {
    /// A flat shape with the given sides.
    pub fn new(shape: Shape, sides: Vector) -> Self {
        Self { shape, sides }
    }

    /// The sphere of area `area`.
    pub fn sphere(area: f64) -> Self {
        let radius = (area / (4.0 * PI)).sqrt();
        Self { shape: Shape::Sphere, sides: [TAU * radius, PI * radius] }
    }

    /// Number of coordinates, D.
    pub fn dimension(&self) -> usize {
        self.shape.dimension()
    }

    /// Length or area, M (neuron units, or their squares).
    pub fn size(&self) -> f64 {
        match self.shape {
            Shape::Sphere => 4.0 * PI * self.radius().powi(2),
            _ => self.sides[0] * self.sides[1],
        }
    }

    /// Of the sphere (neuron units).
    fn radius(&self) -> f64 {
        self.sides[1] / PI
    }

    /// Whether a position lies on the shape.
    pub fn contains(&self, position: Vector) -> bool {
        let axes = self.shape.axes();
        (0..self.dimension()).all(|d| {
            let (x, side) = (position[d], self.sides[d]);
            match axes[d] {
                Axis::Open => (0.0..=side).contains(&x),
                Axis::Joined | Axis::Flipped => (0.0..side).contains(&x),
            }
        })
    }

    /// The shortest way from one position to another, in the tangent plane at `from`: the logarithm map. Of two ways of
    /// equal length round a ring the negative one.
    pub fn displacement(&self, from: Vector, to: Vector) -> Vector {
        match self.shape {
            Shape::Sphere => self.arc(from, to),
            Shape::Moebius | Shape::Klein => self.twisted(from, to),
            _ => {
                let axes = self.shape.axes();
                std::array::from_fn(|d| along(axes[d], from[d], to[d], self.sides[d]))
            }
        }
    }

    /// Length of the shortest way.
    pub fn distance(&self, from: Vector, to: Vector) -> f64 {
        length(self.displacement(from, to))
    }

    /// The position reached by a displacement: the exponential map. Beyond an open edge it stays outside the shape.
    pub fn walk(&self, from: Vector, displacement: Vector) -> Vector {
        if self.shape == Shape::Sphere {
            return self.along_arc(from, displacement);
        }
        let axes = self.shape.axes();
        let mut to: Vector = std::array::from_fn(|d| from[d] + displacement[d]);
        for d in 0..self.dimension() {
            if axes[d] == Axis::Open {
                continue;
            }
            let turns;
            (to[d], turns) = wrapped(to[d], self.sides[d]);
            if axes[d] == Axis::Flipped && turns.rem_euclid(2.0) == 1.0 {
                to[1] = self.sides[1] - to[1];
            }
        }
        to
    }

    /// Distance to the nearest edge; infinite on shapes without (neuron units).
    pub fn edge_distance(&self, position: Vector) -> f64 {
        if self.shape == Shape::Sphere {
            return f64::INFINITY;
        }
        let axes = self.shape.axes();
        (0..self.dimension())
            .filter(|&d| axes[d] == Axis::Open)
            .map(|d| position[d].min(self.sides[d] - position[d]))
            .fold(f64::INFINITY, f64::min)
    }

    /// On shapes that join their left and right edges after a flip, the shorter of the direct way and the one across.
    fn twisted(&self, from: Vector, to: Vector) -> Vector {
        let axes = self.shape.axes();
        let mirrored = self.sides[1] - to[1];
        let candidates = [0.0, -1.0, 1.0].map(|turn: f64| {
            let y = if turn == 0.0 { to[1] } else { mirrored };
            [to[0] + turn * self.sides[0] - from[0], along(axes[1], from[1], y, self.sides[1])]
        });
        candidates.into_iter().min_by(|a, b| length(*a).total_cmp(&length(*b))).unwrap_or_default()
    }

    /// Unit vectors of a position on the sphere: outwards, east and north.
    fn frame(&self, position: Vector) -> [[f64; 3]; 3] {
        let (longitude, latitude) = (position[0] / self.radius(), position[1] / self.radius() - PI / 2.0);
        let ((sin_x, cos_x), (sin_y, cos_y)) = (longitude.sin_cos(), latitude.sin_cos());
        [[cos_y * cos_x, cos_y * sin_x, sin_y], [-sin_x, cos_x, 0.0], [-sin_y * cos_x, -sin_y * sin_x, cos_y]]
    }

    fn arc(&self, from: Vector, to: Vector) -> Vector {
        let [up, east, north] = self.frame(from);
        let there = self.frame(to)[0];
        let dot = |a: [f64; 3]| a.iter().zip(there).map(|(a, b)| a * b).sum::<f64>();
        let (x, y) = (dot(east), dot(north));
        let sideways = x.hypot(y);
        let angle = sideways.atan2(dot(up));
        if sideways > 0.0 {
            [x, y].map(|c| self.radius() * angle * c / sideways)
        } else if angle > 1.0 {
            // At the antipode every direction is equally short.
            [self.radius() * PI, 0.0]
        } else {
            [0.0, 0.0]
        }
    }

    fn along_arc(&self, from: Vector, displacement: Vector) -> Vector {
        let arc = length(displacement);
        if arc == 0.0 {
            return from;
        }
        let [up, east, north] = self.frame(from);
        let (sin, cos) = (arc / self.radius()).sin_cos();
        let [x, y] = displacement.map(|c| c / arc);
        let there: [f64; 3] = std::array::from_fn(|k| cos * up[k] + sin * (x * east[k] + y * north[k]));
        self.position_of(there)
    }

    /// The position on the sphere in the direction of a vector.
    pub(crate) fn position_of(&self, direction: [f64; 3]) -> Vector {
        let [x, y, z] = direction;
        let (longitude, latitude) = (y.atan2(x).rem_euclid(TAU), z.atan2(x.hypot(y)));
        [self.radius() * longitude, self.radius() * (latitude + PI / 2.0)]
    }
}

/// Length of a vector.
pub fn length(v: Vector) -> f64 {
    if v[1] == 0.0 { v[0].abs() } else { v[0].hypot(v[1]) }
}

fn along(axis: Axis, from: f64, to: f64, side: f64) -> f64 {
    match axis {
        Axis::Open => to - from,
        Axis::Joined | Axis::Flipped => periodic_displacement(from, to, side),
    }
}

/// `x` in `[0, side)`, and the number of turns removed.
fn wrapped(x: f64, side: f64) -> (f64, f64) {
    let turns = (x / side).floor();
    let inside = x - turns * side;
    // A tiny negative number rounds to a whole turn.
    if inside < side { (inside.max(0.0), turns) } else { (0.0, turns + 1.0) }
}

/// Displacement from `from` to `to` around a ring of `length`, in `[-length/2, length/2)`.
pub fn periodic_displacement(from: f64, to: f64, length: f64) -> f64 {
    let half = length / 2.0;
    let mut d = to - from;
    if d.abs() >= length {
        d %= length;
    }
    if d < -half {
        d += length;
    } else if d >= half {
        d -= length;
    }
    d
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every shape, of about the same size.
    fn spaces() -> Vec<Space> {
        Shape::ALL
            .into_iter()
            .map(|shape| match shape {
                Shape::Ring | Shape::Segment => Space::new(shape, [60.0, 1.0]),
                Shape::Sphere => Space::sphere(300.0),
                _ => Space::new(shape, [24.0, 14.0]),
            })
            .collect()
    }

    fn place(space: &Space, u: [f64; 2]) -> Vector {
        std::array::from_fn(|d| if d < space.dimension() { u[d] * space.sides[d] } else { 0.0 })
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_obeys_the_triangle_inequality(
            a in [0.0..1.0, 0.0..1.0], b in [0.0..1.0, 0.0..1.0], c in [0.0..1.0, 0.0..1.0]
        ) {
            for space in spaces() {
                let [a, b, c] = [a, b, c].map(|u| place(&space, u));
                let (ab, ba) = (space.distance(a, b), space.distance(b, a));
                // Roundings of coordinates of order ten, and of the sphere's arc of tiny angles.
                prop_assert!((ab - ba).abs() < 1e-7, "{space:?}: {ab} {ba}");
                prop_assert!(ab <= space.distance(a, c) + space.distance(c, b) + 1e-7, "{space:?}");
            }
        }

        #[test]
        fn walking_a_displacement_arrives(a in [0.0..1.0, 0.0..1.0], b in [0.0..1.0, 0.0..1.0]) {
            for space in spaces() {
                let [a, b] = [a, b].map(|u| place(&space, u));
                let arrived = space.walk(a, space.displacement(a, b));
                prop_assert!(space.distance(arrived, b) < 1e-6, "{space:?}: {arrived:?} {b:?}");
            }
        }

        #[test]
        fn displacement_is_antisymmetric_where_nothing_is_flipped(
            a in [0.0..1.0, 0.0..1.0], b in [0.0..1.0, 0.0..1.0]
        ) {
            for space in spaces() {
                if matches!(space.shape, Shape::Sphere | Shape::Moebius | Shape::Klein) {
                    continue;
                }
                let [a, b] = [a, b].map(|u| place(&space, u));
                let (there, back) = (space.displacement(a, b), space.displacement(b, a));
                prop_assert!((0..2).all(|d| (there[d] + back[d]).abs() < 1e-9), "{space:?}: {there:?} {back:?}");
            }
        }
    }

    #[test]
    fn displacements_wrap_to_the_half_open_interval() {
        assert_eq!(periodic_displacement(590.0, 10.0, 600.0), 20.0);
        assert_eq!(periodic_displacement(10.0, 590.0, 600.0), -20.0);
        assert_eq!(periodic_displacement(0.0, 300.0, 600.0), -300.0);
        assert_eq!(periodic_displacement(0.25, 300.0, 600.0), 299.75);
        assert_eq!(periodic_displacement(300.0, 0.0, 600.0), -300.0);
    }

    #[test]
    fn a_moebius_strip_flips_what_crosses_its_edge() {
        let strip = Space::new(Shape::Moebius, [20.0, 6.0]);
        assert_eq!(strip.displacement([19.0, 1.0], [1.0, 5.0]), [2.0, 0.0]);
        assert_eq!(strip.walk([19.0, 1.0], [2.0, 0.5]), [1.0, 4.5]);
        assert_eq!(strip.walk([0.0, 1.0], [-1e-18, 0.0]), [0.0, 1.0]);
        let bottle = Space::new(Shape::Klein, [20.0, 6.0]);
        assert_eq!(bottle.distance([19.0, 0.5], [1.0, 0.5]), 5.0_f64.sqrt());
    }

    #[test]
    fn on_the_sphere_a_quarter_of_the_way_round_is_a_quarter_of_its_girth() {
        let sphere = Space::sphere(400.0);
        let girth = sphere.sides[0];
        let (equator, pole) = ([0.1 * girth, 0.5 * sphere.sides[1]], [0.7 * girth, sphere.sides[1]]);
        assert!((sphere.distance(equator, pole) - 0.25 * girth).abs() < 1e-9);
        let up = sphere.displacement(equator, pole);
        assert!(up[0].abs() < 1e-9 && up[1] > 0.0);
        assert!((sphere.size() - 400.0).abs() < 1e-9);
    }
}
