//! The command line: what was typed, to the command that does it, to an exit code.

use std::process::ExitCode;

use clap::Parser;
use flatscape::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match flatscape::cli::run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            flatscape::text::tell(&flatscape::cli::explain(&error));
            ExitCode::from(error.exit_code())
        }
    }
}
