//! What a configuration means: every size, every memory figure, every check that can be made before work starts.

use std::sync::Arc;

use crate::connectivity::matrix::WeightMatrix;
use crate::dynamics::noise::{Noise, NoiseKind};
use crate::error::{Error, Result};
use crate::landscape::problem::{Definition, Minimizer};
use crate::landscape::transfer::Transfer;
use crate::manifold::Maps;
use crate::network::Network;
use crate::setup::arrays::Arrays;
use crate::setup::config::{Config, FlattenConfig, Method, NoiseName, Solver};
use crate::setup::cost::{Cost, Sizes};
use crate::setup::given::given_weights;
use crate::setup::layout::Layout;
use crate::setup::memory::available_memory;
use crate::setup::steps::{records, whole_steps};
use crate::solve::SolverKind;
use crate::solve::restricted::Restriction;
use crate::text::size;

/// Drift "settles" in this time (ms): the first distortion of an idealized start is over, the slow drift is not.
pub const SETTLING_MS: f64 = 100.0;

/// A checked configuration with all its sizes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The configuration with neurons, maps and points written out.
    pub config: Config,
    /// N.
    pub neurons: usize,
    /// Kinds of maps, with their places if a file gave them.
    pub layout: Layout,
    /// Weights and external current given by the user, if any.
    given: Option<Arc<(WeightMatrix, Vec<f64>)>>,
    /// L.
    pub maps: usize,
    /// K.
    pub points_per_map: usize,
    /// How the Gram system is solved.
    pub solver: SolverKind,
    /// Predicted roughness at which conjugate gradients end, as a fraction of the present one.
    pub accuracy: f64,
    /// One in this many held-out points is evaluated.
    pub held_out_stride: usize,
    /// Weight updates, at most.
    pub iterations: usize,
    /// Euler steps of a trajectory.
    pub steps: usize,
    /// Euler steps until drift counts as settled; at most `steps`.
    pub settling_steps: usize,
    /// Trajectories from every start.
    pub replicates: usize,
    /// Euler steps between two rows of `trajectories.csv`, if there is to be one.
    pub record_steps: Option<usize>,
    /// How many weight updates, from the first on, also take the idealized bumps to the level of the minima.
    pub idealized_updates: usize,
    /// Whether the first weight update is the pseudo-inverse rule's.
    pub pseudo_inverse_first: bool,
    /// Rows of the largest weight solve: the fitted minima, and the idealized bumps at their points.
    pub rows: usize,
    /// Memory and time.
    pub cost: Cost,
}

/// Rows of all trajectories of a network, at most: some hundred megabytes.
const MOST_RECORDS: usize = 10_000_000;

/// Above this many rows `flatten.solver = "auto"` means conjugate gradients. One choice for all updates of a run, by the
/// largest.
const DIRECT_STATES: usize = 12_000;

/// The same for rings of all neurons, whose products are fast: the paper's network, 6,000 rows, takes 0.6 of the time; and for
/// surfaces, whose patches are solved in few iterations: five 40 × 40 tori take 0.4 of the time, twenty sheets 0.3.
const FEW_DIRECT_STATES: usize = 2_000;

/// On rings, up to [`DIRECT_STATES`] rows, `auto` goes on to this fraction of the present roughness, which is the direct solve's result
/// to all digits that matter, if the rows are at most one in so many weights: nearer to capacity conjugate gradients are slow.
const FINE_ACCURACY: f64 = 1e-8;

/// See [`FINE_ACCURACY`].
const WEIGHTS_A_ROW: usize = 8;

/// Up to this many held-out points all are evaluated; a larger landscape is sampled evenly at about
/// [`HELD_OUT_SAMPLE`] of them, which give its SD to one percent.
const HELD_OUT_ALL: usize = 12_000;

/// See [`HELD_OUT_ALL`].
const HELD_OUT_SAMPLE: usize = 4_000;

impl Plan {
    /// Checks a configuration and works out its sizes. Reads the maps file, if there is one.
    ///
    /// # Errors
    /// [`Error::Usage`] for sizes that contradict each other or the machine, [`Error::Data`] for a bad maps file.
    pub fn new(config: Config) -> Result<Self> {
        Self::with_arrays(config, &Arrays::default())
    }

    /// As [`Plan::new`], with arrays in place of files that the configuration names.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn with_arrays(config: Config, arrays: &Arrays) -> Result<Self> {
        let layout = Layout::with_arrays(&config, arrays)?;
        let given = given_weights(&config, layout.neurons, arrays)?.map(Arc::new);
        Self::of(config, layout, given)
    }

    /// The plan of the same network with other settings of flattening and measurement.
    ///
    /// # Errors
    /// As [`Plan::new`], and if the configuration is that of another network.
    pub fn with_settings(&self, config: Config) -> Result<Self> {
        let network =
            |c: &Config| (c.network.clone(), c.maps.clone(), c.kernel.clone(), c.dynamics.baseline_current);
        if network(&config) != network(&self.config) {
            return Err(Error::Usage(
                "[network], [[maps]], [kernel] and dynamics.baseline_current made this network; build another network to change them".to_owned(),
            ));
        }
        Self::of(config, self.layout.clone(), self.given.clone())
    }

    /// As [`Plan::new`], with given rings of all neurons in place of random ones.
    ///
    /// # Errors
    /// As [`Plan::new`], and if the configuration asks for other numbers of maps or neurons, or the maps are not rings.
    pub fn with_maps(mut config: Config, maps: &Maps) -> Result<Self> {
        if !(maps.are_full_rings() && config.maps.is_empty()) {
            return Err(Error::Usage(
                "only maps that are rings of all neurons can be given in memory; give others by [[maps]] with maps.positions".to_owned(),
            ));
        }
        for (key, asked, found) in [
            ("network.maps", config.network.maps, maps.count()),
            ("network.neurons", config.network.neurons, maps.neurons()),
        ] {
            if let Some(asked) = asked.filter(|&asked| asked != found) {
                return Err(Error::Usage(format!(
                    "{key} = {asked}, but the given maps have {found}; leave the key out"
                )));
            }
        }
        let arrays = Arrays::default();
        let layout = Layout::of_rings(&config, Some(maps), &arrays)?;
        // As they are called in a run directory.
        config.network.maps_file = Some("maps.npy".into());
        let given = given_weights(&config, layout.neurons, &arrays)?.map(Arc::new);
        Self::of(config, layout, given)
    }

    fn of(mut config: Config, layout: Layout, given: Option<Arc<(WeightMatrix, Vec<f64>)>>) -> Result<Self> {
        let (neurons, maps) = (layout.neurons, layout.maps());
        let points_per_map =
            config.flatten.points_per_map.unwrap_or_else(|| default_points(&config, &layout));
        layout.check_points(points_per_map)?;
        config.network.neurons = Some(neurons);
        if config.maps.is_empty() {
            config.network.maps = Some(maps);
        }
        config.flatten.points_per_map = Some(points_per_map);
        let dynamics = &config.dynamics;
        if dynamics.dt_ms > dynamics.tau_ms {
            return Err(Error::Usage(format!(
                "dynamics.dt_ms = {} is longer than dynamics.tau_ms = {}: Euler steps would be unstable; the paper uses tau/75",
                dynamics.dt_ms, dynamics.tau_ms
            )));
        }
        let steps = whole_steps("measure.duration_ms", config.measure.duration_ms, dynamics.dt_ms)?;
        let (replicates, record_steps) = records(&config, steps)?;
        let settling_steps = ((SETTLING_MS / dynamics.dt_ms).round() as usize).min(steps);
        let Updates { iterations, idealized_updates, pseudo_inverse_first } = Updates::new(&config.flatten);
        let sizes = Sizes {
            neurons,
            maps,
            points_per_map,
            iterations,
            idealized_updates,
            pseudo_inverse_first,
            steps,
            replicates,
            active_neurons: layout.active_neurons(),
            full_rings: layout.are_full_rings(),
            surfaces: layout.groups.iter().any(|g| g.group.lattice.space.dimension() > 1),
            weights_near_edges: layout.weights_near_edges(points_per_map as f64),
        };
        let (solver, accuracy) = choose_solver(&config, sizes);
        let held_out_stride = held_out_stride(maps * points_per_map);
        let cost = Cost::new(&config, sizes, (solver, accuracy), held_out_stride);
        let plan = Self {
            config,
            neurons,
            layout,
            given,
            maps,
            points_per_map,
            solver,
            accuracy,
            held_out_stride,
            iterations,
            steps,
            settling_steps,
            replicates,
            record_steps,
            idealized_updates,
            pseudo_inverse_first,
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

    /// Trajectories of a measurement.
    pub fn trajectories(&self) -> usize {
        self.starts() * self.replicates
    }

    /// What M may be, if not anything.
    pub fn restriction(&self) -> Option<Restriction> {
        let Restriction { keep, precision } =
            Restriction { keep: self.config.flatten.keep, precision: self.config.flatten.precision };
        (keep < 1.0 || precision.is_some()).then_some(Restriction { keep, precision })
    }

    /// Noise of the trajectories, if there is any.
    pub fn noise(&self) -> Option<Noise> {
        let noise = &self.config.dynamics.noise;
        let kind = match noise.kind {
            NoiseName::None => return None,
            NoiseName::Poisson => NoiseKind::Poisson { fano: noise.fano },
            NoiseName::Current => NoiseKind::Current { sd: noise.sd },
        };
        // Other maps, other random numbers: an odd factor takes different pairs of seeds to different keys.
        let seed = self.config.network.seed.wrapping_add(noise.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Some(Noise { kind, seed, dt_seconds: self.config.dynamics.dt_ms / 1000.0 })
    }

    /// Builds the network, with the random maps of the given realization unless a file gave them.
    ///
    /// # Errors
    /// If the parameters have no single bump.
    pub fn network(&self, realization: u32) -> Result<Network> {
        let maps = self.layout.draw(self.config.network.seed, realization);
        let kernels = self.layout.groups.iter().map(|group| group.kernel.clone()).collect();
        let baseline_current = self.config.dynamics.baseline_current;
        let transfer = &self.config.network.transfer;
        let transfer = Transfer::new(transfer.exponent, transfer.gain);
        let network = match self.given.as_deref() {
            None => Network::with_kernels(maps, kernels, baseline_current, transfer)?,
            Some(given) => {
                let shape = self.config.network.bump;
                Network::with_weights(maps, kernels, baseline_current, transfer, given.clone(), shape)?
            }
        };
        self.check_spikes(&network)?;
        self.check_corruption(&network)?;
        Ok(network)
    }

    /// Active neurons can change places with as many silent ones at most.
    fn check_corruption(&self, network: &Network) -> Result<()> {
        let replace = self.config.measure.corrupt.replace;
        let groups = 0..network.maps.groups().len();
        let active = groups.map(|group| network.bumps.active(group)).max().unwrap_or(0);
        let (wanted, silent) = (replace * active as f64, self.neurons.saturating_sub(active));
        if wanted <= silent as f64 {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "measure.corrupt.replace = {replace} wants {wanted:.0} of a bump's {active} active neurons to change places, and {silent} of the {} neurons are silent; lower it",
            self.neurons
        )))
    }

    /// Spikes are drawn step by step: a neuron at the bump's peak may not be expected to send more than one.
    fn check_spikes(&self, network: &Network) -> Result<()> {
        let Some(Noise { kind: NoiseKind::Poisson { fano }, dt_seconds, .. }) = self.noise() else {
            return Ok(());
        };
        let groups = 0..network.maps.groups().len();
        let peak = groups.map(|group| network.bumps.lattice_bump(group).peak()).fold(0.0, f64::max);
        let probability = peak * dt_seconds / fano;
        if probability <= 1.0 {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "dynamics.dt_ms = {} is too long for dynamics.noise.fano = {fano}: at {peak:.3} Hz, the bump's peak, a spike in every step has probability {probability:.3}, above 1; lower dt_ms below {:.3} or raise fano",
            self.config.dynamics.dt_ms,
            self.config.dynamics.dt_ms / probability
        )))
    }

    /// Whether the user brought weights, in place of the sum of the maps' kernels.
    pub fn has_given_weights(&self) -> bool {
        self.given.is_some()
    }

    /// Checks that the network will have an energy, and so a landscape to flatten.
    ///
    /// # Errors
    /// [`Error::Usage`] with the method whose weights are not symmetric.
    pub fn check_energy(&self) -> Result<()> {
        let method = self.config.flatten.method;
        if method.has_energy() {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "flatten.method = \"{0}\" makes weights that are not symmetric, so there is no energy and no landscape: it is a baseline of scans, for the keys scan.methods and scan.methods.{0}",
            method.name()
        )))
    }

    /// Δt/τ.
    pub fn step(&self) -> f64 {
        self.config.dynamics.dt_ms / self.config.dynamics.tau_ms
    }

    /// Number of the updates before the update after `updates` others that flattened the landscape; `None` if that update
    /// is the pseudo-inverse rule's.
    pub fn flattening_updates(&self, updates: usize) -> Option<usize> {
        updates.checked_sub(usize::from(self.pseudo_inverse_first))
    }

    /// Whether the weight update after `updates` others takes the idealized bumps to the level of the minima too.
    pub fn flattens_idealized(&self, updates: usize) -> bool {
        self.flattening_updates(updates).is_some_and(|updates| updates < self.idealized_updates)
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
        let rows =
            self.record_steps.map_or(0, |every| (self.steps / every + 2).saturating_mul(self.trajectories()));
        if rows > MOST_RECORDS {
            return usage(format!(
                "{} trajectories with a row every measure.record_ms are {rows} rows, and {MOST_RECORDS} are the most; raise record_ms, or lower measure.replicates or starts_per_map",
                self.trajectories()
            ));
        }
        let (n, s) = (self.neurons, self.rows);
        let pairs = (self.config.flatten.keep * (n * (n - 1) / 2) as f64) as usize;
        let solves = self.iterations > usize::from(self.pseudo_inverse_first);
        // Points closer than the kernel's width ask nearly the same of the weights: a ridge settles what they do not agree on.
        // Few pairs of neurons see less than that of each state.
        let distinct = if self.config.flatten.keep < 1.0 {
            self.states()
        } else {
            self.maps * self.points_per_map.min(self.layout.distinct_points())
        };
        if solves && (distinct >= pairs || s >= pairs && self.config.flatten.ridge == 0.0) {
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
        if self.restriction().is_some() && flatten.least_norm > 0.0 {
            return usage(
                "flatten.least_norm replaces the whole of M, which flatten.keep and flatten.precision hold to its pairs and values; leave one of them out".to_owned(),
            );
        }
        if self.restriction().is_some() && self.pseudo_inverse_first {
            return usage(
                "the pseudo-inverse rule gives weights to all pairs, of any precision; leave flatten.keep and flatten.precision out, or use another method".to_owned(),
            );
        }
        let lines = self.layout.groups.iter().all(|g| g.group.lattice.space.dimension() == 1);
        let is_root =
            Transfer::new(self.config.network.transfer.exponent, self.config.network.transfer.gain).is_root();
        if flatten.minimizer == Minimizer::Descent && !(lines && is_root) {
            return usage(
                "the literal descent is the paper's, for maps of one dimension and the square root as transfer function; use the newton minimizer".to_owned(),
            );
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

/// Weight updates of a run.
struct Updates {
    /// At most.
    iterations: usize,
    /// Of these, the first that take idealized bumps to the level of the minima too.
    idealized_updates: usize,
    /// Whether the very first is the pseudo-inverse rule's.
    pseudo_inverse_first: bool,
}

impl Updates {
    fn new(flatten: &FlattenConfig) -> Self {
        let (iterations, idealized_updates, pseudo_inverse_first) = match flatten.method {
            Method::None | Method::MaximalMargin => (0, 0, false),
            Method::Idealized => (flatten.iterations.min(1), 0, false),
            Method::PseudoInverse => (1, 0, true),
            Method::Constrained => (
                flatten.iterations + usize::from(flatten.pseudo_inverse_first),
                flatten.idealized_updates.min(flatten.iterations),
                flatten.pseudo_inverse_first,
            ),
        };
        Self { iterations, idealized_updates, pseudo_inverse_first }
    }
}

/// K where the configuration does not give it: one point for each site; on rings of all neurons fewer where so many maps
/// would ask for more than half as many energies as there are weights, but at least as many as are distinct.
fn default_points(config: &Config, layout: &Layout) -> usize {
    let points = layout.points_per_map();
    let flatten = &config.flatten;
    let solves = flatten.method != Method::None && flatten.iterations > 0;
    if !(solves && layout.are_full_rings() && flatten.keep == 1.0) {
        return points;
    }
    let pairs = (layout.neurons * (layout.neurons - 1) / 2) as f64;
    let rows_a_point = if flatten.idealized_updates > 0 { 2.0 } else { 1.0 };
    let most = (0.5 * pairs / (rows_a_point * layout.maps() as f64)) as usize;
    most.max(layout.distinct_points()).min(points)
}

/// The direct solve, as long as it fits into memory and is the faster one; and where conjugate gradients end.
fn choose_solver(config: &Config, sizes: Sizes) -> (SolverKind, f64) {
    let accuracy = config.flatten.accuracy;
    let rows = sizes.maps * sizes.rows_per_map();
    let pairs = sizes.neurons * (sizes.neurons - 1) / 2;
    match config.flatten.solver {
        Solver::Direct => (SolverKind::Direct, accuracy),
        Solver::Cg => (SolverKind::Cg, accuracy),
        Solver::Auto if rows > DIRECT_STATES => (SolverKind::Cg, accuracy),
        Solver::Auto if rows > FEW_DIRECT_STATES && rows * WEIGHTS_A_ROW <= pairs && sizes.full_rings => {
            (SolverKind::Cg, accuracy.min(FINE_ACCURACY))
        }
        Solver::Auto if rows > FEW_DIRECT_STATES && rows * WEIGHTS_A_ROW <= pairs && sizes.surfaces => {
            (SolverKind::Cg, accuracy)
        }
        Solver::Auto => {
            let direct = Cost::new(config, sizes, (SolverKind::Direct, accuracy), 1).peak_bytes;
            (if direct > available_memory() { SolverKind::Cg } else { SolverKind::Direct }, accuracy)
        }
    }
}

/// 1, or an odd number: held-out points lie alternately halfway and a quarter of the way to the next fitted one.
fn held_out_stride(states: usize) -> usize {
    if states <= HELD_OUT_ALL { 1 } else { (states / HELD_OUT_SAMPLE) | 1 }
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
        assert_eq!((plan.solver, plan.accuracy), (SolverKind::Cg, FINE_ACCURACY));
        let direct = self::plan(&["flatten.solver=direct"]).unwrap();
        assert_eq!(direct.cost.gram_bytes, 8 * (6000 * 6000 + 2 * 6000 * 600));
    }

    #[test]
    fn points_are_as_many_as_the_weights_can_serve() {
        let points = |settings: &[&str]| {
            plan(&[&["network.neurons=100"], settings].concat()).map(|p| p.points_per_map)
        };
        assert_eq!(points(&["network.maps=10"]).unwrap(), 100);
        // 4,950 weights: half as many energies on 50 maps would be 49 points each.
        assert_eq!(points(&["network.maps=50"]).unwrap(), 49);
        assert_eq!(points(&["network.maps=50", "flatten.idealized_updates=1"]).unwrap(), 40);
        // One point a width of the kernel is what a map cannot do without.
        assert_eq!(points(&["network.maps=120"]).unwrap(), 40);
        assert!(points(&["network.maps=124"]).is_err());
        // Given points are taken, up to where without a ridge no weights would do.
        assert_eq!(points(&["network.maps=60", "flatten.points_per_map=100"]).unwrap(), 100);
        assert!(points(&["network.maps=60", "flatten.points_per_map=100", "flatten.ridge=0"]).is_err());
    }

    #[test]
    fn the_first_updates_have_twice_the_rows() {
        let settings = ["flatten.points_per_map=700", "flatten.iterations=5", "flatten.idealized_updates=2"];
        let ours = plan(&settings).unwrap();
        let minima = plan(&settings[..2]).unwrap();
        assert_eq!((ours.states(), ours.rows, ours.idealized_updates), (7000, 14_000, 2));
        assert_eq!((ours.solver, minima.solver), (SolverKind::Cg, SolverKind::Cg));
        assert_eq!((ours.accuracy, minima.accuracy), (1e-3, FINE_ACCURACY));
        assert_eq!([0, 1, 2, 4].map(|u| ours.flattens_idealized(u)), [true, true, false, false]);
        let cost = &ours.cost;
        let updates: f64 = (0..5).map(|u| ours.update_seconds(u)).sum();
        let sum = cost.minima_seconds + updates + 2.0 * cost.trajectories_seconds;
        assert!((cost.total_seconds - sum).abs() < 1e-12 * sum, "{cost:?}");
        // Twice the rows; sorting the bands of ten maps, a quarter of an iteration here, is the same.
        assert!(cost.first_update_seconds > 1.7 * cost.update_seconds);
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
        assert_eq!((large.solver, large.held_out_stride), (SolverKind::Cg, 5));
        assert_eq!(large.held_out_points(), 3200);
        assert!(large.cost.gram_bytes < 8 * 16_000 * 16_000 / 4);
        assert_eq!(plan(&["flatten.solver=direct"]).unwrap().solver, SolverKind::Direct);
        assert_eq!(plan(&["flatten.solver=cg"]).unwrap().solver, SolverKind::Cg);
        assert_eq!(plan(&["flatten.points_per_map=1200"]).unwrap().held_out_stride, 1);
    }

    #[test]
    fn impossible_sizes_are_refused_with_the_way_out() {
        for (settings, part) in [
            (&["network.neurons=100", "network.maps=124"][..], "4950 weights"),
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
