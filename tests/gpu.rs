//! Every kernel against its CPU function, on a small network and whatever adapter there is.
//!
//! `eval "$(tests/install-vulkan.sh)"` provides a software one. With FLATSCAPE_REQUIRE_GPU=1 a missing adapter is a
//! failure; otherwise these tests say that they were skipped.

use flatscape::backend::{Backend, Cpu};
use flatscape::error::Error;
use flatscape::gpu::{self, Choice, Conditions, Gpu, Precision, Verdict};
use flatscape::minimum::{Definition, Minima, Minimizer, Problem, Start};
use flatscape::network::{Kernel, Maps, Network, periodic_displacement};
use flatscape::progress::Tick;
use flatscape::score::Scorer;
use flatscape::states::{Points, StateBuf, States};
use flatscape::trajectory::{Dynamics, Trajectory};
use flatscape::weights;

const NEURONS: usize = 120;

/// A GPU whose fresh buffers hold NaN, or `None` after saying so.
fn gpu_under(conditions: Conditions) -> Option<Gpu> {
    match Gpu::under(None, Conditions { poison: true, ..conditions }) {
        Ok(gpu) => {
            assert_ne!(gpu.describe(), Cpu.describe(), "the CPU would be compared with itself");
            Some(gpu)
        }
        Err(why) if std::env::var("FLATSCAPE_REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{why}"),
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}

macro_rules! gpu_or_return {
    ($conditions:expr) => {
        match gpu_under($conditions) {
            Some(gpu) => gpu,
            None => return,
        }
    };
}

fn network(neurons: usize, maps: usize) -> Network {
    let kernel = Kernel { amplitude: 0.665, width: 15.0, inhibition: -0.2076 }.scaled_to(neurons);
    Network::new(Maps::random(neurons, maps, 3, 0), kernel, 10.0, &[0.0, 0.25, 0.5]).unwrap()
}

fn problem(network: &Network, definition: Definition) -> Problem<'_> {
    Problem {
        weights: &network.weights,
        external_current: network.external_current,
        maps: &network.maps,
        bumps: &network.bumps,
        definition,
        minimizer: Minimizer::Newton,
    }
}

fn dynamics(network: &Network) -> Dynamics<'_> {
    Dynamics { weights: &network.weights, external_current: network.external_current, step: 0.2 / 15.0 }
}

fn starts(network: &Network, count: usize) -> Vec<Vec<f64>> {
    let neurons = network.neurons();
    (0..count)
        .map(|s| {
            let mut current = vec![0.0; neurons];
            let base = (s * 7) % neurons;
            network.bumps.current_at(&network.maps, s % network.maps.count(), base, &mut current);
            current
        })
        .collect()
}

/// Elements that differ by more than `atol + rtol·scale`, scale being the largest expected one. NaN always differs.
fn mismatches(found: &[f64], expected: &[f64], atol: f64, rtol: f64) -> Vec<String> {
    let scale = expected.iter().fold(0.0, |scale: f64, e| scale.max(e.abs()));
    let tolerance = atol + rtol * scale;
    let mut lines = Vec::new();
    if found.len() != expected.len() {
        lines.push(format!("{} values instead of {}", found.len(), expected.len()));
    }
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        if !((a - b).abs() <= tolerance) {
            lines.push(format!("[{i}]: {a} instead of {b}, off by {:e} > {tolerance:e}", (a - b).abs()));
        }
    }
    lines
}

/// Fails with all differences together; and fails if the comparison itself would have let one wrong element through.
fn same(what: &str, found: &[f64], expected: &[f64], atol: f64, rtol: f64) {
    assert!(!expected.is_empty(), "{what}: nothing to compare");
    let differences = mismatches(found, expected, atol, rtol);
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let scale = expected.iter().fold(0.0, |scale: f64, e| scale.max(e.abs()));
    println!("{what}: largest difference {worst:.2e} of {scale:.3e}, {:.1e} allowed", atol + rtol * scale);
    let perturbation = 2.1 * (atol + rtol * scale);
    for i in (0..found.len()).step_by(found.len().div_ceil(40)).chain([found.len() - 1]) {
        for wrong in [found[i] + perturbation, f64::NAN] {
            let mut changed = found.to_vec();
            changed[i] = wrong;
            assert_eq!(mismatches(&changed, expected, atol, rtol).len(), 1, "{what}[{i}] = {wrong} passed");
        }
    }
}

#[test]
fn the_comparison_can_fail() {
    assert_eq!(mismatches(&[1.0, f64::NAN], &[1.0, 2.0], 1.0, 1.0).len(), 1);
    assert_eq!(mismatches(&[1.0], &[1.0, 2.0], 1.0, 1.0).len(), 1);
    assert_eq!(mismatches(&[1.0, 2.3], &[1.0, 2.0], 0.0, 0.1).len(), 1);
    assert_eq!(mismatches(&[1.0, 2.1], &[1.0, 2.0], 0.0, 0.1).len(), 0);
}

#[test]
fn the_adapter_passes_its_self_test_and_is_described() {
    let gpu = gpu_or_return!(Conditions::default());
    println!("{}", gpu.report());
    assert!(gpu::list().iter().any(|report| report.verdict == Verdict::Passed));
    assert!(gpu.describe().contains(&gpu.report().name));
}

#[test]
fn a_backend_is_chosen_with_its_reason_and_gpu_never_falls_back() {
    let (cpu, reason) = gpu::choose(Choice::Cpu, None).unwrap();
    assert_eq!(cpu.describe(), Cpu.describe());
    assert!(reason.contains("asked for"));
    for choice in [Choice::Gpu, Choice::Auto] {
        match gpu::choose(choice, Some("no adapter is called this")) {
            Err(error @ Error::Device(_)) => {
                assert_eq!(error.exit_code(), 3);
                assert!(error.to_string().contains("--backend cpu"), "{error}");
            }
            _ => panic!("{choice:?} accepted an adapter that is not there"),
        }
    }
    let gpu = gpu_or_return!(Conditions::default());
    let (auto, reason) = gpu::choose(Choice::Auto, None).unwrap();
    if gpu.report().kind.is_hardware() {
        assert_eq!(auto.describe(), gpu.describe());
    } else {
        assert_eq!(auto.describe(), Cpu.describe());
        assert!(reason.contains(&gpu.report().name), "{reason}");
    }
    assert_eq!(gpu::choose(Choice::Gpu, None).unwrap().0.describe(), gpu.describe());
}

fn run(backend: &dyn Backend, network: &Network, starts: &[Vec<f64>], at: &[usize]) -> Vec<Trajectory> {
    backend.trajectories(&dynamics(network), starts, at, &Tick::silent(), &|| false).unwrap().unwrap()
}

/// Snapshot `k` of all runs, as r² = max(I, 0): the square root magnifies rounding where a neuron falls silent.
fn squares(runs: &[Trajectory], k: usize) -> Vec<f64> {
    runs.iter().flat_map(|run| run.snapshots[k].iter().map(|r| r * r)).collect()
}

#[test]
fn trajectories() {
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS, 2);
    let starts = starts(&network, 21);
    let at = [0, 1, 40, 400, 400];
    let (found, expected) = (run(&gpu, &network, &starts, &at), run(&Cpu, &network, &starts, &at));
    for (k, step) in at.iter().enumerate() {
        // A step rounds currents, rates and sums of 40 terms, some 2⁻²¹ together; errors add up while the dynamics
        // contract everything but the position, along which they grow with the drift.
        let rtol = if *step < 2 { 1e-6 } else { 1e-5 };
        same(&format!("r² after {step}"), &squares(&found, k), &squares(&expected, k), 0.0, rtol);
        let energies = |runs: &[Trajectory]| -> Vec<f64> { runs.iter().map(|r| r.energies[k]).collect() };
        // The energy's gradient is small on the manifold.
        same(&format!("energies after {step}"), &energies(&found), &energies(&expected), 0.0, rtol);
    }
    assert!(found.iter().all(|run| run.energy_rises == 0), "the energy rose");
}

#[test]
fn trajectories_end_where_they_end_on_the_cpu() {
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS, 3);
    let starts = starts(&network, 60);
    let at = [3000];
    let scorer = Scorer::new(&network.maps, &network.bumps);
    let places = |runs: &[Trajectory]| -> Vec<(usize, f64)> {
        let places = runs.iter().map(|run| scorer.place(&run.snapshots[0]));
        places.map(|place| (place.map, place.location as f64)).collect()
    };
    let found = places(&run(&gpu, &network, &starts, &at));
    let expected = places(&run(&Cpu, &network, &starts, &at));
    let apart = |(a, b): &(&(usize, f64), &(usize, f64))| {
        a.0 != b.0 || periodic_displacement(a.1, b.1, NEURONS as f64).abs() > 1.0
    };
    let differing = found.iter().zip(&expected).filter(apart).count();
    println!("{differing} of {} end elsewhere", found.len());
    assert!(differing * 50 <= found.len(), "{differing} of {} end elsewhere", found.len());
}

#[test]
fn more_active_neurons_than_a_list_holds_and_weights_in_parts() {
    // Everybody is active: five pieces of the list. Rows that are no whole number of quads, more quads than threads; two
    // parts of W, and two batches of states.
    let network = network(1101, 1);
    let starts: Vec<Vec<f64>> =
        (0..30).map(|s| (0..1101).map(|i| 20.0 + f64::from((i * (s + 3)) % 17)).collect()).collect();
    let expected = run(&Cpu, &network, &starts, &[3]);
    for most in [None, Some(700 * 1104 * 4)] {
        let gpu = gpu_or_return!(Conditions { most_binding: most, ..Conditions::default() });
        let found = run(&gpu, &network, &starts, &[3]);
        // Sums of 1101 terms of both signs, as large as 3000 together: rounding of some 2⁻²⁴ · √1101 of that.
        same("r² with everybody active", &squares(&found, 0), &squares(&expected, 0), 1e-2, 0.0);
    }
}

#[test]
fn stopping_ends_a_run() {
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS, 2);
    let stopped =
        gpu.trajectories(&dynamics(&network), &starts(&network, 8), &[100_000], &Tick::silent(), &|| true);
    assert!(stopped.unwrap().is_none());
}

fn minima(backend: &dyn Backend, problem: &Problem<'_>, points: Points, start: Start<'_>) -> Minima {
    let done = std::sync::atomic::AtomicU64::new(0);
    let count = |n| {
        done.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
    };
    let minima = backend.minima(problem, points, start, &Tick::new(&count)).unwrap();
    assert_eq!(done.into_inner(), points.len() as u64, "progress is told of every point");
    minima
}

#[test]
fn minima_are_those_of_the_cpu() {
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS, 3);
    let points = Points::fitted(&network.maps, NEURONS);
    for definition in [Definition::Kkt, Definition::Paper] {
        let problem = problem(&network, definition);
        for points in [points, points.held_out()] {
            let began = std::time::Instant::now();
            let found = minima(&gpu, &problem, points, Start::Idealized);
            let on_gpu = began.elapsed();
            let expected = minima(&Cpu, &problem, points, Start::Idealized);
            let converged = |m: &Minima| m.certificates.iter().filter(|c| c.converged(1e-8)).count();
            println!(
                "{definition:?}: {on_gpu:?}, cpu {:?}, converged {} and {}",
                began.elapsed() - on_gpu,
                converged(&found),
                converged(&expected)
            );
            // Both end in f64 at the same minimum: what differs is rounding, and the error of a residual, squared.
            same(&format!("{definition:?} energies"), &found.energies, &expected.energies, 0.0, 1e-7);
            assert!(converged(&found) >= converged(&expected));
            same("rates", &found.states.to_dense(), &expected.states.to_dense(), 1e-6, 0.0);
            same("multipliers", &found.multipliers, &expected.multipliers, 1e-6, 0.0);
        }
    }
}

#[test]
fn minima_from_given_states_and_in_many_batches() {
    // Rows that are no whole number of quads, W in two parts, fewer slots than neurons.
    let gpu = gpu_or_return!(Conditions { most_binding: Some(30_000), ..Conditions::default() });
    let network = network(117, 2);
    let points = Points::fitted(&network.maps, 117);
    let problem = problem(&network, Definition::Kkt);
    let before = minima(&Cpu, &problem, points, Start::Idealized);
    let update = weights::flatten(&before.states, &before.energies, 1e-7, &Tick::silent()).unwrap();
    let flattened = network.weights.plus(1.0, &update.delta);
    let problem = Problem { weights: &flattened, ..problem };
    let start = Start::States(&before.states);
    let (found, expected) = (minima(&gpu, &problem, points, start), minima(&Cpu, &problem, points, start));
    same("energies", &found.energies, &expected.energies, 0.0, 1e-7);
}

#[test]
fn flattening_goes_as_on_the_cpu() {
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS, 3);
    let points = Points::fitted(&network.maps, NEURONS);
    let deviations = |backend: &dyn Backend| -> Vec<f64> {
        let mut weights = network.weights.clone();
        let mut deviations = Vec::new();
        let mut states: Option<States> = None;
        for _ in 0..3 {
            let problem = Problem { weights: &weights, ..problem(&network, Definition::Kkt) };
            let start = states.as_ref().map_or(Start::Idealized, Start::States);
            let found = minima(backend, &problem, points, start);
            let mean = found.energies.iter().sum::<f64>() / points.len() as f64;
            let square: f64 = found.energies.iter().map(|e| (e - mean).powi(2)).sum();
            deviations.push((square / points.len() as f64).sqrt());
            let update =
                backend.weight_update(&found.states, &found.energies, 1e-7, &Tick::silent()).unwrap();
            weights = weights.plus(1.0, &update.delta);
            states = Some(found.states);
        }
        deviations
    };
    let (found, expected) = (deviations(&gpu), deviations(&Cpu));
    println!("{found:?} {expected:?}");
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() <= 0.1 * b, "{found:?} instead of {expected:?}");
    }
}

/// Some overlapping states whose rates look random.
fn states(count: usize, neurons: usize) -> States {
    let buffers: Vec<StateBuf> = (0..count)
        .map(|s| {
            let rate = |i: usize| ((i * 31 + s * 17) % 23) as f64 - 12.0 + ((s * i) % 7) as f64 * 0.3;
            StateBuf::from_dense(&(0..neurons).map(|i| rate(i).max(0.0)).collect::<Vec<_>>())
        })
        .collect();
    States::pack(neurons, buffers.iter().map(StateBuf::view))
}

#[test]
fn products_over_states() {
    for most in [None, Some(70 * 70 * 8)] {
        let gpu = gpu_or_return!(Conditions { most_binding: most, ..Conditions::default() });
        let (count, neurons) = (67, 70);
        let states = states(count, neurons);
        let alpha: Vec<f64> = (0..count).map(|s| (s as f64).sin()).collect();
        let lower = weights::gram_matrix(&states);
        let gram: Vec<f64> = (0..count * count)
            .map(|at| lower[(at / count).max(at % count) + (at / count).min(at % count) * count])
            .collect();
        let gradient = weights::weight_gradient(&states, &alpha);
        let response = weights::response(&gradient, &states);
        let mut precisions = vec![(Precision::Single, 1e-6)];
        if gpu.report().f64 {
            precisions.push((Precision::Double, 1e-14));
        }
        // Sums of some 70 terms: 2⁻²⁴ or 2⁻⁵³ of the largest sum, and the square root of their number.
        for (precision, rtol) in precisions {
            same(&format!("Gram {precision:?}"), &gpu.gram(&states, precision).unwrap(), &gram, 0.0, rtol);
            let found = gpu.weight_gradient(&states, &alpha, precision).unwrap();
            same(&format!("gradient {precision:?}"), &found.to_dense(), &gradient.to_dense(), 0.0, rtol);
            let found = gpu.response(&gradient, &states, precision).unwrap();
            same(&format!("response {precision:?}"), &found, &response, 0.0, rtol);
        }
    }
}

#[test]
fn scores_and_places() {
    let network = network(150, 3);
    let points = Points::fitted(&network.maps, 150);
    let problem = problem(&network, Definition::Kkt);
    let mut rates = minima(&Cpu, &problem, points, Start::Idealized).states.to_dense();
    rates.truncate(101 * 150);
    rates.extend([0.0; 150]);
    let scorer = Scorer::new(&network.maps, &network.bumps);
    let expected: Vec<_> = rates.chunks_exact(150).map(|row| scorer.place(row)).collect();
    for most in [None, Some(30_000)] {
        let gpu = gpu_or_return!(Conditions { most_binding: most, ..Conditions::default() });
        let found = gpu.places(&network.maps, &network.bumps, &rates).unwrap();
        let score = |places: &[flatscape::score::Place]| places.iter().map(|p| p.score).collect::<Vec<_>>();
        // Sums of at most 59 products of numbers up to 1.
        same("scores", &score(&found), &score(&expected), 1e-5, 0.0);
        for (s, (a, b)) in found.iter().zip(&expected).enumerate() {
            let of_found = scorer.scores(a.map, &rates[s * 150..][..150])[a.location];
            // Two places whose scores f32 cannot tell apart may change places.
            assert!(
                (a.map, a.location) == (b.map, b.location) || b.score - of_found < 1e-5,
                "{s}: {a:?} {b:?}"
            );
        }
    }
}

#[test]
fn work_on_a_lost_device_is_repeated_on_a_new_one() {
    let network = network(NEURONS, 2);
    let starts = starts(&network, 16);
    let points = Points::fitted(&network.maps, 60);
    let problem = problem(&network, Definition::Kkt);
    let sound = gpu_or_return!(Conditions::default());
    let expected_run = run(&sound, &network, &starts, &[0, 300]);
    let expected = minima(&sound, &problem, points, Start::Idealized);
    for submissions in [0, 1, 2, 3] {
        let conditions = || Conditions { destroy_after: vec![submissions], ..Conditions::default() };
        let gpu = gpu_or_return!(conditions());
        assert_eq!(run(&gpu, &network, &starts, &[0, 300]), expected_run, "lost after {submissions}");
        let gpu = gpu_or_return!(conditions());
        let found = minima(&gpu, &problem, points, Start::Idealized);
        assert_eq!(found, expected, "lost after {submissions}");
    }
}

#[test]
fn what_was_reported_before_a_loss_is_not_reported_again() {
    let network = network(NEURONS, 2);
    let points = Points::fitted(&network.maps, NEURONS);
    let problem = problem(&network, Definition::Kkt);
    // Batches of 156 states; the device is lost in the second. `minima` counts the reports.
    let conditions =
        Conditions { most_binding: Some(80_000), destroy_after: vec![8], ..Conditions::default() };
    let gpu = gpu_or_return!(conditions);
    let found = minima(&gpu, &problem, points, Start::Idealized);
    let expected = minima(&Cpu, &problem, points, Start::Idealized);
    same("energies", &found.energies, &expected.energies, 0.0, 1e-7);
}

#[test]
fn a_device_lost_twice_is_an_error_that_names_resume() {
    let network = network(NEURONS, 2);
    let starts = starts(&network, 16);
    let gpu = gpu_or_return!(Conditions { destroy_after: vec![1, 1], ..Conditions::default() });
    let lost = gpu.trajectories(&dynamics(&network), &starts, &[300], &Tick::silent(), &|| false);
    let error = lost.unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("--resume") && error.to_string().contains("lost"), "{error}");
    // The third device is sound again.
    assert_eq!(run(&gpu, &network, &starts, &[10]).len(), 16);
}

#[test]
fn a_network_too_large_for_the_device_is_refused_before_any_work() {
    let gpu = gpu_or_return!(Conditions { most_binding: Some(10_000), ..Conditions::default() });
    let network = network(NEURONS, 1);
    let refused = gpu
        .trajectories(&dynamics(&network), &starts(&network, 1), &[1], &Tick::silent(), &|| false)
        .unwrap_err();
    assert_eq!(refused.exit_code(), 3);
    assert!(refused.to_string().contains("--backend cpu"), "{refused}");
}

/// What this test program reports when the Vulkan loader knows no other driver than `driver`.
fn with_only(driver: &str) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reports_what_it_finds", "--ignored", "--nocapture"])
        .env("VK_DRIVER_FILES", driver)
        .env("VK_ICD_FILENAMES", driver)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "run by other tests, in a process with other drivers"]
fn reports_what_it_finds() {
    for report in gpu::list() {
        println!("adapter {report}");
    }
    match gpu::choose(Choice::Gpu, None) {
        Ok((_, reason)) => println!("gpu: {reason}"),
        Err(error) => println!("gpu: exit {}: {error}", error.exit_code()),
    }
    println!("auto: {}", gpu::choose(Choice::Auto, None).unwrap().1);
}

#[test]
fn without_a_driver_gpu_is_an_error_and_auto_is_the_cpu() {
    if cfg!(not(target_os = "linux")) {
        return;
    }
    let report = with_only("there is no such file");
    assert!(report.contains("gpu: exit 3: no usable GPU; no adapter was found"), "{report}");
    assert!(report.contains(&format!("auto: {}", Cpu.describe())), "{report}");
}

#[test]
fn a_driver_that_ends_long_loops_early_is_refused_with_the_reason() {
    let Ok(driver) = std::env::var("FLATSCAPE_DISTRIBUTION_DRIVER") else {
        eprintln!("skipped: FLATSCAPE_DISTRIBUTION_DRIVER names no driver");
        return;
    };
    let report = with_only(&driver);
    println!("{report}");
    assert!(report.contains("adapter "), "{report}");
    // Mesa before 25 is known to stop at 65,535; newer ones pass.
    if report.contains("Mesa 22.") {
        assert!(report.contains(": refused, a loop of 70000 turns"), "{report}");
        assert!(report.contains("gpu: exit 3"), "{report}");
    }
}
