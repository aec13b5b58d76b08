//! The weight solve without the Gram matrix, against the one with it.

#[path = "common/compare.rs"]
mod compare;

use compare::{Mismatches, same};
use flatscape::compute::backend::Backend;
use flatscape::compute::cpu::Cpu;
use flatscape::connectivity::Kernel;
use flatscape::connectivity::matrix::WeightMatrix;
use flatscape::landscape::problem::{Definition, Minima, Minimizer, Start};
use flatscape::landscape::states::{StateBuf, States};
use flatscape::manifold::Maps;
use flatscape::manifold::Points;
use flatscape::network::Network;
use flatscape::progress::Tick;
use flatscape::solve::bands::Bands;
use flatscape::solve::manifolds::Manifolds;
use flatscape::solve::{conjugate, direct};

/// Constrained minima of a network, with far neurons among their active ones.
fn minima(neurons: usize, maps: usize, per_map: usize) -> (Network, Minima) {
    let kernel = Kernel::PAPER.scaled_to(neurons);
    let network = Network::new(Maps::random(neurons, maps, 1, 0), kernel, 10.0).unwrap();
    let points = Points::fitted(&network.maps, per_map);
    let problem = network.problem(&network.weights, Definition::Kkt, Minimizer::Newton);
    let found = Cpu.minima(&problem, points, Start::Idealized, &Tick::silent()).unwrap();
    (network, found)
}

/// Fails if two weight changes differ by more than so much of the largest weight, or if twice that would not be seen.
fn same_weights(what: &str, found: &WeightMatrix, expected: &WeightMatrix, tolerance: f64) {
    same(what, &found.to_dense(), &expected.to_dense(), 0.0, tolerance);
}

fn differs(found: &WeightMatrix, expected: &WeightMatrix, tolerance: f64) -> bool {
    let (found, expected) = (found.to_dense(), expected.to_dense());
    !Mismatches::relative("weight change", &found, &expected, tolerance).indices().is_empty()
}

#[test]
fn products_are_those_of_the_definition() {
    for (neurons, maps, per_map) in [(200, 4, 200), (150, 3, 37), (61, 2, 100), (40, 1, 7)] {
        let (network, found) = minima(neurons, maps, per_map);
        let points = Points::fitted(&network.maps, per_map);
        let bands = Bands::new(Manifolds { states: &found.states, maps: &network.maps, points, at_each: 1 });
        let alpha: Vec<f64> = (0..points.len()).map(|s| (s as f64).sin()).collect();
        let expected = direct::weight_gradient(&found.states, &alpha);
        // Poisoned: what is not written shows.
        let mut product = WeightMatrix::from_dense(neurons, &vec![f64::NAN; neurons * neurons]);
        bands.forward(&alpha, &mut product);
        // Sums of S products of size 100, in another order.
        same_weights(&format!("X, {neurons}, {per_map}"), &product, &expected, 1e-12);
        let (found, expected) = (bands.response(&product), direct::response(&expected, &found.states));
        same(&format!("response, {neurons}, {per_map}"), &found, &expected, 0.0, 1e-11);
        if maps > 2 {
            assert!(bands.far_fraction() > 0.0, "far neurons are not tested");
        }
    }
}

#[test]
fn weight_change_is_that_of_the_direct_solve() {
    for (neurons, maps, per_map, ridge) in [(200, 2, 200, 1e-4), (200, 2, 400, 1e-4), (200, 3, 120, 1e-7)] {
        let (network, found) = minima(neurons, maps, per_map);
        let points = Points::fitted(&network.maps, per_map);
        let direct = direct::solve(&found.states, &found.energies, ridge, &Tick::silent()).unwrap();
        let manifolds = Manifolds { states: &found.states, maps: &network.maps, points, at_each: 1 };
        let solve = |accuracy| {
            conjugate::solve(manifolds, &found.energies, ridge, accuracy, &Tick::silent()).unwrap()
        };
        let (update, convergence) = solve(1e-10);
        same_weights(&format!("{neurons}, {per_map}: {convergence:?}"), &update.delta, &direct.delta, 1e-6);
        assert!((update.levels[0] - direct.levels[0]).abs() < 1e-9 * direct.levels[0].abs());
        let (loose, convergence) = solve(0.1);
        assert!(differs(&loose.delta, &direct.delta, 1e-6), "a loose solve is as good: {convergence:?}");
        assert!(convergence.reached <= 0.1 && convergence.iterations <= 12, "{convergence:?}");
    }
}

#[test]
fn two_states_at_each_point_are_flattened_as_by_the_direct_solve() {
    let (network, found) = minima(200, 2, 400);
    let points = Points::fitted(&network.maps, 400);
    let bumps: Vec<StateBuf> = points.iter().map(|p| network.bumps.at(&network.maps, &p)).collect();
    let both = found.states.iter().zip(&bumps).flat_map(|(minimum, bump)| [minimum, bump.view()]);
    let states = States::pack(200, both);
    let energies = network.energy(&network.weights).of_states(&states);
    let direct = direct::solve(&states, &energies, 1e-3, &Tick::silent()).unwrap();
    let manifolds = Manifolds { states: &states, maps: &network.maps, points, at_each: 2 };
    // Every other row lies at the same point as the one before it; were it taken for the next point's, half the rates would
    // lie beyond the band.
    let bands = Bands::new(manifolds);
    assert!(bands.far_fraction() < 0.01, "{}", bands.far_fraction());
    let solve = |accuracy| conjugate::solve(manifolds, &energies, 1e-3, accuracy, &Tick::silent()).unwrap();
    // The accuracy asked for, times the system's condition, 1e3 by the ridge, with a factor of ten to spare.
    let (update, convergence) = solve(1e-10);
    same_weights(&format!("{convergence:?}"), &update.delta, &direct.delta, 1e-6);
    assert!((update.levels[0] - direct.levels[0]).abs() < 1e-9 * direct.levels[0].abs());
    let (loose, _) = solve(0.1);
    assert!(differs(&loose.delta, &direct.delta, 1e-6), "a loose solve is as good");
}

#[test]
fn threads_do_not_change_a_bit() {
    let (network, found) = minima(120, 3, 60);
    let points = Points::fitted(&network.maps, 60);
    let manifolds = Manifolds { states: &found.states, maps: &network.maps, points, at_each: 1 };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let solved = conjugate::solve(manifolds, &found.energies, 1e-4, 1e-6, &Tick::silent());
            solved.unwrap().0.delta.to_dense()
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn coinciding_states_need_a_ridge() {
    let (network, found) = minima(100, 1, 100);
    let points = Points::fitted(&network.maps, 100);
    let twice = States::pack(100, found.states.iter().flat_map(|s| [s, s]));
    let energies: Vec<f64> = (0..200).map(|s| (s as f64).sin()).collect();
    let manifolds = Manifolds { states: &twice, maps: &network.maps, points, at_each: 2 };
    let refused = conjugate::solve(manifolds, &energies, 0.0, 1e-3, &Tick::silent()).err().unwrap();
    assert!(refused.to_string().contains("flatten.ridge"), "{refused}");
}
