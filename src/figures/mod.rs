//! The paper's figures, each as data (CSV), plots (SVG) and verdicts: what the paper says, what was measured here.

mod constraint;
mod example;
mod landscapes;
mod load;
mod settling;
mod snapshots;
mod starts;
mod study;
mod verdict;

pub use verdict::{Verdict, table};

use std::path::Path;
use std::sync::Arc;

use crate::compute::backend::Backend;
use crate::error::{Error, Result};
use crate::files::{claim_folder, made_by, mark, remove_partials, write_atomically};
use crate::progress::Monitor;
use crate::records::{to_csv, to_json};
use crate::setup::config::Config;
use example::Example;
use study::Study;

/// The command, as folders that it made name it.
const COMMAND: &str = "figures";

/// Where the trials of the study are kept.
const STUDY: &str = "study";

/// Names that `--only` takes, with what they show.
pub const NAMES: [(&str, &str); 9] = [
    ("2", "bumps and their drift in one map and in ten"),
    ("3", "landscapes and trajectories, flattened at idealized bumps"),
    ("4", "energy, score, rate change and drift against L, idealized"),
    ("5", "landscapes of constrained minima; sizes of weights and landscapes per iteration"),
    ("6", "score, rate change and drift against L, constrained"),
    ("S7", "what still moves after a time"),
    ("S8", "position held by the constraint; energy along and across it"),
    ("S9", "landscapes per iteration"),
    ("S10", "drift by the population vector's phase"),
];

/// What is drawn, and on how much data.
pub struct Scope {
    /// All figures, or those with these names.
    pub only: Vec<String>,
    /// The paper's 15 realizations and loads, or a few that take minutes.
    pub full: bool,
}

impl Scope {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|n| n == name)
    }

    fn wants_any(&self, names: &[&str]) -> bool {
        names.iter().any(|n| self.wants(n))
    }
}

/// Everything a figure leaves: files and verdicts.
#[derive(Default)]
pub(crate) struct Output {
    files: Vec<(String, Vec<u8>)>,
    verdicts: Vec<Verdict>,
}

impl Output {
    fn csv<T: serde::Serialize>(&mut self, name: &str, rows: &[T]) {
        self.files.push((format!("{name}.csv"), to_csv(rows)));
    }

    fn plot(&mut self, name: &str, plot: &crate::plot::LinePlot) -> Result<()> {
        self.files.push((format!("{name}.svg"), plot.svg()?.into_bytes()));
        Ok(())
    }

    fn verdict(&mut self, verdict: Verdict) {
        self.verdicts.push(verdict);
    }
}

/// What the work is done with.
pub struct Resources<'a> {
    /// Who does it.
    pub backend: &'a Arc<dyn Backend>,
    /// Who is told.
    pub monitor: &'a Monitor,
    /// Whether an end was asked for.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// Draws the figures into `folder` and returns the verdicts. The trials that they need are kept there, in `study/`: a run
/// that was interrupted goes on with those that are left.
///
/// # Errors
/// If a name is unknown, the folder holds other files (unless `force`), the network has no bump, the backend fails, or a
/// file cannot be written. [`Error::Interrupted`] if an end was asked for.
pub fn draw(
    folder: &Path,
    scope: &Scope,
    config: &Config,
    work: &Resources<'_>,
    force: bool,
) -> Result<Vec<Verdict>> {
    if let Some(unknown) = scope.only.iter().find(|name| !NAMES.iter().any(|(known, _)| known == name)) {
        let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        return Err(Error::Usage(format!(
            "--only {unknown}: there is no such figure; there are {}",
            known.join(", ")
        )));
    }
    claim_folder(folder, &|path| made_by(path, COMMAND), force)?;
    mark(folder, COMMAND)?;
    remove_partials(folder);
    let (backend, monitor) = (work.backend.as_ref(), work.monitor);
    let mut output = Output::default();
    // The study first: it takes longest, and is what an interruption keeps.
    let study = scope
        .wants_any(&["4", "5", "6", "S7", "S10"])
        .then(|| Study::compute(&folder.join(STUDY), config, scope.full, work))
        .transpose()?;
    if scope.wants_any(&["2", "3", "5", "6", "S8", "S9"]) {
        let example = Example::compute(config, backend, monitor)?;
        if scope.wants_any(&["2", "3", "6"]) {
            snapshots::draw(&example, scope, &mut output)?;
        }
        if scope.wants_any(&["3", "5", "S9"]) {
            landscapes::draw(&example, scope, &mut output)?;
        }
        if scope.wants("S8") {
            constraint::draw(&example, &mut output)?;
        }
    }
    if (work.stop)() {
        return Err(Error::Interrupted);
    }
    if let Some(study) = &study {
        load::draw(study, scope, &mut output)?;
        if scope.wants("6") {
            starts::draw(study, config, backend, monitor, &mut output)?;
        }
        if scope.wants("S7") {
            settling::draw(study, &mut output)?;
        }
    }
    output.files.push(("verdicts.json".to_owned(), to_json(&output.verdicts)));
    for (name, bytes) in &output.files {
        write_atomically(&folder.join(name), bytes)?;
    }
    Ok(output.verdicts)
}
