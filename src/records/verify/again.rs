//! The whole job, done again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Checker;
use super::landscape::different;
use crate::compute::backend::Backend;
use crate::compute::device::ComputeDevice;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::drift_record::Which;
use crate::job::reached::{IterationRecord, Landscape, Status};
use crate::landscape::constraint::RESIDUAL_TOLERANCE;
use crate::manifold::Point;
use crate::records::RunState;
use crate::setup::config::Method;

/// The same program on the same kind of machine gives the same bits. Other machines differ in the last place of J, which
/// a weight solve with a small ridge may raise by its condition: weights relative to the largest.
const TOLERANCE: f64 = 1e-6;

/// Energies do not feel what the solve cannot see: with J changed at random in its last place those of all landscapes of
/// the paper's network, and of six maps in 150 neurons, where most points have several minima, move by 6·10⁻¹³ of |E|.
const ENERGY_TOLERANCE: f64 = 1e-10;

impl Checker<'_> {
    /// Flattening from the beginning, and every trajectory, as far as the run came.
    pub(super) fn again(&mut self, backend: &dyn Backend) -> Result<()> {
        if matches!(backend.describe(), ComputeDevice::Cpu { .. }) != self.on_cpu() {
            let (made_on, kind) = (&self.manifest.device, if self.on_cpu() { "CPU" } else { "GPU" });
            return Err(Error::Usage(format!(
                "{}: was made on {made_on}, and another kind of device computes other bits; do it again with the {kind} backend",
                self.path.display()
            )));
        }
        let job = Job { backend, ..*self.job };
        if self.records.delta.is_some() {
            self.flatten_again(&job)?;
        }
        self.measure_again(&job)
    }

    fn flatten_again(&mut self, job: &Job<'_>) -> Result<()> {
        // An interrupted run has fewer updates than the configuration asks for.
        let (rows, enough) = (self.records.iterations.len(), AtomicBool::new(false));
        let complete = self.manifest.status == RunState::Complete;
        let stop = || !complete && enough.load(Ordering::SeqCst);
        let (reached, status) = Job { stop: &stop, ..*job }.flatten(None, &mut |landscape| {
            enough.store(landscape.records.len() >= rows, Ordering::SeqCst);
            Ok(())
        })?;
        let outcome = if complete { self.manifest.outcome } else { Status::Interrupted };
        self.claim("manifest.json", status == outcome, "flattening again ends as it says")?;
        let records = &self.records;
        let claimed = records.delta.iter().flat_map(|delta| delta.as_slice());
        let largest = claimed.clone().fold(0.0_f64, |a, b| a.max(b.abs()));
        let mut pairs = reached.delta.as_slice().iter().zip(claimed);
        let weights = pairs.all(|(a, b)| (a - b).abs() <= TOLERANCE * largest);
        let mut pairs = reached.energies.iter().zip(&records.energies);
        let energies = reached.energies.len() == records.energies.len()
            && pairs.all(|(a, b)| (a - b).abs() <= ENERGY_TOLERANCE * b.abs());
        let rows = reached.records.len() == records.iterations.len()
            && reached.records.iter().zip(&records.iterations).all(|(a, b)| same_row(a, b));
        self.claim("weights_delta.npy", weights, "flattening again gives the same M")?;
        self.claim("energies.npy", energies, "flattening again gives the same landscapes")?;
        self.claim("iterations.csv", rows, "flattening again gives every figure of every row")?;
        self.minima_of_recorded(&reached)
    }

    /// Every minimum of the last landscape in the network as it was recorded.
    fn minima_of_recorded(&mut self, reached: &Landscape) -> Result<()> {
        let Some(delta) = &self.records.delta else { return Ok(()) };
        let weights = self.job.network.weights.plus(1.0, delta);
        let points: Vec<Point> = self.job.fitted_points().iter().collect();
        let claimed = &self.records.energies[self.records.energies.len() - points.len()..];
        let found = self.sought_from(&weights, &reached.fitted, &points)?;
        let same = different(&found.energies, claimed) == 0;
        let what = "every energy after the last update is that of a minimum of the network as recorded";
        self.claim("energies.npy", same, what)
    }

    fn measure_again(&mut self, job: &Job<'_>) -> Result<()> {
        let weights = &job.network.weights;
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

/// Whether two rows tell the same, but for the time that it took.
fn same_row(a: &IterationRecord, b: &IterationRecord) -> bool {
    let counts = |r: &IterationRecord| (r.iteration, r.bumps_lost, r.unconverged, r.attempts);
    let scale = ENERGY_TOLERANCE * a.energy_mean.abs();
    let close = |of: fn(&IterationRecord) -> f64| {
        let (a, b) = (of(a), of(b));
        (a - b).abs() <= TOLERANCE * a.abs() + scale
    };
    let relative = |of: fn(&IterationRecord) -> Option<f64>| match (of(a), of(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * a.abs(),
        (a, b) => a == b,
    };
    // The residual of what has converged is rounding.
    let residuals = |r: &IterationRecord| r.kkt_residual_max.map(|x| x.max(10.0 * RESIDUAL_TOLERANCE));
    counts(a) == counts(b)
        && (a.step, a.ridge) == (b.step, b.ridge)
        && close(|r| r.energy_mean)
        && close(|r| r.energy_sd)
        && close(|r| r.energy_peak)
        && close(|r| r.energy_robust_sd)
        && close(|r| r.heldout_sd)
        && close(|r| r.heldout_peak)
        && close(|r| r.heldout_robust_sd)
        && close(|r| r.idealized_height)
        && relative(|r| r.lambda_rms)
        && relative(|r| r.heldout_lambda_rms)
        && relative(|r| Some(r.delta_mean_abs))
        && relative(|r| Some(r.delta_sd))
        && residuals(a).zip(residuals(b)).is_none_or(|(a, b)| (a - b).abs() <= 0.01 * a)
        && a.kkt_residual_max.is_some() == b.kkt_residual_max.is_some()
}
