//! JSON records that carry their own checksum, and the program that wrote them.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{checksum, to_json};
use crate::error::{Error, Result};

/// This program and its version, as records name it.
pub const PROGRAM: &str = concat!("flatscape ", env!("CARGO_PKG_VERSION"));

/// Stands in for the checksum while that is computed.
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A record with a place for the checksum of the rest of it.
pub(super) trait Sealed: Serialize + DeserializeOwned {
    /// What it is, for messages: `the manifest of a run`.
    const KIND: &'static str;

    /// Where the checksum goes.
    fn checksum(&mut self) -> &mut String;
}

/// The bytes of a record with its checksum: BLAKE3 of the same bytes with zeros in its place.
pub(super) fn seal<T: Sealed>(mut record: T) -> Vec<u8> {
    BLANK.clone_into(record.checksum());
    let own = checksum(&to_json(&record));
    *record.checksum() = own;
    to_json(&record)
}

/// A record from its bytes; every byte of them is checked.
///
/// # Errors
/// [`Error::Data`] naming the file.
pub(super) fn unseal<T: Sealed>(path: &Path, bytes: &[u8]) -> Result<T> {
    let parse = || {
        serde_json::from_slice::<T>(bytes).map_err(|e| {
            Error::data(
                path,
                format!(
                    "is not {} of this version ({e}); it was damaged, changed, or written by another version",
                    T::KIND
                ),
            )
        })
    };
    if seal(parse()?) == bytes {
        parse()
    } else {
        Err(Error::data(path, "does not have its own checksum; it was damaged or changed"))
    }
}
