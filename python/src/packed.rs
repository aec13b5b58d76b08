//! Folders of files as bytes, for pickles.

use std::path::Path;

use flatscape::{Error, Result};
use pyo3::PyResult;
use tempfile::TempDir;

use crate::errors::usage;

/// Refuses names that lead out of a folder.
pub fn check_names(files: &[(String, Vec<u8>)]) -> PyResult<()> {
    let leads_away = |name: &str| name.is_empty() || name.contains(['/', '\\', ':']) || name.starts_with('.');
    match files.iter().find(|(name, _)| leads_away(name)) {
        None => Ok(()),
        Some((name, _)) => Err(usage(format!("{name:?} is no file of a pickled run or network"))),
    }
}

/// A folder with these files.
pub fn unpacked(files: &[(String, Vec<u8>)]) -> Result<TempDir> {
    let folder = temporary()?;
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).map_err(|e| Error::io(&path, "write", e))?;
    }
    Ok(folder)
}

/// The files of a folder, by name.
pub fn packed(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let failed = |e| Error::io(folder, "read", e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let bytes = std::fs::read(entry.path()).map_err(|e| Error::io(&entry.path(), "read", e))?;
        files.push((entry.file_name().to_string_lossy().into_owned(), bytes));
    }
    files.sort();
    Ok(files)
}

/// A folder that goes away.
pub fn temporary() -> Result<TempDir> {
    tempfile::tempdir().map_err(|e| Error::io(&std::env::temp_dir(), "write", e))
}
