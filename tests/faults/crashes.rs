//! Writes that fail, processes that die while they write, and disks of every size.

use std::fs;
use std::process::Command;

use crate::skip::skipped;
use crate::workplace::Workplace;
use crate::{TINY, results};

/// Runs with the write `at` going wrong: by an error of the disk, or by the end of the process. `true` if it came that far.
fn goes_wrong(place: &Workplace, arguments: &[&str], at: usize) -> bool {
    let kind = if at.is_multiple_of(2) { "kill" } else { "fail" };
    let output = place.command(arguments).env("FLATSCAPE_FAULT", format!("{kind} {at}")).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => false,
        // Killed by a signal.
        None => true,
        Some(code) => {
            assert_eq!(code, 1, "write {at}: {message}");
            assert!(message.contains("space"), "write {at}: {message}");
            true
        }
    }
}

#[test]
fn every_write_of_a_run_fails_once() {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "sound", "--quiet", "--keep-states"]);
    let sound = results(&place.path("sound"));
    let mut writes = 0;
    while goes_wrong(
        &place,
        &["optimize", "tiny.toml", "--out", "run", "--quiet", "--keep-states"],
        writes + 1,
    ) {
        writes += 1;
        let resume = ["optimize", "tiny.toml", "--out", "run", "--quiet", "--keep-states", "--resume"];
        place.succeed(&resume);
        assert_eq!(results(&place.path("run")), sound, "write {writes}");
        flatscape::records::verify(&place.path("run"), None).unwrap();
        let left = fs::read_dir(place.path("run")).unwrap().map(|e| e.unwrap().file_name());
        let left: Vec<String> = left.map(|n| n.to_string_lossy().into_owned()).collect();
        assert!(!left.iter().any(|n| n.starts_with(".partial")), "write {writes}: {left:?}");
        fs::remove_dir_all(place.path("run")).unwrap();
    }
    // Two landscapes of eight arrays each, and what a run leaves.
    assert!(writes > 25, "only {writes} writes were found");
}

#[test]
fn every_write_of_a_scan_fails_once() {
    let place = Workplace::new(TINY);
    place.succeed(&["scan", "tiny.toml", "--out", "sound", "--quiet"]);
    place.succeed(&["collect", "sound", "--quiet"]);
    let sound = fs::read(place.path("sound/collected/trials.csv")).unwrap();
    let scan = ["scan", "tiny.toml", "--out", "scan", "--quiet", "--threads", "1"];
    let mut writes = 0;
    while goes_wrong(&place, &scan, writes + 1) {
        writes += 1;
        place.succeed(&scan);
        place.succeed(&["collect", "scan", "--quiet"]);
        assert_eq!(fs::read(place.path("scan/collected/trials.csv")).unwrap(), sound, "write {writes}");
        fs::remove_dir_all(place.path("scan")).unwrap();
    }
    assert!(writes > 10, "only {writes} writes were found");
}

/// A file system of its own, which needs root on Linux, of every size from nothing to what the job needs.
#[test]
#[cfg(target_os = "linux")]
fn disks_of_every_size() {
    struct Unmount(std::path::PathBuf);
    impl Drop for Unmount {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(&self.0).status();
        }
    }
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "sound", "--quiet"]);
    let sound = results(&place.path("sound"));
    let disk = place.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = |options: &str| {
        Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(&disk)
            .status()
            .unwrap()
            .success()
    };
    if !mounted("size=4k") && std::env::var("FLATSCAPE_REQUIRE_ROOT").as_deref() != Ok("1") {
        skipped("mounting small file systems takes root");
        return;
    }
    drop(Unmount(disk.clone()));
    let mount = |options: &str| assert!(mounted(options), "mounting a small file system failed");
    let run = ["optimize", "tiny.toml", "--out", "disk/run", "--quiet", "--resume"];
    let mut sizes = 0;
    for size in (4..).step_by(24) {
        mount(&format!("size={size}k"));
        let _unmount = Unmount(disk.clone());
        let output = place.run(&run);
        if output.status.success() {
            break;
        }
        sizes += 1;
        // 2: not even the directory could be made.
        let (code, message) = (output.status.code(), String::from_utf8_lossy(&output.stderr));
        assert!(matches!(code, Some(1 | 2)) && message.contains("space"), "{size} kB: {code:?} {message}");
        mount("remount,size=16m");
        place.succeed(&run);
        assert_eq!(results(&place.path("disk/run")), sound, "{size} kB");
    }
    assert!(sizes > 3, "the disk was full at {sizes} sizes only");
}
