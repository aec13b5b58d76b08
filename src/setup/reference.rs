//! The configuration reference: every key with default, unit, range and meaning.
//!
//! Made from [`KEYS`] and [`Config::default`], which also read and check configurations, so it cannot disagree with
//! them. `configs/REFERENCE.md` is this text; a test keeps it equal.

use serde::Serialize;
use toml::Value;

use crate::setup::config::Config;
use crate::setup::keys::{KEYS, Key};

/// What stands above the tables.
const HEAD: &str = "# Configuration reference

A configuration is a TOML file. Every key may be left out; a key that is not listed here is an error. On the command
line, `--set section.key=value` sets one key. `flatscape config FILE` prints a configuration with all keys written out.

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
    let defaults =
        Value::try_from(Config::default()).expect("a configuration of plain numbers and texts is TOML");
    let entry = |key: &'static Key<Config>| {
        let value = key.path.iter().try_fold(&defaults, |table, part| table.get(part));
        Entry {
            section: key.section(),
            key: key.name(),
            default: value.map_or(key.unset.to_owned(), |value| format!("`{value}`")),
            unit: key.unit,
            allowed: key.values.to_string(),
            meaning: key.about,
        }
    };
    KEYS.iter().map(entry).collect()
}

/// The whole reference as Markdown.
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    let mut section = String::new();
    for entry in entries() {
        if entry.section != section {
            text.push_str(&format!(
                "\n## [{}]\n\n| key | default | unit | allowed | meaning |\n|---|---|---|---|---|\n",
                entry.section
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
        assert_eq!(entries.len(), KEYS.len());
        for (entry, key) in entries.iter().zip(KEYS) {
            assert!(!entry.default.is_empty(), "{}", key.full_name());
            // In words only where there is no value.
            assert_eq!(entry.default.starts_with('`'), key.unset.is_empty(), "{}", key.full_name());
        }
        assert!(markdown().contains("| `definition` | `\"kkt\"` |"));
    }
}
