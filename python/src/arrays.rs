//! Arrays in and out. What comes in was made C-ordered f64 on the Python side, with the argument's name in every refusal;
//! what goes out hands its memory over.

use std::path::Path;

use flatscape::setup::given::symmetrize;
use flatscape::{Minima, WeightMatrix};
use numpy::{Element, IntoPyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

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

    /// Those that may have been left out.
    ///
    /// # Errors
    /// As [`Weights::new`].
    pub fn given(array: Option<&Floats<'_>>) -> PyResult<Option<Self>> {
        array.map(|array| Self::new("weights", array)).transpose()
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

/// A weight matrix as an array.
pub fn square<'py>(py: Python<'py>, weights: &WeightMatrix) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    let neurons = weights.neurons();
    array(py, [neurons, neurons], weights.to_dense())
}

/// Minima as arrays by state; the rates are sparse: `data[indptr[s]..indptr[s + 1]]` are those of the neurons `indices`.
pub fn minima_arrays<'py>(
    py: Python<'py>,
    model: &flatscape::Model,
    minima: Minima,
) -> PyResult<Bound<'py, PyDict>> {
    let Minima { states, energies, multipliers, certificates } = minima;
    let (count, dimension) = (energies.len(), model.network().maps.dimension());
    let (starts, active, rates) = states.parts();
    let arrays = PyDict::new(py);
    arrays.set_item("indptr", array(py, [starts.len()], starts.iter().map(|&s| s as i64).collect())?)?;
    arrays.set_item("indices", array(py, [active.len()], active.iter().map(|&i| i64::from(i)).collect())?)?;
    arrays.set_item("data", array(py, [rates.len()], rates.to_vec())?)?;
    arrays.set_item("energies", array(py, [count], energies)?)?;
    let forces = multipliers.iter().flat_map(|force| force[..dimension].to_vec()).collect();
    arrays.set_item("forces", array(py, [count, dimension], forces)?)?;
    let residuals = certificates.iter().map(|c| c.residual()).collect();
    arrays.set_item("residuals", array(py, [count], residuals)?)?;
    arrays.set_item("overlaps", array(py, [count], certificates.iter().map(|c| c.overlap).collect())?)?;
    let lost: Vec<bool> = certificates.iter().map(|c| c.bump_lost()).collect();
    arrays.set_item("lost", array(py, [count], lost)?)?;
    Ok(arrays)
}
