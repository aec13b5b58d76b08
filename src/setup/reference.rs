//! The configuration reference: every key with default, unit, range and meaning.
//!
//! Made from [`KEYS`] and [`Config::default`], which also read and check configurations, so it cannot disagree with
//! them. `configs/REFERENCE.md` is this text; a test keeps it equal.

use serde::Serialize;
use toml::Value;

use crate::setup::config::Config;
use crate::setup::groups::MapsConfig;
use crate::setup::key::Key;
use crate::setup::keys::{KEYS, MAPS_KEYS};

/// What stands above the tables.
const HEAD: &str = "# Configuration reference

A configuration is a TOML file. Every key may be left out; a key that is not listed here is an error. On the command
line, `--set section.key=value` sets one key. `flatscape config FILE` prints a configuration with all keys written out.

A scan may vary any key: `[scan.vary]` has a list of values by the whole name of each, `kernel.width = [10.0, 15.0]`, and
every combination is scanned. It compares methods by name: `[scan.methods.NAME]` has the keys of `[flatten]` that differ.

This file is what `flatscape config --reference` prints.
";

/// One key, as the reference shows it.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// The table it stands in.
    pub section: String,
    /// Its name in the table.
    pub key: &'static str,
    /// The default as it would be typed, or in words what happens without the key.
    pub default: String,
    /// Empty for counts, fractions and words.
    pub unit: &'static str,
    /// What it may be.
    pub allowed: String,
    /// What it is for.
    pub meaning: &'static str,
}

/// Every key.
pub fn entries() -> Vec<Entry> {
    let own = KEYS.iter().map(|key| entry(key, &defaults(&Config::default()), ""));
    let of_maps = MAPS_KEYS.iter().map(|key| entry(key, &defaults(&MapsConfig::default()), "maps"));
    own.chain(of_maps).collect()
}

fn defaults<T: Serialize>(of: &T) -> Value {
    Value::try_from(of).expect("a configuration of plain numbers and texts is TOML")
}

/// A key of the table `T`, which stands under `under`.
fn entry<T>(key: &Key<T>, defaults: &Value, under: &str) -> Entry {
    let value = key.path.iter().try_fold(defaults, |table, part| table.get(part));
    let parts = [under.to_owned(), key.section()];
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    Entry {
        section: parts.join("."),
        key: key.name(),
        default: value.map_or(key.unset.to_owned(), |value| format!("`{value}`")),
        unit: key.unit,
        allowed: key.values.to_string(),
        meaning: key.about,
    }
}

/// The whole reference as Markdown.
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    let mut section = String::new();
    for entry in entries() {
        if entry.section != section {
            // `[[maps]]` may stand several times, once for every group of maps.
            let name =
                if entry.section == "maps" { "[[maps]]".to_owned() } else { format!("[{}]", entry.section) };
            text.push_str(&format!(
                "\n## {name}\n\n| key | default | unit | allowed | meaning |\n|---|---|---|---|---|\n"
            ));
            section = entry.section;
        }
        let Entry { key, default, unit, allowed, meaning, .. } = entry;
        text.push_str(&format!("| `{key}` | {default} | {unit} | {allowed} | {meaning} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `FLATSCAPE_WRITE_REFERENCE=1 cargo test reference` writes the file again.
    #[test]
    fn the_file_in_the_repository_is_what_the_program_prints() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/REFERENCE.md");
        if std::env::var_os("FLATSCAPE_WRITE_REFERENCE").is_some() {
            std::fs::write(&file, markdown()).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap();
        assert_eq!(written, markdown(), "run FLATSCAPE_WRITE_REFERENCE=1 cargo test reference");
    }

    #[test]
    fn every_key_has_a_default_or_says_what_happens_without() {
        let entries = entries();
        assert_eq!(entries.len(), KEYS.len() + MAPS_KEYS.len());
        let unset = KEYS.iter().map(|key| key.unset).chain(MAPS_KEYS.iter().map(|key| key.unset));
        for (entry, unset) in entries.iter().zip(unset) {
            assert!(!entry.default.is_empty(), "{}.{}", entry.section, entry.key);
            // In words only where there is no value.
            assert_eq!(entry.default.starts_with('`'), unset.is_empty(), "{}.{}", entry.section, entry.key);
        }
        assert!(markdown().contains("| `definition` | `\"kkt\"` |"));
    }
}
