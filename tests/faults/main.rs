//! What goes wrong with machines, disks, people and files, as tables of attacks: each is refused or survived, and nothing
//! ends with a wrong result and exit code 0.
//!
//! Longer runs: `FLATSCAPE_FUZZ_INPUTS=1000000` for every parser, `FLATSCAPE_CHANGES=1000` for changed bytes,
//! `FLATSCAPE_TRIALS=100000` for scans.

mod attacks;
mod changes;
mod crashes;
mod forged;
mod fuzz;
mod inputs;
mod many;

#[path = "../common/skip.rs"]
mod skip;
#[path = "../../fuzz/fuzz_targets/targets.rs"]
mod targets;
#[path = "../common/workplace.rs"]
mod workplace;

use std::fs;
use std::path::Path;

/// A configuration that takes a fraction of a second.
const TINY: &str = "[network]\nneurons = 60\nmaps = 2\nseed = 3\n[flatten]\niterations = 1\nridge = 1e-6\n[measure]\nduration_ms = 200\nstarts_per_map = 4\n[scan]\nmaps = [1, 2]\nrealizations = 1\nmethods = [\"none\", \"constrained\"]\n";

/// Random numbers that are the same every time.
struct Dice(u64);

impl Dice {
    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        // Steele, Lea and Flood 2014: SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// A number from the environment, for longer runs.
fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a whole number"))
}

/// Files of a folder and its folders, whose bytes do not depend on the clock.
fn results(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let own = |name: &str| name.ends_with(".npy") || name == "drift.csv" || name == "config.toml";
    let mut found: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .filter(|(name, _)| own(name))
        .map(|(name, path)| (name, fs::read(path).unwrap()))
        .collect();
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
