//! Configurations: a Python dictionary becomes the table that a TOML file would hold, and is read by the same code.

use std::path::PathBuf;

use flatscape::setup::key::Key;
use flatscape::setup::keys::{KEYS, MAPS_KEYS};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use toml::{Table, Value};

use crate::errors::{exception, usage};

/// A configuration; see `flatscape.Config`.
#[pyclass(frozen, eq, module = "flatscape._flatscape")]
#[derive(Clone, PartialEq)]
pub struct Config {
    pub config: flatscape::Config,
}

#[pymethods]
impl Config {
    /// From a dictionary of sections.
    #[staticmethod]
    fn from_table(table: &Bound<'_, PyDict>) -> PyResult<Self> {
        let config = flatscape::Config::from_table(&of_dict(table, "", 0)?, "Config").map_err(exception)?;
        Ok(Self { config })
    }

    /// From TOML text; `origin` names it in errors.
    #[staticmethod]
    fn parse(text: &str, origin: &str) -> PyResult<Self> {
        let config = flatscape::Config::parse(text, origin).map_err(exception)?;
        Ok(Self { config })
    }

    /// From a TOML file; paths in it start at its folder.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        let config = flatscape::Config::load(&path, &[]).map_err(exception)?;
        Ok(Self { config })
    }

    /// As TOML, every key written out.
    fn to_toml(&self) -> String {
        self.config.to_toml()
    }

    /// As a dictionary of sections.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.config)
    }
}

/// Every key: name, what it may be, what happens without it, what it is for, and its default.
#[pyfunction]
pub fn keys(py: Python<'_>) -> PyResult<Vec<Described<'_>>> {
    let defaults = to_dict(py, &flatscape::Config::default())?;
    Ok(KEYS.iter().map(|key| described(key, find(&defaults, key.path))).collect())
}

/// Every key of a group of maps, as [`keys`].
#[pyfunction]
pub fn maps_keys(py: Python<'_>) -> PyResult<Vec<Described<'_>>> {
    let config = flatscape::Config { maps: vec![Default::default()], ..Default::default() };
    let defaults = to_dict(py, &config)?.get_item("maps")?;
    let group = defaults.and_then(|maps| maps.get_item(0).ok()).and_then(|g| g.cast_into::<PyDict>().ok());
    let default = |key: &Key<_>| group.as_ref().and_then(|group| find(group, key.path));
    Ok(MAPS_KEYS.iter().map(|key| described(key, default(key))).collect())
}

/// Name, what it may be, what happens without it, what it is for, default.
type Described<'py> = (String, String, &'static str, &'static str, Option<Bound<'py, PyAny>>);

fn described<'py, T>(key: &Key<T>, default: Option<Bound<'py, PyAny>>) -> Described<'py> {
    (key.full_name(), key.allowed(), key.unset, key.about, default)
}

/// What stands at `path` in nested dictionaries.
fn find<'py>(table: &Bound<'py, PyDict>, path: &[&str]) -> Option<Bound<'py, PyAny>> {
    let (first, rest) = path.split_first()?;
    let found = table.get_item(first).ok().flatten()?;
    match rest {
        [] => Some(found),
        _ => find(found.cast::<PyDict>().ok()?, rest),
    }
}

fn to_dict<'py>(py: Python<'py>, config: &flatscape::Config) -> PyResult<Bound<'py, PyDict>> {
    let table: Table = config.to_toml().parse().map_err(|e| usage(format!("Config: {e}")))?;
    from_table(py, &table)
}

fn from_table<'py>(py: Python<'py>, table: &Table) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in table {
        dict.set_item(name, from_value(py, value)?)?;
    }
    Ok(dict)
}

fn from_value<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Integer(number) => number.into_pyobject(py)?.into_any(),
        Value::Float(number) => PyFloat::new(py, *number).into_any(),
        Value::Boolean(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Datetime(date) => PyString::new(py, &date.to_string()).into_any(),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(|v| from_value(py, v)).collect::<PyResult<_>>()?;
            PyList::new(py, values)?.into_any()
        }
        Value::Table(table) => from_table(py, table)?.into_any(),
    })
}

/// No configuration is nested as deeply as this; a dictionary that is may contain itself.
const DEEPEST: usize = 16;

/// A dictionary as a table; `None` is a key left out. `at` is where the dictionary stands, and how deep.
fn of_dict(dict: &Bound<'_, PyDict>, at: &str, depth: usize) -> PyResult<Table> {
    let mut table = Table::new();
    for (name, value) in dict {
        let name: String = name
            .extract()
            .map_err(|_| usage(format!("Config: {name} is no name of a key; names are texts")))?;
        if value.is_none() {
            continue;
        }
        let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        let value = of_value(&value, &at, depth + 1)?;
        table.insert(name, value);
    }
    Ok(table)
}

fn of_value(value: &Bound<'_, PyAny>, at: &str, depth: usize) -> PyResult<Value> {
    if depth > DEEPEST {
        return Err(usage(format!("Config: {at} is nested too deeply for a configuration")));
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Boolean(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        let number: Option<i64> = value.extract().ok();
        return number
            .map(Value::Integer)
            .ok_or_else(|| usage(format!("Config: {at} = {value} is too large")));
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(Value::Float(number.value()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::String(text.extract()?));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return Ok(Value::Table(of_dict(dict, at, depth)?));
    }
    if let Ok(path) = value.extract::<PathBuf>() {
        return match path.into_os_string().into_string() {
            Ok(path) => Ok(Value::String(path)),
            Err(path) => Err(usage(format!("Config: {at} = {} is not text in UTF-8", path.display()))),
        };
    }
    // Lists, tuples, arrays of NumPy and their numbers.
    let plain = value.call_method0("tolist").ok().filter(|plain| !plain.is(value));
    if let Some(plain) = plain {
        return of_value(&plain, at, depth + 1);
    }
    match value.try_iter() {
        Ok(items) => {
            items.map(|item| of_value(&item?, at, depth + 1)).collect::<PyResult<_>>().map(Value::Array)
        }
        Err(_) => Err(usage(format!(
            "Config: {at} is a {}; values are numbers, texts, true or false, lists, and dictionaries",
            value.get_type().name()?
        ))),
    }
}
