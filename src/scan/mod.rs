//! Scans: drift, score and roughness against the number of maps and whatever else is varied, one trial for every (varied
//! keys, number of maps, realization, method).
//!
//! A trial's maps are drawn from a seed that is derived from (seed, N, L, realization) alone: methods are compared on
//! the same networks, and any trial can be run again by itself, also as `flatscape optimize --set network.seed=…`.

mod runner;
mod store;
mod trial;

pub use runner::{Event, Outcome, Runner, Work};
pub use store::{Failure, Lookup, Shard, ShardLock, ShardStatus, Store, Timing, decode};
pub use trial::{TrialLandscape, TrialOutcome, TrialRecord, run_trial};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::setup::config::{Config, ScanConfig};
use crate::setup::groups::PlacementKind;
use crate::setup::layout::Layout;
use crate::setup::plan::Plan;
use crate::setup::scanned::{Setting, combinations};

/// The varied key that every trial has as its number of neurons too.
const NEURONS: &str = "network.neurons";

/// One cell of the scan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trial {
    /// N.
    pub neurons: usize,
    /// L.
    pub maps: usize,
    /// Index of the draw of the maps.
    pub realization: usize,
    /// Name of the method that flattens the landscape.
    pub method: String,
    /// Keys that the scan varies, with this trial's values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub varied: Vec<Setting>,
}

impl Trial {
    /// `L08-r003-constrained`, the name that `--trial` takes; varied keys follow: `L08-r003-flat-kernel.width=10.0`.
    pub fn id(&self) -> String {
        let varied: String = self.varied.iter().map(|s| format!("-{}={}", s.key, s.value)).collect();
        format!("L{:02}-r{:03}-{}{varied}", self.maps, self.realization, self.method)
    }

    /// Seed of the trial's maps, from the scan's seed, N, L and the realization: the same for every method, and whatever
    /// else is varied.
    pub fn seed(&self, scan_seed: u64) -> u64 {
        let mut hasher = blake3::Hasher::new_derive_key("flatscape scan: seed of a trial's maps");
        for number in [scan_seed, self.neurons as u64, self.maps as u64, self.realization as u64] {
            hasher.update(&number.to_le_bytes());
        }
        let mut seed = [0; 8];
        hasher.finalize_xof().fill(&mut seed);
        // Configurations hold seeds up to 2⁶³ − 1.
        u64::from_le_bytes(seed) >> 1
    }

    /// The configuration of this trial alone.
    ///
    /// # Errors
    /// [`Error::Usage`] if the trial has settings that no configuration takes.
    pub fn config(&self, scan: &Config) -> Result<Config> {
        let mut config = with_settings(scan, &self.varied)?;
        config.network.neurons = Some(self.neurons);
        match config.maps.first_mut() {
            Some(group) => group.count = self.maps,
            None => config.network.maps = Some(self.maps),
        }
        config.network.seed = self.seed(scan.network.seed);
        for (key, value) in &scan.scan.methods.get(&self.method).settings {
            config.set(&format!("flatten.{key}={value}"))?;
        }
        config.flatten.points_per_map = Some(config.flatten.points_per_map.unwrap_or(self.neurons));
        config.scan = Config::default().scan;
        Ok(config)
    }

    /// The varied keys but the number of neurons, which trials have anyway.
    pub fn axes(&self) -> impl Iterator<Item = &Setting> {
        self.varied.iter().filter(|setting| setting.key != NEURONS)
    }

    /// The plan of this trial alone.
    ///
    /// # Errors
    /// If it is too large for the machine or the network.
    pub fn plan(&self, scan: &Config) -> Result<Plan> {
        Plan::new(self.config(scan)?).map_err(|e| match e {
            Error::Usage(text) => Error::Usage(format!("trial {}: {text}", self.id())),
            other => other,
        })
    }

    /// Hash of everything that determines the trial's result: its name in the store.
    ///
    /// # Errors
    /// As [`Trial::config`].
    pub fn content_hash(&self, scan: &Config) -> Result<String> {
        Ok(blake3::hash(self.config(scan)?.to_toml().as_bytes()).to_hex().to_string())
    }
}

/// A configuration with varied keys set.
fn with_settings(scan: &Config, settings: &[Setting]) -> Result<Config> {
    let mut config = scan.clone();
    for Setting { key, value } in settings {
        config.set(&format!("{key}={value}"))?;
    }
    Ok(config)
}

/// All trials of a scan, by size, varied keys, number of maps, realization, method.
///
/// # Errors
/// [`Error::Usage`] if the configuration fixes the maps, of which a scan draws many, or sizes contradict each other.
pub fn trials(config: &Config) -> Result<Vec<Trial>> {
    if config.network.maps_file.is_some() {
        return Err(Error::Usage(
            "network.maps_file fixes the maps, but a scan draws its own; leave it out".to_owned(),
        ));
    }
    if config.maps.iter().any(|group| group.placement == PlacementKind::File) {
        return Err(Error::Usage(
            "placement = \"file\" fixes the maps, but a scan draws its own; use \"lattice\" or \"anywhere\""
                .to_owned(),
        ));
    }
    let ScanConfig { maps, realizations, methods, score_maps, score_methods, loads, vary } = &config.scan;
    let names: Vec<&str> = methods.0.iter().map(|method| method.name.as_str()).collect();
    let score_names: Vec<&str> = score_methods.iter().map(|method| method.name()).collect();
    let mut trials = Vec::new();
    for varied in combinations(vary) {
        let neurons = Layout::new(&with_settings(config, &varied)?)?.neurons;
        let maps = loads.as_ref().map_or_else(|| maps.clone(), |loads| numbers_of_maps(loads, neurons));
        for (maps, names) in [(&maps, &names), (score_maps, &score_names)] {
            for &maps in maps {
                for realization in 0..*realizations {
                    trials.extend(names.iter().map(|&name| Trial {
                        neurons,
                        maps,
                        realization,
                        method: name.to_owned(),
                        varied: varied.clone(),
                    }));
                }
            }
        }
    }
    trials.sort_unstable();
    trials.dedup();
    Ok(trials)
}

/// L for every load α = L/N, at least one map.
fn numbers_of_maps(loads: &[f64], neurons: usize) -> Vec<usize> {
    loads.iter().map(|load| ((load * neurons as f64).round() as usize).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::config::Method;

    #[test]
    fn every_cell_is_one_trial() {
        let mut config = Config::default();
        for setting in ["scan.maps=[2,4]", "scan.realizations=3", "scan.score_maps=[4,30]"] {
            config.set(setting).unwrap();
        }
        let trials = trials(&config).unwrap();
        // Three methods at 2 and 4, one at 30; (4, none) is wanted twice and done once.
        assert_eq!(trials.len(), 3 * (3 + 3 + 1));
        let mut hashes: Vec<String> = trials.iter().map(|t| t.content_hash(&config).unwrap()).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), trials.len());
    }

    #[test]
    fn methods_share_networks_and_nothing_else_does() {
        let trial = |maps, realization, method: &str| Trial {
            neurons: 600,
            maps,
            realization,
            method: method.to_owned(),
            varied: Vec::new(),
        };
        let seed = trial(4, 2, "none").seed(1);
        assert_eq!(seed, trial(4, 2, "constrained").seed(1));
        assert_eq!(
            seed, 3277520712876082931,
            "written down when the streams were defined: a change here changes every published scan"
        );
        for other in [trial(5, 2, "none").seed(1), trial(4, 3, "none").seed(1), trial(4, 2, "none").seed(2)] {
            assert_ne!(seed, other);
        }
    }

    #[test]
    fn what_is_scanned_beside_a_trial_does_not_change_it() {
        let (method, varied) = ("none".to_owned(), Vec::new());
        let trial = Trial { neurons: 600, maps: 4, realization: 0, method, varied };
        let (one, mut other) = (Config::default(), Config::default());
        other.set("scan.realizations=3").unwrap();
        let hash = |config: &Config| trial.content_hash(config).unwrap();
        assert_eq!(hash(&one), hash(&other));
        other.set("measure.duration_ms=10").unwrap();
        assert_ne!(hash(&one), hash(&other));
    }

    #[test]
    fn loads_sizes_and_methods_make_a_grid_on_the_same_maps() {
        let text = "[scan]\nrealizations = 2\nloads = [0.02, 0.1]\n[scan.vary]\n\"network.neurons\" = [50, 100]\n\"kernel.width\" = [12.0, 15.0]\n[scan.methods.none]\n[scan.methods.flat]\nidealized_updates = 9\n";
        let config = Config::parse(text, "c.toml").unwrap();
        let all = trials(&config).unwrap();
        assert_eq!(all.len(), 2 * 2 * 2 * 2 * 2);
        let sizes: Vec<(usize, usize)> = all.iter().map(|t| (t.neurons, t.maps)).collect();
        for (neurons, maps) in [(50, 1), (50, 5), (100, 2), (100, 10)] {
            assert_eq!(sizes.iter().filter(|size| **size == (neurons, maps)).count(), 8);
        }
        let of = |id: &str| all.iter().find(|t| t.id() == id).unwrap_or_else(|| panic!("no {id}"));
        let flat = of("L10-r001-flat-kernel.width=12.0-network.neurons=100");
        let none = of("L10-r001-none-kernel.width=15.0-network.neurons=100");
        let (flat, none) = (flat.config(&config).unwrap(), none.config(&config).unwrap());
        assert_eq!(flat.network.seed, none.network.seed, "pairs of trials on the same maps");
        assert_eq!((flat.flatten.idealized_updates, none.flatten.idealized_updates), (9, 0));
        assert_eq!((flat.kernel.width, none.kernel.width), (12.0, 15.0));
        assert_eq!((none.flatten.method, flat.flatten.points_per_map), (Method::None, Some(100)));
    }
}
