//! The work on a GPU, through wgpu: any Vulkan, Metal or DX12 adapter that passes its self-test.
//!
//! | stage | shader | CPU function of the same meaning | precision |
//! |---|---|---|---|
//! | trajectories | `trajectories.wgsl` | [`trajectory::trajectories`](crate::dynamics::trajectories::trajectories) | f32; energies at snapshots f64 on the host |
//! | constrained minima | `minimum.wgsl`, `fields_together.wgsl` | [`minimum::minima`](crate::landscape::minima::minima) | f32, then changes of that from gaps that the host knows in f64; accepted, or ended, by the host's f64 Newton |
//! | energies | – | [`crate::landscape::energy::Energy::of_states`] | f64 on the host: a²·S operations, and they decide what is accepted |
//! | weight update, conjugate gradients | `weight_change.wgsl`, `weight_response.wgsl` | [`conjugate::solve`](crate::solve::conjugate::solve) | products f32; vectors and preconditioner f64 on the host, and the exact residual where more than f32 is asked for |
//! | weight update, direct; scores | – | [`weight_update`](crate::solve::weight_update), [`Scorer`](crate::dynamics::decoding::Scorer) | f64 on the host: the Gram matrix has condition 10⁷, and scores are few |
//!
//! `permute.wgsl` brings W and weight changes into the order of a map and back.

mod adapter;
mod batch;
mod counts;
mod device;
mod grouping;
mod in_order;
mod minimum;
mod peaks;
mod refine;
mod seek;
mod selftest;
pub mod shaders;
mod sizes;
mod trajectories;
mod weight_update;
mod weights;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use adapter::{AdapterReport, Verdict, list, preferred};
pub use counts::Counted;
pub use device::{Conditions, DeviceKind};
pub use peaks::Peaks;
pub use sizes::{Footprint, MOST_AT_WORK, PRODUCTS, TILE};

use crate::compute::backend::Backend;
use crate::compute::device::ComputeDevice;
use crate::dynamics::noise::Noise;
use crate::dynamics::noisy::NoisyStart;
use crate::dynamics::trajectories::{Dynamics, Trajectory};
use crate::error::{Error, Result};
use crate::landscape::problem::{Minima, Minimizer, Problem, Start};
use crate::landscape::states::{StateBuf, States};
use crate::manifold::Points;
use crate::progress::Tick;
use crate::solve::{SolverKind, WeightProblem, WeightUpdate, weight_update as weight_update_on_host};
use device::{Device, DeviceResult, Failure};
use sizes::DeviceSizes;

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
    let mut all = DeviceSizes::new(neurons, bump, limits)?.shaders();
    all.push(shaders::selftest(Vec::new()));
    all.extend([shaders::peak_flops, shaders::peak_bandwidth].map(|peak| peak(vec![("THREADS", 256)])));
    Ok(all)
}

/// What workgroups of trajectories in groups of so many states take of an ordinary GPU's core, for networks of `neurons` with
/// `bump` active ones in a bump.
///
/// # Errors
/// What the device would lack.
pub fn trajectory_footprint(
    neurons: usize,
    bump: usize,
    group: usize,
) -> std::result::Result<Footprint, String> {
    Ok(DeviceSizes::new(neurons, bump, &shaders::ordinary_limits())?.trajectory_footprint(group))
}

/// The same of workgroups of the fields of minima; and maps of so many points of which they read W in turn.
///
/// # Errors
/// What the device would lack.
pub fn minimum_footprint(
    neurons: usize,
    bump: usize,
    per_map: usize,
) -> std::result::Result<(Footprint, usize), String> {
    let sizes = DeviceSizes::new(neurons, bump, &shaders::ordinary_limits())?;
    Ok((sizes.field_footprint(), sizes.batches_of_set(per_map)))
}

/// A GPU that passed its self-test.
pub struct Gpu {
    report: AdapterReport,
    device: Mutex<Arc<Device>>,
    conditions: Conditions,
    /// Devices opened so far; see [`Gpu::devices_opened`].
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
        self.attempt(&Tick::silent(), |device, _| peaks::peaks(device, peaks::MANY))
    }

    /// The same with fewer repetitions, in a few tenths of a second.
    ///
    /// # Errors
    /// If the device fails.
    pub fn rough_peaks(&self) -> Result<Peaks> {
        self.attempt(&Tick::silent(), |device, _| peaks::peaks(device, peaks::FEW))
    }

    /// What kernels and host have counted since the adapter was opened.
    pub fn counted(&self) -> Counted {
        self.device().counts().sum()
    }

    /// Devices opened so far: the first, and one more for each that was lost.
    pub fn devices_opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Device memory that a network takes whose idealized bumps have `bump` active neurons: for W, and beside it for a batch
    /// of `states` states (bytes).
    ///
    /// # Errors
    /// [`Error::Device`] if the network is too large for the device, with the sizes.
    pub fn memory(&self, neurons: usize, bump: usize, states: usize) -> Result<(u64, u64)> {
        Ok(self.sizes(neurons, bump)?.memory(states))
    }

    /// Lets a newly opened device be destroyed when its conditions say so.
    fn light_fuse(&self, device: &Device) {
        let which = self.opened.fetch_add(1, Ordering::Relaxed);
        if let Some(&submissions) = self.conditions.destroy_after.get(which) {
            device.destroy_after(submissions);
        }
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
        let sizes = self.sizes_of(problem)?;
        self.attempt(&Tick::silent(), |device, _| {
            minimum::near_minima(device, &sizes, problem, points, start)
        })
    }

    fn device(&self) -> Arc<Device> {
        Arc::clone(&self.device.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sizes for a network with `bump` neurons in a bump; too little room on the device is an error before any work.
    fn sizes(&self, neurons: usize, bump: usize) -> Result<DeviceSizes> {
        DeviceSizes::new(neurons, bump, self.device().limits())
            .map_err(|why| Error::Device(format!("{}: {why}{}", self.report.name, adapter::WAY_OUT)))
    }

    /// Sizes for a problem, whose largest idealized bumps count.
    fn sizes_of(&self, problem: &Problem<'_>) -> Result<DeviceSizes> {
        let bumps = (0..problem.maps.groups().len()).map(|group| problem.bumps.active(group));
        self.sizes(problem.maps.neurons(), bumps.max().unwrap_or(0))
    }

    /// Does a piece of work; if the device is lost or out of memory, once more on a new device.
    fn attempt<T>(&self, tick: &Tick<'_>, work: impl Fn(&Device, &Tick<'_>) -> DeviceResult<T>) -> Result<T> {
        let device = self.device();
        let name = &self.report.name;
        tick.with_second_attempt(
            |tick| work(&device, tick),
            |first, tick| {
                if !first.may_pass() {
                    return Err(Error::Run(format!("{name}: {first}")));
                }
                self.replace(&device).and_then(|device| work(&device, tick)).map_err(|second| {
                    Error::Run(format!(
                        "{name}: {first}; on a new device: {second}; what was finished is kept: resume the run, or choose the CPU backend"
                    ))
                })
            },
        )
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
        self.sizes_of(problem).map(|_| ())
    }

    fn minima(
        &self,
        problem: &Problem<'_>,
        points: Points<'_>,
        start: Start<'_>,
        tick: &Tick<'_>,
    ) -> Result<Minima> {
        self.supports(problem)?;
        let sizes = self.sizes_of(problem)?;
        let found =
            self.attempt(tick, |device, tick| minimum::minima(device, &sizes, problem, points, start, tick))?;
        tick.go_on()?;
        Ok(found)
    }

    fn energies(&self, problem: &Problem<'_>, states: &States, tick: &Tick<'_>) -> Result<Vec<f64>> {
        problem.energy().of_states_until(states, tick)
    }

    fn weight_update(&self, problem: &WeightProblem<'_>, tick: &Tick<'_>) -> Result<WeightUpdate> {
        let manifolds = problem.manifolds;
        let sizes = self.sizes(manifolds.maps.neurons(), 0)?;
        let fits = weight_update::fits(self.device().limits(), &sizes, manifolds);
        if problem.solver == SolverKind::Cg && fits {
            let found =
                self.attempt(tick, |device, tick| weight_update::solve(device, &sizes, problem, tick))??;
            if let Some(update) = found {
                return Ok(update);
            }
        }
        weight_update_on_host(problem, tick)
    }

    fn trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        starts: &[Vec<f64>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>> {
        check_symmetric(dynamics)?;
        let sizes = self.sizes(dynamics.weights.neurons(), 0)?;
        let runs = self.attempt(tick, |device, tick| {
            trajectories::trajectories(device, &sizes, dynamics, starts, at, tick)
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
        check_symmetric(dynamics)?;
        let sizes = self.sizes(dynamics.weights.neurons(), 0)?;
        let runs = self.attempt(tick, |device, tick| {
            trajectories::noisy_trajectories(device, &sizes, dynamics, noise, starts, at, tick)
        })?;
        tick.go_on()?;
        Ok(runs)
    }
}

/// Weights that are not symmetric have no energy, which the device's trajectories are checked by.
fn check_symmetric(dynamics: &Dynamics<'_>) -> Result<()> {
    if dynamics.symmetric {
        return Ok(());
    }
    Err(Error::Usage(
        "weights of flatten.method = \"maximal-margin\" are not symmetric, and trajectories under such weights are run on the CPU alone; choose it with --backend cpu"
            .to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::matrix::WeightMatrix;
    use crate::landscape::transfer::Transfer;

    #[test]
    fn weights_that_are_not_symmetric_are_refused_with_what_to_do() {
        let weights = WeightMatrix::zeros(4);
        let symmetric = Dynamics::new(&weights, &[0.0; 4], Transfer::ROOT, 0.1);
        assert!(check_symmetric(&symmetric).is_ok());
        let error = check_symmetric(&Dynamics { symmetric: false, ..symmetric }).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--backend cpu"), "{error}");
    }
}
