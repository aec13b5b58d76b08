//! Differences between methods on the same maps.
//!
//! Every method of a scan is run on the same draws of the maps, so that most of what varies from draw to draw cancels in the
//! difference of two methods on one draw.

use serde::Serialize;

use super::axes::Group;
use super::tables::mean_and_ci;
use crate::job::drift::DriftSummary;
use crate::scan::TrialRecord;
use crate::setup::scanned::Setting;

/// Mean difference of two methods in one measure, over the realizations that both have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairedRow {
    /// N.
    pub neurons: usize,
    /// L.
    pub maps: usize,
    /// The method that is compared.
    pub method: String,
    /// The method that it is compared with.
    pub against: String,
    /// What was measured, as `trials.csv` calls it.
    pub measure: &'static str,
    /// Realizations that both methods have.
    pub pairs: usize,
    /// Mean of the measure of `method` less that of `against`.
    pub difference: f64,
    /// 1.96 standard errors of it (NaN for one pair).
    pub difference_ci: f64,
    /// Varied keys except the number of neurons, one column each.
    #[serde(skip)]
    pub axes: Vec<Setting>,
}

/// A measure and its name in tables.
type Measure = (&'static str, fn(&DriftSummary) -> f64);

const MEASURES: [Measure; 5] = [
    ("mean_drift", |d| d.mean_drift),
    ("phase_mean_drift", |d| d.phase_mean_drift),
    ("rate_change", |d| d.rate_change),
    ("score", |d| d.score),
    ("own_map_fraction", |d| d.own_map_fraction),
];

/// All pairs of methods in every (neurons, varied keys, maps), by measure.
pub fn paired(records: &[TrialRecord]) -> Vec<PairedRow> {
    let mut rows = Vec::new();
    for cell in Group::all(records) {
        let own: Vec<&TrialRecord> = records.iter().filter(|r| Group::of(r) == cell).collect();
        let mut loads: Vec<usize> = own.iter().map(|r| r.trial.maps).collect();
        loads.sort_unstable();
        loads.dedup();
        for maps in loads {
            let here: Vec<&TrialRecord> = own.iter().copied().filter(|r| r.trial.maps == maps).collect();
            rows.extend(of_load(&cell, maps, &here));
        }
    }
    rows
}

fn of_load(cell: &Group, maps: usize, records: &[&TrialRecord]) -> Vec<PairedRow> {
    let mut methods: Vec<&str> = records.iter().map(|r| r.trial.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    let mut rows = Vec::new();
    for (i, method) in methods.iter().enumerate() {
        for against in &methods[i + 1..] {
            let pairs = pairs(records, method, against);
            rows.extend(MEASURES.iter().map(|(measure, value)| {
                let differences: Vec<f64> = pairs.iter().map(|(a, b)| value(a) - value(b)).collect();
                let (difference, difference_ci) = mean_and_ci(&differences);
                PairedRow {
                    neurons: cell.neurons,
                    maps,
                    method: (*method).to_owned(),
                    against: (*against).to_owned(),
                    measure,
                    pairs: pairs.len(),
                    difference,
                    difference_ci,
                    axes: cell.axes.clone(),
                }
            }));
        }
    }
    rows
}

/// What two methods measured on the same maps.
fn pairs<'r>(
    records: &[&'r TrialRecord],
    method: &str,
    against: &str,
) -> Vec<(&'r DriftSummary, &'r DriftSummary)> {
    let of = |name: &str| records.iter().filter(move |r| r.trial.method == name).collect::<Vec<_>>();
    let others = of(against);
    let same_maps =
        |a: &&&'r TrialRecord| others.iter().find(|b| b.seed == a.seed).map(|b| (&a.drift, &b.drift));
    of(method).iter().filter_map(same_maps).collect()
}
