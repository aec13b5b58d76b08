//! What the fuzzers call, one function a parser: no bytes may make it panic, hang, or take memory beyond their size.
//! `tests/faults/fuzz.rs` drives the same functions without libFuzzer.

use std::path::Path;

use flatscape::files::npy;
use flatscape::records::{Manifest, check_state};
use flatscape::scan::decode;
use flatscape::setup::config::Config;

/// A configuration file, then the same text as a setting. What is accepted can be written out and is accepted again.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = Config::parse(text, "fuzzed.toml") {
        let again = Config::parse(&config.to_toml(), "again.toml");
        assert_eq!(again.expect("what is written out can be read"), config);
    }
    let _ = Config::default().set(text);
}

/// An array of each type that is read. What is accepted is written out with the same shape and values.
pub fn array(bytes: &[u8]) {
    if let Ok((shape, values)) = npy::decode::<i32>(bytes) {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        assert_eq!(npy::decode::<i32>(&npy::encode(&shape, &values)), Ok((shape, values)));
    }
    let of_other_types = [
        npy::decode::<f64>(bytes).map(|(_, values)| values.len()),
        npy::decode::<f32>(bytes).map(|(_, values)| values.len()),
        npy::decode::<u64>(bytes).map(|(_, values)| values.len()),
    ];
    for length in of_other_types.into_iter().flatten() {
        assert!(length <= bytes.len(), "{length} numbers from {} bytes", bytes.len());
    }
}

/// A record of each kind that carries a checksum: a manifest, a checkpoint, a trial.
pub fn record(bytes: &[u8]) {
    let _ = Manifest::parse(Path::new("manifest.json"), bytes);
    let _ = check_state(bytes);
    let _ = decode(bytes);
}
