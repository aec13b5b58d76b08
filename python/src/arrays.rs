//! Arrays in and out. What comes in was made C-ordered f64 on the Python side, with the argument's name in every refusal;
//! what goes out hands its memory over.

use std::path::Path;

use flatscape::WeightMatrix;
use flatscape::setup::layout::symmetrize;
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
    array
        .as_slice()
        .map_err(|_| usage(format!("{name} is not C-ordered; pass numpy.ascontiguousarray of it")))
}

/// Weights `[neurons, neurons]` (Hz) as they came in.
pub struct Weights {
    name: &'static str,
    neurons: usize,
    values: Vec<f64>,
}

impl Weights {
    /// Copies the values once.
    ///
    /// # Errors
    /// If the array is not square.
    pub fn new(name: &'static str, array: &Floats<'_>) -> PyResult<Self> {
        match *array.shape() {
            [neurons, columns] if neurons == columns => {
                Ok(Self { name, neurons, values: values(name, array)?.to_vec() })
            }
            ref shape => Err(usage(format!("{name} has shape {shape:?}; weights are [neurons, neurons]"))),
        }
    }

    /// N.
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// As a matrix.
    ///
    /// # Errors
    /// If they are not symmetric.
    pub fn matrix(mut self) -> flatscape::Result<WeightMatrix> {
        symmetrize(Path::new(self.name), self.neurons, &mut self.values)?;
        Ok(WeightMatrix::from_dense(self.neurons, &self.values))
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
