//! The first hour with the program: what the README says, tried.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

#[path = "common/workplace.rs"]
mod workplace;

use workplace::Workplace;

/// A scan of seconds.
const SCAN: &str = "[network]\nneurons = 60\n[flatten]\npoints_per_map = 60\niterations = 1\nridge = 1e-6\n\
    [measure]\nduration_ms = 150\nstarts_per_map = 2\n[scan]\nmaps = [1, 2]\nrealizations = 2\n\
    methods = [\"none\", \"constrained\"]\n";

fn configs() -> impl Iterator<Item = std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "toml"))
}

/// The first line wider than a terminal.
fn too_wide(text: &str) -> Option<&str> {
    text.lines().find(|line| line.chars().count() > 80)
}

#[test]
fn the_smoke_test_ends_without_a_complaint() {
    let place = Workplace::new(include_str!("../configs/smoke.toml"));
    let table = place.succeed(&["optimize", "tiny.toml", "--out", "run"]);
    assert!(!table.contains("note:"), "{table}");
    assert_eq!(too_wide(&table), None);
}

#[test]
fn every_configuration_is_planned_within_80_columns() {
    let place = Workplace::new(SCAN);
    for config in configs() {
        let table = place.succeed(&["plan", config.to_str().unwrap()]);
        assert_eq!(too_wide(&table), None, "{}", config.display());
        let is_scan = fs::read_to_string(&config).unwrap().contains("[scan]");
        assert_eq!(table.contains("\ntrials"), is_scan, "{}: {table}", config.display());
    }
}

#[test]
fn a_scan_is_planned_and_a_run_of_its_configuration_is_not_one() {
    let place = Workplace::new(SCAN);
    let plan: serde_json::Value =
        serde_json::from_str(&place.succeed(&["plan", "tiny.toml", "--json"])).unwrap();
    assert_eq!((plan["trials"].as_u64(), plan["methods"]["constrained"].as_u64()), (Some(8), Some(4)));
    assert!(plan["longest"].as_str().unwrap().starts_with("L02-"), "{plan}");
    let status: serde_json::Value =
        serde_json::from_str(&place.succeed(&["scan", "tiny.toml", "--out", "scan", "--json"])).unwrap();
    assert_eq!(status["trials"], plan["trials"]);
    fs::write(place.path("run.toml"), place.succeed(&["config", "--set", "network.maps=3"])).unwrap();
    assert!(place.succeed(&["plan", "run.toml"]).contains("trajectories"));
    // Every file of a scan that is called .json is JSON.
    for folder in ["trials", "timings", "shards"] {
        for file in fs::read_dir(place.path("scan").join(folder)).unwrap().map(|e| e.unwrap().path()) {
            if file.extension().is_some_and(|e| e == "json") {
                let content: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
                assert!(folder != "trials" || content["record"]["drift"].is_object(), "{content}");
            }
        }
    }
}

#[test]
fn a_configuration_is_written_out_and_explained() {
    let place = Workplace::new("[network]\nmaps = 3\n");
    let written = place.succeed(&["config", "tiny.toml", "--set", "flatten.ridge=1e-3"]);
    assert!(written.contains("maps = 3") && written.contains("ridge = 0.001"), "{written}");
    fs::write(place.path("again.toml"), &written).unwrap();
    assert_eq!(place.succeed(&["config", "again.toml"]), written);
    assert_eq!(place.succeed(&["config", "--reference"]), include_str!("../configs/REFERENCE.md"));
    let entries: Vec<serde_json::Value> =
        serde_json::from_str(&place.succeed(&["config", "--reference", "--json"])).unwrap();
    assert!(entries.iter().any(|e| e["key"] == "maps_file" && e["section"] == "network"));
    place.fail(&["config", "tiny.toml", "--set", "network.mapps=3"], 2, &["did you mean network.maps?"]);
    place.fail(&["config", "tiny.toml", "--set", "network.colour=3"], 2, &["[network] has neurons, maps"]);
}

#[test]
fn shells_complete_and_man_pages_are_there() {
    let place = Workplace::new("");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.succeed(&["completions", shell]);
        assert!(script.contains("optimize") && script.contains("backend"), "{shell}");
    }
    let page = place.succeed(&["man"]);
    assert!(page.contains(".TH flatscape") && page.contains("optimize"), "{page}");
    let page = place.succeed(&["man", "scan"]);
    assert!(page.contains("shard") && page.contains("resume"), "{page}");
    place.fail(&["man", "flatten"], 2, &["no such command", "optimize"]);
}

#[test]
fn whole_numbers_of_either_length_are_maps() {
    let place = Workplace::new("[network]\nmaps_file = \"maps.npy\"\n[flatten]\npoints_per_map = 60\n");
    let encode = flatscape::files::npy::encode::<i64>;
    let ring: Vec<i64> = (0..120).map(|i| i * 7 % 60).collect();
    fs::write(place.path("maps.npy"), encode(&[2, 60], &ring)).unwrap();
    assert!(place.succeed(&["plan", "tiny.toml"]).contains("60 neurons, 2 maps"));
    let mut large = ring;
    large[61] = 1 << 40;
    fs::write(place.path("maps.npy"), encode(&[2, 60], &large)).unwrap();
    place.fail(&["plan", "tiny.toml"], 4, &["maps.npy", "number 61", "1099511627776", "int32"]);
}

#[test]
fn auto_without_a_gpu_says_one_calm_line() {
    let place = Workplace::new(include_str!("../configs/smoke.toml"));
    let output = Command::new(env!("CARGO_BIN_EXE_flatscape"))
        .args(["optimize", "tiny.toml", "--out", "run", "--set", "measure.duration_ms=10"])
        .current_dir(place.path(""))
        .env("VK_DRIVER_FILES", place.path("no-such-driver.json"))
        .env("VK_ICD_FILENAMES", place.path("no-such-driver.json"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let about: Vec<&str> = said.lines().filter(|line| line.starts_with("flatscape:")).collect();
    assert!(output.status.success() && about.len() == 1, "{said}");
    assert!(about[0].contains("cpu") && about[0].contains("flatscape devices"), "{said}");
    assert_eq!(too_wide(&said), None);
}

#[test]
#[cfg(unix)]
fn figures_stop_on_request_and_leave_no_half_of_them() {
    let place = Workplace::new("");
    let arguments = ["figures", "--out", "figs", "--only", "4", "--set", "measure.duration_ms=20000"];
    let mut child = place.command(&arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // Finished trials are kept, but no figure is there before it is whole.
    let names = fs::read_dir(place.path("figs")).unwrap().map(|entry| entry.unwrap().file_name());
    let drawn: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("figure-")).collect();
    assert!(drawn.is_empty(), "{drawn:?}");
}
