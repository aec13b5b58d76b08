//! Which device is taken, what is refused, and what follows when a device is lost. See tests/gpu.rs for the drivers.

#[path = "common/gpu.rs"]
mod common_gpu;

use common_gpu::*;
use flatscape::compute::auto::{Speeds, at_speeds, automatic};
use flatscape::compute::backend::Backend;
use flatscape::compute::choice::{Choice, choose};
use flatscape::compute::cpu::Cpu;
use flatscape::compute::gpu;
use flatscape::compute::gpu::{Conditions, DeviceKind, Peaks, Verdict};
use flatscape::error::Error;
use flatscape::landscape::problem::{Definition, Start};
use flatscape::manifold::Points;
use flatscape::progress::Tick;

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
    let (auto, reason) = choose(Choice::Auto, None).unwrap();
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
    let (backend, reason) = automatic(gpu, Box::new(|_| {}));
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
fn a_stage_whose_device_fails_is_done_by_the_cpu_after_all() {
    // Lost, and lost again.
    let gpu = gpu_or_return!(Conditions { destroy_after: vec![1, 1], ..Conditions::default() });
    let network = network(NEURONS, 2);
    let starts = starts(&network, 16);
    let said = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let hears = std::sync::Arc::clone(&said);
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
    // Twelve batches of 9 states with 32 slots, each with W in its order.
    assert_eq!(
        gpu.memory(40, 4, 100).unwrap(),
        (40 * 40 * 4, 100 * (9 * 32 * 4 + 3 * 40 * 4) + 12 * 40 * 40 * 4)
    );
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
    println!("auto: {}", choose(Choice::Auto, None).unwrap().1);
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
