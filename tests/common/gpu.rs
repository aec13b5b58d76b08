//! A GPU under the conditions of a test, the small networks that it works on, and comparisons that can fail.

#![allow(dead_code, reason = "no test uses all of it")]

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
            eprintln!("skipped: {why}");
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

/// Elements that differ by more than `atol + rtol·scale`, scale being the largest expected one. NaN always differs.
pub fn mismatches(found: &[f64], expected: &[f64], atol: f64, rtol: f64) -> Vec<String> {
    let scale = expected.iter().fold(0.0, |scale: f64, e| scale.max(e.abs()));
    let tolerance = atol + rtol * scale;
    let mut lines = Vec::new();
    if found.len() != expected.len() {
        lines.push(format!("{} values instead of {}", found.len(), expected.len()));
    }
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        if !((a - b).abs() <= tolerance) {
            lines.push(format!("[{i}]: {a} instead of {b}, off by {:e} > {tolerance:e}", (a - b).abs()));
        }
    }
    lines
}

/// Fails with all differences together; and fails if the comparison itself would have let one wrong element through.
pub fn same(what: &str, found: &[f64], expected: &[f64], atol: f64, rtol: f64) {
    assert!(!expected.is_empty(), "{what}: nothing to compare");
    let differences = mismatches(found, expected, atol, rtol);
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let scale = expected.iter().fold(0.0, |scale: f64, e| scale.max(e.abs()));
    println!("{what}: largest difference {worst:.2e} of {scale:.3e}, {:.1e} allowed", atol + rtol * scale);
    let perturbation = 2.1 * (atol + rtol * scale);
    for i in (0..found.len()).step_by(found.len().div_ceil(40)).chain([found.len() - 1]) {
        for wrong in [found[i] + perturbation, f64::NAN] {
            let mut changed = found.to_vec();
            changed[i] = wrong;
            assert_eq!(mismatches(&changed, expected, atol, rtol).len(), 1, "{what}[{i}] = {wrong} passed");
        }
    }
}

pub fn run(backend: &dyn Backend, network: &Network, starts: &[Vec<f64>], at: &[usize]) -> Vec<Trajectory> {
    backend.trajectories(&dynamics(network), starts, at, &Tick::silent(), &|| false).unwrap().unwrap()
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
