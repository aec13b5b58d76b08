//! Gathering the trials of one or several scans: tables, error bars, capacity, plots.

#[cfg(feature = "plots")]
mod against_keys;
pub(crate) mod axes;
mod capacity;
#[cfg(feature = "plots")]
mod heat_maps;
mod paired;
#[cfg(feature = "plots")]
mod plots;
mod scaling;
mod tables;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

pub use capacity::{Capacity, Estimate, Threshold, capacities};
pub use paired::{PairedRow, paired};
pub use scaling::{DifferenceRow, ScalingRow, differences, scaling};
#[cfg(feature = "plots")]
pub(crate) use tables::mean_and_ci;
pub use tables::{Average, TimingRow, averages};
pub(crate) use tables::{iterations, trials};

use crate::error::{Error, Result};
use crate::files::{claim_folder, made_by, mark, remove_partials, write_atomically};
#[cfg(feature = "plots")]
use crate::plot::image;
use crate::records::{to_csv, to_json};
use crate::scan::{Store, Timing, Trial, TrialRecord};
use crate::setup::config::Config;
use crate::setup::groups::MapsConfig;
use crate::setup::scanned::Setting;

/// The name of the command in the mark that it leaves in its folders.
const COMMAND: &str = "collect";

/// What one or several scan directories hold.
pub struct Collection {
    /// Sound records, by neurons, maps, realization, method, seed.
    pub records: Vec<TrialRecord>,
    /// How long each of them took, where that is known.
    pub timings: Vec<Timing>,
    /// Sentences about files that were left out.
    pub complaints: Vec<String>,
    /// Sentences about how scans were pooled.
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
        // By seed within a cell of the scan, so that the order does not depend on directory names.
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
        let records = &self.records;
        let of_records = axes::of_records(records);
        // A row's varied keys are those of its record.
        let rows = |count: fn(&TrialRecord) -> usize| {
            records.iter().zip(&of_records).flat_map(move |(r, axes)| std::iter::repeat_n(axes, count(r)))
        };
        let (paired, scaling, differences) =
            (paired(records), scaling(&capacities), differences(&capacities));
        let tables = [
            ("trials.csv", axes::with_columns(trials(records).to_csv(), rows(|_| 1))),
            (
                "summary.csv",
                axes::with_columns(tables::summary(&averages).to_csv(), averages.iter().map(|a| &a.axes)),
            ),
            ("paired.csv", axes::with_columns(to_csv(&paired), paired.iter().map(|row| &row.axes))),
            (
                "completion.csv",
                axes::with_columns(tables::completions(records).to_csv(), rows(|r| r.completion.len())),
            ),
            ("scaling.csv", axes::with_columns(to_csv(&scaling), scaling.iter().map(|row| &row.axes))),
            (
                "differences.csv",
                axes::with_columns(to_csv(&differences), differences.iter().map(|row| &row.axes)),
            ),
            ("course.csv", axes::with_columns(tables::courses(records).to_csv(), rows(|r| r.course.len()))),
            (
                "iterations.csv",
                axes::with_columns(iterations(records).to_csv(), rows(|r| r.iterations.len())),
            ),
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

/// All plots of a collection.
#[cfg(feature = "plots")]
pub(crate) fn figures(
    records: &[TrialRecord],
    averages: &[Average<'_>],
    capacities: &[Capacity],
) -> Vec<plots::Figure> {
    let mut figures = plots::all(records, averages, capacities);
    figures.extend(against_keys::all(records, averages));
    figures.extend(heat_maps::all(records, averages));
    figures
}

/// The note on pooling several scans.
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
/// apart: those of one method in all but the maps, those of different methods in all but how they flatten. The first two
/// that do not agree are named.
fn check_poolable(found: &[(String, TrialRecord)]) -> Result<()> {
    let mut methods: BTreeMap<&str, Vec<(Config, &TrialRecord)>> = BTreeMap::new();
    for (_, record) in found {
        let parsed = Config::parse(&record.config, &record.id);
        let config = parsed.and_then(|config| settings(config, &record.trial));
        let config = config
            .map_err(|e| Error::Usage(format!("{e}; the trial is of another version, so scan it again")))?;
        methods.entry(&record.trial.method).or_default().push((config, record));
    }
    // As many points as neurons is one setting for all numbers of neurons; so is one number of points.
    for trials in methods.values_mut() {
        let of_neurons = |(config, record): &(Config, &TrialRecord)| {
            config.flatten.points_per_map == Some(record.trial.neurons)
        };
        if trials.iter().all(of_neurons) {
            trials.iter_mut().for_each(|(config, _)| config.flatten.points_per_map = None);
        }
        check_one_kind(trials)?;
    }
    let unflattened = |(config, record): &(Config, _)| {
        let flatten = Config::default().flatten;
        (Config { flatten, ..config.clone() }, *record)
    };
    check_one_kind(&methods.values().flatten().map(unflattened).collect::<Vec<_>>())
}

/// Checks that all configurations are the same.
fn check_one_kind(trials: &[(Config, &TrialRecord)]) -> Result<()> {
    let mut kinds: HashMap<String, &TrialRecord> = HashMap::new();
    for (config, record) in trials {
        kinds.entry(config.to_toml()).or_insert(record);
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

/// A trial's configuration without what may differ between trials of one method that are put in one table.
fn settings(mut config: Config, trial: &Trial) -> Result<Config> {
    let defaults = Config::default();
    // The number of neurons, of maps: tables have a row for each.
    config.network.neurons = None;
    config.network.maps = None;
    if let Some(group) = config.maps.first_mut() {
        group.count = MapsConfig::default().count;
    }
    // The seed distinguishes draws of the maps, which are averaged over; tables of trials have it in every row.
    config.network.seed = defaults.network.seed;
    // What is varied: tables have a row for each value, and a column for the key.
    let mut table: toml::Table = toml::from_str(&config.to_toml())
        .unwrap_or_else(|_| unreachable!("a configuration is written as TOML"));
    for Setting { key, .. } in &trial.varied {
        if let Some((section, name)) = key.rsplit_once('.') {
            let mut parts = section.split('.');
            let section = parts.try_fold(&mut table, |table, part| table.get_mut(part)?.as_table_mut());
            section.and_then(|section| section.remove(name));
        }
    }
    Config::from_table(&table, &trial.method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_differ_between_pooled_trials_is_a_list() {
        let (method, varied) = ("constrained".to_owned(), Vec::new());
        let trial = Trial { neurons: 60, maps: 2, realization: 0, method, varied };
        let of = |changes: &[&str]| {
            let mut config = Config::default();
            ["network.neurons=60", "network.maps=2", "flatten.points_per_map=60"]
                .iter()
                .chain(changes)
                .for_each(|change| config.set(change).unwrap());
            settings(config, &trial).unwrap().to_toml()
        };
        for same in [&["network.seed=9"][..], &["network.maps=5"]] {
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
        let tori = |count: usize, side: usize| {
            let text = format!("[[maps]]\nshape = \"torus\"\ncount = {count}\nsides = [{side}, 12]\n");
            settings(Config::parse(&text, "tori").unwrap(), &trial).unwrap().to_toml()
        };
        assert_eq!(tori(2, 12), tori(5, 12));
        // Keys with a default of their own, without one, and in a table within a section.
        let vary = |key: &str, value: &str| {
            let varied = vec![Setting { key: key.to_owned(), value: value.to_owned() }];
            let mut config = Config::default();
            config.set(&format!("{key}={value}")).unwrap();
            settings(config, &Trial { varied, ..trial.clone() }).unwrap().to_toml()
        };
        for (key, [a, b]) in [
            ("kernel.width", ["12.0", "15.0"]),
            ("network.members", ["0.25", "0.5"]),
            ("dynamics.noise.fano", ["0.1", "0.2"]),
        ] {
            assert_eq!(vary(key, a), vary(key, b), "{key}");
        }
        assert_ne!(tori(2, 12), tori(2, 14));
    }
}
