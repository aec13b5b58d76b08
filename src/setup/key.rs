//! One key of a configuration.

use serde::de::DeserializeOwned;
use toml::Value;
use toml::de::DeValue;

use crate::setup::values::Values;

/// A key of `T`, which is the whole configuration or one table of it.
pub struct Key<T> {
    /// Where it stands: `["network", "neurons"]` is `neurons` under `[network]`.
    pub path: &'static [&'static str],
    /// What it may be.
    pub values: Values,
    /// Its unit; empty for counts, fractions and words.
    pub unit: &'static str,
    /// What happens if it is left out, for a key without a default value; empty for all others.
    pub unset: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// Puts a checked value in its field; `None` if the field's type has no such value.
    pub(super) assign: fn(&mut T, Value) -> Option<()>,
}

/// `key!(section.name, values, unit, about)`, or with `unset` as the last part for a key without a default value.
macro_rules! key {
    ($($part:ident).+, $values:expr, $unit:literal, $about:literal) => {
        key!($($part).+, $values, $unit, $about, "")
    };
    ($($part:ident).+, $values:expr, $unit:literal, $about:literal, $unset:literal) => {
        $crate::setup::key::Key {
            path: &[$(stringify!($part)),+],
            values: $values,
            unit: $unit,
            unset: $unset,
            about: $about,
            assign: |target, value| $crate::setup::key::put(&mut target.$($part).+, value),
        }
    };
}

pub(super) use key;

/// Puts a checked value in its field; `None` if the field's type has no such value.
pub(super) fn put<V: DeserializeOwned>(field: &mut V, value: Value) -> Option<()> {
    *field = value.try_into().ok()?;
    Some(())
}

impl<T> Key<T> {
    /// The key's own name, without the tables it stands in.
    pub fn name(&self) -> &'static str {
        self.path.last().copied().unwrap_or("")
    }

    /// The tables it stands in, joined by dots.
    pub fn section(&self) -> String {
        self.path[..self.path.len().saturating_sub(1)].join(".")
    }

    /// The whole name, as `--set` takes it.
    pub fn full_name(&self) -> String {
        self.path.join(".")
    }

    /// What it may be, with its unit, as errors say it.
    pub fn allowed(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" [{}]", self.unit) };
        format!("{}{unit}", self.values)
    }

    /// Sets it in `target`; `None`, and nothing set, if the value is not allowed.
    pub(super) fn assign(&self, target: &mut T, value: &DeValue<'_>) -> Option<()> {
        (self.assign)(target, self.check(value)?)
    }

    /// The value as it would be set, if it is allowed.
    pub(super) fn check(&self, value: &DeValue<'_>) -> Option<Value> {
        self.values.check(value)
    }
}
