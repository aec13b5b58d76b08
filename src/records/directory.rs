//! The run directory and its manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sealed::{Sealed, seal, unseal};
use super::{Summary, checkpoint, checksum, read_checked};
use crate::compute::device::ComputeDevice;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::files::{self, Lock, claim_folder, is_partial, npy, remove_partials, write_atomically};
use crate::job::reached::Status;
use crate::network::Network;
use crate::setup::config::Config;
use crate::setup::inputs::Inputs;
use crate::setup::plan::Plan;

/// Version of the run directory's layout.
pub const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
const LOCK: &str = ".lock";

/// The file that tells two states of a run apart.
const WEIGHTS: &str = "weights_delta.npy";

/// How long another program may keep the lock while it adds a file.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether everything was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Yes.
    Complete,
    /// No; `--resume` goes on.
    Interrupted,
}

/// `manifest.json`: what the directory holds and where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout version.
    pub format: u32,
    /// Program and version.
    pub program: String,
    /// Whether everything was done.
    pub status: RunState,
    /// How the outer iteration ended.
    pub outcome: Status,
    /// BLAKE3 of the resolved configuration and the maps: the run's identity.
    pub configuration: String,
    /// Seed of the maps.
    pub seed: u64,
    /// What did the work.
    pub device: ComputeDevice,
    /// Start of the last session (seconds since 1970).
    pub started_unix: u64,
    /// Work so far, over all sessions (s).
    pub wall_seconds: f64,
    /// BLAKE3 of every other file.
    pub files: BTreeMap<String, String>,
    /// BLAKE3 of this file with this value replaced by zeros.
    pub manifest: String,
}

impl Sealed for Manifest {
    const KIND: &'static str = "the manifest of a run";

    fn checksum(&mut self) -> &mut String {
        &mut self.manifest
    }
}

impl Manifest {
    /// A manifest from the bytes of its file, every one of which is checked.
    ///
    /// # Errors
    /// [`Error::Data`] naming `path`.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        if let Ok(Version { format }) = serde_json::from_slice(bytes)
            && format != FORMAT
        {
            let what =
                format!("has format {format}, this program knows {FORMAT}; use the program that wrote it");
            return Err(Error::data(path, what));
        }
        unseal(path, bytes)
    }
}

/// A directory that one run owns while it lives.
pub struct RunDirectory {
    path: PathBuf,
    /// Checksums of what was written.
    files: BTreeMap<String, String>,
    identity: String,
    /// Held while something is written.
    _lock: Option<Lock>,
}

impl RunDirectory {
    /// Takes possession of `path` for a new run, or to go on with one if `resume`. With `force` a run that lies there is
    /// begun anew, and other files count for nothing.
    ///
    /// # Errors
    /// [`Error::Usage`] if the directory holds something else, is in use, or cannot be written.
    pub fn claim(path: &Path, plan: &Plan, network: &Network, resume: bool, force: bool) -> Result<Self> {
        let identity = Inputs::new(plan, network).identity(network);
        claim_folder(path, &holds_run, force)?;
        let lock = Some(lock(path, Duration::ZERO)?);
        let directory = Self { path: path.to_owned(), files: BTreeMap::new(), identity, _lock: lock };
        remove_partials(path);
        remove_partials(&path.join(checkpoint::FOLDER));
        if force && !resume {
            directory.forget_run()?;
        } else {
            directory.check_run(resume)?;
        }
        Ok(directory)
    }

    /// Opens a finished or interrupted run to read it.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none, or its manifest is damaged.
    pub fn open(path: &Path) -> Result<(Self, Manifest)> {
        let manifest_path = path.join(MANIFEST);
        let bytes = match files::read(&manifest_path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::data(
                    path,
                    "is not a run directory (it has no manifest.json); give the directory of a finished run",
                ));
            }
            Err(e) => return Err(Error::io(&manifest_path, "read", e)),
        };
        let manifest = Manifest::parse(&manifest_path, &bytes)?;
        let directory = Self {
            path: path.to_owned(),
            files: manifest.files.clone(),
            identity: manifest.configuration.clone(),
            _lock: None,
        };
        Ok((directory, manifest))
    }

    /// Adds a file to a run that was opened before. Others may have added theirs meanwhile: the manifest is read again,
    /// under a lock.
    ///
    /// # Errors
    /// [`Error::Usage`] if a file of this name is not the run's (unless `force`), or the run is in use;
    /// [`Error::Run`] if it has another network by now.
    pub fn add(&self, name: &str, bytes: &[u8], force: bool) -> Result<()> {
        let lock = lock(&self.path, PATIENCE)?;
        let (mut now, manifest) = Self::open(&self.path)?;
        now._lock = Some(lock);
        if now.files.get(WEIGHTS) != self.files.get(WEIGHTS) {
            let what = format!("{}: the run went on meanwhile; measure it again", self.path.display());
            return Err(Error::Run(what));
        }
        if !now.files.contains_key(name) && self.path.join(name).exists() && !force {
            return Err(Error::Usage(format!(
                "{}: is a file that this command did not make; choose another place, or replace it by force",
                self.path.join(name).display()
            )));
        }
        now.write(name, bytes)?;
        now.write_manifest(manifest)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// BLAKE3 of the resolved configuration and the maps.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Writes a file and remembers its checksum for the manifest.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_plain(name, bytes)?;
        self.files.insert(name.to_owned(), checksum(bytes));
        Ok(())
    }

    /// Writes the configuration as resolved, and the contents of the files that it names: a run needs nothing beside it.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write_configuration(&mut self, plan: &Plan, network: &Network) -> Result<()> {
        let inputs = Inputs::new(plan, network);
        self.write("config.toml", inputs.config.to_toml().as_bytes())?;
        inputs.files.iter().try_for_each(|(name, bytes)| self.write(name, bytes))
    }

    /// Writes the manifest over everything written so far; a run ends with it.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write_manifest(&self, mut manifest: Manifest) -> Result<()> {
        manifest.files = self.files.clone();
        self.write_plain(MANIFEST, &seal(manifest))
    }

    /// The bytes of a file of the manifest, checked against it.
    ///
    /// # Errors
    /// [`Error::Data`] if the manifest does not have it, or it was damaged.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.path.join(name);
        match self.files.get(name) {
            Some(expected) => read_checked(&path, expected),
            None => {
                Err(Error::data(&path, "is not in the manifest; was the run stopped before it was written?"))
            }
        }
    }

    /// An array of the manifest with its shape, checked.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file.
    pub fn read_array<T: npyz::Deserialize + npyz::AutoSerialize>(
        &self,
        name: &str,
    ) -> Result<(Vec<usize>, Vec<T>)> {
        npy::decode(&self.read(name)?).map_err(|what| Error::data(&self.path.join(name), what))
    }

    /// A weight matrix of the manifest, checked.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file, also if it is not `[neurons, neurons]`.
    pub fn read_square(&self, name: &str, neurons: usize) -> Result<WeightMatrix> {
        let (shape, values) = self.read_array::<f64>(name)?;
        if shape != [neurons, neurons] {
            let what = format!("has shape {shape:?}, not [{neurons}, {neurons}] as config.toml says");
            return Err(Error::data(&self.path.join(name), what));
        }
        Ok(WeightMatrix::from_dense(neurons, &values))
    }

    /// The rows of a CSV table of the manifest, checked.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file.
    pub fn read_rows<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Vec<T>> {
        csv::Reader::from_reader(self.read(name)?.as_slice())
            .deserialize()
            .collect::<std::result::Result<_, _>>()
            .map_err(|e| Error::data(&self.path.join(name), format!("cannot be read ({e})")))
    }

    /// `summary.json`, checked.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file.
    pub fn read_summary(&self) -> Result<Summary> {
        const NAME: &str = "summary.json";
        serde_json::from_slice(&self.read(NAME)?)
            .map_err(|e| Error::data(&self.path.join(NAME), e.to_string()))
    }

    /// The plan of the run's own configuration, checked.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file.
    pub fn read_plan(&self) -> Result<Plan> {
        const NAME: &str = "config.toml";
        self.read(NAME)?;
        let file = self.path.join(NAME);
        Plan::new(Config::load(&file, &[]).map_err(|e| Error::data(&file, e.to_string()))?)
    }

    /// Whether the manifest has a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Names of the files in the manifest.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Names of what lies in the directory and is not in the manifest.
    pub fn strangers(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|n| n != MANIFEST && n != LOCK && !is_partial(n) && !self.files.contains_key(n))
            .filter(|n| n != checkpoint::FOLDER || !checkpoint::is_there(&self.path))
            .collect();
        names.sort_unstable();
        names
    }

    fn write_plain(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomically(&self.path.join(name), bytes)
    }

    /// Removes a file that an earlier session wrote and this one does not; one that was never there is no error.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn discard(&mut self, name: &str) -> Result<()> {
        self.files.remove(name);
        remove(&self.path.join(name))
    }

    /// Takes away what makes a run of a directory: its manifest and its checkpoint.
    fn forget_run(&self) -> Result<()> {
        checkpoint::Checkpoint::remove(&self.path)?;
        remove(&self.path.join(MANIFEST))
    }

    /// Refuses to begin a run where there is one, and to go on with another.
    fn check_run(&self, resume: bool) -> Result<()> {
        let usage = |text: String| Err(Error::Usage(format!("{}: {text}", self.path.display())));
        if !holds_run(&self.path) {
            return Ok(());
        }
        if !resume {
            return usage("holds a run already; resume it, or choose another directory".to_owned());
        }
        let there = match Self::open(&self.path) {
            Ok((_, manifest)) => Some(manifest.configuration),
            Err(_) if !self.path.join(MANIFEST).exists() => checkpoint::identity(&self.path)?,
            Err(error) => return Err(error),
        };
        match there {
            Some(there) if there != self.identity => usage(
                "holds a run of another configuration or other maps; resume it with its own, or choose another directory".to_owned(),
            ),
            _ => Ok(()),
        }
    }
}

/// Whether a directory holds a run, finished or begun.
fn holds_run(path: &Path) -> bool {
    path.join(MANIFEST).is_file() || checkpoint::is_there(path)
}

/// Whether a file is listed in the manifest beside it, and so belongs to a run.
pub fn belongs_to_run(file: &Path) -> bool {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let listed = |name: &std::ffi::OsStr| {
        RunDirectory::open(folder).is_ok_and(|(run, _)| run.has(&name.to_string_lossy()) || name == MANIFEST)
    };
    file.file_name().is_some_and(listed)
}

fn lock(path: &Path, patience: Duration) -> Result<Lock> {
    let taken = Lock::take(&path.join(LOCK), patience).map_err(|e| {
        Error::Usage(format!("{}: cannot be written to: {e}; choose another directory", path.display()))
    })?;
    taken.ok_or_else(|| {
        Error::Usage(format!(
            "{}: another flatscape is working on this directory; wait for it, or choose another directory",
            path.display()
        ))
    })
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, "remove", e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            program: "flatscape test".to_owned(),
            status: RunState::Complete,
            outcome: Status::Converged,
            configuration: "abc".to_owned(),
            seed: 1,
            device: ComputeDevice::Cpu { threads: 2 },
            started_unix: 5,
            wall_seconds: 0.25,
            files: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            manifest: String::new(),
        }
    }

    #[test]
    fn any_changed_byte_of_a_manifest_shows() {
        let sealed = seal(manifest());
        let path = Path::new("manifest.json");
        assert_eq!(Manifest::parse(path, &sealed).unwrap().files, manifest().files);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(Manifest::parse(path, &changed).is_err(), "byte {at} changed unseen");
        }
    }
}
