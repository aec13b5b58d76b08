//! What a run leaves on disk: the run directory, its manifest, checkpoints, and checking them.

mod checkpoint;
mod directory;
mod findings;
mod sealed;
mod session;
mod summary;
mod verify;
mod witnesses;

pub use checkpoint::{Checkpoint, check_state};
pub use directory::{FORMAT, Manifest, RunDirectory, RunState, belongs_to_run};
pub(crate) use findings::Findings;
pub use sealed::PROGRAM;
pub use session::{Opened, Session};
pub use summary::{Summary, Warning};
pub use verify::{Verified, verify};

use std::borrow::Cow;
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::files;

/// Rows as CSV with a header line. A number that is none is an empty cell; a text that a spreadsheet would run gets an
/// apostrophe before it.
pub(crate) fn to_csv<T: Serialize>(rows: &[T]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).expect("records are flat");
    }
    let plain = writer.into_inner().expect("writing to memory cannot fail");
    let mut writer = csv::Writer::from_writer(Vec::with_capacity(plain.len()));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(plain.as_slice());
    for row in reader.records() {
        let row = row.expect("what was just written is text");
        let cells: Vec<Cow<'_, str>> = row.iter().map(harmless).collect();
        writer.write_record(cells.iter().map(|cell| cell.as_bytes())).expect("all rows have as many cells");
    }
    writer.into_inner().expect("writing to memory cannot fail")
}

/// A cell as it may be shown to a spreadsheet.
fn harmless(cell: &str) -> Cow<'_, str> {
    match cell.parse::<f64>() {
        Ok(number) if number.is_nan() => Cow::Borrowed(""),
        Err(_) if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) => Cow::Owned(format!("'{cell}")),
        _ => Cow::Borrowed(cell),
    }
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

    #[test]
    fn spreadsheets_run_nothing_and_show_no_nan() {
        #[derive(Serialize)]
        struct Row {
            device: &'static str,
            value: f64,
        }
        let row = |device, value| Row { device, value };
        let rows = [row("=HYPERLINK(1)", -1.5), row("cpu, 2 threads", f64::NAN), row("a \"quote\"", 1e-7)];
        let expected = "device,value\n'=HYPERLINK(1),-1.5\n\"cpu, 2 threads\",\n\"a \"\"quote\"\"\",1e-7\n";
        assert_eq!(String::from_utf8(to_csv(&rows)).unwrap(), expected);
    }
}
