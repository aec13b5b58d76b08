//! `flatscape export`: a run's network for other tools.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Options;
use super::output::{OutputFile, as_text, tell_if_unfinished};
use crate::error::Result;
use crate::export::{Exported, Format};
use crate::records::{RunDirectory, RunState};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A run directory
    run: PathBuf,
    /// Format of the file
    #[arg(long, value_enum, default_value = "npz")]
    format: Format,
    /// Where the network goes [default: network.npz, .safetensors or .mat in the run]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct ExportRecord<'a> {
    #[serde(serialize_with = "as_text")]
    file: PathBuf,
    bytes: usize,
    run: RunState,
    arrays: Vec<(&'a str, &'a [usize])>,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let name = format!("network.{}", arguments.format.extension());
    let path = arguments.out.clone().unwrap_or_else(|| arguments.run.join(name));
    let is_own = |bytes: &[u8]| arguments.format.recognises(bytes);
    let file = OutputFile::claim(&path, &is_own, options.force)?;
    let manifest = RunDirectory::open(&arguments.run)?.1;
    let exported = Exported::read(&arguments.run)?;
    let bytes = exported.encode(arguments.format)?;
    tell_if_unfinished(&manifest, &arguments.run);
    file.write(&bytes)?;
    let record =
        ExportRecord { file: path, bytes: bytes.len(), run: manifest.status, arrays: exported.contents() };
    options.report_file(&file, &record, &table(&record))?;
    Ok(0)
}

fn table(record: &ExportRecord<'_>) -> String {
    let mut text = String::new();
    for (name, shape) in &record.arrays {
        let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
        let shape = if shape.is_empty() { "number".to_owned() } else { format!("[{}]", shape.join(", ")) };
        text.push_str(&format!("{name:20}{shape}\n"));
    }
    text + &format!("the network with its weight change, in {}\n", record.file.display())
}
