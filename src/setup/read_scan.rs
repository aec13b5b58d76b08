//! Reads what a scan compares and varies: `[scan.methods.NAME]` and `[scan.vary]`, whose keys are those of other tables.

use toml::Value;
use toml::de::DeValue;

use crate::setup::config::Config;
use crate::setup::key::Key;
use crate::setup::keys::KEYS;

/// How the name of a key of a named method begins; the method's name and a key of `[flatten]` follow.
const METHODS: &str = "scan.methods.";

/// How the name of a varied key begins; the key's whole name follows.
const VARY: &str = "scan.vary.";

/// What a key of `[scan.methods.NAME]` or of `[scan.vary]` could not be.
pub(super) enum Refused {
    /// There is no such key, or it cannot be set here: why.
    Key(String),
    /// The value is not allowed: what is.
    Value(String),
}

/// Whether a table of this name is read by [`assign`], and not by the keys.
pub(super) fn is_table(path: &str) -> bool {
    ["scan.methods", "scan.vary"].contains(&path) || path.starts_with(METHODS) || path.starts_with(VARY)
}

/// Begins a table: tables of methods take the place of the list, and each is a method, if only in name.
pub(super) fn begin_table(config: &mut Config, path: &str) {
    if path == "scan.methods" {
        config.scan.methods.0.clear();
    } else if let Some(name) = path.strip_prefix(METHODS) {
        config.scan.methods.entry(name);
    }
}

/// Sets a key of `[scan.methods.NAME]` or of `[scan.vary]`; `None` if the path is of neither.
pub(super) fn assign(config: &mut Config, path: &str, value: &DeValue<'_>) -> Option<Result<(), Refused>> {
    if let Some((name, key)) = path.strip_prefix(METHODS).and_then(|rest| rest.split_once('.')) {
        return Some(set_of_method(config, name, key, value));
    }
    let key = path.strip_prefix(VARY)?;
    Some(set_varied(config, key, value))
}

fn set_of_method(config: &mut Config, name: &str, key: &str, value: &DeValue<'_>) -> Result<(), Refused> {
    let own: Vec<&Key<Config>> = KEYS.iter().filter(|k| k.section() == "flatten").collect();
    let Some(known) = own.iter().find(|k| k.name() == key) else {
        let names: Vec<&str> = own.iter().map(|k| k.name()).collect();
        return Err(Refused::Key(format!("a method has the keys of [flatten]: {}", names.join(", "))));
    };
    let value = known.check(value).ok_or_else(|| Refused::Value(known.allowed()))?;
    config.scan.methods.entry(name).settings.insert(key.to_owned(), value);
    Ok(())
}

fn set_varied(config: &mut Config, key: &str, value: &DeValue<'_>) -> Result<(), Refused> {
    let Some(known) = KEYS.iter().find(|k| k.full_name() == key) else {
        return Err(Refused::Key(
            "[scan.vary] takes the whole names of other keys, for example \"kernel.width\"; flatscape config --reference lists them".to_owned(),
        ));
    };
    let instead = match key {
        "network.maps" => Some("scan.maps or scan.loads varies the number of maps"),
        "network.seed" => Some("scan.realizations varies the maps"),
        "network.maps_file" => Some("a scan draws its own maps"),
        "flatten.method" => Some("scan.methods varies the method"),
        _ if key.starts_with("scan.") => Some("what a scan does cannot be varied by itself"),
        _ => None,
    };
    if let Some(instead) = instead {
        return Err(Refused::Key(instead.to_owned()));
    }
    let allowed =
        || Refused::Value(format!("a list without repeats of what {key} may be: {}", known.allowed()));
    let elements = value.as_array().ok_or_else(allowed)?.iter();
    let values: Vec<Value> =
        elements.map(|element| known.check(element.get_ref())).collect::<Option<_>>().ok_or_else(allowed)?;
    let distinct = values.iter().enumerate().all(|(i, value)| !values[..i].contains(value));
    if values.is_empty() || !distinct {
        return Err(allowed());
    }
    config.scan.vary.insert(key.to_owned(), values);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::scanned::combinations;

    const TEXT: &str = "[scan]\nloads = [0.1, 0.25]\n[scan.vary]\n\"kernel.width\" = [10.0, 15]\nnetwork.neurons = [100, 150]\n[scan.methods.none]\n[scan.methods.flat]\nidealized_updates = 9\nridge = 1e-2\n";

    #[test]
    fn methods_and_varied_keys_are_read_and_written_back() {
        let config = Config::parse(TEXT, "c.toml").unwrap();
        let names: Vec<&str> = config.scan.methods.0.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["flat", "none"], "the list of defaults is gone");
        assert_eq!(config.scan.methods.get("flat").settings["idealized_updates"], Value::Integer(9));
        assert_eq!(config.scan.methods.get("none").settings["method"], Value::from("none"));
        assert_eq!(config.scan.loads, Some(vec![0.1, 0.25]));
        let all = combinations(&config.scan.vary);
        assert_eq!(all.len(), 4);
        assert_eq!((all[1][0].value.as_str(), all[1][1].value.as_str()), ("10.0", "150"));
        assert_eq!(Config::parse(&config.to_toml(), "again").unwrap(), config);
        // The list stays a list.
        assert!(Config::default().to_toml().contains("methods = [\"none\", \"idealized\", \"constrained\"]"));
    }

    #[test]
    fn settings_reach_methods_and_varied_keys() {
        let mut config = Config::parse(TEXT, "c.toml").unwrap();
        config.set("scan.methods.flat.ridge=0.5").unwrap();
        config.set("scan.vary.flatten.ridge=[0.1, 0.2]").unwrap();
        assert_eq!(config.scan.methods.get("flat").settings["ridge"], Value::Float(0.5));
        assert_eq!(combinations(&config.scan.vary).len(), 8);
    }

    #[test]
    fn what_cannot_be_varied_says_what_can() {
        for (text, part) in [
            (
                "[scan.vary]\n\"network.maps\" = [1]",
                "c.toml:2: scan.vary.network.maps: scan.maps or scan.loads",
            ),
            ("[scan.vary]\n\"kernel.widht\" = [1]", "whole names of other keys"),
            ("[scan.vary]\n\"kernel.width\" = []", "a list without repeats of what kernel.width may be"),
            ("[scan.vary]\n\"kernel.width\" = [-1]", "above 0"),
            ("[scan.vary]\n\"kernel.width\" = [1, 1.0]", "without repeats"),
            ("[scan.vary]\n\"scan.maps\" = [[1]]", "cannot be varied"),
            ("[scan.methods.flat]\nwidth = 3", "scan.methods.flat.width: a method has the keys of [flatten]"),
            ("[scan.methods.flat]\nridge = -1", "number from 0 to 1"),
        ] {
            let message = Config::parse(text, "c.toml").unwrap_err().to_string();
            assert!(message.contains(part), "{text:?}: {message}");
        }
    }
}
