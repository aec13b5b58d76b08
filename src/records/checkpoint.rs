//! Checkpoints: everything an unfinished run needs to go on with the same bits.
//!
//! `checkpoint/state.json` names the arrays of one generation with their checksums; it is written last, so that a
//! run killed at any moment leaves the previous generation or this one, whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{checksum, read_checked, to_json};
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::files::npy;
use crate::files::write_atomically;
use crate::job::drift_record::DriftRecord;
use crate::job::reached::{IterationRecord, Landscape, Status};
use crate::landscape::states::States;

pub(super) const FOLDER: &str = "checkpoint";
const STATE: &str = "state.json";

/// What a run has reached.
#[derive(Default)]
pub struct Checkpoint {
    /// Finished measurements.
    pub drift: Vec<DriftRecord>,
    /// How the outer iteration ended, if it has.
    pub outcome: Option<Status>,
    /// Work so far, over all sessions (s).
    pub wall_seconds: f64,
    generation: u64,
}

#[derive(Serialize, Deserialize)]
struct StateRecord {
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
}

/// Identity of the run whose checkpoint lies in a run directory, if there is one.
pub(super) fn identity(run: &Path) -> Result<Option<String>> {
    Ok(read_state(run)?.map(|state| state.identity))
}

fn read_state(run: &Path) -> Result<Option<StateRecord>> {
    let path = run.join(FOLDER).join(STATE);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| {
            Error::data(&path, format!("is no checkpoint ({e}); delete the directory and start again"))
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(&path, "read", e)),
    }
}

impl Checkpoint {
    /// What a previous session left, and its landscape if it had one.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file that is damaged.
    pub fn load(run: &Path) -> Result<(Self, Option<Landscape>)> {
        let Some(state) = read_state(run)? else { return Ok((Self::default(), None)) };
        let landscape = (!state.arrays.is_empty()).then(|| load_landscape(run, &state)).transpose()?;
        let checkpoint = Self {
            drift: state.drift,
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
        if let Some(landscape) = landscape {
            for (name, bytes) in encode(landscape) {
                let name = format!("{name}.{generation}.npy");
                write_atomically(&folder.join(&name), &bytes)?;
                arrays.insert(name, checksum(&bytes));
            }
        }
        let state = StateRecord {
            identity: identity.to_owned(),
            generation,
            neurons: landscape.map_or(0, |l| l.fitted.neurons()),
            wall_seconds: self.wall_seconds,
            outcome: self.outcome,
            ridge_factor: landscape.map_or(1.0, |l| l.ridge_factor),
            iterations: landscape.map_or(Vec::new(), |l| l.records.clone()),
            drift: self.drift.clone(),
            arrays,
        };
        write_atomically(&folder.join(STATE), &to_json(&state))?;
        self.generation = generation;
        remove_others(&folder, &state.arrays);
        Ok(())
    }

    /// Removes the checkpoint of a run that is complete.
    ///
    /// # Errors
    /// [`Error::Io`] naming the folder.
    pub fn remove(run: &Path) -> Result<()> {
        let folder = run.join(FOLDER);
        match std::fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(&folder, "remove", e)),
            _ => Ok(()),
        }
    }
}

/// Removes arrays of other generations. One that stays behind costs space and nothing else.
fn remove_others(folder: &Path, arrays: &BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != STATE && !arrays.contains_key(&name) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The arrays of a landscape by name.
fn encode(landscape: &Landscape) -> Vec<(&'static str, Vec<u8>)> {
    let n = landscape.delta.neurons();
    let mut arrays = vec![
        ("delta", npy::encode(&[n, n], &landscape.delta.to_dense())),
        ("energies", npy::encode(&[landscape.energies.len()], &landscape.energies)),
    ];
    for (names, states) in [
        (["fitted_starts", "fitted_active", "fitted_rates"], &landscape.fitted),
        (["heldout_starts", "heldout_active", "heldout_rates"], &landscape.held_out),
    ] {
        let (starts, active, rates) = states.parts();
        let starts: Vec<u64> = starts.iter().map(|&s| s as u64).collect();
        arrays.push((names[0], npy::encode(&[starts.len()], &starts)));
        arrays.push((names[1], npy::encode(&[active.len()], active)));
        arrays.push((names[2], npy::encode(&[rates.len()], rates)));
    }
    arrays
}

fn load_landscape(run: &Path, state: &StateRecord) -> Result<Landscape> {
    let folder = run.join(FOLDER);
    let array = |name: &str| -> Result<(PathBuf, Vec<u8>)> {
        let name = format!("{name}.{}.npy", state.generation);
        let path = folder.join(&name);
        let expected =
            state.arrays.get(&name).ok_or_else(|| Error::data(&path, "is missing in the checkpoint"))?;
        Ok((path.clone(), read_checked(&path, expected)?))
    };
    fn values<T: npyz::Deserialize + npyz::AutoSerialize>(
        (path, bytes): (PathBuf, Vec<u8>),
    ) -> Result<Vec<T>> {
        npy::decode(&bytes).map(|(_, values)| values).map_err(|what| Error::data(&path, what))
    }
    let states = |names: [&str; 3]| -> Result<States> {
        let starts: Vec<u64> = values(array(names[0])?)?;
        let starts = starts.into_iter().map(|s| s as usize).collect();
        let (active, rates) = (values(array(names[1])?)?, values(array(names[2])?)?);
        States::from_parts(state.neurons, starts, active, rates).map_err(|what| Error::data(&folder, what))
    };
    Ok(Landscape {
        delta: WeightMatrix::from_dense(state.neurons, &values::<f64>(array("delta")?)?),
        fitted: states(["fitted_starts", "fitted_active", "fitted_rates"])?,
        held_out: states(["heldout_starts", "heldout_active", "heldout_rates"])?,
        energies: values(array("energies")?)?,
        records: state.iterations.clone(),
        ridge_factor: state.ridge_factor,
    })
}
