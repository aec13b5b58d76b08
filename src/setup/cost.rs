//! What a run will take: memory and time, from its sizes.

use serde::Serialize;

use crate::landscape::minima::{NEURONS_BY_MAP, minima_by_map};
use crate::setup::config::{Config, Method, SearchStart};
use crate::solve::{SolverKind, conjugate};

/// Bytes of an f64.
const F64: u64 = 8;

/// What a run will take.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Expected number of active neurons in a state.
    pub active_neurons: f64,
    /// Bytes of all weight matrices together while minima are sought.
    pub weights_bytes: u64,
    /// Bytes of the weight matrices held while a weight update is computed.
    pub solve_weights_bytes: u64,
    /// Bytes of all states and certificates, old and new; half of that is held while an update is computed.
    pub states_bytes: u64,
    /// Bytes of the Gram matrix and of what it is made from, or of what conjugate gradients need in its place; 0 if no
    /// update is made.
    pub gram_bytes: u64,
    /// Bytes of the rows that idealized bumps add to a weight solve, with the room to collect them.
    pub rows_bytes: u64,
    /// Peak memory (bytes): while minima are sought, or while an update is computed.
    pub peak_bytes: u64,
    /// All constrained minima of one landscape, fitted and held-out points (s).
    pub minima_seconds: f64,
    /// The same after a weight update (s).
    pub later_minima_seconds: f64,
    /// One weight update of the minima alone (s).
    pub update_seconds: f64,
    /// One weight update of the minima and the idealized bumps (s).
    pub first_update_seconds: f64,
    /// All trajectories of one network (s).
    pub trajectories_seconds: f64,
    /// The whole run (s).
    pub total_seconds: f64,
}

/// Arithmetic rates of one core that the time estimates assume (flop/s), measured with `benches/run.sh` on the
/// machine named in `benches/README.md`; those of large networks with `benches/scaling.sh`.
mod rate {
    /// Weights of a kernel a second.
    pub const KERNEL: f64 = 6e7;
    pub const MINIMA: f64 = 9e9;
    pub const CG: f64 = 8e9;
    pub const SINGLE_FACTORIZATION: f64 = 110e9;
    pub const DYNAMICS: f64 = 35e9;
    pub const DYNAMICS_FROM_MEMORY: f64 = 8e9;
    pub const MATRIX_PRODUCT: f64 = 50e9;
}

/// What the cost depends on, beside the configuration.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub neurons: usize,
    pub maps: usize,
    pub points_per_map: usize,
    pub iterations: usize,
    pub idealized_updates: usize,
    /// Whether the first of the updates is the pseudo-inverse rule's.
    pub pseudo_inverse_first: bool,
    pub steps: usize,
    /// Trajectories from every start.
    pub replicates: usize,
    /// Expected number of active neurons in a bump.
    pub active_neurons: f64,
    /// Whether all maps are rings of all neurons.
    pub full_rings: bool,
    /// Whether some maps have two dimensions.
    pub surfaces: bool,
    /// Weights that are computed for the idealized bumps near edges, at the points of one landscape.
    pub weights_near_edges: f64,
}

impl Sizes {
    /// States of a map in the largest weight solve.
    pub(super) fn rows_per_map(self) -> usize {
        if self.idealized_updates > 0 { 2 * self.points_per_map } else { self.points_per_map }
    }

    /// Weight updates that solve for the weight change.
    fn solves(self) -> usize {
        self.iterations - usize::from(self.pseudo_inverse_first)
    }

    /// Whether minima predict each other along whole maps.
    fn seeks_by_map(self, config: &Config) -> bool {
        self.full_rings && minima_by_map(self.neurons, self.points_per_map, config.flatten.minimizer)
    }
}

/// Memory of a job.
struct Bytes {
    weights: u64,
    /// Those while a weight change is solved for.
    solve_weights: u64,
    states: u64,
    rows: u64,
    gram: u64,
}

impl Bytes {
    fn new(config: &Config, sizes: Sizes, solver: SolverKind, evaluated: f64) -> Self {
        let Sizes { neurons, maps, points_per_map, iterations, idealized_updates, .. } = sizes;
        let (n, s) = (neurons as f64, (maps * sizes.rows_per_map()) as f64);
        let active = sizes.active_neurons;
        let bytes = |count: f64| (count * F64 as f64) as u64;
        let sorted = u64::from(sizes.seeks_by_map(config));
        // Fitted and held-out states, old and new, 12 bytes per active neuron, and a certificate; where minima predict
        // each other, the currents of all neurons at the points of one map.
        let state_bytes = active * 1.2 * 12.0 + 64.0;
        Self {
            // J, M and ΔM while the update is computed; then the new M and W too, and for large networks W in the order of
            // a map. Without updates J, M and W.
            weights: bytes(n * n) * (if iterations > 0 { 5 } else { 3 } + sorted),
            solve_weights: 3 * bytes(n * n),
            states: (evaluated * state_bytes * 2.0) as u64 + sorted * bytes(points_per_map as f64 * n),
            // The fitted states again, now with the idealized bumps, and room to grow while they are collected.
            rows: if idealized_updates > 0 { (2.0 * s * state_bytes) as u64 } else { 0 },
            gram: match solver {
                // The rule's correlations, their eigenvectors, and what is made of them.
                _ if sizes.solves() == 0 && sizes.pseudo_inverse_first => 6 * bytes(n * n),
                _ if sizes.solves() == 0 => 0,
                SolverKind::Direct => bytes(s * s) + 2 * bytes(s * n),
                SolverKind::Cg => {
                    let rows = sizes.rows_per_map();
                    conjugate::memory(neurons, maps, rows, active, sizes.full_rings, sizes.surfaces)
                }
            },
        }
    }

    /// The most at any time.
    fn peak(&self) -> u64 {
        let between = self.weights + self.states + self.rows / 2;
        between.max(self.solve_weights + self.states / 2 + self.rows + self.gram) + (16 << 20)
    }
}

impl Cost {
    pub(super) fn new(
        config: &Config,
        sizes: Sizes,
        (solver, accuracy): (SolverKind, f64),
        held_out_stride: usize,
    ) -> Self {
        let Sizes { neurons, maps, points_per_map, iterations, idealized_updates, steps, replicates, .. } =
            sizes;
        let solves = sizes.solves();
        let (n, fitted) = (neurons as f64, (maps * points_per_map) as f64);
        let s = (maps * sizes.rows_per_map()) as f64;
        let evaluated = fitted + fitted / held_out_stride as f64;
        let active = sizes.active_neurons;
        let cores = rayon::current_num_threads() as f64;
        let bytes = Bytes::new(config, sizes, solver, evaluated);
        let minima_seconds = evaluated * newton_seconds(config, sizes, active) / cores;
        // Kept from landscape to landscape.
        let edges_seconds = sizes.weights_near_edges * evaluated / fitted / (rate::KERNEL * cores);
        let update_seconds = |s: f64| match solver {
            SolverKind::Direct => (2.0 * s * s * n + s.powi(3) / 3.0) / (rate::MATRIX_PRODUCT * cores),
            SolverKind::Cg => cg_seconds(accuracy, sizes, s) / cores,
        };
        // Three products of all states, an eigenvalue problem, two products of matrices; on one core.
        let pseudo_inverse_seconds = if sizes.pseudo_inverse_first {
            (6.0 * fitted * n * n + 20.0 * n.powi(3)) / rate::MATRIX_PRODUCT
        } else {
            0.0
        };
        let runs = (maps * config.measure.starts_per_map * replicates * steps) as f64;
        let dynamics = if neurons < NEURONS_BY_MAP { rate::DYNAMICS } else { rate::DYNAMICS_FROM_MEMORY };
        let step_seconds = 2.0 * active * n / (dynamics * cores);
        let trajectories_seconds = runs * step_seconds;
        // The energy of a bump takes as long as a step of its dynamics.
        let (update_seconds, first_update_seconds) =
            (update_seconds(fitted), update_seconds(s) + fitted * step_seconds);
        let networks = if config.flatten.method == Method::None { 1.0 } else { 2.0 };
        // After a small change of the weights, minima take half as many iterations. Where the first minima are
        // predicted from each other, they take few already.
        let later_minima_seconds = minima_seconds
            * match config.flatten.start {
                SearchStart::Idealized => 1.0,
                SearchStart::Previous if sizes.surfaces => 0.75,
                SearchStart::Previous if neurons >= NEURONS_BY_MAP => 0.8,
                SearchStart::Previous => 0.5,
            };
        // Beside its minima at the fitted points, every second further attempt solves again, with a larger ridge.
        let retry_seconds = later_minima_seconds * fitted / evaluated + 0.5 * update_seconds;
        Self {
            active_neurons: active,
            weights_bytes: bytes.weights,
            solve_weights_bytes: bytes.solve_weights,
            states_bytes: bytes.states,
            gram_bytes: bytes.gram,
            rows_bytes: bytes.rows,
            peak_bytes: bytes.peak(),
            minima_seconds: minima_seconds + edges_seconds,
            later_minima_seconds,
            update_seconds,
            first_update_seconds,
            trajectories_seconds,
            total_seconds: minima_seconds
                + edges_seconds
                + idealized_updates as f64 * first_update_seconds
                + pseudo_inverse_seconds
                + (solves - idealized_updates) as f64 * update_seconds
                + iterations as f64 * later_minima_seconds
                + solves as f64 * retries(sizes) * retry_seconds
                + networks * trajectories_seconds,
        }
    }
}

/// Number of maps relative to L/N = 1/60, half of what the plain network holds.
fn load(sizes: Sizes) -> f64 {
    60.0 * sizes.maps as f64 / sizes.neurons as f64
}

/// Attempts at a weight update beside the first, on average: none as long as there are fewer than 0.2 maps a neuron, more and more
/// beyond. Flattened rings of 80 to 160 neurons took 0.1 to 1.5 at 0.28, 0.5 to 1.8 at 0.42, 0.6 to 1.1 at 0.49
/// (`benches/capacity.md`).
fn retries(sizes: Sizes) -> f64 {
    3.0 * (sizes.maps as f64 / sizes.neurons as f64 - 0.2).max(0.0)
}

/// Products with the Gram matrix: ten to a thousandth of the present roughness, two for the factored segments and the weight
/// change, more where maps overlap strongly.
fn cg_iterations(accuracy: f64, sizes: Sizes) -> f64 {
    let regular = 2.0 - 10.0 * accuracy.log(1e3);
    (regular * (1.0 + 0.5 * (load(sizes) - 1.0).max(0.0))).min(300.0)
}

/// Time that one core takes for a solve with `rows` states (s). On rings of all neurons bands of every map are sorted in and
/// out, which is most of it where bumps are small; elsewhere weights are read where they lie.
fn cg_seconds(accuracy: f64, sizes: Sizes, rows: f64) -> f64 {
    let (n, active) = (sizes.neurons as f64, sizes.active_neurons);
    let products = 4.0 * active * active * rows;
    let iteration = if sizes.full_rings {
        products + 40.0 * n * sizes.maps as f64 * ((n / 4.0).min(64.0) + 1.3 * active)
    } else {
        2.0 * products + 40.0 * n * n
    };
    let per_map = (rows / sizes.maps as f64) as usize;
    let [gram, factors] =
        conjugate::preconditioner_work(sizes.neurons, sizes.maps, per_map, active, sizes.surfaces);
    (cg_iterations(accuracy, sizes) * iteration + gram) / rate::CG + factors / rate::MATRIX_PRODUCT
}

/// Time that one core takes for one constrained minimum from an idealized start (s).
fn newton_seconds(config: &Config, sizes: Sizes, active: f64) -> f64 {
    let n = sizes.neurons as f64;
    let factorization = active.powi(3) / 3.0;
    if config.flatten.method == Method::Idealized {
        return 0.5 * (2.0 * active * n + factorization + 4.0 * active * active) / rate::MINIMA;
    }
    if sizes.seeks_by_map(config) {
        // 5 iterations at low load, 12 at L/N = 1/60, more towards capacity. Besides factoring, each iteration reads
        // the local weights several times, from beyond the inner caches.
        let load = load(sizes).min(3.0);
        let iteration = (factorization + 150.0 * active * active) / rate::SINGLE_FACTORIZATION;
        return (5.0 + 7.0 * load * load) * iteration;
    }
    // Eleven Newton iterations a state, on surfaces eight, each a factorization and a field, and a microsecond of what is not
    // arithmetic; past the plain network's capacity more.
    let regular = if sizes.surfaces { 8.0 } else { 11.0 };
    let iterations = regular * (1.0 + 0.1 * (load(sizes) - 1.0).max(0.0));
    iterations * (1e-6 + (2.0 * active * n + factorization + 4.0 * active * active) / rate::MINIMA)
}
