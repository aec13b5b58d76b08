//! The slow manifold: what is said of it without simulating, against simulations and against the full Jacobian.

use faer::Mat;
use flatscape::analyze::fixed_points::Kind;
use flatscape::analyze::spectrum::Spectrum;
use flatscape::analyze::tangent::Tangent;
use flatscape::analyze::{Analysis, Rest, analyze, tangent_at};
use flatscape::compute::cpu::Cpu;
use flatscape::connectivity::matrix::WeightMatrix;
use flatscape::dynamics::decoding::Scorer;
use flatscape::dynamics::trajectories::Trajectory;
use flatscape::job::Job;
use flatscape::job::drift_record::Which;
use flatscape::landscape::constraint::window;
use flatscape::landscape::states::StateBuf;
use flatscape::manifold::{Point, Space, Vector, length};
use flatscape::progress::Monitor;
use flatscape::{Config, Model};

/// Of the default configuration (s).
const TAU: f64 = 0.015;

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
fn centre(space: &Space, places: &[Vector], rates: &[f64], near: Vector) -> Vector {
    let mut x = near;
    for _ in 0..50 {
        let ways = places.iter().zip(rates).map(|(place, r)| (space.displacement(x, *place), *r));
        let (mut moment, mut total) = ([0.0; 2], 0.0);
        for (way, r) in ways.filter(|(way, r)| length(*way) <= window(space) && *r > 0.0) {
            moment = [moment[0] + way[0] * r, moment[1] + way[1] * r];
            total += r;
        }
        x = space.walk(x, moment.map(|m| m / total));
    }
    x
}

/// Of bumps that have come down to their manifold, by their centre at three times (ms): the relative error of θ̇ and of θ̇ with
/// the lag where they are halfway, and their velocity.
fn errors_of_velocities(model: &Model, weights: &WeightMatrix, times: [f64; 3]) -> Vec<(f64, f64, Vector)> {
    let flatten = &model.plan().config.flatten;
    let problem = model.network().problem(weights, flatten.definition, flatten.minimizer);
    let maps = &model.network().maps;
    let scorer = Scorer::new(maps, &model.network().bumps);
    let starts = model.starts();
    let runs = model.simulate(weights, &model.bump_currents(&starts), &times).unwrap();
    let error = |(start, run): (&Point, &Trajectory)| {
        let space = maps.space(start.map);
        let at: Vec<Vector> = run
            .snapshots
            .iter()
            .map(|r| centre(space, maps.places(start.map), r, scorer.phase(start.map, r)))
            .collect();
        let moved = space.displacement(at[0], at[2]).map(|way| way / ((times[2] - times[0]) / 1000.0));
        let point = Point::free(start.map, &maps.group(start.map).lattice, at[1]);
        let state = StateBuf::from_dense(&run.snapshots[1]);
        let tangent = tangent_at(&problem, &point, state.view(), TAU)?;
        let error = |v: Vector| length([v[0] - moved[0], v[1] - moved[1]]) / length(moved);
        (length(moved) > 1e-3).then(|| (error(tangent.velocity), error(tangent.lagging_velocity), moved))
    };
    starts.iter().zip(&runs).filter_map(error).collect()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn assert_predicted(errors: &[(f64, f64, Vector)], tolerance: f64) {
    let (plain, lagging) = (median(errors.iter().map(|e| e.0)), median(errors.iter().map(|e| e.1)));
    let said = format!("{} bumps, median {plain}, with lag {lagging}: {errors:?}", errors.len());
    assert!(errors.len() >= 15 && lagging < tolerance && lagging < plain, "{said}");
}

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
    // Before flattening, velocities change at some 10/s, not much slower than the shape follows (40/s): what is of second
    // order in their ratio is left, and bumps that pass a kink of the landscape. After it they change slowly.
    let before = errors_of_velocities(&model, &model.network().weights, [150.0, 155.0, 160.0]);
    assert_predicted(&before, 0.05);
    let after = errors_of_velocities(&model, &flattened, [800.0, 810.0, 820.0]);
    assert_predicted(&after, 0.005);
}

#[test]
fn velocities_on_a_torus_are_those_of_simulated_bumps() {
    let text = "[network]\nneurons = 400\nseed = 1\n[[maps]]\nshape = \"torus\"\ncount = 2\nsides = [20, 20]\n\
        kernel = { width = 2.0 }\n[measure]\nstarts_per_map = 16\n";
    let model = Model::new(Config::parse(text, "test").unwrap()).unwrap();
    let errors = errors_of_velocities(&model, &model.network().weights, [400.0, 405.0, 410.0]);
    // After 150 ms some bumps, of 20 neurons here, have not come down to their manifold yet.
    assert_predicted(&errors, 0.05);
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
    // Every kind on every map has some, though the kinds take turns and not all are computed.
    for (map, kind) in [(0, Kind::Stable), (0, Kind::Saddle), (1, Kind::Stable), (1, Kind::Saddle)] {
        let computed = |r: &&Rest| r.map == map && r.kind == kind && !r.tangential.is_empty();
        assert!((5..=25).contains(&rough.rests.iter().filter(computed).count()), "map {map}, {kind:?}");
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

#[test]
fn kinds_of_rests_on_a_torus_are_those_of_their_eigenvalues() {
    let text = "[network]\nneurons = 400\nseed = 1\n[[maps]]\nshape = \"torus\"\ncount = 2\nsides = [20, 20]\n\
        kernel = { width = 2.0 }\n";
    let model = Model::new(Config::parse(text, "test").unwrap()).unwrap();
    let found = analysis(&model, &model.network().weights, 1600);
    // Across the manifold a constrained minimum is one: as many eigenvalues rise as the landscape falls in directions along it,
    // whichever of them are said to be the tangential ones.
    let rising =
        |r: &&&Rest| r.tangential.iter().filter(|e| **e > 0.0).count() + usize::from(r.gap.unwrap() < 0.0);
    for (kind, expected) in [(Kind::Stable, 0), (Kind::Saddle, 1), (Kind::Unstable, 2)] {
        let known: Vec<&Rest> =
            found.rests.iter().filter(|r| r.kind == kind && r.settled && !r.tangential.is_empty()).collect();
        let wrong: Vec<&&Rest> = known.iter().filter(|r| rising(r) != expected).collect();
        assert!(known.len() > 10 && wrong.is_empty(), "{kind:?}, {}: {wrong:?}", known.len());
    }
}
