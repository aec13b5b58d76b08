//! The connectivity of maps, eqs. S1–S3.

use rayon::prelude::*;

use crate::connectivity::matrix::WeightMatrix;
use crate::manifold::Maps;

/// The connectivity kernel of one map: `A·exp(−d²/2σ²) + b` between neurons at periodic distance d (eq. S2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernel {
    /// A (Hz): excitation between neighbours.
    pub amplitude: f64,
    /// σ (neuron units): reach of the excitation.
    pub width: f64,
    /// b (Hz): uniform inhibition, negative.
    pub inhibition: f64,
}

/// The network size that the paper's parameters were chosen for.
pub const PAPER_NEURONS: f64 = 600.0;

impl Kernel {
    /// The paper's kernel, for a network of [`PAPER_NEURONS`].
    pub const PAPER: Kernel = Kernel { amplitude: 0.665, width: 15.0, inhibition: -0.2076 };

    /// The same bump, as a fraction of the ring, for another number of neurons: `σ·N/600`, `A·600/N`, `b·600/N`.
    pub fn scaled_to(self, neurons: usize) -> Self {
        let ratio = neurons as f64 / PAPER_NEURONS;
        Self {
            amplitude: self.amplitude / ratio,
            width: self.width * ratio,
            inhibition: self.inhibition / ratio,
        }
    }

    /// Weight at periodic distance `distance` > 0 (neuron units).
    pub fn at(&self, distance: f64) -> f64 {
        self.amplitude * (-distance * distance / (2.0 * self.width * self.width)).exp() + self.inhibition
    }

    /// Weights at displacements `−N+1 ..= N−1` of two positions, with zero for a neuron onto itself.
    fn by_displacement(&self, neurons: usize) -> Vec<f64> {
        let n = neurons as i64;
        (1 - n..n)
            .map(|d| {
                let distance = d.abs().min(n - d.abs());
                if distance == 0 { 0.0 } else { self.at(distance as f64) }
            })
            .collect()
    }

    /// J̄, the mean of a row of one map's connectivity, its zero diagonal included (Hz).
    pub fn row_mean(&self, neurons: usize) -> f64 {
        self.by_displacement(neurons)[neurons - 1..].iter().sum::<f64>() / neurons as f64
    }

    /// J = Σ_l J^l (eq. S1), `[neurons, neurons]`, symmetric with zero diagonal.
    pub fn connectivity(&self, maps: &Maps) -> WeightMatrix {
        let n = maps.neurons();
        let table = self.by_displacement(n);
        let mut weights = WeightMatrix::zeros(n);
        let stride = weights.stride();
        weights.as_mut_slice().par_chunks_mut(stride).enumerate().for_each(|(i, row)| {
            for map in 0..maps.count() {
                let positions = maps.positions(map);
                let from_here = &table[n - 1 - positions[i] as usize..];
                for (w, &p) in row.iter_mut().zip(positions) {
                    *w += from_here[p as usize];
                }
            }
        });
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_mean_of_the_paper_network() {
        assert!((Kernel::PAPER.row_mean(600) + 0.166689638).abs() < 1e-9);
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
                            let d = (maps.positions(l)[a] - maps.positions(l)[b]).abs();
                            kernel.at(f64::from(d.min(30 - d)))
                        })
                        .sum();
                    assert!((j.row(a)[b] - expected).abs() < 1e-14);
                }
            }
        }
    }
}
