//! Scans, and everything that happens to them at night.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

#[path = "common/skip.rs"]
mod skip;
#[path = "common/workplace.rs"]
mod workplace;

use skip::skipped;
use workplace::Workplace;

/// 24 trials of some hundredths of a second each.
const SCAN: &str = "[network]\nneurons = 80\nseed = 5\n[flatten]\niterations = 2\nridge = 1e-6\n[measure]\nduration_ms = 600\nstarts_per_map = 10\n[scan]\nmaps = [1, 2, 3]\nrealizations = 2\nscore_maps = [4, 5]\n";
const TRIALS: usize = 3 * 2 * 3 + 2 * 2;

fn trials_csv(place: &Workplace, scan: &str) -> String {
    place.succeed(&["collect", scan, "--quiet"]);
    fs::read_to_string(place.path(scan).join("collected/trials.csv")).unwrap()
}

fn records(place: &Workplace, scan: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(place.path(scan).join("trials")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The bytes that every other way of running the scan has to end with.
fn undisturbed(place: &Workplace) -> String {
    place.succeed(&["scan", "tiny.toml", "--out", "undisturbed", "--quiet"]);
    let csv = trials_csv(place, "undisturbed");
    assert_eq!(csv.lines().count(), 1 + TRIALS);
    csv
}

#[test]
fn killed_at_25_moments_and_resumed() {
    let place = Workplace::new(SCAN);
    let expected = undisturbed(&place);
    let mut killed = 0;
    for attempt in 0..25_u64 {
        let mut child = place
            .command(&["scan", "tiny.toml", "--out", "killed", "--quiet"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Moments that share no period with the trials.
        std::thread::sleep(Duration::from_millis(20 + attempt * 7919 % 61));
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
    }
    assert!(killed >= 5, "only {killed} of 25 were still running when killed");
    place.succeed(&["scan", "tiny.toml", "--out", "killed", "--quiet"]);
    assert_eq!(trials_csv(&place, "killed"), expected);
}

#[test]
#[cfg(unix)]
fn sigterm_ends_within_seconds_and_keeps_finished_trials() {
    let place = Workplace::new(SCAN);
    let expected = undisturbed(&place);
    // Every trial is long: the one in hand cannot be finished in the time allowed.
    let long = ["scan", "tiny.toml", "--out", "stopped", "--quiet", "--set", "measure.duration_ms=1000000"];
    let mut child = place.command(&long).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    let asked = std::time::Instant::now();
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(trials_csv(&place, "undisturbed"), expected);
}

#[test]
fn shards_and_threads_give_the_same_table() {
    let place = Workplace::new(SCAN);
    let expected = undisturbed(&place);
    for count in [3, 8] {
        let out = format!("shards{count}");
        for index in 1..=count {
            place.succeed(&[
                "scan",
                "tiny.toml",
                "--out",
                &out,
                "--shard",
                &format!("{index}/{count}"),
                "--quiet",
            ]);
        }
        assert_eq!(trials_csv(&place, &out), expected, "{count} shards");
    }
    for threads in ["1", "2"] {
        let out = format!("threads{threads}");
        place.succeed(&["scan", "tiny.toml", "--out", &out, "--threads", threads, "--quiet"]);
        assert_eq!(trials_csv(&place, &out), expected, "{threads} threads");
    }
    // Parts in directories of their own, as machines without a shared disk write them.
    for index in ["1/2", "2/2"] {
        place.succeed(&["scan", "tiny.toml", "--out", &index[..1], "--shard", index, "--quiet"]);
    }
    place.succeed(&["collect", "1", "2", "--out", "both", "--quiet"]);
    assert_eq!(fs::read_to_string(place.path("both/trials.csv")).unwrap(), expected);
}

#[test]
fn damaged_and_foreign_files_are_reported_and_nothing_is_lost() {
    let place = Workplace::new(SCAN);
    let expected = undisturbed(&place);
    let paths = records(&place, "undisturbed");
    let truncate = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    truncate(&paths[0]);
    let mut bytes = fs::read(&paths[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&paths[1], &bytes).unwrap();
    fs::copy(&paths[3], &paths[2]).unwrap();
    let stranger = place.path("undisturbed/trials/notes.txt");
    fs::write(&stranger, "do not delete").unwrap();
    let output = place.run(&["collect", "undisturbed"]);
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success());
    for path in &paths[..3] {
        assert!(messages.contains(&*path.file_name().unwrap().to_string_lossy()), "{messages}");
    }
    assert!(
        messages.contains("notes.txt") && messages.contains("checksum") && messages.contains("foreign"),
        "{messages}"
    );
    // A clock that was set back: files from the future.
    let future = SystemTime::now() + Duration::from_secs(86_400);
    for path in &paths[4..] {
        fs::File::options().append(true).open(path).unwrap().set_modified(future).unwrap();
    }
    let output = place.run(&["scan", "tiny.toml", "--out", "undisturbed", "--quiet"]);
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{messages}");
    assert_eq!(messages.lines().filter(|l| l.contains("done again")).count(), 3, "{messages}");
    assert_eq!(trials_csv(&place, "undisturbed"), expected);
    assert_eq!(fs::read_to_string(stranger).unwrap(), "do not delete");
    assert_eq!(fs::read_dir(place.path("undisturbed/damaged")).unwrap().count(), 3);
}

#[test]
#[cfg(target_os = "linux")]
fn full_and_read_only_disks_are_reported_and_lose_nothing() {
    let place = Workplace::new(SCAN);
    let expected = undisturbed(&place);
    let disk = place.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = |options: &str| {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(&disk).status().unwrap().success()
    };
    let mount = |options: &str| assert!(mounted(options), "mounting a small file system failed");
    struct Unmount(PathBuf);
    impl Drop for Unmount {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(&self.0).status();
        }
    }
    if !mounted("size=64k") && std::env::var("FLATSCAPE_REQUIRE_ROOT").as_deref() != Ok("1") {
        skipped("mounting small file systems takes root");
        return;
    }
    let _unmount = Unmount(disk.clone());
    place.fail(&["scan", "tiny.toml", "--out", "disk/scan", "--quiet"], 1, &["space"]);
    mount("remount,size=8m");
    place.succeed(&["scan", "tiny.toml", "--out", "disk/scan", "--quiet"]);
    assert_eq!(trials_csv(&place, "disk/scan"), expected);
    mount("remount,ro");
    place.fail(&["scan", "tiny.toml", "--out", "disk/new", "--quiet"], 2, &["disk/new", "--out"]);
    place.succeed(&["collect", "disk/scan", "--out", "elsewhere", "--quiet"]);
    assert_eq!(fs::read_to_string(place.path("elsewhere/trials.csv")).unwrap(), expected);
    mount("remount,rw");
}

#[test]
fn two_scans_do_not_share_a_shard() {
    let place = Workplace::new(SCAN);
    let long = ["scan", "tiny.toml", "--out", "shared", "--quiet", "--set", "measure.duration_ms=1000000"];
    let mut first = place.command(&long).stderr(Stdio::null()).spawn().unwrap();
    let said = place.path("shared/shards/1-of-1.json");
    for _ in 0..200 {
        // Its state is written once before the first trial is taken up.
        if fs::read_to_string(&said).is_ok_and(|text| text.contains("\"L")) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = place.succeed(&["scan", "--status", "shared"]);
    let refused = place.run(&long);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(status.contains("shard 1/1 runs L"), "{status}");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("another flatscape is working on shard 1/1"));
    assert!(place.succeed(&["scan", "--status", "shared"]).contains("nothing is running"));
    // The directory of a scan that has finished trials, for another scan.
    place.succeed(&["scan", "tiny.toml", "--out", "done", "--quiet"]);
    place.fail(
        &["scan", "tiny.toml", "--out", "done", "--quiet", "--set", "measure.duration_ms=1000000"],
        2,
        &["another configuration", "duration_ms"],
    );
}

#[test]
fn a_trial_that_fails_does_not_stop_the_rest() {
    let place = Workplace::new(SCAN);
    // Ten points a neuron nearly coincide; without a ridge conjugate gradients get nowhere, nor with one at rounding.
    let settings = ["points_per_map=800", "ridge=0", "solver=cg"].map(|setting| format!("flatten.{setting}"));
    let impossible: Vec<&str> = settings
        .iter()
        .flat_map(|setting| ["--set", setting])
        .chain(["--set", "scan.score_maps=[]"])
        .collect();
    let output = place.run(&[&["scan", "tiny.toml", "--out", "partly"], &impossible[..]].concat());
    let messages = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{messages}");
    assert!(messages.contains("trials failed") && messages.contains("flatten.ridge"), "{messages}");
    let status: serde_json::Value =
        serde_json::from_str(&place.succeed(&["scan", "--status", "partly", "--json"])).unwrap();
    let failed = status["failed"].as_array().unwrap().len();
    let done = status["done"].as_u64().unwrap() as usize;
    assert!(failed > 0 && done >= 6 && failed + done == 18, "{status}");
}

#[test]
fn any_trial_can_be_replayed_by_itself() {
    let place = Workplace::new(SCAN);
    undisturbed(&place);
    let arguments = ["scan", "tiny.toml", "--trial", "L02-r001-constrained", "--out", "undisturbed"];
    let output = place.run(&arguments);
    assert!(output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("the same as the record"));
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let seed = record["seed"].as_u64().unwrap();
    // The same network through the main command.
    let settings = [format!("network.seed={seed}"), "network.maps=2".to_owned()];
    place.succeed(&[
        "optimize",
        "tiny.toml",
        "--out",
        "run",
        "--quiet",
        "--set",
        &settings[0],
        "--set",
        &settings[1],
    ]);
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("run/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["drift_after"]["mean_drift"], record["drift"]["mean_drift"]);
    assert_eq!(summary["landscape_after"]["energy_sd"], record["iterations"][2]["energy_sd"]);
    place.fail(&["scan", "tiny.toml", "--trial", "L99-r000-none"], 2, &["L99-r000-none", "no such trial"]);
}

/// Two sizes, two widths, methods with keys of their own.
const GRID: &str = "[network]\nseed = 5\n[flatten]\niterations = 2\nridge = 1e-4\n[measure]\nduration_ms = 300\nstarts_per_map = 2\ncompletion = [0.3]\n[dynamics]\ndt_ms = 0.5\n[scan]\nloads = [0.025, 0.1]\nrealizations = 3\n[scan.vary]\n\"network.neurons\" = [60, 80]\n\"kernel.width\" = [15.0, 18.0]\n[scan.methods.none]\n[scan.methods.flat]\nidealized_updates = 1\n[scan.methods.maximal-margin]\n[scan.methods.pseudo-inverse]\npseudo_inverse_ridge = 1e-2\n";

#[test]
fn any_keys_and_methods_are_planned_scanned_in_shards_and_collected() {
    let place = Workplace::new(GRID);
    let count = 2 * 2 * 2 * 3 * 4;
    let plan = place.succeed(&["plan", "tiny.toml"]);
    for part in ["60 to 80 neurons, 2 to 8 maps", "24 flat", "kernel.width = 15.0, 18.0"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    place.succeed(&["scan", "tiny.toml", "--out", "whole", "--quiet"]);
    let expected = trials_csv(&place, "whole");
    assert_eq!(expected.lines().count(), 1 + count);
    for shard in ["1/2", "2/2"] {
        place.succeed(&["scan", "tiny.toml", "--out", "parts", "--shard", shard, "--quiet"]);
    }
    assert_eq!(trials_csv(&place, "parts"), expected);
    let status: serde_json::Value =
        serde_json::from_str(&place.succeed(&["scan", "--status", "parts", "--json"])).unwrap();
    assert_eq!(
        (status["trials"].as_u64(), status["done"].as_u64()),
        (Some(count as u64), Some(count as u64))
    );
    let id = "L08-r002-flat-kernel.width=18.0-network.neurons=80";
    place.succeed(&["scan", "tiny.toml", "--trial", id, "--out", "whole", "--quiet"]);
    grid_is_collected(&place, &expected);
}

/// Every table and plot of the grid, with the methods in the order that they have to be in.
fn grid_is_collected(place: &Workplace, trials: &str) {
    let header = trials.lines().next().unwrap();
    assert!(header.contains("method,kernel.width,") && header.contains("change_sd_ratio"), "{header}");
    let read = |name: &str| fs::read_to_string(place.path("whole/collected").join(name)).unwrap();
    // Every (size, width, load): six pairs of methods, five measures, three realizations each.
    let paired = read("paired.csv");
    assert_eq!(paired.lines().count(), 1 + 8 * 6 * 5);
    assert!(paired.lines().skip(1).all(|line| line.split(',').nth(6) == Some("3")), "{paired}");
    assert_eq!(read("completion.csv").lines().count(), 1 + 96);
    assert_eq!(read("summary.csv").lines().count(), 1 + 32);
    let names: Vec<String> = fs::read_dir(place.path("whole/collected"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in [
        "own-map-N60-kernel.width=15.0.svg",
        "drift-N80-kernel.width=18.0.png",
        "score-against-kernel.width-N80-L08.svg",
        "drift-over-maps-and-kernel.width-N80.png",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} is missing in {names:?}");
    }
    // On the same maps the rule and flattening leave less drift than there was.
    for (maps, neurons) in [("8", "80"), ("6", "60")] {
        let of = |method| mean_and_error(&rows_of(trials, neurons), "phase_mean_drift", maps, method).0;
        let [none, flat, rule, margin] = ["none", "flat", "pseudo-inverse", "maximal-margin"].map(of);
        assert!(flat < none && rule < none && margin < none, "N = {neurons}: {none} {flat} {rule} {margin}");
    }
    // Weights that are not symmetric have no energy: these cells are empty, and the others are not.
    let names: Vec<&str> = trials.lines().next().unwrap().split(',').collect();
    let energy =
        |name: &&str| name.contains("energy") || name.ends_with("_before") || name.ends_with("_after");
    for line in trials.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let is_margin = cells[names.iter().position(|name| *name == "method").unwrap()] == "maximal-margin";
        for (name, cell) in names.iter().zip(&cells).filter(|(name, _)| energy(name)) {
            assert_eq!(cell.is_empty(), is_margin, "{name}: {line}");
        }
    }
}

#[test]
fn a_method_without_an_energy_is_one_of_scans_alone() {
    let place = Workplace::new("[network]\nneurons = 80\nmaps = 2\n[flatten]\nmethod = \"maximal-margin\"\n");
    place.fail(&["optimize", "tiny.toml", "--out", "run"], 2, &["not symmetric", "scan.methods"]);
    assert!(!place.path("run").exists(), "nothing is begun that cannot be done");
}

/// The header and the rows of one size.
fn rows_of(trials: &str, neurons: &str) -> String {
    let own = |line: &&str| line.starts_with("id,") || line.split(',').nth(2) == Some(neurons);
    trials.lines().filter(own).map(|line| format!("{line}\n")).collect()
}

/// Mean and 1.96 standard errors of a column of `trials.csv`, for one number of maps and one method.
fn mean_and_error(trials: &str, column: &str, maps: &str, method: &str) -> (f64, f64) {
    let names: Vec<&str> = trials.lines().next().unwrap().split(',').collect();
    let at = |name: &str| names.iter().position(|n| *n == name).unwrap_or_else(|| panic!("no {name}"));
    let (column, of_maps, of_method) = (at(column), at("maps"), at("method"));
    let values: Vec<f64> = trials
        .lines()
        .map(|line| line.split(',').collect::<Vec<&str>>())
        .filter(|row| row[of_maps] == maps && row[of_method] == method)
        .map(|row| row[column].parse().unwrap())
        .collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, 1.96 * (variance / count).sqrt())
}

#[test]
fn methods_rank_as_in_the_paper() {
    let place = Workplace::new(include_str!("../configs/capacity-smoke.toml"));
    let settings = ["--set", "scan.maps=[2,3,4,6,8]", "--set", "scan.realizations=8"];
    place.succeed(&[&["scan", "tiny.toml", "--out", "smoke", "--quiet"], &settings[..]].concat());
    let trials = trials_csv(&place, "smoke");
    assert_eq!(trials.lines().count(), 1 + 5 * 8 * 3);
    for maps in ["2", "3", "4", "6", "8"] {
        let of = |column, method| mean_and_error(&trials, column, maps, method);
        let drifts = ["none", "idealized", "constrained"].map(|method| of("mean_drift", method));
        for pair in drifts.windows(2) {
            let [(rough, above), (flat, below)] = [pair[0], pair[1]];
            assert!(rough - above > flat + below, "L = {maps}: {drifts:?}");
        }
        // Flattening does not lower the score: not by more than its error.
        let [(before, _), (after, error)] = ["none", "constrained"].map(|method| of("score", method));
        assert!(after + error >= before, "L = {maps}: score {before} before, {after} after");
    }
}

#[test]
fn collected_tables_and_plots_are_complete() {
    let place = Workplace::new(SCAN);
    undisturbed(&place);
    let folder = place.path("undisturbed/collected");
    for name in [
        "trials.csv",
        "summary.csv",
        "paired.csv",
        "course.csv",
        "iterations.csv",
        "timings.csv",
        "capacity.json",
    ] {
        assert!(fs::metadata(folder.join(name)).unwrap().len() > 100, "{name}");
    }
    let rows = fs::read_to_string(folder.join("summary.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 3 * 3 + 2);
    let all = &["no flattening", "idealized bumps", "constrained minima"][..];
    // Energies of different states are not compared in one plot.
    for (name, labels) in [
        ("drift", all),
        ("drift-by-phase", all),
        ("score", all),
        ("own-map", all),
        ("rate-change", all),
        ("roughness-minima", &["no flattening", "constrained minima"]),
        ("roughness-idealized", &["before", "flattened"]),
    ] {
        let svg = fs::read_to_string(folder.join(format!("{name}.svg"))).unwrap();
        for part in labels.iter().chain(&["number of maps L", "confidence"]) {
            assert!(svg.contains(part), "{name}: {part}");
        }
        assert_eq!(svg.matches("class=\"key\"").count(), labels.len(), "{name}");
        for (extension, beginning) in [("png", &b"\x89PNG"[..]), ("pdf", b"%PDF")] {
            let image = fs::read(folder.join(format!("{name}.{extension}"))).unwrap();
            assert!(image.starts_with(beginning), "{name}.{extension}");
        }
    }
    place.fail(&["collect", "nowhere"], 4, &["nowhere", "not a scan directory"]);
    place.fail(&["scan", "--status", "nowhere"], 4, &["nowhere"]);
    place.fail(
        &["scan", "tiny.toml", "--out", "x", "--set", "network.maps_file=m.npy"],
        2,
        &["draws its own"],
    );
}
