//! Where the work is done: the four things that cost time, at the level of the science.
//!
//! A new device implements [`Backend`] and the rest of the program works with it. The CPU is the reference that every
//! other backend is compared with.

use crate::compute::device::ComputeDevice;
use crate::dynamics::noise::Noise;
use crate::dynamics::noisy::NoisyStart;
use crate::dynamics::trajectories::{Dynamics, Trajectory};
use crate::error::Result;
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::States;
use crate::manifold::Points;
use crate::progress::Tick;
use crate::solve::{WeightProblem, WeightUpdate, weight_update};

/// The work of an outer iteration and of a measurement.
pub trait Backend: Send + Sync {
    /// What does the work, for people and for records.
    fn describe(&self) -> ComputeDevice;

    /// Whether this device can find the minima of a problem; asked before any work is done.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) or [`Error::Device`](crate::error::Error::Device), saying what can.
    fn supports(&self, _problem: &Problem<'_>) -> Result<()> {
        Ok(())
    }

    /// Constrained minima at every point; see [`crate::landscape::minima::minima`].
    ///
    /// # Errors
    /// If the device fails, or [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` stops it.
    fn minima(
        &self,
        problem: &Problem<'_>,
        points: Points<'_>,
        start: Start<'_>,
        tick: &Tick<'_>,
    ) -> Result<Minima>;

    /// Energies of given states (Hz³); see [`crate::landscape::energy::Energy::of_states`]. Good to f64: they decide
    /// what is accepted.
    ///
    /// # Errors
    /// If the device fails, or [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` stops it.
    fn energies(&self, problem: &Problem<'_>, states: &States, tick: &Tick<'_>) -> Result<Vec<f64>>;

    /// The weight change that takes all states' energies to one level, by the solver that the problem names; see
    /// [`weight_update`]. On the CPU unless a backend does it itself.
    ///
    /// # Errors
    /// If the device fails, the states are not independent enough, the iteration does not converge, or
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` stops it.
    fn weight_update(&self, problem: &WeightProblem<'_>, tick: &Tick<'_>) -> Result<WeightUpdate> {
        weight_update(problem, tick)
    }

    /// Trajectories from every start; see [`crate::dynamics::trajectories::trajectories`].
    ///
    /// # Errors
    /// If the device fails, or [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` stops it.
    fn trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        starts: &[Vec<f64>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>>;

    /// Trajectories under noise; see [`crate::dynamics::noisy::noisy_trajectories`]. Every device draws the same random
    /// numbers.
    ///
    /// # Errors
    /// If the device fails, or [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` stops it.
    fn noisy_trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        noise: &Noise,
        starts: &[NoisyStart<'_>],
        at: &[usize],
        tick: &Tick<'_>,
    ) -> Result<Vec<Trajectory>>;
}
