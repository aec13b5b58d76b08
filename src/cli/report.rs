//! `flatscape report`: one page for a run or a scan.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::Options;
use super::output::{OutputFile, as_text, contains, tell_if_unfinished};
use crate::error::Result;
use crate::records::RunDirectory;
use crate::report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A run directory, or that of a scan
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Where the page goes [default: report.html in DIR]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct ReportRecord {
    #[serde(serialize_with = "as_text")]
    file: PathBuf,
    bytes: usize,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let path = arguments.out.clone().unwrap_or_else(|| arguments.directory.join("report.html"));
    let file = OutputFile::claim(&path, &is_page, options.force)?;
    let page = report::page(&arguments.directory)?;
    tell_if_interrupted(&arguments.directory)?;
    file.write(page.as_bytes())?;
    let record = ReportRecord { file: path, bytes: page.len() };
    let table = format!("a page of {} kB in {}\n", record.bytes.div_ceil(1000), record.file.display());
    options.report_file(&file, &record, &table)?;
    Ok(0)
}

/// Whether a file is a page of this program.
fn is_page(bytes: &[u8]) -> bool {
    bytes.starts_with(b"<!DOCTYPE html>") && contains(bytes, b"Page written by flatscape")
}

/// Tells what a page about an unfinished run is about.
fn tell_if_interrupted(directory: &Path) -> Result<()> {
    if directory.join("manifest.json").exists() {
        tell_if_unfinished(&RunDirectory::open(directory)?.1, directory);
    }
    Ok(())
}
