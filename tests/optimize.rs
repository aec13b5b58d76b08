//! The outer iteration's choice of ridges, and of what an update takes to one level.

use flatscape::compute::backend::Backend;
use flatscape::compute::cpu::Cpu;
use flatscape::compute::device::ComputeDevice;
use flatscape::connectivity::matrix::WeightMatrix;
use flatscape::dynamics::noise::Noise;
use flatscape::dynamics::noisy::NoisyStart;
use flatscape::dynamics::trajectories::{Dynamics, Trajectory};
use flatscape::error::{Error, Result};
use flatscape::job::Job;
use flatscape::job::reached::{Landscape, Status};
use flatscape::landscape::problem::{Minima, Problem, Start};
use flatscape::landscape::states::States;
use flatscape::manifold::Points;
use flatscape::progress::{Monitor, Tick};
use flatscape::setup::config::Config;
use flatscape::setup::plan::Plan;
use flatscape::solve::manifolds::Manifolds;
use flatscape::solve::{WeightProblem, WeightUpdate};

/// The CPU, but a weight solve fails below some ridge, as that of a nearly singular Gram matrix does, and the solve for
/// one number of states goes the wrong way.
struct Reluctant {
    least_ridge: f64,
    misled_at: Option<usize>,
}

impl Backend for Reluctant {
    fn describe(&self) -> ComputeDevice {
        Cpu.describe()
    }

    fn minima(
        &self,
        problem: &Problem<'_>,
        points: Points,
        start: Start<'_>,
        tick: &Tick<'_>,
    ) -> Result<Minima> {
        Cpu.minima(problem, points, start, tick)
    }

    fn energies(&self, problem: &Problem<'_>, states: &States, tick: &Tick<'_>) -> Result<Vec<f64>> {
        Cpu.energies(problem, states, tick)
    }

    fn weight_update(&self, problem: &WeightProblem<'_>, tick: &Tick<'_>) -> Result<WeightUpdate> {
        let WeightProblem { manifolds: Manifolds { states, .. }, ridge, .. } = *problem;
        if ridge < self.least_ridge {
            return Err(Error::Run(format!("not positive definite at {ridge:e}")));
        }
        let mut update = Cpu.weight_update(problem, tick)?;
        if Some(states.len()) == self.misled_at {
            update.delta = WeightMatrix::zeros(states.neurons()).plus(-1.0, &update.delta);
        }
        Ok(update)
    }

    fn trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        starts: &[Vec<f64>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>> {
        Cpu.trajectories(dynamics, starts, at, tick)
    }

    fn noisy_trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        noise: &Noise,
        starts: &[NoisyStart<'_>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>> {
        Cpu.noisy_trajectories(dynamics, noise, starts, at, tick)
    }
}

fn flatten(settings: &str, least_ridge: f64) -> Result<(Landscape, Status)> {
    flatten_with(settings, Reluctant { least_ridge, misled_at: None })
}

fn flatten_with(settings: &str, backend: Reluctant) -> Result<(Landscape, Status)> {
    let text = format!("[network]\nneurons = 100\nmaps = 2\n[flatten]\niterations = 3\n{settings}");
    let plan = Plan::new(Config::parse(&text, "test").unwrap()).unwrap();
    let network = plan.network(0).unwrap();
    let monitor = Monitor::silent();
    let job = Job { plan: &plan, network: &network, backend: &backend, monitor: &monitor, stop: &|| false };
    job.flatten(None, &mut |_| Ok(()))
}

fn ridges(landscape: &Landscape) -> Vec<f64> {
    landscape.records[1..].iter().map(|record| record.ridge).collect()
}

#[test]
fn the_ridge_decays_from_update_to_update() {
    let (landscape, status) = flatten("ridge = 1e-3\nridge_decay = 0.5\n", 0.0).unwrap();
    assert_eq!((ridges(&landscape), status), (vec![1e-3, 5e-4, 2.5e-4], Status::IterationsUsedUp));
}

#[test]
fn a_solve_that_fails_is_tried_with_a_raised_ridge() {
    let (landscape, _) = flatten("ridge = 1e-5\n", 5e-5).unwrap();
    // A hundredfold where it fails; it stays ten times as high for one update, and fails again after that.
    let found = ridges(&landscape);
    for (found, expected) in found.iter().zip([1e-3, 1e-4, 1e-3]) {
        // Products of three decimal fractions.
        assert!((found / expected - 1.0).abs() < 1e-14, "{found:e}");
    }
    assert_eq!(landscape.records[1].attempts, 3);
    let refused = flatten("ridge = 1e-5\n", 1.0).err().expect("no ridge of the ladder is enough").to_string();
    assert!(refused.contains("not positive definite at 1e-3"), "{refused}");
}

#[test]
fn minima_alone_are_flattened_where_the_idealized_bumps_stand_in_the_way() {
    // Updates of the 200 minima with their 200 idealized bumps are turned round, and make the landscape rougher.
    let backend = Reluctant { least_ridge: 0.0, misled_at: Some(400) };
    let (landscape, status) = flatten_with("ridge = 1e-4\nidealized_updates = 2\n", backend).unwrap();
    assert_eq!(status, Status::IterationsUsedUp);
    let attempts: Vec<usize> = landscape.records.iter().map(|record| record.attempts).collect();
    // None at first; four in vain and one of the minima alone; then those of the minima from the start.
    assert_eq!(attempts, [0, 5, 5, 1]);
    assert!(landscape.energy_sd() < 0.01 * landscape.records[0].energy_sd);
    let straight = Reluctant { least_ridge: 0.0, misled_at: None };
    let (landscape, _) = flatten_with("ridge = 1e-2\nidealized_updates = 2\n", straight).unwrap();
    assert!(landscape.records[1..].iter().all(|record| record.attempts <= 4), "the backend was not misled");
}
