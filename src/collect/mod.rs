//! Gathering the trials of one or several scans: tables, error bars, capacity, plots.

mod capacity;
#[cfg(feature = "plots")]
mod plots;
mod tables;

use std::collections::HashMap;
use std::path::Path;

pub use capacity::{Capacity, Estimate, capacities};
#[cfg(feature = "plots")]
pub(crate) use plots::all as figures;
#[cfg(feature = "plots")]
pub(crate) use tables::mean_and_ci;
pub use tables::{Average, TimingRow, averages};
pub(crate) use tables::{iterations, trials};

use crate::error::{Error, Result};
use crate::files::{claim_folder, made_by, mark, remove_partials, write_atomically};
#[cfg(feature = "plots")]
use crate::plot::image;
use crate::records::{to_csv, to_json};
use crate::scan::{Store, Timing, TrialRecord};
use crate::setup::config::Config;

/// The command, as folders that it made name it.
const COMMAND: &str = "collect";

/// What one or several scan directories hold.
pub struct Collection {
    /// Sound records, by neurons, maps, realization, method, seed.
    pub records: Vec<TrialRecord>,
    /// How long each of them took, where that is known.
    pub timings: Vec<Timing>,
    /// Sentences about files that were left out.
    pub complaints: Vec<String>,
    /// Sentences about what was put together.
    pub notes: Vec<String>,
}

impl Collection {
    /// Reads everything that is sound; a trial that several directories have counts once.
    ///
    /// # Errors
    /// [`Error::Data`] if a directory is no scan or none holds a record, [`Error::Usage`] if trials were made with
    /// different settings and cannot be averaged together.
    pub fn read(directories: &[impl AsRef<Path>]) -> Result<Self> {
        let (mut found, mut timings, mut complaints) = (Vec::new(), HashMap::new(), Vec::new());
        let mut seeds = Vec::new();
        for directory in directories {
            let store = Store::open(directory.as_ref())?;
            let (records, bad) = store.records();
            found.extend(records);
            timings.extend(store.timings());
            complaints.extend(bad);
            seeds.push(store.config()?.network.seed);
        }
        // By seed within a cell of the scan: the order depends on no directory's name.
        found.sort_by(|a, b| (&a.1.trial, a.1.seed, &a.0).cmp(&(&b.1.trial, b.1.seed, &b.0)));
        found.dedup_by(|a, b| a.0 == b.0);
        if found.is_empty() {
            let path = directories.first().map_or(Path::new("."), |d| d.as_ref());
            return Err(Error::data(path, "holds no finished trial yet; run flatscape scan first"));
        }
        check_poolable(&found)?;
        let timings = found.iter().filter_map(|(hash, _)| timings.remove(hash)).collect();
        let records = found.into_iter().map(|(_, record)| record).collect();
        Ok(Self { records, timings, complaints, notes: pooled(seeds) })
    }

    /// Writes all tables to a folder, with the feature `plots` all plots too, and returns the capacities.
    ///
    /// # Errors
    /// [`Error::Usage`] if the folder holds what was not collected (unless `force`), [`Error::Io`] naming the file,
    /// [`Error::Run`] if a plot cannot be turned into an image.
    pub fn write(&self, folder: &Path, force: bool) -> Result<Vec<Capacity>> {
        claim_folder(folder, &|path| made_by(path, COMMAND), force)?;
        mark(folder, COMMAND)?;
        remove_partials(folder);
        let averages = averages(&self.records);
        let capacities = capacities(&self.records);
        let timings: Vec<TimingRow> = self.timings.iter().map(TimingRow::of).collect();
        let tables = [
            ("trials.csv", trials(&self.records).to_csv()),
            ("summary.csv", tables::summary(&averages).to_csv()),
            ("course.csv", tables::courses(&self.records).to_csv()),
            ("iterations.csv", iterations(&self.records).to_csv()),
            ("timings.csv", to_csv(&timings)),
            ("capacity.json", to_json(&capacities)),
        ];
        for (name, bytes) in tables {
            write_atomically(&folder.join(name), &bytes)?;
        }
        #[cfg(feature = "plots")]
        for figure in figures(&self.records, &averages, &capacities) {
            for (name, bytes) in image::files(&figure.name, figure.plot.svg())? {
                write_atomically(&folder.join(name), &bytes)?;
            }
        }
        Ok(capacities)
    }
}

/// What is said where several scans were put together.
fn pooled(mut seeds: Vec<u64>) -> Vec<String> {
    let scans = seeds.len();
    seeds.sort_unstable();
    seeds.dedup();
    if seeds.len() < 2 {
        return Vec::new();
    }
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    vec![format!(
        "pooled {scans} scans with the seeds {} of network.seed: their realizations count as further draws of the maps",
        seeds.join(", ")
    )]
}

/// Trials are averaged together only where their whole configurations agree, but for what tells the trials of one scan
/// apart. The first two that do not agree are named.
fn check_poolable(found: &[(String, TrialRecord)]) -> Result<()> {
    let mut kinds: HashMap<String, &TrialRecord> = HashMap::new();
    for (_, record) in found {
        let config = Config::parse(&record.config, &record.id)
            .map_err(|e| Error::Usage(format!("{e}; the trial is of another version, so scan it again")))?;
        kinds.entry(settings(config)).or_insert(record);
    }
    let mut kinds: Vec<(String, &TrialRecord)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, record)| (&record.trial, record.seed));
    let [(first, a), (second, b), ..] = kinds.as_slice() else { return Ok(()) };
    let different = |(x, y): &(&str, &str)| x != y;
    let lines: Vec<String> =
        first.lines().zip(second.lines()).filter(different).map(|(x, y)| format!("{x} and {y}")).collect();
    Err(Error::Usage(format!(
        "{} and {} were made with different settings ({}) and cannot be averaged; collect them apart",
        a.id,
        b.id,
        lines.join("; ")
    )))
}

/// A trial's configuration without what may differ between trials that are put in one table.
fn settings(mut config: Config) -> String {
    let (defaults, neurons) = (Config::default(), config.network.neurons);
    // The number of neurons, of maps, and the method: tables have a row for each.
    config.network.neurons = None;
    config.network.maps = None;
    config.flatten.method = defaults.flatten.method;
    // The seed: it tells draws of the maps apart, over which is averaged; tables of trials have it in every row.
    config.network.seed = defaults.network.seed;
    // As many points as neurons is the same setting for any number of neurons; any other number is written out, 0 where
    // it is that, so that texts have the same lines.
    let points = config.flatten.points_per_map.filter(|_| config.flatten.points_per_map != neurons);
    config.flatten.points_per_map = Some(points.unwrap_or(0));
    config.to_toml()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_differ_between_pooled_trials_is_a_list() {
        let of = |changes: &[&str]| {
            let mut config = Config::default();
            ["network.neurons=60", "network.maps=2", "flatten.points_per_map=60"]
                .iter()
                .chain(changes)
                .for_each(|change| config.set(change).unwrap());
            settings(config)
        };
        for same in [
            &["network.seed=9"][..],
            &["network.maps=5"],
            &["flatten.method=none"],
            &["network.neurons=80", "flatten.points_per_map=80"],
        ] {
            assert_eq!(of(same), of(&[]), "{same:?}");
        }
        for other in [
            "flatten.points_per_map=30",
            "flatten.ridge=1e-3",
            "flatten.definition=paper",
            "kernel.width=10",
            "dynamics.dt_ms=0.1",
            "measure.duration_ms=10",
            "measure.starts_per_map=3",
        ] {
            assert_ne!(of(&[other]), of(&[]), "{other}");
        }
    }
}
