//! Bumps on their way from the idealized start down to the manifold, flattened beside the minima.
//!
//! A network that is started with an idealized bump does not start on its manifold but above it, by 600 Hz³ at N = 300,
//! L = 5, 2,000 Hz³ at N = 600, L = 10, and comes down within some ten τ. The paper flattens the landscape of the minima alone: on
//! the way down the states of neighbouring starts still differ in energy by hundreds of Hz³, and the gradient of those
//! heights moves the bump before it has arrived. So the states at some times after the start, `flatten.relaxation_ms`,
//! are rows of the weight solve too, each time with a level of its own ([`crate::weights::Levels`]). Where each of these
//! energies is the same for all starts, the flow down crosses curves of equal energy at right angles (in the metric
//! `Σ 2 r_i dr_i²` in which the dynamics descend) and does not run along them.
//!
//! Starts are the fitted points that lie on neurons: between neurons there is no idealized current to start from.
//!
//! Measured with `relaxation_ms = [0, 15, 30, 60]`: `benches/flatness.md`.

use std::borrow::Cow;

use crate::error::Result;
use crate::matrix::WeightMatrix;
use crate::optimize::{Job, Landscape};
use crate::progress::Tick;
use crate::states::{Point, StateBuf, States};
use crate::trajectory::{Dynamics, Trajectory};
use crate::weights::bands::Layout;

/// The rows of a weight solve: fitted minima, and bumps on their way there.
pub struct Rows<'a> {
    /// Rates, map after map, in the order of the layout.
    pub states: Cow<'a, States>,
    /// Energies (Hz³), one a state.
    pub energies: Cow<'a, [f64]>,
    /// Where they lie, and to which level each is taken.
    pub layout: Layout,
}

/// Whether a relaxation starts at this point.
fn starts_at(point: Point) -> bool {
    point.fraction == 0.0
}

impl Job<'_> {
    /// The fitted minima and, beside those that lie on neurons, the states at the times of `flatten.relaxation_ms` after a
    /// start there. `None` if an end was asked for.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn rows<'a>(&self, landscape: &'a Landscape) -> Result<Option<Rows<'a>>> {
        let (minima, energies) = (&landscape.fitted, landscape.last_energies(self.plan.states()));
        if self.plan.relaxation_steps.is_empty() {
            let layout = Layout::at(self.fitted_points());
            return Ok(Some(Rows {
                states: Cow::Borrowed(minima),
                energies: Cow::Borrowed(energies),
                layout,
            }));
        }
        let weights = self.network.weights.plus(1.0, &landscape.delta);
        let points = self.fitted_points();
        let times = self.plan.relaxation_steps.len();
        let layout = Layout::with_further(points, |point| if starts_at(point) { times } else { 0 });
        let (mut states, mut of_rows) = (States::pack(self.plan.neurons, []), Vec::new());
        let batch = points.per_map() * self.plan.relaxation_maps;
        let items = self.plan.relaxation_starts * self.plan.maps * self.longest_relaxation();
        let finished =
            self.monitor.stage("relaxation", items, self.plan.cost.relaxation_seconds, |tick| {
                for first in (0..points.len()).step_by(batch) {
                    let batch = first..points.len().min(first + batch);
                    let starts = batch.clone().map(|s| points.get(s)).filter(|&p| starts_at(p));
                    let Some(runs) = self.relax(&weights, starts, tick)? else { return Ok(false) };
                    let mut runs = runs.iter();
                    for s in batch {
                        states.append(std::iter::once(minima.get(s)));
                        of_rows.push(energies[s]);
                        let run = if starts_at(points.get(s)) { runs.next() } else { None };
                        run.into_iter().for_each(|run| append(run, &mut states, &mut of_rows));
                    }
                }
                Ok(true)
            })?;
        let rows = Rows { states: Cow::Owned(states), energies: Cow::Owned(of_rows), layout };
        Ok(finished.then_some(rows))
    }

    fn longest_relaxation(&self) -> usize {
        self.plan.relaxation_steps.last().copied().unwrap_or(0)
    }

    /// Runs the network from the idealized bumps at the given points for the times that are flattened.
    fn relax(
        &self,
        weights: &WeightMatrix,
        points: impl Iterator<Item = Point>,
        tick: &Tick<'_>,
    ) -> Result<Option<Vec<Trajectory>>> {
        let network = self.network;
        let starts: Vec<Vec<f64>> = points
            .map(|p| {
                let mut current = vec![0.0; network.neurons()];
                network.bumps.current_at(&network.maps, p.map, p.base, &mut current);
                current
            })
            .collect();
        let step = self.plan.step();
        let dynamics = Dynamics { weights, external_current: network.external_current, step };
        self.backend.trajectories(&dynamics, &starts, &self.plan.relaxation_steps, tick, self.stop)
    }
}

/// Adds the states that a relaxation passes, and their energies (Hz³).
fn append(run: &Trajectory, states: &mut States, energies: &mut Vec<f64>) {
    let passed: Vec<StateBuf> = run.snapshots.iter().map(|rates| StateBuf::from_dense(rates)).collect();
    states.append(passed.iter().map(StateBuf::view));
    energies.extend_from_slice(&run.energies);
}
