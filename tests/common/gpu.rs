//! A GPU under the conditions of a test, and the small networks that it works on.

#![allow(dead_code, reason = "no test uses all of it")]

#[path = "compare.rs"]
pub mod compare;
#[path = "skip.rs"]
mod skip;

pub use compare::same;
use flatscape::compute::backend::Backend;
use flatscape::compute::cpu::Cpu;
use flatscape::compute::gpu::{Conditions, Gpu};
use flatscape::connectivity::Kernel;
use flatscape::dynamics::trajectories::{Dynamics, Trajectory};
use flatscape::job::drift::start_currents;
use flatscape::landscape::problem::{Definition, Minima, Minimizer, Problem, Start};
use flatscape::manifold::Points;
use flatscape::manifold::{Maps, Point};
use flatscape::network::Network;
use flatscape::progress::Tick;
pub use skip::skipped;

pub const NEURONS: usize = 120;

/// A GPU whose fresh buffers hold NaN, or `None` after saying so.
pub fn gpu_under(conditions: Conditions) -> Option<Gpu> {
    match Gpu::under(None, Conditions { poison: true, ..conditions }) {
        Ok(gpu) => {
            assert_ne!(gpu.describe(), Cpu.describe(), "the CPU would be compared with itself");
            Some(gpu)
        }
        Err(why) if std::env::var("FLATSCAPE_REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{why}"),
        Err(why) => {
            skipped(&why.to_string());
            None
        }
    }
}

#[macro_export]
macro_rules! gpu_or_return {
    ($conditions:expr) => {
        match $crate::common_gpu::gpu_under($conditions) {
            Some(gpu) => gpu,
            None => return,
        }
    };
}

pub fn network(neurons: usize, maps: usize) -> Network {
    let kernel = Kernel::PAPER.scaled_to(neurons);
    Network::new(Maps::random(neurons, maps, 3, 0), kernel, 10.0).unwrap()
}

pub fn problem(network: &Network, definition: Definition) -> Problem<'_> {
    network.problem(&network.weights, definition, Minimizer::Newton)
}

pub fn dynamics(network: &Network) -> Dynamics<'_> {
    network.dynamics(&network.weights, 0.2 / 15.0)
}

pub fn starts(network: &Network, count: usize) -> Vec<Vec<f64>> {
    let maps = &network.maps;
    let point = |s: usize| {
        let (map, base) = (s % maps.count(), (s * 7) % network.neurons());
        Point::on_lattice(map, &maps.group(map).lattice, [base as i64, 0], [0.0; 2])
    };
    start_currents(network, &(0..count).map(point).collect::<Vec<_>>())
}

pub fn run(backend: &dyn Backend, network: &Network, starts: &[Vec<f64>], at: &[usize]) -> Vec<Trajectory> {
    backend.trajectories(&dynamics(network), starts, at, &Tick::silent()).unwrap()
}

pub fn minima(backend: &dyn Backend, problem: &Problem<'_>, points: Points, start: Start<'_>) -> Minima {
    let done = std::sync::atomic::AtomicU64::new(0);
    let count = |n| {
        done.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
    };
    let minima = backend.minima(problem, points, start, &Tick::new(&count)).unwrap();
    assert_eq!(done.into_inner(), points.len() as u64, "progress is told of every point");
    minima
}
