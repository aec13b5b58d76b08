//! What a configuration means: every size, every memory figure, every check that can be made before work starts.

use std::path::Path;

use serde::Serialize;

use crate::connectivity::Kernel;
use crate::error::{Error, Result};
use crate::files::npy;
use crate::landscape::minima::{NEURONS_BY_MAP, minima_by_map};
use crate::landscape::problem::{Definition, Minimizer};
use crate::manifold::Maps;
use crate::network::Network;
use crate::setup::config::{Config, Method, SearchStart, Solver};
use crate::setup::memory::available_memory;
use crate::solve::conjugate;
use crate::text::size;

/// Drift "settles" in this time (ms): the first distortion of an idealized start is over, the slow drift is not.
pub const SETTLING_MS: f64 = 100.0;

/// A duration is a whole number of steps if it differs from one by no more than this part of it: the rounding of
/// decimal fractions, and far less than a step.
const STEP_TOLERANCE: f64 = 1e-12;

/// Bytes of an f64.
const F64: u64 = 8;

/// A checked configuration with all its sizes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The configuration with neurons, maps and points written out.
    pub config: Config,
    /// N.
    pub neurons: usize,
    /// Maps that were read from a file, if any.
    given_maps: Option<Maps>,
    /// L.
    pub maps: usize,
    /// K.
    pub points_per_map: usize,
    /// How the Gram system is solved.
    pub solver: ChosenSolver,
    /// Every how manieth held-out point is evaluated.
    pub held_out_stride: usize,
    /// Weight updates, at most.
    pub iterations: usize,
    /// Euler steps of a trajectory.
    pub steps: usize,
    /// Euler steps until drift counts as settled; at most `steps`.
    pub settling_steps: usize,
    /// Weight updates, the first ones, that take the idealized bumps to the level of the minima too.
    pub idealized_updates: usize,
    /// Rows of the largest weight solve: the fitted minima, and the idealized bumps at their points.
    pub rows: usize,
    /// Memory and time.
    pub cost: Cost,
}

/// What a run will take.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Expected number of active neurons in a state.
    pub active_neurons: f64,
    /// Bytes of all weight matrices together while minima are sought.
    pub weights_bytes: u64,
    /// Bytes of those that there are while a weight update is solved for.
    pub solve_weights_bytes: u64,
    /// Bytes of states and their certificates, old and new; while an update is solved for it is half of that.
    pub states_bytes: u64,
    /// Bytes of the Gram matrix and of what it is made from, or of what conjugate gradients need in its place; 0 if
    /// nothing is solved.
    pub gram_bytes: u64,
    /// Bytes of the rows of a weight solve that has more than the fitted minima, and of the room to collect them.
    pub rows_bytes: u64,
    /// Peak memory (bytes): while minima are sought, or while an update is solved for.
    pub peak_bytes: u64,
    /// All constrained minima of one landscape, fitted and held-out points (s).
    pub minima_seconds: f64,
    /// The same after a weight update (s).
    pub later_minima_seconds: f64,
    /// One weight update of the minima alone (s).
    pub update_seconds: f64,
    /// One of the first ones, of the idealized bumps too (s).
    pub first_update_seconds: f64,
    /// All trajectories of one network (s).
    pub trajectories_seconds: f64,
    /// The whole run (s).
    pub total_seconds: f64,
}

/// How the Gram system is solved, once the size is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChosenSolver {
    /// Cholesky factorization of the Gram matrix; see [`crate::solve::direct::flatten`].
    Direct,
    /// Conjugate gradients without it; see [`crate::solve::conjugate`].
    Cg,
}

/// Above this many rows `flatten.solver = "auto"` means conjugate gradients. They are faster at half as many already
/// (five times on the paper's network, to a relative 10⁻⁹), but there the direct solve takes seconds and leaves nothing.
/// One choice for all updates of a run, by the largest.
const DIRECT_STATES: usize = 12_000;

/// Up to this many held-out points all are evaluated; a larger landscape is sampled evenly at about
/// [`HELD_OUT_SAMPLE`] of them, which give its SD to one percent.
const HELD_OUT_ALL: usize = 12_000;

/// See [`HELD_OUT_ALL`].
const HELD_OUT_SAMPLE: usize = 4_000;

/// Arithmetic rates of one core that the time estimates assume (flop/s), measured with `benches/run.sh` on the
/// machine named in `benches/README.md`; those of large networks with `benches/scaling.sh`.
mod rate {
    pub const MINIMA: f64 = 9e9;
    pub const CG: f64 = 8e9;
    pub const SINGLE_FACTORIZATION: f64 = 110e9;
    pub const DYNAMICS: f64 = 35e9;
    pub const DYNAMICS_FROM_MEMORY: f64 = 8e9;
    pub const MATRIX_PRODUCT: f64 = 50e9;
}

impl Plan {
    /// Checks a configuration and works out its sizes. Reads the maps file, if there is one.
    ///
    /// # Errors
    /// [`Error::Usage`] for sizes that contradict each other or the machine, [`Error::Data`] for a bad maps file.
    pub fn new(mut config: Config) -> Result<Self> {
        let given_maps =
            config.network.maps_file.as_deref().map(|file| read_maps(file, &config)).transpose()?;
        let neurons = given_maps.as_ref().map(Maps::neurons).or(config.network.neurons).unwrap_or(600);
        let maps = given_maps.as_ref().map(Maps::count).or(config.network.maps).unwrap_or(10);
        let points_per_map = config.flatten.points_per_map.unwrap_or(neurons);
        config.network.neurons = Some(neurons);
        config.network.maps = Some(maps);
        config.flatten.points_per_map = Some(points_per_map);
        let dynamics = &config.dynamics;
        if dynamics.dt_ms > dynamics.tau_ms {
            return Err(Error::Usage(format!(
                "dynamics.dt_ms = {} is longer than dynamics.tau_ms = {}: Euler steps would be unstable; the paper uses tau/75",
                dynamics.dt_ms, dynamics.tau_ms
            )));
        }
        let steps = (config.measure.duration_ms / dynamics.dt_ms).round();
        if !(1.0..=1e10).contains(&steps) {
            return Err(Error::Usage(format!(
                "measure.duration_ms = {} is {steps} steps of dynamics.dt_ms = {}; it takes between 1 and 10^10",
                config.measure.duration_ms, dynamics.dt_ms
            )));
        }
        let made = steps * dynamics.dt_ms;
        if (made - config.measure.duration_ms).abs() > STEP_TOLERANCE * made {
            return Err(Error::Usage(format!(
                "measure.duration_ms = {} is no whole number of steps of dynamics.dt_ms = {}; the nearest are {} and {}",
                config.measure.duration_ms,
                dynamics.dt_ms,
                significant_steps(dynamics.dt_ms, config.measure.duration_ms, f64::floor),
                significant_steps(dynamics.dt_ms, config.measure.duration_ms, f64::ceil),
            )));
        }
        let steps = steps as usize;
        let settling_steps = ((SETTLING_MS / dynamics.dt_ms).round() as usize).min(steps);
        let iterations = match config.flatten.method {
            Method::None => 0,
            Method::Idealized => config.flatten.iterations.min(1),
            Method::Constrained => config.flatten.iterations,
        };
        let idealized_updates = match config.flatten.method {
            Method::Constrained => config.flatten.idealized_updates.min(iterations),
            Method::None | Method::Idealized => 0,
        };
        let sizes = Sizes { neurons, maps, points_per_map, iterations, idealized_updates, steps };
        let solver = choose_solver(&config, sizes);
        let held_out_stride = held_out_stride(maps * points_per_map);
        let cost = Cost::new(&config, sizes, solver, held_out_stride);
        let plan = Self {
            config,
            neurons,
            given_maps,
            maps,
            points_per_map,
            solver,
            held_out_stride,
            iterations,
            steps,
            settling_steps,
            idealized_updates,
            rows: maps * sizes.rows_per_map(),
            cost,
        };
        plan.check()?;
        Ok(plan)
    }

    /// S = L·K.
    pub fn states(&self) -> usize {
        self.maps * self.points_per_map
    }

    /// Number of held-out points that are evaluated, on all maps together.
    pub fn held_out_points(&self) -> usize {
        self.states().div_ceil(self.held_out_stride)
    }

    /// Starts of trajectories on all maps.
    pub fn starts(&self) -> usize {
        self.maps * self.config.measure.starts_per_map
    }

    /// Builds the network, with random maps of the given realization unless maps were read from a file.
    ///
    /// # Errors
    /// If the parameters have no single bump.
    pub fn network(&self, realization: u32) -> Result<Network> {
        let maps = match &self.given_maps {
            Some(maps) => maps.clone(),
            None => Maps::random(self.neurons, self.maps, self.config.network.seed, realization),
        };
        Network::new(maps, self.kernel(), self.config.dynamics.baseline_current)
    }

    /// The kernel for this number of neurons.
    pub fn kernel(&self) -> Kernel {
        let k = &self.config.kernel;
        let kernel =
            Kernel { amplitude: k.amplitude, width: k.width, inhibition: k.inhibition, ..Kernel::PAPER };
        if k.scale { kernel.scaled_to(self.neurons) } else { kernel }
    }

    /// Δt/τ.
    pub fn step(&self) -> f64 {
        self.config.dynamics.dt_ms / self.config.dynamics.tau_ms
    }

    /// Whether the weight update after `updates` others takes the idealized bumps to the level of the minima too.
    pub fn flattens_idealized(&self, updates: usize) -> bool {
        updates < self.idealized_updates
    }

    /// Expected time of the weight update after `updates` others, and of the landscape it leads to (s).
    pub fn update_seconds(&self, updates: usize) -> f64 {
        let cost = &self.cost;
        let update =
            if self.flattens_idealized(updates) { cost.first_update_seconds } else { cost.update_seconds };
        update + cost.later_minima_seconds
    }

    fn check(&self) -> Result<()> {
        let usage = |text: String| Err(Error::Usage(text));
        let (n, s) = (self.neurons, self.rows);
        let pairs = n * (n - 1) / 2;
        if self.iterations > 0 && s >= pairs {
            return usage(format!(
                "{s} states (network.maps = {} times flatten.points_per_map = {}{}) cannot be flattened with the {pairs} weights of {n} neurons; lower one of them, or raise network.neurons",
                self.maps,
                self.points_per_map,
                if self.idealized_updates > 0 { ", twice for flatten.idealized_updates" } else { "" }
            ));
        }
        if self.states() < 2 {
            return usage(
                "one state has no landscape; raise flatten.points_per_map or network.maps".to_owned(),
            );
        }
        let flatten = &self.config.flatten;
        if flatten.minimizer == Minimizer::Descent && flatten.definition == Definition::Kkt {
            return usage(
                "the literal descent never activates a silent neuron, so it has no kkt minima; use flatten.definition = \"paper\", or the newton minimizer".to_owned(),
            );
        }
        let width = self.kernel().width;
        if width < 1.0 || width > n as f64 / 8.0 {
            return usage(format!(
                "the kernel's width is {width:.2} neuron units at {n} neurons; a bump needs from 1 to {:.1} (an eighth of the ring); change network.neurons or kernel.width",
                n as f64 / 8.0
            ));
        }
        let (need, have) = (self.cost.peak_bytes, available_memory());
        if need > have {
            return usage(format!(
                "this needs about {} of memory ({} for the Gram matrix of {s} states) and {} are free; lower network.maps, flatten.points_per_map or network.neurons",
                size(need),
                size(self.cost.gram_bytes),
                size(have)
            ));
        }
        Ok(())
    }
}

/// What the cost depends on, beside the configuration.
#[derive(Clone, Copy)]
struct Sizes {
    neurons: usize,
    maps: usize,
    points_per_map: usize,
    iterations: usize,
    idealized_updates: usize,
    steps: usize,
}

impl Sizes {
    /// States of a map in the largest weight solve.
    fn rows_per_map(self) -> usize {
        if self.idealized_updates > 0 { 2 * self.points_per_map } else { self.points_per_map }
    }
}

/// Direct while that fits and takes seconds.
fn choose_solver(config: &Config, sizes: Sizes) -> ChosenSolver {
    match config.flatten.solver {
        Solver::Direct => ChosenSolver::Direct,
        Solver::Cg => ChosenSolver::Cg,
        Solver::Auto if sizes.maps * sizes.rows_per_map() > DIRECT_STATES => ChosenSolver::Cg,
        Solver::Auto => {
            let direct = Cost::new(config, sizes, ChosenSolver::Direct, 1).peak_bytes;
            if direct > available_memory() { ChosenSolver::Cg } else { ChosenSolver::Direct }
        }
    }
}

/// 1, or an odd number: held-out points lie alternately halfway and a quarter of the way to the next fitted one.
fn held_out_stride(states: usize) -> usize {
    if states <= HELD_OUT_ALL { 1 } else { (states / HELD_OUT_SAMPLE) | 1 }
}

impl Cost {
    fn new(config: &Config, sizes: Sizes, solver: ChosenSolver, held_out_stride: usize) -> Self {
        let Sizes { neurons, maps, points_per_map, iterations, idealized_updates, steps } = sizes;
        let rows_per_map = sizes.rows_per_map();
        let (n, fitted, s) = (neurons as f64, (maps * points_per_map) as f64, (maps * rows_per_map) as f64);
        let evaluated = fitted + fitted / held_out_stride as f64;
        let width = config.kernel.width * if config.kernel.scale { n / 600.0 } else { 1.0 };
        // The paper's bump: 59 active neurons at σ = 15.
        let active = (59.0 / 15.0 * width).min(n);
        let cores = rayon::current_num_threads() as f64;
        let bytes = |count: f64| (count * F64 as f64) as u64;
        // J, M and ΔM while the update is solved for; then also the new M, the new W, and for large networks W in the
        // order of a map. Without updates J, M and W.
        let sorted = u64::from(minima_by_map(neurons, config.flatten.minimizer));
        let solve_weights_bytes = 3 * bytes(n * n);
        let weights_bytes = bytes(n * n) * (if iterations > 0 { 5 } else { 3 } + sorted);
        // Fitted and held-out states, old and new, 12 bytes an active neuron, and a certificate; where minima predict
        // each other, the currents of all neurons at the points of one map.
        let state_bytes = active * 1.2 * 12.0 + 64.0;
        let states_bytes = (evaluated * state_bytes * 2.0) as u64 + sorted * bytes(points_per_map as f64 * n);
        // The fitted ones once more with the idealized bumps, and the room to grow while those are collected.
        let rows_bytes = if idealized_updates > 0 { (2.0 * s * state_bytes) as u64 } else { 0 };
        let gram_bytes = match solver {
            _ if iterations == 0 => 0,
            ChosenSolver::Direct => bytes(s * s) + 2 * bytes(s * n),
            ChosenSolver::Cg => conjugate::memory(neurons, maps, rows_per_map, active),
        };
        let minima_seconds = evaluated * newton_seconds(config, sizes, active) / cores;
        let update_seconds = |s: f64| match solver {
            ChosenSolver::Direct => (2.0 * s * s * n + s.powi(3) / 3.0) / (rate::MATRIX_PRODUCT * cores),
            // Ten iterations to the default accuracy, the factored segments, and the weight change.
            ChosenSolver::Cg => 12.0 * 4.0 * active * active * s / (rate::CG * cores),
        };
        let runs = (maps * config.measure.starts_per_map * steps) as f64;
        let dynamics = if neurons < NEURONS_BY_MAP { rate::DYNAMICS } else { rate::DYNAMICS_FROM_MEMORY };
        let step_seconds = 2.0 * active * n / (dynamics * cores);
        let trajectories_seconds = runs * step_seconds;
        // The energy of a bump takes as long as a step of its dynamics.
        let (update_seconds, first_update_seconds) =
            (update_seconds(fitted), update_seconds(s) + fitted * step_seconds);
        let networks = if config.flatten.method == Method::None { 1.0 } else { 2.0 };
        // Minima of a network that changed little take half as many iterations; where the first are predicted from each
        // other, those take few as well.
        let later_minima_seconds = minima_seconds
            * match config.flatten.start {
                SearchStart::Idealized => 1.0,
                SearchStart::Previous if sorted == 1 => 0.8,
                SearchStart::Previous => 0.5,
            };
        Self {
            active_neurons: active,
            weights_bytes,
            solve_weights_bytes,
            states_bytes,
            gram_bytes,
            rows_bytes,
            peak_bytes: (weights_bytes + states_bytes + rows_bytes / 2)
                .max(solve_weights_bytes + states_bytes / 2 + rows_bytes + gram_bytes)
                + (16 << 20),
            minima_seconds,
            later_minima_seconds,
            update_seconds,
            first_update_seconds,
            trajectories_seconds,
            total_seconds: minima_seconds
                + idealized_updates as f64 * first_update_seconds
                + (iterations - idealized_updates) as f64 * update_seconds
                + iterations as f64 * later_minima_seconds
                + networks * trajectories_seconds,
        }
    }
}

/// Time that one core takes for one constrained minimum from an idealized start (s).
fn newton_seconds(config: &Config, sizes: Sizes, active: f64) -> f64 {
    let n = sizes.neurons as f64;
    let factorization = active.powi(3) / 3.0;
    if config.flatten.method == Method::Idealized {
        return 0.5 * (2.0 * active * n + factorization + 4.0 * active * active) / rate::MINIMA;
    }
    if minima_by_map(sizes.neurons, config.flatten.minimizer) {
        // 5 iterations at low load, 12 at L/N = 1/60, more towards capacity; besides the factorizations each touches the
        // local weights several times, past the inner caches.
        let load = (60.0 * sizes.maps as f64 / n).min(3.0);
        let iteration = (factorization + 150.0 * active * active) / rate::SINGLE_FACTORIZATION;
        return (5.0 + 7.0 * load * load) * iteration;
    }
    // Eleven Newton iterations a state, each a factorization and a field.
    11.0 * (2.0 * active * n + factorization + 4.0 * active * active) / rate::MINIMA
}

/// The duration of so many whole steps (ms), without the digits that rounding adds.
fn significant_steps(dt_ms: f64, duration_ms: f64, whole: fn(f64) -> f64) -> f64 {
    let text = format!("{:.12e}", whole(duration_ms / dt_ms).max(1.0) * dt_ms);
    text.parse().unwrap_or(dt_ms)
}

/// Reads positions, int32 `[maps, neurons]`, and checks them against what was typed.
fn read_maps(file: &Path, config: &Config) -> Result<Maps> {
    let (shape, positions) = npy::read::<i32>(file)?;
    let &[maps, neurons] = shape.as_slice() else {
        return Err(Error::data(
            file,
            format!("has shape {shape:?}; maps are int32 of shape [maps, neurons]"),
        ));
    };
    for (key, typed, found) in
        [("network.maps", config.network.maps, maps), ("network.neurons", config.network.neurons, neurons)]
    {
        if typed.is_some_and(|typed| typed != found) {
            return Err(Error::data(
                file,
                format!(
                    "has shape {shape:?} = [maps, neurons], but {key} = {}; set {key} = {found} or leave it out",
                    typed.unwrap_or_default()
                ),
            ));
        }
    }
    if !(20..=100_000).contains(&neurons) || !(1..=10_000).contains(&maps) {
        return Err(Error::data(
            file,
            format!("has shape {shape:?}; 1 to 10000 maps of 20 to 100000 neurons are allowed"),
        ));
    }
    Maps::from_positions(neurons, positions).map_err(|what| Error::data(file, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(settings: &[&str]) -> Result<Plan> {
        let mut config = Config::default();
        settings.iter().for_each(|s| config.set(s).unwrap());
        Plan::new(config)
    }

    #[test]
    fn sizes_of_the_paper_run() {
        let plan = plan(&[]).unwrap();
        assert_eq!((plan.neurons, plan.maps, plan.states(), plan.starts()), (600, 10, 6000, 100));
        assert_eq!((plan.steps, plan.settling_steps), (15_000, 500));
        assert_eq!(plan.cost.gram_bytes, 8 * (6000 * 6000 + 2 * 6000 * 600));
    }

    #[test]
    fn the_first_updates_have_twice_the_rows() {
        let settings = ["flatten.points_per_map=700", "flatten.iterations=5", "flatten.idealized_updates=2"];
        let ours = plan(&settings).unwrap();
        let minima = plan(&settings[..2]).unwrap();
        assert_eq!((ours.states(), ours.rows, ours.idealized_updates), (7000, 14_000, 2));
        assert_eq!((ours.solver, minima.solver), (ChosenSolver::Cg, ChosenSolver::Direct));
        assert_eq!([0, 1, 2, 4].map(|u| ours.flattens_idealized(u)), [true, true, false, false]);
        let cost = &ours.cost;
        let updates: f64 = (0..5).map(|u| ours.update_seconds(u)).sum();
        let sum = cost.minima_seconds + updates + 2.0 * cost.trajectories_seconds;
        assert!((cost.total_seconds - sum).abs() < 1e-12 * sum, "{cost:?}");
        assert!(cost.first_update_seconds > 1.9 * cost.update_seconds);
        assert!(cost.rows_bytes > 0 && minima.cost.rows_bytes == 0);
        // No more than there are updates, and none where no minima are sought.
        assert_eq!(plan(&["flatten.idealized_updates=9"]).unwrap().idealized_updates, 5);
        for method in ["none", "idealized"] {
            let method = format!("flatten.method={method}");
            let plan = plan(&[&method, "flatten.idealized_updates=2"]).unwrap();
            assert_eq!((plan.idealized_updates, plan.rows), (0, 6000));
        }
    }

    #[test]
    fn large_systems_are_solved_without_the_gram_matrix() {
        let large = plan(&["network.neurons=2400", "network.maps=40", "flatten.points_per_map=400"]).unwrap();
        assert_eq!((large.solver, large.held_out_stride), (ChosenSolver::Cg, 5));
        assert_eq!(large.held_out_points(), 3200);
        assert!(large.cost.gram_bytes < 8 * 16_000 * 16_000 / 4);
        assert_eq!(plan(&[]).unwrap().solver, ChosenSolver::Direct);
        assert_eq!(plan(&["flatten.solver=cg"]).unwrap().solver, ChosenSolver::Cg);
        assert_eq!(plan(&["flatten.points_per_map=1200"]).unwrap().held_out_stride, 1);
    }

    #[test]
    fn impossible_sizes_are_refused_with_the_way_out() {
        for (settings, part) in [
            (&["network.neurons=100", "network.maps=50"][..], "4950 weights"),
            (&["network.neurons=100000", "network.maps=10000"][..], "of memory"),
            (&["dynamics.dt_ms=20"][..], "unstable"),
            (&["measure.duration_ms=0.01"][..], "steps"),
            (&["measure.duration_ms=20", "dynamics.dt_ms=14"][..], "nearest are 14 and 28"),
            (&["measure.duration_ms=1.05", "dynamics.dt_ms=0.1"][..], "nearest are 1 and 1.1"),
            (&["flatten.minimizer=descent"][..], "never activates"),
            (&["kernel.width=0.5"][..], "neuron units"),
            (&["flatten.points_per_map=1", "network.maps=1"][..], "landscape"),
        ] {
            match plan(settings) {
                Err(Error::Usage(text)) => assert!(text.contains(part), "{settings:?}: {text}"),
                other => panic!("{settings:?} gave {other:?}"),
            }
        }
    }
}
