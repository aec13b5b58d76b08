//! The symmetric pseudo-inverse rule: the baseline of every claim about capacity.
//!
//! Wanted: the symmetric M under which every idealized bump has the currents that it has alone, `(J + M) r_s + h = I_s` over all
//! neurons, in least squares with a ridge: the minimum of `Σ_s |M r_s − t_s|² + 2ρw̄·‖M‖²/2` with `t_s = I_s − h − J r_s`. With
//! `A = Σ_s r_s r_sᵀ = V diag(w) Vᵀ` and `B = Σ_s t_s r_sᵀ` the normal equations `M A + A M + 2ρw̄ M = B + Bᵀ` have the closed form
//! `M = V [(Vᵀ(B + Bᵀ)V)_ij / (w_i + w_j + 2ρw̄)] Vᵀ`; then the diagonal is set to 0. w̄ is the mean of the eigenvalues w.
//!
//! For discrete memories this is the rule of Personnaz, Guyon & Dreyfus (J. Physique Lett. 46, L359, 1985), there over active
//! and silent neurons alike; the least-squares form with a ridge stores continuous ones. O(N³ + S·N²), whatever the number of states S.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::landscape::problem::Problem;
use crate::manifold::{Point, Points};
use crate::progress::Tick;

/// States whose rates and currents are held at once.
const CHUNK: usize = 256;

/// The weight change M by which the idealized bumps at `points` get the currents that they have alone; `ridge` is relative to
/// the mean eigenvalue of `Σ_s r_s r_sᵀ`. `tick` is told of every point.
///
/// # Errors
/// [`Error::Run`] if the eigenvectors are not found; [`Error::Interrupted`] if `tick` stops it.
pub fn pseudo_inverse(
    problem: &Problem<'_>,
    points: Points<'_>,
    ridge: f64,
    tick: &Tick<'_>,
) -> Result<WeightMatrix> {
    let neurons = problem.weights.neurons();
    let moments = moments(problem, points, tick)?;
    let mut change = solve(&moments, ridge)?;
    // Rounding leaves the two triangles a little apart.
    let mut weights = WeightMatrix::zeros(neurons);
    for i in 0..neurons {
        change[(i, i)] = 0.0;
        for j in 0..neurons {
            weights.row_mut(i)[j] = change[(i.max(j), i.min(j))];
        }
    }
    Ok(weights)
}

/// What the rule needs of the states: `A = Σ_s r_s r_sᵀ` (Hz²) and `B = Σ_s t_s r_sᵀ` (Hz³).
struct Moments {
    a: Mat<f64>,
    b: Mat<f64>,
}

fn moments(problem: &Problem<'_>, points: Points<'_>, tick: &Tick<'_>) -> Result<Moments> {
    let neurons = problem.weights.neurons();
    let mut moments = Moments { a: Mat::zeros(neurons, neurons), b: Mat::zeros(neurons, neurons) };
    let weights = problem.weights.to_dense();
    let weights = MatRef::from_row_major_slice(&weights, neurons, neurons);
    let all: Vec<Point> = points.iter().collect();
    for points in all.chunks(CHUNK) {
        if tick.stopped() {
            return Err(Error::Interrupted);
        }
        let (mut rates, mut targets) = (vec![0.0; points.len() * neurons], vec![0.0; points.len() * neurons]);
        for (point, (rates, targets)) in
            points.iter().zip(rates.chunks_exact_mut(neurons).zip(targets.chunks_exact_mut(neurons)))
        {
            problem.bumps.at(problem.maps, point).view().scatter(rates);
            problem.bumps.current_at(problem.maps, point, targets);
            targets.iter_mut().zip(problem.external_current).for_each(|(t, h)| *t -= h);
        }
        let rates = MatRef::from_row_major_slice(&rates, points.len(), neurons);
        let mut missing = MatRef::from_row_major_slice(&targets, points.len(), neurons).to_owned();
        // One thread, so that the bits do not depend on how many there are.
        matmul(missing.as_mut(), Accum::Add, rates, weights, -1.0, Par::Seq);
        matmul(moments.a.as_mut(), Accum::Add, rates.transpose(), rates, 1.0, Par::Seq);
        matmul(moments.b.as_mut(), Accum::Add, missing.transpose(), rates, 1.0, Par::Seq);
        tick.add(points.len() as u64);
    }
    Ok(moments)
}

/// The solution of the normal equations, its diagonal included.
fn solve(moments: &Moments, ridge: f64) -> Result<Mat<f64>> {
    let Moments { a, b } = moments;
    let neurons = a.nrows();
    let (mut vectors, mut values) = (Mat::<f64>::zeros(neurons, neurons), Diag::<f64>::zeros(neurons));
    let scratch =
        self_adjoint_evd_scratch::<f64>(neurons, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    self_adjoint_evd(
        a.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .map_err(|_| {
        Error::Run(
            "the eigenvectors of the bumps' correlations were not found; raise flatten.pseudo_inverse_ridge"
                .to_owned(),
        )
    })?;
    let values: Vec<f64> = values.column_vector().iter().map(|w| w.max(0.0)).collect();
    let level = 2.0 * ridge * values.iter().sum::<f64>() / neurons as f64;
    let wanted = b + b.transpose();
    let mut inside = vectors.transpose() * &wanted * &vectors;
    for j in 0..neurons {
        for i in 0..neurons {
            let weight = values[i] + values[j] + level;
            inside[(i, j)] = if weight > 0.0 { inside[(i, j)] / weight } else { 0.0 };
        }
    }
    Ok(&vectors * inside * vectors.transpose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::landscape::problem::{Definition, Minimizer};
    use crate::manifold::Maps;
    use crate::network::Network;

    fn network() -> Network {
        Network::new(Maps::random(80, 3, 4, 0), Kernel::PAPER.scaled_to(80), 10.0).unwrap()
    }

    #[test]
    fn the_normal_equations_hold() {
        let network = network();
        let problem = network.problem(&network.weights, Definition::Kkt, Minimizer::Newton);
        let ridge = 1e-2;
        let moments = moments(&problem, Points::fitted(&network.maps, 80), &Tick::silent()).unwrap();
        let found = solve(&moments, ridge).unwrap();
        let Moments { a, b } = &moments;
        let level = 2.0 * ridge * (0..80).map(|i| a[(i, i)]).sum::<f64>() / 80.0;
        let wanted = b + b.transpose();
        let left = &found * a + a * &found + faer::Scale(level) * &found;
        let size = wanted.norm_max();
        for i in 0..80 {
            for j in 0..80 {
                // Products of 80 terms, each rounded to 1e-16 of the largest.
                assert!((left[(i, j)] - wanted[(i, j)]).abs() < 1e-11 * size, "{i}, {j}");
                assert!((found[(i, j)] - found[(j, i)]).abs() < 1e-12 * found.norm_max());
            }
        }
    }

    #[test]
    fn bumps_get_nearly_the_currents_that_they_have_alone() {
        let network = network();
        let problem = network.problem(&network.weights, Definition::Kkt, Minimizer::Newton);
        let points = Points::fitted(&network.maps, 80);
        let missing = |weights: &WeightMatrix| {
            let problem = network.problem(weights, Definition::Kkt, Minimizer::Newton);
            let mut sum = 0.0;
            for point in points.iter() {
                let mut wanted = vec![0.0; 80];
                network.bumps.current_at(&network.maps, &point, &mut wanted);
                let bump = network.bumps.at(&network.maps, &point);
                for (i, wanted) in wanted.iter().enumerate() {
                    let input: f64 = bump.view().iter().map(|(j, r)| weights.row(i)[j] * r).sum();
                    sum += (problem.external_current[i] + input - wanted).powi(2);
                }
            }
            sum
        };
        let change = pseudo_inverse(&problem, points, 1e-3, &Tick::silent()).unwrap();
        for i in 0..80 {
            assert_eq!(change.row(i)[i], 0.0);
            assert!((0..80).all(|j| change.row(i)[j] == change.row(j)[i]));
        }
        // Without the rule all of the other maps' noise is there (9.5e6 Hz⁴ over all points); what the diagonal would hold
        // comes back when it is set to 0, a third at N = 80.
        let (before, after) = (missing(&network.weights), missing(&network.weights.plus(1.0, &change)));
        assert!(after < 0.4 * before, "{before} {after}");
    }
}
