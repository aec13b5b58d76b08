//! The paper's figures, each as data (CSV), plots (SVG, PNG, PDF) and verdicts: what the paper says, what was measured here.

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

use crate::compute::backend::Backend;
use crate::error::{Error, Result};
use crate::files::write_atomically;
use crate::plot::{LinePlot, image};
use crate::progress::Monitor;
use crate::records::{to_csv, to_json};
use crate::setup::config::Config;
use example::Example;
use study::Study;

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

    fn plot(&mut self, name: &str, plot: &LinePlot) -> Result<()> {
        self.files.extend(image::files(name, plot.svg())?);
        Ok(())
    }

    fn verdict(&mut self, verdict: Verdict) {
        self.verdicts.push(verdict);
    }
}

/// Draws the figures into `folder` and returns the verdicts.
///
/// # Errors
/// If a name is unknown, the network has no bump, the backend fails, or a file cannot be written.
pub fn draw(
    folder: &Path,
    scope: &Scope,
    config: &Config,
    backend: &dyn Backend,
    monitor: &Monitor,
) -> Result<Vec<Verdict>> {
    if let Some(unknown) = scope.only.iter().find(|name| !NAMES.iter().any(|(known, _)| known == name)) {
        let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        return Err(Error::Usage(format!(
            "figure {unknown}: there is no such figure; there are {}",
            known.join(", ")
        )));
    }
    std::fs::create_dir_all(folder).map_err(|e| {
        Error::Usage(format!("{}: cannot be written to: {e}; choose another directory", folder.display()))
    })?;
    let mut output = Output::default();
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
    if scope.wants_any(&["4", "5", "6", "S7", "S10"]) {
        let study = Study::compute(config, scope.full, backend, monitor)?;
        load::draw(&study, scope, &mut output)?;
        if scope.wants("6") {
            starts::draw(&study, config, backend, monitor, &mut output)?;
        }
        if scope.wants("S7") {
            settling::draw(&study, &mut output)?;
        }
    }
    output.files.push(("verdicts.json".to_owned(), to_json(&output.verdicts)));
    for (name, bytes) in &output.files {
        write_atomically(&folder.join(name), bytes)?;
    }
    Ok(output.verdicts)
}
