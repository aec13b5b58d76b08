//! `flatscape plan`: what a configuration would do.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Options;
use crate::config::Config;
use crate::error::Result;
use crate::plan::{ChosenSolver, Cost, Plan, duration, size};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration, TOML
    config: PathBuf,
}

#[derive(Serialize)]
struct PlanRecord<'a> {
    neurons: usize,
    maps: usize,
    points_per_map: usize,
    states: usize,
    rows: usize,
    held_out_points: usize,
    solver: ChosenSolver,
    iterations: usize,
    starts: usize,
    steps: usize,
    cost: &'a Cost,
    config: &'a Config,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let plan = Plan::new(options.load(&arguments.config)?)?;
    let record = PlanRecord {
        neurons: plan.neurons,
        maps: plan.maps,
        points_per_map: plan.points_per_map,
        states: plan.states(),
        rows: plan.rows,
        held_out_points: plan.held_out_points(),
        solver: plan.solver,
        iterations: plan.iterations,
        starts: plan.starts(),
        steps: plan.steps,
        cost: &plan.cost,
        config: &plan.config,
    };
    options.report(&record, &table(&plan))?;
    Ok(0)
}

fn table(plan: &Plan) -> String {
    let (cost, config) = (&plan.cost, &plan.config);
    let kernel = plan.kernel();
    let flatten =
        format!("{:?}, {:?} minima", config.flatten.method, config.flatten.definition).to_lowercase();
    let rows = [
        ("network", format!("{} neurons, {} maps", plan.neurons, plan.maps)),
        (
            "kernel",
            format!(
                "amplitude {:.4} Hz, width {:.2} neuron units, inhibition {:.5} Hz",
                kernel.amplitude, kernel.width, kernel.inhibition
            ),
        ),
        ("flattening", format!("{flatten}, at most {} weight updates", plan.iterations)),
        (
            "solver",
            match plan.solver {
                ChosenSolver::Direct => "direct".to_owned(),
                ChosenSolver::Cg => {
                    format!("cg, to {:e} of the present roughness", config.flatten.accuracy)
                }
            },
        ),
        (
            "states",
            format!(
                "{} = {} maps x {} points, about {:.0} active neurons each; {} between them",
                plan.states(),
                plan.maps,
                plan.points_per_map,
                cost.active_neurons,
                plan.held_out_points()
            ),
        ),
        (
            "idealized",
            match plan.idealized_updates {
                0 => "not flattened beside the minima".to_owned(),
                updates => format!("taken to the level of the minima by the first {updates} updates"),
            },
        ),
        (
            "trajectories",
            format!("{} starts x {} steps of {} ms", plan.starts(), plan.steps, config.dynamics.dt_ms),
        ),
        (
            "memory",
            format!(
                "{}; minima: weights {} + states {}; update: weights {} + states {}{} + {} {}",
                size(cost.peak_bytes),
                size(cost.weights_bytes),
                size(cost.states_bytes),
                size(cost.solve_weights_bytes),
                size(cost.states_bytes / 2),
                if cost.rows_bytes > 0 {
                    format!(" + rows {}", size(cost.rows_bytes))
                } else {
                    String::new()
                },
                match plan.solver {
                    ChosenSolver::Direct => "Gram matrix",
                    ChosenSolver::Cg => "conjugate gradients",
                },
                size(cost.gram_bytes)
            ),
        ),
        (
            "time",
            format!(
                "{} = first landscape {}{} + {} x (update {} + landscape {}) + trajectories {} a network",
                duration(cost.total_seconds),
                duration(cost.minima_seconds),
                match plan.idealized_updates {
                    0 => String::new(),
                    updates => format!(
                        " + {updates} x (update {} + landscape {})",
                        duration(cost.first_update_seconds),
                        duration(cost.later_minima_seconds)
                    ),
                },
                plan.iterations - plan.idealized_updates,
                duration(cost.update_seconds),
                duration(cost.later_minima_seconds),
                duration(cost.trajectories_seconds)
            ),
        ),
    ];
    rows.iter().map(|(name, text)| format!("{name:14}{text}\n")).collect()
}
