//! `flatscape report`: one page for a run or a scan.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Options;
use crate::error::Result;
use crate::files::write_atomically;
use crate::live;
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
    file: PathBuf,
    bytes: usize,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let (page, name) = if arguments.live {
        (live::page(&arguments.directory)?, "live.html")
    } else {
        (report::page(&arguments.directory)?, "report.html")
    };
    let file = arguments.out.clone().unwrap_or_else(|| arguments.directory.join(name));
    write_atomically(&file, page.as_bytes())?;
    let record = ReportRecord { file, bytes: page.len() };
    let table = format!("a page of {} kB in {}\n", record.bytes.div_ceil(1000), record.file.display());
    options.report(&record, &table)?;
    Ok(0)
}
