//! Scans of very many trials: to look at them, to go on with them and to gather them takes time and memory in proportion.
//!
//! Longer: `FLATSCAPE_TRIALS=100000`.

use std::fs;
use std::process::Command;

use flatscape::scan::{Store, Timing, TrialRecord, trials};

use crate::workplace::Workplace;
use crate::{TINY, number};

/// A record in the form of the store, which itself would wait for the disk at every one.
fn sealed<T: serde::Serialize>(record: &T) -> Vec<u8> {
    let body = serde_json::to_string_pretty(record).unwrap() + "\n";
    let checksum = blake3::hash(body.as_bytes()).to_hex();
    format!("{{\"flatscape_trial\": 1, \"checksum\": \"{checksum}\", \"record\":\n{body}}}\n").into_bytes()
}

/// Makes a finished scan of `count` trials, a multiple of 20: the record of one trial, told to be that of each. Returns the
/// settings that ask for so many.
fn scan_of(place: &Workplace, name: &str, count: usize) -> [String; 2] {
    let settings =
        ["scan.maps=[1,2,3,4,5,6,7,8,9,10]".to_owned(), format!("scan.realizations={}", count / 20)];
    place.succeed(&["scan", "tiny.toml", "--out", name, "--quiet"]);
    let store = Store::open(&place.path(name)).unwrap();
    let (record, timing): (TrialRecord, Timing) =
        (store.records().0.remove(0).1, store.timings().remove(0).1);
    let mut config = store.config().unwrap();
    settings.iter().for_each(|setting| config.set(setting).unwrap());
    for trial in trials(&config).unwrap() {
        let (hash, seed, id) =
            (trial.content_hash(&config).unwrap(), trial.seed(config.network.seed), trial.id());
        let text = trial.config(&config).unwrap().to_toml();
        let own = TrialRecord { id: id.clone(), seed, config: text, trial, ..record.clone() };
        let timing = Timing { id, seed, ..timing.clone() };
        for (folder, bytes) in [("trials", sealed(&own)), ("timings", sealed(&timing))] {
            fs::write(place.path(name).join(folder).join(format!("{hash}.json")), bytes).unwrap();
        }
    }
    settings
}

/// Seconds of the processor that a command takes, which succeeds.
fn seconds(place: &Workplace, arguments: &[&str]) -> f64 {
    let command = place.command(arguments);
    let timed = Command::new("sh")
        .args(["-c", "\"$@\" > /dev/null && times", "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(place.path(""))
        .output()
        .unwrap();
    assert!(timed.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&timed.stderr));
    // The second line is of the shell's children: `0m0.03s 0m0.01s`.
    let text = String::from_utf8(timed.stdout).unwrap();
    let of = |word: &str| {
        let (minutes, seconds) = word.trim_end_matches('s').split_once('m').unwrap();
        60.0 * minutes.parse::<f64>().unwrap() + seconds.parse::<f64>().unwrap()
    };
    text.lines().nth(1).unwrap().split_whitespace().map(of).sum()
}

#[test]
#[cfg(unix)]
fn four_times_the_trials_take_four_times_as_long() {
    let place = Workplace::new(TINY);
    let many = number("FLATSCAPE_TRIALS", 4000);
    let costs = [("few", many / 4), ("many", many)].map(|(name, count)| {
        let [maps, realizations] = scan_of(&place, name, count);
        let scan = ["scan", "tiny.toml", "--out", name, "--quiet", "--set", &maps, "--set", &realizations];
        let on = seconds(&place, &scan);
        let status = ["scan", "--status", name, "--json"];
        let told: serde_json::Value = serde_json::from_str(&place.succeed(&status)).unwrap();
        assert_eq!((&told["trials"], &told["done"]), (&count.into(), &count.into()));
        let looked = seconds(&place, &status);
        let gathered = seconds(&place, &["collect", name, "--quiet"]);
        println!("{count} trials: scan {on:.2} s, status {looked:.2} s, collect {gathered:.2} s");
        [("scan", on), ("scan --status", looked), ("collect", gathered)]
    });
    for ((what, few), (_, many)) in costs[0].iter().zip(costs[1]) {
        // What grows with the square takes 16 times as long. Clocks tick in hundredths.
        assert!(many <= 8.0 * (few + 0.01), "{what}: {few} s, then {many} s");
    }
}
