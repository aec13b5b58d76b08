//! The preconditioner of the matrix-free weight solve: overlapping segments of every map, solved exactly.
//!
//! Within a map a bump overlaps with its neighbours strongly, and with nothing else; between maps overlaps are weak
//! and nearly random. So each map's points are divided into segments of [`CORE`] bump widths, each taken with
//! [`OVERLAP`] of its neighbours on both sides; the segment's own Gram matrix is factored, and the solutions are added
//! (additive Schwarz). That is symmetric and positive definite, and takes 4 f64 a state and row of a bump width: 243 a state where 59 rows of a map
//! lie within a bump's width, as with a state at every neuron.
//!
//! Measured on the paper's network (N = K = 600, L = 10, `kkt` minima; a NumPy prototype on the formed G), iterations until the predicted roughness is
//! 10⁻¹, 10⁻², 10⁻³, 10⁻⁶ of the present one (a dash: more than 1,500, or 400 for segments):
//!
//! | preconditioner | ridge 10⁻⁴ | ridge 10⁻⁷ |
//! |---|---|---|
//! | none | 29, 435, 1167, – | 29, 723, –, – |
//! | Jacobi | 28, 435, 1122, – | 28, 692, –, – |
//! | circulant, one for all maps (FFT) | 13, 36, 67, 191 | 15, 81, 234, 707 |
//! | circulant, one per map (FFT) | 12, 37, 66, 190 | 14, 78, 206, 733 |
//! | whole maps, factored | 3, 6, 9, 17 | 3, 6, 9, 18 |
//! | segments of 150, no overlap | 4, 8, 54, 192 | 4, 8, 50, 278 |
//! | segments of 75, no overlap | 4, 22, 80, 230 | 4, 24, 88, 362 |
//! | segments of 75 and 30 to each side | 4, 7, 10, 19 | 4, 7, 10, 20 |
//!
//! A circulant averages away what makes a map rough, which is what has to be solved for. Segments with overlap are as
//! good as whole maps, and their cost is linear in the number of states.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::triangular::{BlockStructure, matmul as triangular_matmul};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::manifolds::Manifolds;
use crate::landscape::states::State;
use crate::manifold::{Group, Lattice, Shape, grid};
use crate::progress::Tick;

/// Length of a segment, in bump widths (mean number of active neurons).
const CORE: f64 = 1.25;

/// How far a segment reaches into its neighbours, in bump widths.
const OVERLAP: f64 = 0.5;

/// Shortest segment (rows): shorter ones cost more in overlap than they save.
const SHORTEST: usize = 16;

/// On surfaces, along each axis: patches of points are squares, whose cost grows with the fourth power of their sides.
const SURFACE_CORE: f64 = 0.6;
const SURFACE_OVERLAP: f64 = 0.3;

/// Factored segments of all maps.
pub(super) struct Schwarz {
    per_map: usize,
    /// For every group of maps: rows that are neighbours on the shape.
    segments: Vec<Vec<Vec<usize>>>,
    /// Group of every map.
    group_of: Vec<usize>,
    /// `[maps][segments]`: lower triangular factors, column-major.
    factors: Vec<Vec<Vec<f64>>>,
}

/// Which of `count` rows along a line go into each segment.
fn segments(count: usize, rows_per_bump: f64, core: f64, overlap: f64, shortest: usize) -> Vec<Vec<usize>> {
    let core = ((core * rows_per_bump).ceil() as usize).max(shortest);
    let overlap = (overlap * rows_per_bump).ceil() as usize;
    if core + 2 * overlap >= count {
        return vec![(0..count).collect()];
    }
    let segments = count.div_ceil(core);
    (0..segments)
        .map(|i| {
            let (first, last) = (i * count / segments, (i + 1) * count / segments);
            (first + count - overlap..last + count + overlap).map(|k| k % count).collect()
        })
        .collect()
}

/// The segments of a line of rows.
fn line(per_map: usize, rows_per_bump: f64) -> Vec<Vec<usize>> {
    segments(per_map, rows_per_bump, CORE, OVERLAP, SHORTEST)
}

/// The patches of points in rows and columns, with `at_each` rows of the system at every point, where a bump is so many
/// points wide along each axis.
fn patches(grid: [usize; 2], at_each: usize, points_per_bump: [f64; 2]) -> Vec<Vec<usize>> {
    let along = |d: usize| segments(grid[d], points_per_bump[d], SURFACE_CORE, SURFACE_OVERLAP, 4);
    let (xs, ys) = (along(0), along(1));
    let patch = |xs: &Vec<usize>, ys: &Vec<usize>| {
        let points = xs.iter().flat_map(|x| ys.iter().map(move |y| x * grid[1] + y));
        points.flat_map(|k| (0..at_each).map(move |e| at_each * k + e)).collect()
    };
    xs.iter().flat_map(|x| ys.iter().map(move |y| patch(x, y))).collect()
}

/// Width, in points, of a round bump with this many active neurons, on a lattice with `grid` points in place of its sites.
fn points_per_bump(active: f64, lattice: &Lattice, grid: [usize; 2]) -> [f64; 2] {
    let diameter = (4.0 * active / std::f64::consts::PI).sqrt();
    std::array::from_fn(|d| diameter * grid[d] as f64 / lattice.counts[d] as f64)
}

/// The segments of one group of maps.
fn of_group(manifolds: Manifolds<'_>, group: &Group) -> Vec<Vec<usize>> {
    let (active, lattice) = (manifolds.states.mean_active(), &group.lattice);
    let per_map = manifolds.per_map();
    match grid(lattice, group.margin, manifolds.points.per_map()) {
        Some(grid) if lattice.space.dimension() > 1 && lattice.space.shape != Shape::Sphere => {
            patches(grid, manifolds.at_each, points_per_bump(active, lattice, grid))
        }
        _ => line(per_map, active * per_map as f64 / lattice.sites() as f64),
    }
}

/// Rows of every segment of a map; on surfaces as for square maps of all neurons.
pub(super) fn sizes(neurons: usize, per_map: usize, active: f64, surfaces: bool) -> Vec<usize> {
    let of_map = if surfaces {
        let side = per_map.isqrt().max(1);
        let width = (4.0 * active / std::f64::consts::PI).sqrt() * side as f64 / (neurons as f64).sqrt();
        patches([side, side], 1, [width, width])
    } else {
        line(per_map, active * per_map as f64 / neurons as f64)
    };
    of_map.iter().map(Vec::len).collect()
}

impl Schwarz {
    /// Factors all segments' Gram matrices with `lift` (Hz⁴) added to their diagonals. `None` if one is not positive
    /// definite, or `tick` stops it.
    pub(super) fn new(manifolds: Manifolds<'_>, lift: f64, tick: &Tick<'_>) -> Option<Self> {
        let (maps, per_map) = (manifolds.maps, manifolds.per_map());
        let segments: Vec<Vec<Vec<usize>>> =
            maps.groups().iter().map(|group| of_group(manifolds, group)).collect();
        let group_of: Vec<usize> = (0..maps.count()).map(|map| maps.group_index(map)).collect();
        let factors: Option<Vec<Vec<Vec<f64>>>> = group_of
            .par_iter()
            .enumerate()
            .map(|(map, &group)| {
                let mut slot = vec![0; maps.neurons()];
                segments[group]
                    .iter()
                    .map(|segment| {
                        if tick.stopped() {
                            return None;
                        }
                        let mut gram = segment_gram(
                            segment.iter().map(|k| manifolds.states.get(map * per_map + k)),
                            &mut slot,
                        );
                        gram.iter_mut().step_by(segment.len() + 1).for_each(|g| *g += lift);
                        factor(segment.len(), gram)
                    })
                    .collect()
            })
            .collect();
        Some(Self { per_map, segments, group_of, factors: factors? })
    }

    /// Multiply-adds of the segments' Gram matrices and their factorization, with an estimate of how many neurons a segment has,
    /// and of every application.
    #[cfg(feature = "gpu")]
    pub(super) fn multiply_adds(&self, manifolds: Manifolds<'_>) -> (u64, u64) {
        let neurons = manifolds.maps.neurons() as f64;
        let active = manifolds.states.mean_active();
        let rows_per_bump = (active * self.per_map as f64 / neurons).max(1.0);
        let of_segment = |factor: &Vec<f64>| {
            let rows = factor.len().isqrt() as f64;
            // A segment's neurons are those of a bump at each of its ends and what lies between.
            let span = (active * (1.0 + rows / rows_per_bump)).min(neurons);
            rows * rows * span + rows.powi(3) / 6.0
        };
        let prepared = self.factors.iter().flatten().map(of_segment).sum::<f64>() as u64;
        let applied = self.factors.iter().flatten().map(|factor| factor.len() as u64).sum();
        (prepared, applied)
    }

    /// The approximate solution for a right-hand side.
    pub(super) fn apply(&self, right: &[f64]) -> Vec<f64> {
        let mut solution = vec![0.0; right.len()];
        solution
            .par_chunks_mut(self.per_map)
            .zip(right.par_chunks(self.per_map))
            .zip(&self.factors)
            .zip(&self.group_of)
            .for_each(|(((solution, right), factors), &group)| {
                let mut local = Vec::new();
                for (segment, factor) in self.segments[group].iter().zip(factors) {
                    local.clear();
                    local.extend(segment.iter().map(|&k| right[k]));
                    let n = segment.len();
                    let need = llt::solve::solve_in_place_scratch::<f64>(n, 1, Par::Seq);
                    llt::solve::solve_in_place(
                        MatRef::from_column_major_slice(factor, n, n),
                        MatMut::from_column_major_slice_mut(&mut local, n, 1),
                        Par::Seq,
                        MemStack::new(&mut MemBuffer::new(need)),
                    );
                    for (&k, x) in segment.iter().zip(&local) {
                        solution[k] += x;
                    }
                }
            });
        solution
    }
}

/// Gram matrix of some states, column-major, lower triangle. `slot` is room for `[neurons]`.
fn segment_gram<'s>(states: impl Iterator<Item = State<'s>> + Clone, slot: &mut [u32]) -> Vec<f64> {
    // Only neurons that are active in the segment get a column.
    slot.fill(u32::MAX);
    let (mut span, mut count) = (0, 0);
    for state in states.clone() {
        count += 1;
        for &i in state.active {
            if slot[i as usize] == u32::MAX {
                slot[i as usize] = span;
                span += 1;
            }
        }
    }
    let span = span as usize;
    let mut rates = vec![0.0; count * span];
    for (state, row) in states.zip(rates.chunks_exact_mut(span.max(1))) {
        for (i, r) in state.iter() {
            row[slot[i] as usize] = r;
        }
    }
    let squares: Vec<f64> = rates.iter().map(|r| r * r).collect();
    let (mut dots, mut terms) = (vec![0.0; count * count], vec![0.0; count * count]);
    for (factor, target) in [(&rates, &mut dots), (&squares, &mut terms)] {
        let factor = MatRef::from_row_major_slice(factor, count, span);
        triangular_matmul(
            MatMut::from_column_major_slice_mut(target, count, count),
            BlockStructure::TriangularLower,
            Accum::Replace,
            factor,
            BlockStructure::Rectangular,
            factor.transpose(),
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
    }
    dots.iter().zip(&terms).map(|(dot, term)| 0.5 * (dot * dot - term)).collect()
}

/// Cholesky factor of a column-major matrix, in place.
fn factor(order: usize, mut matrix: Vec<f64>) -> Option<Vec<f64>> {
    let need = llt::factor::cholesky_in_place_scratch::<f64>(order, Par::Seq, Default::default());
    llt::factor::cholesky_in_place(
        MatMut::from_column_major_slice_mut(&mut matrix, order, order),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(need)),
        Default::default(),
    )
    .ok()?;
    Some(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::states::{StateBuf, States};
    use crate::manifold::{Maps, Points};
    use crate::solve::direct::gram_matrix;

    #[test]
    fn every_row_lies_in_a_segment_and_neighbours_overlap() {
        for (count, rows_per_bump) in [(600, 59.0), (300, 30.0), (97, 10.0)] {
            let segments = line(count, rows_per_bump);
            assert!(segments.len() > 1, "{count}");
            let mut times = vec![0; count];
            segments.iter().flatten().for_each(|&row| times[row] += 1);
            assert!(times.iter().all(|&t| t >= 1), "{count}: a row in no segment");
            let overlap = (OVERLAP * rows_per_bump).ceil() as usize;
            for (a, b) in segments.iter().zip(segments.iter().cycle().skip(1)) {
                let shared = a.iter().filter(|row| b.contains(row)).count();
                assert!(shared >= 2 * overlap, "{count}: {shared} rows shared");
                assert!(a.windows(2).all(|pair| pair[1] == (pair[0] + 1) % count), "rows are neighbours");
            }
        }
        // A map shorter than a segment with its overlaps is one segment.
        assert_eq!(line(20, 30.0), [(0..20).collect::<Vec<usize>>()]);
    }

    #[test]
    fn patches_cover_a_surface_with_all_rows_of_a_point() {
        let patches = patches([24, 18], 2, [6.0, 5.0]);
        assert!(patches.len() > 4);
        let mut times = vec![0; 2 * 24 * 18];
        patches.iter().flatten().for_each(|&row| times[row] += 1);
        assert!(times.iter().all(|&t| t >= 1));
        assert!(
            times.chunks(2).all(|rows| rows[0] == rows[1]),
            "both rows of a point lie in the same patches"
        );
    }

    /// Bumps at all sites of two rings, of a height that differs from place to place.
    fn bumps(maps: &Maps, width: f64) -> States {
        let n = maps.neurons();
        let bump = |map: usize, site: usize| {
            let rates: Vec<f64> = maps
                .sites(map)
                .iter()
                .map(|&p| {
                    let away = (i64::from(p) - site as i64).rem_euclid(n as i64);
                    let away = away.min(n as i64 - away) as f64;
                    (1.0 - away / width).max(0.0) * (3.0 + (site as f64).sin())
                })
                .collect();
            StateBuf::from_dense(&rates)
        };
        let all: Vec<StateBuf> =
            (0..maps.count()).flat_map(|map| (0..n).map(move |site| bump(map, site))).collect();
        States::pack(n, all.iter().map(StateBuf::view))
    }

    fn with_bumps<T>(neurons: usize, width: f64, work: impl FnOnce(Manifolds<'_>) -> T) -> T {
        let maps = Maps::random(neurons, 2, 3, 0);
        let (states, points) = (bumps(&maps, width), Points::fitted(&maps, neurons));
        work(Manifolds { states: &states, maps: &maps, points, at_each: 1 })
    }

    fn test_vector(count: usize, phase: f64) -> Vec<f64> {
        (0..count).map(|s| (0.7 * s as f64 + phase).sin()).collect()
    }

    #[test]
    fn one_segment_a_map_solves_each_map_exactly() {
        // Bumps half as wide as the ring: no map is divided.
        with_bumps(24, 7.0, |manifolds| {
            let lift = 5.0;
            let schwarz = Schwarz::new(manifolds, lift, &Tick::silent()).expect("positive definite");
            assert!(schwarz.segments.iter().all(|segments| segments.len() == 1));
            let gram = gram_matrix(manifolds.states, &Tick::silent());
            let right = test_vector(48, 0.0);
            let solution = schwarz.apply(&right);
            for s in 0..48 {
                let own = s / 24 * 24..(s / 24 + 1) * 24;
                let product: f64 = own.map(|t| gram[s.max(t) + s.min(t) * 48] * solution[t]).sum();
                // Rounding of the factorization, whose condition the lift bounds to a few thousand.
                assert!((product + lift * solution[s] - right[s]).abs() < 1e-10, "row {s}");
            }
        });
    }

    #[test]
    fn it_is_symmetric_and_positive_where_segments_overlap() {
        with_bumps(120, 6.0, |manifolds| {
            let schwarz = Schwarz::new(manifolds, 1e-3, &Tick::silent()).expect("positive definite");
            assert!(schwarz.segments[0].len() > 2, "maps are divided");
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
            let (x, y) = (test_vector(240, 0.0), test_vector(240, 1.3));
            let (a, b) = (dot(&x, &schwarz.apply(&y)), dot(&y, &schwarz.apply(&x)));
            assert!((a - b).abs() < 1e-9 * (a.abs() + b.abs()), "{a} {b}");
            assert!(dot(&x, &schwarz.apply(&x)) > 0.0 && dot(&y, &schwarz.apply(&y)) > 0.0);
        });
    }

    #[test]
    fn states_that_coincide_cannot_be_factored_without_a_lift() {
        let maps = Maps::random(24, 1, 3, 0);
        let once = bumps(&maps, 7.0);
        let twice = States::pack(24, once.iter().flat_map(|state| [state, state]));
        let points = Points::fitted(&maps, 24);
        let manifolds = Manifolds { states: &twice, maps: &maps, points, at_each: 2 };
        assert!(Schwarz::new(manifolds, 0.0, &Tick::silent()).is_none());
        assert!(Schwarz::new(manifolds, 1.0, &Tick::silent()).is_some());
        assert!(Schwarz::new(manifolds, 1.0, &Tick::silent().stopped_by(&|| true)).is_none());
    }
}
