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

use crate::error::Result;
use crate::matrix::WeightMatrix;
use crate::optimize::Job;
use crate::states::{Point, Points, StateBuf, States};
use crate::trajectory::{Dynamics, Trajectory};
use crate::weights::bands::Layout;

/// The rows of a weight solve: fitted minima, and bumps on their way there.
pub struct Rows {
    /// Rates, map after map, in the order of the layout.
    pub states: States,
    /// Energies (Hz³), one a state.
    pub energies: Vec<f64>,
    /// Where they lie, and to which level each is taken.
    pub layout: Layout,
}

/// Whether a relaxation starts at this point.
fn starts_at(point: Point) -> bool {
    point.fraction == 0.0
}

/// Points of every map that relaxations start at.
pub fn starts_per_map(points: Points) -> usize {
    (0..points.per_map()).filter(|&k| starts_at(points.get(k))).count()
}

impl Job<'_> {
    /// The fitted minima and, beside those that lie on neurons, the states at the times of `flatten.relaxation_ms` after a
    /// start there, in the network with the given weights. `None` if an end was asked for.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn rows(&self, weights: &WeightMatrix, minima: &States, energies: &[f64]) -> Result<Option<Rows>> {
        let (plan, network, points) = (self.plan, self.network, self.fitted_points());
        let starts: Vec<Vec<f64>> = points
            .iter()
            .filter(|&p| starts_at(p))
            .map(|p| {
                let mut current = vec![0.0; plan.neurons];
                network.bumps.current_at(&network.maps, p.map, p.base, &mut current);
                current
            })
            .collect();
        let dynamics = Dynamics { weights, external_current: network.external_current, step: plan.step() };
        let at = &plan.relaxation_steps;
        let items = starts.len() * at.last().copied().unwrap_or(0);
        let seconds = plan.cost.relaxation_seconds;
        let runs = self.monitor.stage("relaxation", items, seconds, |tick| {
            self.backend.trajectories(&dynamics, &starts, at, tick, self.stop)
        })?;
        Ok(runs.map(|runs| Rows::merge(points, minima, energies, &runs)))
    }
}

impl Rows {
    /// After the minimum at each point the states of the relaxation that started there.
    fn merge(points: Points, minima: &States, energies: &[f64], runs: &[Trajectory]) -> Self {
        let times = runs.first().map_or(0, |run| run.snapshots.len());
        let layout = Layout::with_further(points, |point| if starts_at(point) { times } else { 0 });
        let mut rows = Self { states: States::pack(minima.neurons(), []), energies: Vec::new(), layout };
        let mut runs = runs.iter();
        for (s, point) in points.iter().enumerate() {
            rows.states.append(std::iter::once(minima.get(s)));
            rows.energies.push(energies[s]);
            if starts_at(point)
                && let Some(run) = runs.next()
            {
                let states: Vec<StateBuf> = run.snapshots.iter().map(|r| StateBuf::from_dense(r)).collect();
                rows.states.append(states.iter().map(StateBuf::view));
                rows.energies.extend_from_slice(&run.energies);
            }
        }
        rows
    }
}
