//! Files that a person asks for with `--out`: claiming the place, and writing them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::files::{claim_file, write_atomically};
use crate::records::{Manifest, RunState, belongs_to_run};
use crate::text::tell;

/// A file to be written.
pub(super) struct OutputFile {
    path: PathBuf,
}

impl OutputFile {
    /// Claims the place before the work begins; `is_own` tells by the first and last bytes of a file whether the command
    /// made it.
    ///
    /// # Errors
    /// [`Error::Usage`] if something lies there that the command did not make.
    pub fn claim(path: &Path, is_own: &dyn Fn(&[u8]) -> bool, force: bool) -> Result<Self> {
        if !force && belongs_to_run(path) {
            return Err(Error::Usage(format!(
                "{}: is part of a run; choose another --out, or replace it with --force",
                path.display()
            )));
        }
        claim_file(path, is_own, force)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        write_atomically(&self.path, bytes)
    }

    /// Whether this file is stdout itself, where the result for people goes too.
    pub fn is_stdout(&self) -> bool {
        ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| self.path == Path::new(name))
    }
}

/// Whether `part` is somewhere in `bytes`.
pub(super) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Warns that a command works on an unfinished run.
pub(super) fn tell_if_unfinished(manifest: &Manifest, run: &Path) {
    if manifest.status == RunState::Interrupted {
        tell(&format!(
            "{}: is an interrupted run, whose network is not flattened to the end; go on with optimize --resume",
            run.display()
        ));
    }
}

/// A path in a record. Not every path is valid text, and a record must not fail because of that.
pub(super) fn as_text<S: serde::Serializer>(path: &Path, to: S) -> std::result::Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(to)
}
