//! The run directory and its manifest.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Summary, checkpoint, checksum, read_checked, to_json};
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::files::npy;
use crate::files::write_atomically;
use crate::job::reached::Status;
use crate::network::Network;
use crate::setup::config::Config;
use crate::setup::plan::Plan;

/// Version of the run directory's layout.
pub const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
const LOCK: &str = ".lock";

/// Stands in for the manifest's own checksum while that is computed.
const BLANK_CHECKSUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

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
    pub device: String,
    /// Start of the last session (seconds since 1970).
    pub started_unix: u64,
    /// Work so far, over all sessions (s).
    pub wall_seconds: f64,
    /// BLAKE3 of every other file.
    pub files: BTreeMap<String, String>,
    /// BLAKE3 of this file with this value replaced by zeros.
    pub manifest: String,
}

impl Manifest {
    fn seal(&self) -> Vec<u8> {
        let blank = Self { manifest: BLANK_CHECKSUM.to_owned(), ..self.clone() };
        let own = checksum(&to_json(&blank));
        to_json(&Self { manifest: own, ..blank })
    }

    fn open(path: &Path, bytes: &[u8]) -> Result<Self> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| {
            Error::data(path, format!("is not the manifest of a run ({e}); it was damaged or changed"))
        })?;
        if manifest.format != FORMAT {
            let what = format!(
                "has format {}, this program knows {FORMAT}; use the program that wrote it",
                manifest.format
            );
            return Err(Error::data(path, what));
        }
        if manifest.seal() != bytes {
            return Err(Error::data(path, "does not have its own checksum; it was damaged or changed"));
        }
        Ok(manifest)
    }
}

/// A directory that one run owns while it lives.
pub struct RunDirectory {
    path: PathBuf,
    /// Checksums of what was written.
    files: BTreeMap<String, String>,
    identity: String,
    lock: Option<File>,
}

impl RunDirectory {
    /// Takes possession of `path` for a new run, or to go on with one if `resume`.
    ///
    /// # Errors
    /// [`Error::Usage`] if the directory holds something else, is in use, or cannot be written.
    pub fn claim(path: &Path, plan: &Plan, network: &Network, resume: bool) -> Result<Self> {
        let (resolved, identity) = resolved_configuration(plan, network);
        let cannot = |e: std::io::Error| {
            Error::Usage(format!("{}: cannot be written to: {e}; choose another directory", path.display()))
        };
        std::fs::create_dir_all(path).map_err(cannot)?;
        let lock = File::create(path.join(LOCK)).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Usage(format!(
                    "{}: another flatscape is working on this directory; wait for it, or choose another directory",
                    path.display()
                )));
            }
            Err(TryLockError::Error(e)) => return Err(cannot(e)),
        }
        let directory = Self { path: path.to_owned(), files: BTreeMap::new(), identity, lock: Some(lock) };
        directory.check_content(resume)?;
        directory.write_plain("config.toml", resolved.as_bytes())?;
        Ok(directory)
    }

    /// Opens a finished or interrupted run to read it.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none, or its manifest is damaged.
    pub fn open(path: &Path) -> Result<(Self, Manifest)> {
        let manifest_path = path.join(MANIFEST);
        let bytes = match std::fs::read(&manifest_path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::data(
                    path,
                    "is no run directory (no manifest.json); give the directory of a finished run",
                ));
            }
            Err(e) => return Err(Error::io(&manifest_path, "read", e)),
        };
        let manifest = Manifest::open(&manifest_path, &bytes)?;
        let directory = Self {
            path: path.to_owned(),
            files: manifest.files.clone(),
            identity: manifest.configuration.clone(),
            lock: None,
        };
        Ok((directory, manifest))
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

    /// Writes the configuration as resolved.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write_configuration(&mut self, plan: &Plan, network: &Network) -> Result<()> {
        self.write("config.toml", resolved_configuration(plan, network).0.as_bytes())
    }

    /// Writes the manifest over everything written so far; a run ends with it.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write_manifest(&self, mut manifest: Manifest) -> Result<()> {
        manifest.files = self.files.clone();
        self.write_plain(MANIFEST, &manifest.seal())
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
            .filter(|n| n != MANIFEST && n != LOCK && n != checkpoint::FOLDER && !self.files.contains_key(n))
            .collect();
        names.sort_unstable();
        names
    }

    fn write_plain(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_atomically(&self.path.join(name), bytes)
    }

    /// Refuses directories that hold something else than what is asked for.
    fn check_content(&self, resume: bool) -> Result<()> {
        let usage = |text: String| Err(Error::Usage(format!("{}: {text}", self.path.display())));
        let has_run = self.path.join(MANIFEST).exists() || self.path.join(checkpoint::FOLDER).exists();
        if !has_run {
            let only_remains =
                self.strangers().iter().all(|n| n == "config.toml" || n.starts_with(".partial-"));
            return if only_remains {
                Ok(())
            } else {
                usage(format!(
                    "holds other files ({}) and no run; choose another directory",
                    self.strangers().join(", ")
                ))
            };
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

impl Drop for RunDirectory {
    fn drop(&mut self) {
        if self.lock.is_some() {
            // Nothing is lost if the empty file stays behind.
            let _ = std::fs::remove_file(self.path.join(LOCK));
        }
    }
}

/// The configuration as it is written into the run directory, where maps from a file lie in `maps.npy`, and the
/// identity of the run: BLAKE3 of that and the maps.
fn resolved_configuration(plan: &Plan, network: &Network) -> (String, String) {
    let mut config = plan.config.clone();
    if config.network.maps_file.is_some() {
        config.network.maps_file = Some("maps.npy".into());
    }
    let text = config.to_toml();
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    if network.maps.are_full_rings() {
        hasher.update(bytemuck::cast_slice(network.maps.all_sites()));
    } else {
        hasher.update(bytemuck::cast_slice(&network.maps.all_places()));
    }
    (text, hasher.finalize().to_hex().to_string())
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
            device: "cpu".to_owned(),
            started_unix: 5,
            wall_seconds: 0.25,
            files: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            manifest: String::new(),
        }
    }

    #[test]
    fn any_changed_byte_of_a_manifest_shows() {
        let sealed = manifest().seal();
        let path = Path::new("manifest.json");
        assert_eq!(Manifest::open(path, &sealed).unwrap().files, manifest().files);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(Manifest::open(path, &changed).is_err(), "byte {at} changed unseen");
        }
    }
}
