//! The regular lattice of a shape: where place fields sit if they are laid out evenly, and the grid on which points are
//! counted.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::shape::{Axis, Shape, Space, Vector};

/// How sites are arranged on a torus. Other shapes have square lattices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrangement {
    /// In rows and columns.
    #[default]
    Square,
    /// Each row shifted by half a spacing against the one before.
    Hexagonal,
}

/// Sites laid evenly over a shape, row by row: site `x·counts[1] + y`.
///
/// Along open axes they lie half a spacing from the edges, along joined ones the first lies at 0. On the sphere they
/// follow a Fibonacci spiral.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lattice {
    /// The shape.
    pub space: Space,
    /// Sites along each axis; the second is 1 on shapes of one dimension and on the sphere.
    pub counts: [usize; 2],
    /// How they are arranged.
    pub arrangement: Arrangement,
}

/// √3/2: height of a regular triangle of side 1.
const TRIANGLE: f64 = 0.866_025_403_784_438_6;

impl Lattice {
    /// The lattice of a shape with the given numbers of sites along each axis, each of length or area 1.
    pub fn of_sites(shape: Shape, counts: [usize; 2], arrangement: Arrangement) -> Self {
        let [x, y] = counts.map(|count| count as f64);
        let space = match (shape, arrangement) {
            (Shape::Sphere, _) => Space::sphere(x * y),
            (_, Arrangement::Hexagonal) => {
                let spacing = TRIANGLE.sqrt().recip();
                Space::new(shape, [x * spacing, y * spacing * TRIANGLE])
            }
            _ => Space::new(shape, [x, y]),
        };
        Self { space, counts, arrangement }
    }

    /// The square lattice that fits a space best: as close to one site per unit as whole numbers allow.
    pub fn of_space(space: Space) -> Self {
        let counts = match (space.shape, space.dimension()) {
            (Shape::Sphere, _) => [space.size().round().max(1.0) as usize, 1],
            (_, 1) => [space.sides[0].round().max(1.0) as usize, 1],
            _ => space.sides.map(|side| side.round().max(1.0) as usize),
        };
        Self { space, counts, arrangement: Arrangement::Square }
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.counts[0] * self.counts[1]
    }

    /// Indices along both axes of a site.
    pub fn base_of(&self, site: usize) -> [i64; 2] {
        [(site / self.counts[1]) as i64, (site % self.counts[1]) as i64]
    }

    /// The site at indices that may run over the ends of joined axes; `None` beyond an open end.
    pub fn site_at(&self, base: [i64; 2]) -> Option<usize> {
        let axes = self.space.shape.axes();
        let mut at = base;
        if axes[0] == Axis::Flipped && at[0].div_euclid(self.counts[0] as i64) % 2 != 0 {
            at[1] = self.mirrored(at[1]);
        }
        if self.arrangement == Arrangement::Hexagonal {
            // One turn around the second axis advances the first index by half as many sites.
            at[0] += at[1].div_euclid(self.counts[1] as i64) * (self.counts[1] as i64 / 2);
        }
        let mut index = [0; 2];
        for d in 0..2 {
            let count = self.counts[d] as i64;
            index[d] = match axes[d] {
                Axis::Open => usize::try_from(at[d]).ok().filter(|&i| i < self.counts[d])?,
                Axis::Joined | Axis::Flipped => at[d].rem_euclid(count) as usize,
            };
        }
        Some(index[0] * self.counts[1] + index[1])
    }

    /// The second index seen from the other side of a flip.
    fn mirrored(&self, y: i64) -> i64 {
        match self.space.shape.axes()[1] {
            Axis::Open => self.counts[1] as i64 - 1 - y,
            Axis::Joined | Axis::Flipped => -y,
        }
    }

    /// Length of a step along each axis (neuron units).
    pub fn spacing(&self) -> Vector {
        std::array::from_fn(|d| self.space.sides[d] / self.counts[d] as f64)
    }

    /// The position of a place given in spacings: `base` sites and a `fraction` of one along each axis.
    pub fn position(&self, base: [i64; 2], fraction: Vector) -> Vector {
        let Space { shape, sides } = self.space;
        if shape == Shape::Sphere {
            return fibonacci(&self.space, base[0] as f64 + fraction[0], self.counts[0]);
        }
        let (axes, spacing) = (shape.axes(), self.spacing());
        let mut position = [0.0; 2];
        for d in 0..shape.dimension() {
            let ahead = if axes[d] == Axis::Open { 0.5 } else { 0.0 };
            position[d] = (base[d] as f64 + ahead + fraction[d]) * spacing[d];
        }
        if self.arrangement == Arrangement::Hexagonal {
            position[0] =
                (position[0] + 0.5 * (base[1] as f64 + fraction[1]) * spacing[0]).rem_euclid(sides[0]);
        }
        position
    }

    /// The inverse of [`Lattice::position`] on flat shapes: sites and fraction of a spacing.
    pub fn place_of(&self, position: Vector) -> ([i64; 2], Vector) {
        let (axes, spacing) = (self.space.shape.axes(), self.spacing());
        let mut steps: Vector =
            std::array::from_fn(|d| position[d] / spacing[d] - if axes[d] == Axis::Open { 0.5 } else { 0.0 });
        if self.space.dimension() == 1 {
            steps[1] = 0.0;
        }
        if self.arrangement == Arrangement::Hexagonal {
            steps[0] -= 0.5 * steps[1];
        }
        (steps.map(|x| x.floor() as i64), steps.map(|x| x - x.floor()))
    }

    /// A displacement in spacings along the lattice's axes, on flat shapes.
    pub fn in_steps(&self, displacement: Vector) -> Vector {
        let spacing = self.spacing();
        let mut steps: Vector = std::array::from_fn(|d| displacement[d] / spacing[d]);
        if self.arrangement == Arrangement::Hexagonal {
            steps[0] -= 0.5 * steps[1];
        }
        steps
    }

    /// The site that lies at a position, to within `tolerance` (neuron units).
    pub fn site_near(&self, position: Vector, tolerance: f64) -> Option<usize> {
        let near = |site: usize| {
            let there = self.position(self.base_of(site), [0.0; 2]);
            (self.space.distance(position, there) <= tolerance).then_some(site)
        };
        if self.space.shape == Shape::Sphere {
            return (0..self.sites()).find_map(near);
        }
        let (base, fraction) = self.place_of(position);
        near(self.site_at(std::array::from_fn(|d| base[d] + fraction[d].round() as i64))?)
    }
}

/// Place `k` (it may lie between two) of a spiral of `count` places over the sphere, from the south pole to the north.
pub(crate) fn fibonacci(sphere: &Space, k: f64, count: usize) -> Vector {
    let golden_angle = PI * (3.0 - 5.0_f64.sqrt());
    let height = (-1.0 + 2.0 * (k + 0.5) / count as f64).clamp(-1.0, 1.0);
    let (sin, cos) = (golden_angle * k).sin_cos();
    let girth = (1.0 - height * height).sqrt();
    sphere.position_of([girth * cos, girth * sin, height])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattices() -> Vec<Lattice> {
        Shape::ALL
            .into_iter()
            .map(|shape| match shape {
                Shape::Ring | Shape::Segment => Lattice::of_sites(shape, [30, 1], Arrangement::Square),
                Shape::Sphere => Lattice::of_sites(shape, [50, 1], Arrangement::Square),
                _ => Lattice::of_sites(shape, [10, 6], Arrangement::Square),
            })
            .chain([Lattice::of_sites(Shape::Torus, [10, 8], Arrangement::Hexagonal)])
            .collect()
    }

    #[test]
    fn sites_lie_on_the_shape_and_are_found_again() {
        for lattice in lattices() {
            for site in 0..lattice.sites() {
                let position = lattice.position(lattice.base_of(site), [0.0; 2]);
                assert!(lattice.space.contains(position), "{lattice:?} {site} {position:?}");
                assert_eq!(lattice.site_near(position, 1e-9), Some(site), "{lattice:?} {position:?}");
            }
        }
    }

    #[test]
    fn every_site_has_one_unit_of_the_shape() {
        for lattice in lattices() {
            let size = lattice.space.size();
            assert!((size - lattice.sites() as f64).abs() < 1e-9, "{lattice:?}: {size}");
        }
    }

    #[test]
    fn hexagonal_sites_have_six_neighbours_at_one_distance() {
        let lattice = Lattice::of_sites(Shape::Torus, [10, 8], Arrangement::Hexagonal);
        let at = |site| lattice.position(lattice.base_of(site), [0.0; 2]);
        for site in [0, 17, 79] {
            let mut distances: Vec<f64> =
                (0..80).filter(|&s| s != site).map(|s| lattice.space.distance(at(site), at(s))).collect();
            distances.sort_unstable_by(f64::total_cmp);
            assert!(distances[5] - distances[0] < 1e-9 && distances[6] > 1.5 * distances[0], "{distances:?}");
        }
    }

    #[test]
    fn walking_over_an_edge_of_a_twisted_lattice_follows_the_shape() {
        for shape in [Shape::Moebius, Shape::Klein] {
            let lattice = Lattice::of_sites(shape, [10, 6], Arrangement::Square);
            let from = lattice.position([9, 1], [0.0; 2]);
            let there = lattice.site_at([11, 1]).unwrap();
            let walked = lattice.space.walk(from, [2.0, 0.0]);
            assert_eq!(lattice.site_near(walked, 1e-9), Some(there), "{shape:?}");
        }
    }
}
