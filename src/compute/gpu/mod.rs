//! The work on a GPU, through wgpu: any Vulkan, Metal or DX12 adapter that passes its self-test.
//!
//! | stage | shader | CPU function of the same meaning | precision |
//! |---|---|---|---|
//! | trajectories | `trajectories.wgsl` | [`trajectory::trajectories`](crate::dynamics::trajectories::trajectories) | f32; energies at snapshots f64 on the host |
//! | constrained minima | `minimum.wgsl` | [`minimum::minima`](crate::landscape::minima::minima) | f32; its steps for gaps in f64; accepted, or ended, by the host's f64 Newton |
//! | energies | – | [`crate::landscape::energy::Energy::of_states`] | f64 on the host: a²·S operations, and they decide what is accepted |
//! | weight update | – | [`weight_update`](crate::solve::weight_update) | f64 on the host: the Gram matrix has condition 10⁷ |
//! | Gram matrix, gradient, response | `gram.wgsl`, `gradient.wgsl`, `response.wgsl` | [`gram_matrix`](crate::solve::direct::gram_matrix), [`weight_gradient`](crate::solve::direct::weight_gradient), [`response`](crate::solve::direct::response) | f32, or f64 where the device has it |
//! | scores | `scores.wgsl` | [`score::Scorer::place`](crate::dynamics::decoding::Scorer::place) | f32 |

mod adapter;
mod counts;
mod device;
mod grouping;
mod minimum;
mod peaks;
mod plan;
mod products;
mod refine;
mod scores;
mod selftest;
pub mod shaders;
mod trajectories;
mod weights;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use adapter::{AdapterReport, DeviceKind, Verdict, list, preferred};
pub use counts::Counted;
pub use device::Conditions;
pub use peaks::Peaks;
pub use products::Precision;

use crate::compute::backend::Backend;
use crate::compute::device::ComputeDevice;
use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::decoding::Place;
use crate::dynamics::noise::Noise;
use crate::dynamics::noisy::NoisyStart;
use crate::dynamics::trajectories::{Dynamics, Trajectory};
use crate::error::{Error, Result};
use crate::landscape::bumps::IdealizedBumps;
use crate::landscape::problem::{Minima, Minimizer, Problem, Start};
use crate::landscape::states::{StateBuf, States};
use crate::manifold::Maps;
use crate::manifold::Points;
use crate::progress::Tick;
use device::{Device, DeviceResult, Failure};
use plan::Plan;

/// Set to a number, destroys the device after that many submissions; a second number, after a comma, does the same to the
/// device that replaces it. For tests of how a lost device is replaced.
pub const DESTROY_DEVICE_AFTER: &str = "FLATSCAPE_DESTROY_DEVICE_AFTER";

/// Why there is no GPU, for where the CPU is taken already and need not be recommended.
pub fn without_way_out(why: &Error) -> String {
    let why = why.to_string();
    why.strip_suffix(adapter::WAY_OUT).unwrap_or(&why).to_owned()
}

/// Every shader as a network of `neurons` with `bump` active ones in a bump compiles it on a device of the given limits.
///
/// # Errors
/// What the device lacks.
pub fn every_shader(
    neurons: usize,
    bump: usize,
    limits: &wgpu::Limits,
) -> std::result::Result<Vec<shaders::Shader>, String> {
    let mut all = Plan::new(neurons, bump, limits)?.shaders();
    all.push(shaders::selftest(Vec::new()));
    all.push(shaders::scores(vec![("THREADS", 64)]));
    all.extend([shaders::gram, shaders::gradient, shaders::response].map(|product| product(Vec::new())));
    all.extend([shaders::peak_flops, shaders::peak_bandwidth].map(|peak| peak(vec![("THREADS", 256)])));
    Ok(all)
}

/// A GPU that passed its self-test.
pub struct Gpu {
    report: AdapterReport,
    device: Mutex<Arc<Device>>,
    conditions: Conditions,
    /// Devices opened so far.
    opened: AtomicUsize,
}

impl Gpu {
    /// Opens the adapter whose name contains `adapter`, or the best that passes its self-test.
    ///
    /// # Errors
    /// [`Error::Device`] with what was found.
    pub fn new(adapter: Option<&str>) -> Result<Self> {
        let asked = std::env::var(DESTROY_DEVICE_AFTER).unwrap_or_default();
        let destroy_after = asked.split(',').filter_map(|n| n.trim().parse().ok()).collect();
        Self::under(adapter, Conditions { destroy_after, ..Conditions::default() })
    }

    /// As [`Gpu::new`], under circumstances that tests impose.
    ///
    /// # Errors
    /// [`Error::Device`] with what was found.
    pub fn under(adapter: Option<&str>, conditions: Conditions) -> Result<Self> {
        let (report, device) = adapter::open(adapter, &conditions)?;
        let gpu =
            Self { report, device: Mutex::new(Arc::new(device)), conditions, opened: AtomicUsize::new(0) };
        gpu.light_fuse(&gpu.device());
        Ok(gpu)
    }

    /// The adapter.
    pub fn report(&self) -> &AdapterReport {
        &self.report
    }

    /// What the device can do at best, measured now; takes about a second.
    ///
    /// # Errors
    /// If the device fails.
    pub fn peaks(&self) -> Result<Peaks> {
        self.attempt(&Tick::silent(), |device, _| peaks::peaks(device))
    }

    /// What kernels and host have counted since the adapter was opened.
    pub fn counted(&self) -> Counted {
        self.device().counts().sum()
    }

    /// Device memory that a network takes whose idealized bumps have `bump` active neurons: for W, and beside it for a batch
    /// of `states` states (bytes).
    ///
    /// # Errors
    /// [`Error::Device`] if the network is too large for the device, with the sizes.
    pub fn memory(&self, neurons: usize, bump: usize, states: usize) -> Result<(u64, u64)> {
        Ok(self.plan(neurons, bump)?.memory(states))
    }

    /// Lets a newly opened device be destroyed when its conditions say so.
    fn light_fuse(&self, device: &Device) {
        let which = self.opened.fetch_add(1, Ordering::Relaxed);
        if let Some(&submissions) = self.conditions.destroy_after.get(which) {
            device.destroy_after(submissions);
        }
    }

    /// Bump scores: the place of every state. `rates` is dense `[states, neurons]` (Hz); the highest score is good to
    /// f32, and of places that differ by less either may win.
    ///
    /// # Errors
    /// If the device fails.
    pub fn places(&self, maps: &Maps, bumps: &IdealizedBumps, rates: &[f64]) -> Result<Vec<Place>> {
        let plan = self.plan(maps.neurons(), bumps.active(0))?;
        self.attempt(&Tick::silent(), |device, _| scores::places(device, &plan, maps, bumps, rates))
    }

    /// The device's part of [`Backend::minima`]: states near the minima, to f32 accuracy; `None` where the host would
    /// search from the start.
    ///
    /// # Errors
    /// If the device fails.
    pub fn near_minima(
        &self,
        problem: &Problem<'_>,
        points: Points<'_>,
        start: Start<'_>,
    ) -> Result<Vec<Option<StateBuf>>> {
        let plan = self.plan_of(problem)?;
        self.attempt(&Tick::silent(), |device, _| minimum::near_minima(device, &plan, problem, points, start))
    }

    /// The Gram matrix, C-ordered `[states, states]` (Hz⁴); see [`crate::solve::direct::gram_matrix`].
    ///
    /// # Errors
    /// If the device fails, or has no f64 and it is asked for.
    pub fn gram(&self, states: &States, precision: Precision) -> Result<Vec<f64>> {
        self.attempt(&Tick::silent(), |device, _| products::gram(device, states, precision))
    }

    /// The weight gradient; see [`crate::solve::direct::weight_gradient`].
    ///
    /// # Errors
    /// If the device fails, or has no f64 and it is asked for.
    pub fn weight_gradient(
        &self,
        states: &States,
        alpha: &[f64],
        precision: Precision,
    ) -> Result<WeightMatrix> {
        self.attempt(&Tick::silent(), |device, _| products::gradient(device, states, alpha, precision))
    }

    /// Each state's response to a weight change; see [`crate::solve::direct::response`].
    ///
    /// # Errors
    /// If the device fails, or has no f64 and it is asked for.
    pub fn response(
        &self,
        weights: &WeightMatrix,
        states: &States,
        precision: Precision,
    ) -> Result<Vec<f64>> {
        self.attempt(&Tick::silent(), |device, _| products::response(device, weights, states, precision))
    }

    fn device(&self) -> Arc<Device> {
        Arc::clone(&self.device.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sizes for a network with `bump` neurons in a bump; too little room on the device is an error before any work.
    fn plan(&self, neurons: usize, bump: usize) -> Result<Plan> {
        Plan::new(neurons, bump, self.device().limits())
            .map_err(|why| Error::Device(format!("{}: {why}{}", self.report.name, adapter::WAY_OUT)))
    }

    /// Sizes for a problem, whose largest idealized bumps count.
    fn plan_of(&self, problem: &Problem<'_>) -> Result<Plan> {
        let bumps = (0..problem.maps.groups().len()).map(|group| problem.bumps.active(group));
        self.plan(problem.maps.neurons(), bumps.max().unwrap_or(0))
    }

    /// Does a piece of work; if the device is lost or out of memory, once more on a new device.
    fn attempt<T>(&self, tick: &Tick<'_>, work: impl Fn(&Device, &Tick<'_>) -> DeviceResult<T>) -> Result<T> {
        let done = AtomicU64::new(0);
        let count = |items| {
            done.fetch_add(items, Ordering::Relaxed);
            tick.add(items);
        };
        let device = self.device();
        let first = match work(&device, &tick.telling(&count)) {
            Ok(value) => return Ok(value),
            Err(failure) if failure.may_pass() => failure,
            Err(failure) => return Err(Error::Run(format!("{}: {failure}", self.report.name))),
        };
        // What the first attempt reported as done is not reported again.
        let (reported, done) = (done.into_inner(), AtomicU64::new(0));
        let count = |items| {
            let before = done.fetch_add(items, Ordering::Relaxed);
            tick.add((before + items).max(reported) - before.max(reported));
        };
        self.replace(&device).and_then(|device| work(&device, &tick.telling(&count))).map_err(|second| {
            Error::Run(format!(
                "{}: {first}; on a new device: {second}; what was finished is kept: resume the run, or choose the CPU backend",
                self.report.name
            ))
        })
    }

    /// A new device in place of `old`, unless another thread has already replaced it.
    fn replace(&self, old: &Arc<Device>) -> DeviceResult<Arc<Device>> {
        let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&device, old) {
            let new = adapter::reopen(&self.report, &self.conditions, device.counts())?;
            selftest::run(&new).map_err(Failure::Refused)?;
            self.light_fuse(&new);
            *device = Arc::new(new);
        }
        Ok(Arc::clone(&device))
    }
}

impl Backend for Gpu {
    fn describe(&self) -> ComputeDevice {
        let AdapterReport { name, driver, backend, .. } = &self.report;
        ComputeDevice::Gpu(format!("{name} ({driver}, {backend})"))
    }

    fn supports(&self, problem: &Problem<'_>) -> Result<()> {
        if problem.minimizer == Minimizer::Descent {
            return Err(Error::Usage(
                "flatten.minimizer = \"descent\" is the reference on the CPU; choose the CPU backend for it"
                    .to_owned(),
            ));
        }
        self.plan_of(problem).map(|_| ())
    }

    fn minima(
        &self,
        problem: &Problem<'_>,
        points: Points<'_>,
        start: Start<'_>,
        tick: &Tick<'_>,
    ) -> Result<Minima> {
        self.supports(problem)?;
        let plan = self.plan_of(problem)?;
        let found =
            self.attempt(tick, |device, tick| minimum::minima(device, &plan, problem, points, start, tick))?;
        tick.go_on()?;
        Ok(found)
    }

    fn energies(&self, problem: &Problem<'_>, states: &States, tick: &Tick<'_>) -> Result<Vec<f64>> {
        problem.energy().of_states_until(states, tick)
    }

    fn trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        starts: &[Vec<f64>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>> {
        let plan = self.plan(dynamics.weights.neurons(), 0)?;
        let runs = self.attempt(tick, |device, tick| {
            trajectories::trajectories(device, &plan, dynamics, starts, at, tick)
        })?;
        tick.go_on()?;
        Ok(runs)
    }

    fn noisy_trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        noise: &Noise,
        starts: &[NoisyStart<'_>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>> {
        let plan = self.plan(dynamics.weights.neurons(), 0)?;
        let runs = self.attempt(tick, |device, tick| {
            trajectories::noisy_trajectories(device, &plan, dynamics, noise, starts, at, tick)
        })?;
        tick.go_on()?;
        Ok(runs)
    }
}
