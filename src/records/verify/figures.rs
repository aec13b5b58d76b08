//! The figures of `iterations.csv` and `summary.json`, from the arrays they were made of.

use super::Checker;
use crate::error::Result;
use crate::job::alone::OneMap;
use crate::job::outer::{ATTEMPTS, after_acceptance};
use crate::job::reached::IterationRecord;
use crate::landscape::roughness::Roughness;
use crate::records::{RunState, Summary};

/// Sums over thousands of energies, printed and parsed exactly, differ by rounding alone.
const TOLERANCE: f64 = 1e-12;

/// Landscapes and trajectories of one map alone, made again: bumps move to where they would have gone.
const ALONE_TOLERANCE: f64 = 1e-6;

/// The same for a GPU, which computes in f32: bumps end where they did to a few hundredths.
const GPU_TOLERANCE: f64 = 0.05;

/// Energies of idealized bumps are sums over weights that differ between platforms in the last place; relative to |E|.
const HEIGHT_TOLERANCE: f64 = 1e-9;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * (a.abs() + b.abs())
}

impl Checker<'_> {
    /// Every row of `iterations.csv`.
    pub(super) fn iterations(&mut self) -> Result<()> {
        const FILE: &str = "iterations.csv";
        let (states, levels) = (self.job.plan.states(), self.job.fitted_points().levels());
        let agree = self.records.energies.chunks_exact(states).zip(&self.records.iterations).all(
            |(landscape, row)| {
                let found = Roughness::about_levels(landscape, &levels, None);
                landscape.iter().all(|e| e.is_finite())
                    && close(found.sd, row.energy_sd)
                    && close(found.peak, row.energy_peak)
                    && close(found.mean, row.energy_mean)
                    && close(found.robust_sd, row.energy_robust_sd)
            },
        );
        self.claim(FILE, agree, "every row has the roughness of its landscape")?;
        let follow = self.updates_follow();
        self.claim(FILE, follow, "every update has the ridge and the step that the configuration asks for")?;
        let possible = self.records.iterations.iter().all(|row| self.is_possible(row));
        self.claim(FILE, possible, "counts, sizes and spreads are possible")?;
        let heights = self.heights()?;
        self.claim(FILE, heights, "the idealized bumps lie as high as it says, in the first and the last row")
    }

    /// Ridge, step and number of attempts follow from each other and the configuration; every update flattens.
    fn updates_follow(&self) -> bool {
        let rows = &self.records.iterations;
        let mut factor = 1.0;
        rows.iter().enumerate().all(|(updates, row)| {
            if updates == 0 {
                return (row.iteration, row.attempts, row.ridge, row.step) == (0, 0, 0.0, 0.0);
            }
            if self.job.plan.flattening_updates(updates - 1).is_none() {
                // The pseudo-inverse rule is made once and kept.
                let ridge = self.job.plan.config.flatten.pseudo_inverse_ridge;
                return (row.iteration, row.attempts, row.ridge, row.step) == (updates, 1, ridge, 1.0);
            }
            // Attempts with the idealized bumps come first, then those of the minima alone.
            let most = if self.job.plan.flattens_idealized(updates - 1) { 2 } else { 1 } * ATTEMPTS.len();
            if !(1..=most).contains(&row.attempts) {
                return false;
            }
            let (raise, step) = ATTEMPTS[(row.attempts - 1) % ATTEMPTS.len()];
            let ridge = self.job.ridge(updates - 1, raise * factor);
            factor = after_acceptance(factor * raise);
            row.iteration == updates
                && close(row.ridge, ridge)
                && row.step == step
                && row.energy_sd < rows[updates - 1].energy_sd
        })
    }

    fn is_possible(&self, row: &IterationRecord) -> bool {
        let plan = self.job.plan;
        let states = plan.states() + plan.held_out_points();
        let finite = [
            row.heldout_sd,
            row.heldout_peak,
            row.heldout_robust_sd,
            row.delta_mean_abs,
            row.delta_sd,
            row.lambda_rms.unwrap_or(0.0),
            row.heldout_lambda_rms.unwrap_or(0.0),
            row.kkt_residual_max.unwrap_or(0.0),
            row.seconds.unwrap_or(0.0),
        ];
        finite.iter().all(|x| x.is_finite() && *x >= 0.0)
            && row.bumps_lost <= states
            && row.unconverged <= states
            && row.heldout_sd <= row.heldout_peak * (1.0 + TOLERANCE)
            && (row.iteration > 0) == (row.delta_sd > 0.0)
    }

    /// Heights of the idealized bumps above the first and the last landscape, which cost little.
    fn heights(&self) -> Result<bool> {
        let (job, rows) = (self.job, &self.records.iterations);
        let Some(delta) = &self.records.delta else { return Ok(true) };
        let (states, stride) = (job.plan.states(), job.plan.held_out_stride);
        let networks =
            [(0, job.network.weights.clone()), (rows.len() - 1, job.network.weights.plus(1.0, delta))];
        for (index, weights) in networks {
            let landscape = &self.records.energies[index * states..(index + 1) * states];
            let bumps = job.idealized(&weights, job.fitted_points().every(stride), &job.tick())?.1;
            let sum: f64 = bumps.iter().zip(landscape.iter().step_by(stride)).map(|(bump, e)| bump - e).sum();
            let height = sum / bumps.len() as f64;
            let scale = rows[index].energy_mean.abs();
            if !((height - rows[index].idealized_height).abs() <= HEIGHT_TOLERANCE * scale) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `summary.json` from the two tables.
    pub(super) fn summary(&mut self) -> Result<()> {
        let summary = self.directory.read_summary()?;
        let records = &self.records;
        let (plan, network) = (self.job.plan, self.job.network);
        let again = Summary::new(plan, self.manifest.outcome, &records.iterations, &records.drift)
            .with_memory(plan, network, &records.paths);
        let again = Summary { alone: summary.alone.clone(), ..again };
        self.claim(
            "summary.json",
            again == summary,
            "the summary follows from the status, iterations.csv and drift.csv",
        )?;
        let complete = self.manifest.status == RunState::Complete;
        let alone = if complete { self.job.one_map_alone()? } else { Vec::new() };
        let tolerance = if self.on_cpu() { ALONE_TOLERANCE } else { GPU_TOLERANCE };
        let same = |a: &OneMap, b: &OneMap| {
            let figures = |one: &OneMap| {
                [
                    one.heldout_sd,
                    one.heldout_robust_sd,
                    one.drift.mean_drift,
                    one.drift.phase_mean_drift,
                    one.drift.score,
                ]
            };
            let close = |(x, y): (f64, f64)| (x - y).abs() <= tolerance * (1.0 + x.abs());
            (a.map, a.shape) == (b.map, b.shape) && figures(a).into_iter().zip(figures(b)).all(close)
        };
        let agree =
            alone.len() == summary.alone.len() && alone.iter().zip(&summary.alone).all(|(a, b)| same(a, b));
        self.claim(
            "summary.json",
            agree,
            "one map alone is as rough, and its bumps move as far, as the summary says",
        )
    }
}
