//! What a weight update takes to one level: the constrained minima and, in the first updates, the idealized bumps too.
//!
//! The paper flattens the landscape of the idealized bumps (eq. 2) or that of the constrained minima (eq. 3). But a network
//! that is started with an idealized bump lies hundreds to thousands of Hz³ above its manifold. It comes down within some
//! ten τ, across slopes that nothing has flattened, and most of what is measured as drift happens there. With the idealized
//! bump and the constrained minimum of every point on one level, `E(r⁰_x) = E(r*_x) = C`, there is no way down: no state
//! with the bump at x has less energy than r*_x, so the idealized bump then is the minimum. Few weights cannot take S
//! states that far (it is the current of every active neuron that would have to be right); but the height of the idealized
//! bumps falls a hundredfold, bumps stay where they are put, and keep their shape.
//!
//! Both landscapes pull at the same weights. So the first updates (`flatten.idealized_updates`) flatten both, with a
//! large ridge, and those after them the minima alone: these change the weights so little that bumps stay as low as they are.
//!
//! Measured: `benches/flatness.md`.

use std::borrow::Cow;

use crate::error::Result;
use crate::optimize::{Job, Landscape};
use crate::states::States;

/// The rows of a weight solve.
pub struct Rows<'a> {
    /// Rates, point after point.
    pub states: Cow<'a, States>,
    /// Energies (Hz³), one a state.
    pub energies: Cow<'a, [f64]>,
    /// States at each point.
    pub at_each: usize,
}

impl Job<'_> {
    /// The fitted minima; in the first updates each is followed by the idealized bump at its point.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn rows<'a>(&self, landscape: &'a Landscape) -> Result<Rows<'a>> {
        let (minima, energies) = (&landscape.fitted, landscape.last_energies(self.plan.states()));
        if !self.plan.flattens_idealized(landscape.records.len() - 1) {
            return Ok(Rows { states: Cow::Borrowed(minima), energies: Cow::Borrowed(energies), at_each: 1 });
        }
        let mut states = States::pack(self.plan.neurons, []);
        for (minimum, point) in minima.iter().zip(self.fitted_points().iter()) {
            let bump = self.network.bumps.at(&self.network.maps, point);
            states.append([minimum, bump.view()].into_iter());
        }
        let weights = self.network.weights.plus(1.0, &landscape.delta);
        let energies = self.backend.energies(&self.problem(&weights), &states)?;
        Ok(Rows { states: Cow::Owned(states), energies: Cow::Owned(energies), at_each: 2 })
    }
}
