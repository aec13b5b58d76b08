//! The CPU, in f64: the reference that every other backend is compared with.

use crate::compute::backend::Backend;
use crate::compute::device::ComputeDevice;
use crate::dynamics::noise::Noise;
use crate::dynamics::noisy::{self, NoisyStart};
use crate::dynamics::trajectories::{self, Dynamics, Trajectory};
use crate::error::Result;
use crate::landscape::minima;
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::States;
use crate::manifold::Points;
use crate::progress::Tick;

/// All cores of the machine, in f64.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu;

impl Backend for Cpu {
    fn describe(&self) -> ComputeDevice {
        ComputeDevice::cpu()
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
        trajectories::trajectories(dynamics, starts, at, tick)
    }

    fn noisy_trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        noise: &Noise,
        starts: &[NoisyStart<'_>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>> {
        noisy::noisy_trajectories(dynamics, noise, starts, at, tick)
    }
}
