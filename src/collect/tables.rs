//! The collected tables. Their columns are the figures of [`DriftSummary`], [`Moment`] and [`IterationRecord`], in the
//! same units, beside what tells one trial from another.

use serde::Serialize;

use super::axes::Group;
use crate::compute::device::ComputeDevice;
use crate::job::completion::Completion;
use crate::job::drift::{DriftSummary, Moment};
use crate::job::reached::IterationRecord;
use crate::observable::Observable;
use crate::records::{Cell, Table};
use crate::scan::{Timing, TrialRecord};
use crate::setup::scanned::Setting;

/// Figures of the landscape that the tables have before the first update and after the last.
const LANDSCAPE: [Observable<IterationRecord>; 7] = {
    let all = IterationRecord::COLUMNS;
    [
        all.energy_sd,
        all.energy_peak,
        all.heldout_sd,
        all.heldout_robust_sd,
        all.idealized_height,
        all.unconverged,
        all.bumps_lost,
    ]
};

/// Columns that identify a trial.
const TRIAL: [&str; 7] = ["id", "seed", "neurons", "maps", "alpha", "realization", "method"];

fn trial_cells(record: &TrialRecord) -> Vec<Cell> {
    let trial = &record.trial;
    vec![
        Cell::Text(record.id.clone()),
        Cell::Count(record.seed),
        Cell::Count(trial.neurons as u64),
        Cell::Count(trial.maps as u64),
        Cell::Number(Some(trial.maps as f64 / trial.neurons as f64)),
        Cell::Count(trial.realization as u64),
        Cell::Text(trial.method.clone()),
    ]
}

/// The columns of figures, by name.
fn names<T>(figures: &[Observable<T>]) -> impl Iterator<Item = String> {
    figures.iter().map(|figure| figure.name.to_owned())
}

/// `trials.csv`: a row for each trial.
pub(crate) fn trials(records: &[TrialRecord]) -> Table {
    let own = TRIAL.map(str::to_owned).into_iter().chain(["status", "updates"].map(str::to_owned));
    let others = ["change_sd_ratio", "change_correlation", "energy_change"].map(str::to_owned);
    let drift = names(DriftSummary::ALL).chain(others);
    let landscape = names(&LANDSCAPE).flat_map(|name| [format!("{name}_before"), format!("{name}_after")]);
    let mut table = Table::new(own.chain(drift).chain(landscape));
    for record in records {
        let (first, last) = (record.iterations.first(), record.iterations.last());
        let mut row = trial_cells(record);
        row.push(Cell::Text(record.status.name().to_owned()));
        row.push(Cell::Count(record.iterations.len().saturating_sub(1) as u64));
        row.extend(DriftSummary::ALL.iter().map(|figure| Cell::of(figure, Some(&record.drift))));
        row.push(Cell::Number(record.change.map(|change| change.sd_ratio)));
        row.push(Cell::Number(record.change.map(|change| change.correlation)));
        row.push(Cell::of(&Moment::COLUMNS.energy_change, record.course.last()));
        row.extend(LANDSCAPE.iter().flat_map(|figure| [first, last].map(|of| Cell::of(figure, of))));
        table.push(row);
    }
    table
}

/// `completion.csv`: a row for each trial and fraction of exchanged neurons.
pub(crate) fn completions(records: &[TrialRecord]) -> Table {
    let own = ["exchanged", "own_map_fraction", "completed_fraction"];
    let mut table = Table::new(TRIAL.into_iter().chain(own).map(str::to_owned));
    for record in records {
        for completion in &record.completion {
            let Completion { exchanged, own_map_fraction, completed_fraction } = *completion;
            let mut row = trial_cells(record);
            row.extend([exchanged, own_map_fraction, completed_fraction].map(|x| Cell::Number(Some(x))));
            table.push(row);
        }
    }
    table
}

/// `course.csv`: a row for each trial and recorded time.
pub(crate) fn courses(records: &[TrialRecord]) -> Table {
    table_of(records, Moment::ALL, |record| &record.course)
}

/// `iterations.csv`: a row for each trial and weight update, with the columns of a run's `iterations.csv`.
pub(crate) fn iterations<'a>(records: impl IntoIterator<Item = &'a TrialRecord>) -> Table {
    table_of(records, IterationRecord::ALL, |record| &record.iterations)
}

fn table_of<'a, T: 'a>(
    records: impl IntoIterator<Item = &'a TrialRecord>,
    figures: &[Observable<T>],
    rows: fn(&TrialRecord) -> &Vec<T>,
) -> Table {
    let mut table = Table::new(TRIAL.map(str::to_owned).into_iter().chain(names(figures)));
    for record in records {
        for row in rows(record) {
            let mut cells = trial_cells(record);
            cells.extend(figures.iter().map(|figure| Cell::of(figure, Some(row))));
            table.push(cells);
        }
    }
    table
}

/// One row per trial: how long it took. Kept apart from results, which are reproducible.
#[derive(Clone, Debug, Serialize)]
pub struct TimingRow {
    id: String,
    seed: u64,
    seconds: f64,
    first_landscape_seconds: f64,
    updates_seconds: f64,
    threads: usize,
    device: ComputeDevice,
}

impl TimingRow {
    /// The row of one timing.
    pub fn of(timing: &Timing) -> Self {
        Self {
            id: timing.id.clone(),
            seed: timing.seed,
            seconds: timing.seconds,
            first_landscape_seconds: timing.landscape_seconds.first().copied().unwrap_or(0.0),
            updates_seconds: timing.landscape_seconds.iter().skip(1).sum(),
            threads: timing.threads,
            device: timing.device.clone(),
        }
    }
}

/// The trials of one (neurons, varied keys, maps, method): the same but for the draw of the maps.
#[derive(Clone, Debug)]
pub struct Average<'a> {
    /// N.
    pub neurons: usize,
    /// L.
    pub maps: usize,
    /// How the landscape was flattened.
    pub method: String,
    /// Varied keys but the number of neurons.
    pub axes: Vec<Setting>,
    /// One for each realization.
    pub trials: Vec<&'a TrialRecord>,
}

impl Average<'_> {
    /// Mean over the realizations, and half width of its 95 % confidence interval (1.96 standard errors).
    pub fn of(&self, figure: impl Fn(&TrialRecord) -> f64) -> (f64, f64) {
        mean_and_ci(&self.trials.iter().map(|trial| figure(trial)).collect::<Vec<f64>>())
    }

    /// A figure of the drift, averaged.
    pub fn of_drift(&self, figure: &Observable<DriftSummary>) -> (f64, f64) {
        self.of(|trial| (figure.of)(&trial.drift).unwrap_or(f64::NAN))
    }

    /// A figure of the landscape after the last update, averaged.
    pub fn of_landscape(&self, figure: &Observable<IterationRecord>) -> (f64, f64) {
        self.of(|trial| trial.iterations.last().and_then(figure.of).unwrap_or(f64::NAN))
    }
}

/// Trials by (neurons, varied keys, maps, method).
pub fn averages(records: &[TrialRecord]) -> Vec<Average<'_>> {
    let mut keyed: Vec<(Group, &TrialRecord)> = records.iter().map(|r| (Group::of(r), r)).collect();
    fn key<'a>((group, record): &'a (Group, &TrialRecord)) -> (&'a Group, usize, &'a str) {
        (group, record.trial.maps, &record.trial.method)
    }
    keyed.sort_by(|a, b| key(a).cmp(&key(b)));
    keyed
        .chunk_by(|a, b| key(a) == key(b))
        .map(|trials| {
            let (group, first) = &trials[0];
            Average {
                neurons: group.neurons,
                maps: first.trial.maps,
                method: first.trial.method.clone(),
                axes: group.axes.clone(),
                trials: trials.iter().map(|(_, record)| *record).collect(),
            }
        })
        .collect()
}

/// `summary.csv`: mean and half width of the 95 % confidence interval of every figure over the realizations.
pub(crate) fn summary(averages: &[Average<'_>]) -> Table {
    let own = ["neurons", "maps", "alpha", "method", "realizations"].map(str::to_owned);
    let figures = names(DriftSummary::ALL).chain(names(&LANDSCAPE).map(|name| format!("{name}_after")));
    let mut table =
        Table::new(own.into_iter().chain(figures.flat_map(|name| [name.clone(), format!("{name}_ci")])));
    for average in averages {
        let mut row = vec![
            Cell::Count(average.neurons as u64),
            Cell::Count(average.maps as u64),
            Cell::Number(Some(average.maps as f64 / average.neurons as f64)),
            Cell::Text(average.method.clone()),
            Cell::Count(average.trials.len() as u64),
        ];
        let drift = DriftSummary::ALL.iter().map(|figure| average.of_drift(figure));
        let landscape = LANDSCAPE.iter().map(|figure| average.of_landscape(figure));
        row.extend(drift.chain(landscape).flat_map(|(mean, ci)| [mean, ci].map(|x| Cell::Number(Some(x)))));
        table.push(row);
    }
    table
}

/// Mean, and 1.96 standard errors of it (NaN for one value).
pub(crate) fn mean_and_ci(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, 1.96 * (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bars_are_standard_errors() {
        let (mean, ci) = mean_and_ci(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        // Sample SD 1.29099, divided by √4.
        assert!((ci - 1.96 * 0.6454972243679028).abs() < 1e-12);
        assert!(mean_and_ci(&[3.0]).1.is_nan());
    }
}
