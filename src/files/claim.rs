//! Claiming a place for output: what a command made before it may replace; anything else is named and left alone, unless
//! `--force` says otherwise. One rule for all commands.

use std::io;
use std::path::Path;

use super::is_partial;
use crate::error::{Error, Result};
use crate::text::printable;

/// Where a folder says which command made it.
const MARK: &str = ".flatscape";

/// How many names a message lists.
const NAMES: usize = 5;

/// How much of either end of a file is read to tell who made it (bytes).
const EXCERPT: usize = 1 << 16;

/// Makes a folder, or makes sure that it is one to write to: empty, or made by the same command (`is_own`).
///
/// # Errors
/// [`Error::Usage`] naming what lies there.
pub(crate) fn claim_folder(path: &Path, is_own: &dyn Fn(&Path) -> bool, force: bool) -> Result<()> {
    let cannot = |e: io::Error| {
        Error::Usage(format!("{}: cannot be written to: {e}; choose another directory", path.display()))
    };
    std::fs::create_dir_all(path).map_err(cannot)?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name().to_string_lossy().into_owned();
        if !is_partial(&name) && name != ".lock" {
            names.push(name);
        }
    }
    if names.is_empty() || force || is_own(path) {
        return Ok(());
    }
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Error::Usage(format!(
        "{}: holds other files that this command did not make ({}{rest}); choose another directory, or write there by force",
        path.display(),
        printable(&names.join(", "))
    )))
}

/// Whether a folder has the mark of `command`.
pub(crate) fn made_by(folder: &Path, command: &str) -> bool {
    super::read(&folder.join(MARK)).is_ok_and(|found| found == text(command).as_bytes())
}

/// Leaves the mark of `command` in a folder that was claimed.
///
/// # Errors
/// [`Error::Io`] if it cannot be written.
pub(crate) fn mark(folder: &Path, command: &str) -> Result<()> {
    super::write_atomically(&folder.join(MARK), text(command).as_bytes())
}

fn text(command: &str) -> String {
    format!("Made by flatscape {command}, which may replace what it wrote here.\n")
}

/// Makes sure that a file may be written: nothing lies there, or what the same command made (`is_own` of the first and
/// last bytes), or something that is no regular file and is written through.
///
/// # Errors
/// [`Error::Usage`] naming the file.
pub fn claim_file(path: &Path, is_own: &dyn Fn(&[u8]) -> bool, force: bool) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() > 0 && !force && !path.starts_with("/dev") => {}
        // Any other problem with the place shows when it is written.
        _ => return Ok(()),
    }
    let excerpt = excerpt(path).map_err(|e| Error::io(path, "read", e))?;
    if is_own(&excerpt) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{}: is a file that this command did not make; choose another place, or replace it by force",
        path.display()
    )))
}

/// The first and the last bytes of a file.
fn excerpt(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(EXCERPT as u64).read_to_end(&mut bytes)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(EXCERPT as u64).max(bytes.len() as u64)))?;
    file.take(EXCERPT as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_command_made_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("new/folder");
        let own = |p: &Path| made_by(p, "collect");
        claim_folder(&folder, &own, false).unwrap();
        std::fs::write(folder.join("thesis.tex"), b"x").unwrap();
        let refusal = claim_folder(&folder, &own, false).unwrap_err().to_string();
        assert!(refusal.contains("thesis.tex") && refusal.contains("by force"), "{refusal}");
        claim_folder(&folder, &own, true).unwrap();
        mark(&folder, "collect").unwrap();
        claim_folder(&folder, &own, false).unwrap();
        assert!(!made_by(&folder, "figures"));
        let file = folder.join("page.html");
        let own = |bytes: &[u8]| bytes.starts_with(b"page") && bytes.ends_with(b"end");
        claim_file(&file, &own, false).unwrap();
        std::fs::write(&file, [b"page".to_vec(), vec![b'x'; 3 * EXCERPT], b"end".to_vec()].concat()).unwrap();
        claim_file(&file, &own, false).unwrap();
        std::fs::write(&file, b"mine").unwrap();
        assert!(claim_file(&file, &own, false).unwrap_err().to_string().contains("page.html"));
        claim_file(&file, &own, true).unwrap();
    }
}
