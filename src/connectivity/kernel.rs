//! The connectivity kernel of one map, eq. S2, and relatives of it.

use std::sync::Arc;

use rayon::prelude::*;

use crate::connectivity::matrix::WeightMatrix;
use crate::manifold::{Arrangement, Lattice, Maps, Shape};

/// The connectivity kernel of one map: excitation `A·f(d/σ)` between members at distance d, and uniform inhibition b
/// between all neurons (eq. S2 with f(u) = exp(−u²/2)).
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// f.
    pub form: Form,
    /// A (Hz): excitation between neighbours.
    pub amplitude: f64,
    /// σ (neuron units): reach of the excitation.
    pub width: f64,
    /// b (Hz): uniform inhibition, negative.
    pub inhibition: f64,
}

/// How excitation falls with distance, f(u) with u = d/σ and f(0) = 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Form {
    /// `exp(−u²/2)`.
    #[default]
    Gaussian,
    /// `exp(−u)`.
    Exponential,
    /// `(exp(−u²/2) − s·exp(−u²/(2w²)))/(1 − s)`: a Mexican hat.
    Difference {
        /// s, the surround's weight beside the centre's, below 1.
        surround: f64,
        /// w, the surround's width beside the centre's, above 1.
        ratio: f64,
    },
    /// Given at equally spaced distances from 0, linearly interpolated, 0 beyond the last: (spacing in units of σ, values).
    Table(f64, Arc<[f64]>),
}

/// The network size that the paper's parameters were chosen for.
pub const PAPER_NEURONS: f64 = 600.0;

impl Form {
    /// f(u).
    fn at(&self, u: f64) -> f64 {
        match self {
            Self::Gaussian => (-0.5 * u * u).exp(),
            Self::Exponential => (-u).exp(),
            Self::Difference { surround, ratio } => {
                let wide = u / ratio;
                ((-0.5 * u * u).exp() - surround * (-0.5 * wide * wide).exp()) / (1.0 - surround)
            }
            Self::Table(spacing, values) => {
                let place = u / spacing;
                let (index, rest) = (place.floor(), place.fract());
                let value = |k: f64| values.get(k as usize).copied().unwrap_or(0.0);
                (1.0 - rest) * value(index) + rest * value(index + 1.0)
            }
        }
    }
}

impl Kernel {
    /// The paper's, for 600 neurons.
    pub const PAPER: Self = Self { form: Form::Gaussian, amplitude: 0.665, width: 15.0, inhibition: -0.2076 };

    /// The same bump, as a fraction of the ring, for another number of neurons: `σ·N/600`, `A·600/N`, `b·600/N`.
    pub fn scaled_to(&self, neurons: usize) -> Self {
        let ratio = neurons as f64 / PAPER_NEURONS;
        Self {
            form: self.form.clone(),
            amplitude: self.amplitude / ratio,
            width: self.width * ratio,
            inhibition: self.inhibition / ratio,
        }
    }

    /// The kernel of a bump of the same kind on a map of M members of any shape, given for a ring of 600. On a line see
    /// [`Kernel::scaled_to`]. On a surface σ is `3√M/32` for the paper's σ, and `A = I/(2πσ²)`, `I = A₆₀₀·σ₆₀₀·√(2π)`: the
    /// integral of the excitation is the same everywhere; so is `b·M`.
    pub fn scaled_to_shape(&self, shape: Shape, members: usize) -> Self {
        if shape.dimension() == 1 {
            return self.scaled_to(members);
        }
        let size = members as f64;
        let integral = self.amplitude * self.width * std::f64::consts::TAU.sqrt();
        let width = 3.0 * size.sqrt() / 32.0 * (self.width / Self::PAPER.width);
        Self {
            form: self.form.clone(),
            amplitude: integral / (std::f64::consts::TAU * width * width),
            width,
            inhibition: self.inhibition * PAPER_NEURONS / size,
        }
    }

    /// Another width with the same integral of the excitation over a shape of `dimension` dimensions.
    pub fn widened_to(&self, width: f64, dimension: usize) -> Self {
        let ratio = (self.width / width).powi(dimension as i32);
        Self { amplitude: self.amplitude * ratio, width, ..self.clone() }
    }

    /// All weights times `factor`.
    pub fn times(&self, factor: f64) -> Self {
        Self { amplitude: self.amplitude * factor, inhibition: self.inhibition * factor, ..self.clone() }
    }

    /// Excitation at a distance (neuron units).
    pub fn excitation(&self, distance: f64) -> f64 {
        match self.form {
            // As the paper writes it, to the last bit.
            Form::Gaussian => self.amplitude * (-distance * distance / (2.0 * self.width * self.width)).exp(),
            _ => self.amplitude * self.form.at(distance / self.width),
        }
    }

    /// Weight between members at distance `distance` > 0 (neuron units).
    pub fn at(&self, distance: f64) -> f64 {
        self.excitation(distance) + self.inhibition
    }

    /// Weights onto the sites of a homogeneous lattice from site 0, with zero for a neuron onto itself `[sites]`.
    fn by_site(&self, lattice: &Lattice) -> Vec<f64> {
        let origin = lattice.position([0; 2], [0.0; 2]);
        let weight = |site: usize| {
            // Both directions have the same distance but may round differently; the same rounding is taken for both.
            let back = lattice.site_at(lattice.base_of(site).map(|x| -x)).unwrap_or(site);
            let base = lattice.base_of(site.min(back));
            self.at(lattice.space.distance(origin, lattice.position(base, [0.0; 2])))
        };
        (0..lattice.sites()).map(|site| if site == 0 { 0.0 } else { weight(site) }).collect()
    }

    /// Sum of the weights of one neuron within a map that stands alone, over `neurons` neurons of which one sits on each site
    /// of a homogeneous lattice (Hz): N·J̄.
    pub fn row_sum(&self, lattice: &Lattice, neurons: usize) -> f64 {
        let others = (neurons - lattice.sites()) as f64;
        self.by_site(lattice).iter().sum::<f64>() + others * self.inhibition
    }

    /// Sum of one neuron's excitatory weights on a homogeneous lattice, itself left out (Hz).
    pub fn excitation_sum(&self, lattice: &Lattice) -> f64 {
        self.by_site(lattice).iter().skip(1).map(|w| w - self.inhibition).sum()
    }

    /// J = Σ_l J^l (eq. S1), `[neurons, neurons]`, symmetric with zero diagonal: all maps with this kernel.
    pub fn connectivity(&self, maps: &Maps) -> WeightMatrix {
        let kernels = vec![self.clone(); maps.groups().len()];
        connectivity(&kernels, maps)
    }
}

/// J = Σ_l J^l (eq. S1), `[neurons, neurons]`, symmetric with zero diagonal; one kernel for each group of maps. Excitation
/// is between members of a map only, inhibition between all neurons.
pub fn connectivity(kernels: &[Kernel], maps: &Maps) -> WeightMatrix {
    let sources: Vec<Source> =
        (0..maps.count()).map(|map| Source::new(&kernels[maps.group_index(map)], maps, map)).collect();
    let mut weights = WeightMatrix::zeros(maps.neurons());
    let stride = weights.stride();
    weights.as_mut_slice().par_chunks_mut(stride).enumerate().for_each_init(Vec::new, |by_site, (i, row)| {
        let row = &mut row[..maps.neurons()];
        for source in &sources {
            source.add_row(i, row, by_site);
        }
        row[i] = 0.0;
    });
    weights
}

/// What one map contributes to J.
struct Source<'a> {
    kernel: &'a Kernel,
    maps: &'a Maps,
    map: usize,
    /// Weights by displacement, where the lattice looks the same from every site.
    table: Option<Vec<f64>>,
}

impl<'a> Source<'a> {
    fn new(kernel: &'a Kernel, maps: &'a Maps, map: usize) -> Self {
        let lattice = &maps.group(map).lattice;
        let tabled = maps.fills_lattice(map) && lattice.space.shape.is_homogeneous();
        Self { kernel, maps, map, table: tabled.then(|| kernel.by_site(lattice)) }
    }

    /// Adds row `i` of the map's connectivity.
    fn add_row(&self, i: usize, row: &mut [f64], by_site: &mut Vec<f64>) {
        let (maps, b) = (self.maps, self.kernel.inhibition);
        let places = maps.places(self.map);
        if places[i][0].is_nan() {
            row.iter_mut().for_each(|w| *w += b);
            return;
        }
        let Some(table) = &self.table else {
            let space = maps.space(self.map);
            for (j, w) in row.iter_mut().enumerate() {
                // Always in the same order of the two, so that W is symmetric to the last bit.
                let (from, to) = (places[i.min(j)], places[i.max(j)]);
                *w += if to[0].is_nan() || from[0].is_nan() {
                    b
                } else {
                    self.kernel.at(space.distance(from, to))
                };
            }
            return;
        };
        self.turn(table, maps.sites(self.map)[i] as usize, by_site);
        for (w, &site) in row.iter_mut().zip(maps.sites(self.map)) {
            *w += if site < 0 { b } else { by_site[site as usize] };
        }
    }

    /// The table seen from another site: `out[q] = table[q − site]`.
    fn turn(&self, table: &[f64], site: usize, out: &mut Vec<f64>) {
        let lattice = &self.maps.group(self.map).lattice;
        let [rows, columns] = lattice.counts;
        let [x, y] = [site / columns, site % columns];
        out.clear();
        if lattice.arrangement == Arrangement::Hexagonal {
            let back = |q: usize| [(q / columns) as i64 - x as i64, (q % columns) as i64 - y as i64];
            out.extend((0..table.len()).map(|q| table[lattice.site_at(back(q)).unwrap_or(0)]));
            return;
        }
        let mut turned = |first: usize, rest: usize| {
            let table = &table[first * columns..rest * columns];
            if y == 0 {
                out.extend_from_slice(table);
                return;
            }
            for row in table.chunks_exact(columns) {
                out.extend_from_slice(&row[columns - y..]);
                out.extend_from_slice(&row[..columns - y]);
            }
        };
        turned(rows - x, rows);
        turned(0, rows - x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifold::{Group, Placement};

    #[test]
    fn row_mean_of_the_paper_network() {
        let ring = Lattice::of_sites(Shape::Ring, [600, 1], Arrangement::Square);
        assert!((Kernel::PAPER.row_sum(&ring, 600) / 600.0 + 0.166689638).abs() < 1e-9);
    }

    #[test]
    fn connectivity_is_symmetric_with_zero_diagonal_and_sums_the_maps() {
        let maps = Maps::random(30, 3, 5, 0);
        let kernel = Kernel::PAPER.scaled_to(30);
        let j = kernel.connectivity(&maps);
        for a in 0..30 {
            assert_eq!(j.row(a)[a], 0.0);
            for b in 0..30 {
                assert_eq!(j.row(a)[b], j.row(b)[a]);
                if a != b {
                    let expected: f64 = (0..3)
                        .map(|l| {
                            let d = (maps.sites(l)[a] - maps.sites(l)[b]).abs();
                            kernel.at(f64::from(d.min(30 - d)))
                        })
                        .sum();
                    assert!((j.row(a)[b] - expected).abs() < 1e-14);
                }
            }
        }
    }

    #[test]
    fn on_every_shape_weights_follow_the_distance_of_members() {
        let group = |shape: Shape, arrangement| {
            let counts = if shape.dimension() == 1 || shape == Shape::Sphere { [40, 1] } else { [10, 4] };
            Group { count: 2, lattice: Lattice::of_sites(shape, counts, arrangement), margin: 0.0 }
        };
        let mut groups: Vec<Group> = Shape::ALL.map(|shape| group(shape, Arrangement::Square)).into();
        groups.push(group(Shape::Torus, Arrangement::Hexagonal));
        for group in groups {
            let mut maps = Maps::empty(60);
            maps.draw(group, &Placement::Lattice, 1, 0);
            let kernel = Kernel { width: 1.5, ..Kernel::PAPER };
            let j = kernel.connectivity(&maps);
            for (a, b) in [(0, 1), (5, 30), (59, 12), (33, 34)] {
                let expected: f64 = (0..2)
                    .map(|l| {
                        let [p, q] = [a, b].map(|i: usize| maps.places(l)[i]);
                        let both = !p[0].is_nan() && !q[0].is_nan();
                        let distance = if both { group.lattice.space.distance(p, q) } else { 0.0 };
                        kernel.inhibition + if both { kernel.excitation(distance) } else { 0.0 }
                    })
                    .sum();
                assert!((j.row(a)[b] - expected).abs() < 1e-12, "{group:?} {a} {b}");
                assert_eq!(j.row(a)[b], j.row(b)[a]);
                assert_eq!(j.row(a)[a], 0.0);
            }
        }
    }

    #[test]
    fn kernels_keep_their_integral_on_a_surface() {
        let kernel = Kernel::PAPER.scaled_to_shape(Shape::Torus, 24 * 24);
        // Measured by an independent implementation.
        assert!((kernel.amplitude - 0.78606405).abs() < 1e-8 && kernel.width == 2.25);
        assert!((kernel.inhibition + 0.21625).abs() < 1e-12);
        let wide = kernel.widened_to(4.5, 2);
        assert!((wide.amplitude * 4.0 - kernel.amplitude).abs() < 1e-15);
    }

    #[test]
    fn forms_are_one_at_the_origin_and_fall() {
        let table = Form::Table(0.5, [1.0, 0.5, 0.25, 0.0].into());
        for form in [Form::Gaussian, Form::Exponential, Form::Difference { surround: 0.3, ratio: 2.0 }, table]
        {
            assert!((form.at(0.0) - 1.0).abs() < 1e-15, "{form:?}");
            assert!(form.at(1.0) < form.at(0.5) && form.at(9.0).abs() < 1e-3, "{form:?}");
        }
        assert_eq!(Form::Table(0.5, [1.0, 0.5].into()).at(0.25), 0.75);
    }
}
