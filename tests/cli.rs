//! The program as a person meets it: commands, exit codes, messages, files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

#[path = "common/skip.rs"]
mod skip;
#[path = "common/workplace.rs"]
mod workplace;

use skip::skipped;
use workplace::Workplace;

/// A configuration that takes well under a second.
const TINY: &str = "[network]\nneurons = 60\nmaps = 2\nseed = 3\n[flatten]\npoints_per_map = 60\niterations = 3\nridge = 1e-6\n[measure]\nduration_ms = 200\nstarts_per_map = 4\n";

/// The files of a run that are the same whenever and however often it is run.
fn reproducible(run: &Path) -> Vec<(String, Vec<u8>)> {
    const TABLES: [&str; 3] = ["drift.csv", "summary.json", "config.toml"];
    let mut files: Vec<_> = fs::read_dir(run)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "npy") || TABLES.iter().any(|name| p.ends_with(name)))
        .map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&p).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn optimize_measure_verify() {
    let place = Workplace::new(TINY);
    let table = place.succeed(&["optimize", "tiny.toml", "--out", "run", "--keep-states"]);
    assert!(table.lines().count() <= 10, "{table}");
    for name in ["manifest.json", "config.toml", "iterations.csv", "drift.csv", "summary.json", "rates.npy"] {
        assert!(place.path("run").join(name).exists(), "{name} is missing");
    }
    assert!(!place.path("run/checkpoint").exists() && !place.path("run/.lock").exists());
    let energies = flatscape::files::npy::read::<f64>(&place.path("run/energies.npy")).unwrap();
    assert_eq!(energies.0, [4, 2, 60]);
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("run/summary.json")).unwrap()).unwrap();
    let [before, after] =
        ["landscape_before", "landscape_after"].map(|record| summary[record]["energy_sd"].as_f64().unwrap());
    assert!(after < before / 10.0, "{before} {after}");
    assert!(place.succeed(&["verify", "run"]).contains("complete and sound"));
    let again: serde_json::Value = serde_json::from_str(&place.succeed(&[
        "measure",
        "run",
        "--duration",
        "100",
        "--starts",
        "6",
        "--json",
    ]))
    .unwrap();
    assert_eq!(again["starts_per_map"], 6);
    let rows = fs::read_to_string(place.path("run/drift-100ms-6starts-dt0.2ms.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 2 * 2 * 6);
    place.succeed(&["verify", "run"]);
    place.fail(&["measure", "run", "--set", "network.seed=4"], 2, &["network of a run is fixed"]);
}

#[test]
fn a_network_learns_one_map_more() {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "two"]);
    place.succeed(&["extend", "two", "--maps", "+1", "--out", "three"]);
    assert!(place.succeed(&["verify", "three"]).contains("complete and sound"));
    let maps = |run: &str| flatscape::files::npy::read::<i32>(&place.path(run).join("maps.npy")).unwrap();
    let (two, three) = (maps("two"), maps("three"));
    assert_eq!(three.0, [3, 60]);
    assert_eq!(three.1[..120], two.1, "the old maps are the same");
    // What it starts from is what the two maps had learned, and the kernel of the third.
    let weights =
        |run: &str, file: &str| flatscape::files::npy::read::<f64>(&place.path(run).join(file)).unwrap().1;
    place.succeed(&[
        "optimize",
        "tiny.toml",
        "--set",
        "network.maps=3",
        "--set",
        "flatten.method=none",
        "--out",
        "sum",
    ]);
    let learned = weights("two", "weights_delta.npy");
    for ((found, sum), learned) in
        weights("three", "weights_base.npy").iter().zip(weights("sum", "weights_base.npy")).zip(learned)
    {
        // Sums of three kernels in another order.
        assert!((found - sum - learned).abs() < 1e-12, "{found} {sum} {learned}");
    }
    // And it can be extended again.
    place.succeed(&["extend", "three", "--maps", "+1", "--out", "four", "--set", "flatten.iterations=1"]);
    assert_eq!(maps("four").1[..180], three.1);
    let refused = place.run(&["extend", "two", "--maps", "1", "--out", "x"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("plus sign"));
    place.fail(
        &["extend", "two", "--maps", "+1", "--out", "x", "--set", "kernel.width=9"],
        2,
        &["network of a run is fixed"],
    );
}

#[test]
fn a_flipped_byte_in_any_file_is_found() {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--keep-states", "--quiet"]);
    let files: Vec<PathBuf> = fs::read_dir(place.path("run")).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        let sound = fs::read(&file).unwrap();
        for at in [0, sound.len() / 2, sound.len() - 1] {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x10;
            fs::write(&file, &damaged).unwrap();
            let name = file.file_name().unwrap().to_string_lossy();
            place.fail(&["verify", "run"], 4, &[&name]);
        }
        fs::write(&file, &sound[..sound.len() - 1]).unwrap();
        place.fail(&["verify", "run"], 4, &[&file.file_name().unwrap().to_string_lossy()]);
        fs::remove_file(&file).unwrap();
        place.fail(&["verify", "run"], 4, &["run"]);
        fs::write(&file, &sound).unwrap();
    }
    place.succeed(&["verify", "run"]);
    place.fail(&["verify", "nowhere"], 4, &["nowhere", "is not a run directory"]);
}

/// Values that contradict each other are found even if all checksums are right.
#[test]
fn consistent_checksums_do_not_hide_a_wrong_claim() {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
    let (mut directory, manifest) = flatscape::records::RunDirectory::open(&place.path("run")).unwrap();
    let (shape, mut energies) = directory.read_array::<f64>("energies.npy").unwrap();
    energies[5] += 1.0;
    directory.write("energies.npy", &flatscape::files::npy::encode(&shape, &energies)).unwrap();
    directory.write_manifest(manifest).unwrap();
    place.fail(&["verify", "run"], 4, &["iterations.csv", "contradicts"]);
}

#[test]
fn results_do_not_depend_on_threads() {
    let place = Workplace::new(TINY);
    for threads in ["1", "2", "5"] {
        place.succeed(&["optimize", "tiny.toml", "--out", threads, "--threads", threads, "--quiet"]);
    }
    assert_eq!(reproducible(&place.path("1")), reproducible(&place.path("2")));
    assert_eq!(reproducible(&place.path("1")), reproducible(&place.path("5")));
}

/// Stopped by signals at several moments, some of them without mercy, and resumed until done.
#[test]
#[cfg(unix)]
fn interrupted_runs_end_with_the_same_bytes() {
    let place = Workplace::new(TINY);
    let longer = [
        "--set",
        "network.neurons=200",
        "--set",
        "flatten.points_per_map=200",
        "--set",
        "flatten.idealized_updates=1",
        "--set",
        "measure.duration_ms=40000",
    ];
    let arguments = |out: &'static str| {
        [&["optimize", "tiny.toml", "--out", out, "--resume", "--quiet"], &longer[..]].concat()
    };
    place.succeed(&arguments("undisturbed"));
    let (mut stopped, mut killed) = (0, 0);
    for attempt in 0..40_u64 {
        let mut child = place.command(&arguments("disturbed")).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 + 97 * (attempt % 7)));
        let kind = if attempt % 3 == 0 { "-KILL" } else { "-TERM" };
        Command::new("kill").args([kind, &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
        match child.wait().unwrap().code() {
            Some(0) => break,
            Some(130) => stopped += 1,
            // Killed, or stopped before it listens.
            None => killed += 1,
            other => panic!("exit code {other:?}"),
        }
    }
    assert!(stopped > 0 && killed > 0, "stopped {stopped}, killed {killed}: nothing was tested");
    place.succeed(&arguments("disturbed"));
    assert_eq!(reproducible(&place.path("undisturbed")), reproducible(&place.path("disturbed")));
    place.succeed(&["verify", "disturbed"]);
}

#[test]
fn bad_configurations_end_with_one_line() {
    let place = Workplace::new(TINY);
    let write = |name: &str, content: &[u8]| fs::write(place.path(name), content).unwrap();
    write("empty.toml", b"");
    write("latin.toml", b"[network]\n# caf\xe9\n");
    write("unknown.toml", b"[network]\nneurons = 60\nmap = 3\n");
    write("nan.toml", b"[kernel]\nwidth = nan\n");
    let plan = |name: &'static str| ["plan", name];
    place.fail(&plan("missing.toml"), 2, &["missing.toml"]);
    place.fail(&plan("empty.toml"), 2, &["empty.toml", "empty"]);
    place.fail(&plan("latin.toml"), 2, &["latin.toml:2", "UTF-8"]);
    place.fail(&plan("unknown.toml"), 2, &["unknown.toml:3", "network.map", "network.maps"]);
    place.fail(&plan("nan.toml"), 2, &["nan.toml:2", "kernel.width"]);
    place.fail(&["plan", "tiny.toml", "--set", "network.maps=50"], 2, &["3000 states", "1770 weights"]);
    place.fail(&["plan", "tiny.toml", "--set", "network.neurons=100000"], 2, &["memory"]);
    place.fail(
        &["optimize", "tiny.toml", "--out", "x", "--set", "dynamics.baseline_current=-900"],
        2,
        &["no single bump"],
    );
    place.fail(&["optimize", "tiny.toml", "--out", "x", "--minimizer", "descent"], 2, &["never activates"]);
    assert!(!place.path("x").exists());
}

#[test]
fn bad_maps_files_are_named() {
    let place = Workplace::new(TINY);
    let ring: Vec<i32> = (0..120).map(|i| i % 60).collect();
    let refuse = |bytes: Vec<u8>, parts: &[&str]| {
        fs::write(place.path("maps.npy"), bytes).unwrap();
        let parts = [&["maps.npy"], parts].concat();
        place.fail(&["plan", "tiny.toml", "--set", "network.maps_file=maps.npy"], 4, &parts);
    };
    let encode = flatscape::files::npy::encode::<i32>;
    refuse(b"nonsense".to_vec(), &["not a .npy"]);
    refuse(encode(&[120], &ring), &["shape [120]"]);
    refuse(encode(&[1, 60], &ring[..60]), &["network.maps = 2", "leave it out"]);
    refuse(flatscape::files::npy::encode(&[2, 60], &vec![0.0_f64; 120]), &["<f8"]);
    let mut repeated = ring.clone();
    repeated[70] = 3;
    refuse(encode(&[2, 60], &repeated), &["map 1", "position 3"]);
    let mut hostile = encode(&[2, 60], &ring);
    hostile.truncate(200);
    refuse(hostile, &["damaged"]);
    fs::write(place.path("maps.npy"), encode(&[2, 60], &ring)).unwrap();
    place.succeed(&[
        "optimize",
        "tiny.toml",
        "--out",
        "run",
        "--set",
        "network.maps_file=maps.npy",
        "--quiet",
    ]);
    place.succeed(&["verify", "run"]);
    assert_eq!(fs::read(place.path("run/maps.npy")).unwrap(), fs::read(place.path("maps.npy")).unwrap());
}

#[test]
fn directories_of_others_are_left_alone() {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
    let before = reproducible(&place.path("run"));
    place.fail(&["optimize", "tiny.toml", "--out", "run"], 2, &["run", "--resume", "--out"]);
    place.fail(
        &["optimize", "tiny.toml", "--out", "run", "--resume", "--set", "network.seed=9"],
        2,
        &["another configuration"],
    );
    assert_eq!(reproducible(&place.path("run")), before);
    fs::create_dir(place.path("thesis")).unwrap();
    fs::write(place.path("thesis/chapter.tex"), "x").unwrap();
    place.fail(&["optimize", "tiny.toml", "--out", "thesis"], 2, &["chapter.tex", "--out"]);
    assert_eq!(fs::read_dir(place.path("thesis")).unwrap().count(), 1);
    place.fail(&["optimize", "tiny.toml", "--out", "tiny.toml"], 2, &["tiny.toml", "--out"]);
    place.fail(&["optimize", "tiny.toml", "--out", "/proc/none"], 2, &["/proc/none", "--out"]);
}

#[test]
fn pages_and_exports_leave_a_run_sound() {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
    assert!(place.succeed(&["report", "run"]).contains("report.html"));
    for format in ["npz", "safetensors", "mat"] {
        assert!(place.succeed(&["export", "run", "--format", format]).contains(&format!("network.{format}")));
    }
    assert!(place.succeed(&["verify", "run"]).contains("network.npz, network.safetensors, report.html"));
    fs::create_dir(place.path("empty")).unwrap();
    assert!(place.succeed(&["report", "run", "--live", "--out", "page.html"]).contains("page.html"));
    place.fail(&["report", "empty", "--live"], 4, &["empty", "is not a run directory"]);
    place.fail(&["report", "empty"], 4, &["empty", "neither a run nor a scan"]);
    place.fail(&["export", "empty"], 4, &["empty", "is not a run directory"]);
    place.fail(&["report", "run", "--out", "nowhere/page.html"], 1, &["nowhere", "check the path"]);
    fs::write(place.path("run/weights_delta.npy"), b"x").unwrap();
    place.fail(&["export", "run"], 4, &["weights_delta.npy", "damaged"]);
    place.fail(&["report", "run", "--live"], 4, &["weights_delta.npy", "damaged"]);
    fs::write(place.path("run/energies.npy"), b"x").unwrap();
    place.fail(&["report", "run"], 4, &["energies.npy", "damaged"]);
}

/// A disk that runs full: a small file system of its own, which needs root on Linux.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_reported_and_the_run_resumed() {
    let place = Workplace::new(TINY);
    let disk = place.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=48k", "none"]).arg(&disk).status().unwrap();
    if !mounted.success() && std::env::var("FLATSCAPE_REQUIRE_ROOT").as_deref() != Ok("1") {
        skipped("mounting a small file system takes root");
        return;
    }
    assert!(mounted.success(), "mounting a small file system failed");
    struct Unmount(PathBuf);
    impl Drop for Unmount {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(&self.0).status();
        }
    }
    let _unmount = Unmount(disk.clone());
    place.fail(&["optimize", "tiny.toml", "--out", "disk/run", "--quiet"], 1, &["space", "--resume"]);
    let remains: Vec<String> = fs::read_dir(disk.join("run"))
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(!remains.iter().any(|n| n.starts_with(".partial") || n == "manifest.json"), "{remains:?}");
    let grown = Command::new("mount").args(["-o", "remount,size=8m"]).arg(&disk).status().unwrap();
    assert!(grown.success());
    place.succeed(&["optimize", "tiny.toml", "--out", "disk/run", "--resume", "--quiet"]);
    place.succeed(&["verify", "disk/run"]);
}

#[test]
fn machines_read_json_and_pipes_see_no_progress() {
    let place = Workplace::new(TINY);
    let output = place.run(&["optimize", "tiny.toml", "--out", "run", "--json"]);
    // A slow machine may have got as far as a line of progress, as text.
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.lines().all(|line| line.contains(" %  ")), "{said}");
    assert!(!said.contains(['\r', '\x1b']), "{said:?}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["maps"], 2);
    let plan: serde_json::Value =
        serde_json::from_str(&place.succeed(&["plan", "tiny.toml", "--json"])).unwrap();
    assert_eq!(plan["states"], 120);
    let help = place.succeed(&["--help"]);
    assert!(help.contains("optimize") && help.contains("Exit codes"), "{help}");
}

#[test]
fn every_method_writes_a_sound_run() {
    let place = Workplace::new(TINY);
    for (method, landscapes) in [("none", 1), ("idealized", 2), ("constrained", 4)] {
        place.succeed(&[
            "optimize",
            "tiny.toml",
            "--out",
            method,
            "--quiet",
            "--set",
            &format!("flatten.method={method}"),
        ]);
        place.succeed(&["verify", method]);
        let (shape, energies) =
            flatscape::files::npy::read::<f64>(&place.path(method).join("energies.npy")).unwrap();
        assert_eq!(shape, [landscapes, 2, 60]);
        if method == "idealized" {
            let last = flatscape::landscape::roughness::Roughness::of(&energies[120..], None);
            let first = flatscape::landscape::roughness::Roughness::of(&energies[..120], None);
            // One exact solve with a ridge of 1e-6 leaves about that fraction.
            assert!(last.sd < 1e-3 * first.sd, "{first:?} {last:?}");
        }
    }
}

#[test]
fn without_a_driver_a_gpu_is_an_error_and_auto_takes_the_cpu() {
    let place = Workplace::new(TINY);
    let run = |backend: &str| {
        Command::new(env!("CARGO_BIN_EXE_flatscape"))
            .args(["optimize", "tiny.toml", "--out", backend, "--backend", backend])
            .current_dir(place.path(""))
            .env("VK_DRIVER_FILES", place.path("no-such-driver.json"))
            .env("VK_ICD_FILENAMES", place.path("no-such-driver.json"))
            .output()
            .unwrap()
    };
    let output = run("gpu");
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("--backend cpu"), "{message}");
    assert!(!place.path("gpu").exists());
    let output = run("auto");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && message.contains("cpu, "), "{message}");
}
