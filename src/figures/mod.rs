//! The paper's figures, each as data (CSV), plots (SVG, PNG, PDF) and verdicts: what the paper says, what was measured here.

mod constraint;
mod example;
mod landscapes;
mod load;
mod noise;
mod settling;
mod snapshots;
mod starts;
mod study;
mod verdict;

pub use verdict::{Range, Verdict, table};

use std::path::Path;
use std::sync::Arc;

use crate::compute::backend::Backend;
use crate::error::{Error, Result};
use crate::files::{claim_folder, made_by, mark, remove_partials, write_atomically};
use crate::plot::{LinePlot, image};
use crate::progress::Monitor;
use crate::records::{Table, to_csv, to_json};
use crate::setup::config::Config;
use example::Example;
use study::{Study, Way};

/// The name of the command in the mark that it leaves in its folders.
const COMMAND: &str = "figures";

/// Where the trials of the study are kept.
const STUDY: &str = "study";

/// A figure, and what it needs computed.
struct Figure {
    /// What `--only` takes.
    name: &'static str,
    /// Ways whose landscapes of the example network it needs.
    landscapes: &'static [Way],
    /// Ways whose trajectories in the example network it shows.
    courses: &'static [Way],
    /// Ways whose averages over many networks it shows.
    averages: &'static [Way],
}

/// Trajectories and averages of a way need its weights; the computation sees to that.
const FIGURES: [Figure; 9] = {
    use Way::{Idealized, Kkt, None, Paper};
    const fn figure(name: &'static str) -> Figure {
        Figure { name, landscapes: &[], courses: &[], averages: &[] }
    }
    [
        // Bumps and their drift in one map and in ten.
        Figure { courses: &[None], ..figure("2") },
        // Landscapes and trajectories, flattened at idealized bumps.
        Figure { landscapes: &[Idealized], courses: &[None, Idealized], ..figure("3") },
        // Energy, score, rate change and drift against L, idealized.
        Figure { averages: &[None, Idealized], ..figure("4") },
        // Landscapes of constrained minima; sizes of weights and landscapes per iteration.
        Figure { landscapes: &[Idealized, Paper, Kkt], averages: &[Paper, Kkt], ..figure("5") },
        // Trajectories; score, rate change and drift against L, constrained.
        Figure { courses: &[None, Paper, Kkt], averages: &Way::ALL, ..figure("6") },
        // What still moves after a time.
        Figure { averages: &[None, Paper, Kkt], ..figure("S7") },
        // Position held by the constraint; energy along and across it.
        Figure { landscapes: &[Paper], ..figure("S8") },
        // Landscapes per iteration.
        Figure { landscapes: &[Paper, Kkt], ..figure("S9") },
        // Drift by the population vector's phase.
        Figure { averages: &[None, Paper, Kkt], ..figure("S10") },
    ]
};

/// Which figures are drawn, and from how much data.
pub struct Scope {
    only: Vec<String>,
    full: bool,
}

impl Scope {
    /// All figures, or those with these names; on the paper's 15 realizations and loads (`full`), or on a few that take
    /// minutes.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that no figure has.
    pub fn new(only: Vec<String>, full: bool) -> Result<Self> {
        let is_none =
            |name: &&String| **name != noise::NAME && FIGURES.iter().all(|figure| figure.name != **name);
        match only.iter().find(is_none) {
            Some(unknown) => Err(Error::Usage(format!(
                "figure {unknown}: there is no such figure; there are {}, and {}",
                FIGURES.map(|figure| figure.name).join(", "),
                noise::NAME
            ))),
            None => Ok(Self { only, full }),
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|n| n == name)
    }

    fn wants_any(&self, names: &[&str]) -> bool {
        names.iter().any(|n| self.wants(n))
    }

    /// The ways that some wanted figure needs.
    fn ways(&self, needed: fn(&Figure) -> &'static [Way]) -> Vec<Way> {
        let by_some = |way: &Way| FIGURES.iter().any(|f| self.wants(f.name) && needed(f).contains(way));
        Way::ALL.into_iter().filter(by_some).collect()
    }
}

/// What a figure produces: files and verdicts.
#[derive(Default)]
pub(crate) struct Output {
    files: Vec<(String, Vec<u8>)>,
    verdicts: Vec<Verdict>,
}

impl Output {
    fn csv<T: serde::Serialize>(&mut self, name: &str, rows: &[T]) {
        self.files.push((format!("{name}.csv"), to_csv(rows)));
    }

    fn table(&mut self, name: &str, table: &Table) {
        self.files.push((format!("{name}.csv"), table.to_csv()));
    }

    fn plot(&mut self, name: &str, plot: &LinePlot) -> Result<()> {
        self.files.extend(image::files(name, plot.svg())?);
        Ok(())
    }

    fn verdict(&mut self, verdict: Verdict) {
        self.verdicts.push(verdict);
    }
}

/// What computes the figures, who watches, and who may stop it.
pub struct Workshop<'a> {
    /// The protocol.
    pub config: &'a Config,
    /// Who does the work.
    pub backend: &'a Arc<dyn Backend>,
    /// Who is told.
    pub monitor: &'a Monitor,
    /// Whether the work is to stop.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

/// Estimated time of the figures (s).
///
/// # Errors
/// If a network that they need is impossible on this machine.
pub fn seconds(scope: &Scope, config: &Config) -> Result<f64> {
    Ok(example::seconds(scope, config)? + study::seconds(scope, config)? + noise::seconds(scope, config)?)
}

/// Draws the figures into `folder` and returns the verdicts. The trials that they need are kept there, in `study/`: a run
/// that was interrupted goes on with those that are left.
///
/// # Errors
/// If the folder holds other files (unless `force`), the network has no bump, the backend fails, or a file cannot be
/// written; [`Error::Interrupted`], and no figure is written, if the work was stopped.
pub fn draw(folder: &Path, scope: &Scope, workshop: &Workshop<'_>, force: bool) -> Result<Vec<Verdict>> {
    claim_folder(folder, &|path| made_by(path, COMMAND), force)?;
    mark(folder, COMMAND)?;
    remove_partials(folder);
    let mut output = Output::default();
    // The study first: it takes longest, and its trials survive an interruption.
    let study = scope
        .wants_any(&["4", "5", "6", "S7", "S10"])
        .then(|| Study::compute(&folder.join(STUDY), scope, workshop))
        .transpose()?;
    if scope.wants_any(&["2", "3", "5", "6", "S8", "S9"]) {
        let example = Example::compute(scope, workshop)?;
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
    if noise::wanted(scope) {
        noise::draw(scope, workshop, &mut output)?;
    }
    if (workshop.stop)() {
        return Err(Error::Interrupted);
    }
    if let Some(study) = &study {
        load::draw(study, scope, &mut output)?;
        if scope.wants("6") {
            starts::draw(study, workshop, &mut output)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(only: &[&str], needed: fn(&Figure) -> &'static [Way]) -> Vec<Way> {
        Scope::new(only.iter().map(|name| (*name).to_owned()).collect(), false).unwrap().ways(needed)
    }

    #[test]
    fn only_what_a_figure_needs_is_computed() {
        assert_eq!(ways(&["2"], |f| f.courses), [Way::None]);
        assert!(ways(&["2"], |f| f.landscapes).is_empty() && ways(&["2"], |f| f.averages).is_empty());
        assert_eq!(ways(&["4"], |f| f.averages), [Way::None, Way::Idealized]);
        assert_eq!(ways(&["S8", "3"], |f| f.landscapes), [Way::Idealized, Way::Paper]);
        assert_eq!(ways(&[], |f| f.averages), Way::ALL);
    }

    #[test]
    fn a_figure_alone_is_estimated_at_less() {
        let config = Config::default();
        let seconds = |only: &[&str]| {
            let scope = Scope::new(only.iter().map(|name| (*name).to_owned()).collect(), false).unwrap();
            super::seconds(&scope, &config).unwrap()
        };
        let (two, all) = (seconds(&["2"]), seconds(&[]));
        assert!(two > 0.0 && two < 0.05 * all, "{two} s of {all} s");
    }
}
