//! The CPU, in f64: the reference that every other backend is compared with.

use crate::compute::backend::Backend;
use crate::dynamics::noise::Noise;
use crate::dynamics::noisy::{self, NoisyStart};
use crate::dynamics::trajectories::{self, Dynamics, Trajectory};
use crate::error::Result;
use crate::landscape::minima;
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::States;
use crate::manifold::Points;
use crate::progress::Tick;
use crate::solve::direct::{self, WeightUpdate};

/// All cores of the machine, in f64.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Backend for Cpu {
    fn describe(&self) -> String {
        let threads = rayon::current_num_threads();
        format!("cpu, {threads} thread{}", if threads == 1 { "" } else { "s" })
    }

    fn minima(
        &self,
        problem: &Problem<'_>,
        points: Points<'_>,
        start: Start<'_>,
        tick: &Tick<'_>,
    ) -> Result<Minima> {
        minima::minima(problem, points, start, tick)
    }

    fn energies(&self, problem: &Problem<'_>, states: &States) -> Result<Vec<f64>> {
        Ok(problem.energy().of_states(states))
    }

    fn weight_update(
        &self,
        states: &States,
        energies: &[f64],
        ridge: f64,
        tick: &Tick<'_>,
    ) -> Result<WeightUpdate> {
        direct::flatten(states, energies, ridge, tick)
    }

    fn trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        starts: &[Vec<f64>],
        at: &[usize],
        tick: &Tick<'_>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Vec<Trajectory>>> {
        Ok(trajectories::trajectories(dynamics, starts, at, tick, stop))
    }

    fn supports_noise(&self) -> Result<()> {
        Ok(())
    }

    fn noisy_trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        noise: &Noise,
        starts: &[NoisyStart<'_>],
        at: &[usize],
        tick: &Tick<'_>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Vec<Trajectory>>> {
        Ok(noisy::noisy_trajectories(dynamics, noise, starts, at, tick, stop))
    }
}
