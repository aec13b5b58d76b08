//! The one error type of the library. Each variant knows the exit code that a program should end with;
//! each message names the thing that was wrong, what is allowed, and what to do next.

use std::path::{Path, PathBuf};

/// Everything that can go wrong, by what the person at the terminal can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration or the command line asks for something that is not possible (exit code 2).
    #[error("{0}")]
    Usage(String),

    /// No device that can do the work (exit code 3).
    #[error("{0}")]
    Device(String),

    /// A file is damaged, or is not what it should be (exit code 4).
    #[error("{}: {what}", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },

    /// The operating system refused to read or write (exit code 1).
    #[error("{}: cannot {action}: {source}{}", path.display(), remedy(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// `read`, `write`, …
        action: &'static str,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// The computation itself failed (exit code 1).
    #[error("{0}")]
    Run(String),

    /// Stopped on request; what was done can be resumed (exit code 130).
    #[error("interrupted")]
    Interrupted,
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The process exit code that belongs to this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Io { .. } | Error::Run(_) => 1,
            Error::Usage(_) => 2,
            Error::Device(_) => 3,
            Error::Data { .. } => 4,
            Error::Interrupted => 130,
        }
    }

    /// A damaged or foreign file.
    pub fn data(path: &Path, what: impl Into<String>) -> Self {
        Error::Data { path: path.to_owned(), what: what.into() }
    }

    /// A failed operation of the operating system.
    pub fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Error::Io { path: path.to_owned(), action, source }
    }
}

/// Advice for the common refusals of an operating system.
fn remedy(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::*;
    match source.kind() {
        StorageFull | QuotaExceeded => "; free some space and resume what was interrupted",
        PermissionDenied | ReadOnlyFilesystem => "; choose another directory, or change its permissions",
        NotFound => "; check the path",
        _ => "",
    }
}
