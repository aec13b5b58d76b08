//! What is done with a network: the outer iteration that flattens its landscape, and the measurement of drift.

pub mod alone;
pub mod completion;
mod corrupt;
pub mod drift;
pub mod drift_record;
pub mod memory;
pub mod outer;
pub mod path_record;
pub mod reached;
pub mod rows;

use crate::compute::backend::Backend;
use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::trajectories::Dynamics;
use crate::error::Result;
use crate::job::drift_record::Which;
use crate::landscape::problem::Problem;
use crate::manifold::Points;
use crate::network::Network;
use crate::progress::{Monitor, Tick};
use crate::setup::plan::Plan;

/// A job: what is computed, on what, who watches, and who may stop it.
pub struct Job<'a> {
    /// Sizes and settings.
    pub plan: &'a Plan,
    /// The network before any weight is changed.
    pub network: &'a Network,
    /// Who does the work.
    pub backend: &'a dyn Backend,
    /// Who is told how far it is.
    pub monitor: &'a Monitor,
    /// Whether the job is to stop.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl Job<'_> {
    /// What is sought at a point of a manifold.
    pub(crate) fn problem<'p>(&'p self, weights: &'p WeightMatrix) -> Problem<'p> {
        let flatten = &self.plan.config.flatten;
        self.network.problem(weights, flatten.definition, flatten.minimizer)
    }

    /// The dynamics under the weights of a network: base weights, or what the method made of them. Weights that are not
    /// symmetric stand by their columns.
    pub(crate) fn dynamics<'d>(&'d self, weights: &'d WeightMatrix, which: Which) -> Dynamics<'d> {
        let symmetric = which == Which::Base || self.plan.config.flatten.method.has_energy();
        Dynamics { symmetric, ..self.network.dynamics(weights, self.plan.step()) }
    }

    /// Does one stage of `items` items, estimated at `seconds`. It stops when the job is stopped.
    pub(crate) fn stage<R>(
        &self,
        label: &str,
        items: usize,
        seconds: f64,
        work: impl FnOnce(&Tick<'_>) -> Result<R>,
    ) -> Result<R> {
        self.monitor.stage(label, items, seconds, |tick| work(&tick.stopped_by(self.stop)))
    }

    /// For work that is no stage of its own: nobody is told, but it stops when the job is stopped.
    pub(crate) fn tick(&self) -> Tick<'_> {
        Tick::silent().stopped_by(self.stop)
    }

    pub(crate) fn fitted_points(&self) -> Points<'_> {
        Points::fitted(&self.network.maps, self.plan.points_per_map)
    }

    pub(crate) fn held_out_points(&self) -> Points<'_> {
        self.fitted_points().held_out().every(self.plan.held_out_stride)
    }
}
