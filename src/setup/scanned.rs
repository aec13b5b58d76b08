//! What a scan compares and varies: methods by name, and any keys with lists of values.
//!
//! `[scan.methods.NAME]` is a method with the keys of `[flatten]` that differ from the configuration's own; a list of words
//! under `scan.methods` means the methods of these names as they are. `[scan.vary]` has a list of values for each of any
//! keys; every combination of them is scanned.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use toml::Value;

/// Which states a landscape is flattened at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Not at all.
    None,
    /// At idealized bumps, by one weight change (eq. 2).
    Idealized,
    /// At constrained minima, iterated (eq. 3).
    Constrained,
    /// Not the landscape, but the currents of all idealized bumps, by the symmetric pseudo-inverse rule; see
    /// [`crate::solve::pseudo_inverse`].
    #[serde(rename = "pseudo-inverse")]
    PseudoInverse,
    /// Not the landscape, but the sign of every neuron's current in all idealized bumps, by weights that are not symmetric:
    /// a baseline of scans that has no energy; see [`crate::solve::maximal_margin`].
    #[serde(rename = "maximal-margin")]
    MaximalMargin,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Method::None, Method::Idealized, Method::Constrained, Method::PseudoInverse, Method::MaximalMargin];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Method::None => "none",
            Method::Idealized => "idealized",
            Method::Constrained => "constrained",
            Method::PseudoInverse => "pseudo-inverse",
            Method::MaximalMargin => "maximal-margin",
        }
    }

    /// Whether its weights are symmetric, so that the network has an energy.
    pub fn has_energy(self) -> bool {
        self != Method::MaximalMargin
    }
}

/// A method of a scan.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedMethod {
    /// What tables and plots call it.
    pub name: String,
    /// Keys of `[flatten]` that differ, by their own names.
    pub settings: BTreeMap<String, Value>,
}

impl NamedMethod {
    /// One of the program's methods under its own name, with `[flatten]` as it is.
    pub fn plain(method: Method) -> Self {
        let settings = BTreeMap::from([("method".to_owned(), Value::from(method.name()))]);
        Self { name: method.name().to_owned(), settings }
    }

    /// A method of any name; one of the program's means that method.
    fn named(name: &str) -> Self {
        let word = Method::ALL.into_iter().find(|method| method.name() == name);
        word.map_or_else(|| Self { name: name.to_owned(), settings: BTreeMap::new() }, Self::plain)
    }

    fn is_plain(&self) -> bool {
        Self::named(&self.name) == *self && !self.settings.is_empty()
    }
}

/// `scan.methods`: in the order of a list, or by name if any has keys of its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Vec<Method>")]
pub struct Methods(pub Vec<NamedMethod>);

impl From<Vec<Method>> for Methods {
    fn from(methods: Vec<Method>) -> Self {
        Self(methods.into_iter().map(NamedMethod::plain).collect())
    }
}

impl Methods {
    /// The method of this name; the program's own are always known.
    pub fn get(&self, name: &str) -> NamedMethod {
        let known = self.0.iter().find(|method| method.name == name);
        known.cloned().unwrap_or_else(|| NamedMethod::named(name))
    }

    /// The method of this name, to be changed; added if it is not there.
    pub(super) fn entry(&mut self, name: &str) -> &mut NamedMethod {
        let place = self.0.iter().position(|method| method.name == name).unwrap_or_else(|| {
            let place = self.0.partition_point(|method| method.name.as_str() < name);
            self.0.insert(place, NamedMethod::named(name));
            place
        });
        &mut self.0[place]
    }
}

impl Serialize for Methods {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0.iter().all(NamedMethod::is_plain) {
            return to.collect_seq(self.0.iter().map(|method| &method.name));
        }
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for method in &self.0 {
            map.serialize_entry(&method.name, &method.settings)?;
        }
        map.end()
    }
}

/// `[scan.vary]`: values by the whole names of keys.
pub type Vary = BTreeMap<String, Vec<Value>>;

/// A key that a scan sets, with its value as it is typed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Setting {
    /// The key's whole name.
    pub key: String,
    /// TOML.
    pub value: String,
}

/// All combinations of the varied keys' values, the last key's running fastest; one without settings if nothing is varied.
pub fn combinations(vary: &Vary) -> Vec<Vec<Setting>> {
    vary.iter().fold(vec![Vec::new()], |combinations, (key, values)| {
        let with = |(combination, value): (&Vec<Setting>, &Value)| {
            let setting = Setting { key: key.clone(), value: value.to_string() };
            combination.iter().cloned().chain([setting]).collect()
        };
        combinations.iter().flat_map(|c| values.iter().map(move |v| (c, v))).map(with).collect()
    })
}
