//! The library's errors as Python exceptions. The classes are Python's own (`flatscape/_errors.py`), so that they can be
//! caught as `ValueError`, `OSError` or `RuntimeError` too.

use flatscape::Error;
use pyo3::PyErr;
use pyo3::exceptions::PyKeyboardInterrupt;

/// The classes.
pub mod kinds {
    pyo3::import_exception!(flatscape._errors, UsageError);
    pyo3::import_exception!(flatscape._errors, DeviceError);
    pyo3::import_exception!(flatscape._errors, DataError);
    pyo3::import_exception!(flatscape._errors, FileError);
    pyo3::import_exception!(flatscape._errors, RunError);
    pyo3::import_exception!(flatscape._errors, InternalError);
}

/// The exception that says what an error says.
pub fn exception(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Usage(_) => kinds::UsageError::new_err(text),
        Error::Device(_) => kinds::DeviceError::new_err(text),
        Error::Data { .. } => kinds::DataError::new_err(text),
        Error::Io { .. } => kinds::FileError::new_err(text),
        Error::Run(_) => kinds::RunError::new_err(text),
        Error::Interrupted => PyKeyboardInterrupt::new_err(text),
    }
}

/// An argument or a request that is not possible.
pub fn usage(text: impl Into<String>) -> PyErr {
    kinds::UsageError::new_err(text.into())
}
