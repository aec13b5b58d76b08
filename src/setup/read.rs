//! Reads a configuration: TOML files and `--set section.key=value`, by the table of [`crate::setup::keys`].

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};
use crate::files;
use crate::setup::config::Config;
use crate::setup::groups::{ExternalCurrent, MapsConfig};
use crate::setup::keys::{KEYS, MAPS_KEYS};
use crate::setup::read_scan::{self, Refused};

impl Config {
    /// Reads a configuration file, then applies `KEY=VALUE` settings in order.
    ///
    /// # Errors
    /// [`Error::Usage`] with file, line, key, the value found and what is allowed.
    pub fn load(path: &Path, settings: &[String]) -> Result<Self> {
        let text = read_text(path)?;
        let mut config = Self::parse(&text, &path.display().to_string())?;
        for setting in settings {
            config.set(setting)?;
        }
        config.start_paths_at(path.parent().unwrap_or(Path::new("")), settings);
        Ok(config)
    }

    /// Relative paths start at the folder of the configuration file, unless they were typed with `--set`.
    fn start_paths_at(&mut self, folder: &Path, settings: &[String]) {
        let typed = |key: &str| settings.iter().any(|s| s.split('=').next().is_some_and(|k| k.trim() == key));
        let network = &mut self.network;
        let current = match &mut network.external_current {
            Some(ExternalCurrent::File(file)) => Some(file),
            _ => None,
        };
        let of_network = [
            ("network.maps_file", network.maps_file.as_mut()),
            ("network.weights_file", network.weights_file.as_mut()),
            ("network.external_current", current),
        ];
        let of_drive = [("drive.file", self.drive.file.as_mut())];
        let of_network = of_network
            .into_iter()
            .chain(of_drive)
            .filter(|(key, _)| !typed(key))
            .filter_map(|(_, file)| file);
        let of_maps =
            self.maps.iter_mut().flat_map(|maps| [&mut maps.positions, &mut maps.kernel.table]).flatten();
        for file in of_network.chain(of_maps).filter(|file| file.is_relative()) {
            *file = folder.join(&*file);
        }
    }

    /// Whether a configuration file or a setting mentions this section.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn mentions(section: &str, path: &Path, settings: &[String]) -> Result<bool> {
        let text = read_text(path)?;
        let in_file = DeTable::parse(&text).is_ok_and(|table| table.get_ref().contains_key(section));
        Ok(in_file || settings.iter().any(|setting| setting.trim_start().starts_with(&format!("{section}."))))
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
        Self::read(Source { origin, text, has_lines: true })
    }

    /// Reads a table that a program has put together: sections are tables within it, `[[maps]]` a list of tables.
    /// `origin` names it in errors.
    ///
    /// # Errors
    /// As [`Config::load`], without a line.
    pub fn from_table(table: &toml::Table, origin: &str) -> Result<Self> {
        Self::read(Source { origin, text: &table.to_string(), has_lines: false })
    }

    fn read(source: Source<'_>) -> Result<Self> {
        let table = DeTable::parse(source.text).map_err(|error| {
            let at = source.place(error.span().map_or(0, |span| span.start));
            Error::Usage(format!("{at}: not valid TOML: {}", error.message().replace('\n', ", ")))
        })?;
        let mut config = Self::default();
        config.read_table("", table.get_ref(), source)?;
        Ok(config)
    }

    /// Reads a table and the tables within it; `section` is the table's name, empty for the whole file.
    fn read_table(&mut self, section: &str, table: &DeTable<'_>, source: Source<'_>) -> Result<()> {
        for (name, value) in table {
            let at = source.place(name.span().start);
            let path = if section.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{section}.{}", name.get_ref())
            };
            if path == "maps" {
                let Some(tables) = value.get_ref().as_array() else {
                    return Err(Error::Usage(format!(
                        "{at}: unknown key maps; did you mean network.maps? Groups of maps are tables under [[maps]]"
                    )));
                };
                self.maps = tables.iter().map(|table| read_maps(table, source)).collect::<Result<_>>()?;
                continue;
            }
            match value.get_ref().as_table() {
                Some(inner) if is_section(&path) || read_scan::is_table(&path) => {
                    read_scan::begin_table(self, &path);
                    self.read_table(&path, inner, source)?;
                }
                Some(_) if !KEYS.iter().any(|key| key.full_name() == path) => {
                    return Err(unknown_section(&at, &path));
                }
                _ => self.assign(&at, &path, value, source.text)?,
            }
        }
        Ok(())
    }

    /// Applies one `section.key=value`; a value that is not TOML is taken as a string.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the setting.
    pub fn set(&mut self, setting: &str) -> Result<()> {
        let at = setting.to_owned();
        let Some((path, text)) = setting.split_once('=') else {
            return Err(Error::Usage(format!(
                "{at}: write it as section.key=value, for example network.maps=4"
            )));
        };
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
        match value.get_ref().as_table() {
            Some(table) if is_section(path.trim()) => {
                self.read_table(path.trim(), table, Source { origin: &at, text, has_lines: false })
            }
            _ => self.assign(&at, path.trim(), &value, text),
        }
    }

    fn assign(&mut self, at: &str, path: &str, value: &Spanned<DeValue<'_>>, text: &str) -> Result<()> {
        match read_scan::assign(self, path, value.get_ref()) {
            Some(Ok(())) => return Ok(()),
            Some(Err(Refused::Key(why))) => return Err(Error::Usage(format!("{at}: {path}: {why}"))),
            Some(Err(Refused::Value(allowed))) => {
                let found = text.get(value.span()).unwrap_or("").replace('\n', " ");
                return Err(Error::Usage(format!("{at}: {path} = {found} is not allowed; it is {allowed}")));
            }
            None => {}
        }
        let Some(key) = KEYS.iter().find(|key| key.full_name() == path) else {
            return Err(unknown_key(at, path));
        };
        key.assign(self, value.get_ref()).ok_or_else(|| {
            let found = text.get(value.span()).unwrap_or("").replace('\n', " ");
            Error::Usage(format!("{at}: {path} = {found} is not allowed; it is {}", key.allowed()))
        })
    }

    /// The configuration as TOML, every key written out.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration of plain numbers and texts can be written as TOML")
    }
}

fn read_text(path: &Path) -> Result<String> {
    let bytes = files::read(path).map_err(|e| {
        Error::Usage(format!("{}: cannot read the configuration: {e}; check the path", path.display()))
    })?;
    String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count();
        Error::Usage(format!(
            "{}:{line}: not a text file in UTF-8; a configuration is TOML, see configs/paper.toml",
            path.display()
        ))
    })
}

/// Reads one `[[maps]]` table.
fn read_maps(table: &Spanned<DeValue<'_>>, source: Source<'_>) -> Result<MapsConfig> {
    let mut maps = MapsConfig::default();
    let Some(keys) = table.get_ref().as_table() else {
        let at = source.place(table.span().start);
        return Err(Error::Usage(format!("{at}: maps is a list of tables; write [[maps]] above their keys")));
    };
    read_maps_keys(&mut maps, "", keys, source)?;
    Ok(maps)
}

fn read_maps_keys(
    maps: &mut MapsConfig,
    section: &str,
    keys: &DeTable<'_>,
    source: Source<'_>,
) -> Result<()> {
    for (name, value) in keys {
        let at = source.place(name.span().start);
        let own = name.get_ref();
        let path = if section.is_empty() { own.to_string() } else { format!("{section}.{own}") };
        if path == "kernel"
            && let Some(inner) = value.get_ref().as_table()
        {
            read_maps_keys(maps, &path, inner, source)?;
            continue;
        }
        let Some(key) = MAPS_KEYS.iter().find(|key| key.full_name() == path) else {
            let known: Vec<String> = MAPS_KEYS.iter().map(|key| key.full_name()).collect();
            let near = nearest(&path, known.iter().map(|k| (k.as_str(), k.clone())).collect(), section);
            let hint = near.map_or_else(
                || format!("[[maps]] has {}", known.join(", ")),
                |key| format!("did you mean {key}?"),
            );
            return Err(Error::Usage(format!("{at}: unknown key {path} of [[maps]]; {hint}")));
        };
        key.assign(maps, value.get_ref()).ok_or_else(|| {
            let found = source.text.get(value.span()).unwrap_or("").replace('\n', " ");
            Error::Usage(format!("{at}: maps.{path} = {found} is not allowed; it is {}", key.allowed()))
        })?;
    }
    Ok(())
}

/// A configuration's text, and what it is called in errors.
#[derive(Clone, Copy)]
struct Source<'a> {
    origin: &'a str,
    text: &'a str,
    /// Whether a person can look up a line of it.
    has_lines: bool,
}

impl Source<'_> {
    /// `file:line` of a place in the text.
    fn place(self, offset: usize) -> String {
        if !self.has_lines {
            return self.origin.to_owned();
        }
        let line = 1 + self.text[..offset.min(self.text.len())].matches('\n').count();
        format!("{}:{line}", self.origin)
    }
}

/// Whether some key stands in this table, or in a table within it.
fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| {
        key.section().strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn unknown_key(at: &str, path: &str) -> Error {
    let (section, own) = path.rsplit_once('.').unwrap_or(("", path));
    let near = nearest(own, KEYS.iter().map(|key| (key.name(), key.full_name())).collect(), section);
    let hint = match near {
        Some(key) => format!("did you mean {key}?"),
        None if is_section(section) => {
            let keys: Vec<&str> = KEYS.iter().filter(|k| k.section() == section).map(|k| k.name()).collect();
            format!("[{section}] has {}", keys.join(", "))
        }
        None => "flatscape config --reference lists all keys".to_owned(),
    };
    Error::Usage(format!("{at}: unknown key {path}; {hint}"))
}

fn unknown_section(at: &str, path: &str) -> Error {
    let mut sections: Vec<String> = KEYS.iter().map(|key| key.section()).collect();
    sections.dedup();
    let hint = match nearest(path, sections.iter().map(|s| (s.as_str(), s.clone())).collect(), "") {
        Some(section) => format!("did you mean {section}?"),
        None => format!("there are {}", sections.join(", ")),
    };
    Error::Usage(format!("{at}: unknown section {path}; {hint}"))
}

/// The candidate (its own name, its whole name) that a person who typed `typed` in `section` probably meant, if one is
/// close: a typo or two away, or only its beginning. Between equals the section decides.
fn nearest(typed: &str, candidates: Vec<(&str, String)>, section: &str) -> Option<String> {
    let likeness = |(own, whole): &(&str, String)| {
        let begun = typed.len() >= 3 && (own.starts_with(typed) || typed.starts_with(own));
        let slips = strsim::normalized_damerau_levenshtein(own, typed);
        let here = if whole.starts_with(&format!("{section}.")) { 0.01 } else { 0.0 };
        if begun { slips.max(NEAR) + here } else { slips + here }
    };
    let (best, whole) = candidates
        .iter()
        .map(|candidate| (likeness(candidate), &candidate.1))
        // `max_by` takes the last of several equals: here the first one in the table.
        .rev()
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best >= NEAR).then(|| whole.clone())
}

/// Names that share two letters in three are close: `neuron`, `netwrok`, `iteration`, but not `rate` for `ridge`.
const NEAR: f64 = 2.0 / 3.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::problem::Definition;
    use crate::setup::config::NetworkConfig;

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
        let network = NetworkConfig {
            neurons: Some(600),
            maps: Some(2),
            members: Some(0.5),
            maps_file: Some("m.npy".into()),
            weights_file: Some("w.npy".into()),
            external_current: Some(ExternalCurrent::Uniform(7.0)),
            ..Config::default().network
        };
        let mut config = Config { network, ..Config::default() };
        config.flatten.points_per_map = Some(1);
        config.drive.file = Some("path.csv".into());
        config.flatten.precision = Some(crate::connectivity::coarse::Precision::Half);
        (config.measure.replicates, config.measure.record_ms) = (Some(2), Some(10.0));
        config.scan.loads = Some(vec![0.1]);
        config.measure.completion = Some(vec![0.3]);
        config.flatten.margin = Some(7.0);
        let text = config.to_toml();
        for key in KEYS {
            assert!(text.contains(&format!("{} = ", key.name())), "{} is missing in:\n{text}", key.name());
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
            ("maps = 3", vec!["c.toml:1", "unknown key maps; did you mean network.maps?"]),
            (
                "[flatten]\nlearning_rate = 1",
                vec!["c.toml:2", "unknown key flatten.learning_rate; [flatten] has method"],
            ),
            ("[network]\nridge = 1e-9", vec!["did you mean flatten.ridge?"]),
            ("[flatten]\npoints = 9", vec!["did you mean flatten.points_per_map?"]),
            (
                "[plots]\ncolour = 1",
                vec!["unknown section plots; there are network, network.transfer, kernel, dynamics"],
            ),
            ("[network.deeper]\nmaps = 3", vec!["c.toml:1", "unknown section network.deeper"]),
            ("network = 3", vec!["unknown key network"]),
            ("[network\nmaps = 3", vec!["c.toml:1", "not valid TOML"]),
            ("[network]\nmaps = 3\nmaps = 4", vec!["c.toml:3", "not valid TOML"]),
            ("[scan]\nmaps = [3, 3]", vec!["without repeats"]),
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
        config.set("measure.corrupt={ silence = 0.2, replace = 0.1 }").unwrap();
        assert_eq!((config.measure.corrupt.silence, config.measure.corrupt.replace), (0.2, 0.1));
        assert!(refuse(&mut config, "measure.corrupt={ silenc = 0.2 }").contains("measure.corrupt.silence"));
    }
}
