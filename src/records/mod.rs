//! What a run leaves on disk: the run directory, its manifest, checkpoints, and checking them.

mod checkpoint;
mod directory;
mod findings;
mod session;
mod summary;
mod verify;

pub use checkpoint::Checkpoint;
pub use directory::{FORMAT, Manifest, RunDirectory, RunState};
pub(crate) use findings::Findings;
pub use session::{Opened, Session};
pub use summary::{Summary, Warning};
pub use verify::{Verified, verify};

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};

/// Rows as CSV with a header line.
pub(crate) fn to_csv<T: Serialize>(rows: &[T]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).expect("records are flat");
    }
    writer.into_inner().expect("writing to memory cannot fail")
}

/// A record as indented JSON.
pub(crate) fn to_json<T: Serialize>(record: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(record).expect("records have text keys");
    text.push(b'\n');
    text
}

/// BLAKE3, hexadecimal.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Reads a file and compares it with its checksum.
pub(crate) fn read_checked(path: &Path, expected: &str) -> Result<Vec<u8>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(Error::data(path, "is missing")),
        Err(e) => return Err(Error::io(path, "read", e)),
    };
    if checksum(&bytes) == expected {
        Ok(bytes)
    } else {
        Err(Error::data(path, "does not have the checksum in the manifest; it was damaged or changed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::write_atomically;

    #[test]
    fn files_appear_whole_and_leave_nothing_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(read_checked(&path, &checksum(b"two")).is_ok());
        assert!(matches!(read_checked(&path, &checksum(b"one")), Err(Error::Data { .. })));
    }

    #[test]
    fn writing_into_a_missing_directory_names_it() {
        let error = write_atomically(Path::new("no-such-folder/a.txt"), b"x").unwrap_err();
        assert!(error.to_string().contains("no-such-folder"), "{error}");
    }
}
