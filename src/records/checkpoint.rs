//! Checkpoints: everything an unfinished run needs to go on with the same bits.
//!
//! `checkpoint/state.json` names the arrays of one generation with their checksums; it is written last, so that a
//! run killed at any moment leaves the previous generation or this one, whole. It carries its own checksum and the program
//! that wrote it: a checkpoint that was changed, or is another version's, is refused.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::sealed::{PROGRAM, Sealed, seal, unseal};
use super::{checksum, read_checked};
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::files::{self, is_partial, npy, write_atomically};
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::path_record::PathRecord;
use crate::job::reached::{IterationRecord, Landscape, Status};
use crate::landscape::states::States;
use crate::setup::plan::Plan;
use crate::text::printable;

pub(super) const FOLDER: &str = "checkpoint";
const STATE: &str = "state.json";

/// Arrays of a landscape and of the trajectories, as their files are called before the generation.
const ARRAYS: [&str; 9] = [
    "delta",
    "energies",
    "fitted_starts",
    "fitted_active",
    "fitted_rates",
    "heldout_starts",
    "heldout_active",
    "heldout_rates",
    PATHS,
];

/// Rows of `trajectories.csv`, [`PATH_COLUMNS`] numbers each.
const PATHS: &str = "paths";

/// See [`PATHS`]: network (0 before, 1 after), map, start, replicate, time, position, winning map, score.
const PATH_COLUMNS: usize = 9;

/// What a run has reached.
#[derive(Default)]
pub struct Checkpoint {
    /// Finished measurements.
    pub drift: Vec<DriftRecord>,
    /// Their bumps' places in the course of time, where these are recorded.
    pub paths: Vec<PathRecord>,
    /// How the outer iteration ended, if it has.
    pub outcome: Option<Status>,
    /// Work so far, over all sessions (s).
    pub wall_seconds: f64,
    generation: u64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateRecord {
    /// Program and version: another one may compute other bits.
    program: String,
    identity: String,
    generation: u64,
    neurons: usize,
    wall_seconds: f64,
    outcome: Option<Status>,
    ridge_factor: f64,
    iterations: Vec<IterationRecord>,
    drift: Vec<DriftRecord>,
    /// Array name to checksum; empty before the first landscape.
    arrays: BTreeMap<String, String>,
    /// BLAKE3 of this file with this value replaced by zeros.
    checksum: String,
}

impl Sealed for StateRecord {
    const KIND: &'static str = "the checkpoint of a run";

    fn checksum(&mut self) -> &mut String {
        &mut self.checksum
    }
}

/// Whether a run directory has a checkpoint folder that this program made: nothing else is in it.
pub(super) fn is_there(run: &Path) -> bool {
    let entries =
        |folder: std::fs::ReadDir| folder.map(|e| e.is_ok_and(|e| is_own(&e.file_name().to_string_lossy())));
    std::fs::read_dir(run.join(FOLDER)).is_ok_and(|folder| entries(folder).all(|own| own))
}

/// Whether a checkpoint writes files of this name.
fn is_own(name: &str) -> bool {
    let of_array = |name: &str| {
        let (array, generation) = name.strip_suffix(".npy")?.split_once('.')?;
        Some(ARRAYS.contains(&array) && generation.parse::<u64>().is_ok())
    };
    name == STATE || is_partial(name) || of_array(name) == Some(true)
}

/// Identity of the run whose checkpoint lies in a run directory, if there is one.
pub(super) fn identity(run: &Path) -> Result<Option<String>> {
    Ok(read_state(run)?.map(|state| state.identity))
}

fn read_state(run: &Path) -> Result<Option<StateRecord>> {
    let path = run.join(FOLDER).join(STATE);
    let bytes = match files::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(&path, "read", e)),
    };
    parse(&path, &bytes).map(Some)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<StateRecord> {
    let state: StateRecord = unseal(path, bytes)?;
    if state.program == PROGRAM {
        return Ok(state);
    }
    let what = format!(
        "was written by {}, and this is {PROGRAM}; go on with that program, or start again in another directory",
        printable(&state.program)
    );
    Err(Error::data(path, what))
}

/// Whether bytes are a sound state of this program; fuzzers try to get past it.
///
/// # Errors
/// [`Error::Data`] with the reason.
pub fn check_state(bytes: &[u8]) -> Result<()> {
    parse(Path::new(STATE), bytes).map(|_| ())
}

impl Checkpoint {
    /// What a previous session left, and its landscape if it had one.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file that is damaged or does not belong to the plan.
    pub fn load(run: &Path, plan: &Plan) -> Result<(Self, Option<Landscape>)> {
        let Some(state) = read_state(run)? else { return Ok((Self::default(), None)) };
        let landscape = state
            .arrays
            .contains_key(&array_name(ARRAYS[0], state.generation))
            .then(|| load_landscape(run, &state))
            .transpose()?;
        let paths = load_paths(run, &state)?;
        check_sizes(&run.join(FOLDER).join(STATE), plan, &state, landscape.as_ref(), &paths)?;
        let checkpoint = Self {
            drift: state.drift,
            paths,
            outcome: state.outcome,
            wall_seconds: state.wall_seconds,
            generation: state.generation,
        };
        Ok((checkpoint, landscape))
    }

    /// Writes the next generation and removes the one before.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file; the previous generation is then still whole.
    pub fn save(&mut self, run: &Path, identity: &str, landscape: Option<&Landscape>) -> Result<()> {
        let folder = run.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "create", e))?;
        let generation = self.generation + 1;
        let mut arrays = BTreeMap::new();
        let mut encoded = landscape.map_or(Vec::new(), encode);
        if !self.paths.is_empty() {
            encoded.push((PATHS, encode_paths(&self.paths)));
        }
        for (name, bytes) in encoded {
            let name = array_name(name, generation);
            write_atomically(&folder.join(&name), &bytes)?;
            arrays.insert(name, checksum(&bytes));
        }
        let state = StateRecord {
            program: PROGRAM.to_owned(),
            identity: identity.to_owned(),
            generation,
            neurons: landscape.map_or(0, |l| l.fitted.neurons()),
            wall_seconds: self.wall_seconds,
            outcome: self.outcome,
            ridge_factor: landscape.map_or(1.0, |l| l.ridge_factor),
            iterations: landscape.map_or(Vec::new(), |l| l.records.clone()),
            drift: self.drift.clone(),
            arrays: arrays.clone(),
            checksum: String::new(),
        };
        write_atomically(&folder.join(STATE), &seal(state))?;
        self.generation = generation;
        remove_others(&folder, &arrays);
        Ok(())
    }

    /// Removes the checkpoint of a run that is complete.
    ///
    /// # Errors
    /// [`Error::Io`] naming the folder.
    pub fn remove(run: &Path) -> Result<()> {
        let folder = run.join(FOLDER);
        // The state goes first: without it nothing is resumed.
        let _ = std::fs::remove_file(folder.join(STATE));
        remove_others(&folder, &BTreeMap::new());
        match std::fs::remove_dir(&folder) {
            // What others keep there stays.
            Err(e) if !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => {
                Err(Error::io(&folder, "remove", e))
            }
            _ => Ok(()),
        }
    }
}

/// Removes arrays of other generations, and nothing that is not ours. One that stays behind costs space, no more.
fn remove_others(folder: &Path, arrays: &BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != STATE && is_own(&name) && !arrays.contains_key(&name) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The arrays of a landscape by name.
fn encode(landscape: &Landscape) -> Vec<(&'static str, Vec<u8>)> {
    let n = landscape.delta.neurons();
    let mut arrays = vec![
        (ARRAYS[0], npy::encode(&[n, n], &landscape.delta.to_dense())),
        (ARRAYS[1], npy::encode(&[landscape.energies.len()], &landscape.energies)),
    ];
    for (names, states) in [(&ARRAYS[2..5], &landscape.fitted), (&ARRAYS[5..8], &landscape.held_out)] {
        let (starts, active, rates) = states.parts();
        let starts: Vec<u64> = starts.iter().map(|&s| s as u64).collect();
        arrays.push((names[0], npy::encode(&[starts.len()], &starts)));
        arrays.push((names[1], npy::encode(&[active.len()], active)));
        arrays.push((names[2], npy::encode(&[rates.len()], rates)));
    }
    arrays
}

/// A checkpoint of other sizes than the plan's would be read past its end.
fn check_sizes(
    path: &Path,
    plan: &Plan,
    state: &StateRecord,
    landscape: Option<&Landscape>,
    paths: &[PathRecord],
) -> Result<()> {
    let drifts = state.drift.len();
    let rows = plan.record_steps.map_or(0, |every| drifts * (plan.steps.div_ceil(every) + 1));
    let mut holds = drifts.is_multiple_of(plan.trajectories()) && drifts <= 2 * plan.trajectories();
    holds &= paths.len() == rows;
    match landscape {
        Some(landscape) => {
            let updates = landscape.records.len();
            holds &= state.neurons == plan.neurons
                && (1..=plan.iterations + 1).contains(&updates)
                && landscape.energies.len() == updates * plan.states()
                && landscape.fitted.len() == plan.states()
                && landscape.held_out.len() == plan.held_out_points()
                && landscape.ridge_factor >= 1.0;
        }
        None => holds &= state.iterations.is_empty() && state.outcome.is_none(),
    }
    if holds {
        return Ok(());
    }
    Err(Error::data(
        path,
        "has other sizes than the configuration; it was changed, so start again in another directory",
    ))
}

/// Name of an array's file.
fn array_name(array: &str, generation: u64) -> String {
    format!("{array}.{generation}.npy")
}

/// The bytes of an array's file, checked.
fn read_array(run: &Path, state: &StateRecord, array: &str) -> Result<(PathBuf, Vec<u8>)> {
    let name = array_name(array, state.generation);
    let path = run.join(FOLDER).join(&name);
    let expected =
        state.arrays.get(&name).ok_or_else(|| Error::data(&path, "is missing in the checkpoint"))?;
    Ok((path.clone(), read_checked(&path, expected)?))
}

fn values<T: npyz::Deserialize + npyz::AutoSerialize>((path, bytes): (PathBuf, Vec<u8>)) -> Result<Vec<T>> {
    npy::decode(&bytes).map(|(_, values)| values).map_err(|what| Error::data(&path, what))
}

fn encode_paths(paths: &[PathRecord]) -> Vec<u8> {
    let row = |r: &PathRecord| -> [f64; PATH_COLUMNS] {
        let network = if r.network == Which::Base { 0.0 } else { 1.0 };
        let [x, y] = r.position;
        let (map, start, replicate) = (r.map as f64, r.start as f64, r.replicate as f64);
        [network, map, start, replicate, r.time_ms, x, y, r.winning_map as f64, r.score]
    };
    let rows: Vec<f64> = paths.iter().flat_map(row).collect();
    npy::encode(&[paths.len(), PATH_COLUMNS], &rows)
}

fn load_paths(run: &Path, state: &StateRecord) -> Result<Vec<PathRecord>> {
    if !state.arrays.contains_key(&array_name(PATHS, state.generation)) {
        return Ok(Vec::new());
    }
    let rows: Vec<f64> = values(read_array(run, state, PATHS)?)?;
    let record = |row: &[f64]| PathRecord {
        network: if row[0] == 0.0 { Which::Base } else { Which::Flattened },
        map: row[1] as usize,
        start: row[2] as usize,
        replicate: row[3] as usize,
        time_ms: row[4],
        position: [row[5], row[6]],
        winning_map: row[7] as usize,
        score: row[8],
    };
    Ok(rows.chunks_exact(PATH_COLUMNS).map(record).collect())
}

fn load_landscape(run: &Path, state: &StateRecord) -> Result<Landscape> {
    let folder = run.join(FOLDER);
    let array = |name: &str| read_array(run, state, name);
    let states = |names: &[&str]| -> Result<States> {
        let starts: Vec<u64> = values(array(names[0])?)?;
        let starts = starts.into_iter().map(|s| s as usize).collect();
        let (active, rates) = (values(array(names[1])?)?, values(array(names[2])?)?);
        States::from_parts(state.neurons, starts, active, rates).map_err(|what| Error::data(&folder, what))
    };
    let delta: Vec<f64> = values(array(ARRAYS[0])?)?;
    if state.neurons.checked_pow(2) != Some(delta.len()) {
        let what = format!("holds {} weights, not those of {} neurons", delta.len(), state.neurons);
        return Err(Error::data(&folder, what));
    }
    Ok(Landscape {
        delta: WeightMatrix::from_dense(state.neurons, &delta),
        fitted: states(&ARRAYS[2..5])?,
        held_out: states(&ARRAYS[5..8])?,
        energies: values(array(ARRAYS[1])?)?,
        records: state.iterations.clone(),
        ridge_factor: state.ridge_factor,
    })
}
