//! `flatscape bench` as a person runs it, on tiny networks: nothing is missing, and errors are what rounding explains.
//!
//! With FLATSCAPE_REQUIRE_GPU=1 a missing adapter is a failure; otherwise the test that needs one says that it was skipped.

#[path = "common/skip.rs"]
mod skip;

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use skip::skipped;

/// Two networks, one of them with rows that are no whole number of quads.
const TINY: [&str; 9] =
    ["bench", "--json", "--neurons", "80,93", "--maps", "2", "--steps", "30", "--repetitions=1"];

fn bench(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flatscape"))
        .args(TINY)
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("no list {key} in {value}"))
}

fn stages(report: &Value) -> Vec<&Value> {
    let cases = list(report, "cases");
    assert_eq!(cases.iter().map(|case| case["neurons"].as_u64().unwrap()).collect::<Vec<_>>(), [80, 93]);
    for case in cases {
        assert!(case["active_neurons"].as_f64().unwrap() > 1.0);
        assert_eq!(case["states"].as_u64().unwrap(), 2 * case["neurons"].as_u64().unwrap());
    }
    cases.iter().flat_map(|case| list(case, "stages")).collect()
}

/// Names of the stages, each as often as it stands there.
fn names<'a>(stages: &[&'a Value]) -> Vec<&'a str> {
    stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect()
}

/// No time is missing or senseless.
fn check_times(stage: &Value, device: &str) {
    let times = &stage[device];
    let number = |key: &str| {
        let value = times[key].as_f64().unwrap_or_else(|| panic!("{device} has no {key}: {stage}"));
        assert!(value.is_finite() && value > 0.0, "{device}.{key} = {value}: {stage}");
        value
    };
    let (least, median, most) = (number("seconds_min"), number("seconds"), number("seconds_max"));
    assert!(least <= median && median <= most, "{stage}");
    let items = stage["states"].as_f64().unwrap() * stage["steps"].as_f64().unwrap();
    assert!((number("states_steps_per_second") * median / items - 1.0).abs() < 1e-9, "{stage}");
    assert_eq!(number("repetitions"), 1.0);
}

/// The largest error of a quantity that may be, as a fraction of the largest value, and why.
fn tolerance(stage: &str, precision: &str, quantity: &str) -> f64 {
    match (stage, quantity, precision) {
        // As after the same numbers of steps in tests/gpu.rs: sums of some ten terms, step after step.
        ("trajectories, all points" | "trajectories, 10 starts a map", "r²" | "energy", _) => 1e-5,
        // Along the manifold nothing pulls back, and a displacement after few steps is itself small.
        ("trajectories, all points" | "trajectories, 10 starts a map", "displacement", _) => 1e-4,
        // Both end in f64 at the same minimum, with residuals of 1e-9 Hz².
        ("minima", ..) => 1e-8,
        // The residual at which the device stops, over curvatures of 1 and more; see tests/gpu.rs.
        ("minima, device's part", ..) => 1e-4,
        // The same function on the same host.
        ("energies" | "weight update", ..) => 0.0,
        // The landscape before is as good as its minima.
        ("whole job, one iteration", "energy before", _) => 1e-7,
        // The Gram system magnifies differences of the minima by its condition; the roughness after an update is what
        // they leave, and is to agree within a tenth.
        ("whole job, one iteration", "energy after", _) => 1e-7,
        ("whole job, one iteration", "roughness after", _) => 0.1,
        _ => panic!("nobody has thought about the error of {quantity} in {stage}, {precision}"),
    }
}

fn check_errors(stage: &Value) {
    let errors = list(stage, "errors");
    assert!(!errors.is_empty(), "{stage}");
    for error in errors {
        let number = |key: &str| error[key].as_f64().unwrap_or_else(|| panic!("no {key} in {error}"));
        let (largest, median, scale) = (number("largest"), number("median"), number("scale"));
        let (name, quantity) = (stage["stage"].as_str().unwrap(), error["quantity"].as_str().unwrap());
        let precision = stage["precision"].as_str().unwrap();
        let allowed = tolerance(name, precision, quantity);
        println!("{name}, {precision}, {quantity}: {largest:.1e} and {median:.1e} of {scale:.2e}");
        assert!(number("compared") >= 1.0 && scale > 0.0 && scale.is_finite(), "{error}");
        assert!(0.0 <= median && median <= largest, "{error}");
        assert!(largest <= allowed * scale, "{name}, {precision}: {error}, {:e} allowed", allowed * scale);
    }
}

/// Kernels have counted what they did, and every named device has a prediction of it.
fn check_counts(stage: &Value) {
    let counted =
        |key: &str| stage["gpu"]["counted"][key].as_f64().unwrap_or_else(|| panic!("no {key} in {stage}"));
    let name = stage["stage"].as_str().unwrap();
    let has_kernel = name.starts_with("trajectories") || name.starts_with("minima");
    assert_eq!(!list(&stage["gpu"], "predicted").is_empty(), has_kernel, "{stage}");
    if has_kernel {
        for key in ["multiply_adds", "weight_bytes", "turns", "dispatches", "workgroups"] {
            assert!(counted(key) > 0.0, "{key}: {stage}");
        }
        for device in ["H200", "RTX 4070", "RTX 3060", "Radeon 780M", "Apple M3"] {
            let found = list(&stage["gpu"], "predicted").iter().find(|own| own["device"] == device).unwrap();
            assert!(found["seconds"].as_f64().unwrap() > 0.0 && !found["bound"].as_str().unwrap().is_empty());
        }
    }
    if name == "minima" {
        assert_eq!(counted("states"), stage["states"].as_f64().unwrap());
        assert!(counted("handed") <= counted("states") && counted("host_seconds") > 0.0, "{stage}");
    }
}

#[test]
fn every_stage_has_both_times_and_small_errors() {
    let output = bench(&["--backend", "gpu"], &[]);
    if output.status.code() == Some(3) && std::env::var("FLATSCAPE_REQUIRE_GPU").as_deref() != Ok("1") {
        skipped(&String::from_utf8_lossy(&output.stderr));
        return;
    }
    let report = report(&output);
    let peaks = &report["peaks"];
    assert!(peaks["flops"].as_f64().unwrap() > 1e6 && peaks["bandwidth"].as_f64().unwrap() > 1e6);
    assert!(!report["device"]["name"].as_str().unwrap().is_empty());
    let says_so =
        list(&report, "notes").iter().any(|note| note.as_str().unwrap().contains("software driver"));
    assert_eq!(says_so, report["device"]["kind"] == "software");
    let stages = stages(&report);
    for expected in NAMES.iter().chain(&["minima, device's part"]) {
        assert_eq!(names(&stages).iter().filter(|name| *name == expected).count(), 2, "{expected}");
    }
    for stage in stages {
        assert!(stage["failure"].is_null(), "{stage}");
        check_times(stage, "gpu");
        if stage["stage"] != "minima, device's part" {
            check_times(stage, "cpu");
            assert!(stage["gpu"]["speedup"].as_f64().unwrap() > 0.0);
        }
        if !stage["work"].is_null() {
            assert!(stage["gpu"]["share_of_bandwidth"].as_f64().unwrap() > 0.0);
            let share = stage["gpu"]["share_of_flops"].as_f64();
            assert_eq!(share.is_some(), stage["precision"] == "f32", "{stage}");
            // No kernel beats the peak, and a count that says so is wrong.
            assert!(share.is_none_or(|share| share > 0.0 && share < 1.5), "{stage}");
        }
        check_errors(stage);
        check_counts(stage);
    }
}

/// Stages of both paths.
const NAMES: [&str; 6] = [
    "trajectories, all points",
    "trajectories, 10 starts a map",
    "minima",
    "energies",
    "weight update",
    "whole job, one iteration",
];

fn check_cpu_only(report: &Value, reason: &str) {
    assert!(list(report, "notes")[0].as_str().unwrap().contains(reason), "{report}");
    assert!(report["device"].is_null() && report["peaks"].is_null());
    let stages = stages(report);
    assert_eq!(names(&stages), [NAMES, NAMES].concat());
    for stage in stages {
        check_times(stage, "cpu");
        assert!(stage["gpu"].is_null() && stage["failure"].is_null() && list(stage, "errors").is_empty());
    }
}

#[test]
fn the_cpu_alone() {
    check_cpu_only(&report(&bench(&["--backend", "cpu"], &[])), "--backend cpu");
    let table = Command::new(env!("CARGO_BIN_EXE_flatscape"))
        .args(["bench", "--neurons=60", "--maps=1", "--steps=5", "--repetitions=1", "--backend=cpu"])
        .output()
        .unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    for part in ["CPU only", "N = 60, L = 1", "whole job"] {
        assert!(table.contains(part), "{part:?} is missing in {table}");
    }
    assert!(!table.contains("FP32"), "{table}");
}

/// The Vulkan loader is shown no driver.
#[test]
#[cfg(target_os = "linux")]
fn without_a_driver() {
    let none = [("VK_DRIVER_FILES", "/nowhere.json"), ("VK_ICD_FILENAMES", "/nowhere.json")];
    check_cpu_only(&report(&bench(&["--backend", "auto"], &none)), "no usable GPU");
    let wanted = bench(&["--backend", "gpu"], &none);
    assert_eq!(wanted.status.code(), Some(3), "{}", String::from_utf8_lossy(&wanted.stderr));
}
