//! The slow manifold: what is said of it without simulating, against simulations and against the full Jacobian.

use faer::Mat;
use flatscape::analyze::fixed_points::Kind;
use flatscape::analyze::spectrum::Spectrum;
use flatscape::analyze::tangent::Tangent;
use flatscape::analyze::{Analysis, analyze, velocity_at};
use flatscape::compute::cpu::Cpu;
use flatscape::connectivity::matrix::WeightMatrix;
use flatscape::dynamics::decoding::Scorer;
use flatscape::job::Job;
use flatscape::job::drift_record::Which;
use flatscape::landscape::constraint::window;
use flatscape::landscape::states::StateBuf;
use flatscape::manifold::{Point, Space};
use flatscape::progress::Monitor;
use flatscape::{Config, Model};

fn model(settings: &[&str]) -> Model {
    let mut config = Config::default();
    settings.iter().for_each(|s| config.set(s).unwrap());
    Model::new(config).unwrap()
}

fn analysis(model: &Model, weights: &WeightMatrix, per_map: usize) -> Analysis {
    let monitor = Monitor::silent();
    let job = Job {
        plan: model.plan(),
        network: model.network(),
        backend: &Cpu,
        monitor: &monitor,
        stop: &|| false,
    };
    analyze(&job, weights, Which::Base, per_map).unwrap()
}

/// `τ dδI/dt = −δI + W Φ δI` of all neurons, silent ones too, as a dense matrix that is not symmetric.
#[test]
fn eigenvalues_are_those_of_the_full_jacobian() {
    const TAU: f64 = 0.015;
    let model = model(&["network.neurons=120", "network.maps=2"]);
    let (network, weights) = (model.network(), &model.network().weights);
    let minima = model.minima(weights).unwrap();
    let problem = network.problem(
        weights,
        model.plan().config.flatten.definition,
        model.plan().config.flatten.minimizer,
    );
    for s in [0, 77, 150] {
        let (state, point) = (minima.states.get(s), model.points().get(s));
        let tangent = Tangent::new(&problem, &point, state, minima.multipliers[s], TAU).unwrap();
        let spectrum = Spectrum::new(&problem, state, &tangent.rates, TAU).unwrap();
        let mut gain = vec![0.0; 120];
        state.iter().for_each(|(i, r)| gain[i] = 0.5 / r);
        let jacobian =
            Mat::from_fn(120, 120, |i, j| (weights.row(i)[j] * gain[j] - f64::from(u8::from(i == j))) / TAU);
        let mut expected: Vec<f64> = jacobian.eigenvalues().unwrap().iter().map(|e| e.re).collect();
        expected.sort_by(f64::total_cmp);
        let mut found: Vec<f64> = spectrum.others.iter().chain(&spectrum.tangential).copied().collect();
        let silent = 120 - state.active.len();
        found.extend(vec![-1.0 / TAU; silent]);
        found.sort_by(f64::total_cmp);
        // The full matrix is not symmetric: its eigenvalues, of some 10⁴/s, are good to rounding by its condition.
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-5, "point {s}: {worst:e}");
        assert_eq!(spectrum.tangential.len(), 1);
        assert!(spectrum.others.iter().all(|e| *e < spectrum.tangential[0]), "{spectrum:?}");
    }
}

#[test]
fn slopes_are_the_differences_of_the_energies() {
    let model = model(&["network.neurons=150", "network.maps=2"]);
    let found = analysis(&model, &model.network().weights, 1200);
    let places = &found.places[..1200];
    let step = 150.0 / 1200.0;
    let largest = places.iter().map(|p| p.slope[0].abs()).fold(0.0, f64::max);
    let mut wrong = Vec::new();
    for k in 1..1199 {
        let difference = (places[k + 1].energy - places[k - 1].energy) / (2.0 * step);
        let error = (difference - places[k].slope[0]).abs();
        // The slope itself has kinks where neurons join a bump, two or so for each neuron, and a minimum may change
        // branch between two points, where the energy jumps: nearly everywhere both agree.
        if !(error < 0.05 * largest) {
            wrong.push((places[k].position[0], difference, places[k].slope[0]));
        }
    }
    assert!(wrong.len() < 60, "{} of 1198 slopes disagree, largest {largest}: {wrong:?}", wrong.len());
}

/// Where the constraint has a state: the point about which the displacements within the window balance.
fn centre(space: &Space, places: &[[f64; 2]], rates: &[f64], near: f64) -> f64 {
    let mut x = near;
    for _ in 0..50 {
        let counted = places.iter().zip(rates).map(|(place, r)| (space.displacement([x, 0.0], *place)[0], r));
        let counted: Vec<(f64, f64)> =
            counted.filter(|(d, r)| d.abs() <= window(space) && **r > 0.0).map(|(d, r)| (d, *r)).collect();
        let total: f64 = counted.iter().map(|c| c.1).sum();
        x += counted.iter().map(|(d, r)| d * r).sum::<f64>() / total;
    }
    x
}

/// Velocities of bumps that have come down to their manifold, by their centre, against θ̇ where they are halfway.
#[test]
fn velocities_are_those_of_simulated_bumps() {
    let model = model(&[
        "network.neurons=300",
        "network.maps=3",
        "flatten.iterations=3",
        "flatten.ridge=1e-6",
        "flatten.points_per_map=300",
        "measure.starts_per_map=20",
    ]);
    let flattened = model.flatten().unwrap().weights();
    let maps = &model.network().maps;
    let scorer = Scorer::new(maps, &model.network().bumps);
    let flatten = &model.plan().config.flatten;
    // Before flattening, slides of some 10/s are not much slower than the shape follows (40/s): θ̇ is first order in their
    // ratio. After it they are.
    let cases =
        [(&model.network().weights, [150.0, 155.0, 160.0], 0.12), (&flattened, [800.0, 810.0, 820.0], 0.05)];
    for (weights, times, tolerance) in cases {
        let problem = model.network().problem(weights, flatten.definition, flatten.minimizer);
        let starts = model.starts();
        let runs = model.simulate(weights, &model.bump_currents(&starts), &times).unwrap();
        let mut errors = Vec::new();
        for (start, run) in starts.iter().zip(&runs) {
            let space = maps.space(start.map);
            let at: Vec<f64> = run
                .snapshots
                .iter()
                .map(|r| centre(space, maps.places(start.map), r, scorer.phase(start.map, r)[0]))
                .collect();
            let moved = (at[2] - at[0]) / ((times[2] - times[0]) / 1000.0);
            let place = space.walk([at[1], 0.0], [0.0; 2]);
            let point = Point::free(start.map, &maps.group(start.map).lattice, place);
            let state = StateBuf::from_dense(&run.snapshots[1]);
            let predicted = velocity_at(&problem, &point, state.view(), 0.015).map_or(f64::NAN, |v| v[0]);
            if moved.abs() > 1e-3 && predicted.is_finite() {
                errors.push(((predicted / moved - 1.0).abs(), moved, predicted));
            }
        }
        errors.sort_by(|a, b| a.0.total_cmp(&b.0));
        let median = errors[errors.len() / 2].0;
        assert!(
            errors.len() >= 20 && median < tolerance,
            "{} bumps, median {median}: {errors:?}",
            errors.len()
        );
    }
}

#[test]
fn a_single_ring_is_a_continuum_and_two_are_not() {
    let one = model(&["network.neurons=120", "network.maps=1"]);
    let two = model(&["network.neurons=120", "network.maps=2"]);
    let flat = analysis(&one, &one.network().weights, 120);
    let rough = analysis(&two, &two.network().weights, 480);
    // On the neurons themselves the single map's bump rests exactly.
    assert!(flat.figures.eta < 1e-6 && rough.figures.eta > 1.0, "{} {}", flat.figures.eta, rough.figures.eta);
    for map in &rough.figures.maps {
        assert_eq!(map.stable, map.saddles, "stable points and saddles take turns on a ring: {map:?}");
        assert!(map.stable > 0 && map.basin_entropy_bits.unwrap() <= (map.stable as f64).log2() + 1e-12);
        assert!(map.tangential.unwrap() < 0.0 && map.gap.unwrap() > 0.0);
    }
    for map in 0..2 {
        let basins: f64 = rough.rests.iter().filter(|r| r.map == map).filter_map(|r| r.basin).sum();
        assert!((basins - 120.0).abs() < 1e-6, "{basins}");
    }
    let stable: Vec<f64> = rough
        .rests
        .iter()
        .filter(|r| r.kind == Kind::Stable)
        .filter_map(|r| r.tangential.first().copied())
        .collect();
    // Where the slope jumps, as another branch of minima takes over, a bump rests without a linear reason.
    let falling = stable.iter().filter(|rate| **rate < 0.0).count();
    assert!(falling * 10 >= stable.len() * 8, "{stable:?}");
}
