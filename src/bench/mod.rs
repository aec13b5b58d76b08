//! CPU and GPU side by side, on the same inputs: time, rate, share of what the device can do, and errors.
//!
//! Every time is the wall time of a whole call as the program makes it: upload, pipelines, work, read-back, and what the
//! host does with the results. It is the median of several repetitions after a warm-up; a call that takes longer than
//! [`LONG_SECONDS`] is its own and only measurement.
//!
//! The CPU works in f64 and is the reference. An error is the absolute difference of one element from it; beside the
//! largest and the median error stands the largest absolute value of the reference, which says how much the error is.
//!
//! Shares of peaks rest on counts of what active neurons need, not of what a kernel happens to do; see [`Work`].
//! What kernels and host counted in one call stands beside that, and what devices that are not here would take for it; see
//! [`Prediction`] and the arithmetic in `predict.rs`.
//!
//! The peaks are those of [`crate::compute::gpu::Gpu::peaks`], measured in the same run.

mod case;
mod predict;
mod stage;
mod table;

use serde::Serialize;

pub use predict::{HOST_CORES, Prediction};
pub use stage::{Compared, GpuTiming, LONG_SECONDS, Stage, Timing, Work};

use crate::compute::backend::Backend;
use crate::compute::cpu::Cpu;
use crate::compute::gpu::{AdapterReport, DeviceKind, Gpu, Peaks};
use crate::error::Result;
use crate::setup::config::Config;
use crate::setup::plan::Plan;

/// What is run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Every N.
    pub neurons: Vec<usize>,
    /// Every L, for every N.
    pub maps: Vec<usize>,
    /// Steps of the trajectories of all points; those of ten starts a map take [`LONGER`] times as many.
    pub steps: usize,
    /// Most points on all maps together. Where N·L is more, evenly spaced ones are taken.
    pub states: usize,
    /// Calls that are timed.
    pub repetitions: usize,
}

/// Trajectories of ten starts a map take this many times as many steps as trajectories from all points.
pub const LONGER: usize = 10;

/// Everything that was measured; what `benches/results/` keeps of real GPUs.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this program.
    pub version: &'static str,
    /// The CPU path.
    pub cpu: String,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<AdapterReport>,
    /// What it can do at best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peaks: Option<Peaks>,
    /// What has to be known to read the figures.
    pub notes: Vec<String>,
    /// What was run.
    pub settings: Settings,
    /// One for each N and L.
    pub cases: Vec<Case>,
}

/// What was measured on one network.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// N.
    pub neurons: usize,
    /// L.
    pub maps: usize,
    /// Points on all maps together.
    pub states: usize,
    /// Mean number of active neurons in a constrained minimum.
    pub active_neurons: f64,
    /// In the order in which they ran.
    pub stages: Vec<Stage>,
}

/// Measures everything. Without a GPU, the CPU alone; `reason` says why there is none. `told` hears what runs next.
///
/// # Errors
/// If the settings have no network, or the CPU path fails. What fails on the GPU is recorded, and the rest goes on.
pub fn run(
    config: &Config,
    settings: &Settings,
    gpu: std::result::Result<&Gpu, &str>,
    told: &dyn Fn(&str),
) -> Result<Report> {
    let plans = plans(config, settings)?;
    let mut notes = Vec::new();
    let peaks = match gpu {
        Err(reason) => {
            notes.push(format!("CPU only: {reason}"));
            None
        }
        Ok(gpu) => {
            if gpu.report().kind == DeviceKind::Software {
                notes.push(format!(
                    "{} is a software driver: it proves that results are right; its times and shares say nothing of a GPU",
                    gpu.report().name
                ));
            }
            told("the device's peaks");
            match gpu.peaks() {
                Ok(peaks) => Some(peaks),
                Err(why) => {
                    notes.push(format!("no shares of peaks: {why}"));
                    None
                }
            }
        }
    };
    let gpu = gpu.ok();
    let bench = stage::Bench { repetitions: settings.repetitions, gpu, peaks, told };
    let cases = plans.iter().map(|plan| case::run(&bench, plan, settings)).collect::<Result<_>>()?;
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        cpu: Cpu.describe().to_string(),
        device: gpu.map(|gpu| gpu.report().clone()),
        peaks,
        notes,
        settings: settings.clone(),
        cases,
    })
}

impl Report {
    /// Stages that the device did not finish.
    pub fn failures(&self) -> usize {
        self.cases.iter().flat_map(|case| &case.stages).filter(|stage| stage.failure.is_some()).count()
    }
}

/// One outer iteration on every network, checked before anything runs.
fn plans(config: &Config, settings: &Settings) -> Result<Vec<Plan>> {
    let mut plans = Vec::new();
    for &neurons in &settings.neurons {
        for &maps in &settings.maps {
            let mut config = config.clone();
            config.network.neurons = Some(neurons);
            config.network.maps = Some(maps);
            config.flatten.points_per_map = Some(points_per_map(neurons, maps, settings.states));
            config.flatten.iterations = 1;
            plans.push(Plan::new(config)?);
        }
    }
    Ok(plans)
}

/// The largest divisor of N that gives no more than `most` points on all maps.
fn points_per_map(neurons: usize, maps: usize, most: usize) -> usize {
    (1..=neurons).rev().find(|k| neurons.is_multiple_of(*k) && k * maps <= most).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_fit_the_ring_and_the_bound() {
        assert_eq!(points_per_map(600, 10, 6000), 600);
        assert_eq!(points_per_map(600, 10, 5999), 300);
        assert_eq!(points_per_map(6000, 20, 6000), 300);
        assert_eq!(points_per_map(20, 30, 10), 1);
    }
}
