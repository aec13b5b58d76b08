//! Which device is taken, what is refused, and what follows when a device is lost. See tests/gpu.rs for the drivers.

#[path = "common/gpu.rs"]
mod common_gpu;

use std::sync::Arc;

use common_gpu::*;
use flatscape::compute::auto::{at_speeds, automatic};
use flatscape::compute::backend::Backend;
use flatscape::compute::choice::{Choice, choose, choose_keeping};
use flatscape::compute::cpu::Cpu;
use flatscape::compute::gpu;
use flatscape::compute::gpu::{Conditions, DeviceKind, Gpu, Peaks, Verdict};
use flatscape::compute::speeds::Speeds;
use flatscape::error::{Error, Result};
use flatscape::landscape::problem::{Definition, Minima, Minimizer, Problem, Start};
use flatscape::landscape::states::States;
use flatscape::manifold::Points;
use flatscape::network::Network;
use flatscape::progress::Tick;
use flatscape::solve::manifolds::Manifolds;
use flatscape::solve::{SolverKind, WeightProblem};

#[test]
fn the_adapter_passes_its_self_test_and_is_described() {
    let gpu = gpu_or_return!(Conditions::default());
    println!("{}", gpu.report());
    assert!(gpu::list().iter().any(|report| report.verdict == Verdict::Passed));
    assert!(gpu.describe().to_string().contains(&gpu.report().name));
}

#[test]
fn peaks_are_measured() {
    let gpu = gpu_or_return!(Conditions::default());
    let peaks = gpu.peaks().unwrap();
    println!("{:.3e} FLOP/s, {:.3e} B/s", peaks.flops, peaks.bandwidth);
    // The slowest driver there is makes more, and no device makes so much.
    assert!(peaks.flops > 1e7 && peaks.flops < 1e16);
    assert!(peaks.bandwidth > 1e7 && peaks.bandwidth < 1e15);
}

/// What `auto` takes, and why; it keeps nothing.
fn chosen_by_auto() -> (Arc<dyn Backend>, String) {
    choose_keeping(Choice::Auto, None, Box::new(|_| {}), None).unwrap()
}

#[test]
fn a_backend_is_chosen_with_its_reason_and_gpu_never_falls_back() {
    let (cpu, reason) = choose(Choice::Cpu, None).unwrap();
    assert_eq!(cpu.describe(), Cpu.describe());
    assert!(reason.contains("asked for"));
    for choice in [Choice::Gpu, Choice::Auto] {
        match choose(choice, Some("no adapter is called this")) {
            Err(error @ Error::Device(_)) => {
                assert_eq!(error.exit_code(), 3);
                assert!(error.to_string().contains("CPU backend"), "{error}");
            }
            _ => panic!("{choice:?} accepted an adapter that is not there"),
        }
    }
    let gpu = gpu_or_return!(Conditions::default());
    let (auto, reason) = chosen_by_auto();
    if gpu.report().kind.is_hardware() {
        assert_eq!(auto.describe(), gpu.describe());
    } else {
        assert_eq!(auto.describe(), Cpu.describe());
        assert!(reason.contains("no usable GPU") && reason.contains("flatscape devices"), "{reason}");
    }
    assert_eq!(choose(Choice::Gpu, None).unwrap().0.describe(), gpu.describe());
}

#[test]
fn a_device_that_claims_to_be_fast_and_is_not_is_left_alone() {
    let gpu = gpu_or_return!(Conditions { claims: Some(DeviceKind::Discrete), ..Conditions::default() });
    assert!(gpu.report().kind.is_hardware());
    let name = gpu.report().name.clone();
    let (backend, reason) = automatic(gpu, Box::new(|_| {}), None);
    println!("{reason}");
    // A real device may well be faster.
    if gpu::list().iter().all(|report| !report.kind.is_hardware()) {
        assert_eq!(backend.describe(), Cpu.describe(), "{reason}");
        assert!(
            reason.contains(&name) && reason.contains("faster") && reason.contains("GFLOP/s"),
            "{reason}"
        );
    }
}

#[test]
fn speeds_are_measured_once_and_kept_for_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flatscape/speeds.json");
    let start = || {
        let conditions = Conditions { claims: Some(DeviceKind::Discrete), ..Conditions::default() };
        let gpu = gpu_under(conditions)?;
        let before = gpu.counted();
        let found = Speeds::find(&gpu, Some(&file)).unwrap();
        let kernels = (gpu.counted() - before).dispatches;
        let (backend, reason) = automatic(gpu, Box::new(|_| {}), Some(&file));
        Some((found, kernels, backend.describe(), reason))
    };
    let Some((first, kernels, device, reason)) = start() else { return };
    assert!(first.age.is_none() && kernels > 0, "{first:?} after {kernels} kernels");
    let remove = format!("remove {}", file.display());
    assert!(reason.contains(&remove), "what was just measured is found: {reason}");
    let (second, kernels, again, reason) = start().unwrap();
    println!("{reason}");
    assert!(second.age.is_some() && kernels == 0, "{second:?} after {kernels} kernels");
    assert_eq!((second.speeds, again), (first.speeds, device), "the same speeds, so the same choice");
    assert!(reason.contains(&remove), "{reason}");
    std::fs::remove_file(&file).unwrap();
    assert!(start().unwrap().0.age.is_none(), "what was removed is measured again");
}

#[test]
fn a_stage_whose_device_fails_is_done_by_the_cpu_after_all() {
    // Lost, and lost again.
    let gpu = gpu_or_return!(Conditions { destroy_after: vec![1, 1], ..Conditions::default() });
    let network = network(NEURONS, 2);
    let starts = starts(&network, 16);
    let said = Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let hears = Arc::clone(&said);
    let speeds = Speeds { cpu: 1.0, gpu: Peaks { flops: 1e15, bandwidth: 1e15 } };
    let auto = at_speeds(gpu, speeds, Box::new(move |what| hears.lock().unwrap().push(what.to_owned())));
    let ends = |backend: &dyn Backend| run(backend, &network, &starts, &[50])[7].snapshots[0].clone();
    // The same work on the same device.
    same("rates", &ends(&*auto), &ends(&Cpu), 0.0, 1e-12);
    let said = said.lock().unwrap().clone();
    assert!(said[0].contains("trajectories: on the GPU (predicted"), "{said:?}");
    assert!(said[1].contains("on the CPU after all") && said[1].contains("lost"), "{said:?}");
}

#[test]
fn stopping_ends_a_run() {
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS, 2);
    let stopped = gpu.trajectories(
        &dynamics(&network),
        &starts(&network, 8),
        &[100_000],
        &Tick::silent().stopped_by(&|| true),
    );
    assert!(matches!(stopped, Err(Error::Interrupted)));
}

#[test]
fn work_on_a_lost_device_is_repeated_on_a_new_one() {
    let network = network(NEURONS, 2);
    let starts = starts(&network, 16);
    let points = Points::fitted(&network.maps, 12);
    let problem = problem(&network, Definition::Kkt);
    let sound = gpu_or_return!(Conditions::default());
    let expected_run = run(&sound, &network, &starts, &[0, 300]);
    let expected = minima(&sound, &problem, points, Start::Idealized);
    // At each submission in turn, until one is as many as there are.
    let mut submissions = 0;
    loop {
        let gpu = gpu_or_return!(Conditions { destroy_after: vec![submissions], ..Conditions::default() });
        let found = minima(&gpu, &problem, points, Start::Idealized);
        assert_eq!(found, expected, "lost after {submissions}");
        if submissions < 4 {
            let gpu =
                gpu_or_return!(Conditions { destroy_after: vec![submissions], ..Conditions::default() });
            assert_eq!(run(&gpu, &network, &starts, &[0, 300]), expected_run, "lost after {submissions}");
        }
        if gpu.devices_opened() == 1 {
            break;
        }
        submissions += 1;
    }
    println!("{submissions} submissions");
    assert!(submissions >= 5, "a search, what it found, and steps towards f64");
}

#[test]
fn what_was_reported_before_a_loss_is_not_reported_again() {
    let network = network(NEURONS, 2);
    let starts = starts(&network, 16);
    let gpu = gpu_or_return!(Conditions { destroy_after: vec![6], ..Conditions::default() });
    let reports = std::sync::Mutex::new(Vec::new());
    let count = |steps| reports.lock().unwrap().push(steps);
    // Snapshots are submissions too, so the device is lost after some steps were reported.
    let at: Vec<usize> = (1..=10).map(|k| 10 * k).collect();
    gpu.trajectories(&dynamics(&network), &starts, &at, &Tick::new(&count)).unwrap();
    assert_eq!(gpu.devices_opened(), 2);
    let reports = reports.into_inner().unwrap();
    assert_eq!(reports.iter().sum::<u64>(), 16 * 100, "{reports:?}");
    assert!(reports.contains(&0), "steps that were made a second time: {reports:?}");
}

#[test]
fn a_device_lost_twice_is_an_error_that_names_resume() {
    let network = network(NEURONS, 2);
    let starts = starts(&network, 16);
    let gpu = gpu_or_return!(Conditions { destroy_after: vec![1, 1], ..Conditions::default() });
    let lost = gpu.trajectories(&dynamics(&network), &starts, &[300], &Tick::silent());
    let error = lost.unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("resume") && error.to_string().contains("lost"), "{error}");
    // The third device is sound again.
    assert_eq!(run(&gpu, &network, &starts, &[10]).len(), 16);
}

#[test]
fn a_network_too_large_for_the_device_is_refused_before_any_work() {
    let gpu = gpu_or_return!(Conditions { most_binding: Some(10_000), ..Conditions::default() });
    let network = network(NEURONS, 1);
    let refused =
        gpu.trajectories(&dynamics(&network), &starts(&network, 1), &[1], &Tick::silent()).unwrap_err();
    assert_eq!(refused.exit_code(), 3);
    assert!(refused.to_string().contains("CPU backend"), "{refused}");
    assert!(gpu.memory(NEURONS, 12, 100).is_err());
    // Fifteen batches of 7 states: 11 numbers for each of 32 slots, 4 for each neuron, 2 words of a mask, 30 of a search. Each
    // batch has W in its order.
    assert_eq!(
        gpu.memory(40, 4, 100).unwrap(),
        (40 * 40 * 4, 100 * 4 * (11 * 32 + 4 * 40 + 2 + 30) + 15 * 40 * 40 * 4)
    );
}

/// A weight change by conjugate gradients, for the states given.
fn weight_problem<'a>(
    network: &'a Network,
    states: &'a States,
    energies: &'a [f64],
    points: Points<'a>,
    accuracy: f64,
) -> WeightProblem<'a> {
    let manifolds = Manifolds { states, maps: &network.maps, points, at_each: 1 };
    WeightProblem { manifolds, energies, ridge: 1e-6, solver: SolverKind::Cg, accuracy }
}

/// The weight change and its levels, and how many multiply-adds of it the device counted.
fn solved(gpu: &Gpu, problem: &WeightProblem<'_>) -> (Vec<f64>, Vec<f64>, u64) {
    let before = gpu.counted();
    let update = gpu.weight_update(problem, &Tick::silent()).unwrap();
    (update.delta.to_dense(), update.levels, (gpu.counted() - before).multiply_adds)
}

#[test]
fn a_small_device_solves_for_weights_if_it_has_room_and_the_host_does_if_not() {
    let network = network(NEURONS, 2);
    let points = Points::fitted(&network.maps, NEURONS);
    let found = minima(&Cpu, &problem(&network, Definition::Kkt), points, Start::Idealized);
    let accuracy = 1e-6;
    let problem = weight_problem(&network, &found.states, &found.energies, points, accuracy);
    let of_cpu = Cpu.weight_update(&problem, &Tick::silent()).unwrap();
    let of_cpu = (of_cpu.delta.to_dense(), of_cpu.levels, 0);
    let of_device = solved(&gpu_or_return!(Conditions::default()), &problem);
    assert!(of_device.2 > 0, "the device had no part in it");
    // As in tests/gpu.rs.
    same("weight change", &of_device.0, &of_cpu.0, 0.0, 100.0 * accuracy);
    assert_ne!(of_device.0, of_cpu.0, "what tells a device in f32 from the host");
    let small = |most_binding| Conditions {
        most_workgroup_memory: Some(16 << 10),
        most_threads: Some(64),
        most_binding: Some(most_binding),
        ..Conditions::default()
    };
    // A weight change takes 57,600 bytes, and the rates of a map's 120 states, in whole tiles, 65,536.
    for (most_binding, expected) in [
        (128 << 20, &of_device),
        (65_536, &of_device),
        (65_535, &of_cpu),
        (57_599, &of_cpu),
        (14_400, &of_cpu),
    ] {
        let found = solved(&gpu_or_return!(small(most_binding)), &problem);
        println!("{most_binding} bytes at once: {} multiply-adds on the device", found.2);
        assert!(found == *expected, "{most_binding} bytes at once: another weight change, or done elsewhere");
    }
    let refused = gpu_or_return!(small(14_399)).weight_update(&problem, &Tick::silent()).err().unwrap();
    assert_eq!(refused.exit_code(), 3, "{refused}");
    assert!(refused.to_string().contains("CPU backend"), "{refused}");
}

#[test]
fn a_weight_update_on_a_lost_device_is_repeated_on_a_new_one() {
    let network = network(NEURONS, 2);
    let points = Points::fitted(&network.maps, 30);
    let found = minima(&Cpu, &problem(&network, Definition::Kkt), points, Start::Idealized);
    let problem = weight_problem(&network, &found.states, &found.energies, points, 1e-3);
    let (delta, levels, multiply_adds) = solved(&gpu_or_return!(Conditions::default()), &problem);
    assert!(multiply_adds > 0, "the device had no part in it");
    // At each submission in turn, until one is as many as there are.
    let mut submissions = 0;
    loop {
        let gpu = gpu_or_return!(Conditions { destroy_after: vec![submissions], ..Conditions::default() });
        let told = std::sync::atomic::AtomicU64::new(0);
        let count = |n| {
            told.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
        };
        let update = gpu.weight_update(&problem, &Tick::new(&count)).unwrap();
        assert!(update.delta.to_dense() == delta, "lost after {submissions}: another weight change");
        assert_eq!(update.levels, levels, "lost after {submissions}");
        assert_eq!(told.into_inner(), points.len() as u64, "lost after {submissions}");
        if gpu.devices_opened() == 1 {
            break;
        }
        submissions += 1;
    }
    println!("{submissions} submissions");
    assert!(submissions >= 5, "a product and what it gave, in three, and the weight change in two");
}

/// What three kinds of work give on one device.
struct Work<'a> {
    network: &'a Network,
    states: &'a States,
    energies: &'a [f64],
    points: Points<'a>,
}

/// Minima, a weight change, and the snapshots of trajectories.
type Done = (Minima, Vec<f64>, Vec<Vec<Vec<f64>>>);

impl Work<'_> {
    fn done(&self, gpu: &Gpu) -> Result<Done> {
        let problem = problem(self.network, Definition::Kkt);
        let found = gpu.minima(&problem, self.points, Start::Idealized, &Tick::silent())?;
        let problem = weight_problem(self.network, self.states, self.energies, self.points, 1e-8);
        let update = gpu.weight_update(&problem, &Tick::silent())?;
        let starts = starts(self.network, 16);
        let runs = gpu.trajectories(&dynamics(self.network), &starts, &[0, 100], &Tick::silent())?;
        Ok((found, update.delta.to_dense(), runs.into_iter().map(|run| run.snapshots).collect()))
    }
}

#[test]
fn two_threads_on_one_device_hear_of_their_own_failures_only() {
    // Room for 120 neurons and not for 400.
    let gpu = gpu_or_return!(Conditions { most_binding: Some(1 << 17), ..Conditions::default() });
    let (small, large) = (network(NEURONS, 2), network(400, 1));
    let points = Points::fitted(&small.maps, 40);
    let found = minima(&Cpu, &problem(&small, Definition::Kkt), points, Start::Idealized);
    let work = Work { network: &small, states: &found.states, energies: &found.energies, points };
    let expected = work.done(&gpu).unwrap();
    // One state at all points, with the energies of many: no weights can do that.
    let one = States::pack(NEURONS, std::iter::repeat_n(found.states.get(0), points.len()));
    let impossible =
        WeightProblem { ridge: 0.0, ..weight_problem(&small, &one, &found.energies, points, 1e-3) };
    let stopped = || Tick::silent().stopped_by(&|| true);
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let failure = |turn: usize| -> Error {
        let (large, small) = (&large, &small);
        let failed = match turn % 5 {
            0 => gpu.trajectories(&dynamics(large), &starts(large, 1), &[1], &Tick::silent()).err(),
            1 => {
                let descent = Problem { minimizer: Minimizer::Descent, ..problem(small, Definition::Kkt) };
                gpu.minima(&descent, points, Start::Idealized, &Tick::silent()).err()
            }
            2 => gpu.weight_update(&impossible, &Tick::silent()).err(),
            3 => gpu.minima(&problem(small, Definition::Kkt), points, Start::Idealized, &stopped()).err(),
            _ => gpu.trajectories(&dynamics(small), &starts(small, 16), &[100], &stopped()).err(),
        };
        failed.expect("a failure")
    };
    let codes = std::thread::scope(|scope| {
        let failing = scope.spawn(|| {
            let mut codes = Vec::new();
            while codes.len() < 10 || !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                codes.push(failure(codes.len()).exit_code());
            }
            codes
        });
        let found: Vec<_> = (0..5).map(|_| work.done(&gpu)).collect();
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        for found in found {
            assert!(found.unwrap() == expected, "results that company changes");
        }
        failing.join().unwrap()
    });
    println!("{} failures beside five sound turns", codes.len());
    // Too large, refused, no solution, and stopped twice.
    for (turn, code) in codes.iter().enumerate() {
        assert_eq!(*code, [3, 2, 1, 130, 130][turn % 5], "failure {turn}");
    }
    assert_eq!(gpu.devices_opened(), 1);
}

#[test]
fn a_device_that_two_threads_lose_is_replaced_once() {
    let network = network(NEURONS, 2);
    let points = Points::fitted(&network.maps, 40);
    let found = minima(&Cpu, &problem(&network, Definition::Kkt), points, Start::Idealized);
    let work = Work { network: &network, states: &found.states, energies: &found.energies, points };
    let expected = work.done(&gpu_or_return!(Conditions::default())).unwrap();
    for submissions in [0, 3, 12] {
        let gpu = gpu_or_return!(Conditions { destroy_after: vec![submissions], ..Conditions::default() });
        std::thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(|| work.done(&gpu).unwrap()));
            for done in both {
                assert!(done.join().unwrap() == expected, "lost after {submissions}: other results");
            }
        });
        assert_eq!(gpu.devices_opened(), 2, "lost after {submissions}");
    }
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
    match choose(Choice::Gpu, None) {
        Ok((_, reason)) => println!("gpu: {reason}"),
        Err(error) => println!("gpu: exit {}: {error}", error.exit_code()),
    }
    println!("auto: {}", chosen_by_auto().1);
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
        skipped("FLATSCAPE_DISTRIBUTION_DRIVER names no driver");
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
