use super::*;

/// Minima of a network of independent neurons, W = 0, are known: `r² = max(0, h − λ·c)`.
fn independent(neurons: usize) -> WeightMatrix {
    WeightMatrix::zeros(neurons)
}

fn constraint(displacements: &[&[f64]], neurons: usize) -> Constraint {
    let idealized = StateBuf::from_dense(&vec![1.0; neurons]);
    Constraint { displacements: displacements.iter().map(|c| c.to_vec()).collect(), support: None, idealized }
}

fn energy<'a>(weights: &'a WeightMatrix, external_current: &'a [f64]) -> Energy<'a> {
    Energy { weights, external_current, transfer: Transfer::ROOT }
}

fn minimize(of: Energy<'_>, constraint: &Constraint, start: &[f64], check: SilentCheck) -> Minimum {
    let start = StateBuf::from_dense(start);
    Workspace::new(Arch::new(), of.weights.neurons()).minimize(of, constraint, start.view(), check)
}

fn dense(minimum: &Minimum, neurons: usize) -> Vec<f64> {
    let mut rates = vec![0.0; neurons];
    minimum.state.view().scatter(&mut rates);
    rates
}

const ALL: [SilentCheck; 3] = [SilentCheck::EveryStep, SilentCheck::Rarely, SilentCheck::AtRest];

#[test]
fn independent_neurons_take_the_root_of_their_current_and_silent_ones_join() {
    let (weights, h) = (independent(4), [4.0, 9.0, -1.0, 16.0]);
    for check in ALL {
        // Neuron 3 is silent at first and has to be found; neuron 2 fires and has to fall silent.
        let found = minimize(energy(&weights, &h), &constraint(&[], 4), &[1.0, 1.0, 1.0, 0.0], check);
        for (rate, expected) in dense(&found, 4).iter().zip([2.0, 3.0, 0.0, 4.0]) {
            assert!((rate - expected).abs() < 1e-9, "{check:?}: {rate} instead of {expected}");
        }
        // −⅔ Σ h^{3/2}
        assert!((found.energy + 2.0 / 3.0 * (8.0 + 27.0 + 64.0)).abs() < 1e-9, "{check:?}: {}", found.energy);
        assert!(found.certificate.converged(RESIDUAL_TOLERANCE), "{check:?}: {:?}", found.certificate);
    }
}

#[test]
fn the_multiplier_is_the_force_that_holds_the_centre_of_mass() {
    let (weights, h, c) = (independent(2), [4.0, 9.0], [-1.0, 1.0]);
    for check in ALL {
        let found = minimize(energy(&weights, &h), &constraint(&[&c], 2), &[1.0, 3.0], check);
        // Equal rates: r² = 4 + λ = 9 − λ.
        for rate in dense(&found, 2) {
            assert!((rate - 6.5_f64.sqrt()).abs() < 1e-9, "{check:?}: {rate}");
        }
        assert!((found.multiplier[0] - 2.5).abs() < 1e-9, "{check:?}: {:?}", found.multiplier);
    }
}

#[test]
fn two_equations_have_two_multipliers() {
    let (weights, h) = (independent(4), [5.0, 7.0, 6.0, 10.0]);
    let (x, y) = ([-1.0, 1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 1.0]);
    for check in ALL {
        let found = minimize(energy(&weights, &h), &constraint(&[&x, &y], 4), &[1.0; 4], check);
        for (rate, square) in dense(&found, 4).iter().zip([6.0_f64, 6.0, 8.0, 8.0]) {
            assert!((rate - square.sqrt()).abs() < 1e-9, "{check:?}: {rate}");
        }
        assert!((found.multiplier[0] - 1.0).abs() < 1e-9 && (found.multiplier[1] - 2.0).abs() < 1e-9);
    }
}

#[test]
fn only_the_support_may_be_active() {
    let (weights, h) = (independent(3), [4.0, 9.0, 16.0]);
    let constraint = Constraint { support: Some(vec![0, 1]), ..constraint(&[], 3) };
    let found = minimize(energy(&weights, &h), &constraint, &[1.0, 1.0, 1.0], SilentCheck::EveryStep);
    assert_eq!(found.state.active, [0, 1]);
    // Neuron 2 would join if it might; the certificate does not hold that against the state.
    assert!(found.certificate.converged(RESIDUAL_TOLERANCE), "{:?}", found.certificate);
}

/// Symmetric weights that look random, with more inhibition than excitation.
fn coupled(neurons: usize) -> WeightMatrix {
    let weight = |i: usize, j: usize| 0.4 * ((i * j + 3 * (i + j)) as f64).sin() - 0.3;
    let entry = |k: usize| (k / neurons, k % neurons);
    let entries: Vec<f64> =
        (0..neurons * neurons).map(entry).map(|(i, j)| if i == j { 0.0 } else { weight(i, j) }).collect();
    WeightMatrix::from_dense(neurons, &entries)
}

/// The same minimum by steps down the projected gradient, each so short that none goes up.
fn by_gradient(of: Energy<'_>, c: &[f64]) -> Vec<f64> {
    let neurons = of.weights.neurons();
    let mut rates = vec![1.0; neurons];
    for _ in 0..200_000 {
        let gradient: Vec<f64> = (0..neurons)
            .map(|i| {
                let field: f64 = (0..neurons).map(|j| of.weights.row(i)[j] * rates[j]).sum();
                rates[i] * rates[i] - of.external_current[i] - field
            })
            .collect();
        let moved: Vec<f64> = rates.iter().zip(&gradient).map(|(r, g)| r - 0.01 * g).collect();
        // The nearest point with r ≥ 0 and c·r = 0, by bisection of ν in max(0, r − ν·c).
        let at = |nu: f64| moved.iter().zip(c).map(|(r, c)| (r - nu * c).max(0.0)).collect::<Vec<f64>>();
        let (mut low, mut high) = (-100.0, 100.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            let moment: f64 = at(middle).iter().zip(c).map(|(r, c)| r * c).sum();
            if moment > 0.0 { low = middle } else { high = middle }
        }
        let next = at(0.5 * (low + high));
        let change = next.iter().zip(&rates).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        rates = next;
        if change < 1e-14 {
            break;
        }
    }
    rates
}

#[test]
fn coupled_neurons_end_where_the_projected_gradient_does() {
    let (weights, h) = (coupled(9), [3.0, 4.0, 2.0, 5.0, 1.0, 4.0, 3.0, 2.0, 6.0]);
    let c: Vec<f64> = (0..9).map(|i| f64::from(i) - 4.0).collect();
    let of = energy(&weights, &h);
    let expected = by_gradient(of, &c);
    assert!(expected.contains(&0.0) && expected.iter().filter(|r| **r > 0.0).count() > 3, "{expected:?}");
    for check in ALL {
        let found = minimize(of, &constraint(&[&c], 9), &[1.0; 9], check);
        assert!(found.certificate.converged(RESIDUAL_TOLERANCE), "{check:?}: {:?}", found.certificate);
        // A gradient of 1e-12 (steps of 1e-14 at 0.01 a step) over the smallest curvature, far from 1e-7.
        for (rate, expected) in dense(&found, 9).iter().zip(&expected) {
            assert!((rate - expected).abs() < 1e-7, "{check:?}: {rate} instead of {expected}");
        }
        // Found, not stumbled on: Newton's method takes few iterations.
        assert!(found.certificate.iterations < 20, "{check:?}: {}", found.certificate.iterations);
    }
}

#[test]
fn what_is_not_a_number_fails_its_certificate() {
    let weights = WeightMatrix::from_dense(2, &[0.0, f64::NAN, f64::NAN, 0.0]);
    let found =
        minimize(energy(&weights, &[1.0, 1.0]), &constraint(&[], 2), &[1.0, 1.0], SilentCheck::EveryStep);
    assert!(!found.certificate.converged(1.0), "{:?}", found.certificate);
}

#[test]
fn a_workspace_keeps_nothing_of_the_search_before() {
    let (weights, h) = (coupled(9), [3.0; 9]);
    let of = energy(&weights, &h);
    let c: Vec<f64> = (0..9).map(|i| f64::from(i) - 4.0).collect();
    let mut workspace = Workspace::new(Arch::new(), 9);
    let mut found = |c: &[f64], start: &[f64]| {
        let start = StateBuf::from_dense(start);
        workspace.minimize(of, &constraint(&[c], 9), start.view(), SilentCheck::EveryStep).state.rates
    };
    let first = found(&c, &[1.0; 9]);
    let reversed: Vec<f64> = c.iter().rev().copied().collect();
    assert_ne!(found(&reversed, &[0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.5, 0.0, 0.0]), first);
    assert_eq!(found(&c, &[1.0; 9]), first);
}
