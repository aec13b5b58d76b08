//! `flatscape perturb`: how finely the weights have to be tuned. Kinds of damage to a flattened network, each at several sizes:
//! what is left of its memory, and the size at which half the benefit of flattening is gone.

mod damage;
#[cfg(feature = "plots")]
pub mod plots;

pub use damage::{Damage, damaged};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::analyze::analyze;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::drift::DriftSummary;
use crate::job::drift_record::Which;
use crate::network::Network;

/// One row of `perturb.csv`: a network with damaged weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DamageRecord {
    /// Kind of damage.
    pub damage: Damage,
    /// Its size: a fraction of the standard deviation, of the weights or of the neurons; of quantisation the bits.
    pub size: f64,
    /// Index of the draw.
    pub replicate: usize,
    /// Mean |displacement| by score (neuron units).
    pub mean_drift: f64,
    /// Mean |displacement| by the population vector's phase (neuron units).
    pub phase_drift: f64,
    /// Mean bump score at the end.
    pub score: f64,
    /// Fraction of bumps that ended in another map.
    pub wrong_map_fraction: f64,
    /// η = max |θ̇| along the manifolds (neuron units/s); none unless asked for.
    pub eta: Option<f64>,
}

/// A curve of one kind of damage: means over the draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DamageCurve {
    /// Kind of damage.
    pub damage: Damage,
    /// Sizes, mildest first.
    pub sizes: Vec<f64>,
    /// Mean drift by phase at each (neuron units).
    pub phase_drift: Vec<f64>,
    /// 1.96 standard errors of it over the draws; 0 for damage that is not drawn.
    pub phase_drift_error: Vec<f64>,
    /// Mean drift by score at each (neuron units).
    pub mean_drift: Vec<f64>,
    /// The size at which the drift by phase is halfway between that of the flattened network and that of the network before,
    /// interpolated; none if no size does so much.
    pub half_benefit: Option<f64>,
}

/// What [`perturb`] measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Perturbation {
    /// Drift by phase before flattening (neuron units).
    pub drift_before: f64,
    /// Drift by phase of the flattened network, undamaged (neuron units).
    pub drift_after: f64,
    /// One for each kind.
    pub curves: Vec<DamageCurve>,
    /// Every network.
    #[serde(skip)]
    pub records: Vec<DamageRecord>,
}

/// What is to be damaged, how, and how often.
pub struct Study {
    /// Kinds.
    pub damages: Vec<Damage>,
    /// Sizes for all kinds; each kind's own if empty.
    pub sizes: Vec<f64>,
    /// Draws of every kind that is drawn.
    pub replicates: usize,
    /// Whether η is found too, which takes a search for minima each time.
    pub with_eta: bool,
}

impl Study {
    /// Every kind with its sizes and number of draws.
    pub fn cells(&self) -> Vec<(Damage, f64, usize)> {
        let of = |damage: &Damage| {
            let (damage, draws) = (*damage, if damage.is_drawn() { self.replicates } else { 1 });
            let sizes = if self.sizes.is_empty() { damage.sizes().to_vec() } else { self.sizes.clone() };
            sizes.into_iter().flat_map(move |size| (0..draws).map(move |draw| (damage, size, draw)))
        };
        self.damages.iter().flat_map(of).collect()
    }

    /// Checks that every size makes sense for every kind.
    ///
    /// # Errors
    /// [`Error::Usage`] with the kind, the size and what is allowed.
    pub fn check(&self) -> Result<()> {
        let wrong = |(damage, size, _): &(Damage, f64, usize)| !damage.allows(*size);
        match self.cells().into_iter().find(wrong) {
            None => Ok(()),
            Some((damage, size, _)) => {
                Err(Error::Usage(format!("size {size} of {}: it is {}", damage.name(), damage.allowed())))
            }
        }
    }
}

/// Damages the flattened network J + M and measures each time, on the job's trajectories.
///
/// # Errors
/// If the backend fails, or the work was stopped.
pub fn perturb(job: &Job<'_>, delta: &WeightMatrix, study: &Study) -> Result<Perturbation> {
    let base = &job.network.weights;
    let whole = base.plus(1.0, delta);
    let drift = |weights: &WeightMatrix, which| measure(job, job.network, weights, which);
    let before = drift(base, Which::Base)?.phase_mean_drift;
    let after = drift(&whole, Which::Flattened)?.phase_mean_drift;
    let mut records = Vec::new();
    for (damage, size, replicate) in study.cells() {
        let (weights, network) = damaged(job.network, delta, damage, size, replicate);
        let network = Arc::new(network);
        let found = measure(job, &network, &weights, Which::Flattened)?;
        let eta = if study.with_eta {
            let job = Job { network: &network, ..*job };
            let points = job.plan.points_per_map;
            Some(analyze(&job, &weights, Which::Flattened, points)?.figures.eta)
        } else {
            None
        };
        records.push(DamageRecord {
            damage,
            size,
            replicate,
            mean_drift: found.mean_drift,
            phase_drift: found.phase_mean_drift,
            score: found.score,
            wrong_map_fraction: 1.0 - found.own_map_fraction,
            eta,
        });
    }
    let curves = study.damages.iter().map(|damage| curve(*damage, &records, before, after)).collect();
    Ok(Perturbation { drift_before: before, drift_after: after, curves, records })
}

fn measure(job: &Job<'_>, network: &Network, weights: &WeightMatrix, which: Which) -> Result<DriftSummary> {
    let measured = Job { network, ..*job }.measure_drift(weights, which)?;
    DriftSummary::of(&measured.records, which)
        .ok_or_else(|| Error::Run("no trajectory was started".to_owned()))
}

fn curve(damage: Damage, records: &[DamageRecord], before: f64, after: f64) -> DamageCurve {
    let own: Vec<&DamageRecord> = records.iter().filter(|r| r.damage == damage).collect();
    let mut sizes: Vec<f64> = own.iter().map(|r| r.size).collect();
    sizes.dedup();
    sizes.sort_by(|a, b| damage.severity(*a).total_cmp(&damage.severity(*b)));
    sizes.dedup();
    let at = |size: f64, f: fn(&DamageRecord) -> f64| -> Vec<f64> {
        own.iter().filter(|r| r.size == size).map(|r| f(r)).collect()
    };
    let summary = |f: fn(&DamageRecord) -> f64| -> Vec<(f64, f64)> {
        sizes.iter().map(|&size| mean_and_error(&at(size, f))).collect()
    };
    let phase = summary(|r| r.phase_drift);
    let drifts: Vec<f64> = phase.iter().map(|p| p.0).collect();
    let severities: Vec<f64> = sizes.iter().map(|&size| damage.severity(size)).collect();
    let half = crossing(&severities, &drifts, after, 0.5 * (before + after));
    DamageCurve {
        damage,
        half_benefit: half.map(|severity| damage.size_of(severity)),
        phase_drift: drifts,
        phase_drift_error: phase.iter().map(|p| p.1).collect(),
        mean_drift: summary(|r| r.mean_drift).iter().map(|p| p.0).collect(),
        sizes,
    }
}

/// Mean and 1.96 standard errors; 0 for one value.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    (mean, 1.96 * (variance / count).sqrt())
}

/// Where a curve that begins with `first` at severity 0 reaches `level`, linear between its points.
fn crossing(severities: &[f64], values: &[f64], first: f64, level: f64) -> Option<f64> {
    let mut before = (0.0, first);
    for (&x, &y) in severities.iter().zip(values) {
        if y >= level {
            return Some(before.0 + (x - before.0) * ((level - before.1) / (y - before.1)).clamp(0.0, 1.0));
        }
        before = (x, y);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_benefit_lies_between_sizes() {
        assert_eq!(crossing(&[1.0, 2.0, 3.0], &[0.5, 1.0, 4.0], 0.0, 2.5), Some(2.5));
        assert_eq!(crossing(&[1.0], &[4.0], 0.0, 2.0), Some(0.5));
        assert_eq!(crossing(&[1.0, 2.0], &[0.1, 0.2], 0.0, 2.0), None);
    }

    #[test]
    fn sizes_without_meaning_are_refused() {
        let study =
            |damage, size| Study { damages: vec![damage], sizes: vec![size], replicates: 2, with_eta: false };
        for (damage, size) in [
            (Damage::Quantise, 0.0),
            (Damage::Quantise, 17.0),
            (Damage::Quantise, 2.5),
            (Damage::Prune, 1.5),
            (Damage::Silence, -0.1),
            (Damage::DeltaNoise, f64::NAN),
        ] {
            let error = study(damage, size).check().unwrap_err();
            assert!(error.to_string().contains(damage.name()), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
        assert!(study(Damage::Quantise, 16.0).check().is_ok());
        assert_eq!(study(Damage::Quantise, 8.0).cells().len(), 1, "rounding is not drawn");
    }
}
