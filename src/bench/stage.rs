//! One stage: what is timed, what it needs, and how its results are compared.

use std::cell::Cell;
use std::time::Instant;

use serde::Serialize;

use super::predict::{Kernel, Prediction, predictions};
use crate::compute::gpu::{Counted, Gpu, Peaks};
use crate::error::Result;

/// A warm-up that takes longer than this counts as the measurement (s).
pub const LONG_SECONDS: f64 = 5.0;

/// Times of one stage on one device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// Median over the repetitions (s).
    pub seconds: f64,
    /// The shortest (s).
    pub seconds_min: f64,
    /// The longest (s).
    pub seconds_max: f64,
    /// How many there were. A single one was the warm-up itself if it was long.
    pub repetitions: usize,
    /// States times steps per second; states per second where there are no steps.
    pub states_steps_per_second: f64,
}

/// Times of one stage on the GPU, and how well they use it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GpuTiming {
    /// Times.
    #[serde(flatten)]
    pub timing: Timing,
    /// The CPU's time divided by the GPU's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speedup: Option<f64>,
    /// Fraction of the measured FP32 peak; only for f32 work of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_of_flops: Option<f64>,
    /// Fraction of the measured bandwidth; above 1 where caches serve what is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_of_bandwidth: Option<f64>,
    /// What kernels and host counted in one call.
    pub counted: Counted,
    /// What named devices would take for that; empty where no kernel runs.
    pub predicted: Vec<Prediction>,
}

/// Errors of one quantity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// What was compared.
    pub quantity: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Number of elements that are not zero on both: silent neurons would make every median zero.
    pub compared: usize,
    /// Largest absolute difference from the CPU; not a number (null) if any element is not, or their numbers differ.
    pub largest: f64,
    /// Median absolute difference.
    pub median: f64,
    /// Largest absolute value on the CPU.
    pub scale: f64,
}

/// What active neurons need of a stage. With a active neurons, for each state:
///
/// | stage | operations | bytes |
/// |---|---|---|
/// | trajectories, a step; a is the mean of start and end | 2·a·N | 4·a·N/8 of W, whose rows eight states share, and 8·N of currents |
/// | minima, an iteration | a³/3 + 2·a·N | 4·(a² + a·N) of W |
///
/// Iterations are those of the CPU, which factorizes; the device's conjugate gradients do other operations towards
/// the same end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Work {
    /// Operations; a multiply-add is two.
    pub flops: f64,
    /// Bytes of device memory, each counted once.
    pub bytes: f64,
}

/// What a stage is computed in on the device; the CPU always takes f64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Arithmetic {
    /// f32.
    #[serde(rename = "f32")]
    Single,
    /// f32 on the device, ended in f64 on the host.
    #[serde(rename = "mixed")]
    Mixed,
    /// f64 on the host: the device has no part in it.
    #[serde(rename = "host")]
    Host,
}

impl Arithmetic {
    /// As it stands in tables.
    pub fn name(self) -> &'static str {
        match self {
            Arithmetic::Single => "f32",
            Arithmetic::Mixed => "mixed",
            Arithmetic::Host => "host",
        }
    }
}

/// One stage on both.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// Its name.
    pub stage: &'static str,
    /// What the device computes in.
    pub precision: Arithmetic,
    /// States.
    pub states: usize,
    /// Steps of each; 1 where there are none.
    pub steps: usize,
    /// What active neurons need, where shares are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// The kernel that does it, where one does.
    #[serde(skip)]
    pub kernel: Option<Kernel>,
    /// The CPU; nothing for a part of a stage that only the device has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Timing>,
    /// The GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuTiming>,
    /// Why the GPU did not finish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The GPU's errors.
    pub errors: Vec<Compared>,
}

impl Stage {
    /// A stage that has not run.
    pub(super) fn new(
        stage: &'static str,
        precision: Arithmetic,
        states: usize,
        steps: usize,
        work: Option<Work>,
    ) -> Self {
        Self {
            stage,
            precision,
            states,
            steps,
            work,
            kernel: None,
            cpu: None,
            gpu: None,
            failure: None,
            errors: Vec::new(),
        }
    }

    fn items(&self) -> f64 {
        (self.states * self.steps) as f64
    }
}

impl Compared {
    /// Compares element by element.
    pub(super) fn of(
        quantity: &'static str,
        unit: &'static str,
        found: impl IntoIterator<Item = f64>,
        expected: impl IntoIterator<Item = f64>,
    ) -> Self {
        let (mut found, mut expected) = (found.into_iter(), expected.into_iter());
        let (mut errors, mut scale, mut is_empty) = (Vec::new(), 0.0, true);
        loop {
            let pair = (found.next(), expected.next());
            if pair == (None, None) {
                break;
            }
            is_empty = false;
            let (found, expected) = (pair.0.unwrap_or(f64::NAN), pair.1.unwrap_or(f64::NAN));
            scale = f64::max(scale, expected.abs());
            if (found, expected) != (0.0, 0.0) {
                errors.push((found - expected).abs());
            }
        }
        // In this order what is not a number comes last, so that it is the largest.
        errors.sort_unstable_by(f64::total_cmp);
        let nothing = if is_empty { f64::NAN } else { 0.0 };
        let largest = errors.last().copied().unwrap_or(nothing);
        let median = errors.get(errors.len() / 2).copied().unwrap_or(nothing);
        Self { quantity, unit, compared: errors.len(), largest, median, scale }
    }
}

/// Who measures, and where.
pub(super) struct Bench<'a> {
    pub repetitions: usize,
    pub gpu: Option<&'a Gpu>,
    pub peaks: Option<Peaks>,
    pub told: &'a dyn Fn(&str),
}

impl Bench<'_> {
    /// Runs a stage on both devices, and compares; returns the CPU's results too.
    pub fn both<T>(
        &self,
        stage: &mut Stage,
        cpu: impl Fn() -> Result<T>,
        gpu: impl Fn(&Gpu) -> Result<T>,
        compare: impl Fn(&T, &T) -> Vec<Compared>,
    ) -> Result<T> {
        let expected = self.cpu(stage, cpu)?;
        self.device(stage, gpu, |found| compare(found, &expected));
        Ok(expected)
    }

    /// Runs a stage on the CPU.
    pub fn cpu<T>(&self, stage: &mut Stage, work: impl Fn() -> Result<T>) -> Result<T> {
        (self.told)(&format!("{} on the CPU", stage.stage));
        let (timing, value) = self.time(stage.items(), work)?;
        stage.cpu = Some(timing);
        Ok(value)
    }

    /// Runs a stage on the GPU, if there is one.
    pub fn device<T>(
        &self,
        stage: &mut Stage,
        work: impl Fn(&Gpu) -> Result<T>,
        compare: impl Fn(&T) -> Vec<Compared>,
    ) {
        let Some(gpu) = self.gpu else { return };
        (self.told)(&format!("{} on the GPU", stage.stage));
        let counted = Cell::new(Counted::default());
        let counting = || {
            let before = gpu.counted();
            let found = work(gpu);
            counted.set(gpu.counted() - before);
            found
        };
        match self.time(stage.items(), counting) {
            Err(why) => stage.failure = Some(why.to_string()),
            Ok((timing, found)) => {
                stage.errors = compare(&found);
                let share = |need: f64, peak: f64| need / timing.seconds / peak;
                let known = stage.work.zip(self.peaks);
                let counted = counted.get();
                let predicted = |kernel: Kernel| predictions(&counted, &kernel);
                stage.gpu = Some(GpuTiming {
                    timing,
                    speedup: stage.cpu.map(|cpu| cpu.seconds / timing.seconds),
                    share_of_flops: known
                        .filter(|_| stage.precision == Arithmetic::Single)
                        .map(|(work, peaks)| share(work.flops, peaks.flops)),
                    share_of_bandwidth: known.map(|(work, peaks)| share(work.bytes, peaks.bandwidth)),
                    counted,
                    predicted: stage.kernel.map(predicted).unwrap_or_default(),
                });
            }
        }
    }

    /// Times of a call, and what it returned last.
    fn time<T>(&self, items: f64, work: impl Fn() -> Result<T>) -> Result<(Timing, T)> {
        let once = || -> Result<(f64, T)> {
            let started = Instant::now();
            let value = work()?;
            Ok((started.elapsed().as_secs_f64(), value))
        };
        let (warm_up, mut value) = once()?;
        let mut seconds = vec![warm_up];
        if warm_up <= LONG_SECONDS {
            seconds.clear();
            for _ in 0..self.repetitions {
                // The old result is freed outside the measured time.
                let (took, new) = once()?;
                value = new;
                seconds.push(took);
            }
        }
        seconds.sort_by(f64::total_cmp);
        let median = seconds[seconds.len() / 2];
        let timing = Timing {
            seconds: median,
            seconds_min: seconds[0],
            seconds_max: seconds[seconds.len() - 1],
            repetitions: seconds.len(),
            states_steps_per_second: items / median,
        };
        Ok((timing, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_and_nothing_hides_one() {
        let good = Compared::of("x", "Hz", [1.0, 2.0, 3.5], [1.0, -2.25, 3.0]);
        assert_eq!((good.largest, good.median, good.scale, good.compared), (4.25, 0.5, 3.0, 3));
        assert!(Compared::of("x", "Hz", [1.0, f64::NAN, 1.0], [1.0, 1.0, 1.0]).largest.is_nan());
        assert!(Compared::of("x", "Hz", [1.0], [1.0, 1.0]).largest.is_nan());
        assert!(Compared::of("x", "Hz", [], []).largest.is_nan());
        let sparse = Compared::of("x", "Hz", [0.0, 0.0, 0.0, 1.5], [0.0, 0.0, 0.0, 1.0]);
        assert_eq!((sparse.median, sparse.compared), (0.5, 1));
        assert_eq!(Compared::of("x", "Hz", [0.0], [0.0]).largest, 0.0);
    }

    #[test]
    fn a_device_that_is_not_there_leaves_the_cpu_alone() {
        let bench = Bench { repetitions: 3, gpu: None, peaks: None, told: &|_| {} };
        let mut stage = Stage::new("nothing", Arithmetic::Single, 10, 2, None);
        let value = bench.both(&mut stage, || Ok(7), |_| Ok(8), |_, _| Vec::new()).unwrap();
        assert_eq!(value, 7);
        let cpu = stage.cpu.unwrap();
        assert_eq!((cpu.repetitions, stage.gpu, stage.failure), (3, None, None));
        assert!(cpu.seconds_min <= cpu.seconds && cpu.seconds <= cpu.seconds_max);
    }
}
