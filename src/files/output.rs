//! Writing whole or not at all.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// How temporary files begin.
const PARTIAL: &str = ".partial-";

/// More symbolic links than this in a row count as a loop.
const MOST_LINKS: usize = 40;

/// Temporary files in a row that another process may take for leftovers.
const MOST_TAKEN: usize = 100;

/// Writes a file whole or not at all: a temporary file beside it, fsync, rename, fsync of the directory. A symbolic link
/// is followed and stays; a device or a pipe is written to as it is.
///
/// # Errors
/// [`Error::Io`] naming the file; what was there before is then still whole.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |e: io::Error| Error::io(path, "write", e);
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(failed(io::Error::from(io::ErrorKind::IsADirectory))),
        // The path may be a file that someone else has open, like the one behind /dev/stdout.
        Ok(found) if !found.is_file() || path.starts_with("/dev") || path.starts_with("/proc") => {
            let mut file = File::options().append(true).open(path).map_err(failed)?;
            file.write_all(bytes).and_then(|()| file.flush()).map_err(failed)
        }
        _ => replace(&behind_links(path).map_err(failed)?, bytes).map_err(failed),
    }
}

/// Where a chain of symbolic links ends, whether something lies there or not.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("its symbolic links lead in a circle"))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = locked_partial(folder)?;
    write_through(&mut file, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    sync_folder(folder)
}

/// A temporary file whose lock tells `remove_partials` of other processes that somebody is at work. One that was taken for a
/// leftover between its making and its locking is made anew. A file system without locks has leftovers, no more.
fn locked_partial(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    for _ in 0..MOST_TAKEN {
        let file = new_partial(folder)?;
        match file.as_file().try_lock() {
            Ok(()) if !file.path().exists() => {}
            Err(TryLockError::WouldBlock) => {}
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
    Err(io::Error::other("another process removes every temporary file that is made here"))
}

/// A temporary file with the permissions that the umask gives a new file.
fn new_partial(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(PARTIAL).tempfile_in(folder)
}

/// A rename is on disk only when its directory is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(debug_assertions))]
fn write_through(file: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)
}

/// As in a release build, except that tests of faults (`tests/faults/`) can let one write of a process go wrong:
/// `FLATSCAPE_FAULT="fail 7"` lets the seventh fail halfway, `"kill 7"` ends the process there.
#[cfg(debug_assertions)]
fn write_through(file: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static WRITES: AtomicUsize = AtomicUsize::new(0);
    let count = 1 + WRITES.fetch_add(1, Ordering::SeqCst);
    let fault = std::env::var("FLATSCAPE_FAULT").unwrap_or_default();
    match fault.split_once(' ') {
        Some((kind, at)) if at.parse() == Ok(count) => {
            file.write_all(&bytes[..bytes.len() / 2])?;
            if kind == "kill" {
                std::process::abort();
            }
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        _ => file.write_all(bytes),
    }
}

/// Whether a name is that of a temporary file.
pub(crate) fn is_partial(name: &str) -> bool {
    name.starts_with(PARTIAL)
}

/// Removes temporary files that killed processes left in a folder. Those that are being written stay: they are locked. The lock
/// is held until a file is gone, or its writer could take it in between.
pub(crate) fn remove_partials(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_file || !is_partial(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let Ok(left) = File::open(entry.path()) else { continue };
        if left.try_lock().is_ok() {
            // A leftover that cannot be removed is in nobody's way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_whole_and_leave_nothing_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn writing_into_a_missing_directory_names_it() {
        let error = write_atomically(Path::new("no-such-folder/a.txt"), b"x").unwrap_err();
        assert!(error.to_string().contains("no-such-folder"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn links_and_devices_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, dangling) =
            (folder.path().join("file"), folder.path().join("link"), folder.path().join("dangling"));
        std::fs::write(&file, b"before").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        std::os::unix::fs::symlink("new", &dangling).unwrap();
        write_atomically(&link, b"after").unwrap();
        write_atomically(&dangling, b"made").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"after");
        assert_eq!(std::fs::read(folder.path().join("new")).unwrap(), b"made");
        write_atomically(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!std::fs::symlink_metadata("/dev/null").unwrap().is_file());
        assert!(matches!(write_atomically(Path::new("/dev/full"), b"x"), Err(Error::Io { .. })));
    }

    #[test]
    fn leftovers_go_and_work_in_hand_stays() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".partial-left");
        std::fs::write(&left, b"half").unwrap();
        let busy = new_partial(folder.path()).unwrap();
        busy.as_file().try_lock().unwrap();
        remove_partials(folder.path());
        assert!(!left.exists() && busy.path().exists());
    }

    #[test]
    fn who_tidies_up_takes_no_file_that_is_being_written() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        remove_partials(folder.path());
                    }
                });
            }
            let written: Result<()> =
                (0..300).try_for_each(|k| write_atomically(&folder.path().join(format!("{k}")), b"whole"));
            done.store(true, Ordering::Relaxed);
            written.unwrap();
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 300);
    }
}
