//! The shaders of `shaders/`, one WGSL file a stage, and the constants they are compiled with.
//!
//! Sizes that host and shader share are declared once, here: the text that is compiled begins with them, as `const NAME = 1u;`.

use bytemuck::{Pod, Zeroable};

/// Sizes of a shader, by name.
pub type Constants = Vec<(&'static str, u32)>;

/// A shader and its constants. Its entry point has its name.
#[derive(Clone, Debug)]
pub struct Shader {
    /// Name of the stage, of the file and of the entry point.
    pub name: &'static str,
    /// Sizes.
    pub constants: Constants,
    /// What stands before the file: what shaders share.
    pub prelude: &'static str,
    /// The file.
    pub body: &'static str,
}

/// How W is read.
const WEIGHTS: &str = include_str!("../../../shaders/shared/weights.wgsl");

/// The searches for minima, the transfer function, and the parts of `minimum.wgsl`.
const PARTS_OF_MINIMUM: &str = concat!(
    include_str!("../../../shaders/shared/search.wgsl"),
    include_str!("../../../shaders/shared/transfer.wgsl"),
    include_str!("../../../shaders/minimum/state.wgsl"),
    include_str!("../../../shaders/minimum/constraint.wgsl"),
    include_str!("../../../shaders/minimum/admission.wgsl"),
    include_str!("../../../shaders/minimum/conjugate.wgsl"),
    include_str!("../../../shaders/minimum/line_search.wgsl")
);

/// The searches for minima, and how W is read.
const SEARCH_AND_WEIGHTS: &str = concat!(
    include_str!("../../../shaders/shared/search.wgsl"),
    include_str!("../../../shaders/shared/weights.wgsl")
);

/// How W is read, and random numbers.
const WEIGHTS_AND_NOISE: &str = concat!(
    include_str!("../../../shaders/shared/weights.wgsl"),
    include_str!("../../../shaders/shared/noise.wgsl")
);

impl Shader {
    /// The text that is compiled.
    pub fn source(&self) -> String {
        let constants: String =
            self.constants.iter().map(|(name, value)| format!("const {name} = {value}u;\n")).collect();
        format!("{constants}{}{}", self.prelude, self.body)
    }

    /// What distinguishes this shader and its constants from all others.
    pub fn key(&self) -> String {
        format!("{} {:?}", self.name, self.constants)
    }
}

macro_rules! shaders {
    ($($constructor:ident, $prelude:expr;)*) => {
        $(
            #[doc = concat!("`shaders/", stringify!($constructor), ".wgsl`.")]
            pub fn $constructor(constants: Constants) -> Shader {
                Shader {
                    name: stringify!($constructor),
                    constants,
                    prelude: $prelude,
                    body: include_str!(concat!("../../../shaders/", stringify!($constructor), ".wgsl")),
                }
            }
        )*
    };
}

shaders! {
    selftest, "";
    trajectories, WEIGHTS_AND_NOISE;
    minimum, PARTS_OF_MINIMUM;
    fields_together, SEARCH_AND_WEIGHTS;
    permute, WEIGHTS;
    weight_change, "";
    weight_response, "";
    peak_flops, "";
    peak_bandwidth, "";
}

/// Limits of an ordinary GPU on a workstation.
pub fn ordinary_limits() -> wgpu::Limits {
    wgpu::Limits {
        max_buffer_size: 2 << 30,
        max_storage_buffer_binding_size: 2 << 30,
        max_storage_buffers_per_shader_stage: 16,
        max_compute_invocations_per_workgroup: 1024,
        max_compute_workgroup_size_x: 1024,
        max_compute_workgroup_storage_size: 32 << 10,
        ..wgpu::Limits::default()
    }
}

/// Parameters of `selftest.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct SelftestParams {
    /// Turns of the counting loop.
    pub turns: u32,
    /// Rows and columns of the product.
    pub size: u32,
}

/// Parameters of `trajectories.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct TrajectoriesParams {
    /// N.
    pub neurons: u32,
    /// Time steps of this dispatch.
    pub steps: u32,
    /// Δt/τ.
    pub step: f32,
    /// c of the transfer function (Hz for a current of 1 Hz²).
    pub gain: f32,
    /// n of the transfer function.
    pub exponent: f32,
    /// Number of this dispatch's first step.
    pub first_step: u32,
    /// The generator's key, low word.
    pub key_low: u32,
    /// High word.
    pub key_high: u32,
    /// Mean number of spikes in a step for a rate of 1 Hz (s).
    pub mean_per_rate: f32,
    /// What a spike sends (Hz), or what a normal number of 1 adds to a current (Hz²).
    pub size: f32,
}

/// One workgroup of `trajectories.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct StateGroup {
    /// Index of the first of its states.
    pub first: u32,
    /// Rows of W that it has read, low word.
    pub rows: u32,
    /// High word.
    pub rows_high: u32,
    /// Number of the trajectory, a word of the generator's counter.
    pub trajectory: u32,
}

/// Parameters of `minimum.wgsl` and `fields_together.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct SearchParams {
    /// N.
    pub neurons: u32,
    /// States of this batch.
    pub states: u32,
    /// Those of them whose searches go on.
    pub going: u32,
    /// 1 if silent neurons may join, 0 if the candidates are given.
    pub admits: u32,
    /// 1 to go on from rates whose gaps are known, 0 to search.
    pub corrects: u32,
    /// 1 to ask silent neurons rarely, 0 to ask them far from the minimum at every step.
    pub asks_rarely: u32,
    /// Newton iterations after which a state is left as it is.
    pub iterations: u32,
    /// Turns of the conjugate gradients after which it is.
    pub turns: u32,
    /// Squared reduction of the residual that ends the conjugate gradients, at most.
    pub roughest: f32,
    /// Residual at which a state is done (Hz²).
    pub tolerance: f32,
    /// Largest |h| (Hz²).
    pub largest_current: f32,
    /// c of the transfer function (Hz for a current of 1 Hz²).
    pub gain: f32,
    /// n of the transfer function.
    pub exponent: f32,
}

/// One search of `minimum.wgsl`. All zeros is one that has ended.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Search {
    /// λ along the first axis, or what is added to it (Hz²/neuron unit).
    pub multiplier_x: f32,
    /// Along the second.
    pub multiplier_y: f32,
    /// Number of candidates.
    pub count: u32,
    /// Newton iterations made.
    pub iterations: u32,
    /// Largest violation of the minimum's conditions (Hz²).
    pub residual: f32,
    /// How often the curvature was found negative, or a step did not lower the energy.
    pub dampings: u32,
    /// How often a step was shortened.
    pub halvings: u32,
    /// 1 if more neurons would have joined than there are slots.
    pub is_full: u32,
    /// 1 if the state's map is a surface.
    pub is_on_surface: u32,
    /// Turns of the conjugate gradients.
    pub turns: u32,
    /// What it waits for; not 0 for one that is to begin, 0 for one that has ended.
    pub wants: u32,
    /// 1 when that has come.
    pub is_answered: u32,
    /// What is done with it.
    pub phase: u32,
    /// 1 until λ is known.
    pub begins: u32,
    /// What is added to the curvature.
    pub damping: f32,
    /// The residual at the beginning (Hz²).
    pub first_residual: f32,
    /// Mean curvature of the present state.
    pub curvature: f32,
    /// How often the damping was raised for this step.
    pub attempt: u32,
    /// Turns of the conjugate gradients for this step.
    pub turn: u32,
    /// Products of C with the preconditioner, xx.
    pub products_xx: f32,
    /// xy.
    pub products_xy: f32,
    /// yy.
    pub products_yy: f32,
    /// Squared size of the residue now.
    pub rho: f32,
    /// At which it is small enough.
    pub rho_end: f32,
    /// When the step began.
    pub first_rho: f32,
    /// When the step before began.
    pub previous_rho: f32,
    /// Change of λ by the step.
    pub change_x: f32,
    /// Along the second axis.
    pub change_y: f32,
    /// Length of the step that is tried.
    pub length: f32,
    /// How often it was halved.
    pub halved: u32,
}

/// Parameters of `permute.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct PermuteParams {
    /// N.
    pub neurons: u32,
    /// The first row that is written.
    pub first: u32,
    /// 1 to add to what is there.
    pub adds: u32,
    /// 1 to write a diagonal of zeros.
    pub is_hollow: u32,
}

/// Parameters of `weight_change.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct ChangeParams {
    /// N.
    pub neurons: u32,
    /// Chunks of the map's states.
    pub chunks: u32,
    /// Number of the map's first state.
    pub first: u32,
    /// States of the map.
    pub states: u32,
}

/// Parameters of `weight_response.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct ResponseParams {
    /// N.
    pub neurons: u32,
    /// Chunks of the map's states.
    pub chunks: u32,
    /// Where the map's results begin.
    pub first: u32,
}

/// Parameters of `peak_flops.wgsl` and `peak_bandwidth.wgsl`.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct PeakParams {
    /// Repetitions.
    pub turns: u32,
    /// vec4 in the buffer that is read.
    pub length: u32,
}
