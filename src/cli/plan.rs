//! `flatscape plan`: what a configuration would do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use toml::Value;

use super::Options;
use crate::error::{Error, Result};
use crate::scan;
use crate::setup::config::{Config, Method};
use crate::setup::cost::Cost;
use crate::setup::layout::GroupLayout;
use crate::setup::plan::Plan;
use crate::setup::scanned::Vary;
use crate::solve::SolverKind;
use crate::text::{COLUMNS, duration, size, wrapped};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration, TOML; with a [scan] section all trials of the scan are planned
    config: PathBuf,
}

#[derive(Serialize)]
struct PlanRecord<'a> {
    neurons: usize,
    maps: usize,
    points_per_map: usize,
    states: usize,
    rows: usize,
    idealized_updates: usize,
    held_out_points: usize,
    solver: SolverKind,
    iterations: usize,
    starts: usize,
    steps: usize,
    cost: &'a Cost,
    config: &'a Config,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let config = options.load(&arguments.config)?;
    if is_scan(&config, arguments, options)? {
        let record = ScanRecord::new(&config)?;
        options.report(&record, &record.table())?;
        return Ok(0);
    }
    let plan = Plan::new(config)?;
    let record = PlanRecord {
        neurons: plan.neurons,
        maps: plan.maps,
        points_per_map: plan.points_per_map,
        states: plan.states(),
        rows: plan.rows,
        idealized_updates: plan.idealized_updates,
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

/// Whether the configuration is meant for `scan`: it says what to scan, and is not the resolved configuration of a run,
/// in which every key is written out.
fn is_scan(config: &Config, arguments: &Arguments, options: &Options) -> Result<bool> {
    let network = &config.network;
    let of_a_run = network.maps.is_some() && config.scan == Config::default().scan;
    if network.maps_file.is_some() || of_a_run {
        return Ok(false);
    }
    Config::mentions("scan", &arguments.config, &options.set)
}

/// What a scan would do.
#[derive(Serialize)]
struct ScanRecord {
    /// Least and largest number of neurons.
    neurons: (usize, usize),
    trials: usize,
    /// Trials by method.
    methods: BTreeMap<String, usize>,
    /// Further keys that are varied, with their values.
    vary: Vary,
    realizations: usize,
    /// Least and largest number of maps.
    maps: (usize, usize),
    /// The trial that takes longest.
    longest: String,
    longest_seconds: f64,
    /// Memory of the largest trial (bytes).
    peak_bytes: u64,
    /// All trials one after the other, each on all cores (s).
    total_seconds: f64,
    config: Config,
}

impl ScanRecord {
    fn new(config: &Config) -> Result<Self> {
        let trials = scan::trials(config)?;
        let Some(first) = trials.first() else {
            return Err(Error::Usage("this scan has no trials; see scan.maps".to_owned()));
        };
        let mut record = Self {
            neurons: (first.neurons, first.neurons),
            trials: trials.len(),
            methods: BTreeMap::new(),
            vary: config.scan.vary.clone(),
            realizations: config.scan.realizations,
            maps: (first.maps, first.maps),
            longest: String::new(),
            longest_seconds: 0.0,
            peak_bytes: 0,
            total_seconds: 0.0,
            config: config.clone(),
        };
        for trial in &trials {
            let cost = trial.plan(config)?.cost;
            *record.methods.entry(trial.method.clone()).or_default() += 1;
            record.neurons = (record.neurons.0.min(trial.neurons), record.neurons.1.max(trial.neurons));
            record.maps = (record.maps.0.min(trial.maps), record.maps.1.max(trial.maps));
            record.peak_bytes = record.peak_bytes.max(cost.peak_bytes);
            record.total_seconds += cost.total_seconds;
            if cost.total_seconds > record.longest_seconds {
                (record.longest, record.longest_seconds) = (trial.id(), cost.total_seconds);
            }
        }
        Ok(record)
    }

    fn table(&self) -> String {
        let methods: Vec<String> =
            self.methods.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let rows = [
            ("network", format!("{} neurons, {} maps", range(self.neurons), range(self.maps))),
            ("trials", format!("{}: {}", self.trials, methods.join(", "))),
            ("realizations", format!("{} of every number of maps", self.realizations)),
            ("varied", varied(&self.vary)),
            (
                "longest trial",
                format!("{}, about {} on all cores", self.longest, duration(self.longest_seconds)),
            ),
            ("memory", format!("at most {} a trial", size(self.peak_bytes))),
            ("time", format!("about {}", duration(self.total_seconds))),
        ];
        rows.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| row(name, text)).collect()
    }
}

/// From the least to the largest, or the one that there is.
fn range((least, largest): (usize, usize)) -> String {
    if least == largest { least.to_string() } else { format!("{least} to {largest}") }
}

/// Every varied key with its values.
fn varied(vary: &Vary) -> String {
    let key = |(key, values): (&String, &Vec<Value>)| {
        let values: Vec<String> = values.iter().map(Value::to_string).collect();
        format!("{key} = {}", values.join(", "))
    };
    vary.iter().map(key).collect::<Vec<String>>().join("; ")
}

/// A line of a table, wrapped at the width of the terminal.
fn row(name: &str, text: &str) -> String {
    wrapped(&format!("{name:14}{text}"), COLUMNS, 14)
}

/// Numbers and shapes of the maps.
fn maps(plan: &Plan) -> String {
    let of_group = |group: &GroupLayout| {
        let lattice = &group.group.lattice;
        let members = lattice.sites();
        let of = if members == plan.neurons { String::new() } else { format!(" of {members} neurons each") };
        format!("{} maps ({}{of})", group.group.count, lattice.space.shape.name())
    };
    let groups: Vec<String> = plan.layout.groups.iter().map(of_group).collect();
    groups.join(", ")
}

fn table(plan: &Plan) -> String {
    let (cost, config) = (&plan.cost, &plan.config);
    let kernel = &plan.layout.groups[0].kernel;
    let flatten =
        format!("{:?}, {:?} minima", config.flatten.method, config.flatten.definition).to_lowercase();
    let rows = [
        ("network", format!("{} neurons, {}", plan.neurons, maps(plan))),
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
                SolverKind::Direct => "direct".to_owned(),
                SolverKind::Cg => {
                    format!("cg, to {:e} of the present roughness", plan.accuracy)
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
        ("updates", updates(plan)),
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
                    SolverKind::Direct => "Gram matrix",
                    SolverKind::Cg => "conjugate gradients",
                },
                size(cost.gram_bytes)
            ),
        ),
        ("time", time(plan)),
    ];
    rows.iter().map(|(name, text)| row(name, text)).collect()
}

/// What the weight updates do: the pseudo-inverse rule, or what they take to one level.
fn updates(plan: &Plan) -> String {
    let (all, minima) = (plan.iterations, plan.states());
    let mut kinds = Vec::new();
    let mut done = usize::from(plan.pseudo_inverse_first);
    if plan.pseudo_inverse_first {
        kinds.push(format!("1: pseudo-inverse rule, the currents of {minima} idealized bumps"));
    }
    if plan.idealized_updates > 0 {
        let first = done + 1;
        done += plan.idealized_updates;
        kinds.push(format!("{first} to {done}: minima and idealized bumps, {} energies", 2 * minima));
    }
    if all > done {
        let states =
            if plan.config.flatten.method == Method::Idealized { "idealized bumps" } else { "minima" };
        kinds.push(format!("{} to {all}: {states}, {minima} energies", done + 1));
    }
    if kinds.is_empty() { "none".to_owned() } else { kinds.join("; ") }
}

/// Where the time goes.
fn time(plan: &Plan) -> String {
    let cost = &plan.cost;
    let mut parts = vec![format!("first landscape {}", duration(cost.minima_seconds))];
    for (count, update) in [
        (plan.idealized_updates, cost.first_update_seconds),
        (
            plan.iterations - plan.idealized_updates - usize::from(plan.pseudo_inverse_first),
            cost.update_seconds,
        ),
    ] {
        if count > 0 {
            let landscape = duration(cost.later_minima_seconds);
            parts.push(format!("{count} x (update {} + landscape {landscape})", duration(update)));
        }
    }
    parts.push(format!("trajectories {} a network", duration(cost.trajectories_seconds)));
    format!("{} = {}", duration(cost.total_seconds), parts.join(" + "))
}
