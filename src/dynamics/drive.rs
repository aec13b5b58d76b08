//! What moves a bump from outside: a velocity input, and cues. Both are currents; the weights stay symmetric.

use crate::connectivity::Kernel;
use crate::connectivity::matrix::WeightMatrix;
use crate::manifold::{Maps, Vector, length};

/// Currents that are added to the dynamics.
#[derive(Clone, Copy, Debug)]
pub struct Drive<'a> {
    /// `∂_x K` of the driven maps, transposed: row j holds what neuron j sends (Hz/neuron unit); see [`slopes`].
    pub slopes: &'a WeightMatrix,
    /// Velocity that is asked for in every step (neuron units/s); 0 after the last.
    pub velocities: &'a [f64],
    /// τ (s).
    pub tau_seconds: f64,
    /// A cue, if there is one.
    pub cue: Option<Cue<'a>>,
}

/// A current that is there for some time.
#[derive(Clone, Copy, Debug)]
pub struct Cue<'a> {
    /// `[neurons]` (Hz²).
    pub current: &'a [f64],
    /// Steps that it lasts, from the first on.
    pub steps: usize,
}

/// Kernels are differentiated over this part of their width: the error is of the order of its square.
const DIFFERENCE: f64 = 1e-3;

/// `D_ij = Σ_l ∂K^l(|x_j − x_i|)/∂x_i` along a direction (a unit vector in each neuron's tangent plane), over the given maps,
/// transposed: row j holds what neuron j sends, `[neurons, neurons]` (Hz/neuron unit).
///
/// On one ring the bump's current satisfies `I′ = D r`, so that the input `−τ v D r` moves it at the velocity v exactly:
/// `I(x − vt)` then solves the equation. Neurons have no weight on themselves, which makes the gain larger than 1 by some
/// `(A + b)/2r`: a few per cent at 600 neurons, in proportion to 1/N.
pub fn slopes(
    maps: &Maps,
    kernels: &[Kernel],
    driven: impl Iterator<Item = usize>,
    direction: Vector,
) -> WeightMatrix {
    let mut sum = WeightMatrix::zeros(maps.neurons());
    for map in driven {
        let (space, kernel, places) = (maps.space(map), &kernels[maps.group_index(map)], maps.places(map));
        let step = DIFFERENCE * kernel.width;
        let by = direction.map(|e| step * e);
        for (j, from) in places.iter().enumerate().filter(|(_, place)| !place[0].is_nan()) {
            let row = sum.row_mut(j);
            for (i, at) in places.iter().enumerate().filter(|(i, place)| *i != j && !place[0].is_nan()) {
                let way = space.displacement(*at, *from);
                let kernel_at =
                    |sign: f64| kernel.excitation(length([way[0] - sign * by[0], way[1] - sign * by[1]]));
                row[i] += (kernel_at(1.0) - kernel_at(-1.0)) / (2.0 * step);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_odd_and_those_of_the_kernel() {
        let maps = Maps::ring(60);
        let kernel = Kernel::PAPER.scaled_to(60);
        let found = slopes(&maps, std::slice::from_ref(&kernel), 0..1, [1.0, 0.0]);
        for (i, d) in [(1, 1.0), (3, 3.0), (57, -3.0)] {
            // Neuron i lies d beyond neuron 0; farther on, it gets less from it.
            let expected = -d / kernel.width.powi(2) * kernel.excitation(f64::abs(d));
            assert!((found.row(0)[i] - expected).abs() < 1e-6 * expected.abs(), "{i}");
            assert!((found.row(0)[i] + found.row(i)[0]).abs() < 1e-15);
        }
    }
}
