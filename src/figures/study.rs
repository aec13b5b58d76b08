//! The study behind the figures that show averages against the number of maps: the trials of a scan, by both
//! definitions of the constrained minimum.

use std::path::Path;
use std::sync::Arc;

use plotters::style::RGBColor;

use super::Resources;
use crate::collect::mean_and_ci;
use crate::error::{Error, Result};
use crate::landscape::problem::Definition;
use crate::plot::{Series, colour};
use crate::scan::{Event, Lookup, Outcome, Runner, Shard, Store, Trial, TrialRecord, Work};
use crate::setup::config::{Config, Method};
use crate::text::tell;

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

    pub fn colour(self) -> RGBColor {
        match self {
            Way::None => colour::NONE,
            Way::Idealized => colour::IDEALIZED,
            Way::Paper => colour::CONSTRAINED,
            Way::Kkt => colour::KKT,
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

/// Does what the store does not have.
fn run(store: &Arc<Store>, trials: &[Work], work: &Resources<'_>) -> Result<()> {
    let seconds = |(trial, scan): &Work| trial.plan(scan).map(|plan| plan.cost.total_seconds);
    let seconds = trials.iter().map(seconds).sum::<Result<f64>>()?;
    let outcome = work.monitor.stage("trials", trials.len(), seconds, |tick| {
        let threads = rayon::current_num_threads();
        let mut watch = |event: Event<'_>| match event {
            Event::Damaged { id, what } => tell(&format!("the record of {id} {what}; it is done again")),
            Event::Finished { .. } => tick.one(),
        };
        let runner = Runner::new(store, trials, Shard::WHOLE, threads, &mut watch)?;
        tick.add(runner.done as u64);
        runner.run(store, work.backend, work.stop, &mut watch)
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
    /// Runs the trials that the store in `folder` does not have yet. Interrupted, it goes on there the next time.
    pub fn compute(folder: &Path, config: &Config, full: bool, work: &Resources<'_>) -> Result<Self> {
        let (loads, realizations) =
            if full { (vec![1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20], 15) } else { (vec![1, 2, 5, 10], 3) };
        let neurons = config.network.neurons.unwrap_or(600);
        let configs = Way::ALL.map(|way| (way, Arc::new(way.configure(config))));
        let mut cells: Vec<(Way, Work)> = Vec::new();
        for &maps in loads.iter().rev() {
            for realization in 0..realizations {
                cells.extend(configs.iter().map(|(way, scan)| {
                    let trial = Trial { neurons, maps, realization, method: way.method() };
                    (*way, (trial, scan.clone()))
                }));
            }
        }
        let (store, _lock) = Store::create(folder, config, Shard::WHOLE, false)?;
        let trials: Vec<Work> = cells.iter().map(|(_, cell)| cell.clone()).collect();
        run(&Arc::new(store), &trials, work)?;
        let store = Store::open(folder)?;
        let record = |(way, (trial, scan)): (Way, Work)| match store.look_up(
            &trial.content_hash(&scan),
            &trial,
            &scan,
        )? {
            Lookup::Done(record) => Ok((way, *record)),
            _ => Err(Error::data(folder, format!("has lost the record of {}; start again", trial.id()))),
        };
        Ok(Self { loads, trials: cells.into_iter().map(record).collect::<Result<_>>()? })
    }

    /// Records of one way at one load.
    pub fn records(&self, way: Way, maps: usize) -> impl Iterator<Item = &TrialRecord> {
        self.trials.iter().filter(move |(w, r)| *w == way && r.trial.maps == maps).map(|(_, record)| record)
    }

    /// Mean and 1.96 SEM over realizations.
    pub fn mean(&self, way: Way, maps: usize, f: &dyn Fn(&TrialRecord) -> f64) -> (f64, f64) {
        mean_and_ci(&self.records(way, maps).map(f).collect::<Vec<f64>>())
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
        ways.iter().map(|&way| Series::measured(way.label(), way.colour(), &self.curve(way, f))).collect()
    }
}
