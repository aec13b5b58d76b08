//! Where bumps rest: the fixed points of the slow manifold, their kinds, and how the manifold is divided among them.

use serde::{Deserialize, Serialize};

use crate::manifold::{Axis, Lattice, Space, Vector};

/// Kind of a fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Bumps nearby move towards it.
    Stable,
    /// Along some directions they come, along others they leave; on a line they leave.
    Saddle,
    /// On a surface: they leave along every direction.
    Unstable,
}

impl Kind {
    /// From the gradient of the force or of the velocity on a surface: the signs of its eigenvalues.
    pub fn of([[xx, xy], [yx, yy]]: [Vector; 2]) -> Self {
        match (xx * yy - xy * yx < 0.0, xx + yy < 0.0) {
            (true, _) => Self::Saddle,
            (false, true) => Self::Stable,
            (false, false) => Self::Unstable,
        }
    }
}

/// A fixed point, found between points at which the velocity is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedPoint {
    /// Where (neuron units).
    pub position: Vector,
    /// What kind.
    pub kind: Kind,
    /// Index of a point beside it.
    pub near: usize,
    /// Whether the force was followed to 0, or else this is only where it changes its sign between two points.
    pub settled: bool,
}

/// Fixed points on a line: between neighbours whose velocities have different signs, by linear interpolation, and at points
/// whose velocity is 0. `positions` ascend; `velocities` are NaN where there is no bump.
pub fn on_line(space: &Space, positions: &[f64], velocities: &[f64]) -> Vec<FixedPoint> {
    let count = positions.len();
    let closed = space.shape.axes()[0] != Axis::Open;
    let pairs = if closed { count } else { count.saturating_sub(1) };
    (0..pairs)
        .filter_map(|k| {
            let next = (k + 1) % count;
            let (a, b) = (velocities[k], velocities[next]);
            let kind = match (a > 0.0, b > 0.0) {
                _ if a.is_nan() || b.is_nan() => return None,
                (true, false) => Kind::Stable,
                (false, true) => Kind::Saddle,
                _ => return None,
            };
            let way = space.displacement([positions[k], 0.0], [positions[next], 0.0])[0];
            // Around a whole ring, the way from its last point to its first is the short one.
            let part = a / (a - b);
            let position = space.walk([positions[k], 0.0], [part * way, 0.0]);
            Some(FixedPoint { position, kind, near: if part < 0.5 { k } else { next }, settled: false })
        })
        .collect()
}

/// Lengths of the basins of the stable points on a line, in their order: from one saddle to the next, to the ends on an open
/// line.
pub fn basins(space: &Space, points: &[FixedPoint], from: f64, to: f64) -> Vec<f64> {
    let closed = space.shape.axes()[0] != Axis::Open;
    let of = |kind: Kind| points.iter().filter(move |p| p.kind == kind).map(|p| p.position[0]);
    let saddles: Vec<f64> = of(Kind::Saddle).collect();
    of(Kind::Stable)
        .map(|stable| {
            let ahead = |saddle: &f64| {
                let way = saddle - stable;
                if closed { way.rem_euclid(space.sides[0]) } else { way }
            };
            let behind = |saddle: &f64| {
                let way = stable - saddle;
                if closed { way.rem_euclid(space.sides[0]) } else { way }
            };
            let nearest = |ways: &mut dyn Iterator<Item = f64>, end: f64| {
                let near = ways.filter(|way| *way >= 0.0).fold(f64::INFINITY, f64::min);
                if near.is_finite() {
                    near
                } else if closed {
                    space.sides[0] / 2.0
                } else {
                    end
                }
            };
            nearest(&mut saddles.iter().map(ahead), to - stable)
                + nearest(&mut saddles.iter().map(behind), stable - from)
        })
        .collect()
}

/// `−Σ p log₂ p` over the basins, p their share of the whole: how many bits a memory keeps of where it was put, once it has
/// come to rest.
pub fn entropy_bits(basins: &[f64]) -> f64 {
    let total: f64 = basins.iter().sum();
    basins.iter().filter(|b| **b > 0.0).map(|b| -(b / total) * (b / total).log2()).sum()
}

/// Fixed points of a field on a grid of `[rows, columns]` points of a surface (point `row·columns + column`), which is taken
/// as linear on each half of a cell. Cells over an edge that is joined after a flip are left out.
pub fn on_surface(
    lattice: &Lattice,
    counts: [usize; 2],
    positions: &[Vector],
    velocities: &[Vector],
) -> Vec<FixedPoint> {
    let axes = lattice.space.shape.axes();
    let [rows, columns] = counts;
    let last = |d: usize, count: usize| if axes[d] == Axis::Joined { count } else { count - 1 };
    let mut found = Vec::new();
    for row in 0..last(0, rows) {
        for column in 0..last(1, columns) {
            let at = |r: usize, c: usize| (row + r) % rows * columns + (column + c) % columns;
            for corners in [[at(0, 0), at(1, 0), at(1, 1)], [at(0, 0), at(1, 1), at(0, 1)]] {
                found.extend(in_triangle(&lattice.space, corners, positions, velocities));
            }
        }
    }
    found
}

/// The zero of the linear field on a triangle, if it has one inside.
fn in_triangle(
    space: &Space,
    corners: [usize; 3],
    positions: &[Vector],
    velocities: &[Vector],
) -> Option<FixedPoint> {
    let origin = positions[corners[0]];
    let sides = [1, 2].map(|k| space.displacement(origin, positions[corners[k]]));
    let v = corners.map(|k| velocities[k]);
    let changes = [1, 2].map(|k| [v[k][0] - v[0][0], v[k][1] - v[0][1]]);
    let cross = |a: Vector, b: Vector| a[0] * b[1] - a[1] * b[0];
    let determinant = cross(changes[0], changes[1]);
    // v0 + s·change0 + t·change1 = 0.
    let s = cross(changes[1], v[0]) / determinant;
    let t = cross(v[0], changes[0]) / determinant;
    // Zeros on the common side of two triangles belong to the one that has t > 0 there.
    if !(s >= 0.0 && t > 0.0 && s + t <= 1.0) {
        return None;
    }
    let way = [s * sides[0][0] + t * sides[1][0], s * sides[0][1] + t * sides[1][1]];
    // The gradient J of the field: J·side_k = change_k.
    let area = cross(sides[0], sides[1]);
    let inverse = [[sides[1][1], -sides[1][0]], [-sides[0][1], sides[0][0]]];
    let gradient: [[f64; 2]; 2] = std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            (changes[0][row] * inverse[0][column] + changes[1][row] * inverse[1][column]) / area
        })
    });
    let weights = [1.0 - s - t, s, t];
    let near = (0..3).max_by(|&a, &b| weights[a].total_cmp(&weights[b]))?;
    Some(FixedPoint {
        position: space.walk(origin, way),
        kind: Kind::of(gradient),
        near: corners[near],
        settled: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifold::{Arrangement, Shape};

    fn ring(sites: usize) -> Space {
        Lattice::of_sites(Shape::Ring, [sites, 1], Arrangement::Square).space
    }

    #[test]
    fn a_wave_has_its_zeros_and_basins() {
        let space = ring(60);
        let positions: Vec<f64> = (0..60).map(f64::from).collect();
        // Three periods, zeros every 10 units from 2.5 on; descending ones are stable.
        let field = |x: &f64| (std::f64::consts::TAU * (x - 2.5) / 20.0).sin();
        let found = on_line(&space, &positions, &positions.iter().map(field).collect::<Vec<_>>());
        assert_eq!(found.len(), 6);
        for (k, point) in found.iter().enumerate() {
            assert!((point.position[0] - (2.5 + 10.0 * k as f64)).abs() < 0.01, "{point:?}");
            assert_eq!(point.kind, if k % 2 == 1 { Kind::Stable } else { Kind::Saddle });
        }
        let basins = basins(&space, &found, 0.0, 60.0);
        assert!(basins.iter().all(|b| (b - 20.0).abs() < 0.02), "{basins:?}");
        assert!((entropy_bits(&basins) - 3.0_f64.log2()).abs() < 1e-6);
    }

    #[test]
    fn unequal_basins_hold_fewer_bits() {
        assert_eq!(entropy_bits(&[4.0, 4.0]), 1.0);
        assert!((entropy_bits(&[6.0, 2.0]) - 0.811_278).abs() < 1e-6);
        assert_eq!(entropy_bits(&[5.0]), 0.0);
    }

    #[test]
    fn places_without_a_bump_have_no_zeros() {
        let space = ring(4);
        let velocities = [1.0, f64::NAN, -1.0, -0.5];
        let found = on_line(&space, &[0.0, 1.0, 2.0, 3.0], &velocities);
        assert_eq!(found.iter().map(|p| p.kind).collect::<Vec<_>>(), [Kind::Saddle]);
    }

    #[test]
    fn a_field_on_a_torus_has_as_many_saddles_as_other_zeros() {
        let lattice = Lattice::of_sites(Shape::Torus, [24, 24], Arrangement::Square);
        let positions: Vec<Vector> = (0..576).map(|k| [f64::from(k / 24) + 0.0, f64::from(k % 24)]).collect();
        let wave = |x: f64| (std::f64::consts::TAU * (x - 0.3) / 24.0).sin();
        let velocities: Vec<Vector> = positions.iter().map(|[x, y]| [wave(*x), 2.0 * wave(*y)]).collect();
        let found = on_surface(&lattice, [24, 24], &positions, &velocities);
        let count = |kind: Kind| found.iter().filter(|p| p.kind == kind).count();
        assert_eq!([Kind::Stable, Kind::Saddle, Kind::Unstable].map(count), [1, 2, 1]);
        let stable = found.iter().find(|p| p.kind == Kind::Stable).unwrap();
        assert!(lattice.space.distance(stable.position, [12.3, 12.3]) < 0.05, "{stable:?}");
    }
}
