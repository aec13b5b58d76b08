//! Where the work is done: the four things that cost time, at the level of the science.
//!
//! A new device implements [`Backend`] and the rest of the program works with it. The CPU is the reference that every
//! other backend is compared with.

use crate::dynamics::noise::Noise;
use crate::dynamics::noisy::NoisyStart;
use crate::dynamics::trajectories::{Dynamics, Trajectory};
use crate::error::{Error, Result};
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::States;
use crate::manifold::Points;
use crate::progress::Tick;
use crate::solve::conjugate;
use crate::solve::direct::WeightUpdate;
use crate::solve::manifolds::Manifolds;

/// The work of an outer iteration and of a measurement.
pub trait Backend: Send + Sync {
    /// What does the work, for people and for records: "cpu, 2 threads" or an adapter's name.
    fn describe(&self) -> String;

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
    /// If the device fails, or [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` asks for an end.
    fn minima(
        &self,
        problem: &Problem<'_>,
        points: Points<'_>,
        start: Start<'_>,
        tick: &Tick<'_>,
    ) -> Result<Minima>;

    /// Energies of given states (Hz³); see [`crate::landscape::energy::Energy::of_states`]. Good to f64: they decide what is accepted.
    ///
    /// # Errors
    /// If the device fails.
    fn energies(&self, problem: &Problem<'_>, states: &States) -> Result<Vec<f64>>;

    /// The weight change that takes all states' energies to one level; see [`crate::solve::direct::flatten`].
    ///
    /// # Errors
    /// If the device fails, the states are not independent enough, or
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` asks for an end.
    fn weight_update(
        &self,
        states: &States,
        energies: &[f64],
        ridge: f64,
        tick: &Tick<'_>,
    ) -> Result<WeightUpdate>;

    /// The same without the Gram matrix, for many states; see [`conjugate::flatten`]. On the CPU unless a backend does
    /// it itself.
    ///
    /// # Errors
    /// As [`Backend::weight_update`], and if the iteration does not converge.
    fn weight_update_matrix_free(
        &self,
        manifolds: Manifolds<'_>,
        energies: &[f64],
        ridge: f64,
        accuracy: f64,
        tick: &Tick<'_>,
    ) -> Result<WeightUpdate> {
        conjugate::flatten(manifolds, energies, ridge, accuracy, tick).map(|(update, _)| update)
    }

    /// Trajectories from every start; see [`crate::dynamics::trajectories::trajectories`]. `None` if `stop` asked for an end.
    ///
    /// # Errors
    /// If the device fails.
    fn trajectories(
        &self,
        dynamics: &Dynamics<'_>,
        starts: &[Vec<f64>],
        at: &[usize],
        tick: &Tick<'_>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Vec<Trajectory>>>;

    /// Whether this device can run trajectories under noise; asked before any work is done.
    ///
    /// # Errors
    /// [`Error::Device`], saying what can.
    fn supports_noise(&self) -> Result<()> {
        Err(Error::Device(format!(
            "{}: trajectories with noise run on the CPU alone; choose the CPU backend",
            self.describe()
        )))
    }

    /// Trajectories under noise; see [`crate::dynamics::noisy::noisy_trajectories`]. `None` if `stop` asked for an end.
    ///
    /// # Errors
    /// If the device fails, or has no noise; see [`Backend::supports_noise`].
    fn noisy_trajectories(
        &self,
        _dynamics: &Dynamics<'_>,
        _noise: &Noise,
        _starts: &[NoisyStart<'_>],
        _at: &[usize],
        _tick: &Tick<'_>,
        _stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Vec<Trajectory>>> {
        self.supports_noise().map(|()| None)
    }
}
