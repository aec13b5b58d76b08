//! A store of trial records that survives what happens to machines at night.
//!
//! One file a trial, JSON, named by the hash of its inputs: `{"flatscape_trial": 1, "checksum": …, "record": …}`. The
//! checksum is of the record's bytes; the file is written to a temporary one, fsynced, renamed. What a file is called proves nothing: a record counts when its checksum is right
//! and its inputs are those of the trial. Timings, failures and the state of each shard lie beside the records,
//! never in them.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Trial, TrialRecord};
use crate::error::{Error, Result};
use crate::files::write_atomically;
use crate::records::{checksum, to_json};
use crate::setup::config::{Config, ScanConfig};

const TRIALS: &str = "trials";
const TIMINGS: &str = "timings";
const FAILED: &str = "failed";
const DAMAGED: &str = "damaged";
const SHARDS: &str = "shards";
const CONFIG: &str = "config.toml";

/// How a record's file begins; the checksum follows.
const HEAD: &str = "{\"flatscape_trial\": 1, \"checksum\": \"";

/// What stands between the checksum and the record.
const MIDDLE: &str = "\", \"record\":\n";

/// What follows the record.
const TAIL: &str = "}\n";

/// Part `index` (from 1) of `count` of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 1 to `count`.
    pub index: usize,
    /// Number of parts.
    pub count: usize,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { index: 1, count: 1 };

    /// Whether the trial at this place of the scan's list is ours.
    pub fn owns(&self, place: usize) -> bool {
        place % self.count == self.index - 1
    }

    fn name(&self) -> String {
        format!("{}-of-{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parsed {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index, count }),
            _ => Err("write it as I/N with I from 1 to N, for example 2/8".to_owned()),
        }
    }
}

/// What the store knows of a trial.
pub enum Lookup {
    /// Nothing yet.
    Missing,
    /// Its record.
    Done(Box<TrialRecord>),
    /// A file that is not its record, and why.
    Damaged(String),
}

/// How long a trial took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timing {
    /// The trial.
    pub id: String,
    /// From start to record (s).
    pub seconds: f64,
    /// Each landscape with its weight update (s).
    pub landscape_seconds: Vec<f64>,
    /// Threads it had.
    pub threads: usize,
    /// What did the work.
    pub device: String,
}

/// Why a trial has no record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The trial.
    pub id: String,
    /// The error.
    pub error: String,
}

/// What a running shard says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShardStatus {
    /// Which part.
    pub shard: Shard,
    /// Its trials.
    pub total: usize,
    /// With a record.
    pub done: usize,
    /// Without one.
    pub failed: usize,
    /// Names of the trials in hand.
    pub running: Vec<String>,
    /// Estimate (s).
    pub seconds_left: f64,
}

/// A scan's directory.
pub struct Store {
    path: PathBuf,
}

/// Keeps other processes from the same shard while it lives.
pub struct ShardLock {
    _file: File,
}

impl Store {
    /// Opens the directory of a scan, or makes it, for writing.
    ///
    /// # Errors
    /// [`Error::Usage`] if it cannot be written to, holds other files, or another scan.
    pub fn create(path: &Path, config: &Config) -> Result<Self> {
        let cannot = |e: std::io::Error| {
            Error::Usage(format!("{}: cannot be written to: {e}; choose another directory", path.display()))
        };
        let fresh = !path.join(CONFIG).exists();
        if fresh && path.join("manifest.json").exists() {
            return Err(Error::Usage(format!(
                "{}: holds a run, not a scan; choose another directory",
                path.display()
            )));
        }
        for folder in [TRIALS, TIMINGS, FAILED, SHARDS] {
            std::fs::create_dir_all(path.join(folder)).map_err(cannot)?;
        }
        let store = Self { path: path.to_owned() };
        if !fresh {
            store.check_same_scan(config)?;
        }
        let bytes = config.to_toml().into_bytes();
        if std::fs::read(path.join(CONFIG)).ok() != Some(bytes.clone()) {
            write_atomically(&path.join(CONFIG), &bytes)?;
        }
        store.remove_remains();
        Ok(store)
    }

    /// Opens the directory of a scan to read it.
    ///
    /// # Errors
    /// [`Error::Data`] if it is none.
    pub fn open(path: &Path) -> Result<Self> {
        if path.join(TRIALS).is_dir() && path.join(CONFIG).exists() {
            Ok(Self { path: path.to_owned() })
        } else {
            Err(Error::data(
                path,
                "is no scan directory (no trials/ or config.toml); give the directory of a scan",
            ))
        }
    }

    /// The configuration of the scan.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn config(&self) -> Result<Config> {
        Config::load(&self.path.join(CONFIG), &[])
    }

    /// Trials of different configurations would be averaged together: only what is scanned may change.
    fn check_same_scan(&self, config: &Config) -> Result<()> {
        let scanned =
            |c: &Config| Config { scan: ScanConfig { maps: vec![1], ..Config::default().scan }, ..c.clone() };
        let there = self.config()?;
        if scanned(&there) == scanned(config) {
            return Ok(());
        }
        let (a, b) = (there.to_toml(), config.to_toml());
        let difference = a.lines().zip(b.lines()).find(|(x, y)| x != y).map_or(("", ""), |pair| pair);
        Err(Error::Usage(format!(
            "{}: holds a scan of another configuration ({} there, {} here); choose another directory",
            self.path.display(),
            difference.0,
            difference.1
        )))
    }

    /// Temporary files of killed processes; whoever writes one now holds a shard's lock and writes it again.
    fn remove_remains(&self) {
        for folder in [TRIALS, TIMINGS, FAILED, SHARDS] {
            for entry in std::fs::read_dir(self.path.join(folder)).into_iter().flatten().flatten() {
                let old = entry
                    .metadata()
                    .and_then(|m| m.modified())
                    .is_ok_and(|t| t.elapsed().is_ok_and(|age| age > std::time::Duration::from_secs(60)));
                if old && entry.file_name().to_string_lossy().starts_with(".partial-") {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
    }

    /// Takes possession of a shard.
    ///
    /// # Errors
    /// [`Error::Usage`] if another process has it.
    pub fn lock(&self, shard: Shard) -> Result<ShardLock> {
        let path = self.path.join(SHARDS).join(format!("{}.lock", shard.name()));
        let file = File::create(&path).map_err(|e| Error::io(&path, "write", e))?;
        match file.try_lock() {
            Ok(()) => Ok(ShardLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Usage(format!(
                "{}: another flatscape is working on shard {}/{} of this scan; wait for it, or take another shard",
                self.path.display(),
                shard.index,
                shard.count
            ))),
            Err(TryLockError::Error(e)) => Err(Error::io(&path, "lock", e)),
        }
    }

    /// Whether some process has the shard now.
    fn is_locked(&self, shard: Shard) -> bool {
        let path = self.path.join(SHARDS).join(format!("{}.lock", shard.name()));
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// What is known of the trial with this content hash and these inputs.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn look_up(&self, hash: &str, trial: &Trial, config: &Config) -> Result<Lookup> {
        let path = self.path.join(TRIALS).join(format!("{hash}.json"));
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Lookup::Missing),
            Err(e) => return Err(Error::io(&path, "read", e)),
        };
        Ok(match decode(&bytes) {
            Ok(record) if record.trial == *trial && record.config == trial.config(config).to_toml() => {
                Lookup::Done(Box::new(record))
            }
            Ok(record) => {
                Lookup::Damaged(format!("is the record of {}, under the name of {}", record.id, trial.id()))
            }
            Err(what) => Lookup::Damaged(what),
        })
    }

    /// Moves a damaged record out of the way, for people to look at.
    ///
    /// # Errors
    /// If that fails.
    pub fn set_aside(&self, hash: &str) -> Result<()> {
        let folder = self.path.join(DAMAGED);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "create", e))?;
        let name = format!("{hash}.json");
        let path = self.path.join(TRIALS).join(&name);
        std::fs::rename(&path, folder.join(name)).map_err(|e| Error::io(&path, "move", e))
    }

    /// Writes a record, then its timing; forgets an earlier failure.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn save(&self, hash: &str, record: &TrialRecord, timing: &Timing) -> Result<()> {
        let name = format!("{hash}.json");
        write_atomically(&self.path.join(TRIALS).join(&name), &encode(record))?;
        write_atomically(&self.path.join(TIMINGS).join(&name), &to_json(timing))?;
        let failure = self.path.join(FAILED).join(&name);
        match std::fs::remove_file(&failure) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(&failure, "remove", e)),
            _ => Ok(()),
        }
    }

    /// Writes why a trial failed.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn save_failure(&self, hash: &str, failure: &Failure) -> Result<()> {
        write_atomically(&self.path.join(FAILED).join(format!("{hash}.json")), &to_json(failure))
    }

    /// Writes how far a shard is.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn save_status(&self, status: &ShardStatus) -> Result<()> {
        write_atomically(
            &self.path.join(SHARDS).join(format!("{}.json", status.shard.name())),
            &to_json(status),
        )
    }

    /// The shards that run now.
    pub fn running(&self) -> Vec<ShardStatus> {
        let statuses = read_folder(&self.path.join(SHARDS), "json");
        let parsed =
            statuses.iter().filter_map(|(_, bytes)| serde_json::from_slice::<ShardStatus>(bytes).ok());
        parsed.filter(|status| self.is_locked(status.shard)).collect()
    }

    /// All failures.
    pub fn failures(&self) -> Vec<Failure> {
        let files = read_folder(&self.path.join(FAILED), "json");
        files.iter().filter_map(|(_, bytes)| serde_json::from_slice(bytes).ok()).collect()
    }

    /// All timings.
    pub fn timings(&self) -> Vec<Timing> {
        let files = read_folder(&self.path.join(TIMINGS), "json");
        files.iter().filter_map(|(_, bytes)| serde_json::from_slice(bytes).ok()).collect()
    }

    /// All sound records with their content hashes, and a sentence about every file that is none.
    pub fn records(&self) -> (Vec<(String, TrialRecord)>, Vec<String>) {
        let (mut records, mut complaints) = (Vec::new(), Vec::new());
        for (path, bytes) in read_folder(&self.path.join(TRIALS), "") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with(".partial-") {
                continue;
            }
            let Some(hash) = name.strip_suffix(".json") else {
                complaints.push(format!("{}: is no trial record; left alone", path.display()));
                continue;
            };
            match decode(&bytes) {
                Ok(record) if checksum(record.config.as_bytes()) == hash => {
                    records.push((hash.to_owned(), record))
                }
                Ok(record) => complaints.push(format!(
                    "{}: is the record of {} under a foreign name; left out",
                    path.display(),
                    record.id
                )),
                Err(what) => complaints.push(format!(
                    "{}: {what}; left out; the scan does it again when it goes on",
                    path.display()
                )),
            }
        }
        (records, complaints)
    }
}

/// All files of a folder with an extension (or any, if it is empty), by name.
fn read_folder(folder: &Path, extension: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|p| extension.is_empty() || p.extension().is_some_and(|e| e == extension))
        .collect();
    paths.sort_unstable();
    paths.into_iter().filter_map(|p| std::fs::read(&p).ok().map(|bytes| (p, bytes))).collect()
}

fn encode(record: &TrialRecord) -> Vec<u8> {
    let body = to_json(record);
    let head = [HEAD, &checksum(&body), MIDDLE].concat();
    [head.as_bytes(), &body, TAIL.as_bytes()].concat()
}

fn decode(bytes: &[u8]) -> std::result::Result<TrialRecord, String> {
    let damaged = || "is damaged (its checksum does not match)".to_owned();
    let rest = bytes.strip_prefix(HEAD.as_bytes()).ok_or_else(damaged)?;
    let end = rest.iter().position(|&b| b == b'"').ok_or_else(damaged)?;
    let (claimed, rest) = rest.split_at(end);
    let body = rest.strip_prefix(MIDDLE.as_bytes()).and_then(|rest| rest.strip_suffix(TAIL.as_bytes()));
    let body = body.filter(|body| checksum(body).as_bytes() == claimed).ok_or_else(damaged)?;
    serde_json::from_slice(body).map_err(|e| format!("is of another version of the program ({e})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_divide_the_work() {
        let shard: Shard = "2/3".parse().unwrap();
        let owned: Vec<usize> = (0..8).filter(|&i| shard.owns(i)).collect();
        assert_eq!(owned, [1, 4, 7]);
        for bad in ["0/3", "4/3", "x", "1/0", "-1/2", "1"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
        assert!((0..9).all(|i| Shard::WHOLE.owns(i)));
    }
}
