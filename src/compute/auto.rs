//! Each stage on the CPU or on a GPU, whichever is predicted to be faster.
//!
//! What both can do is measured at the first start, and kept ([`Speeds::find`]): a loop of the CPU's innermost product on all
//! threads, and the device's two short kernels ([`Gpu::rough_peaks`]). A stage's time follows from its multiply-adds, counted for
//! networks of 600 and 6,000 neurons (`benches/README.md`), with a the active neurons of a state, a step and a state:
//!
//! | stage | CPU, flops | GPU, multiply-adds; beside them |
//! |---|---|---|
//! | trajectories | 2·a·N | a·N; 2 µs a step |
//! | minima | 12·(a³/12 + 2·a·N), large systems being solved in f32 by blocks | 650·a², 190·a² bytes; 40 µs of latency a state, and 45·a² flops of the host |
//! | weight update by conjugate gradients | 80·a² | 160·a², and 12·N² bytes a map and product |
//!
//! Kernels reach half of the measured peaks, and read W from caches that are twice as fast as the memory. A GPU is taken if it would
//! need less than 0.7 of the CPU's time.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::compute::backend::Backend;
use crate::compute::cpu::Cpu;
use crate::compute::device::ComputeDevice;
use crate::compute::gpu::Gpu;
use crate::compute::speeds::{Found, Speeds};
use crate::dynamics::noise::Noise;
use crate::dynamics::noisy::NoisyStart;
use crate::dynamics::trajectories::{Dynamics, Trajectory};
use crate::error::{Error, Result};
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::States;
use crate::manifold::Points;
use crate::progress::Tick;
use crate::solve::{SolverKind, WeightProblem, WeightUpdate};
use crate::text::{duration, printable, significant};

/// Who hears which device a stage goes to.
pub type Told = Box<dyn Fn(&str) + Send + Sync>;

/// A prediction is wrong by so much.
const MARGIN: f64 = 0.7;

/// Share of its peak that a kernel reaches, and speed of caches in units of the memory's.
const SHARE: f64 = 0.5;
const CACHES: f64 = 2.0;

/// A step of a workgroup, and what a stage takes on a device in any case (s).
const STEP_SECONDS: f64 = 2e-6;
const STAGE_SECONDS: f64 = 5e-3;

/// Predicted times of a stage (s).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// On the CPU.
    pub cpu: f64,
    /// On the GPU.
    pub gpu: f64,
}

impl Times {
    /// Whether the stage goes to the GPU.
    pub fn favour_gpu(self) -> bool {
        self.gpu < MARGIN * self.cpu
    }
}

impl Speeds {
    /// Whether any work of whatever size goes to the GPU.
    pub fn favour_gpu(self) -> bool {
        self.trajectories(1e6, 1e6, 60.0, 600.0).favour_gpu() || self.minima(1e6, 600.0, 6000.0).favour_gpu()
    }

    fn device(self, multiply_adds: f64, bytes: f64) -> f64 {
        let arithmetic = 2.0 * multiply_adds / (SHARE * self.gpu.flops);
        STAGE_SECONDS + arithmetic.max(bytes / (CACHES * SHARE * self.gpu.bandwidth))
    }

    /// Trajectories of so many states and steps, with `active` of `neurons` active.
    pub fn trajectories(self, states: f64, steps: f64, active: f64, neurons: f64) -> Times {
        let adds = states * steps * active * neurons;
        Times { cpu: 2.0 * adds / self.cpu, gpu: self.device(adds, 4.0 * adds).max(steps * STEP_SECONDS) }
    }

    /// Constrained minima of so many states.
    pub fn minima(self, states: f64, active: f64, neurons: f64) -> Times {
        let cpu = 12.0 * (active.powi(3) / 12.0 + 2.0 * active * neurons);
        let square = active * active;
        let host = 45.0 * square / self.cpu;
        let device = self.device(650.0 * states * square, 190.0 * states * square).max(4e-5 * states);
        Times { cpu: states * cpu / self.cpu, gpu: device + states * host }
    }

    /// A weight update by conjugate gradients for so many states on `maps` maps.
    pub fn weight_update(self, states: f64, maps: f64, active: f64, neurons: f64) -> Times {
        let cpu = 80.0 * states * active * active / self.cpu;
        let bytes = 20.0 * maps * 12.0 * neurons * neurons;
        Times { cpu, gpu: self.device(160.0 * states * active * active, bytes) }
    }
}

/// The backend for a device: the CPU outright if no stage would ever go to the device. `told` hears where stages go. Measured
/// speeds are kept in the file `kept`, if one is given.
pub fn automatic(gpu: Gpu, told: Told, kept: Option<&Path>) -> (Arc<dyn Backend>, String) {
    let name = gpu.describe();
    let found = match Speeds::find(&gpu, kept) {
        Ok(found) => found,
        Err(why) => {
            return (
                Arc::new(Cpu),
                format!("{}: {name} failed when it was measured ({why})", Cpu.describe()),
            );
        }
    };
    let speeds = found.speeds;
    let measured = format!("{name} {}", measured(found, kept));
    if !speeds.favour_gpu() {
        return (Arc::new(Cpu), format!("{}: faster than the GPU; {measured}", Cpu.describe()));
    }
    let reason = format!("{name} where it is faster, else the CPU; {measured}");
    (at_speeds(gpu, speeds, told), reason)
}

/// What was measured; if it was at an earlier start, when that was and how to forget it.
fn measured(found: Found, kept: Option<&Path>) -> String {
    let Speeds { cpu, gpu } = found.speeds;
    let speeds = format!(
        "was measured at {} GFLOP/s and {} GB/s, this CPU at {} GFLOP/s",
        significant(gpu.flops / 1e9),
        significant(gpu.bandwidth / 1e9),
        significant(cpu / 1e9)
    );
    match (found.age, kept) {
        (Some(age), Some(file)) => format!(
            "{speeds}, {} ago (to measure again, remove {})",
            duration(age.as_secs_f64()),
            printable(&file.display().to_string())
        ),
        _ => speeds,
    }
}

/// The backend for a device that is as fast as that, whatever was measured.
pub fn at_speeds(gpu: Gpu, speeds: Speeds, told: Told) -> Arc<dyn Backend> {
    Arc::new(Auto { gpu, speeds, told, said: Mutex::default() })
}

/// Both devices.
struct Auto {
    gpu: Gpu,
    speeds: Speeds,
    told: Told,
    /// What was said of stages.
    said: Mutex<BTreeSet<(&'static str, bool)>>,
}

impl Auto {
    /// Does a stage where it is predicted to be faster; on the CPU after all if the device fails.
    fn run<T>(
        &self,
        stage: &'static str,
        times: Times,
        tick: &Tick<'_>,
        work: impl Fn(&dyn Backend, &Tick<'_>) -> Result<T>,
    ) -> Result<T> {
        let takes_gpu = times.favour_gpu();
        if self.said.lock().unwrap_or_else(PoisonError::into_inner).insert((stage, takes_gpu)) {
            let device = if takes_gpu { "GPU" } else { "CPU" };
            (self.told)(&format!(
                "{stage}: on the {device} (predicted: {} on the GPU, {} on the CPU)",
                duration(times.gpu),
                duration(times.cpu)
            ));
        }
        if !takes_gpu {
            return work(&Cpu, tick);
        }
        tick.with_second_attempt(
            |tick| work(&self.gpu, tick),
            |why, tick| match why {
                Error::Run(_) | Error::Device(_) if !tick.stopped() => {
                    (self.told)(&format!("{stage}: on the CPU after all; {why}"));
                    work(&Cpu, tick)
                }
                why => Err(why),
            },
        )
    }

    fn trajectory_times(&self, dynamics: &Dynamics<'_>, starts: usize, active: usize, at: &[usize]) -> Times {
        let steps = at.last().copied().unwrap_or(0) as f64;
        let each = active as f64 / starts.max(1) as f64;
        self.speeds.trajectories(starts as f64, steps, each, dynamics.weights.neurons() as f64)
    }
}

/// Neurons with a positive current.
fn active(current: &[f64]) -> usize {
    current.iter().filter(|i| **i > 0.0).count()
}

impl Backend for Auto {
    /// The GPU, which may have had a part in the results.
    fn describe(&self) -> ComputeDevice {
        self.gpu.describe()
    }

    fn minima(
        &self,
        problem: &Problem<'_>,
        points: Points<'_>,
        start: Start<'_>,
        tick: &Tick<'_>,
    ) -> Result<Minima> {
        let groups = 0..problem.maps.groups().len();
        let active = groups.map(|group| problem.bumps.active(group)).max().unwrap_or(0);
        let mut times = self.speeds.minima(points.len() as f64, active as f64, problem.maps.neurons() as f64);
        if self.gpu.supports(problem).is_err() {
            times.gpu = f64::INFINITY;
        }
        self.run("minima", times, tick, |device, tick| device.minima(problem, points, start, tick))
    }

    fn energies(&self, problem: &Problem<'_>, states: &States, tick: &Tick<'_>) -> Result<Vec<f64>> {
        Cpu.energies(problem, states, tick)
    }

    fn weight_update(&self, problem: &WeightProblem<'_>, tick: &Tick<'_>) -> Result<WeightUpdate> {
        if problem.solver != SolverKind::Cg {
            return Cpu.weight_update(problem, tick);
        }
        let (states, maps) = (problem.manifolds.states, problem.manifolds.maps);
        let (count, neurons) = (states.len() as f64, maps.neurons() as f64);
        let times = self.speeds.weight_update(count, maps.count() as f64, states.mean_active(), neurons);
        self.run("weight update", times, tick, |device, tick| device.weight_update(problem, tick))
    }

    fn trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        starts: &[Vec<f64>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>> {
        let active = starts.iter().map(|current| active(current)).sum();
        let times = self.trajectory_times(dynamics, starts.len(), active, at);
        self.run("trajectories", times, tick, |device, tick| device.trajectories(dynamics, starts, at, tick))
    }

    fn noisy_trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        noise: &Noise,
        starts: &[NoisyStart<'_>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>> {
        let active = starts.iter().map(|start| active(start.current)).sum();
        let times = self.trajectory_times(dynamics, starts.len(), active, at);
        self.run("trajectories under noise", times, tick, |device, tick| {
            device.noisy_trajectories(dynamics, noise, starts, at, tick)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::compute::gpu::Peaks;

    /// Two cores, and devices by their measured peaks.
    fn speeds(flops: f64, bandwidth: f64) -> Speeds {
        Speeds { cpu: 4e10, gpu: Peaks { flops, bandwidth } }
    }

    #[test]
    fn a_fast_device_gets_what_is_large_and_a_slow_one_nothing() {
        let h200 = speeds(5e13, 4e12);
        assert!(h200.favour_gpu());
        // All points of the paper's network for a second; one bump for a moment.
        assert!(h200.trajectories(6000.0, 5000.0, 59.0, 600.0).favour_gpu());
        assert!(!h200.trajectories(1.0, 100.0, 59.0, 600.0).favour_gpu());
        assert!(h200.minima(60_000.0, 590.0, 6000.0).favour_gpu());
        assert!(!h200.minima(10.0, 59.0, 600.0).favour_gpu());
        assert!(h200.weight_update(60_000.0, 100.0, 590.0, 6000.0).favour_gpu());
        assert!(!h200.weight_update(100.0, 2.0, 12.0, 120.0).favour_gpu());
        // What says that it is a GPU and is a program.
        assert!(!speeds(4e10, 6e9).favour_gpu());
    }

    #[test]
    fn who_hears_of_kept_speeds_hears_how_to_forget_them() {
        let file = Path::new("somewhere/speeds.json");
        let found = Found { speeds: speeds(5e13, 4e12), age: None };
        let now = measured(found, Some(file));
        assert_eq!(now, "was measured at 50000 GFLOP/s and 4000 GB/s, this CPU at 40.00 GFLOP/s");
        let earlier = measured(Found { age: Some(Duration::from_secs(10_800)), ..found }, Some(file));
        assert_eq!(earlier, format!("{now}, 3.0 h ago (to measure again, remove somewhere/speeds.json)"));
    }
}
