//! `flatscape extend`: more maps for a flattened network, from the weights that it has.
//!
//! The kernels of the new maps are added to the weights of the run, `W = J + M + Σ_new J^l`, and the landscapes of all maps are
//! flattened from there by a few updates on as many points as neurons: the old maps are nearly flat already. The result
//! is a run like any other, whose base weights are W: its drift before flattening shows what the old maps lose.

use std::path::PathBuf;

use clap::Args;

use super::{Options, optimize};
use crate::error::{Error, Result};
use crate::network::Network;
use crate::records::RunDirectory;
use crate::setup::arrays::Arrays;
use crate::setup::config::{Config, SearchStart};
use crate::setup::groups::{ExternalCurrent, PlacementKind};
use crate::setup::plan::Plan;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run directory of the flattened network
    run: PathBuf,
    /// How many maps more, for example +1
    #[arg(long, value_name = "+N", value_parser = more_maps)]
    maps: usize,
    /// The run directory to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Also write the constrained minima after the last update (rates.npy)
    #[arg(long)]
    keep_states: bool,
}

/// Most maps that are added at once.
const MOST: usize = 10_000;

fn more_maps(text: &str) -> std::result::Result<usize, String> {
    let number = text.strip_prefix('+').and_then(|number| number.parse().ok());
    match number {
        Some(number @ 1..=MOST) => Ok(number),
        _ => Err(format!("write how many maps more with a plus sign, +1 to +{MOST}")),
    }
}

/// What `--set` may change: all else is the network's.
const MAY_CHANGE: [&str; 3] = ["flatten.", "measure.", "dynamics.dt_ms"];

/// Weight updates of an extension, and how many of them take the idealized bumps along: the ridge falls from a tenth of a
/// percent on, for old maps are nearly flat and the new one is no rougher than one map of many. With fewer updates bumps end
/// up to a sixth lower in score; with more they drift no less (`benches/capacity.md`).
const UPDATES: (usize, usize) = (3, 2);

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let (directory, _) = RunDirectory::open(&arguments.run)?;
    directory.read("config.toml")?;
    if let Some(other) = options.set.iter().find(|s| !MAY_CHANGE.iter().any(|key| s.starts_with(key))) {
        return Err(Error::Usage(format!(
            "--set {other}: the network of a run is fixed but for its new maps; extend can change flatten.*, measure.* and dynamics.dt_ms"
        )));
    }
    let before = Plan::new(Config::load(&arguments.run.join("config.toml"), &[])?)?;
    let n = before.neurons;
    let learned = directory.read_square("weights_base.npy", n)?;
    let learned = learned.plus(1.0, &directory.read_square("weights_delta.npy", n)?);
    let (old, new) = (of_maps(&before.config, 0)?, of_maps(&before.config, arguments.maps)?);
    let weights = learned.plus(1.0, &new.weights).plus(-1.0, &old.weights);
    let current = before.network(0)?.external_current;
    let currents = current.iter().zip(&new.external_current).zip(&old.external_current);
    let current: Vec<f64> = currents.map(|((h, new), old)| h + new - old).collect();
    let mut config = extended(before.config, arguments.maps)?;
    config.network.weights_file = Some("weights".into());
    config.network.external_current = Some(ExternalCurrent::File("external current".into()));
    for setting in &options.set {
        config.set(setting)?;
    }
    let arrays = Arrays::default().with("weights", &[n, n], weights.to_dense()).with(
        "external current",
        &[n],
        current,
    );
    let plan = Plan::with_arrays(config, &arrays)?;
    optimize::work(&plan, &arguments.out, arguments.keep_states, options)
}

/// The network that the configuration's maps and so many more have by themselves.
fn of_maps(config: &Config, more: usize) -> Result<Network> {
    let mut config = extended(config.clone(), more)?;
    (config.network.weights_file, config.network.external_current) = (None, None);
    Plan::new(config)?.network(0)
}

/// The configuration with more maps, of the last kind there is, and the settings of an extension.
fn extended(mut config: Config, more: usize) -> Result<Config> {
    let fixed = config.network.maps_file.is_some()
        || config.maps.last().is_some_and(|group| group.placement == PlacementKind::File);
    if fixed {
        return Err(Error::Usage(
            "the run's maps come from a file, so no more can be drawn; flatten all of them afresh with a file that has the new ones too".to_owned(),
        ));
    }
    match config.maps.last_mut() {
        Some(group) => group.count += more,
        None => config.network.maps = config.network.maps.map(|maps| maps + more),
    }
    let flatten = &mut config.flatten;
    (flatten.iterations, flatten.idealized_updates) = UPDATES;
    (flatten.ridge, flatten.ridge_decay) = (1e-3, 0.3);
    flatten.start = SearchStart::Idealized;
    flatten.pseudo_inverse_first = false;
    if config.maps.is_empty() {
        flatten.points_per_map = flatten.points_per_map.min(config.network.neurons);
    }
    Ok(config)
}
