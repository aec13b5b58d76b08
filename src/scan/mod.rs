//! Capacity scans: drift, score and roughness against the number of maps, one trial for every (number of maps,
//! realization, method).
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
use crate::setup::config::{Config, Method, ScanConfig};
use crate::setup::groups::PlacementKind;
use crate::setup::layout::Layout;
use crate::setup::plan::Plan;

/// One cell of the scan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trial {
    /// N.
    pub neurons: usize,
    /// L.
    pub maps: usize,
    /// Index of the draw of the maps.
    pub realization: usize,
    /// How the landscape is flattened.
    pub method: Method,
}

impl Trial {
    /// `L08-r003-constrained`, the name that `--trial` takes.
    pub fn id(&self) -> String {
        format!("L{:02}-r{:03}-{}", self.maps, self.realization, self.method.name())
    }

    /// Seed of the trial's maps, from the scan's seed, N, L and the realization: the same for every method.
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
    pub fn config(&self, scan: &Config) -> Config {
        let mut config = scan.clone();
        config.network.neurons = Some(self.neurons);
        match config.maps.first_mut() {
            Some(group) => group.count = self.maps,
            None => config.network.maps = Some(self.maps),
        }
        config.network.seed = self.seed(scan.network.seed);
        config.flatten.method = self.method;
        config.flatten.points_per_map = Some(scan.flatten.points_per_map.unwrap_or(self.neurons));
        config.scan = Config::default().scan;
        config
    }

    /// The plan of this trial alone.
    ///
    /// # Errors
    /// If it is too large for the machine or the network.
    pub fn plan(&self, scan: &Config) -> Result<Plan> {
        Plan::new(self.config(scan)).map_err(|e| match e {
            Error::Usage(text) => Error::Usage(format!("trial {}: {text}", self.id())),
            other => other,
        })
    }

    /// Hash of everything that determines the trial's result: its name in the store.
    pub fn content_hash(&self, scan: &Config) -> String {
        blake3::hash(self.config(scan).to_toml().as_bytes()).to_hex().to_string()
    }
}

/// All trials of a scan, by number of maps, realization, method.
///
/// # Errors
/// [`Error::Usage`] if the configuration fixes the maps, of which a scan draws many.
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
    let neurons = Layout::new(config)?.neurons;
    let ScanConfig { maps, realizations, methods, score_maps, score_methods } = &config.scan;
    let mut trials = Vec::new();
    for (maps, methods) in [(maps, methods), (score_maps, score_methods)] {
        for &maps in maps {
            for realization in 0..*realizations {
                trials.extend(methods.iter().map(|&method| Trial { neurons, maps, realization, method }));
            }
        }
    }
    trials.sort_unstable();
    trials.dedup();
    Ok(trials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_one_trial() {
        let mut config = Config::default();
        for setting in ["scan.maps=[2,4]", "scan.realizations=3", "scan.score_maps=[4,30]"] {
            config.set(setting).unwrap();
        }
        let trials = trials(&config).unwrap();
        // Three methods at 2 and 4, one at 30; (4, none) is wanted twice and done once.
        assert_eq!(trials.len(), 3 * (3 + 3 + 1));
        let mut hashes: Vec<String> = trials.iter().map(|t| t.content_hash(&config)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), trials.len());
    }

    #[test]
    fn methods_share_networks_and_nothing_else_does() {
        let trial = |maps, realization, method| Trial { neurons: 600, maps, realization, method };
        let seed = trial(4, 2, Method::None).seed(1);
        assert_eq!(seed, trial(4, 2, Method::Constrained).seed(1));
        assert_eq!(
            seed, 3277520712876082931,
            "written down when the streams were defined: a change here changes every published scan"
        );
        for other in [
            trial(5, 2, Method::None).seed(1),
            trial(4, 3, Method::None).seed(1),
            trial(4, 2, Method::None).seed(2),
        ] {
            assert_ne!(seed, other);
        }
    }

    #[test]
    fn what_is_scanned_beside_a_trial_does_not_change_it() {
        let trial = Trial { neurons: 600, maps: 4, realization: 0, method: Method::None };
        let (one, mut other) = (Config::default(), Config::default());
        other.set("scan.realizations=3").unwrap();
        assert_eq!(trial.content_hash(&one), trial.content_hash(&other));
        other.set("measure.duration_ms=10").unwrap();
        assert_ne!(trial.content_hash(&one), trial.content_hash(&other));
    }
}
