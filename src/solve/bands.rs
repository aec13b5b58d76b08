//! The two products of the matrix-free weight solve, `X = Σ_t α_t r_t r_tᵀ` and `v_s = ½[r_sᵀ X r_s − Σ_i X_ii r_si²]`.
//!
//! In the order of a map's positions the states of that map form a band: state k is active within a reach of its point.
//! So each product is made of small dense matrix products, over tiles of positions, whose results are added to (or
//! taken from) the rows of X through the map's permutation. Several maps are processed with each row of X, or X would
//! travel between memory and processor once per map. Rates beyond the reach are few; with r = n + f, near and far, `r
//! rᵀ = n nᵀ + f (r − f/2)ᵀ + (r − f/2) fᵀ`, and the far ones are added one by one.
//!
//! Both products use half of X only, each pair once: 2·a²·S flops each, twice that including what tiles waste. Memory:
//! X, and 256 MB of tiles at most, whatever S. Every number is summed in an order that does not depend on the threads.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::far::FarRates;
use super::manifolds::Manifolds;
use crate::connectivity::matrix::WeightMatrix;

/// Half the width of the band, in mean numbers of active neurons: a bump's own half width is 0.5, and constrained
/// minima are wider. Measured at L/N = 1/60, all but 3 % of the active neurons lie within.
const REACH: f64 = 0.65;

/// Positions in a tile, at most: wide enough for matrix products at speed, narrow against a bump of hundreds.
const TILE: usize = 64;

/// Columns of one matrix product within a tile.
const COLUMNS: usize = 128;

/// Room for the tiles of the maps that go through X together (bytes).
const TILES_BYTES: usize = 256 << 20;

/// Farthest displacement within the band, and positions in a tile, at `active` active neurons a state.
fn layout(neurons: usize, active: f64) -> (usize, usize) {
    (((REACH * active).ceil() as usize).clamp(1, neurons / 8), TILE.min(neurons / 4))
}

/// Maps whose tiles of `bytes` each go through X together.
fn batch(bytes: usize, maps: usize) -> usize {
    (TILES_BYTES / bytes).clamp(1, maps)
}

/// Memory of the tiles, and of the permutations (bytes).
pub(super) fn memory(neurons: usize, maps: usize, active: f64) -> usize {
    let (reach, tile) = layout(neurons, active);
    let columns = tile + 2 * reach;
    let bytes = 8 * neurons.next_multiple_of(tile) * columns;
    batch(bytes, maps) * bytes + 4 * maps * (neurons + columns)
}

/// The states of all maps, ready for the two products.
pub struct Bands<'a> {
    manifolds: Manifolds<'a>,
    /// The farthest displacement within the band, w (neuron units).
    reach: usize,
    /// Positions in a tile, T.
    tile: usize,
    tiles: Vec<Tile>,
    /// Neuron at every position of every map, going on for `columns()` positions past the ring.
    neuron_at: Vec<u32>,
    far: FarRates,
}

/// Some consecutive positions of every map.
struct Tile {
    start: usize,
    length: usize,
    /// Points with part of their band in the tile, by ascending start of the band.
    members: Vec<Member>,
}

/// A point's index within its map, and where its band starts relative to the tile.
#[derive(Clone, Copy)]
struct Member {
    point: usize,
    offset: isize,
}

impl<'a> Bands<'a> {
    /// Sorts the states' rates into near and far ones.
    ///
    /// # Panics
    /// If the states are too many or too few for the points.
    pub fn new(manifolds: Manifolds<'a>) -> Self {
        let Manifolds { states, maps, points, at_each } = manifolds;
        assert_eq!(states.len(), at_each * points.len(), "every point has its states");
        let n = maps.neurons();
        let (reach, tile) = layout(n, states.mean_active());
        let bases: Vec<usize> = (0..manifolds.per_map()).map(|k| manifolds.base(k)).collect();
        let tiles = (0..n)
            .step_by(tile)
            .map(|start| Tile::new(start, tile.min(n - start), reach, n, &bases))
            .collect();
        let columns = tile + 2 * reach;
        let neuron_at = (0..maps.count())
            .flat_map(|map| maps.neurons_by_site(map).iter().copied().cycle().take(n + columns))
            .collect();
        let far = FarRates::new(manifolds, reach);
        Self { manifolds, reach, tile, tiles, neuron_at, far }
    }

    /// Number of states, S.
    pub fn len(&self) -> usize {
        self.manifolds.states.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fraction of all rates that lie beyond the reach.
    pub fn far_fraction(&self) -> f64 {
        self.far.len() as f64 / self.manifolds.states.parts().1.len().max(1) as f64
    }

    /// Columns of a tile's panel: its own positions and those that a band may reach from there.
    fn columns(&self) -> usize {
        self.tile + 2 * self.reach
    }

    /// Maps that go through X together.
    fn batch(&self) -> usize {
        batch(8 * self.tiles.len() * self.tile * self.columns(), self.manifolds.maps.count())
    }

    /// Batches of consecutive maps.
    fn batches(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (maps, batch) = (self.manifolds.maps.count(), self.batch());
        (0..maps).step_by(batch).map(move |first| first..maps.min(first + batch))
    }

    /// Near rates of a map's states, `[states, 2·reach + 1]` by displacement from `base − reach`.
    fn near(&self, map: usize) -> Near {
        let Manifolds { states, maps, .. } = self.manifolds;
        let (n, per_map, width) = (maps.neurons(), self.manifolds.per_map(), 2 * self.reach + 1);
        let positions = maps.sites(map);
        let mut rates = vec![0.0; per_map * width];
        for (k, row) in rates.chunks_exact_mut(width).enumerate() {
            let start = self.manifolds.base(k) + n - self.reach;
            for (i, r) in states.get(map * per_map + k).iter() {
                let x = (positions[i] as usize + 2 * n - start) % n;
                if x < width {
                    row[x] = r;
                }
            }
        }
        Near { width, rates }
    }

    /// X = Σ_t α_t r_t r_tᵀ with zero diagonal, to `out` `[neurons, neurons]`, symmetric.
    pub fn forward(&self, alpha: &[f64], out: &mut WeightMatrix) {
        let (stride, columns, per_map) = (out.stride(), self.columns(), self.manifolds.per_map());
        out.as_mut_slice().par_chunks_mut(stride).enumerate().for_each(|(i, row)| {
            row.fill(0.0);
            self.far.add_row(self.manifolds.states, alpha, i, row);
        });
        let tile_size = self.tile * columns;
        let mut buffer = vec![0.0; self.batch() * self.tiles.len() * tile_size];
        for batch in self.batches() {
            let near: Vec<Near> = batch.clone().into_par_iter().map(|map| self.near(map)).collect();
            let used = &mut buffer[..batch.len() * self.tiles.len() * tile_size];
            used.par_chunks_mut(tile_size).enumerate().for_each_init(
                Panels::default,
                |panels, (task, out)| {
                    let (m, t) = (task / self.tiles.len(), task % self.tiles.len());
                    let alpha = &alpha[(batch.start + m) * per_map..][..per_map];
                    panels.fill(&self.tiles[t], &near[m], columns, self.tile);
                    panels.sum_of_squares(&self.tiles[t], self, alpha, out);
                },
            );
            let tiles = &*used;
            out.as_mut_slice().par_chunks_mut(stride).enumerate().for_each(|(i, row)| {
                for (m, map) in batch.clone().enumerate() {
                    let (tile, own, neurons) = self.row_of(map, i);
                    let from =
                        &tiles[((m * self.tiles.len() + tile) * self.tile + own) * columns..][..columns];
                    for (&j, x) in neurons.iter().zip(&from[own + 1..]) {
                        row[j as usize] += x;
                    }
                }
            });
        }
        add_transpose(out);
    }

    /// `v_s = ½ r_sᵀ X r_s` for every state, with a symmetric X of zero diagonal.
    pub fn response(&self, weights: &WeightMatrix) -> Vec<f64> {
        let (columns, per_map) = (self.columns(), self.manifolds.per_map());
        let mut response = vec![0.0; self.len()];
        self.far.add_response(self.manifolds.states, weights, &mut response);
        let batch_size = self.batch();
        let mut buffer = vec![0.0; weights.neurons() * batch_size * columns];
        for batch in self.batches() {
            buffer.par_chunks_mut(batch_size * columns).enumerate().for_each(|(i, rows)| {
                let weights = weights.row(i);
                for (row, map) in rows.chunks_exact_mut(columns).zip(batch.clone()) {
                    let (_, own, neurons) = self.row_of(map, i);
                    row.fill(0.0);
                    for (x, &j) in row[own + 1..].iter_mut().zip(neurons) {
                        *x = weights[j as usize];
                    }
                }
            });
            let near: Vec<Near> = batch.clone().into_par_iter().map(|map| self.near(map)).collect();
            let tasks = batch.len() * self.tiles.len();
            let parts: Vec<Vec<f64>> = (0..tasks)
                .into_par_iter()
                .map_init(Panels::default, |panels, task| {
                    let (m, t) = (task / self.tiles.len(), task % self.tiles.len());
                    let tile = &self.tiles[t];
                    panels.fill(tile, &near[m], columns, self.tile);
                    let neurons = self.neurons_from(batch.start + m, tile.start, tile.length);
                    let rows = neurons
                        .iter()
                        .map(|&i| &buffer[(i as usize * batch_size + m) * columns..][..columns]);
                    panels.quadratic_forms(tile, self, rows)
                })
                .collect();
            for (task, part) in parts.into_iter().enumerate() {
                let (m, t) = (task / self.tiles.len(), task % self.tiles.len());
                let first = (batch.start + m) * per_map;
                for (member, value) in self.tiles[t].members.iter().zip(part) {
                    response[first + member.point] += value;
                }
            }
        }
        response
    }

    /// Where neuron `i` lies in a map: tile, row of the tile, and the neurons that a band may reach after it.
    fn row_of(&self, map: usize, i: usize) -> (usize, usize, &[u32]) {
        let position = self.manifolds.maps.sites(map)[i] as usize;
        let neurons = self.neurons_from(map, position + 1, 2 * self.reach);
        (position / self.tile, position % self.tile, neurons)
    }

    /// Neurons at `count` consecutive positions.
    fn neurons_from(&self, map: usize, position: usize, count: usize) -> &[u32] {
        let length = self.manifolds.maps.neurons() + self.columns();
        &self.neuron_at[map * length + position..][..count]
    }
}

/// Rates of a map's states within the band.
struct Near {
    width: usize,
    rates: Vec<f64>,
}

impl Tile {
    fn new(start: usize, length: usize, reach: usize, neurons: usize, bases: &[usize]) -> Self {
        let mut members: Vec<Member> = bases
            .iter()
            .enumerate()
            .filter_map(|(point, base)| {
                let ahead = (base + 2 * neurons - reach - start) % neurons;
                // The band may start in the tile, or before it and reach into it.
                let offset = if ahead < length { ahead as isize } else { ahead as isize - neurons as isize };
                (offset + 2 * reach as isize >= 0).then_some(Member { point, offset })
            })
            .collect();
        members.sort_unstable_by_key(|m| (m.offset, m.point));
        Self { start, length, members }
    }

    /// Members from the first one on whose band reaches column `column`.
    fn reaching(&self, column: usize, reach: usize) -> usize {
        self.members.partition_point(|m| m.offset + (2 * reach as isize) < column as isize)
    }
}

/// Dense rates of a tile's members, used again for the next tile.
#[derive(Default)]
struct Panels {
    /// `[members, columns]`
    rates: Vec<f64>,
    /// `[members, tile]`: the first columns, scaled.
    scaled: Vec<f64>,
    /// `[tile, columns]`
    weights: Vec<f64>,
}

impl Panels {
    fn fill(&mut self, tile: &Tile, near: &Near, columns: usize, own: usize) {
        self.rates.clear();
        self.rates.resize(tile.members.len() * columns, 0.0);
        for (row, member) in self.rates.chunks_exact_mut(columns).zip(&tile.members) {
            let band = &near.rates[member.point * near.width..][..near.width];
            match usize::try_from(member.offset) {
                Ok(ahead) => row[ahead..ahead + near.width].copy_from_slice(band),
                Err(_) => {
                    let hidden = member.offset.unsigned_abs();
                    row[..near.width - hidden].copy_from_slice(&band[hidden..]);
                }
            }
        }
        self.scaled.clear();
        self.scaled.extend(self.rates.chunks_exact(columns).flat_map(|row| &row[..own]));
    }

    /// `Σ_m α_m r_m r_mᵀ` for the rows of a tile, to `out` `[tile, columns]`.
    fn sum_of_squares(&mut self, tile: &Tile, bands: &Bands<'_>, alpha: &[f64], out: &mut [f64]) {
        let (members, columns, own) = (tile.members.len(), bands.columns(), bands.tile);
        for (row, member) in self.scaled.chunks_exact_mut(own).zip(&tile.members) {
            row.iter_mut().for_each(|r| *r *= alpha[member.point]);
        }
        let left = MatRef::from_row_major_slice(&self.scaled, members, own);
        let right = MatRef::from_row_major_slice(&self.rates, members, columns);
        let mut out = MatMut::from_row_major_slice_mut(out, own, columns);
        for column in (0..columns).step_by(COLUMNS) {
            let width = COLUMNS.min(columns - column);
            let first = tile.reaching(column, bands.reach);
            let left = left.subrows(first, members - first).transpose();
            let right = right.submatrix(first, column, members - first, width);
            matmul(out.as_mut().subcols_mut(column, width), Accum::Replace, left, right, 1.0, Par::Seq);
        }
    }

    /// `Σ_p r_p Σ_q X_pq r_q` of every member, over the rows p of a tile, given as `[columns]` each.
    fn quadratic_forms<'r>(
        &mut self,
        tile: &Tile,
        bands: &Bands<'_>,
        rows: impl Iterator<Item = &'r [f64]>,
    ) -> Vec<f64> {
        let (members, columns, own) = (tile.members.len(), bands.columns(), bands.tile);
        self.weights.clear();
        rows.for_each(|row| self.weights.extend_from_slice(row));
        let weights = MatRef::from_row_major_slice(&self.weights, tile.length, columns);
        let rates = MatRef::from_row_major_slice(&self.rates, members, columns);
        let mut products = vec![0.0; members * tile.length];
        let mut out = MatMut::from_row_major_slice_mut(&mut products, members, tile.length);
        for column in (0..columns).step_by(COLUMNS) {
            let width = COLUMNS.min(columns - column);
            let first = tile.reaching(column, bands.reach);
            let left = rates.submatrix(first, column, members - first, width);
            let right = weights.subcols(column, width).transpose();
            matmul(out.as_mut().subrows_mut(first, members - first), Accum::Add, left, right, 1.0, Par::Seq);
        }
        products
            .chunks_exact(tile.length)
            .zip(self.scaled.chunks_exact(own))
            .map(|(product, rates)| product.iter().zip(rates).map(|(x, r)| x * r).sum())
            .collect()
    }
}

/// Replaces a matrix by its sum with its transpose, without the diagonal.
fn add_transpose(matrix: &mut WeightMatrix) {
    const BLOCK: usize = 32;
    let (n, stride) = (matrix.neurons(), matrix.stride());
    let values = matrix.as_mut_slice();
    for top in (0..n).step_by(BLOCK) {
        for left in (0..=top).step_by(BLOCK) {
            for i in top..n.min(top + BLOCK) {
                for j in left..i.min(left + BLOCK) {
                    let sum = values[i * stride + j] + values[j * stride + i];
                    values[i * stride + j] = sum;
                    values[j * stride + i] = sum;
                }
            }
        }
        for i in top..n.min(top + BLOCK) {
            values[i * stride + i] = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_band_lies_in_one_tile() {
        for (neurons, length, reach) in [(120, 30, 13), (97, 24, 7), (200, 64, 25)] {
            let bases: Vec<usize> = (0..neurons).step_by(3).collect();
            let starts = (0..neurons).step_by(length);
            let tiles: Vec<Tile> = starts
                .map(|start| Tile::new(start, length.min(neurons - start), reach, neurons, &bases))
                .collect();
            for (point, &base) in bases.iter().enumerate() {
                let mut times = vec![0; neurons];
                for tile in &tiles {
                    for member in tile.members.iter().filter(|m| m.point == point) {
                        // The columns of the band that are the tile's own rows.
                        for x in 0..=2 * reach as isize {
                            let row = member.offset + x;
                            if (0..tile.length as isize).contains(&row) {
                                times[tile.start + row as usize] += 1;
                            }
                        }
                    }
                }
                for (place, &found) in times.iter().enumerate() {
                    let away = (place + neurons - base) % neurons;
                    let expected = usize::from(away.min(neurons - away) <= reach);
                    assert_eq!(found, expected, "{neurons}: band at {base}, position {place}");
                }
            }
        }
    }

    #[test]
    fn members_that_do_not_reach_a_column_are_passed_over() {
        let bases: Vec<usize> = (0..120).collect();
        let tile = Tile::new(30, 30, 13, 120, &bases);
        for column in [0, 1, 20, 55] {
            let first = tile.reaching(column, 13);
            let reaches = |m: &Member| m.offset + 26 >= column as isize;
            assert!(tile.members[..first].iter().all(|m| !reaches(m)), "column {column}");
            assert!(tile.members[first..].iter().all(reaches), "column {column}");
        }
    }

    #[test]
    fn a_sum_with_the_transpose_is_symmetric_without_a_diagonal() {
        let n = 70;
        let entries: Vec<f64> = (0..n * n).map(|k| ((k * 37) % 101) as f64).collect();
        let mut matrix = WeightMatrix::from_dense(n, &entries);
        add_transpose(&mut matrix);
        for i in 0..n {
            for j in 0..n {
                let expected = if i == j { 0.0 } else { entries[i * n + j] + entries[j * n + i] };
                assert_eq!(matrix.row(i)[j], expected, "{i}, {j}");
            }
        }
    }

    #[test]
    fn tiles_stay_within_their_memory() {
        assert_eq!(batch(TILES_BYTES / 4, 100), 4);
        assert_eq!(batch(TILES_BYTES / 4, 3), 3, "no more than there are maps");
        assert_eq!(batch(2 * TILES_BYTES, 100), 1, "one at least");
        assert!(memory(6000, 100, 600.0) <= TILES_BYTES + 8 * 6000 * 1000 + 4 * 100 * 7000);
        let (reach, tile) = layout(100, 1000.0);
        assert!(reach <= 12 && tile <= 25, "bands do not meet around a small ring");
    }
}
