//! Arrays in and out. What comes in was made C-ordered f64 on the Python side, with the argument's name in every refusal;
//! what goes out hands its memory over.

use flatscape::WeightMatrix;
use numpy::{Element, IntoPyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::errors::usage;

/// An array that was checked.
pub type Floats<'py> = PyReadonlyArrayDyn<'py, f64>;

/// Its values, C-ordered.
///
/// # Errors
/// If it is not contiguous, which the Python side sees to.
pub fn values<'a, T: Element>(name: &str, array: &'a PyReadonlyArrayDyn<'_, T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|_| usage(format!("{name} is not C-ordered; pass numpy.ascontiguousarray of it")))
}

/// Weights `[neurons, neurons]`, read in place into the rows of a matrix.
///
/// # Errors
/// If the array is not square.
pub fn weights(name: &str, array: &Floats<'_>) -> PyResult<WeightMatrix> {
    match *array.shape() {
        [rows, columns] if rows == columns => Ok(WeightMatrix::from_dense(rows, values(name, array)?)),
        ref shape => Err(usage(format!("{name} has shape {shape:?}; weights are [neurons, neurons]"))),
    }
}

/// Rows of an array `[rows, columns]`.
///
/// # Errors
/// If it has another number of axes.
pub fn rows(name: &str, array: &Floats<'_>) -> PyResult<Vec<Vec<f64>>> {
    match *array.shape() {
        [_, columns] => Ok(values(name, array)?.chunks_exact(columns.max(1)).map(<[f64]>::to_vec).collect()),
        ref shape => Err(usage(format!("{name} has shape {shape:?}; it is [states, neurons]"))),
    }
}

/// Values that become an array of this shape without being copied.
///
/// # Errors
/// If the shape does not fit, which would be an error here.
pub fn array<'py, T: Element>(
    py: Python<'py>,
    shape: impl Into<Vec<usize>>,
    values: Vec<T>,
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    values.into_pyarray(py).reshape(shape.into())
}
