//! The study behind the figures that show averages against the number of maps: the trials of a scan, by both
//! definitions of the constrained minimum.

use rayon::prelude::*;

use super::{Scope, Workshop};
use crate::collect::mean_and_ci;
use crate::error::{Error, Result};
use crate::landscape::problem::Definition;
use crate::plot::Series;
use crate::plot::look::{self, Look};
use crate::scan::{Trial, TrialRecord, run_trial};
use crate::setup::config::{Config, Method};

/// A way to flatten, as the figures tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    None,
    Idealized,
    Paper,
    Kkt,
}

impl Way {
    pub const ALL: [Way; 4] = [Way::None, Way::Idealized, Way::Paper, Way::Kkt];

    pub fn label(self) -> &'static str {
        match self {
            Way::None => "no flattening",
            Way::Idealized => "idealized bumps",
            Way::Paper => "constrained minima (paper)",
            Way::Kkt => "constrained minima (kkt)",
        }
    }

    pub fn look(self) -> Look {
        match self {
            Way::None => look::NONE,
            Way::Idealized => look::IDEALIZED,
            Way::Paper => look::CONSTRAINED,
            Way::Kkt => look::KKT,
        }
    }

    /// The states whose energies are this way's landscape.
    pub fn states(self) -> &'static str {
        match self {
            Way::Idealized => "idealized bumps",
            Way::None | Way::Paper => "constrained minima by the paper's definition",
            Way::Kkt => "constrained minima by the kkt definition",
        }
    }

    pub fn method(self) -> Method {
        match self {
            Way::None => Method::None,
            Way::Idealized => Method::Idealized,
            Way::Paper | Way::Kkt => Method::Constrained,
        }
    }

    /// The configuration for this way; a ridge that the true minima need where they nearly coincide.
    pub fn configure(self, config: &Config) -> Config {
        let mut config = config.clone();
        config.flatten.method = self.method();
        (config.flatten.definition, config.flatten.ridge) = match self {
            Way::Kkt => (Definition::Kkt, config.flatten.ridge.max(1e-7)),
            _ => (Definition::Paper, config.flatten.ridge),
        };
        config
    }
}

/// Trials of the ways that the figures need, at several loads.
pub(super) struct Study {
    pub loads: Vec<usize>,
    /// Independent draws of the maps at every load.
    pub realizations: usize,
    trials: Vec<(Way, TrialRecord)>,
}

/// Numbers of maps, and draws of each.
fn extent(scope: &Scope) -> (Vec<usize>, usize) {
    if scope.full { (vec![1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20], 15) } else { (vec![1, 2, 5, 10], 3) }
}

/// Every trial, those of the highest load, which take longest, first.
fn cells(scope: &Scope, config: &Config) -> Vec<(Way, Trial)> {
    let (loads, realizations) = extent(scope);
    let neurons = config.network.neurons.unwrap_or(600);
    let ways = scope.ways(|figure| figure.averages);
    let mut cells = Vec::new();
    for &maps in loads.iter().rev() {
        for realization in 0..realizations {
            cells.extend(
                ways.iter().map(|&way| (way, Trial { neurons, maps, realization, method: way.method() })),
            );
        }
    }
    cells
}

/// Estimated time of all trials (s).
pub(super) fn seconds(scope: &Scope, config: &Config) -> Result<f64> {
    let cells = cells(scope, config);
    let seconds = cells.iter().map(|(way, trial)| Ok(trial.plan(&way.configure(config))?.cost.total_seconds));
    seconds.sum()
}

impl Study {
    pub fn compute(scope: &Scope, workshop: &Workshop<'_>) -> Result<Self> {
        let Workshop { config, backend, monitor, stop } = *workshop;
        let cells = cells(scope, config);
        let trials = monitor.stage("trials", cells.len(), seconds(scope, config)?, |tick| {
            cells
                .par_iter()
                .map(|(way, trial)| {
                    if stop() {
                        return Err(Error::Interrupted);
                    }
                    let record = run_trial(trial, &way.configure(config), backend, stop)?.0;
                    tick.one();
                    Ok((*way, record))
                })
                .collect::<Result<Vec<_>>>()
        })?;
        let (loads, realizations) = extent(scope);
        Ok(Self { loads, realizations, trials })
    }

    /// Records of one way at one load.
    pub fn records(&self, way: Way, maps: usize) -> impl Iterator<Item = &TrialRecord> {
        self.trials.iter().filter(move |(w, r)| *w == way && r.trial.maps == maps).map(|(_, record)| record)
    }

    /// Mean and 1.96 SEM over realizations.
    pub fn mean(&self, way: Way, maps: usize, f: &dyn Fn(&TrialRecord) -> f64) -> (f64, f64) {
        mean_and_ci(&self.records(way, maps).map(f).collect::<Vec<f64>>())
    }

    /// What the error bars of this study's plots are.
    pub fn error_bars(&self) -> String {
        let realizations = self.realizations;
        format!(
            "Mean of {realizations} draws of the maps; bars: 95\u{a0}% confidence interval (1.96 standard errors)."
        )
    }

    /// Means against the load.
    pub fn curve(&self, way: Way, f: &dyn Fn(&TrialRecord) -> f64) -> Vec<(f64, f64, f64)> {
        self.loads
            .iter()
            .map(|&maps| (maps as f64, self.mean(way, maps, f)))
            .map(|(x, (y, error))| (x, y, error))
            .collect()
    }

    /// One series a way.
    pub fn series(&self, ways: &[Way], f: &dyn Fn(&TrialRecord) -> f64) -> Vec<Series> {
        ways.iter().map(|&way| Series::measured(way.label(), way.look(), &self.curve(way, f))).collect()
    }
}
