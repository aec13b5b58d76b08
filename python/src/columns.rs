//! Records as columns: names and order are those of the library's records.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;
use serde_json::Value;

use crate::arrays::array;
use crate::errors::exception;

/// One column a field, in the order of the fields: whole numbers as int64, numbers as float64 (NaN where there is none),
/// words as lists.
pub fn columns<'py, T: Serialize>(py: Python<'py>, records: &[T]) -> PyResult<Bound<'py, PyDict>> {
    let rows: Vec<Value> = records
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<_, _>>()
        .map_err(|e| exception(flatscape::Error::Run(e.to_string())))?;
    let columns = PyDict::new(py);
    let Some(Value::Object(first)) = rows.first() else { return Ok(columns) };
    for name in first.keys() {
        let cells: Vec<&Value> = rows.iter().map(|row| &row[name]).collect();
        if let Some(words) = cells.iter().map(|cell| cell.as_str()).collect::<Option<Vec<_>>>() {
            columns.set_item(name, words)?;
        } else if let Some(whole) = cells.iter().map(|cell| cell.as_i64()).collect::<Option<Vec<_>>>() {
            columns.set_item(name, array(py, [whole.len()], whole)?)?;
        } else {
            let numbers: Vec<f64> = cells.iter().map(|cell| cell.as_f64().unwrap_or(f64::NAN)).collect();
            columns.set_item(name, array(py, [numbers.len()], numbers)?)?;
        }
    }
    Ok(columns)
}
