//! Damage to flattened weights, and bumps that are driven, as a person meets them.

#![cfg(feature = "cli")]

#[path = "common/workplace.rs"]
mod workplace;

use std::fs;

use flatscape::compute::cpu::Cpu;
use flatscape::drive::{Driven, Following, path};
use flatscape::job::Job;
use flatscape::job::drift_record::Which;
use flatscape::progress::Monitor;
use flatscape::{Config, Model};
use serde_json::Value;
use workplace::Workplace;

const TINY: &str = "[network]\nneurons = 60\nmaps = 2\n[flatten]\niterations = 1\nridge = 1e-6\n[measure]\nduration_ms = 100\nstarts_per_map = 2\n";

fn run() -> Workplace {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "run"]);
    place
}

#[test]
fn damage_is_measured_and_kept() {
    let place = run();
    let quantise = ["perturb", "run", "--damage", "quantise", "--damage", "delta-noise", "--replicates", "2"];
    let text = place.succeed(&quantise);
    assert!(text.contains("M rounded, bits") && text.contains("half gone"), "{text}");
    let rows = fs::read_to_string(place.path("run/perturb.csv")).unwrap();
    // Seven numbers of bits once, six sizes of noise twice.
    assert_eq!(rows.lines().count(), 1 + 7 + 12, "{rows}");
    assert!(place.path("run/perturb-quantise.svg").exists());
    place.succeed(&["verify", "run"]);
    let json = place.succeed(&["perturb", "run", "--damage", "prune", "--sizes", "0.0", "--json", "--eta"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    // Nothing was taken out, so the drift is that of the flattened network, to the last bit.
    assert_eq!(json["curves"][0]["phase_drift"][0], json["drift_after"], "{json}");
    place.succeed(&["analyze", "run"]);
    for file in ["manifold.csv", "fixed_points.csv", "analysis.json", "analysis-velocity-map0.svg"] {
        assert!(place.path("run").join(file).exists(), "{file}");
    }
    place.succeed(&["verify", "run"]);
    for (arguments, part) in [
        (&["perturb", "run", "--damage", "quantise", "--sizes", "0"][..], "1 to 16"),
        (&["perturb", "run", "--damage", "quantise", "--sizes", "17"], "1 to 16"),
        (&["perturb", "run", "--damage", "prune", "--sizes", "1"], "below 1"),
        (&["perturb", "run", "--sizes", "0.1"], "--damage"),
        (&["analyze", "run", "--map", "2"], "maps 0 to 1"),
    ] {
        place.fail(arguments, 2, &[part]);
    }
}

/// In a ring of its own a bump follows its drive exactly but for the weight that neurons do not have on themselves.
#[test]
fn a_bump_alone_follows_its_drive() {
    let mut config = Config::default();
    for set in [
        "network.neurons=200",
        "network.maps=1",
        "measure.duration_ms=400",
        "measure.starts_per_map=3",
        "drive.path=sinusoid",
        "drive.velocity=60",
        "drive.period_ms=400",
    ] {
        config.set(set).unwrap();
    }
    let model = Model::new(config).unwrap();
    let monitor = Monitor::silent();
    let job = Job {
        plan: model.plan(),
        network: model.network(),
        backend: &Cpu,
        monitor: &monitor,
        stop: &|| false,
    };
    let driven = Driven { job: &job, weights: &model.network().weights, network: Which::Base };
    let rows = driven.follow(&path::velocities(model.plan()).unwrap()).unwrap();
    let found = Following::of(&rows, Which::Base).unwrap();
    // Neurons do not connect to themselves, so D r is a little more than I′: by (A + b) r′/I′, 1.37/(2·5 Hz) at this size.
    assert!((1.0..1.25).contains(&found.gain), "{found:?}");
    assert!(found.linearity > 0.95 && found.wrong_map_fraction == 0.0, "{found:?}");
    let (right, left) = (found.gain_right.unwrap(), found.gain_left.unwrap());
    assert!((right / left - 1.0).abs() < 0.02, "{found:?}");
}

#[test]
fn drives_are_measured_and_bad_paths_refused() {
    let place = run();
    let text = place.succeed(&[
        "drive",
        "run",
        "--out",
        "driven",
        "--depinning",
        "--cues",
        "--set",
        "drive.cue.strengths=[0, 1000]",
    ]);
    for part in ["gain", "depinning velocity", "switched by a cue of 1000 Hz"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for file in ["drive.csv", "drive.json", "cues.csv", "drive-map0.svg"] {
        assert!(place.path("driven").join(file).exists(), "{file}");
    }
    let json: Value =
        serde_json::from_str(&fs::read_to_string(place.path("driven/drive.json")).unwrap()).unwrap();
    // No cue, no switch; a cue a hundred times the bump's own current switches everything.
    let switched = |k: usize| json["cues"][k]["switched"].as_f64().unwrap();
    assert_eq!((switched(2), switched(3)), (0.0, 1.0), "{json}");
    fs::write(place.path("gap.csv"), "time_ms,velocity\n0,1\n10,1\n30,1\n").unwrap();
    fs::write(place.path("nan.csv"), "time_ms,velocity\n0,1\n10,nan\n20,1\n").unwrap();
    let file = |name: &str| {
        vec![
            "--set".to_owned(),
            "drive.path=file".to_owned(),
            "--set".to_owned(),
            format!("drive.file={name}"),
        ]
    };
    for (name, part) in
        [("gap.csv", "line 4: a gap"), ("nan.csv", "line 3"), ("none.csv", "check drive.file")]
    {
        let more = file(name);
        let mut arguments = vec!["drive", "tiny.toml", "--out", "never"];
        arguments.extend(more.iter().map(String::as_str));
        place.fail(&arguments, 2, &[part]);
        assert!(!place.path("never").join("drive.csv").exists());
    }
    place.fail(
        &["drive", "tiny.toml", "--out", "never", "--set", "drive.path=file"],
        2,
        &["needs drive.file"],
    );
}
