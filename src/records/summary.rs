//! `summary.json` and the closing table: the figures a person asks for first.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::job::alone::OneMap;
use crate::job::drift::{DriftSummary, recovered_fraction};
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::memory::MemorySummary;
use crate::job::path_record::PathRecord;
use crate::job::reached::{IterationRecord, Status};
use crate::network::Network;
use crate::observable::{Pair, Shown, pairs, table};
use crate::setup::plan::Plan;
use crate::text::significant;

/// The figures of a run. Energies in Hz³, drifts in neuron units, rate changes in Hz².
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How the outer iteration ended.
    pub status: Status,
    /// N.
    pub neurons: usize,
    /// L.
    pub maps: usize,
    /// K.
    pub points_per_map: usize,
    /// Weight updates made.
    pub updates: usize,
    /// Length of the trajectories (ms).
    pub duration_ms: f64,
    /// All figures of the landscape before the first update.
    pub landscape_before: Option<IterationRecord>,
    /// All figures of the landscape after the last update.
    pub landscape_after: Option<IterationRecord>,
    /// All averages before flattening.
    pub drift_before: Option<DriftSummary>,
    /// All averages after flattening.
    pub drift_after: Option<DriftSummary>,
    /// Fraction of damaged bumps that came back to their map and place, within sigma, before flattening; only with
    /// `measure.corrupt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_before: Option<f64>,
    /// The same after flattening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_after: Option<f64>,
    /// Diffusion, lifetime and loss of the map before flattening, where trajectories were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_before: Option<MemorySummary>,
    /// The same after flattening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_after: Option<MemorySummary>,
    /// One map of each kind alone, not flattened, where that is not flat by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alone: Vec<OneMap>,
    /// What a careful reader should know.
    pub warnings: Vec<Warning>,
}

/// Something that went other than it should, and what to make of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// States without a certificate of a constrained minimum.
    Unconverged {
        /// How many of the last landscape's fitted and held-out states.
        states: usize,
    },
    /// Bumps that left their place.
    BumpsLost {
        /// How many of the last landscape's fitted and held-out states.
        states: usize,
    },
    /// Trajectories along which the energy rose.
    EnergyRose {
        /// How many.
        trajectories: usize,
    },
    /// Bumps that ended in another map.
    MapsLost {
        /// How many trajectories of the flattened network.
        trajectories: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Unconverged { states } => write!(
                f,
                "{states} states are not constrained minima to the tolerance (iterations.csv); their energies are upper bounds"
            ),
            Warning::BumpsLost { states } => write!(
                f,
                "{states} bumps have left their place or dissolved (iterations.csv); the network is near or past its capacity"
            ),
            Warning::EnergyRose { trajectories } => write!(
                f,
                "the energy rose along {trajectories} trajectories (drift.csv); lower dynamics.dt_ms"
            ),
            Warning::MapsLost { trajectories } => write!(
                f,
                "{trajectories} bumps ended in another map (drift.csv); their drift compares positions on two different maps"
            ),
        }
    }
}

impl Summary {
    /// Gathers the figures.
    pub fn new(plan: &Plan, status: Status, iterations: &[IterationRecord], drift: &[DriftRecord]) -> Self {
        let (first, last) = (iterations.first(), iterations.last());
        let (before, after) =
            (DriftSummary::of(drift, Which::Base), DriftSummary::of(drift, Which::Flattened));
        let corrupts = !plan.config.measure.corrupt.is_none();
        let recovered = |which| recovered_fraction(drift, which, plan).filter(|_| corrupts);
        Self {
            status,
            neurons: plan.neurons,
            maps: plan.maps,
            points_per_map: plan.points_per_map,
            updates: iterations.len().saturating_sub(1),
            duration_ms: plan.config.measure.duration_ms,
            landscape_before: first.map(IterationRecord::reproducible),
            landscape_after: last.map(IterationRecord::reproducible),
            drift_before: before,
            drift_after: after,
            recovered_before: recovered(Which::Base),
            recovered_after: recovered(Which::Flattened),
            memory_before: None,
            memory_after: None,
            alone: Vec::new(),
            warnings: warnings(last, drift),
        }
    }

    /// With what recorded trajectories say of the network's memory.
    pub fn with_memory(self, plan: &Plan, network: &Network, paths: &[PathRecord]) -> Self {
        let of = |which| MemorySummary::of(paths, which, plan, network);
        Self { memory_before: of(Which::Base), memory_after: of(Which::Flattened), ..self }
    }

    /// The first figures of the landscape before and after, and those of the drift that are shown in one of some ways.
    pub fn pairs(&self, shown: &[Shown]) -> Vec<Pair> {
        let (before, after) = (self.landscape_before.as_ref(), self.landscape_after.as_ref());
        let mut all = pairs(IterationRecord::ALL, &[Shown::First], before, after, self.duration_ms);
        let (before, after) = (self.drift_before.as_ref(), self.drift_after.as_ref());
        all.extend(pairs(DriftSummary::ALL, shown, before, after, self.duration_ms));
        all.extend(recovered_pair(self.recovered_before, self.recovered_after));
        all.extend(memory_pairs(self.memory_before.as_ref(), self.memory_after.as_ref()));
        all
    }

    /// The closing table, at most ten lines with the caller's last one.
    pub fn table(&self) -> String {
        let mut text = table(&self.pairs(&[Shown::First]));
        text.push_str(&format!("{} weight updates; {}\n", self.updates, self.status.describe()));
        for one in &self.alone {
            text.push_str(&format!(
                "one {} alone: {} Hz^3 between the points (SD), drift {}, by phase {} neuron units\n",
                one.shape.name(),
                significant(one.heldout_sd),
                significant(one.drift.mean_drift),
                significant(one.drift.phase_mean_drift)
            ));
        }
        if !self.warnings.is_empty() {
            let warnings: Vec<String> = self.warnings.iter().map(Warning::to_string).collect();
            text.push_str(&format!("note: {}\n", warnings.join("; ")));
        }
        text
    }
}

/// The fraction of completed patterns; nothing if no start was damaged.
pub(crate) fn recovered_pair(before: Option<f64>, after: Option<f64>) -> Option<Pair> {
    let label = "damaged bumps that came back".to_owned();
    before.or(after).map(|_| Pair { label, unit: "1", before, after })
}

/// Diffusion and lifetime; nothing without noise.
pub(crate) fn memory_pairs(before: Option<&MemorySummary>, after: Option<&MemorySummary>) -> Vec<Pair> {
    let noisy = |m: Option<&MemorySummary>| m.is_some_and(|m| m.diffusion.is_some());
    if noisy(before) || noisy(after) {
        pairs(MemorySummary::ALL, &[Shown::First], before, after, 0.0)
    } else {
        Vec::new()
    }
}

fn warnings(last: Option<&IterationRecord>, drift: &[DriftRecord]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(row) = last {
        if row.unconverged > 0 {
            warnings.push(Warning::Unconverged { states: row.unconverged });
        }
        if row.bumps_lost > 0 {
            warnings.push(Warning::BumpsLost { states: row.bumps_lost });
        }
    }
    let count = |f: fn(&DriftRecord) -> bool| drift.iter().filter(|r| f(r)).count();
    let rises = count(|r| r.energy_rises > 0);
    if rises > 0 {
        warnings.push(Warning::EnergyRose { trajectories: rises });
    }
    let lost = count(|r| r.network == Which::Flattened && r.winning_map != r.map);
    if lost > 0 {
        warnings.push(Warning::MapsLost { trajectories: lost });
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::config::Config;

    #[test]
    fn table_is_short_and_shows_what_is_missing() {
        let plan = Plan::new(Config::default()).unwrap();
        let table = Summary::new(&plan, Status::Interrupted, &[], &[]).table();
        // The caller adds a line, and a run with warnings has one more.
        assert!(table.lines().count() <= 8, "{table}");
        assert!(table.contains("between them (SD)") && table.contains("between them (robust SD)"), "{table}");
        assert!(table.contains('-') && table.contains("interrupted"), "{table}");
        assert!(table.lines().all(|l| l.chars().count() < 80), "{table}");
    }
}
