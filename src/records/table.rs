//! Tables as CSV.

use std::borrow::Cow;

use serde::Serialize;

use crate::observable::Observable;

/// Rows as CSV with a header line. A number that is none is an empty cell; a text that a spreadsheet would run gets an
/// apostrophe before it.
pub(crate) fn to_csv<T: Serialize>(rows: &[T]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).expect("records are flat");
    }
    for_spreadsheets(&writer.into_inner().expect("writing to memory cannot fail"))
}

/// A table whose columns are those of several records.
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    Text(String),
    Count(u64),
    /// Nothing is written where there is no number.
    Number(Option<f64>),
}

impl Cell {
    /// A figure of a record, if there is a record.
    pub(crate) fn of<T>(figure: &Observable<T>, record: Option<&T>) -> Self {
        match record.and_then(figure.of) {
            Some(count) if figure.is_count => Self::Count(count as u64),
            number => Self::Number(number),
        }
    }
}

impl Table {
    /// With these columns and no rows yet.
    pub(crate) fn new(header: impl IntoIterator<Item = String>) -> Self {
        Self { header: header.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row, which has as many cells as there are columns.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.header.len(), "{:?}", self.header);
        self.rows.push(row);
    }

    /// As [`to_csv`].
    pub(crate) fn to_csv(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.header).expect("writing to memory cannot fail");
        for row in &self.rows {
            writer.serialize(row).expect("all rows have as many cells");
        }
        for_spreadsheets(&writer.into_inner().expect("writing to memory cannot fail"))
    }
}

fn for_spreadsheets(plain: &[u8]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::with_capacity(plain.len()));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(plain);
    for row in reader.records() {
        let row = row.expect("what was just written is text");
        let cells: Vec<Cow<'_, str>> = row.iter().map(harmless).collect();
        writer.write_record(cells.iter().map(|cell| cell.as_bytes())).expect("all rows have as many cells");
    }
    writer.into_inner().expect("writing to memory cannot fail")
}

/// A cell as it may be shown to a spreadsheet.
fn harmless(cell: &str) -> Cow<'_, str> {
    match cell.parse::<f64>() {
        Ok(number) if number.is_nan() => Cow::Borrowed(""),
        Err(_) if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) => Cow::Owned(format!("'{cell}")),
        _ => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::drift_record::{DriftRecord, Which};
    use crate::job::reached::IterationRecord;

    #[test]
    fn spreadsheets_run_nothing_and_show_no_nan() {
        #[derive(Serialize)]
        struct Row {
            device: &'static str,
            value: f64,
        }
        let row = |device, value| Row { device, value };
        let rows = [row("=HYPERLINK(1)", -1.5), row("cpu, 2 threads", f64::NAN), row("a \"quote\"", 1e-7)];
        let expected = "device,value\n'=HYPERLINK(1),-1.5\n\"cpu, 2 threads\",\n\"a \"\"quote\"\"\",1e-7\n";
        assert_eq!(String::from_utf8(to_csv(&rows)).unwrap(), expected);
    }

    #[test]
    fn a_table_writes_as_a_record_would() {
        #[derive(Serialize)]
        struct Row {
            name: &'static str,
            count: u64,
            value: Option<f64>,
        }
        let rows = [
            Row { name: "a", count: 3, value: Some(1637.0) },
            Row { name: "b", count: 0, value: Some(1e-9) },
            Row { name: "c", count: 1, value: None },
        ];
        let mut table = Table::new(["name", "count", "value"].map(str::to_owned));
        for Row { name, count, value } in &rows {
            table.push(vec![Cell::Text((*name).to_owned()), Cell::Count(*count), Cell::Number(*value)]);
        }
        assert_eq!(table.to_csv(), to_csv(&rows));
    }

    #[test]
    fn the_columns_of_records_are_their_figures() {
        let header = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().lines().next().unwrap().to_owned();
        let names: Vec<&str> = IterationRecord::ALL.iter().map(|figure| figure.name).collect();
        assert_eq!(header(to_csv(&[IterationRecord::default()])), names.join(","));
        let names: Vec<&str> = DriftRecord::ALL.iter().map(|figure| figure.name).collect();
        let record = DriftRecord {
            replicate: None,
            dimension: 1,
            network: Which::Base,
            map: 0,
            start: [0.0; 2],
            end: [0.0; 2],
            displacement: 0.0,
            settled_displacement: 0.0,
            rate_change: 0.0,
            score: 0.0,
            winning_map: 0,
            phase_displacement: 0.0,
            start_energy: 0.0,
            end_energy: 0.0,
            energy_rises: 0,
        };
        let line = header(to_csv(std::slice::from_ref(&record)));
        assert_eq!(line, format!("network,map,start,end,{}", names.join(",")));
        let line = header(to_csv(&[DriftRecord { dimension: 2, ..record }]));
        assert_eq!(line, format!("network,map,start_x,start_y,end_x,end_y,{}", names.join(",")));
    }
}
