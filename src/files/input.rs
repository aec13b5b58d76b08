//! Opening inputs.

use std::io;
use std::path::Path;

/// The bytes of a regular file.
///
/// # Errors
/// If it cannot be read. A pipe or a device is refused before it is opened, because reading it could block forever.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() {
        return std::fs::read(path);
    }
    Err(if kind.is_dir() {
        io::Error::new(io::ErrorKind::IsADirectory, "it is a directory; give a file")
    } else {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a pipe or a device; only regular files are read, so save its content to a file first",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, b"x").unwrap();
        assert_eq!(read(&file).unwrap(), b"x");
        assert_eq!(read(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        #[cfg(unix)]
        assert_eq!(read(Path::new("/dev/zero")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
