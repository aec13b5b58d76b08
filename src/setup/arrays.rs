//! Arrays that a program has in memory, in place of the files that a configuration names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::files::npy;

/// Arrays by the paths under which a configuration names them. A path that is not among them is a file on disk.
///
/// The path is what errors call the array, so a name such as `weights` is a good one.
#[derive(Clone, Debug, Default)]
pub struct Arrays(BTreeMap<PathBuf, (Vec<usize>, Vec<f64>)>);

impl Arrays {
    /// Adds a C-ordered array.
    pub fn with(mut self, name: impl Into<PathBuf>, shape: &[usize], values: Vec<f64>) -> Self {
        self.0.insert(name.into(), (shape.to_vec(), values));
        self
    }

    /// Shape and values (f64) of an array or a file.
    pub(super) fn read(&self, file: &Path) -> Result<(Vec<usize>, Vec<f64>)> {
        self.0.get(file).map_or_else(|| npy::read(file), |array| Ok(array.clone()))
    }

    /// The same where a file may hold f32 too.
    pub(super) fn read_real(&self, file: &Path) -> Result<(Vec<usize>, Vec<f64>)> {
        self.read(file).or_else(|error| match npy::read::<f32>(file) {
            Ok((shape, values)) => Ok((shape, values.into_iter().map(f64::from).collect())),
            Err(_) => Err(error),
        })
    }
}
