//! What people and machines do to the program: each attack is a row or a test.

use std::fs;
use std::process::{Command, Stdio};

use flatscape::text::printable;

use crate::workplace::Workplace;
use crate::{TINY, results};

/// A workplace with a run, an exported page, and a folder of somebody's own.
fn furnished() -> Workplace {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
    fs::create_dir(place.path("my")).unwrap();
    fs::copy(place.path("tiny.toml"), place.path("my/config.toml")).unwrap();
    fs::write(place.path("notes.txt"), "mine").unwrap();
    place
}

/// Commands that would overwrite what they did not make, and what their message names.
const OVERWRITING: [(&[&str], &str); 10] = [
    (&["scan", "tiny.toml", "--out", "run"], "energies.npy"),
    (&["scan", "tiny.toml", "--out", "my"], "config.toml"),
    (&["figures", "--out", "my"], "config.toml"),
    (&["report", "run", "--out", "run/energies.npy"], "energies.npy"),
    (&["report", "run", "--out", "notes.txt"], "notes.txt"),
    (&["export", "run", "--out", "run/manifest.json"], "manifest.json"),
    (&["export", "run", "--out", "tiny.toml"], "tiny.toml"),
    (&["measure", "run", "--out", "run/drift.csv"], "drift.csv"),
    (&["measure", "run", "--out", "notes.txt"], "notes.txt"),
    (&["optimize", "my/config.toml", "--out", "my"], "config.toml"),
];

#[test]
fn what_a_command_did_not_make_is_left_alone() {
    let place = furnished();
    let (run, my) = (results(&place.path("run")), results(&place.path("my")));
    for (arguments, name) in OVERWRITING {
        place.fail(arguments, 2, &[name, "--force"]);
    }
    place.succeed(&["scan", "tiny.toml", "--out", "scan", "--quiet"]);
    place.fail(&["collect", "scan", "--out", "run"], 2, &["energies.npy", "--force"]);
    assert_eq!((results(&place.path("run")), results(&place.path("my"))), (run, my));
    assert_eq!(fs::read_to_string(place.path("notes.txt")).unwrap(), "mine");
    // What the command made before is replaced, and anything else by --force.
    for out in ["page.html", "page.html"] {
        place.succeed(&["report", "run", "--out", out, "--quiet"]);
    }
    place.succeed(&["report", "run", "--out", "notes.txt", "--force", "--quiet"]);
    for out in ["tables", "tables"] {
        place.succeed(&["collect", "scan", "--out", out, "--quiet"]);
    }
    for format in ["npz", "npz", "safetensors", "safetensors", "mat", "mat"] {
        place.succeed(&["export", "run", "--format", format, "--quiet"]);
    }
    for _ in 0..2 {
        place.succeed(&["measure", "run", "--starts", "2", "--out", "rows.csv", "--quiet"]);
    }
    place.succeed(&["optimize", "my/config.toml", "--out", "my", "--force", "--quiet"]);
    place.succeed(&["verify", "my"]);
    // Checkpoints of other programs are called so as well.
    fs::create_dir_all(place.path("torch/checkpoint")).unwrap();
    fs::write(place.path("torch/checkpoint/model.pt"), "weights").unwrap();
    place.fail(&["optimize", "tiny.toml", "--out", "torch", "--resume"], 2, &["checkpoint"]);
    place.succeed(&["optimize", "tiny.toml", "--out", "torch", "--force", "--quiet"]);
    assert!(place.path("torch/checkpoint/model.pt").exists());
}

/// Options that a command has no use for.
const UNUSED: [(&[&str], &str); 8] = [
    (&["plan", "tiny.toml", "--resume"], "--resume"),
    (&["plan", "tiny.toml", "--backend", "cpu"], "--backend"),
    (&["verify", "run", "--set", "network.maps=3"], "--set"),
    (&["report", "run", "--threads", "2"], "--threads"),
    (&["export", "run", "--set", "network.maps=3"], "--set"),
    (&["collect", "run", "--set", "network.maps=3"], "--set"),
    (&["devices", "--set", "network.maps=3"], "--set"),
    (&["scan", "--status", "run", "--set", "network.maps=3"], "--set"),
];

#[test]
fn options_without_effect_are_refused() {
    let place = Workplace::new(TINY);
    for (arguments, name) in UNUSED {
        place.fail(arguments, 2, &[name, "no effect"]);
    }
    place.fail(&["measure", "tiny.toml", "--resume"], 2, &["--resume"]);
    place.fail(&["plan", "tiny.toml", "--threads", "4096"], 2, &["--threads 4096", "cores"]);
}

#[test]
fn durations_are_what_ran() {
    let place = furnished();
    let odd = ["--set", "measure.duration_ms=20", "--set", "dynamics.dt_ms=14"];
    place.fail(&[&["optimize", "tiny.toml", "--out", "x"], &odd[..]].concat(), 2, &["20", "14", "28"]);
    assert!(!place.path("x").exists());
    // Two steps, two files.
    place.succeed(&["measure", "run", "--starts", "2", "--quiet"]);
    place.succeed(&["measure", "run", "--starts", "2", "--quiet", "--set", "dynamics.dt_ms=0.1"]);
    for name in ["drift-200ms-2starts-dt0.2ms.csv", "drift-200ms-2starts-dt0.1ms.csv"] {
        assert!(place.path("run").join(name).exists(), "{name}");
    }
    place.succeed(&["verify", "run"]);
}

#[test]
fn scans_of_other_settings_are_not_averaged() {
    let place = Workplace::new(TINY);
    let scan = |out, set| place.succeed(&["scan", "tiny.toml", "--out", out, "--quiet", "--set", set]);
    for (out, set) in [
        ("a", "network.seed=3"),
        ("points", "flatten.points_per_map=30"),
        ("ridge", "flatten.ridge=1e-5"),
        ("seed", "network.seed=9"),
    ] {
        scan(out, set);
    }
    place.fail(&["collect", "a", "points", "--out", "x"], 2, &["points_per_map", "collect them apart"]);
    place.fail(&["collect", "a", "ridge", "--out", "x"], 2, &["ridge", "collect them apart"]);
    // Given twice, counted once; another seed is another draw, and is said.
    place.succeed(&["collect", "a", "a", "--out", "twice", "--quiet"]);
    let rows = |out: &str, table: &str| fs::read_to_string(place.path(out).join(table)).unwrap();
    assert_eq!(rows("twice", "trials.csv").lines().count(), 1 + 4);
    let output = place.run(&["collect", "a", "seed", "--out", "pooled"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && message.contains("pooled 2 scans with the seeds 3, 9"), "{message}");
    for table in ["trials.csv", "timings.csv"] {
        assert_eq!(rows("pooled", table).lines().count(), 1 + 8, "{table}");
        assert!(rows("pooled", table).lines().next().unwrap().contains("seed"), "{table}");
    }
    // One realization has no error bar: an empty cell, not NaN.
    assert!(!rows("twice", "summary.csv").contains("NaN"), "{}", rows("twice", "summary.csv"));
}

#[test]
fn a_refused_scan_leaves_nothing_behind() {
    let place = Workplace::new(TINY);
    place.fail(&["scan", "tiny.toml", "--out", "scan", "--set", "kernel.width=0.1"], 2, &["kernel"]);
    assert!(!place.path("scan").exists());
    place.succeed(&["scan", "tiny.toml", "--out", "scan", "--quiet"]);
}

#[test]
fn of_two_scans_at_once_one_is_refused() {
    let place = Workplace::new(TINY);
    for round in 0..6 {
        let out = format!("scan{round}");
        let start = |seed: &str| {
            let set = format!("network.seed={seed}");
            let mut command = place.command(&["scan", "tiny.toml", "--out", &out, "--quiet", "--set", &set]);
            command.stderr(Stdio::null()).spawn().unwrap()
        };
        let children = [start("1"), start("2")];
        let codes: Vec<Option<i32>> = children.into_iter().map(|mut c| c.wait().unwrap().code()).collect();
        let accepted = codes.iter().filter(|c| **c == Some(0)).count();
        assert!(accepted == 1 && codes.contains(&Some(2)), "round {round}: {codes:?}");
    }
}

#[test]
fn measurements_at_once_are_all_in_the_manifest() {
    let place = furnished();
    let starts = ["1", "2", "3", "4", "5", "6"];
    let children =
        starts.map(|n| place.command(&["measure", "run", "--starts", n, "--quiet"]).spawn().unwrap());
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let text = place.succeed(&["verify", "run"]);
    for n in starts {
        assert!(text.contains(&format!("drift-200ms-{n}starts-dt0.2ms.csv")), "{text}");
    }
    assert!(!text.contains("not part of the run"), "{text}");
}

#[test]
fn interrupted_at_the_first_measurement() {
    let place = Workplace::new(TINY);
    let long = ["--set", "measure.duration_ms=10000000"];
    let interrupt = |delay: u64| {
        let mut job =
            place.command(&[&["optimize", "tiny.toml", "--out", "run", "--quiet"], &long[..]].concat());
        let mut child = job.stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        child.wait().unwrap().code()
    };
    // A signal that comes before the program listens ends it, with nothing written.
    assert!([700, 2000, 5000].into_iter().any(|delay| interrupt(delay) == Some(130)));
    assert!(place.succeed(&["verify", "run"]).contains("sound, and interrupted"));
}

#[test]
fn what_is_said_of_an_interrupted_run() {
    let place = furnished();
    let (directory, mut manifest) = flatscape::records::RunDirectory::open(&place.path("run")).unwrap();
    manifest.status = flatscape::records::RunState::Interrupted;
    directory.write_manifest(manifest).unwrap();
    for arguments in [&["export", "run"][..], &["measure", "run", "--starts", "1"], &["report", "run"]] {
        let output = place.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && message.contains("interrupted run"), "{arguments:?}: {message}");
    }
    // States of a complete run are gone.
    let place = furnished();
    let again = ["optimize", "tiny.toml", "--out", "run", "--resume", "--keep-states"];
    place.fail(&again, 2, &["rates.npy", "--keep-states"]);
    assert!(!place.path("run/rates.npy").exists());
}

#[test]
#[cfg(unix)]
fn a_hangup_that_is_ignored_stays_ignored() {
    let place = Workplace::new(TINY);
    let command = format!(
        "trap '' HUP; exec {} scan tiny.toml --out scan --quiet --backend cpu --set measure.duration_ms=20000",
        env!("CARGO_BIN_EXE_flatscape")
    );
    let mut child = Command::new("sh").args(["-c", &command]).current_dir(place.path("")).spawn().unwrap();
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let _ = Command::new("kill").args(["-HUP", &child.id().to_string()]).stderr(Stdio::null()).status();
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn nobody_hears_and_the_work_goes_on() {
    let place = Workplace::new(TINY);
    let full = || Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap());
    for arguments in [&["optimize", "tiny.toml", "--out", "run"][..], &["scan", "tiny.toml", "--out", "scan"]]
    {
        let status = place.command(arguments).stderr(full()).stdout(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(0), "{arguments:?}");
        // A closed pipe.
        let mut again = place.command(arguments);
        again.args(["--resume"]).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = again.spawn().unwrap();
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
    }
    // A result that cannot be written is an error.
    let trial = ["scan", "tiny.toml", "--trial", "L01-r000-none"];
    for arguments in [&["plan", "tiny.toml"][..], &["verify", "run", "--json"], &trial] {
        let output = place.command(arguments).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    }
}

#[test]
#[cfg(unix)]
fn links_devices_and_pipes_among_outputs_and_inputs() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let place = furnished();
    place.succeed(&["report", "run", "--out", "/dev/null", "--quiet"]);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    std::os::unix::fs::symlink("target.html", place.path("link.html")).unwrap();
    place.succeed(&["report", "run", "--out", "link.html", "--quiet"]);
    assert!(fs::symlink_metadata(place.path("link.html")).unwrap().is_symlink());
    let page = fs::read_to_string(place.path("target.html")).unwrap();
    assert_eq!(place.succeed(&["report", "run", "--out", "/dev/stdout"]), page);
    let exported = place.run(&["export", "run", "--out", "/dev/stdout"]).stdout;
    place.succeed(&["export", "run", "--quiet"]);
    assert_eq!(exported, fs::read(place.path("run/network.npz")).unwrap());
    let mkfifo = Command::new("mkfifo").arg(place.path("pipe")).status().unwrap();
    assert!(mkfifo.success());
    place.fail(&["plan", "pipe"], 2, &["pipe", "regular files"]);
    place.fail(&["plan", "tiny.toml", "--set", "network.maps_file=pipe"], 1, &["pipe", "regular files"]);
    // The umask decides, as it does for other programs.
    let umask =
        format!("umask 077; exec {} export run --quiet --out private.npz", env!("CARGO_BIN_EXE_flatscape"));
    let status = Command::new("sh").args(["-c", &umask]).current_dir(place.path("")).status().unwrap();
    assert!(status.success());
    assert_eq!(fs::metadata(place.path("private.npz")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
#[cfg(target_os = "linux")]
fn paths_and_texts_that_a_terminal_would_obey() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = furnished();
    let name = OsStr::from_bytes(b"n\xe9t\x1b[31m.npz");
    let mut export = place.command(&["export", "run", "--json", "--out"]);
    let output = export.arg(name).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(record["file"].as_str().unwrap().ends_with(".npz"));
    let output = place.run(&["plan", "tiny.toml", "--set", "network.\u{1b}[31mmaps=3"]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!message.contains('\u{1b}') && message.contains(&printable("\u{1b}[31m")), "{message:?}");
}

#[test]
fn figures_go_on_where_they_were_interrupted() {
    let place = Workplace::new("");
    let small = [
        "--set",
        "network.neurons=100",
        "--set",
        "flatten.points_per_map=100",
        "--set",
        "flatten.ridge=1e-6",
    ];
    let short = ["--set", "measure.duration_ms=1600", "--set", "measure.starts_per_map=2"];
    let figures =
        [&["figures", "--out", "figs", "--only", "S10", "--quiet", "--threads", "1"], &small[..], &short[..]]
            .concat();
    let mut child = place.command(&figures).stderr(Stdio::null()).spawn().unwrap();
    let trials = place.path("figs/study/trials");
    while fs::read_dir(&trials).map_or(0, |entries| entries.count()) < 3 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let times = || -> Vec<_> {
        let entries = fs::read_dir(&trials).unwrap().map(|e| e.unwrap());
        let records = entries.filter(|e| e.file_name().to_string_lossy().ends_with(".json"));
        let mut times: Vec<_> =
            records.map(|e| (e.path(), e.metadata().unwrap().modified().unwrap())).collect();
        times.sort();
        times
    };
    let before = times();
    let code = place.run(&figures).status.code();
    // 1: a verdict fails, as it may on a network of another size.
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    assert!(place.path("figs/verdicts.json").exists());
    let after = times();
    assert!(before.iter().all(|record| after.contains(record)), "records were made again");
}
