//! Every size and number of workgroups, from the network and the device's limits, before any work is done.

use std::time::Duration;

use super::grouping::{FIELD_SIZES, SIZES};
use super::shaders::{self, Constants, Search, Shader};
use crate::dynamics::noise::NoiseKind;
use crate::landscape::minima::NEURONS_BY_MAP;

/// Parts in which W may be bound.
const MOST_PARTS: usize = 4;

/// Threads of a workgroup that every device offers.
const MOST_THREADS: usize = 256;

/// Most threads for a state that is alone, and most slices that they come in: more would have less than a dozen rows each.
const MOST_THREADS_ALONE: usize = 1024;
const MOST_SLICES: usize = 4;

/// Workgroup memory that every device offers (bytes); what is more than that may keep others from running beside it.
const WORKGROUP_MEMORY: usize = 16 << 10;

/// Entries of the list in `trajectories.wgsl`, for groups of so many states.
fn list_entries(group: usize) -> usize {
    if group > 8 { 128 } else { 256 }
}

/// Workgroup memory of `trajectories.wgsl` for groups of so many states, without the slices' sums (bytes).
fn trajectory_memory(group: usize, mask_words: usize) -> usize {
    list_entries(group) * (4 + 16 * group.div_ceil(4)) + 8 * mask_words + 4 * mask_words.div_ceil(16) + 16
}

/// Workgroup memory of `minimum.wgsl` (bytes).
fn minimum_memory(mask_words: usize) -> usize {
    16 * (MINIMUM_THREADS + 8) + 4 * mask_words + size_of::<Search>() + 16
}

/// Threads of `fields_together.wgsl` for groups of so many states.
fn field_threads(group: usize) -> usize {
    LANES * group.div_ceil(4)
}

/// Workgroup memory of `fields_together.wgsl` for groups of so many states (bytes).
fn field_memory(group: usize, mask_words: usize) -> usize {
    FIELD_LIST * (4 + 16 * group.div_ceil(4))
        + 12 * mask_words
        + 8 * mask_words.div_ceil(16)
        + 4 * (LANES + group)
        + 16
}

/// Numbers that `minimum.wgsl` keeps for each slot in device memory.
const SLOT_ARRAYS: u64 = 10;

/// Threads of `minimum.wgsl`: as many as a bump has neurons, so that few idle.
const MINIMUM_THREADS: usize = 64;

/// Quads of columns in a tile of `fields_together.wgsl`, and rows in a piece of its list.
const LANES: usize = 32;
const FIELD_LIST: usize = 64;

/// Slots of a state in `minimum.wgsl` for each neuron of the idealized bump. Searches have up to twice as many
/// candidates; one that needs more than there are slots is left to the host.
const SLOTS_PER_BUMP_NEURON: usize = 3;

/// Quads of columns that a group of neighbouring states needs for each neuron of the idealized bump: a quarter as many, and
/// half as much for what neighbours add.
const FIELD_QUADS_PER_BUMP_NEURON: f64 = 0.375;

/// Memory taken for one batch of states, where the device allows more (bytes).
const BATCH_BYTES: u64 = 256 << 20;

/// States whose minima are sought at the same time: more than that are at work at once on no device.
pub const MOST_AT_WORK: usize = 2048;

/// Sets of batches of minima that are at work at the same time.
pub const SETS_AT_ONCE: usize = 4;

/// Memory taken for W in the order of the maps whose minima are sought at the same time, unless one takes more (bytes).
const ORDERED_BYTES: u64 = 1 << 30;

/// Most states in one batch of minima, of which every set has one at least: the host keeps N displacements of each.
const MOST_STATES: usize = 2048;

/// Equations of a constraint on a surface.
const MOST_DIMENSIONS: u64 = 2;

/// Storage buffers that the shader with the most of them binds.
const MOST_BUFFERS: u32 = 10;

/// Places in a tile of `weight_change.wgsl` and `weight_response.wgsl`, and states in a chunk.
pub const TILE: usize = 64;
pub const CHUNK: usize = 16;

/// What a workgroup takes of a core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Footprint {
    /// Threads.
    pub threads: usize,
    /// Workgroup memory (bytes).
    pub memory: usize,
}

/// What a workgroup of `weight_change.wgsl` or `weight_response.wgsl` takes.
pub const PRODUCTS: Footprint = Footprint { threads: 64, memory: 2 * 4 * CHUNK * TILE };

/// Sizes for one network on one device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceSizes {
    /// N.
    pub neurons: usize,
    /// Active neurons of the largest idealized bump.
    pub bump: usize,
    /// Entries in a row of W or of currents: N, rounded up to whole vec4.
    pub stride: usize,
    /// Rows of W in each bound part.
    pub rows_per_part: usize,
    /// Number of parts, 1–4.
    pub parts: usize,
    /// Words of a bit mask over the neurons.
    pub mask_words: usize,
    /// Threads of a workgroup of `trajectories.wgsl`.
    pub trajectory_threads: usize,
    /// Slices of the threads of a state that is alone.
    pub slices: usize,
    /// Most states in one batch of trajectories.
    pub trajectory_states: usize,
    /// Slots of a state in `minimum.wgsl`.
    pub slots: usize,
    /// Most states in one batch of minima.
    pub minimum_states: usize,
    /// States of the largest groups of `fields_together.wgsl`.
    pub largest_group: usize,
    /// Workgroups of `fields_together.wgsl` that share the columns of a group of states.
    pub field_workgroups: usize,
}

impl DeviceSizes {
    /// What `shared/weights.wgsl` has to know.
    fn weight_constants(&self) -> Constants {
        vec![
            ("PARTS", self.parts as u32),
            ("ROWS_PER_PART", self.rows_per_part as u32),
            ("QUADS", (self.stride / 4) as u32),
        ]
    }

    /// Constants of `trajectories.wgsl` for groups of so many states; with noise there is one in each.
    pub fn trajectory_constants(&self, group: usize, is_root: bool, noise: Option<NoiseKind>) -> Constants {
        let slices = if group == 1 { self.slices } else { 1 };
        let mut constants = self.weight_constants();
        constants.extend([
            ("THREADS", (self.trajectory_threads * slices) as u32),
            ("GROUP", group as u32),
            ("SLICES", slices as u32),
            ("LIST", list_entries(group) as u32),
            ("MASK_WORDS", self.mask_words as u32),
            ("IS_ROOT", u32::from(is_root)),
            (
                "NOISE",
                match noise {
                    None => 0,
                    Some(NoiseKind::Poisson { .. }) => 1,
                    Some(NoiseKind::Current { .. }) => 2,
                },
            ),
        ]);
        constants
    }

    /// Constants of `minimum.wgsl` for constraints of so many equations.
    pub fn minimum_constants(&self, dimension: usize, is_root: bool) -> Constants {
        vec![
            ("THREADS", MINIMUM_THREADS as u32),
            ("SLOTS", self.slots as u32),
            ("MASK_WORDS", self.mask_words as u32),
            ("QUADS", (self.stride / 4) as u32),
            ("DIMENSION", dimension as u32),
            ("IS_ROOT", u32::from(is_root)),
        ]
    }

    /// Constants of `fields_together.wgsl` for groups of so many states.
    pub fn field_constants(&self, group: usize) -> Constants {
        let mut constants = self.weight_constants();
        constants.extend([
            ("GROUP", group as u32),
            ("LANES", LANES as u32),
            ("LIST", FIELD_LIST as u32),
            ("MASK_WORDS", self.mask_words as u32),
        ]);
        constants
    }

    /// Constants of `permute.wgsl`.
    pub fn permute_constants(&self) -> Constants {
        let mut constants = self.weight_constants();
        constants.push(("THREADS", self.trajectory_threads as u32));
        constants
    }

    /// Constants of `weight_change.wgsl` and `weight_response.wgsl`.
    pub fn product_constants(&self) -> Constants {
        vec![("TILES", self.neurons.div_ceil(TILE) as u32), ("QUADS", (self.stride / 4) as u32)]
    }

    /// Batches of minima, each of one map with so many points, in each of the [`SETS_AT_ONCE`]. A set's kernels follow on one
    /// another many times before those of another do, so that W of few maps stays in the caches; small networks are there anyway,
    /// and their rounds are the fewer the more states each has.
    pub fn batches_of_set(&self, per_map: usize) -> usize {
        let weights = 4 * (self.neurons * self.stride) as u64;
        let room = (ORDERED_BYTES / SETS_AT_ONCE as u64 / weights).max(1) as usize;
        let is_large = self.neurons >= NEURONS_BY_MAP;
        let states = if is_large { MOST_AT_WORK / SETS_AT_ONCE } else { MOST_AT_WORK };
        states.div_ceil(per_map.clamp(1, self.minimum_states)).min(room)
    }

    /// Bytes of what `minimum.wgsl` keeps by slot for so many states.
    pub fn minimum_work(&self, states: usize) -> u64 {
        4 * SLOT_ARRAYS * (states * self.slots) as u64
    }

    /// What a workgroup of `fields_together.wgsl` takes for the largest groups.
    pub fn field_footprint(&self) -> Footprint {
        let group = self.largest_group;
        Footprint { threads: field_threads(group), memory: field_memory(group, self.mask_words) }
    }

    /// What a workgroup of `trajectories.wgsl` takes for groups of so many states.
    pub fn trajectory_footprint(&self, group: usize) -> Footprint {
        let slices = if group == 1 { self.slices } else { 1 };
        let threads = self.trajectory_threads * slices;
        let sums = if slices > 1 { 16 * threads } else { 0 };
        Footprint { threads, memory: trajectory_memory(group, self.mask_words) + sums }
    }

    /// Every shader that a network of square-root neurons runs, with its constants.
    pub fn shaders(&self) -> Vec<Shader> {
        let noises = [NoiseKind::Poisson { fano: 1.0 }, NoiseKind::Current { sd: 1.0 }];
        let quiet = SIZES.map(|size| self.trajectory_constants(size, true, None));
        let noisy = noises.map(|noise| self.trajectory_constants(1, true, Some(noise)));
        let trajectories = quiet.into_iter().chain(noisy).map(shaders::trajectories);
        let minima = [1, 2].map(|dimension| shaders::minimum(self.minimum_constants(dimension, true)));
        let sizes = FIELD_SIZES.into_iter().filter(|size| *size <= self.largest_group);
        let fields = sizes.map(|size| shaders::fields_together(self.field_constants(size)));
        let products = [
            shaders::permute(self.permute_constants()),
            shaders::weight_change(self.product_constants()),
            shaders::weight_response(self.product_constants()),
        ];
        minima.into_iter().chain(fields).chain(trajectories).chain(products).collect()
    }

    /// Device memory for W, and beside it for `states` trajectories, or minima of as many points a map as there are neurons, of
    /// as many of them as are there at the same time (bytes).
    pub fn memory(&self, states: usize) -> (u64, u64) {
        let row = 4 * self.stride as u64;
        let trajectories = 2 * row * (states.min(self.trajectory_states) as u64);
        let by_slot = 4 * (SLOT_ARRAYS + 1) * self.slots as u64;
        let by_neuron = 4 * MOST_DIMENSIONS * self.neurons as u64 + 2 * row + 4 * self.mask_words as u64;
        let of_state = by_slot + by_neuron + size_of::<Search>() as u64;
        let per_batch = self.neurons.min(self.minimum_states);
        let batches = (SETS_AT_ONCE * self.batches_of_set(self.neurons)).min(states.div_ceil(per_batch));
        let minima = of_state * states.min(batches * per_batch) as u64;
        let weights = row * self.neurons as u64;
        (weights, trajectories.max(minima + batches as u64 * weights))
    }

    /// Sizes for `neurons`, whose idealized bumps have `bump` active ones, or what is too large for the device.
    ///
    /// # Errors
    /// A sentence with the size that is needed and the one that the device has.
    pub fn new(neurons: usize, bump: usize, limits: &wgpu::Limits) -> Result<Self, String> {
        if limits.max_storage_buffers_per_shader_stage < MOST_BUFFERS {
            return Err(format!(
                "it binds {} storage buffers, and {MOST_BUFFERS} are needed",
                limits.max_storage_buffers_per_shader_stage
            ));
        }
        let stride = neurons.next_multiple_of(4);
        let binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let row_bytes = 4 * stride as u64;
        let rows_per_part = ((binding / row_bytes) as usize).min(neurons);
        let parts = neurons.div_ceil(rows_per_part.max(1));
        if rows_per_part == 0 || parts > MOST_PARTS {
            return Err(format!(
                "the weights of {neurons} neurons take {} MiB on the device, which binds at most {} MiB at once, {MOST_PARTS} times",
                (neurons as u64 * row_bytes) >> 20,
                binding >> 20
            ));
        }
        let mask_words = neurons.div_ceil(32);
        let memory = limits.max_compute_workgroup_storage_size as usize;
        let most_threads = limits.max_compute_invocations_per_workgroup as usize;
        let has_threads = |group: &usize| field_threads(*group) <= most_threads;
        let largest_group = FIELD_SIZES.into_iter().find(has_threads).unwrap_or(1);
        let trajectories = SIZES.map(|group| trajectory_memory(group, mask_words));
        let trajectory_memory = trajectories.into_iter().fold(0, usize::max);
        let needed =
            trajectory_memory.max(minimum_memory(mask_words)).max(field_memory(largest_group, mask_words));
        if needed > memory {
            return Err(format!(
                "{neurons} neurons need {needed} bytes of workgroup memory; the device has {memory}"
            ));
        }
        let quads = stride / 4;
        let passes = quads.div_ceil(MOST_THREADS.min(most_threads));
        let threads = quads.div_ceil(passes).next_multiple_of(32);
        let for_sums =
            memory.min(2 * WORKGROUP_MEMORY).saturating_sub(self::trajectory_memory(1, mask_words));
        let threads_alone = most_threads.min(MOST_THREADS_ALONE).min(for_sums / 16);
        let grid = limits.max_compute_workgroups_per_dimension as usize;
        let batch = binding.min(BATCH_BYTES);
        let fitting = |bytes: u64| ((batch / bytes) as usize).clamp(1, grid);
        let slots = (SLOTS_PER_BUMP_NEURON * bump).min(neurons).next_multiple_of(32).max(32);
        let field_quads = FIELD_QUADS_PER_BUMP_NEURON * bump as f64;
        Ok(Self {
            neurons,
            bump,
            stride,
            rows_per_part,
            parts,
            mask_words,
            trajectory_threads: threads,
            slices: (threads_alone / threads).clamp(1, MOST_SLICES),
            trajectory_states: fitting(row_bytes).max(SIZES[0]),
            slots,
            minimum_states: fitting(4 * (SLOT_ARRAYS * slots as u64).max(MOST_DIMENSIONS * stride as u64))
                .min(MOST_STATES),
            largest_group,
            field_workgroups: (field_quads as usize).min(quads).div_ceil(LANES).max(1),
        })
    }
}

/// How much work one submission may hold, so that no driver takes the device for hung.
#[derive(Clone, Debug)]
pub struct Pace {
    amount: usize,
    most: usize,
}

impl Pace {
    /// Time that a submission should take. Drivers' watchdogs wait for seconds, people for a tenth of one.
    const TARGET: Duration = Duration::from_millis(50);

    /// Begins with `first`, and never goes beyond `most`.
    pub fn new(first: usize, most: usize) -> Self {
        Self { amount: first.clamp(1, most.max(1)), most: most.max(1) }
    }

    /// Work for the next submission.
    pub fn amount(&self) -> usize {
        self.amount
    }

    /// Learns how long a submission of `amount` took.
    pub fn learn(&mut self, amount: usize, took: Duration) {
        let ratio = Self::TARGET.as_secs_f64() / took.as_secs_f64().max(1e-6);
        let next = (amount as f64 * ratio.clamp(0.1, 4.0)) as usize;
        // A short last piece is mostly overhead and says nothing about larger ones.
        if amount >= self.amount {
            self.amount = next.clamp(1, self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an ordinary GPU has at the least.
    fn limits() -> wgpu::Limits {
        wgpu::Limits {
            max_storage_buffer_binding_size: 128 << 20,
            max_storage_buffers_per_shader_stage: 16,
            ..wgpu::Limits::default()
        }
    }

    #[test]
    fn large_weights_are_bound_in_parts_and_too_large_ones_refused() {
        let limits = limits();
        assert_eq!(DeviceSizes::new(600, 60, &limits).unwrap().parts, 1);
        let large = DeviceSizes::new(6000, 600, &wgpu::Limits { max_buffer_size: 1 << 30, ..limits.clone() })
            .unwrap();
        assert_eq!((large.parts, large.rows_per_part), (2, 5592));
        let refused = DeviceSizes::new(20_000, 2000, &limits).unwrap_err();
        assert!(refused.contains("1525 MiB") && refused.contains("128 MiB"), "{refused}");
    }

    #[test]
    fn threads_leave_few_idle() {
        let sizes = DeviceSizes::new(600, 60, &limits()).unwrap();
        assert_eq!((sizes.stride, sizes.trajectory_threads, sizes.slots), (600, 160, 192));
        assert_eq!(DeviceSizes::new(6000, 600, &limits()).unwrap().trajectory_threads, 256);
        let few = wgpu::Limits { max_compute_invocations_per_workgroup: 64, ..limits() };
        assert_eq!((sizes.largest_group, DeviceSizes::new(600, 60, &few).unwrap().largest_group), (16, 8));
    }

    #[test]
    fn two_thousand_minima_of_a_large_network_are_in_flight_at_once() {
        let limits = shaders::ordinary_limits();
        let sizes = DeviceSizes::new(6000, 590, &limits).unwrap();
        // 100 maps of 600 points.
        let states = SETS_AT_ONCE * sizes.batches_of_set(600) * 600;
        let (weights, others) = sizes.memory(60_000);
        assert!((2000..3000).contains(&states));
        // 2.2 GB: a device with 4 has room for them beside a desktop.
        assert!(weights + others < 3 << 30, "{} bytes", weights + others);
        // A map of a small network with many points is not brought into order again and again.
        assert_eq!(DeviceSizes::new(600, 60, &limits).unwrap().batches_of_set(6000), 1);
    }

    #[test]
    fn pace_finds_the_target_and_keeps_its_bound() {
        let mut pace = Pace::new(1, 1000);
        for _ in 0..10 {
            let amount = pace.amount();
            pace.learn(amount, Duration::from_micros(500 * amount as u64));
        }
        assert_eq!(pace.amount(), 100);
        pace.learn(100, Duration::from_nanos(1));
        pace.learn(400, Duration::from_nanos(1));
        assert_eq!(pace.amount(), 1000);
        pace.learn(7, Duration::from_secs(1));
        assert_eq!(pace.amount(), 1000);
    }
}
