//! What a user typed: the configuration, every key of it with its limits.
//!
//! One table, `KEYS`, knows every key: it reads configuration files and `--set`, words the errors, and finds the
//! nearest key to a misspelt one.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};
use crate::files;
use crate::landscape::problem::{Definition, Minimizer};

/// A whole configuration. Units are in the field documentation; defaults are the paper's protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// What is stored.
    pub network: NetworkConfig,
    /// The connectivity of one map.
    pub kernel: KernelConfig,
    /// The rate equation.
    pub dynamics: DynamicsConfig,
    /// How the landscape is flattened.
    pub flatten: FlattenConfig,
    /// How drift is measured.
    pub measure: MeasureConfig,
    /// What a capacity scan varies.
    pub scan: ScanConfig,
}

/// `[network]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkConfig {
    /// N; 600, or what `maps_file` has, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neurons: Option<usize>,
    /// L; 10, or what `maps_file` has, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maps: Option<usize>,
    /// Seed of the random maps.
    pub seed: u64,
    /// int32 `[L, N]` positions to use in place of random maps; relative to the configuration file.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub maps_file: Option<PathBuf>,
}

/// `[kernel]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelConfig {
    /// A (Hz).
    pub amplitude: f64,
    /// σ (neuron units).
    pub width: f64,
    /// b (Hz).
    pub inhibition: f64,
    /// Whether the three are given for 600 neurons and scaled to the network's size.
    pub scale: bool,
}

/// `[dynamics]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DynamicsConfig {
    /// τ (ms).
    pub tau_ms: f64,
    /// Δt (ms).
    pub dt_ms: f64,
    /// h₀ (Hz²).
    pub baseline_current: f64,
}

/// `[flatten]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlattenConfig {
    /// Which states the landscape is flattened at.
    pub method: Method,
    /// Which constrained minimum.
    pub definition: Definition,
    /// How constrained minima are found.
    pub minimizer: Minimizer,
    /// K; as many as neurons if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points_per_map: Option<usize>,
    /// Weight updates, at most.
    pub iterations: usize,
    /// Relative to the Gram matrix's mean diagonal.
    pub ridge: f64,
    /// What the ridge is multiplied by after every weight update: a large ridge first keeps the states near their
    /// linear model, a small one later lets the last roughness go.
    pub ridge_decay: f64,
    /// How the Gram system is solved.
    pub solver: Solver,
    /// Predicted roughness at which the cg solver ends, as a fraction of the present one.
    pub accuracy: f64,
    /// Where the search for minima begins after a weight update.
    pub start: SearchStart,
    /// How many weight updates, from the first on, take the idealized bumps to the level of the minima too; see
    /// [`crate::job::rows`].
    pub idealized_updates: usize,
    /// SD of the landscape at fitted points below which it counts as flat (Hz³).
    pub tolerance: f64,
}

/// `[measure]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasureConfig {
    /// Length of a trajectory (ms).
    pub duration_ms: f64,
    /// Evenly spaced starts on each map.
    pub starts_per_map: usize,
}

/// `[scan]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScanConfig {
    /// Numbers of maps to scan.
    pub maps: Vec<usize>,
    /// Independent draws of the maps.
    pub realizations: usize,
    /// Methods to compare on every draw.
    pub methods: Vec<Method>,
    /// Further numbers of maps, past capacity, that only `score_methods` are run at.
    pub score_maps: Vec<usize>,
    /// Methods for `score_maps`.
    pub score_methods: Vec<Method>,
}

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
}

/// Where the search for minima begins after a weight update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchStart {
    /// At the minima before the update, as in the paper. Fast, but a state that was in a higher minimum stays there.
    Previous,
    /// At the idealized bump, as the dynamics do: the landscape is that of the weights alone, whatever came before.
    Idealized,
}

/// How the Gram system is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// The program chooses by size.
    Auto,
    /// Cholesky factorization of the Gram matrix.
    Direct,
    /// Preconditioned conjugate gradients, which never form the Gram matrix.
    Cg,
}

impl Method {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Method::None => "none",
            Method::Idealized => "idealized",
            Method::Constrained => "constrained",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            network: NetworkConfig { neurons: None, maps: None, seed: 1, maps_file: None },
            kernel: KernelConfig { amplitude: 0.665, width: 15.0, inhibition: -0.2076, scale: true },
            dynamics: DynamicsConfig { tau_ms: 15.0, dt_ms: 0.2, baseline_current: 10.0 },
            flatten: FlattenConfig {
                method: Method::Constrained,
                definition: Definition::Kkt,
                minimizer: Minimizer::Newton,
                points_per_map: None,
                iterations: 5,
                ridge: 1e-9,
                ridge_decay: 1.0,
                solver: Solver::Auto,
                accuracy: 1e-3,
                start: SearchStart::Previous,
                idealized_updates: 0,
                tolerance: 1e-6,
            },
            measure: MeasureConfig { duration_ms: 3000.0, starts_per_map: 10 },
            scan: ScanConfig {
                maps: vec![1, 2, 4, 8, 12, 16, 20],
                realizations: 15,
                methods: vec![Method::None, Method::Idealized, Method::Constrained],
                score_maps: Vec::new(),
                score_methods: vec![Method::None],
            },
        }
    }
}

/// One key: where it goes, and what it may be.
struct Key {
    section: &'static str,
    name: &'static str,
    allowed: &'static str,
    assign: fn(&mut Config, &DeValue<'_>) -> Option<()>,
}

macro_rules! key {
    ($section:ident . $name:ident, $allowed:literal, $read:expr) => {
        Key {
            section: stringify!($section),
            name: stringify!($name),
            allowed: $allowed,
            assign: |config, value| {
                config.$section.$name = ($read)(value)?;
                Some(())
            },
        }
    };
}

/// Every key of a configuration.
static KEYS: &[Key] = &[
    key!(network.neurons, "a whole number from 20 to 100000", |v| whole(v, 20..=100_000).map(Some)),
    key!(network.maps, "a whole number from 1 to 10000", |v| whole(v, 1..=10_000).map(Some)),
    key!(network.seed, "a whole number from 0 to 9223372036854775807", |v| whole(v, 0..=i64::MAX as usize)
        .map(|s| s as u64)),
    key!(network.maps_file, "the path of an int32 .npy file of shape [maps, neurons]", |v| text(v)
        .filter(|t| !t.is_empty())
        .map(|t| Some(PathBuf::from(t)))),
    key!(kernel.amplitude, "a number above 0, at most 1000000 [Hz]", |v| above(v, 0.0, 1e6)),
    key!(kernel.width, "a number above 0, at most 100000 [neuron units]", |v| above(v, 0.0, 1e5)),
    key!(kernel.inhibition, "a number from -1000000 to 0 [Hz]", |v| number(v, -1e6..=0.0)),
    key!(kernel.scale, "true or false", boolean),
    key!(dynamics.tau_ms, "a number above 0, at most 1000000 [ms]", |v| above(v, 0.0, 1e6)),
    key!(dynamics.dt_ms, "a number above 0, at most 1000000 [ms]", |v| above(v, 0.0, 1e6)),
    key!(dynamics.baseline_current, "a number from -1000000 to 1000000 [Hz^2]", |v| number(v, -1e6..=1e6)),
    key!(flatten.method, "\"none\", \"idealized\" or \"constrained\"", method),
    key!(flatten.definition, "\"kkt\" or \"paper\"", |v| match text(v)? {
        "kkt" => Some(Definition::Kkt),
        "paper" => Some(Definition::Paper),
        _ => None,
    }),
    key!(flatten.minimizer, "\"newton\" or \"descent\"", |v| match text(v)? {
        "newton" => Some(Minimizer::Newton),
        "descent" => Some(Minimizer::Descent),
        _ => None,
    }),
    key!(flatten.points_per_map, "a whole number from 1 to 1000000", |v| whole(v, 1..=1_000_000).map(Some)),
    key!(flatten.iterations, "a whole number from 0 to 1000", |v| whole(v, 0..=1000)),
    key!(flatten.ridge, "a number from 0 to 1", |v| number(v, 0.0..=1.0)),
    key!(flatten.ridge_decay, "a number above 0, at most 1", |v| above(v, 0.0, 1.0)),
    key!(flatten.solver, "\"auto\", \"direct\" or \"cg\"", |v| match text(v)? {
        "auto" => Some(Solver::Auto),
        "direct" => Some(Solver::Direct),
        "cg" => Some(Solver::Cg),
        _ => None,
    }),
    key!(flatten.accuracy, "a number above 0, at most 0.5", |v| above(v, 0.0, 0.5)),
    key!(flatten.start, "\"previous\" or \"idealized\"", |v| match text(v)? {
        "previous" => Some(SearchStart::Previous),
        "idealized" => Some(SearchStart::Idealized),
        _ => None,
    }),
    key!(flatten.idealized_updates, "a whole number from 0 to 1000", |v| whole(v, 0..=1000)),
    key!(flatten.tolerance, "a number from 0 to 1000000 [Hz^3]", |v| number(v, 0.0..=1e6)),
    key!(measure.duration_ms, "a number above 0, at most 10000000 [ms]", |v| above(v, 0.0, 1e7)),
    key!(measure.starts_per_map, "a whole number from 1 to 100000", |v| whole(v, 1..=100_000)),
    key!(scan.maps, "a list of whole numbers from 1 to 10000, none twice", |v| list(v, |e| whole(
        e,
        1..=10_000
    ))),
    key!(scan.realizations, "a whole number from 1 to 10000", |v| whole(v, 1..=10_000)),
    key!(scan.methods, "a list of \"none\", \"idealized\", \"constrained\", none twice", |v| list(v, method)),
    key!(scan.score_maps, "a list of whole numbers from 1 to 10000, none twice, or []", |v| list_or_none(
        v,
        |e| { whole(e, 1..=10_000) }
    )),
    key!(scan.score_methods, "a list of \"none\", \"idealized\", \"constrained\", none twice", |v| list(
        v, method
    )),
];

/// A path as people read it: not every path is text, and a record of one must not fail for it.
fn as_text<S: serde::Serializer>(path: &Option<PathBuf>, to: S) -> std::result::Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(to)
}

fn whole(value: &DeValue<'_>, range: RangeInclusive<usize>) -> Option<usize> {
    let integer = value.as_integer()?;
    let number = usize::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    range.contains(&number).then_some(number)
}

fn number(value: &DeValue<'_>, range: RangeInclusive<f64>) -> Option<f64> {
    let number: f64 = match value {
        DeValue::Float(float) => float.as_str().parse().ok()?,
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok()?,
        _ => return None,
    };
    range.contains(&number).then_some(number)
}

fn above(value: &DeValue<'_>, low: f64, high: f64) -> Option<f64> {
    number(value, low..=high).filter(|&x| x > low)
}

fn text<'v>(value: &'v DeValue<'_>) -> Option<&'v str> {
    value.as_str()
}

fn boolean(value: &DeValue<'_>) -> Option<bool> {
    value.as_bool()
}

fn method(value: &DeValue<'_>) -> Option<Method> {
    match text(value)? {
        "none" => Some(Method::None),
        "idealized" => Some(Method::Idealized),
        "constrained" => Some(Method::Constrained),
        _ => None,
    }
}

fn list<T: PartialEq>(value: &DeValue<'_>, element: impl Fn(&DeValue<'_>) -> Option<T>) -> Option<Vec<T>> {
    list_or_none(value, element).filter(|elements| !elements.is_empty())
}

fn list_or_none<T: PartialEq>(
    value: &DeValue<'_>,
    element: impl Fn(&DeValue<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let elements: Vec<T> = value.as_array()?.iter().map(|e| element(e.get_ref())).collect::<Option<_>>()?;
    let distinct = elements.iter().enumerate().all(|(i, e)| !elements[..i].contains(e));
    distinct.then_some(elements)
}

impl Config {
    /// Reads a configuration file, then applies `KEY=VALUE` settings in order.
    ///
    /// # Errors
    /// [`Error::Usage`] with file, line, key, the value found and what is allowed.
    pub fn load(path: &Path, settings: &[String]) -> Result<Self> {
        let bytes = files::read(path).map_err(|e| {
            Error::Usage(format!("{}: cannot read the configuration: {e}; check the path", path.display()))
        })?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let line =
                1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count();
            Error::Usage(format!(
                "{}:{line}: not a text file in UTF-8; a configuration is TOML, see configs/paper.toml",
                path.display()
            ))
        })?;
        let mut config = Self::parse(&text, &path.display().to_string())?;
        for setting in settings {
            config.set(setting)?;
        }
        if let Some(file) = &mut config.network.maps_file
            && file.is_relative()
            && let Some(folder) = path.parent()
            && !settings.iter().any(|s| s.starts_with("network.maps_file"))
        {
            *file = folder.join(&*file);
        }
        Ok(config)
    }

    /// Reads TOML text; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Err(Error::Usage(format!(
                "{origin}: the configuration is empty; start from configs/paper.toml, or write at least \"[network]\""
            )));
        }
        let line_of = |offset: usize| 1 + text[..offset.min(text.len())].matches('\n').count();
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |s| line_of(s.start));
            Error::Usage(format!("{origin}:{line}: not valid TOML: {}", error.message().replace('\n', ", ")))
        })?;
        let mut config = Self::default();
        for (section, value) in table.get_ref() {
            let at = format!("{origin}:{}", line_of(section.span().start));
            let Some(keys) = value.get_ref().as_table() else {
                return Err(unknown(&at, section.get_ref(), None));
            };
            if !KEYS.iter().any(|k| k.section == section.get_ref().as_ref()) {
                return Err(unknown(&at, section.get_ref(), None));
            }
            for (name, value) in keys {
                let at = format!("{origin}:{}", line_of(name.span().start));
                config.assign(&at, section.get_ref(), name.get_ref(), value, text)?;
            }
        }
        Ok(config)
    }

    /// Applies one `section.key=value`; a value that is not TOML is taken as a string.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the setting.
    pub fn set(&mut self, setting: &str) -> Result<()> {
        let at = format!("--set {setting}");
        let Some((path, text)) = setting.split_once('=') else {
            return Err(Error::Usage(format!(
                "{at}: write it as section.key=value, for example network.maps=4"
            )));
        };
        let (section, name) = path.trim().split_once('.').unwrap_or(("", path.trim()));
        let text = text.trim();
        let quoted = format!("{text:?}");
        let (text, value) = match DeValue::parse(text) {
            Ok(value) => (text, value),
            Err(_) => {
                let value =
                    DeValue::parse(&quoted).map_err(|e| Error::Usage(format!("{at}: {}", e.message())))?;
                (quoted.as_str(), value)
            }
        };
        self.assign(&at, section, name, &value, text)
    }

    fn assign(
        &mut self,
        at: &str,
        section: &str,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        text: &str,
    ) -> Result<()> {
        let Some(key) = KEYS.iter().find(|k| k.section == section && k.name == name) else {
            return Err(unknown(at, section, Some(name)));
        };
        (key.assign)(self, value.get_ref()).ok_or_else(|| {
            let found = text.get(value.span()).unwrap_or("").replace('\n', " ");
            Error::Usage(format!("{at}: {section}.{name} = {found} is not allowed; it is {}", key.allowed))
        })
    }

    /// The configuration as TOML, every key written out.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration of plain numbers and texts can be written as TOML")
    }
}

/// An unknown section or key, with the nearest known one.
fn unknown(at: &str, section: &str, name: Option<&str>) -> Error {
    let typed = name.map_or(section.to_owned(), |n| {
        if section.is_empty() { n.to_owned() } else { format!("{section}.{n}") }
    });
    let candidates: Vec<String> = match name {
        Some(_) => KEYS.iter().map(|k| format!("{}.{}", k.section, k.name)).collect(),
        None => KEYS.iter().map(|k| k.section.to_owned()).collect(),
    };
    let closeness = |known: &str| {
        let own = known.rsplit('.').next().unwrap_or(known);
        let typed_own = typed.rsplit('.').next().unwrap_or(&typed);
        strsim::jaro_winkler(known, &typed) + strsim::jaro_winkler(own, typed_own)
    };
    let nearest = candidates.iter().max_by(|a, b| closeness(a).total_cmp(&closeness(b)));
    let kind = if name.is_some() { "key" } else { "section" };
    let hint = nearest.map_or(String::new(), |n| format!("; did you mean {n}?"));
    Error::Usage(format!("{at}: unknown {kind} {typed}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(text: &str) -> String {
        match Config::parse(text, "c.toml") {
            Err(error @ Error::Usage(_)) => error.to_string(),
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[test]
    fn written_out_and_read_back() {
        let mut config = Config::default();
        for setting in
            ["network.maps=3", "flatten.definition=paper", "scan.maps=[1, 5]", "flatten.points_per_map=77"]
        {
            config.set(setting).unwrap();
        }
        assert_eq!(config.scan.maps, [1, 5]);
        assert_eq!(config.flatten.definition, Definition::Paper);
        assert_eq!(Config::parse(&config.to_toml(), "again").unwrap(), config);
    }

    #[test]
    fn every_key_is_written_out() {
        let network =
            NetworkConfig { neurons: Some(600), maps: Some(2), seed: 1, maps_file: Some("m.npy".into()) };
        let mut config = Config { network, ..Config::default() };
        config.flatten.points_per_map = Some(1);
        let text = config.to_toml();
        for key in KEYS {
            assert!(text.contains(&format!("{} = ", key.name)), "{} is missing in:\n{text}", key.name);
        }
    }

    #[test]
    fn errors_name_line_key_value_and_what_is_allowed() {
        for (text, parts) in [
            ("", vec!["c.toml", "empty"]),
            ("[network]\nneuron = 5", vec!["c.toml:2", "unknown key network.neuron", "network.neurons"]),
            ("[network]\n\nneurons = -5", vec!["c.toml:3", "network.neurons = -5", "whole number from 20"]),
            ("[network]\nneurons = 1e3", vec!["1e3", "whole number"]),
            ("[network]\nneurons = 999999999999999999999999", vec!["whole number"]),
            ("[kernel]\nwidth = nan", vec!["kernel.width = nan"]),
            ("[kernel]\namplitude = inf", vec!["kernel.amplitude = inf"]),
            ("[flatten]\nmethod = \"konstrained\"", vec!["c.toml:2", "\"idealized\""]),
            ("[netwrok]\nmaps = 3", vec!["c.toml:1", "unknown section netwrok", "network"]),
            ("maps = 3", vec!["c.toml:1", "unknown section maps"]),
            ("[network\nmaps = 3", vec!["c.toml:1", "not valid TOML"]),
            ("[network]\nmaps = 3\nmaps = 4", vec!["c.toml:3", "not valid TOML"]),
            ("[scan]\nmaps = [3, 3]", vec!["none twice"]),
        ] {
            let message = refuse(text);
            for part in parts {
                assert!(message.contains(part), "{text:?}: {part:?} is missing in {message:?}");
            }
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn settings_are_checked_like_files() {
        let mut config = Config::default();
        let refuse = |config: &mut Config, s: &str| config.set(s).unwrap_err().to_string();
        assert!(refuse(&mut config, "network.maps").contains("section.key=value"));
        assert!(refuse(&mut config, "maps=3").contains("unknown key maps"));
        assert!(refuse(&mut config, "network.maps=x").contains("network.maps = \"x\" is not allowed"));
        assert!(refuse(&mut config, "flatten.ridg=1").contains("flatten.ridge"));
        assert_eq!(config, Config::default());
    }
}
