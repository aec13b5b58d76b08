//! The whole job, done again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Checker;
use crate::compute::backend::Backend;
use crate::error::Result;
use crate::job::Job;
use crate::job::drift_record::Which;
use crate::setup::config::Method;

/// The same program on the same kind of machine gives the same bits. Other machines differ in the last place of J, which
/// a weight solve with a small ridge may raise by its condition: energies relative to |E|, weights to the largest.
const TOLERANCE: f64 = 1e-6;

impl Checker<'_> {
    /// Flattening from the beginning, and every trajectory, as far as the run came.
    pub(super) fn again(&mut self, backend: &dyn Backend) -> Result<()> {
        let job = Job { backend, ..*self.job };
        let weights = &job.network.weights;
        if let Some(claimed) = &self.records.delta {
            // An interrupted run has fewer updates than the configuration asks for.
            let (rows, enough) = (self.records.iterations.len(), AtomicBool::new(false));
            let stop = || enough.load(Ordering::SeqCst);
            let reached = Job { stop: &stop, ..job }.flatten(None, &mut |landscape| {
                enough.store(landscape.records.len() >= rows, Ordering::SeqCst);
                Ok(())
            })?;
            let reached = reached.0;
            let largest = claimed.as_slice().iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            let mut pairs = reached.delta.as_slice().iter().zip(claimed.as_slice());
            let weights = pairs.all(|(a, b)| (a - b).abs() <= TOLERANCE * largest);
            let energies = reached.energies.len() == self.records.energies.len()
                && reached
                    .energies
                    .iter()
                    .zip(&self.records.energies)
                    .all(|(a, b)| (a - b).abs() <= TOLERANCE * b.abs());
            self.claim("weights_delta.npy", weights, "flattening again gives the same M")?;
            self.claim("energies.npy", energies, "flattening again gives the same landscapes")?;
        }
        let flattened = self.records.delta.as_ref().map(|delta| weights.plus(1.0, delta));
        let networks = [(Which::Base, Some(weights)), (Which::Flattened, flattened.as_ref())];
        for (which, weights) in networks {
            let own: Vec<_> = self.records.drift.iter().filter(|r| r.network == which).cloned().collect();
            let (Some(weights), false) = (weights, own.is_empty()) else { continue };
            if which == Which::Flattened && job.plan.config.flatten.method == Method::None {
                continue;
            }
            let again = job.measure_drift(weights, which)?.records;
            let differ =
                again.iter().zip(&own).filter(|(a, b)| !super::drift::agrees(a, b, TOLERANCE)).count();
            let same = again.len() == own.len() && differ == 0;
            self.claim("drift.csv", same, "every trajectory that is run again ends as it says")?;
        }
        Ok(())
    }
}
