//! What must hold for every network, whatever its numbers.

use flatscape::compute::backend::Backend;
use flatscape::compute::cpu::Cpu;
use flatscape::connectivity::Kernel;
use flatscape::connectivity::matrix::WeightMatrix;
use flatscape::dynamics::decoding::Scorer;
use flatscape::landscape::problem::{Definition, Minima, Minimizer, Start};
use flatscape::landscape::roughness::Roughness;
use flatscape::landscape::states::State;
use flatscape::manifold::Maps;
use flatscape::manifold::{Point, Points};
use flatscape::network::Network;
use flatscape::progress::Tick;
use flatscape::solve::direct;
use proptest::prelude::*;

fn network(maps: Maps) -> Network {
    let kernel = Kernel::PAPER.scaled_to(maps.neurons());
    Network::new(maps, kernel, 10.0).expect("the paper's kernel has a bump at every size")
}

fn minima(
    network: &Network,
    weights: &WeightMatrix,
    points: Points<'_>,
    with: (Definition, Minimizer),
) -> Minima {
    let problem = network.problem(weights, with.0, with.1);
    Cpu.minima(&problem, points, Start::Idealized, &Tick::silent()).unwrap()
}

const KKT: (Definition, Minimizer) = (Definition::Kkt, Minimizer::Newton);
const PAPER_NEWTON: (Definition, Minimizer) = (Definition::Paper, Minimizer::Newton);
const PAPER_DESCENT: (Definition, Minimizer) = (Definition::Paper, Minimizer::Descent);

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn weights_are_symmetric_with_zero_diagonal(neurons in 60_usize..140, maps in 1_usize..4, seed in 0_u64..1000) {
        let maps = Maps::random(neurons, maps, seed, 0);
        let network = network(maps);
        let points = Points::fitted(&network.maps, neurons / 2);
        let found = minima(&network, &network.weights, points, KKT);
        let update = direct::solve(&found.states, &found.energies, 1e-6, &Tick::silent()).unwrap();
        for matrix in [&network.weights, &update.delta] {
            for i in 0..neurons {
                prop_assert_eq!(matrix.row(i)[i], 0.0);
                for j in 0..i {
                    prop_assert_eq!(matrix.row(i)[j], matrix.row(j)[i]);
                }
            }
        }
    }

    #[test]
    fn relabelling_neurons_relabels_everything(seed in 0_u64..1000, relabelling in 0_u64..1000) {
        let neurons = 100;
        let maps = Maps::random(neurons, 2, seed, 0);
        let label: Vec<usize> =
            Maps::random(neurons, 1, relabelling, 1).sites(0).iter().map(|&p| p as usize).collect();
        let mut positions = vec![0; 2 * neurons];
        for map in 0..2 {
            for (neuron, &p) in maps.sites(map).iter().enumerate() {
                positions[map * neurons + label[neuron]] = p;
            }
        }
        let (one, other) = (network(maps), network(Maps::from_positions(neurons, positions).unwrap()));
        let points = Points::fitted(&one.maps, neurons);
        let (a, b) = (minima(&one, &one.weights, points, PAPER_NEWTON), minima(&other, &other.weights, Points::fitted(&other.maps, neurons), PAPER_NEWTON));
        let (dense_a, dense_b) = (a.states.to_dense(), b.states.to_dense());
        let (scorer_a, scorer_b) = (Scorer::new(&one.maps, &one.bumps), Scorer::new(&other.maps, &other.bumps));
        for s in 0..points.len() {
            // Sums run in another order, and minima are converged to 1e-9 Hz².
            prop_assert!((a.energies[s] - b.energies[s]).abs() < 1e-9 * a.energies[s].abs());
            let (row_a, row_b) = (&dense_a[s * neurons..][..neurons], &dense_b[s * neurons..][..neurons]);
            for i in 0..neurons {
                prop_assert!((row_a[i] - row_b[label[i]]).abs() < 1e-5, "state {s}, neuron {i}");
            }
            let (place_a, place_b) = (scorer_a.best_fit(row_a), scorer_b.best_fit(row_b));
            prop_assert_eq!((place_a.map, place_a.location), (place_b.map, place_b.location));
        }
        let update = |m: &Minima| direct::solve(&m.states, &m.energies, 1e-4, &Tick::silent()).unwrap().delta;
        let (update_a, update_b) = (update(&a), update(&b));
        for i in 0..neurons {
            for j in 0..neurons {
                prop_assert!((update_a.row(i)[j] - update_b.row(label[i])[label[j]]).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn energy_never_rises_along_trajectories(seed in 0_u64..1000, base in 0_i64..100) {
        let network = network(Maps::random(100, 3, seed, 0));
        let point = Point::on_lattice(1, &network.maps.group(1).lattice, [base, 0], [0.0; 2]);
        let mut current = vec![0.0; 100];
        network.bumps.current_at(&network.maps, &point, &mut current);
        let dynamics =
            network.dynamics(&network.weights, 0.2 / 15.0);
        let runs = Cpu.trajectories(&dynamics, &[current], &[0, 3000], &Tick::silent()).unwrap();
        prop_assert_eq!(runs[0].energy_rises, 0);
        prop_assert!(runs[0].energies[1] < runs[0].energies[0]);
    }
}

#[test]
fn a_single_map_is_flat() {
    let network = network(Maps::random(120, 1, 4, 0));
    let points = Points::fitted(&network.maps, 120);
    for with in [KKT, PAPER_NEWTON] {
        let found = minima(&network, &network.weights, points, with);
        let roughness = Roughness::of_minima(&found, &points.levels());
        // Every state is the same bump shifted; only the order of additions differs.
        assert!(roughness.peak < 1e-9 * roughness.mean.abs(), "{roughness:?}");
        assert!(found.certificates.iter().all(|c| c.converged(1e-8) && c.overlap > 1.0 - 1e-9));
    }
}

#[test]
fn constrained_minima_lie_below_idealized_bumps() {
    let network = network(Maps::random(120, 3, 4, 0));
    let points = Points::fitted(&network.maps, 120);
    let bumps: Vec<_> = points.iter().map(|p| network.bumps.at(&network.maps, &p)).collect();
    let states = flatscape::landscape::states::States::pack(120, bumps.iter().map(|b| b.view()));
    let idealized = network.energy(&network.weights).of_states(&states);
    for with in [KKT, PAPER_NEWTON] {
        let found = minima(&network, &network.weights, points, with);
        assert!(found.energies.iter().zip(&idealized).all(|(found, idealized)| found < idealized));
    }
}

/// ∂E/∂M_ij = −½ r_i r_j for each of the two entries, so −r_i r_j for a symmetric change (eq. S24). The state's own
/// response enters in second order: central differences leave an error of the step squared.
#[test]
fn energy_gradient_with_respect_to_weights() {
    let network = network(Maps::random(120, 2, 8, 0));
    let points = Points::fitted(&network.maps, 120).every(30);
    for with in [KKT, PAPER_NEWTON] {
        let found = minima(&network, &network.weights, points, with);
        for s in 0..points.len() {
            let state: State<'_> = found.states.get(s);
            let (i, j) = (state.active[2] as usize, state.active[state.active.len() - 3] as usize);
            let step = 1e-4;
            let energy_at = |change: f64| {
                let mut weights = network.weights.clone();
                weights.row_mut(i)[j] += change;
                weights.row_mut(j)[i] += change;
                minima(&network, &weights, points, with).energies[s]
            };
            let slope = (energy_at(step) - energy_at(-step)) / (2.0 * step);
            let expected = -state.rates[2] * state.rates[state.rates.len() - 3];
            // Third derivatives are of order 1e2 times the slope; rounding of |E| ≈ 1e4 over the step is 1e-8.
            assert!(
                (slope - expected).abs() < 1e-5 * expected.abs() + 1e-6,
                "{with:?} {s}: {slope} {expected}"
            );
        }
    }
}

/// The literal descent stops with residuals and moves the centre of mass a little, because finite steps hold it to
/// first order. Where it converges it must agree, and nowhere may it be lower by more than that explains.
#[test]
fn newton_and_descent_agree() {
    let network = network(Maps::random(120, 2, 8, 0));
    let points = Points::fitted(&network.maps, 120).every(8);
    let newton = minima(&network, &network.weights, points, PAPER_NEWTON);
    let descent = minima(&network, &network.weights, points, PAPER_DESCENT);
    let mut agree = 0;
    for s in 0..points.len() {
        let (certificate, state) = (descent.certificates[s], descent.states.get(s));
        let total: f64 = state.rates.iter().sum();
        // A bump that is off by δ gains λ·δ·Σr; a residual g over curvatures of at least 1 Hz gains a·g²/2.
        let force = newton.multipliers[s][0].abs().max(descent.multipliers[s][0].abs());
        let explained = 1.5 * force * certificate.displacement * total
            + 0.5 * state.active.len() as f64 * certificate.stationarity.powi(2)
            + 1e-6;
        let difference = descent.energies[s] - newton.energies[s];
        assert!(
            difference > -explained,
            "state {s}: descent lower by {} > {explained}: {certificate:?}",
            -difference
        );
        agree += usize::from(difference.abs() <= explained.max(1e-5 * newton.energies[s].abs()));
    }
    assert!(agree * 10 >= points.len() * 9, "{agree} of {} minima agree", points.len());
}
