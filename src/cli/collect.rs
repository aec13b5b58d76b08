//! `flatscape collect`: tables, capacity and plots of whatever trials are there.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Options;
use super::output::as_text;
use crate::collect::axes::describe;
use crate::collect::{Capacity, Collection, Estimate};
use crate::error::Result;
use crate::text::tell;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Scan directories, finished or not
    #[arg(required = true, value_name = "DIR")]
    scans: Vec<PathBuf>,
    /// Where tables and plots go [default: collected/ in the first directory]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct CollectRecord<'a> {
    trials: usize,
    capacities: &'a [Capacity],
    complaints: &'a [String],
    notes: &'a [String],
    #[serde(serialize_with = "as_text")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let collection = Collection::read(&arguments.scans)?;
    let folder = arguments.out.clone().unwrap_or_else(|| arguments.scans[0].join("collected"));
    let capacities = collection.write(&folder, options.force)?;
    for complaint in collection.complaints.iter().chain(&collection.notes) {
        tell(complaint);
    }
    let record = CollectRecord {
        trials: collection.records.len(),
        capacities: &capacities,
        complaints: &collection.complaints,
        notes: &collection.notes,
        folder,
    };
    options.report(&record, &table(&record))?;
    Ok(0)
}

fn table(record: &CollectRecord<'_>) -> String {
    let cell = |estimate: &Option<Estimate>| match estimate {
        Some(e) => format!("{:.1} ({:.1} to {:.1})", e.maps, e.low, e.high),
        None => "not in this scan".to_owned(),
    };
    let width = record.capacities.iter().map(|c| c.method.len()).fold(11, usize::max);
    let mut text = format!(
        "{:>8} {:<width$}{:>20}{:>20}{:>20}\n",
        "neurons", "method", "kink of the score", "90 % in own map", "drift of 1 unit"
    );
    for c in record.capacities {
        let varied = if c.varied.is_empty() { String::new() } else { format!("  {}", describe(&c.varied)) };
        text.push_str(&format!(
            "{:>8} {:<width$}{:>20}{:>20}{:>20}{varied}\n",
            c.neurons,
            c.method,
            cell(&c.score_kink),
            cell(&c.own_map),
            cell(&c.drift)
        ));
    }
    text.push_str("capacity in maps, with 95 % bootstrap intervals\n");
    text + &format!("{} trials; tables and plots in {}\n", record.trials, record.folder.display())
}
