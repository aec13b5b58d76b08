//! `flatscape verify`: every checksum, and what the records claim computed again.
//!
//! Checksums find damage. They do not find a run whose files were changed together with their checksums, so the claims
//! are computed again: all that is cheap, and a sample of what is not, drawn by the run's identity. A change of
//! what is not in the sample, and of nothing else, is not found by it, but by `--full`, which does the whole job again.
//! Neither is a signature: a run that was really made with other settings is a true run of those settings.

mod again;
mod drift;
mod figures;
mod landscape;

use std::path::Path;

use serde::Serialize;

use super::findings::PATHS;
use super::{Manifest, RunDirectory, RunState};
use crate::compute::backend::Backend;
use crate::compute::cpu::Cpu;
use crate::compute::device::ComputeDevice;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::drift_record::DriftRecord;
use crate::job::path_record::{PathRecord, PathRow};
use crate::job::reached::{IterationRecord, Status};
use crate::network::Network;
use crate::progress::Monitor;
use crate::setup::inputs::Inputs;
use crate::setup::plan::Plan;

/// What was found to be in order.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// Whether the run is complete.
    pub status: RunState,
    /// Files whose checksum is right.
    pub files: usize,
    /// Claims that were computed again and hold.
    pub claims: Vec<String>,
    /// Files of the run of which nothing but the checksum was looked at.
    pub unread: Vec<String>,
    /// Files that the manifest does not know.
    pub strangers: Vec<String>,
}

/// Files whose content is looked at. Seconds and dates in them only have to be possible.
const READ: [&str; 12] = [
    "config.toml",
    "drift.csv",
    "energies.npy",
    "iterations.csv",
    "maps.npy",
    "positions.npy",
    "rates.npy",
    "summary.json",
    PATHS,
    "weights_base.npy",
    "weights_delta.npy",
    "witnesses.npy",
];

/// J depends on the platform's `exp`, which differs between platforms by a few units in the last place (Hz).
const WEIGHT_TOLERANCE: f64 = 1e-12;

/// Checks a run directory. With `full` the whole job is done again by that backend.
///
/// # Errors
/// [`Error::Data`] naming the first file that is damaged or contradicts another.
pub fn verify(path: &Path, full: Option<&dyn Backend>) -> Result<Verified> {
    let (directory, manifest) = RunDirectory::open(path)?;
    let names: Vec<String> = directory.names().map(str::to_owned).collect();
    for name in &names {
        directory.read(name)?;
    }
    let plan = directory.read_plan()?;
    let network = plan.network(0)?;
    let records = Records::read(&directory, &plan)?;
    let monitor = Monitor::silent();
    let job = Job { plan: &plan, network: &network, backend: &Cpu, monitor: &monitor, stop: &|| false };
    let mut checker = Checker {
        path,
        directory: &directory,
        manifest: &manifest,
        job: &job,
        records,
        claims: Vec::new(),
        inputs: Vec::new(),
    };
    checker.origin()?;
    checker.weights()?;
    checker.iterations()?;
    checker.summary()?;
    checker.landscapes()?;
    checker.drift()?;
    if let Some(backend) = full {
        checker.again(backend)?;
    }
    Ok(Verified {
        status: manifest.status,
        files: names.len() + 1,
        claims: checker.claims,
        unread: names
            .into_iter()
            .filter(|name| !READ.contains(&name.as_str()) && !checker.inputs.contains(name))
            .collect(),
        strangers: directory.strangers(),
    })
}

/// What the run says of itself, as far as it came.
struct Records {
    iterations: Vec<IterationRecord>,
    drift: Vec<DriftRecord>,
    /// Places in the course of time, where they were recorded.
    paths: Vec<PathRecord>,
    /// M, once there is a landscape.
    delta: Option<WeightMatrix>,
    /// `[landscapes, maps, points]`.
    energies: Vec<f64>,
}

impl Records {
    fn read(directory: &RunDirectory, plan: &Plan) -> Result<Self> {
        let file = |name: &str| directory.path().join(name);
        let iterations: Vec<IterationRecord> = directory.read_rows("iterations.csv")?;
        let rows: Vec<PathRow> =
            if plan.record_steps.is_some() { directory.read_rows(PATHS)? } else { Vec::new() };
        let mut records = Self {
            drift: directory.read_rows("drift.csv")?,
            paths: rows.into_iter().map(PathRecord::from).collect(),
            delta: None,
            energies: Vec::new(),
            iterations,
        };
        // A run that was stopped before its first landscape has neither.
        if records.iterations.is_empty()
            && !directory.has("energies.npy")
            && !directory.has("weights_delta.npy")
        {
            return Ok(records);
        }
        let (shape, energies) = directory.read_array::<f64>("energies.npy")?;
        if shape != [records.iterations.len(), plan.maps, plan.points_per_map] || energies.is_empty() {
            let what = "contradicts the rest of the run: it is not true that there is one landscape for every row of iterations.csv";
            return Err(Error::data(&file("energies.npy"), what));
        }
        let (n, name) = (plan.neurons, "weights_delta.npy");
        let (shape, delta) = directory.read_array::<f64>(name)?;
        if shape != [n, n] {
            let what = "contradicts the rest of the run: it is not true that M has the size of the network";
            return Err(Error::data(&file(name), what));
        }
        records.delta = Some(WeightMatrix::from_dense(n, &delta));
        records.energies = energies;
        Ok(records)
    }
}

struct Checker<'a> {
    path: &'a Path,
    directory: &'a RunDirectory,
    manifest: &'a Manifest,
    /// What is computed again, on the CPU: the reference.
    job: &'a Job<'a>,
    records: Records,
    claims: Vec<String>,
    /// Names of the files that the configuration asks for, which were looked at.
    inputs: Vec<String>,
}

impl Checker<'_> {
    fn claim(&mut self, file: &str, holds: bool, what: &str) -> Result<()> {
        if !holds {
            return Err(Error::data(
                &self.path.join(file),
                format!("contradicts the rest of the run: it is not true that {what}"),
            ));
        }
        if !self.claims.iter().any(|claim| claim == what) {
            self.claims.push(what.to_owned());
        }
        Ok(())
    }

    /// Whether the CPU did the work.
    fn on_cpu(&self) -> bool {
        matches!(self.manifest.device, ComputeDevice::Cpu { .. })
    }

    /// Configuration, maps and manifest belong together.
    fn origin(&mut self) -> Result<()> {
        let Job { plan, network, .. } = *self.job;
        let inputs = Inputs::new(plan, network);
        let (text, identity) = (inputs.config.to_toml(), inputs.identity(network));
        let written = self.directory.read("config.toml")?;
        self.claim(
            "config.toml",
            written == text.as_bytes(),
            "the configuration is written out as resolved",
        )?;
        for (name, bytes) in &inputs.files {
            let same = self.directory.read(name)? == *bytes;
            self.claim(name, same, "the files of the configuration lie beside it as they were used")?;
            self.inputs.push(name.clone());
        }
        let maps = &network.maps;
        if maps.are_full_rings() {
            let sites = self.directory.read_array::<i32>("maps.npy")?.1;
            self.claim(
                "maps.npy",
                sites == maps.all_sites(),
                "the maps are those of the seed or the maps file",
            )?;
        }
        let (places, expected) = (self.directory.read_array::<f64>("positions.npy")?.1, maps.all_places());
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        let equal = places.len() == expected.len() && places.iter().zip(&expected).all(same);
        self.claim("positions.npy", equal, "the neurons have the places of the seed or the file")?;
        let same = identity == self.manifest.configuration && plan.config.network.seed == self.manifest.seed;
        self.claim(
            "manifest.json",
            same,
            "the run's identity and seed are those of its configuration and maps",
        )?;
        let outcome = self.outcome_is_possible();
        self.claim("manifest.json", outcome, "the run ended as its landscapes say")?;
        let (seconds, start) = (self.manifest.wall_seconds, self.manifest.started_unix);
        let of_rows: f64 = self.records.iterations.iter().filter_map(|r| r.seconds).sum();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        // Clocks of two machines may differ by a day.
        let possible = seconds.is_finite() && seconds >= 0.99 * of_rows && start <= now.as_secs() + 86_400;
        let known =
            self.manifest.program.starts_with("flatscape ") && !self.manifest.device.to_string().is_empty();
        self.claim("manifest.json", possible && known, "program, device and times are possible")
    }

    /// Whether the status follows from the last landscape.
    fn outcome_is_possible(&self) -> bool {
        let plan = self.job.plan;
        let (updates, outcome) = (self.records.iterations.len().saturating_sub(1), self.manifest.outcome);
        let flat =
            self.records.iterations.last().is_some_and(|r| r.energy_sd <= plan.config.flatten.tolerance);
        let stated = (self.manifest.status == RunState::Interrupted) == (outcome == Status::Interrupted);
        stated
            && match outcome {
                Status::Interrupted => updates <= plan.iterations,
                Status::Converged => flat,
                Status::IterationsUsedUp => {
                    !flat && updates == plan.iterations && self.records.delta.is_some()
                }
                Status::NoFurtherProgress => {
                    !flat && updates < plan.iterations && self.records.delta.is_some()
                }
            }
    }

    /// J, and the form of M.
    fn weights(&mut self) -> Result<()> {
        let network: &Network = self.job.network;
        let n = network.neurons();
        let base = self.directory.read_array::<f64>("weights_base.npy")?.1;
        let same = base.len() == n * n
            && network.weights.to_dense().iter().zip(&base).all(|(a, b)| (a - b).abs() <= WEIGHT_TOLERANCE);
        self.claim("weights_base.npy", same, "J is the connectivity of the maps")?;
        let Some(delta) = &self.records.delta else { return Ok(()) };
        let symmetric = (0..n).all(|i| {
            let row = &delta.row(i)[..n];
            row[i] == 0.0 && row.iter().all(|m| m.is_finite()) && (0..i).all(|j| row[j] == delta.row(j)[i])
        });
        let sizes = self.sizes_of_delta();
        self.claim("weights_delta.npy", symmetric, "M is finite and symmetric with zero diagonal")?;
        self.claim("weights_delta.npy", sizes, "M has the size that the updates in iterations.csv add up to")
    }

    /// The triangle inequality: M is the sum of the updates, whose mean sizes are known.
    fn sizes_of_delta(&self) -> bool {
        let Some(delta) = &self.records.delta else { return true };
        let size = delta.statistics();
        let bounded = |of_delta: f64, of_updates: fn(&IterationRecord) -> f64| {
            let updates: Vec<f64> = self.records.iterations.iter().map(of_updates).collect();
            let sum: f64 = updates.iter().sum();
            let largest = updates.iter().copied().fold(0.0, f64::max);
            // Rounding of sums over N² weights.
            let slack = 1e-9 * sum;
            of_delta <= sum + slack && of_delta >= 2.0 * largest - sum - slack
        };
        bounded(size.mean_abs, |r| r.delta_mean_abs) && bounded(size.sd, |r| r.delta_sd)
    }
}
