//! What a weight update takes to one level: the constrained minima and, in the first updates, the idealized bumps too.
//!
//! The paper flattens the landscape of the idealized bumps (eq. 2) or that of the constrained minima (eq. 3). But a network
//! that is started with an idealized bump lies hundreds to thousands of Hz³ above its manifold. It comes down within some
//! ten τ, across slopes that nothing has flattened, and most of what is measured as drift happens there. Were the idealized
//! bump r⁰ and the constrained minimum r* of every point on one level, `E(r⁰_x) = E(r*_x) = C`, there would be no way down:
//! no state with the bump at x has less energy than r*_x, so r⁰_x then is the minimum (of `kkt`, whose minima are over all
//! rates; the paper's minima keep r⁰'s support, and bumps may still go down by neurons that join).
//!
//! One update is exact for the states that it is made for: 2·S energies, linear in fewer than N(N − 1)/2 weights. But r⁰ is
//! a minimum only if every active neuron gets the current that its rate asks for, S·a conditions (a active neurons), more than
//! there are weights. So the minima sink again after each update, each time by less: the height `E(r⁰) − E(r*)`, which
//! `iterations.csv` has as `idealized_height`, falls from 2,100 to 32 Hz³ at N = 600, L = 10.
//!
//! Both landscapes pull at the same weights. So the first updates (`flatten.idealized_updates`) flatten both, with a
//! large ridge, and those after them the minima alone: these change the weights so little that bumps stay as low as they are.
//!
//! Measured: `benches/flatness.md`.

use std::borrow::Cow;

use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::job::Job;
use crate::job::reached::Landscape;
use crate::landscape::problem::Minima;
use crate::landscape::states::{StateBuf, States};
use crate::manifold::Points;
use crate::progress::Tick;

/// The rows of a weight solve.
pub struct Rows<'a> {
    /// Rates, point after point.
    pub states: Cow<'a, States>,
    /// Energies (Hz³), one per state.
    pub energies: Cow<'a, [f64]>,
    /// States at each point.
    pub at_each: usize,
}

impl Job<'_> {
    /// The fitted minima; with `idealized` each is followed by the idealized bump at its point.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn rows<'a>(&self, landscape: &'a Landscape, idealized: bool) -> Result<Rows<'a>> {
        let (minima, energies) = (&landscape.fitted, landscape.last_energies(self.plan.states()));
        if !idealized {
            return Ok(Rows { states: Cow::Borrowed(minima), energies: Cow::Borrowed(energies), at_each: 1 });
        }
        let weights = self.network.weights.plus(1.0, &landscape.delta);
        let points = self.fitted_points();
        // Its time is estimated with that of the update.
        let (bumps, of_bumps) =
            self.stage("idealized bumps", points.len(), 0.0, |tick| self.idealized(&weights, points, tick))?;
        let states = minima.iter().zip(bumps.iter()).flat_map(|(minimum, bump)| [minimum, bump]);
        let energies = energies.iter().zip(of_bumps).flat_map(|(&minimum, bump)| [minimum, bump]).collect();
        Ok(Rows {
            states: Cow::Owned(States::pack(self.plan.neurons, states)),
            energies: Cow::Owned(energies),
            at_each: 2,
        })
    }

    /// The idealized bumps at some points, and their energies under the given weights (Hz³).
    pub(crate) fn idealized(
        &self,
        weights: &WeightMatrix,
        points: Points<'_>,
        tick: &Tick<'_>,
    ) -> Result<(States, Vec<f64>)> {
        let (bumps, maps) = (&self.network.bumps, &self.network.maps);
        let bumps: Vec<StateBuf> = points.iter().map(|p| bumps.at(maps, &p)).collect();
        let states = States::pack(self.plan.neurons, bumps.iter().map(StateBuf::view));
        let energies = self.backend.energies(&self.problem(weights), &states, tick)?;
        Ok((states, energies))
    }

    /// Mean height of the idealized bumps above the minima (Hz³); of a large landscape at as many points as are held out.
    pub(crate) fn idealized_height(&self, weights: &WeightMatrix, fitted: &Minima) -> Result<f64> {
        let stride = self.plan.held_out_stride;
        let (_, energies) = self.idealized(weights, self.fitted_points().every(stride), &self.tick())?;
        let heights = energies.iter().zip(fitted.energies.iter().step_by(stride)).map(|(bump, e)| bump - e);
        Ok(heights.sum::<f64>() / energies.len() as f64)
    }
}
