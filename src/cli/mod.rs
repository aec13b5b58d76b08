//! The commands of the program. Results go to stdout; everything else that people read goes to stderr.

mod analyze;
mod bars;
#[cfg(feature = "gpu")]
mod bench;
mod collect;
mod config;
#[cfg(feature = "gpu")]
mod devices;
mod drive;
mod export;
mod extend;
#[cfg(feature = "plots")]
mod figures;
pub mod interrupt;
#[cfg(feature = "plots")]
mod live;
mod measure;
mod optimize;
mod output;
mod perturb;
mod plan;
#[cfg(feature = "plots")]
mod report;
mod scan;
mod shell;
mod verify;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::compute::backend::Backend;
use crate::compute::choice::{Choice, choose_telling};
use crate::error::{Error, Result};
use crate::setup::config::Config;
use crate::text::{printable, tell};

/// Flatten the energy landscapes of continuous attractors stored together in one recurrent network.
///
/// Many ring attractors ("maps") in one network make each other's energy landscape rough, and bumps of activity drift
/// to the dents. flatscape finds the small symmetric weight changes that make all landscapes flat again
/// (Agmon & Burak, NeurIPS 2023), and measures what is left of the drift.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "Start with:\n  flatscape optimize configs/paper.toml --out runs/paper\n\nExit codes: 0 done, 1 failed, 2 usage or configuration, 3 no usable device, 4 damaged or foreign data,\n130 interrupted (go on with --resume)."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build a network, flatten its landscape, measure its drift, write a run directory
    Optimize(optimize::Arguments),
    /// Learn more maps with the weights of a run, without solving all afresh
    Extend(extend::Arguments),
    /// Measure the drift of a run's network again, for other durations and starts
    Measure(measure::Arguments),
    /// The slow manifold of a run's networks: velocities, fixed points, eigenvalues
    Analyze(analyze::Arguments),
    /// How finely a run's weights have to be tuned: noise, pruning, rounding, silent neurons
    Perturb(perturb::Arguments),
    /// Move bumps along a path: gain, errors, the drive that frees them, cues of other maps
    Drive(drive::Arguments),
    /// Measure drift and score against the number of maps, unattended
    Scan(scan::Arguments),
    /// Gather the trials of scans: tables, capacity, plots
    Collect(collect::Arguments),
    /// Draw the paper's figures, each with its verdict against the published numbers
    #[cfg(feature = "plots")]
    Figures(figures::Arguments),
    /// Write one HTML page about a run or a scan, which needs nothing but a browser
    #[cfg(feature = "plots")]
    Report(report::Arguments),
    /// Run a configuration and open the page in which its network runs, to play with
    #[cfg(feature = "plots")]
    Live(live::Arguments),
    /// Write a run's network for other tools: NumPy, JAX, PyTorch, MATLAB
    Export(export::Arguments),
    /// List the GPUs that were found, their limits, and whether they pass the self-test
    #[cfg(feature = "gpu")]
    Devices,
    /// Time and errors of every stage, CPU and GPU side by side
    #[cfg(feature = "gpu")]
    Bench(bench::Arguments),
    /// Show what a configuration would do, in sizes, memory and time, and start nothing
    Plan(plan::Arguments),
    /// Check every checksum of a run directory and recompute what it claims
    Verify(verify::Arguments),
    /// Write out a configuration with all its keys, or the reference of all keys
    Config(config::Arguments),
    /// Print a script that completes commands and options in a shell
    Completions(shell::CompletionsArguments),
    /// Print the man page
    Man(shell::ManArguments),
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options for every command")]
pub struct Options {
    /// What does the work [default: auto]
    #[arg(long, global = true, value_enum)]
    backend: Option<Choice>,
    /// Take the GPU whose name contains this
    #[arg(long, global = true, value_name = "NAME")]
    adapter: Option<String>,
    /// CPU threads; all cores if not given. Results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    threads: Option<u16>,
    /// Set a configuration key, for example network.maps=4 (repeatable)
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Go on with an interrupted run
    #[arg(long, global = true)]
    resume: bool,
    /// Write to --out even if it holds files that this command did not make
    #[arg(long, global = true)]
    force: bool,
    /// No progress and no table
    #[arg(long, global = true)]
    quiet: bool,
    /// Print the result as JSON on stdout
    #[arg(long, global = true)]
    json: bool,
}

/// Threads allowed on each core; tests want more than one.
const THREADS_A_CORE: usize = 16;

/// Does what was asked for and returns the exit code.
///
/// # Errors
/// Whatever the person at the terminal has to know.
pub fn run(cli: &Cli) -> Result<u8> {
    cli.command.refuse_unused(&cli.options)?;
    if let Some(threads) = cli.options.threads {
        check_threads(threads)?;
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .map_err(|e| Error::Run(format!("cannot start {threads} threads: {e}")))?;
    }
    let options = &cli.options;
    match &cli.command {
        Command::Optimize(arguments) => optimize::run(arguments, options),
        Command::Extend(arguments) => extend::run(arguments, options),
        Command::Measure(arguments) => measure::run(arguments, options),
        Command::Analyze(arguments) => analyze::run(arguments, options),
        Command::Perturb(arguments) => perturb::run(arguments, options),
        Command::Drive(arguments) => drive::run(arguments, options),
        Command::Scan(arguments) => scan::run(arguments, options),
        Command::Collect(arguments) => collect::run(arguments, options),
        #[cfg(feature = "plots")]
        Command::Figures(arguments) => figures::run(arguments, options),
        #[cfg(feature = "plots")]
        Command::Report(arguments) => report::run(arguments, options),
        #[cfg(feature = "plots")]
        Command::Live(arguments) => live::run(arguments, options),
        Command::Export(arguments) => export::run(arguments, options),
        #[cfg(feature = "gpu")]
        Command::Devices => devices::run(options),
        #[cfg(feature = "gpu")]
        Command::Bench(arguments) => bench::run(arguments, options),
        Command::Plan(arguments) => plan::run(arguments, options),
        Command::Verify(arguments) => verify::run(arguments, options),
        Command::Config(arguments) => config::run(arguments, options),
        Command::Completions(arguments) => shell::completions(arguments),
        Command::Man(arguments) => shell::man(arguments),
    }
}

/// Threads beyond what a machine can use would only wait, and thousands might not even start.
fn check_threads(threads: u16) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if usize::from(threads) <= THREADS_A_CORE * cores {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--threads {threads}: this machine has {cores} cores; give 1 to {}, or leave it out for all cores",
        THREADS_A_CORE * cores
    )))
}

impl Command {
    /// Its name, and which of the shared options it uses, beside --quiet and --json.
    fn uses(&self) -> (&'static str, &'static [&'static str]) {
        match self {
            Command::Optimize(_) => {
                ("optimize", &["--backend", "--adapter", "--threads", "--set", "--resume", "--force"])
            }
            Command::Extend(_) => {
                ("extend", &["--backend", "--adapter", "--threads", "--set", "--resume", "--force"])
            }
            Command::Measure(_) => ("measure", &["--backend", "--adapter", "--threads", "--set", "--force"]),
            Command::Analyze(_) => ("analyze", &["--backend", "--adapter", "--threads", "--force"]),
            Command::Perturb(_) => ("perturb", &["--backend", "--adapter", "--threads", "--force"]),
            Command::Drive(_) => ("drive", &["--backend", "--adapter", "--threads", "--set", "--force"]),
            Command::Scan(arguments) if arguments.only_looks() => ("scan --status", &["--threads"]),
            Command::Scan(_) => {
                ("scan", &["--backend", "--adapter", "--threads", "--set", "--resume", "--force"])
            }
            #[cfg(feature = "plots")]
            Command::Figures(_) => {
                ("figures", &["--backend", "--adapter", "--threads", "--set", "--resume", "--force"])
            }
            #[cfg(feature = "plots")]
            Command::Live(_) => {
                ("live", &["--backend", "--adapter", "--threads", "--set", "--resume", "--force"])
            }
            #[cfg(feature = "gpu")]
            Command::Bench(_) => ("bench", &["--backend", "--adapter", "--threads", "--set"]),
            Command::Collect(_) => ("collect", &["--threads", "--force"]),
            Command::Plan(_) => ("plan", &["--threads", "--set"]),
            Command::Verify(arguments) if arguments.does_all() => {
                ("verify --full", &["--backend", "--adapter", "--threads"])
            }
            Command::Verify(_) => ("verify", &["--threads"]),
            #[cfg(feature = "plots")]
            Command::Report(_) => ("report", &["--force"]),
            Command::Export(_) => ("export", &["--force"]),
            Command::Config(_) => ("config", &["--set"]),
            Command::Completions(_) => ("completions", &[]),
            Command::Man(_) => ("man", &[]),
            #[cfg(feature = "gpu")]
            Command::Devices => ("devices", &[]),
        }
    }

    /// Refuses an option that would have no effect: whoever typed it meant something.
    fn refuse_unused(&self, options: &Options) -> Result<()> {
        let (command, used) = self.uses();
        let given = [
            ("--backend", options.backend.is_some()),
            ("--adapter", options.adapter.is_some()),
            ("--threads", options.threads.is_some()),
            ("--set", !options.set.is_empty()),
            ("--resume", options.resume),
            ("--force", options.force),
        ];
        match given.into_iter().find(|(name, given)| *given && !used.contains(name)) {
            Some((name, _)) => Err(Error::Usage(format!(
                "{name} has no effect on flatscape {command}; leave it out, see flatscape help"
            ))),
            None => Ok(()),
        }
    }
}

/// What the library's messages advise, and the command line options that do it.
const ADVICE: [(&str, &str); 9] = [
    ("resume", "--resume"),
    ("another directory", "--out DIR"),
    ("CPU backend", "--backend cpu"),
    ("another format", "--format"),
    ("another shard", "--shard I/N"),
    ("another place", "--out FILE"),
    ("by force", "--force"),
    ("keep the states", "--keep-states"),
    ("without the live page", "no --live"),
];

/// An error for the person at the terminal: the library's message, and the options that do what it advises.
pub fn explain(error: &Error) -> String {
    let message = error.to_string();
    let options: Vec<&str> =
        ADVICE.iter().filter(|(advice, _)| message.contains(advice)).map(|(_, option)| *option).collect();
    if options.is_empty() { message } else { format!("{message} ({})", options.join(", ")) }
}

impl Options {
    /// The backend that was asked for.
    fn choice(&self) -> Choice {
        self.backend.unwrap_or(Choice::Auto)
    }

    /// The backend that was asked for; says on stderr which it is and why, unless quiet.
    fn backend(&self) -> Result<Arc<dyn Backend>> {
        let is_quiet = self.quiet;
        let told = move |what: &str| {
            if !is_quiet {
                tell(what);
            }
        };
        let (backend, why) = choose_telling(self.choice(), self.adapter.as_deref(), Box::new(told))?;
        if !self.quiet && self.choice() != Choice::Cpu {
            tell(&why);
        }
        Ok(backend)
    }

    fn load(&self, path: &Path) -> Result<Config> {
        Config::load(path, &self.set)
    }

    /// Whether people are told about progress.
    fn shows_progress(&self) -> bool {
        !self.quiet
    }

    /// Prints the result: JSON if asked for, else the table unless quiet.
    fn report<T: serde::Serialize>(&self, record: &T, table: &str) -> Result<()> {
        if self.json {
            self.report_json(record)
        } else if self.quiet {
            Ok(())
        } else {
            let lines: String = table.lines().flat_map(|line| [printable(line), "\n".to_owned()]).collect();
            print(lines.as_bytes())
        }
    }

    /// Prints a result that is JSON in any case.
    fn report_json<T: serde::Serialize>(&self, record: &T) -> Result<()> {
        let text = serde_json::to_string_pretty(record)
            .map_err(|e| Error::Run(format!("cannot write JSON: {e}")))?;
        print((text + "\n").as_bytes())
    }

    /// As [`Options::report`] about a file that was written; silent where that file is stdout itself.
    fn report_file<T: serde::Serialize>(
        &self,
        file: &output::OutputFile,
        record: &T,
        table: &str,
    ) -> Result<()> {
        if file.is_stdout() { Ok(()) } else { self.report(record, table) }
    }
}

/// Writes a result to stdout. Failing to write it is an error, except that the reader of a pipe may close it early.
fn print(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::io(Path::new("stdout"), "write", e))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_comes_with_its_options() {
        let error =
            Error::Usage("runs: holds a run already; resume it, or choose another directory".to_owned());
        assert!(explain(&error).ends_with("another directory (--resume, --out DIR)"), "{}", explain(&error));
        let error = Error::Usage("network.maps = 0 is not allowed".to_owned());
        assert_eq!(explain(&error), error.to_string());
    }
}
