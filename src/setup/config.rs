//! What a user typed: the configuration and its defaults. The limits of every key stand in [`crate::setup::keys`], how
//! files are read in `setup/read.rs`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::connectivity::Kernel;
use crate::connectivity::coarse::Precision;
use crate::landscape::bumps::BumpShape;
use crate::landscape::problem::{Definition, Minimizer};
use crate::setup::groups::{ExternalCurrent, MapsConfig};
pub use crate::setup::scanned::Method;
use crate::setup::scanned::{Methods, Vary};

/// A whole configuration. Units are in the field documentation; defaults are the paper's protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// What is stored.
    pub network: NetworkConfig,
    /// Groups of maps; none if `network.maps` rings of all neurons are meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maps: Vec<MapsConfig>,
    /// The connectivity of one map.
    pub kernel: KernelConfig,
    /// The rate equation.
    pub dynamics: DynamicsConfig,
    /// How the landscape is flattened.
    pub flatten: FlattenConfig,
    /// How drift is measured.
    pub measure: MeasureConfig,
    /// How bumps are moved by `flatscape drive`.
    pub drive: DriveConfig,
    /// What a capacity scan varies.
    pub scan: ScanConfig,
}

/// `[network]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkConfig {
    /// N; 600, or what `maps_file` has, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neurons: Option<usize>,
    /// L; 10, or what `maps_file` has, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maps: Option<usize>,
    /// Fraction of the neurons that take part in each of the `maps` rings; all if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<f64>,
    /// Seed of the random maps.
    pub seed: u64,
    /// int32 `[L, N]` positions to use in place of random maps; relative to the configuration file.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub maps_file: Option<PathBuf>,
    /// f64 or f32 `[N, N]` weights to use in place of J (Hz); relative to the configuration file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_file: Option<PathBuf>,
    /// h of the neurons in place of the calibrated one (Hz²); needed with `weights_file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_current: Option<ExternalCurrent>,
    /// Where the shape of bumps comes from; relaxed ones need `weights_file`.
    pub bump: BumpShape,
    /// φ.
    pub transfer: TransferConfig,
}

/// `[network.transfer]`: `φ(I) = gain·I^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TransferConfig {
    /// n.
    pub exponent: f64,
    /// c (Hz for a current of 1 Hz²).
    pub gain: f64,
}

/// `[kernel]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelConfig {
    /// A (Hz).
    pub amplitude: f64,
    /// σ (neuron units).
    pub width: f64,
    /// b (Hz).
    pub inhibition: f64,
    /// Whether the three are given for 600 neurons and scaled to the network's size.
    pub scale: bool,
}

/// `[dynamics]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DynamicsConfig {
    /// τ (ms).
    pub tau_ms: f64,
    /// Δt (ms).
    pub dt_ms: f64,
    /// h₀ (Hz²).
    pub baseline_current: f64,
    /// Noise of the trajectories that measure drift.
    pub noise: NoiseConfig,
}

/// `[dynamics.noise]`
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NoiseConfig {
    /// What kind.
    pub kind: NoiseName,
    /// F of `poisson`: variance of the count of spikes by its mean.
    pub fano: f64,
    /// s of `current` (Hz²).
    pub sd: f64,
    /// Other numbers, other random numbers.
    pub seed: u64,
}

/// Kinds of noise, as they are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoiseName {
    /// No noise.
    None,
    /// Neurons send spikes.
    Poisson,
    /// Every neuron has a noise current.
    Current,
}

/// `flatten.margin` if it is not given (Hz²): half of the baseline current h₀.
pub const MARGIN: f64 = 5.0;

/// `[flatten]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlattenConfig {
    /// Which states the landscape is flattened at.
    pub method: Method,
    /// Which constrained minimum.
    pub definition: Definition,
    /// How constrained minima are found.
    pub minimizer: Minimizer,
    /// K; as many as neurons if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points_per_map: Option<usize>,
    /// Weight updates, at most.
    pub iterations: usize,
    /// Relative to the Gram matrix's mean diagonal.
    pub ridge: f64,
    /// What the ridge is multiplied by after every weight update: a large ridge first keeps the states near their
    /// linear model, a small one later lets the last roughness go.
    pub ridge_decay: f64,
    /// How the Gram system is solved.
    pub solver: Solver,
    /// Predicted roughness at which the cg solver ends, as a fraction of the present one.
    pub accuracy: f64,
    /// Where the search for minima begins after a weight update.
    pub start: SearchStart,
    /// How many weight updates, from the first on, take the idealized bumps to the level of the minima too; see
    /// [`crate::job::rows`].
    pub idealized_updates: usize,
    /// Whether the pseudo-inverse rule makes the first weight update of constrained minima, beside `iterations` others.
    pub pseudo_inverse_first: bool,
    /// Ridge of the pseudo-inverse rule, relative to the mean eigenvalue of the bumps' correlations.
    pub pseudo_inverse_ridge: f64,
    /// κ of learning of maximal margin (Hz²); [`MARGIN`] if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// How far each weight update goes from M towards the least M that does the same; see [`crate::solve::least_norm`].
    pub least_norm: f64,
    /// SD of the landscape at fitted points below which it counts as flat (Hz³).
    pub tolerance: f64,
    /// Fraction of the pairs of neurons that M may change.
    pub keep: f64,
    /// Values that M may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
}

/// `[measure]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeasureConfig {
    /// Length of a trajectory (ms).
    pub duration_ms: f64,
    /// Starts on each map.
    pub starts_per_map: usize,
    /// Where they lie.
    pub starts: Starts,
    /// Trajectories from every start, each with noise of its own; 20 with noise and 1 without, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicates: Option<usize>,
    /// Time between two rows of `trajectories.csv` (ms).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_ms: Option<f64>,
    /// Fractions of the active neurons that are exchanged where the trials of a scan measure pattern completion; none if
    /// not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion: Option<Vec<f64>>,
    /// What is done to the idealized bumps before they start.
    pub corrupt: CorruptConfig,
}

/// `[measure.corrupt]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CorruptConfig {
    /// Fraction of a bump's active neurons that are silenced.
    pub silence: f64,
    /// Fraction of a bump's active neurons that change places with silent ones.
    pub replace: f64,
    /// SD of normal noise on the rates of active neurons (Hz).
    pub noise: f64,
}

impl CorruptConfig {
    /// Whether nothing is done.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// `[drive]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DriveConfig {
    /// What velocity is asked for in the course of time.
    pub path: DrivePath,
    /// Size of the velocity (neuron units/s).
    pub velocity: f64,
    /// Period of a sinusoid, correlation time of a walk (ms).
    pub period_ms: f64,
    /// Table of times and velocities; relative to the configuration file.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub file: Option<PathBuf>,
    /// Which maps' kernels the velocity input goes through.
    pub input: DriveInput,
    /// Direction on surfaces, from the first axis towards the second (degrees).
    pub angle: f64,
    /// Cues of other maps.
    pub cue: CueConfig,
}

/// `[drive.cue]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CueConfig {
    /// c: a cue is the current `c·r`, r the rates of another map's bump (Hz).
    pub strengths: Vec<f64>,
    /// How long it lasts (ms).
    pub duration_ms: f64,
}

/// Paths of a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrivePath {
    /// The same velocity all the time.
    Constant,
    /// `v·sin(2πt/period)`.
    Sinusoid,
    /// A velocity that forgets itself: an Ornstein–Uhlenbeck process.
    Walk,
    /// A table.
    File,
}

/// Which maps' kernels a velocity input goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriveInput {
    /// Those of all maps, as a network that does not know which map is active has it.
    All,
    /// That of the map the bump is on.
    Active,
}

/// Where trajectories start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Starts {
    /// On sites of the lattice, evenly spaced; see [`crate::manifold::start_point`].
    Sites,
    /// Also between them; see [`crate::manifold::start_anywhere`].
    Anywhere,
}

/// `[scan]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScanConfig {
    /// Numbers of maps to scan.
    pub maps: Vec<usize>,
    /// Independent draws of the maps.
    pub realizations: usize,
    /// Methods to compare on every draw.
    pub methods: Methods,
    /// Further numbers of maps, past capacity, that only `score_methods` are run at.
    pub score_maps: Vec<usize>,
    /// Methods for `score_maps`.
    pub score_methods: Vec<Method>,
    /// Loads α = L/N to scan in place of `maps`: L is α·N, rounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loads: Option<Vec<f64>>,
    /// Further keys that are varied, with their values.
    #[serde(skip_serializing_if = "Vary::is_empty")]
    pub vary: Vary,
}

/// Where the search for minima begins after a weight update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchStart {
    /// At the minima before the update, as in the paper. Fast, but a state that was in a higher minimum stays there.
    Previous,
    /// At the idealized bump, as the dynamics do: the landscape is that of the weights alone, whatever came before.
    Idealized,
}

/// How the Gram system is solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// The program chooses by size.
    Auto,
    /// Cholesky factorization of the Gram matrix.
    Direct,
    /// Preconditioned conjugate gradients, which never form the Gram matrix.
    Cg,
}

/// A path as people read it. Not every path is valid text, and writing a record must not fail because of that.
fn as_text<S: serde::Serializer>(path: &Option<PathBuf>, to: S) -> std::result::Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(to)
}

impl Default for Config {
    fn default() -> Self {
        let Kernel { amplitude, width, inhibition, .. } = Kernel::PAPER;
        Self {
            network: NetworkConfig {
                neurons: None,
                maps: None,
                members: None,
                seed: 1,
                maps_file: None,
                weights_file: None,
                external_current: None,
                bump: BumpShape::Kernel,
                transfer: TransferConfig { exponent: 0.5, gain: 1.0 },
            },
            maps: Vec::new(),
            kernel: KernelConfig { amplitude, width, inhibition, scale: true },
            dynamics: DynamicsConfig {
                tau_ms: 15.0,
                dt_ms: 0.2,
                baseline_current: 10.0,
                noise: NoiseConfig { kind: NoiseName::None, fano: 1.0, sd: 1.0, seed: 0 },
            },
            flatten: FlattenConfig {
                method: Method::Constrained,
                definition: Definition::Kkt,
                minimizer: Minimizer::Newton,
                points_per_map: None,
                iterations: 5,
                ridge: 1e-9,
                ridge_decay: 1.0,
                solver: Solver::Auto,
                accuracy: 1e-3,
                start: SearchStart::Previous,
                idealized_updates: 0,
                pseudo_inverse_first: false,
                pseudo_inverse_ridge: 1e-2,
                margin: None,
                least_norm: 0.0,
                tolerance: 1e-6,
                keep: 1.0,
                precision: None,
            },
            measure: MeasureConfig {
                duration_ms: 3000.0,
                starts_per_map: 10,
                starts: Starts::Sites,
                replicates: None,
                record_ms: None,
                completion: None,
                corrupt: CorruptConfig::default(),
            },
            drive: DriveConfig {
                path: DrivePath::Constant,
                velocity: 20.0,
                period_ms: 1000.0,
                file: None,
                input: DriveInput::All,
                angle: 0.0,
                cue: CueConfig { strengths: vec![1.0, 3.0, 10.0, 30.0, 100.0], duration_ms: 200.0 },
            },
            scan: ScanConfig {
                maps: vec![1, 2, 4, 8, 12, 16, 20],
                realizations: 15,
                methods: vec![Method::None, Method::Idealized, Method::Constrained].into(),
                score_maps: Vec::new(),
                score_methods: vec![Method::None],
                loads: None,
                vary: Vary::new(),
            },
        }
    }
}
