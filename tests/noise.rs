//! Memory under noise: what is measured, what theory says, and what is refused.

#![cfg(feature = "cli")]

#[path = "common/workplace.rs"]
mod workplace;

use std::fs;

use flatscape::{Config, Model};
use workplace::Workplace;

const TINY: &str = "[network]\nneurons = 60\nmaps = 2\n[flatten]\niterations = 1\nridge = 1e-6\n[measure]\nduration_ms = 120\nstarts_per_map = 2\nreplicates = 3\nrecord_ms = 20\n[dynamics.noise]\nkind = \"poisson\"\nfano = 0.1\n";

fn model(settings: &[&str]) -> Model {
    let mut config = Config::default();
    settings.iter().for_each(|s| config.set(s).unwrap());
    Model::new(config).unwrap()
}

/// Theory is for a bump that keeps its shape, to first order in the noise; simulations of the paper's network lie within
/// 10 % of it. Here the ring is half as large, so noise deforms its bump as much as twice that noise would.
#[test]
fn diffusion_of_one_map_is_what_theory_says() {
    let model = model(&[
        "network.neurons=300",
        "network.maps=1",
        "dynamics.noise.kind=poisson",
        "dynamics.noise.fano=0.02",
        "measure.duration_ms=1500",
        "measure.starts_per_map=4",
        "measure.replicates=25",
    ]);
    let memory = model.measure().unwrap().memory.unwrap();
    let theory = memory.diffusion_theory.unwrap();
    let (found_low, found_high) = (memory.diffusion_low.unwrap(), memory.diffusion_high.unwrap());
    // 96 degrees of freedom give D's standard error; theory itself is good to 10 %.
    let (low, high) = (found_low - 0.1 * theory, found_high + 0.1 * theory);
    assert!((low..high).contains(&theory), "{memory:?} against {theory}");
    // So that the interval could not hold just anything.
    assert!(found_high - found_low < 0.9 * theory, "{memory:?}");
    assert_eq!(memory.map_lost_fraction, 0.0);
}

#[test]
fn less_noise_diffuses_less_in_proportion() {
    let measure = |fano: f64| {
        let fano = format!("dynamics.noise.fano={fano}");
        let settings = ["network.neurons=200", "network.maps=1", "dynamics.noise.kind=poisson", &fano];
        let rest = ["measure.duration_ms=600", "measure.starts_per_map=4", "measure.replicates=20"];
        let model = model(&[&settings[..], &rest[..]].concat());
        model.measure().unwrap().memory.unwrap().diffusion.unwrap()
    };
    let (more, less) = (measure(0.04), measure(0.01));
    // The same random numbers at both sizes leave little but the ratio; intervals of 76 degrees are 30 % wide.
    let ratio = more / less;
    assert!((2.5..6.4).contains(&ratio), "{more} {less}");
}

fn read(place: &Workplace, run: &str, name: &str) -> Vec<u8> {
    fs::read(place.path(run).join(name)).unwrap()
}

#[test]
fn runs_do_not_depend_on_threads_and_verify() {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "one", "--threads", "1"]);
    let json = place.succeed(&["optimize", "tiny.toml", "--out", "three", "--threads", "3", "--json"]);
    for name in ["drift.csv", "trajectories.csv", "summary.json"] {
        assert_eq!(read(&place, "one", name), read(&place, "three", name), "{name}");
    }
    let rows = String::from_utf8(read(&place, "one", "trajectories.csv")).unwrap();
    assert!(rows.starts_with("network,map,start,replicate,time_ms,position,winning_map,score\n"), "{rows}");
    // Two networks, four starts, three replicates, times 0, 20, …, 120.
    assert_eq!(rows.lines().count(), 1 + 2 * 4 * 3 * 7);
    assert!(json.contains("\"memory_after\"") && json.contains("\"diffusion_theory\""), "{json}");
    place.succeed(&["verify", "one"]);
    // A path that was changed together with its checksum would be found by running it again.
    let text = place.succeed(&[
        "measure",
        "one",
        "--set",
        "measure.duration_ms=60",
        "--set",
        "measure.record_ms=30",
    ]);
    assert!(text.contains("diffusion coefficient"), "{text}");
    assert!(place.path("one/trajectories-60ms-2starts-dt0.2ms-poisson0.1-3replicates.csv").exists());
    place.succeed(&["verify", "one"]);
}

/// A measurement of some starts is part of the measurement of all: what one shard draws does not depend on the others.
#[test]
fn scans_in_shards_find_the_same() {
    let scan = format!("{TINY}[scan]\nmaps = [1, 2]\nrealizations = 1\nmethods = [\"none\"]\n");
    let place = Workplace::new(&scan);
    place.succeed(&["scan", "tiny.toml", "--out", "whole"]);
    place.succeed(&["scan", "tiny.toml", "--out", "parts", "--shard", "1/2", "--threads", "1"]);
    place.succeed(&["scan", "tiny.toml", "--out", "parts", "--shard", "2/2", "--threads", "2"]);
    let trials = |scan: &str| {
        let mut files: Vec<_> = fs::read_dir(place.path(scan).join("trials"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .map(|path| (path.file_name().unwrap().to_owned(), fs::read(&path).unwrap()))
            .filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains("\"memory\""))
            .collect();
        files.sort();
        files
    };
    let whole = trials("whole");
    assert_eq!(whole.len(), 2, "no trial has a memory");
    assert_eq!(whole, trials("parts"));
}

#[test]
fn recording_changes_no_bit_of_a_noise_free_run() {
    let quiet = TINY.split("[dynamics.noise]").next().unwrap().replace("replicates = 3\n", "");
    let place = Workplace::new(&quiet);
    place.succeed(&["optimize", "tiny.toml", "--out", "recorded"]);
    fs::write(place.path("plain.toml"), quiet.replace("record_ms = 20\n", "")).unwrap();
    place.succeed(&["optimize", "plain.toml", "--out", "plain"]);
    assert_eq!(read(&place, "recorded", "drift.csv"), read(&place, "plain", "drift.csv"));
    assert!(place.path("recorded/trajectories.csv").exists());
    assert!(!place.path("plain/trajectories.csv").exists());
    place.succeed(&["verify", "recorded"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Workplace::new(TINY);
    let refuse = |set: &str, parts: &[&str]| {
        place.fail(&["optimize", "tiny.toml", "--out", "never", "--set", set], 2, parts);
    };
    refuse("dynamics.noise.fano=0", &["dynamics.noise.fano", "above 0"]);
    refuse("dynamics.noise.fano=-1", &["dynamics.noise.fano", "above 0"]);
    refuse("dynamics.noise.sd=0", &["dynamics.noise.sd", "above 0"]);
    refuse("dynamics.noise.fano=0.001", &["dynamics.dt_ms = 0.2 is too long", "above 1", "raise fano"]);
    refuse("dynamics.noise.kind=white", &["\"poisson\""]);
    refuse("measure.replicates=0", &["measure.replicates", "from 1"]);
    refuse("measure.record_ms=0.05", &["measure.record_ms"]);
    refuse("dynamics.noise.kind=none", &["measure.replicates = 3 without noise", "leave replicates out"]);
}

#[test]
fn damaged_bumps_come_back_and_are_counted() {
    let quiet =
        TINY.split("[dynamics.noise]").next().unwrap().replace("replicates = 3\nrecord_ms = 20\n", "");
    let place = Workplace::new(&quiet);
    place.succeed(&["optimize", "tiny.toml", "--out", "run"]);
    let measure = |how: &str| {
        let how = format!("measure.corrupt={how}");
        let json = place.succeed(&["measure", "run", "--json", "--set", &how]);
        serde_json::from_str::<serde_json::Value>(&json).unwrap()
    };
    let mild = measure("{ silence = 0.1, replace = 0.0, noise = 0.5 }");
    let hard = measure("{ silence = 0.0, replace = 1.0, noise = 0.0 }");
    assert_eq!(mild["recovered_after"], 1.0, "{mild}");
    assert!(hard["recovered_after"].as_f64() < Some(1.0), "a bump of other neurons came back: {hard}");
    let refuse = |set: &str, parts: &[&str]| {
        place.fail(&["measure", "run", "--set", set], 2, parts);
    };
    refuse(
        "measure.corrupt={ silence = 0.6, replace = 0.6, noise = 0.0 }",
        &["more neurons than are active"],
    );
    refuse("measure.corrupt.silence=1.5", &["measure.corrupt.silence", "from 0 to 1"]);
    // A damaged start is part of the run's record, and checked like any other.
    fs::write(place.path("damaged.toml"), format!("{quiet}[measure.corrupt]\nsilence = 0.2\n")).unwrap();
    place.succeed(&["optimize", "damaged.toml", "--out", "damaged"]);
    place.succeed(&["verify", "damaged"]);
}
