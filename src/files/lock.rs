//! One process at a time.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a lock that another process holds is tried again.
const POLL: Duration = Duration::from_millis(20);

/// A file that this process alone has locked; it goes away with the lock.
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock, waiting for another process no longer than `patience`; `None` if that process still has it.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn take(path: &Path, patience: Duration) -> io::Result<Option<Self>> {
        let started = Instant::now();
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            match file.try_lock() {
                // Whoever had the lock before may have removed the file that was opened here.
                Ok(()) if is_at(&file, path) => return Ok(Some(Self { path: path.to_owned(), _file: file })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if started.elapsed() >= patience => return Ok(None),
                Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
                Err(TryLockError::Error(e)) => return Err(e),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Nothing is lost if the empty file stays behind.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the path still leads to the opened file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: std::fs::Metadata, b: std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().is_ok_and(|a| std::fs::metadata(path).is_ok_and(|b| same(a, b)))
}

/// On other systems a file cannot be removed while it is open.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_has_it_at_any_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let _lock = Lock::take(&path, Duration::from_secs(60)).unwrap().unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                });
            }
        });
        let held = Lock::take(&path, Duration::ZERO).unwrap();
        assert!(held.is_some() && Lock::take(&path, Duration::ZERO).unwrap().is_none());
        drop(held);
        assert!(!path.exists());
    }
}
