//! What a run leaves on disk: the run directory, its manifest, checkpoints, and checking them.

mod checkpoint;
mod directory;
mod findings;
mod sealed;
mod session;
mod summary;
mod table;
mod verify;
mod witnesses;

pub use checkpoint::{Checkpoint, check_state};
pub use directory::{FORMAT, Manifest, RunDirectory, RunState, belongs_to_run};
pub(crate) use findings::Findings;
pub use sealed::PROGRAM;
pub use session::{Opened, Session};
pub use summary::{Summary, Warning};
pub(crate) use summary::{memory_pairs, recovered_pair};
pub(crate) use table::{Cell, Table, to_csv};
pub use verify::{Verified, verify};

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::files;

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
    let bytes = match files::read(path) {
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

    #[test]
    fn a_file_is_what_its_checksum_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, b"two").unwrap();
        assert!(read_checked(&path, &checksum(b"two")).is_ok());
        assert!(matches!(read_checked(&path, &checksum(b"one")), Err(Error::Data { .. })));
    }
}
