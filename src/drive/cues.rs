//! Cues of other maps: a current along another map's bump, for a while. Does the network switch, when, and does it stay?

use serde::{Deserialize, Serialize};

use super::Driven;
use crate::dynamics::decoding::Scorer;
use crate::dynamics::drive::Cue;
use crate::error::{Error, Result};
use crate::job::drift_record::Which;

/// Time that is watched after a cue has ended (ms).
const AFTER_MS: f64 = 500.0;

/// Time between two looks at the winning map (ms).
const LOOK_MS: f64 = 10.0;

/// What cues of one strength do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CueRecord {
    /// Weights.
    pub network: Which,
    /// c: the cue is the current `c·r`, r the rates of another map's idealized bump (Hz).
    pub strength: f64,
    /// Bumps that were cued.
    pub bumps: usize,
    /// Fraction of them that are in the cue's map at the end.
    pub switched: f64,
    /// Mean time until the cue's map wins first, of those that switched (ms); none if none did.
    pub latency_ms: Option<f64>,
    /// Mean number of times that the old map won again after the cue's map had.
    pub reverse_flickers: f64,
}

impl Driven<'_> {
    /// Cues every start with the next map's bump at the same place, at each strength of the configuration.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is only one map; [`Error::Interrupted`] if the work was stopped.
    pub fn cues(&self) -> Result<Vec<CueRecord>> {
        let (job, plan) = (self.job, self.job.plan);
        if plan.maps < 2 {
            return Err(Error::Usage(
                "a cue is a bump of another map, and there is only one map; leave --cues out".to_owned(),
            ));
        }
        let (drive, dt) = (&plan.config.drive, plan.config.dynamics.dt_ms);
        let steps = |ms: f64| (ms / dt).round() as usize;
        let last = steps(drive.cue.duration_ms + AFTER_MS);
        let at: Vec<usize> = (0..=last).step_by(steps(LOOK_MS).max(1)).collect();
        let per_map = plan.config.measure.starts_per_map;
        let starts = job.start_points();
        let scorer = Scorer::new(&job.network.maps, &job.network.bumps);
        let slopes = crate::connectivity::matrix::WeightMatrix::zeros(plan.neurons);
        let mut records = Vec::new();
        for &strength in &drive.cue.strengths {
            let mut runs: Vec<Vec<bool>> = Vec::new();
            for (k, start) in starts.iter().enumerate() {
                // The start of the same number on the next map.
                let other = &starts[(k + per_map) % starts.len()];
                let mut current = vec![0.0; plan.neurons];
                job.network.bumps.at(&job.network.maps, other).view().scatter(&mut current);
                current.iter_mut().for_each(|i| *i *= strength);
                let cue = Cue { current: &current, steps: steps(drive.cue.duration_ms) };
                let run = self.run(&[*start], &slopes, &[], Some(cue), &at)?;
                runs.push(run[0].snapshots.iter().map(|r| scorer.best_fit(r).map == other.map).collect());
            }
            records.push(record(self.network, strength, &runs, &at, dt));
        }
        Ok(records)
    }
}

/// `runs` tell at each time whether the cue's map wins.
fn record(network: Which, strength: f64, runs: &[Vec<bool>], at: &[usize], dt: f64) -> CueRecord {
    let switched: Vec<&Vec<bool>> = runs.iter().filter(|run| run.last() == Some(&true)).collect();
    let latencies: Vec<f64> = switched
        .iter()
        .filter_map(|run| run.iter().position(|wins| *wins))
        .map(|t| at[t] as f64 * dt)
        .collect();
    let flickers: usize = runs.iter().map(|run| run.windows(2).filter(|p| p[0] && !p[1]).count()).sum();
    CueRecord {
        network,
        strength,
        bumps: runs.len(),
        switched: switched.len() as f64 / runs.len() as f64,
        latency_ms: (!latencies.is_empty()).then(|| latencies.iter().sum::<f64>() / latencies.len() as f64),
        reverse_flickers: flickers as f64 / runs.len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_timed_and_flickers_counted() {
        let runs = [vec![false, true, false, true], vec![false, false, true, true], vec![false; 4]];
        let found = record(Which::Base, 2.0, &runs, &[0, 50, 100, 150], 0.2);
        assert_eq!((found.bumps, found.latency_ms), (3, Some(15.0)));
        assert!((found.switched - 2.0 / 3.0).abs() < 1e-12);
        assert!((found.reverse_flickers - 1.0 / 3.0).abs() < 1e-12);
    }
}
