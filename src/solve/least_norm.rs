//! The least M as a whole.
//!
//! A weight update adds the *change* of least norm, and many least changes do not sum to the least M: what the first updates
//! did for states that have moved on since stays in it. Of all M that take the minima to one level the least is
//! `M = Σ_s α_s r_s r_sᵀ` without its diagonal, over the *present* minima: by the envelope theorem `dE_s/dM = −½ r_s r_sᵀ`
//! there, and the gradient of ‖M‖² has to be a combination of these. The M of that form which does what the present one and an
//! update do solves the update's system for the energies under J alone, `E_s + ½ r_sᵀ M r_s`. Its minima are others
//! again, so the way there is gone in parts: a change `part·(M_whole − M) + (1 − part)·ΔM`, which is one solve for
//! `E_s + part·½ r_sᵀ M r_s`, less `part·M`.

use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::landscape::roughness::Roughness;
use crate::solve::direct::response;
use crate::solve::{WeightProblem, WeightUpdate};

/// The change of M that levels the energies and goes `part` (0 to 1) of the way from `current` to the least M that does.
/// `solve` solves weight problems.
///
/// # Errors
/// As `solve`.
pub fn toward_least_norm(
    problem: &WeightProblem<'_>,
    current: &WeightMatrix,
    part: f64,
    solve: impl FnOnce(&WeightProblem<'_>) -> Result<WeightUpdate>,
) -> Result<WeightMatrix> {
    let lowered = response(current, problem.manifolds.states);
    let energies: Vec<f64> = problem.energies.iter().zip(lowered).map(|(e, v)| e + part * v).collect();
    // As near to the level as an update alone would come.
    let roughness = |energies: &[f64]| Roughness::of(energies, None).sd;
    let rougher = (roughness(&energies) / roughness(problem.energies)).max(1.0);
    let accuracy = problem.accuracy / rougher;
    let update = solve(&WeightProblem { energies: &energies, accuracy, ..*problem })?;
    Ok(update.delta.plus(-part, current))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::states::{StateBuf, States};
    use crate::manifold::{Maps, Points};
    use crate::progress::Tick;
    use crate::solve::manifolds::Manifolds;
    use crate::solve::{SolverKind, weight_update};

    #[test]
    fn the_whole_change_levels_the_energies_with_the_least_weights() {
        let maps = Maps::random(40, 2, 3, 0);
        let bump = |map: usize, site: i32| {
            let rate = |&p: &i32| {
                (4.0 - f64::from((p - site).rem_euclid(40).min((site - p).rem_euclid(40)))).max(0.0)
            };
            StateBuf::from_dense(&maps.sites(map).iter().map(rate).collect::<Vec<f64>>())
        };
        let bumps: Vec<StateBuf> =
            (0..2).flat_map(|map| (0..40).map(move |site| (map, site))).map(|(m, s)| bump(m, s)).collect();
        let states = States::pack(40, bumps.iter().map(StateBuf::view));
        let energies: Vec<f64> = (0..80).map(|s| 100.0 * (0.7 * f64::from(s)).sin()).collect();
        let problem = WeightProblem {
            manifolds: Manifolds {
                states: &states,
                maps: &maps,
                points: Points::fitted(&maps, 40),
                at_each: 1,
            },
            energies: &energies,
            ridge: 0.0,
            solver: SolverKind::Direct,
            accuracy: 1e-3,
        };
        let solve = |problem: &WeightProblem<'_>| weight_update(problem, &Tick::silent());
        // Weights that no update of these states would have made.
        let mut current = WeightMatrix::zeros(40);
        for i in 0..40 {
            for j in (0..40).filter(|&j| j != i) {
                current.row_mut(i)[j] = ((i * j) as f64).cos() + ((i + j) as f64).sin();
            }
        }
        let spread = |change: &WeightMatrix| {
            let after: Vec<f64> =
                energies.iter().zip(response(change, &states)).map(|(e, v)| e - v).collect();
            Roughness::of(&after, None).sd
        };
        let size = |m: &WeightMatrix| m.as_slice().iter().map(|w| w * w).sum::<f64>().sqrt();
        let mut sizes = Vec::new();
        for part in [0.0, 0.5, 1.0] {
            let change = toward_least_norm(&problem, &current, part, solve).unwrap();
            // Rounding of the factorization of overlapping bumps.
            assert!(spread(&change) < 1e-7, "{part}: {}", spread(&change));
            sizes.push(size(&current.plus(1.0, &change)));
        }
        assert!(sizes[1] < sizes[0] && sizes[2] < sizes[1], "{sizes:?}");
        // All of the way: the M that the energies under J alone ask for.
        let under_j: Vec<f64> =
            energies.iter().zip(response(&current, &states)).map(|(e, v)| e + v).collect();
        let least = solve(&WeightProblem { energies: &under_j, ..problem }).unwrap().delta;
        assert!((size(&least) - sizes[2]).abs() < 1e-9 * sizes[2]);
    }
}
