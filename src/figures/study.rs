//! The study behind the figures that show averages against the number of maps: the trials of a scan, by both
//! definitions of the constrained minimum.

use std::path::Path;
use std::sync::Arc;

use super::{Scope, Workshop};
use crate::collect::mean_and_ci;
use crate::error::{Error, Result};
use crate::landscape::problem::Definition;
use crate::plot::Series;
use crate::plot::look::{self, Look};
use crate::scan::{Event, Lookup, Outcome, Runner, Shard, Store, Trial, TrialRecord, Work};
use crate::setup::config::{Config, Method};
use crate::text::tell;

/// A way to flatten, as distinguished by the figures.
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

    /// The configuration for this way, with the ridge that true minima need where they nearly coincide.
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
fn cells(scope: &Scope, config: &Config) -> Vec<(Way, Work)> {
    let (loads, realizations) = extent(scope);
    let neurons = config.network.neurons.unwrap_or(600);
    let ways = scope.ways(|figure| figure.averages);
    let configs: Vec<_> = ways.into_iter().map(|way| (way, Arc::new(way.configure(config)))).collect();
    let mut cells = Vec::new();
    for &maps in loads.iter().rev() {
        for realization in 0..realizations {
            cells.extend(configs.iter().map(|(way, scan)| {
                let (method, varied) = (way.method().name().to_owned(), Vec::new());
                let trial = Trial { neurons, maps, realization, method, varied };
                (*way, (trial, scan.clone()))
            }));
        }
    }
    cells
}

/// Estimated time of all trials (s).
pub(super) fn seconds(scope: &Scope, config: &Config) -> Result<f64> {
    cells(scope, config).iter().map(|(_, (trial, scan))| Ok(trial.plan(scan)?.cost.total_seconds)).sum()
}

/// Runs the trials that the store does not have.
fn run(store: &Arc<Store>, trials: &[Work], seconds: f64, workshop: &Workshop<'_>) -> Result<()> {
    let Workshop { backend, monitor, stop, .. } = *workshop;
    let outcome = monitor.stage("trials", trials.len(), seconds, |tick| {
        let threads = rayon::current_num_threads();
        let mut watch = |event: Event<'_>| match event {
            Event::Damaged { id, what } => tell(&format!("the record of {id} {what}; it is done again")),
            Event::Finished { .. } => tick.one(),
        };
        let runner = Runner::new(store, trials, Shard::WHOLE, threads, &mut watch)?;
        tick.add(runner.done as u64);
        runner.run(store, backend, stop, &mut watch)
    })?;
    match outcome {
        Outcome::Interrupted => Err(Error::Interrupted),
        Outcome::Finished(failed) if failed.is_empty() => Ok(()),
        Outcome::Finished(failed) => {
            let why = store.failures().into_iter().next().map_or(String::new(), |f| format!(": {}", f.error));
            Err(Error::Run(format!("{} trials of the study failed, {} first{why}", failed.len(), failed[0])))
        }
    }
}

impl Study {
    /// Runs the trials that the store in `folder` does not have yet. After an interruption it continues there the next
    /// time.
    pub fn compute(folder: &Path, scope: &Scope, workshop: &Workshop<'_>) -> Result<Self> {
        let cells = cells(scope, workshop.config);
        let trials: Vec<Work> = cells.iter().map(|(_, cell)| cell.clone()).collect();
        let (store, _lock) = Store::create(folder, workshop.config, Shard::WHOLE, false)?;
        run(&Arc::new(store), &trials, seconds(scope, workshop.config)?, workshop)?;
        let store = Store::open(folder)?;
        let record = |(way, (trial, scan)): (Way, Work)| match store.look_up(
            &trial.content_hash(&scan)?,
            &trial,
            &scan,
        )? {
            Lookup::Done(record) => Ok((way, *record)),
            _ => Err(Error::data(folder, format!("has lost the record of {}; start again", trial.id()))),
        };
        let trials = cells.into_iter().map(record).collect::<Result<_>>()?;
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
