//! Square matrices over the neurons, laid out for wide registers.

/// Eight f64 values, the widest vector register and one cache line.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([f64; 8]);

/// Entries of a row start a multiple of this many values apart.
const LINE: usize = 8;

/// A dense `[neurons, neurons]` matrix of weights (Hz), row by row. Every row starts on a cache line and is
/// padded with zeros to whole lines, so that kernels read full vectors without a tail.
#[derive(Clone, Default)]
pub struct WeightMatrix {
    neurons: usize,
    lines: Vec<Line>,
}

impl std::fmt::Debug for WeightMatrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WeightMatrix({0} x {0})", self.neurons)
    }
}

/// Length of a row of `neurons` values with its padding.
pub fn stride(neurons: usize) -> usize {
    neurons.next_multiple_of(LINE)
}

impl WeightMatrix {
    /// The zero matrix.
    pub fn zeros(neurons: usize) -> Self {
        let per_row = neurons.div_ceil(LINE);
        Self { neurons, lines: vec![Line([0.0; LINE]); neurons * per_row] }
    }

    /// From C-ordered values `[neurons, neurons]`.
    ///
    /// # Panics
    /// If `values` does not hold `neurons²` numbers.
    pub fn from_dense(neurons: usize, values: &[f64]) -> Self {
        assert_eq!(values.len(), neurons * neurons, "a weight matrix is square");
        let mut matrix = Self::zeros(neurons);
        for (i, row) in values.chunks_exact(neurons).enumerate() {
            matrix.row_mut(i)[..neurons].copy_from_slice(row);
        }
        matrix
    }

    /// C-ordered values `[neurons, neurons]`, without the padding.
    pub fn to_dense(&self) -> Vec<f64> {
        (0..self.neurons).flat_map(|i| self.row(i)[..self.neurons].iter().copied()).collect()
    }

    /// Number of neurons, N.
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// Length of a padded row.
    pub fn stride(&self) -> usize {
        stride(self.neurons)
    }

    /// All padded rows, one after the other.
    pub fn as_slice(&self) -> &[f64] {
        bytemuck::cast_slice(&self.lines)
    }

    /// All padded rows, to be written. The padding has to stay zero.
    pub fn as_mut_slice(&mut self) -> &mut [f64] {
        bytemuck::cast_slice_mut(&mut self.lines)
    }

    /// Row `i` with its padding.
    pub fn row(&self, i: usize) -> &[f64] {
        let stride = self.stride();
        &self.as_slice()[i * stride..(i + 1) * stride]
    }

    /// Row `i` with its padding, to be written.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        let stride = self.stride();
        &mut self.as_mut_slice()[i * stride..(i + 1) * stride]
    }

    /// Becomes the block of another matrix between some of its neurons, ascending; its memory is used again.
    #[cfg(feature = "gpu")]
    pub(crate) fn set_block(&mut self, of: &Self, neurons: &[u32]) {
        self.neurons = neurons.len();
        self.lines.resize(self.neurons * self.neurons.div_ceil(LINE), Line([0.0; LINE]));
        let runs: Vec<&[u32]> = neurons.chunk_by(|i, j| i + 1 == *j).collect();
        for (row, &i) in neurons.iter().enumerate() {
            let (mut to, padding) = self.row_mut(row).split_at_mut(neurons.len());
            let from = of.row(i as usize);
            for run in &runs {
                let (own, rest) = to.split_at_mut(run.len());
                own.copy_from_slice(&from[run[0] as usize..][..run.len()]);
                to = rest;
            }
            padding.fill(0.0);
        }
    }

    /// Its columns as rows.
    pub fn transposed(&self) -> Self {
        let mut columns = Self::zeros(self.neurons);
        for i in 0..self.neurons {
            for (j, w) in self.row(i)[..self.neurons].iter().enumerate() {
                columns.row_mut(j)[i] = *w;
            }
        }
        columns
    }

    /// `self + factor · other`.
    pub fn plus(&self, factor: f64, other: &Self) -> Self {
        let mut sum = self.clone();
        for (a, b) in sum.as_mut_slice().iter_mut().zip(other.as_slice()) {
            *a += factor * b;
        }
        sum
    }

    /// Mean of |w_ij|, and standard deviation of w_ij, over all N² entries: the size of a weight change.
    pub fn statistics(&self) -> WeightStatistics {
        let count = (self.neurons * self.neurons) as f64;
        let (mut sum, mut absolute, mut square) = (0.0, 0.0, 0.0);
        for i in 0..self.neurons {
            for &w in &self.row(i)[..self.neurons] {
                sum += w;
                absolute += w.abs();
                square += w * w;
            }
        }
        let mean = sum / count;
        WeightStatistics { mean_abs: absolute / count, sd: (square / count - mean * mean).max(0.0).sqrt() }
    }
}

/// What a weight change is beside the weights that it changes, over all N² entries.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RelativeSize {
    /// SD of the change by the SD of the weights; 0 for no change.
    pub sd_ratio: f64,
    /// Correlation of the change with the weights; 0 for no change.
    pub correlation: f64,
}

impl RelativeSize {
    /// Of `change` beside `weights`.
    pub fn of(change: &WeightMatrix, weights: &WeightMatrix) -> Self {
        let count = (weights.neurons * weights.neurons) as f64;
        // Rows' padding is zero in both.
        let sum = |f: &dyn Fn(f64, f64) -> f64| {
            change.as_slice().iter().zip(weights.as_slice()).map(|(&m, &j)| f(m, j)).sum::<f64>() / count
        };
        let (mean_m, mean_j) = (sum(&|m, _| m), sum(&|_, j| j));
        let variance_m = (sum(&|m, _| m * m) - mean_m * mean_m).max(0.0);
        let variance_j = (sum(&|_, j| j * j) - mean_j * mean_j).max(0.0);
        let covariance = sum(&|m, j| m * j) - mean_m * mean_j;
        let product = (variance_m * variance_j).sqrt();
        Self {
            sd_ratio: if variance_j > 0.0 { (variance_m / variance_j).sqrt() } else { 0.0 },
            correlation: if product > 0.0 { covariance / product } else { 0.0 },
        }
    }
}

/// Size of a weight matrix (Hz).
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct WeightStatistics {
    /// Mean absolute value.
    pub mean_abs: f64,
    /// Standard deviation.
    pub sd: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_start_on_cache_lines_and_round_trip() {
        let values: Vec<f64> = (0..121).map(f64::from).collect();
        let matrix = WeightMatrix::from_dense(11, &values);
        assert_eq!(matrix.stride(), 16);
        assert_eq!(matrix.row(3).as_ptr() as usize % 64, 0);
        assert_eq!(&matrix.row(1)[..2], &[11.0, 12.0]);
        assert!(matrix.row(10)[11..].iter().all(|&x| x == 0.0));
        assert_eq!(matrix.to_dense(), values);
    }

    #[test]
    fn a_change_is_compared_with_the_weights() {
        let weights = WeightMatrix::from_dense(2, &[0.0, 3.0, -3.0, 0.0]);
        let of = |change: &[f64]| RelativeSize::of(&WeightMatrix::from_dense(2, change), &weights);
        let opposite = of(&[0.0, -1.5, 1.5, 0.0]);
        assert!((opposite.sd_ratio - 0.5).abs() < 1e-15 && (opposite.correlation + 1.0).abs() < 1e-15);
        assert_eq!(of(&[0.0; 4]), RelativeSize { sd_ratio: 0.0, correlation: 0.0 });
        assert!(of(&[1.0, 0.0, 0.0, -1.0]).correlation.abs() < 1e-15);
    }

    #[test]
    fn statistics_of_a_known_matrix() {
        let stats = WeightMatrix::from_dense(2, &[0.0, 3.0, -3.0, 0.0]).statistics();
        assert_eq!(stats.mean_abs, 1.5);
        assert_eq!(stats.sd, 4.5_f64.sqrt());
    }
}
