//! The study behind the figures that show averages against the number of maps: the trials of a scan, by both
//! definitions of the constrained minimum.

use rayon::prelude::*;

use crate::collect::mean_and_ci;
use crate::compute::backend::Backend;
use crate::error::Result;
use crate::landscape::problem::Definition;
use crate::plot::Series;
use crate::plot::look::{self, Look};
use crate::progress::Monitor;
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

/// Trials of all ways at several loads.
pub(super) struct Study {
    pub loads: Vec<usize>,
    trials: Vec<(Way, TrialRecord)>,
}

impl Study {
    pub fn compute(config: &Config, full: bool, backend: &dyn Backend, monitor: &Monitor) -> Result<Self> {
        let (loads, realizations) =
            if full { (vec![1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20], 15) } else { (vec![1, 2, 5, 10], 3) };
        let neurons = config.network.neurons.unwrap_or(600);
        let mut cells = Vec::new();
        for &maps in loads.iter().rev() {
            for realization in 0..realizations {
                cells.extend(
                    Way::ALL.map(|way| (way, Trial { neurons, maps, realization, method: way.method() })),
                );
            }
        }
        let seconds: f64 = cells
            .iter()
            .map(|(way, trial)| trial.plan(&way.configure(config)).map(|plan| plan.cost.total_seconds))
            .sum::<Result<f64>>()?;
        let trials = monitor.stage("trials", cells.len(), seconds, |tick| {
            cells
                .par_iter()
                .map(|(way, trial)| {
                    let record = run_trial(trial, &way.configure(config), backend)?.0;
                    tick.one();
                    Ok((*way, record))
                })
                .collect::<Result<Vec<_>>>()
        })?;
        Ok(Self { loads, trials })
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
        let realizations = self.loads.first().map_or(0, |&maps| self.records(Way::None, maps).count());
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
