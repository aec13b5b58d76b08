//! Drift: how far bumps move when nothing should move them (S6, S7, figs 2, 4–6, S7, S10).

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::matrix::WeightMatrix;
use crate::network::periodic_displacement;
use crate::optimize::Job;
use crate::score::Scorer;
use crate::trajectory::{Dynamics, Trajectory};

/// Which weights were simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// J.
    None,
    /// J + M.
    Flattened,
}

/// One row of `drift.csv`: a trajectory from the idealized bump at `start`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftRecord {
    /// Weights.
    pub network: Which,
    /// Map of the start.
    pub map: usize,
    /// Position of the start (neuron units).
    pub start: usize,
    /// Location at the end, in the winning map (neuron units).
    pub end: usize,
    /// Periodic displacement from start to end, `[−N/2, N/2)` (neuron units).
    pub displacement: f64,
    /// The same from the location at 100 ms on: the slow drift alone, without the first distortion.
    pub settled_displacement: f64,
    /// `Σ_i (r_i(end) − r_i(0))²` (Hz²).
    pub rate_change: f64,
    /// Highest bump score at the end.
    pub score: f64,
    /// The map that has it.
    pub winning_map: usize,
    /// Displacement of the population vector's phase in the start's map (neuron units).
    pub phase_displacement: f64,
    /// Energy of the start (Hz³).
    pub start_energy: f64,
    /// Energy at the end (Hz³).
    pub end_energy: f64,
    /// Steps at which the energy rose by more than rounding explains; the theory says none.
    pub energy_rises: u64,
}

/// Averages over the starts of one network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftSummary {
    /// Mean |displacement| (neuron units).
    pub mean_drift: f64,
    /// Largest |displacement| (neuron units).
    pub largest_drift: f64,
    /// Mean |displacement| from 100 ms on (neuron units).
    pub settled_mean_drift: f64,
    /// Largest |displacement| from 100 ms on (neuron units).
    pub settled_largest_drift: f64,
    /// Mean |displacement| of the population vector (neuron units).
    pub phase_mean_drift: f64,
    /// Mean rate change (Hz²).
    pub rate_change: f64,
    /// Mean bump score at the end.
    pub score: f64,
    /// Fraction of bumps that are still in their own map.
    pub own_map_fraction: f64,
    /// Trajectories whose energy rose anywhere.
    pub energy_rises: usize,
}

impl DriftSummary {
    /// Averages the records of one network; `None` if there are none.
    pub fn of(records: &[DriftRecord], network: Which) -> Option<Self> {
        let rows: Vec<&DriftRecord> = records.iter().filter(|r| r.network == network).collect();
        if rows.is_empty() {
            return None;
        }
        let count = rows.len() as f64;
        let mean = |f: fn(&DriftRecord) -> f64| rows.iter().map(|r| f(r)).sum::<f64>() / count;
        let largest = |f: fn(&DriftRecord) -> f64| rows.iter().map(|r| f(r)).fold(0.0, f64::max);
        Some(Self {
            mean_drift: mean(|r| r.displacement.abs()),
            largest_drift: largest(|r| r.displacement.abs()),
            settled_mean_drift: mean(|r| r.settled_displacement.abs()),
            settled_largest_drift: largest(|r| r.settled_displacement.abs()),
            phase_mean_drift: mean(|r| r.phase_displacement.abs()),
            rate_change: mean(|r| r.rate_change),
            score: mean(|r| r.score),
            own_map_fraction: mean(|r| f64::from(u8::from(r.winning_map == r.map))),
            energy_rises: rows.iter().filter(|r| r.energy_rises > 0).count(),
        })
    }
}

/// Places where trajectories start: `starts_per_map` evenly spaced neuron positions on every map, as (map, position).
pub fn start_places(maps: usize, neurons: usize, starts_per_map: usize) -> Vec<(usize, usize)> {
    (0..maps).flat_map(|map| (0..starts_per_map).map(move |k| (map, k * neurons / starts_per_map))).collect()
}

impl Job<'_> {
    /// Runs the network with the given weights from the currents of idealized bumps and records where they go.
    /// `None` if an end was asked for.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn measure_drift(&self, weights: &WeightMatrix, which: Which) -> Result<Option<Vec<DriftRecord>>> {
        let (plan, network) = (self.plan, self.network);
        let places = start_places(plan.maps, plan.neurons, plan.config.measure.starts_per_map);
        let starts: Vec<Vec<f64>> = places
            .iter()
            .map(|&(map, position)| {
                let mut current = vec![0.0; plan.neurons];
                network.bumps.current_at(&network.maps, map, position, &mut current);
                current
            })
            .collect();
        let dynamics = Dynamics { weights, external_current: network.external_current, step: plan.step() };
        let label = match which {
            Which::None => "drift before",
            Which::Flattened => "drift after",
        };
        let at = [0, plan.settling_steps, plan.steps];
        let runs =
            self.monitor.stage(label, starts.len() * plan.steps, plan.cost.trajectories_seconds, |tick| {
                self.backend.trajectories(&dynamics, &starts, &at, tick, self.stop)
            })?;
        let scorer = Scorer::new(&network.maps, &network.bumps);
        Ok(runs.map(|runs| {
            places
                .iter()
                .zip(&runs)
                .map(|(&place, run)| drift_record(&scorer, plan.neurons, which, place, run))
                .collect()
        }))
    }
}

fn drift_record(
    scorer: &Scorer<'_>,
    neurons: usize,
    network: Which,
    (map, start): (usize, usize),
    run: &Trajectory,
) -> DriftRecord {
    let [first, settled, last] = [0, 1, 2].map(|i| &run.snapshots[i]);
    let displacement = |from: usize, to: usize| periodic_displacement(from as f64, to as f64, neurons as f64);
    let (at_settling, end) = (scorer.place(settled), scorer.place(last));
    let phases = [first, last].map(|rates| scorer.phase(map, rates));
    DriftRecord {
        network,
        map,
        start,
        end: end.location,
        displacement: displacement(start, end.location),
        settled_displacement: displacement(at_settling.location, end.location),
        rate_change: first.iter().zip(last).map(|(a, b)| (b - a).powi(2)).sum(),
        score: end.score,
        winning_map: end.map,
        phase_displacement: periodic_displacement(phases[0], phases[1], neurons as f64),
        start_energy: run.energies[0],
        end_energy: run.energies[2],
        energy_rises: run.energy_rises,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_evenly_spaced() {
        assert_eq!(start_places(2, 600, 10)[..3], [(0, 0), (0, 60), (0, 120)]);
        assert_eq!(start_places(1, 10, 3), [(0, 0), (0, 3), (0, 6)]);
    }
}
