//! One map alone: what a shape and its places do to a bump by themselves, before any other map is stored.
//!
//! A ring with a neuron on every site is flat by symmetry. A torus pins bumps to its lattice, and irregular place fields
//! pin them too. This is the floor against which a network of many such maps has to be judged.

use serde::{Deserialize, Serialize};

use crate::connectivity::connectivity;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::drift::DriftSummary;
use crate::job::drift_record::Which;
use crate::landscape::problem::Start;
use crate::landscape::roughness::Roughness;
use crate::manifold::{Group, Points, Shape};
use crate::network::{Network, calibrated_current};

/// The first map of a group in a network that stores nothing else, not flattened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneMap {
    /// Index of the map.
    pub map: usize,
    /// Its shape.
    pub shape: Shape,
    /// SD of the landscape at the fitted points (Hz³).
    pub energy_sd: f64,
    /// SD of the landscape between them (Hz³).
    pub heldout_sd: f64,
    /// 1.4826 × the median absolute deviation there (Hz³).
    pub heldout_robust_sd: f64,
    /// Averages over its trajectories.
    pub drift: DriftSummary,
}

impl Job<'_> {
    /// One map of each group alone. Left out: networks of one map, networks with the user's own weights, and rings with a
    /// member on every site, which are flat.
    ///
    /// # Errors
    /// If the backend fails, or [`Error::Interrupted`] if the work was stopped.
    pub(crate) fn one_map_alone(&self) -> Result<Vec<OneMap>> {
        let maps = &self.network.maps;
        if maps.count() < 2 || self.plan.has_given_weights() {
            return Ok(Vec::new());
        }
        let mut first = 0;
        let mut found = Vec::new();
        for (index, group) in maps.groups().iter().enumerate() {
            let is_flat = group.lattice.space.shape == Shape::Ring && maps.fills_lattice(first);
            if !is_flat {
                found.push(self.alone(index, first, group)?);
            }
            first += group.count;
        }
        Ok(found)
    }

    fn alone(&self, index: usize, map: usize, group: &Group) -> Result<OneMap> {
        let all = self.network;
        let (maps, kernels) = (all.maps.only(map), vec![all.kernels[index].clone()]);
        let bumps = all.bumps.of_group(index);
        let baseline_current = self.plan.config.dynamics.baseline_current;
        let network = Network {
            weights: connectivity(&kernels, &maps),
            external_current: calibrated_current(&maps, &kernels, &bumps, baseline_current),
            transfer: all.transfer,
            maps,
            kernels,
            bumps,
        };
        let job = Job { network: &network, ..*self };
        let fitted = job.roughness("one map alone", job.fitted_points())?;
        let between = job.roughness("one map alone, between", job.fitted_points().held_out())?;
        let records = job.measure_drift(&network.weights, Which::Base)?.records;
        let drift = DriftSummary::of(&records, Which::Base)
            .ok_or_else(|| Error::Run("no trajectory was started".to_owned()))?;
        Ok(OneMap {
            map,
            shape: group.lattice.space.shape,
            energy_sd: fitted.sd,
            heldout_sd: between.sd,
            heldout_robust_sd: between.robust_sd,
            drift,
        })
    }

    fn roughness(&self, label: &str, points: Points<'_>) -> Result<Roughness> {
        let problem = self.problem(&self.network.weights);
        let minima = self.stage(label, points.len(), 0.0, |tick| {
            self.backend.minima(&problem, points, Start::Idealized, tick)
        })?;
        Ok(Roughness::of(&minima.energies, None))
    }
}
