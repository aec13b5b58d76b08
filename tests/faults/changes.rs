//! One byte of any file changed: it is found, or it changes nothing that anybody is told.

use std::fs;
use std::path::{Path, PathBuf};

use flatscape::collect::Collection;
use flatscape::landscape::roughness::Roughness;
use flatscape::records::{Checkpoint, verify};
use flatscape::scan::{Store, TrialLandscape};
use flatscape::setup::config::Config;
use flatscape::setup::plan::Plan;

use crate::workplace::Workplace;
use crate::{Dice, TINY, number};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.retain(|file| fs::metadata(file).unwrap().len() > 0);
    found.sort();
    found
}

/// Changes one byte of one file, looks, and puts it back. `unnoticed` returns what went wrong.
fn change(folder: &Path, dice: &mut Dice, unnoticed: impl Fn() -> bool) {
    let files = files(folder);
    for _ in 0..number("FLATSCAPE_CHANGES", 100) {
        let file = &files[dice.below(files.len())];
        let sound = fs::read(file).unwrap();
        let mut changed = sound.clone();
        let at = dice.below(sound.len());
        changed[at] = changed[at].wrapping_add(1 + dice.below(255) as u8);
        fs::write(file, &changed).unwrap();
        assert!(!unnoticed(), "byte {at} of {} was changed and nobody said so", file.display());
        fs::write(file, &sound).unwrap();
    }
}

#[test]
fn of_a_run() {
    let place = Workplace::new(TINY);
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet", "--keep-states"]);
    let run = place.path("run");
    verify(&run, None).unwrap();
    change(&run, &mut Dice(1), || verify(&run, None).is_ok());
}

#[test]
fn of_a_checkpoint() {
    let place = Workplace::new(TINY);
    let run = place.path("run");
    let fault = "kill 24";
    let mut job = place.command(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
    assert_eq!(job.env("FLATSCAPE_FAULT", fault).status().unwrap().code(), None);
    let plan = Plan::new(Config::parse(TINY, "tiny.toml").unwrap()).unwrap();
    let load = || Checkpoint::load(&run, &plan);
    assert!(load().unwrap().1.is_some(), "{fault} came before the first landscape");
    // What the next write began with is no part of the checkpoint.
    let state: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("checkpoint/state.json")).unwrap()).unwrap();
    for file in files(&run.join("checkpoint")) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name != "state.json" && state["arrays"].get(&name).is_none() {
            fs::remove_file(file).unwrap();
        }
    }
    change(&run.join("checkpoint"), &mut Dice(2), || load().is_ok());
    // The same through the program, digit by digit: exit code 4 every time.
    let path = run.join("checkpoint/state.json");
    let sound = fs::read(&path).unwrap();
    let digits: Vec<usize> = (0..sound.len()).filter(|&at| sound[at].is_ascii_digit()).collect();
    let mut dice = Dice(3);
    for _ in 0..20 {
        let mut changed = sound.clone();
        let at = digits[dice.below(digits.len())];
        changed[at] = b'0' + (changed[at] - b'0' + 1 + dice.below(9) as u8) % 10;
        fs::write(&path, &changed).unwrap();
        place.fail(&["optimize", "tiny.toml", "--out", "run", "--resume", "--quiet"], 4, &["state.json"]);
    }
    fs::write(&path, &sound).unwrap();
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--resume", "--quiet"]);
    verify(&run, None).unwrap();
}

#[test]
fn of_a_scan() {
    let place = Workplace::new(TINY);
    place.succeed(&["scan", "tiny.toml", "--out", "scan", "--quiet", "--keep-landscapes"]);
    let scan = place.path("scan");
    let landscapes = || -> Vec<Option<TrialLandscape>> {
        let store = Store::open(&scan).unwrap();
        store.records().0.iter().map(|(hash, _)| store.landscape(hash)).collect()
    };
    let kept = landscapes();
    for ((_, record), landscape) in Store::open(&scan).unwrap().records().0.iter().zip(&kept) {
        let energies: Vec<f64> = landscape.as_ref().unwrap().energies.iter().map(|e| f64::from(*e)).collect();
        let (before, after) = energies.split_at(energies.len() / 2);
        for (landscape, row) in [(before, record.iterations.first()), (after, record.iterations.last())] {
            let (found, expected) = (Roughness::of(landscape, None).sd, row.unwrap().energy_sd);
            // Packed to f32.
            assert!((found - expected).abs() <= 1e-5 * (1.0 + expected), "{found}, not {expected}");
        }
    }
    let told = || {
        Collection::read(&[&scan]).ok().filter(|c| c.complaints.is_empty()).map(|c| {
            let timings: Vec<String> = c.timings.iter().map(|t| format!("{t:?}")).collect();
            (c.records, timings)
        })
    };
    let (records, timings) = told().unwrap();
    assert_eq!((records.len(), timings.len()), (4, 4));
    // A timing or a landscape that was damaged is missing; no other changes. Records are in one order as long as all are sound.
    let same = |now: (Vec<_>, Vec<String>)| now.0 == records && now.1.iter().all(|t| timings.contains(t));
    let landscapes_differ = || {
        let now = landscapes();
        now.len() == kept.len() && now.iter().zip(&kept).any(|(now, kept)| now.is_some() && now != kept)
    };
    change(&scan, &mut Dice(4), || told().is_some_and(|now| !same(now)) || landscapes_differ());
}
