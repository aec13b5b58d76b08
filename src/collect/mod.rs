//! Gathering the trials of one or several scans: tables, error bars, capacity, plots.

mod capacity;
#[cfg(feature = "plots")]
mod plots;
mod tables;

use std::path::Path;

pub use capacity::{Capacity, Estimate, capacities};
#[cfg(feature = "plots")]
pub(crate) use plots::all as figures;
#[cfg(feature = "plots")]
pub(crate) use tables::mean_and_ci;
pub use tables::{CourseRow, IterationRow, SummaryRow, TimingRow, TrialRow, summarize};

use crate::error::{Error, Result};
use crate::files::write_atomically;
#[cfg(feature = "plots")]
use crate::plot::image;
use crate::records::{to_csv, to_json};
use crate::scan::{Store, Timing, TrialRecord};

/// What one or several scan directories hold.
pub struct Collection {
    /// Sound records, by neurons, maps, realization, method.
    pub records: Vec<TrialRecord>,
    /// How long they took.
    pub timings: Vec<Timing>,
    /// Sentences about files that were left out.
    pub complaints: Vec<String>,
}

impl Collection {
    /// Reads everything that is sound; a trial that several directories have counts once.
    ///
    /// # Errors
    /// [`Error::Data`] if a directory is no scan or none holds a record, [`Error::Usage`] if trials were made with
    /// different settings and cannot be averaged together.
    pub fn read(directories: &[impl AsRef<Path>]) -> Result<Self> {
        let (mut found, mut timings, mut complaints) = (Vec::new(), Vec::new(), Vec::new());
        for directory in directories {
            let store = Store::open(directory.as_ref())?;
            let (records, bad) = store.records();
            found.extend(records);
            timings.extend(store.timings());
            complaints.extend(bad);
        }
        found.sort_by(|a, b| (&a.1.trial, &a.0).cmp(&(&b.1.trial, &b.0)));
        found.dedup_by(|a, b| a.0 == b.0);
        let records: Vec<TrialRecord> = found.into_iter().map(|(_, record)| record).collect();
        let Some(first) = records.first() else {
            let path = directories.first().map_or(Path::new("."), |d| d.as_ref());
            return Err(Error::data(path, "holds no finished trial yet; run flatscape scan first"));
        };
        for record in &records {
            if let Some((a, b)) = difference(&first.config, &record.config) {
                return Err(Error::Usage(format!(
                    "{} and {} were made with different settings ({a}, {b}) and cannot be averaged; collect them apart",
                    first.id, record.id
                )));
            }
        }
        timings.sort_by(|a, b| a.id.cmp(&b.id));
        timings.dedup_by(|a, b| a.id == b.id);
        Ok(Self { records, timings, complaints })
    }

    /// Writes all tables to a folder, with the feature `plots` all plots too, and returns the capacities.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file, [`Error::Run`] if a plot cannot be turned into an image.
    pub fn write(&self, folder: &Path) -> Result<Vec<Capacity>> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", e))?;
        let summary = summarize(&self.records);
        let capacities = capacities(&self.records);
        let rows: Vec<TrialRow> = self.records.iter().map(TrialRow::of).collect();
        let courses: Vec<CourseRow> = self.records.iter().flat_map(CourseRow::of).collect();
        let iterations: Vec<IterationRow> = self.records.iter().flat_map(IterationRow::of).collect();
        let timings: Vec<TimingRow> = self.timings.iter().map(TimingRow::of).collect();
        let tables = [
            ("trials.csv", to_csv(&rows)),
            ("summary.csv", to_csv(&summary)),
            ("course.csv", to_csv(&courses)),
            ("iterations.csv", to_csv(&iterations)),
            ("timings.csv", to_csv(&timings)),
            ("capacity.json", to_json(&capacities)),
        ];
        for (name, bytes) in tables {
            write_atomically(&folder.join(name), &bytes)?;
        }
        #[cfg(feature = "plots")]
        for figure in figures(&self.records, &summary, &capacities) {
            for (name, bytes) in image::files(&figure.name, figure.plot.svg())? {
                write_atomically(&folder.join(name), &bytes)?;
            }
        }
        Ok(capacities)
    }
}

/// The first setting in which two trials' configurations differ, beyond what tells trials apart.
fn difference(a: &str, b: &str) -> Option<(String, String)> {
    let varied = ["neurons =", "maps =", "seed =", "method =", "points_per_map ="];
    let fixed = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !varied.iter().any(|v| line.starts_with(v))).map(str::to_owned).collect()
    };
    let (a, b) = (fixed(a), fixed(b));
    if a == b {
        return None;
    }
    a.iter()
        .zip(&b)
        .find(|(x, y)| x != y)
        .map(|(x, y)| (x.clone(), y.clone()))
        .or(Some((String::new(), String::new())))
}
