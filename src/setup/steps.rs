//! Durations as numbers of Euler steps, and how often trajectories are repeated and recorded.

use crate::error::{Error, Result};
use crate::setup::config::{Config, NoiseName};

/// A duration counts as a whole number of steps if it differs from one by at most this fraction: enough for the
/// rounding of decimal fractions, and far less than a step.
const STEP_TOLERANCE: f64 = 1e-12;

/// How many Euler steps a time is.
pub(super) fn whole_steps(key: &str, ms: f64, dt_ms: f64) -> Result<usize> {
    let steps = (ms / dt_ms).round();
    if !(1.0..=1e10).contains(&steps) {
        return Err(Error::Usage(format!(
            "{key} = {ms} is {steps} steps of dynamics.dt_ms = {dt_ms}; it takes between 1 and 10^10"
        )));
    }
    let made = steps * dt_ms;
    if (made - ms).abs() > STEP_TOLERANCE * made {
        return Err(Error::Usage(format!(
            "{key} = {ms} is not a whole number of steps of dynamics.dt_ms = {dt_ms}; the nearest are {} and {}",
            significant_steps(dt_ms, ms, f64::floor),
            significant_steps(dt_ms, ms, f64::ceil),
        )));
    }
    Ok(steps as usize)
}

/// Trajectories from every start under noise if nothing else is asked for: enough for a variance good to a third.
const NOISY_REPLICATES: usize = 20;

/// Rows of a noisy trajectory if nothing else is asked for.
const RECORDS: usize = 60;

/// Trajectories from every start, and Euler steps between two rows of `trajectories.csv`.
pub(super) fn records(config: &Config, steps: usize) -> Result<(usize, Option<usize>)> {
    let (measure, noise) = (&config.measure, config.dynamics.noise.kind);
    let noisy = noise != NoiseName::None;
    let replicates = measure.replicates.unwrap_or(if noisy { NOISY_REPLICATES } else { 1 });
    if replicates > 1 && !noisy && measure.corrupt.is_none() {
        return Err(Error::Usage(format!(
            "measure.replicates = {replicates} without noise would be {replicates} times the same; set dynamics.noise.kind or measure.corrupt, or leave replicates out"
        )));
    }
    let gone = measure.corrupt.silence + measure.corrupt.replace;
    if gone > 1.0 {
        return Err(Error::Usage(format!(
            "measure.corrupt.silence + replace = {gone} are more neurons than are active; together they may be 1 at most"
        )));
    }
    let every = match measure.record_ms {
        Some(ms) => Some(whole_steps("measure.record_ms", ms, config.dynamics.dt_ms)?.min(steps)),
        None => noisy.then(|| steps.div_ceil(RECORDS)),
    };
    Ok((replicates, every))
}

/// The duration of a whole number of steps (ms), without digits that rounding adds.
fn significant_steps(dt_ms: f64, duration_ms: f64, whole: fn(f64) -> f64) -> f64 {
    let text = format!("{:.12e}", whole(duration_ms / dt_ms).max(1.0) * dt_ms);
    text.parse().unwrap_or(dt_ms)
}
