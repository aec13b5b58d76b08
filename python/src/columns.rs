//! Records as columns: name, unit, values. Names, order and units are those of the library's table of figures.

use flatscape::DriftRecord;
use flatscape::job::drift_record::Which;
use flatscape::observable::Observable;
use pyo3::prelude::*;

use crate::arrays::array;

/// Name, unit (1 for a pure number), values.
pub type Column<'py> = (String, &'static str, Bound<'py, PyAny>);

/// A column for each figure: counts as int64, others as float64, NaN where there is none.
pub fn figures<'py, T>(py: Python<'py>, all: &[Observable<T>], records: &[T]) -> PyResult<Vec<Column<'py>>> {
    all.iter()
        .map(|figure| {
            let numbers = records.iter().map(|record| (figure.of)(record));
            let values = if figure.is_count {
                let counts: Vec<i64> = numbers.map(|count| count.map_or(-1, |count| count as i64)).collect();
                array(py, [counts.len()], counts)?.into_any()
            } else {
                let numbers: Vec<f64> = numbers.map(|number| number.unwrap_or(f64::NAN)).collect();
                array(py, [numbers.len()], numbers)?.into_any()
            };
            Ok((figure.name.to_owned(), figure.unit, values))
        })
        .collect()
}

/// Unit of starts and ends.
const PLACES: &str = "neuron units";

/// The columns of `drift.csv`: which network, which start and end, and the figures.
pub fn trajectories<'py>(py: Python<'py>, records: &[DriftRecord]) -> PyResult<Vec<Column<'py>>> {
    let names: Vec<&str> = records
        .iter()
        .map(|record| match record.network {
            Which::Base => "none",
            Which::Flattened => "flattened",
        })
        .collect();
    let maps: Vec<i64> = records.iter().map(|record| record.map as i64).collect();
    let mut columns = vec![
        ("network".to_owned(), "1", names.into_pyobject(py)?.into_any()),
        ("map".to_owned(), "1", array(py, [maps.len()], maps)?.into_any()),
    ];
    let axes: &[&str] = match records.first().map_or(1, |record| record.dimension) {
        1 => &[""],
        _ => &["_x", "_y"],
    };
    for (d, axis) in axes.iter().enumerate() {
        let starts: Vec<f64> = records.iter().map(|record| record.start[d]).collect();
        columns.push((format!("start{axis}"), PLACES, array(py, [starts.len()], starts)?.into_any()));
    }
    for (d, axis) in axes.iter().enumerate() {
        let ends: Vec<f64> = records.iter().map(|record| record.end[d]).collect();
        columns.push((format!("end{axis}"), PLACES, array(py, [ends.len()], ends)?.into_any()));
    }
    columns.extend(figures(py, DriftRecord::ALL, records)?);
    Ok(columns)
}
