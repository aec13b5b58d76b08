//! The extension module behind the Python package `flatscape`. Names and documentation for people are in
//! `python/flatscape`; here is what they stand on.

mod arrays;
mod columns;
mod config;
mod device;
mod errors;
mod lock;
mod model;
mod packed;
mod run;
mod threads;
mod work;

use pyo3::prelude::*;

#[pymodule]
mod _flatscape {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::config::{Config, keys, maps_keys};
    #[pymodule_export]
    use crate::device::device;
    #[pymodule_export]
    use crate::model::{Model, simulate};
    #[pymodule_export]
    use crate::run::{Drift, Run, verify};
    #[pymodule_export]
    use crate::threads::{set_threads, threads};
    #[pymodule_export]
    use crate::work::{panic_for_tests, settle};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
