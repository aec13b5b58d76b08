//! Files on disk: arrays, and writing whole or not at all.

pub mod npy;

use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file whole or not at all: a temporary file beside it, fsync, rename, fsync of the directory.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |e: std::io::Error| Error::io(path, "write", e);
    let mut file = tempfile::Builder::new().prefix(".partial-").tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    let file = file.persist(path).map_err(|e| failed(e.error))?;
    make_readable(&file).map_err(failed)?;
    // A rename is on disk only when its directory is.
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(failed)
}

/// Temporary files are private; results are for everybody whom the umask lets.
#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
