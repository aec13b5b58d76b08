//! Varied keys in tables: what tells groups of trials apart, and a column for each key.

use crate::scan::TrialRecord;
use crate::setup::scanned::Setting;

/// What trials that are averaged together have in common, beside the number of maps and the method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// N.
    pub neurons: usize,
    /// Varied keys but the number of neurons.
    pub axes: Vec<Setting>,
}

impl Group {
    /// That of one record.
    pub fn of(record: &TrialRecord) -> Self {
        Self { neurons: record.trial.neurons, axes: record.trial.axes().cloned().collect() }
    }

    /// Those of all records, in order.
    pub fn all(records: &[TrialRecord]) -> Vec<Self> {
        let mut cells: Vec<Self> = records.iter().map(Self::of).collect();
        cells.sort_unstable();
        cells.dedup();
        cells
    }
}

/// Varied keys for people: `kernel.width = 10.0, flatten.ridge = 0.1`.
#[cfg(any(feature = "plots", feature = "cli"))]
pub fn describe(axes: &[Setting]) -> String {
    axes.iter().map(|s| format!("{} = {}", s.key, s.value)).collect::<Vec<String>>().join(", ")
}

/// The varied keys of every record.
pub(super) fn of_records(records: &[TrialRecord]) -> Vec<Vec<Setting>> {
    records.iter().map(|record| record.trial.axes().cloned().collect()).collect()
}

/// A CSV file with a column for every varied key, after that of the method; `axes` has the varied keys of every row.
pub(super) fn with_columns<'a>(plain: Vec<u8>, axes: impl Iterator<Item = &'a Vec<Setting>>) -> Vec<u8> {
    let axes: Vec<&Vec<Setting>> = axes.collect();
    let mut keys: Vec<&str> = axes.iter().flat_map(|axes| axes.iter()).map(|s| s.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return plain;
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(plain.as_slice());
    let mut writer = csv::Writer::from_writer(Vec::with_capacity(plain.len()));
    let mut after = 0;
    for (number, cells) in reader.records().flatten().enumerate() {
        let own: Vec<&str> = if number == 0 {
            after = cells.iter().position(|name| name == "method").map_or(0, |place| place + 1);
            keys.clone()
        } else {
            let of = |key: &&str| axes[number - 1].iter().find(|s| s.key == *key);
            keys.iter().map(|key| of(key).map_or("", |s| s.value.trim_matches('"'))).collect()
        };
        let cells: Vec<&str> = cells.iter().collect();
        let row = cells[..after].iter().chain(&own).chain(&cells[after..]);
        writer.write_record(row).expect("all rows have as many cells");
    }
    writer.into_inner().expect("writing to memory cannot fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varied_keys_are_columns_after_the_method() {
        let setting = |key: &str, value: &str| Setting { key: key.to_owned(), value: value.to_owned() };
        let axes = [vec![setting("kernel.width", "10.0")], vec![setting("flatten.start", "\"previous\"")]];
        let plain = b"method,drift\nflat,0.5\nnone,9.0\n".to_vec();
        let text = String::from_utf8(with_columns(plain.clone(), axes.iter())).unwrap();
        assert_eq!(text, "method,flatten.start,kernel.width,drift\nflat,,10.0,0.5\nnone,previous,,9.0\n");
        assert_eq!(with_columns(plain.clone(), [vec![], vec![]].iter()), plain);
    }
}
