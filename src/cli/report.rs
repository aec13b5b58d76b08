//! `flatscape report`: one page for a run or a scan.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::Options;
use super::output::{OutputFile, as_text, contains, tell_if_unfinished};
use crate::error::Result;
use crate::live;
use crate::records::RunDirectory;
use crate::report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A run directory, or that of a scan
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// A page in which the run's network runs: drop a bump, watch it drift, flatten, watch it stay
    #[arg(long)]
    live: bool,
    /// Where the page goes [default: report.html in DIR, or live.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct ReportRecord {
    #[serde(serialize_with = "as_text")]
    file: PathBuf,
    bytes: usize,
}

/// Which page.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Plots and tables about a run or a scan.
    Report,
    /// The network of a run, running.
    Live,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let kind = if arguments.live { Kind::Live } else { Kind::Report };
    write_page(kind, &arguments.directory, arguments.out.as_deref(), options)?;
    Ok(0)
}

/// Writes a page, says where and how large it is, and returns where.
pub(super) fn write_page(
    kind: Kind,
    directory: &Path,
    out: Option<&Path>,
    options: &Options,
) -> Result<PathBuf> {
    let name = match kind {
        Kind::Report => "report.html",
        Kind::Live => "live.html",
    };
    let path = out.map_or_else(|| directory.join(name), Path::to_owned);
    let file = OutputFile::claim(&path, &is_page, options.force)?;
    let page = match kind {
        Kind::Report => report::page(directory)?,
        Kind::Live => live::page(directory)?,
    };
    if directory.join("manifest.json").exists() {
        tell_if_unfinished(&RunDirectory::open(directory)?.1, directory);
    }
    file.write(page.as_bytes())?;
    let record = ReportRecord { file: path.clone(), bytes: page.len() };
    let table = format!("a page of {} kB in {}\n", record.bytes.div_ceil(1000), record.file.display());
    options.report_file(&file, &record, &table)?;
    Ok(path)
}

/// Whether a file is a page of this program.
fn is_page(bytes: &[u8]) -> bool {
    bytes.starts_with(b"<!DOCTYPE html>") && contains(bytes, b"flatscape")
}
