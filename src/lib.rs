#![warn(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "they panic where nobody can hear: see text::tell"
)]

pub mod bench;
pub mod cli;
pub mod collect;
pub mod compute;
pub mod connectivity;
pub mod dynamics;
pub mod error;
pub mod export;
pub mod figures;
pub mod files;
pub mod job;
pub mod landscape;
pub mod live;
pub mod manifold;
pub mod network;
pub mod plot;
pub mod progress;
pub mod records;
pub mod report;
pub mod scan;
pub mod setup;
pub mod solve;
pub mod text;
