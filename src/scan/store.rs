//! A store of trial records that survives what happens to machines at night.
//!
//! One file per trial, JSON, named by the hash of its inputs: `{"flatscape_trial": 1, "checksum": …, "record": …}`. The
//! checksum is of the record's bytes; a temporary file is written, fsynced and renamed. A file's name proves nothing: a
//! record counts when its checksum is right and its inputs are those of the trial. Timings, failures and the state of each
//! shard lie beside the records, never in them, in files of the same form.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Trial, TrialLandscape, TrialRecord};
use crate::compute::device::ComputeDevice;
use crate::error::{Error, Result};
use crate::files::{self, Lock, claim_folder, is_partial, remove_partials, write_atomically};
use crate::records::{checksum, to_json};
use crate::setup::config::{Config, ScanConfig};

const TRIALS: &str = "trials";
const TIMINGS: &str = "timings";
const LANDSCAPES: &str = "landscapes";
const FAILED: &str = "failed";
const DAMAGED: &str = "damaged";
const SHARDS: &str = "shards";
const CONFIG: &str = "config.toml";
const LOCK: &str = ".lock";

/// How long another process may take to claim the same directory.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a record's file begins; the checksum follows.
const HEAD: &str = "{\"flatscape_trial\": 1, \"checksum\": \"";

/// What stands between the checksum and the record.
const MIDDLE: &str = "\", \"record\":\n";

/// What follows the record.
const TAIL: &str = "}\n";

/// How the configuration of a scan begins; the checksum of the rest follows.
const SEAL: &str = "# flatscape-scan-1 ";

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
    /// Seed of its maps: scans with other seeds have trials of the same name.
    pub seed: u64,
    /// From start to record (s).
    pub seconds: f64,
    /// Each landscape with its weight update (s).
    pub landscape_seconds: Vec<f64>,
    /// Threads it had.
    pub threads: usize,
    /// What did the work.
    pub device: ComputeDevice,
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
    /// Opens the directory of a scan, or makes it, and takes possession of a shard. All of it happens under one lock, so
    /// that of two different scans that are started at once one is refused.
    ///
    /// # Errors
    /// [`Error::Usage`] if it cannot be written to, holds other files (unless `force`) or another scan, or another process
    /// has the shard.
    pub fn create(path: &Path, config: &Config, shard: Shard, force: bool) -> Result<(Self, ShardLock)> {
        let cannot = |e: io::Error| {
            Error::Usage(format!("{}: cannot be written to: {e}; choose another directory", path.display()))
        };
        claim_folder(path, &|path| is_scan(path) || is_begun(path), force)?;
        let busy = || {
            Error::Usage(format!("{}: another flatscape is starting a scan here; try again", path.display()))
        };
        let _lock = Lock::take(&path.join(LOCK), PATIENCE).map_err(cannot)?.ok_or_else(busy)?;
        let store = Self { path: path.to_owned() };
        let fresh = !is_scan(path) || store.is_unused();
        if !fresh {
            store.check_same_scan(config)?;
        }
        for folder in [TRIALS, TIMINGS, FAILED, SHARDS] {
            std::fs::create_dir_all(path.join(folder)).map_err(cannot)?;
            remove_partials(&path.join(folder));
        }
        remove_partials(&path.join(LANDSCAPES));
        remove_partials(path);
        let shard = store.lock(shard)?;
        let bytes = encode_config(config);
        if files::read(&path.join(CONFIG)).ok().as_ref() != Some(&bytes) {
            write_atomically(&path.join(CONFIG), &bytes)?;
        }
        Ok((store, shard))
    }

    /// Whether nothing was done here and nobody is at work, so that the configuration may be another one.
    fn is_unused(&self) -> bool {
        let empty = |folder: &str| {
            let mut entries = std::fs::read_dir(self.path.join(folder)).into_iter().flatten().flatten();
            !entries.any(|entry| !is_partial(&entry.file_name().to_string_lossy()))
        };
        let locks =
            std::fs::read_dir(self.path.join(SHARDS)).into_iter().flatten().flatten().map(|e| e.path());
        empty(TRIALS)
            && empty(FAILED)
            && !locks.filter(|p| p.extension().is_some_and(|e| e == "lock")).any(|p| is_locked(&p))
    }

    /// Opens the directory of a scan to read it.
    ///
    /// # Errors
    /// [`Error::Data`] if it is none.
    pub fn open(path: &Path) -> Result<Self> {
        if is_scan(path) {
            Ok(Self { path: path.to_owned() })
        } else {
            Err(Error::data(
                path,
                "is not a scan directory (it has no trials/ or config.toml); give the directory of a scan",
            ))
        }
    }

    /// The configuration of the scan.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn config(&self) -> Result<Config> {
        let path = self.path.join(CONFIG);
        let bytes = files::read(&path).map_err(|e| Error::io(&path, "read", e))?;
        // Of its own text, not of what this program would write: another version may know more keys.
        let body = bytes.iter().position(|&b| b == b'\n').map_or(&[][..], |end| &bytes[end + 1..]);
        if bytes[..bytes.len() - body.len()] != *format!("{SEAL}{}\n", checksum(body)).as_bytes() {
            return Err(Error::data(
                &path,
                "does not have its own checksum; it was damaged or changed, so scan into another directory",
            ));
        }
        Config::load(&path, &[]).map_err(|e| Error::data(&path, e.to_string()))
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

    /// Takes possession of a shard.
    ///
    /// # Errors
    /// [`Error::Usage`] if another process has it.
    fn lock(&self, shard: Shard) -> Result<ShardLock> {
        let path = self.path.join(SHARDS).join(format!("{}.lock", shard.name()));
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(|e| Error::io(&path, "write", e))?;
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

    /// What is known of the trial with this content hash and these inputs.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn look_up(&self, hash: &str, trial: &Trial, config: &Config) -> Result<Lookup> {
        let path = self.path.join(TRIALS).join(format!("{hash}.json"));
        let bytes = match files::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Lookup::Missing),
            Err(e) => return Err(Error::io(&path, "read", e)),
        };
        let expected = trial.config(config)?.to_toml();
        Ok(match decode(&bytes) {
            Ok(record) if record.trial == *trial && record.config == expected => {
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
        write_atomically(&self.path.join(TIMINGS).join(&name), &encode(timing))?;
        let failure = self.path.join(FAILED).join(&name);
        match std::fs::remove_file(&failure) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(&failure, "remove", e)),
            _ => Ok(()),
        }
    }

    /// Writes the landscape of a trial.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn save_landscape(&self, hash: &str, landscape: &TrialLandscape) -> Result<()> {
        let folder = self.path.join(LANDSCAPES);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "create", e))?;
        write_atomically(&folder.join(format!("{hash}.json")), &encode(landscape))
    }

    /// The landscape of a trial, if it was kept and is sound.
    pub fn landscape(&self, hash: &str) -> Option<TrialLandscape> {
        let bytes = files::read(&self.path.join(LANDSCAPES).join(format!("{hash}.json"))).ok()?;
        let found: TrialLandscape = serde_json::from_slice(body(&bytes).ok()?).ok()?;
        (found.energies.len() == 2 * found.maps * found.points).then_some(found)
    }

    /// Writes why a trial failed.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn save_failure(&self, hash: &str, failure: &Failure) -> Result<()> {
        write_atomically(&self.path.join(FAILED).join(format!("{hash}.json")), &encode(failure))
    }

    /// Writes how far a shard is.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn save_status(&self, status: &ShardStatus) -> Result<()> {
        write_atomically(
            &self.path.join(SHARDS).join(format!("{}.json", status.shard.name())),
            &encode(status),
        )
    }

    /// The shards that run now.
    pub fn running(&self) -> Vec<ShardStatus> {
        let statuses: Vec<ShardStatus> =
            parsed(&self.path.join(SHARDS)).into_iter().map(|(_, s)| s).collect();
        let lock =
            |status: &ShardStatus| self.path.join(SHARDS).join(format!("{}.lock", status.shard.name()));
        statuses.into_iter().filter(|status| is_locked(&lock(status))).collect()
    }

    /// All failures.
    pub fn failures(&self) -> Vec<Failure> {
        parsed(&self.path.join(FAILED)).into_iter().map(|(_, failure)| failure).collect()
    }

    /// All timings with the content hashes of their trials.
    pub fn timings(&self) -> Vec<(String, Timing)> {
        parsed(&self.path.join(TIMINGS))
    }

    /// All sound records with their content hashes, and a sentence about every other file.
    pub fn records(&self) -> (Vec<(String, TrialRecord)>, Vec<String>) {
        self.sound(|path, hash, bytes| match decode(bytes) {
            Ok(record) if checksum(record.config.as_bytes()) == hash => Ok((hash.to_owned(), record)),
            Ok(record) => Err(format!(
                "{}: is the record of {} under a foreign name; left out",
                path.display(),
                record.id
            )),
            Err(what) => {
                Err(format!("{}: {what}; left out; the scan does it again when it goes on", path.display()))
            }
        })
    }

    /// How many of the trials with these content hashes have a record with the right checksum, and a sentence about every
    /// file that is none. The time it takes is proportional to the number of files.
    pub fn count_done(&self, wanted: &HashSet<String>) -> (usize, Vec<String>) {
        /// What has to be known to count a record: the rest is passed over, which is several times faster.
        #[derive(Deserialize)]
        struct Input {
            config: String,
        }
        let (done, complaints) = self.sound(|path, hash, bytes| {
            let input =
                body(bytes).and_then(|b| serde_json::from_slice::<Input>(b).map_err(|e| e.to_string()));
            match input {
                Ok(input) if checksum(input.config.as_bytes()) == hash => Ok(wanted.contains(hash)),
                Ok(_) => Err(format!(
                    "{}: is another trial's record under a foreign name; left out",
                    path.display()
                )),
                Err(what) => Err(format!(
                    "{}: {what}; left out; the scan does it again when it goes on",
                    path.display()
                )),
            }
        });
        (done.into_iter().filter(|&counts| counts).count(), complaints)
    }

    /// What `read` makes of every record by its path, content hash and bytes, in the order of names, and its complaints.
    fn sound<T: Send>(
        &self,
        read: impl Fn(&Path, &str, &[u8]) -> std::result::Result<T, String> + Sync,
    ) -> (Vec<T>, Vec<String>) {
        let (mut found, mut complaints) = (Vec::new(), Vec::new());
        let each = paths(&self.path.join(TRIALS)).into_par_iter().map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(hash) = name.strip_suffix(".json") else {
                return Err(format!("{}: is no trial record; left alone", path.display()));
            };
            match files::read(&path) {
                Ok(bytes) => read(&path, hash, &bytes),
                Err(e) => Err(format!("{}: cannot be read ({e}); left out", path.display())),
            }
        });
        for result in each.collect::<Vec<_>>() {
            match result {
                Ok(value) => found.push(value),
                Err(complaint) => complaints.push(complaint),
            }
        }
        (found, complaints)
    }
}

/// Whether a directory holds a scan.
fn is_scan(path: &Path) -> bool {
    path.join(TRIALS).is_dir() && path.join(CONFIG).is_file()
}

/// Whether a directory holds what a scan makes first, and nothing else: it was stopped before it had its configuration.
fn is_begun(path: &Path) -> bool {
    let own = |name: &str| [TRIALS, TIMINGS, FAILED, SHARDS, LOCK].contains(&name) || is_partial(name);
    let mut entries = std::fs::read_dir(path).into_iter().flatten();
    path.join(TRIALS).is_dir() && entries.all(|e| e.is_ok_and(|e| own(&e.file_name().to_string_lossy())))
}

/// Whether some process has the lock now.
fn is_locked(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// All files of a folder by name, temporary ones left out.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.filter(|e| !is_partial(&e.file_name().to_string_lossy())).map(|e| e.path()).collect();
    paths.sort_unstable();
    paths
}

/// The sound JSON files of a folder, with their names. Timings, failures and the state of shards are helpful, not
/// essential: damaged ones are passed over.
fn parsed<T: serde::de::DeserializeOwned + Send>(folder: &Path) -> Vec<(String, T)> {
    let read = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
        let bytes = files::read(&path).ok()?;
        Some((name, serde_json::from_slice(body(&bytes).ok()?).ok()?))
    };
    paths(folder).into_par_iter().filter_map(read).collect()
}

fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    let body = to_json(record);
    let head = [HEAD, &checksum(&body), MIDDLE].concat();
    [head.as_bytes(), &body, TAIL.as_bytes()].concat()
}

/// The scan's configuration, after a comment that holds its checksum.
fn encode_config(config: &Config) -> Vec<u8> {
    let body = config.to_toml();
    format!("{SEAL}{}\n{body}", checksum(body.as_bytes())).into_bytes()
}

/// A record from the bytes of its file.
///
/// # Errors
/// A sentence about the file, if it was damaged or is of another version.
pub fn decode(bytes: &[u8]) -> std::result::Result<TrialRecord, String> {
    let body = body(bytes)?;
    serde_json::from_slice(body).map_err(|e| format!("is of another version of the program ({e})"))
}

/// The record inside, whose checksum stands before it.
fn body(bytes: &[u8]) -> std::result::Result<&[u8], String> {
    let damaged = || "is damaged (its checksum does not match)".to_owned();
    let rest = bytes.strip_prefix(HEAD.as_bytes()).ok_or_else(damaged)?;
    let end = rest.iter().position(|&b| b == b'"').ok_or_else(damaged)?;
    let (claimed, rest) = rest.split_at(end);
    let body = rest.strip_prefix(MIDDLE.as_bytes()).and_then(|rest| rest.strip_suffix(TAIL.as_bytes()));
    body.filter(|body| checksum(body).as_bytes() == claimed).ok_or_else(damaged)
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
