//! The products of the matrix-free weight solve: `weight_change.wgsl` and `weight_response.wgsl`, map by map.
//!
//! Conjugate gradients, their vectors and their preconditioner stay on the host in f64, and so does the exact residual where more
//! accuracy is asked for than products in f32 have; see [`crate::solve::rough`].

use bytemuck::Zeroable;

use super::counts::Counted;
use super::device::{Device, DeviceResult, Dispatch};
use super::shaders::{self, ChangeParams, PermuteParams, ResponseParams};
use super::sizes::{CHUNK, DeviceSizes, Pace, TILE};
use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::minima::neurons_in_order;
use crate::progress::Tick;
use crate::solve::manifolds::Manifolds;
use crate::solve::rough::{Rough, RoughProducts, solve_roughly};
use crate::solve::{WeightProblem, WeightUpdate};

/// Memory taken for the rates of all states, at most (bytes): what takes more stays on the host.
const MOST_RATES: u64 = 4 << 30;

/// Whether the device has room for the products: X, the rates of a map's states and all responses each in one piece, and the
/// rates of all states.
pub(super) fn fits(limits: &wgpu::Limits, sizes: &DeviceSizes, manifolds: Manifolds<'_>) -> bool {
    let binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    let tiles = sizes.neurons.div_ceil(TILE);
    let padded = manifolds.per_map().next_multiple_of(TILE);
    let rates = 4 * (padded * tiles * TILE) as u64;
    let responses = 4 * (manifolds.maps.count() * padded * tiles) as u64;
    let all_rates = manifolds.maps.count() as u64 * rates;
    sizes.parts == 1 && rates.max(responses) <= binding && all_rates <= MOST_RATES
}

/// As [`crate::solve::conjugate::solve`], with products by the device; `None` if they are not good enough for this system.
pub(super) fn solve(
    device: &Device,
    sizes: &DeviceSizes,
    problem: &WeightProblem<'_>,
    tick: &Tick<'_>,
) -> DeviceResult<crate::error::Result<Option<WeightUpdate>>> {
    let mut products = Products::new(device, sizes, problem.manifolds)?;
    let WeightProblem { manifolds, energies, ridge, accuracy, .. } = *problem;
    let Rough { outcome, host_multiply_adds } =
        solve_roughly(manifolds, energies, ridge, accuracy, &mut products, tick)?;
    device.count(Counted { host_multiply_adds, ..Counted::default() });
    Ok(outcome.map(|found| found.map(|(update, _)| update)))
}

/// The states of one map on the device.
struct OnMap {
    /// Makes the map's X.
    change: wgpu::BindGroup,
    /// Adds the map's X to that of all maps.
    add: wgpu::BindGroup,
    /// Brings X into the order of the map.
    order: wgpu::BindGroup,
    response: wgpu::BindGroup,
    blocks: u32,
    /// What one product counts.
    change_adds: u64,
    response_adds: u64,
}

/// `X = Σ_t α_t r_t r_tᵀ` without its diagonal, and `v_s = ½ r_sᵀ X r_s`, in f32.
struct Products<'a> {
    device: &'a Device,
    sizes: &'a DeviceSizes,
    /// States of a map.
    per_map: usize,
    maps: Vec<OnMap>,
    factors: wgpu::Buffer,
    change: wgpu::Buffer,
    response: wgpu::Buffer,
    change_pipeline: wgpu::ComputePipeline,
    permute_pipeline: wgpu::ComputePipeline,
    response_pipeline: wgpu::ComputePipeline,
}

impl<'a> Products<'a> {
    fn new(device: &'a Device, sizes: &'a DeviceSizes, manifolds: Manifolds<'_>) -> DeviceResult<Self> {
        let per_map = manifolds.per_map();
        let count = manifolds.maps.count();
        let matrix = (4 * sizes.neurons * sizes.stride) as u64;
        let change = device.empty("weight change", matrix)?;
        let ordered = device.empty("weight change in order", matrix)?;
        let factors = device.storage("factors", &vec![0f32; count * per_map])?;
        let results = per_map.next_multiple_of(TILE) * sizes.neurons.div_ceil(TILE);
        let response = device.empty("responses", 4 * (count * results) as u64)?;
        let change_pipeline = device.pipeline(&shaders::weight_change(sizes.product_constants()))?;
        let permute_pipeline = device.pipeline(&shaders::permute(sizes.permute_constants()))?;
        let response_pipeline = device.pipeline(&shaders::weight_response(sizes.product_constants()))?;
        let mut maps = Vec::with_capacity(count);
        for map in 0..count {
            let neuron_at = neurons_in_order(manifolds.maps, map);
            let mut place_of = vec![0u32; neuron_at.len()];
            for (place, &i) in (0..).zip(&neuron_at) {
                place_of[i as usize] = place;
            }
            let band = Band::new(sizes, manifolds, map, &place_of);
            let rates = device.storage("rates by place", &band.rates)?;
            let filled = device.storage("filled tiles", &band.filled)?;
            let permute = |former: &[u32], params: PermuteParams, from: &wgpu::Buffer, to: &wgpu::Buffer| {
                let uniform = device.uniform("permute", &params)?;
                let former = device.storage("former numbers", former)?;
                device.bind(&permute_pipeline, &[&uniform, from, from, from, from, &former, to])
            };
            let neurons = sizes.neurons as u32;
            let adds =
                PermuteParams { neurons, adds: u32::from(map > 0), is_hollow: 1, ..Zeroable::zeroed() };
            let orders = PermuteParams { neurons, ..Zeroable::zeroed() };
            let chunks = band.chunks as u32;
            let params =
                ChangeParams { neurons, chunks, first: (map * per_map) as u32, states: per_map as u32 };
            let change_params = device.uniform("weight change", &params)?;
            let params = ResponseParams { neurons, chunks, first: (map * results) as u32 };
            let response_params = device.uniform("response", &params)?;
            maps.push(OnMap {
                change: device
                    .bind(&change_pipeline, &[&change_params, &rates, &filled, &factors, &ordered])?,
                add: permute(&place_of, adds, &ordered, &change)?,
                order: permute(&neuron_at, orders, &change, &ordered)?,
                response: device
                    .bind(&response_pipeline, &[&response_params, &rates, &filled, &ordered, &response])?,
                blocks: (band.chunks * CHUNK / TILE) as u32,
                change_adds: band.change_adds,
                response_adds: band.response_adds,
            });
        }
        Ok(Self {
            device,
            sizes,
            per_map,
            maps,
            factors,
            change,
            response,
            change_pipeline,
            permute_pipeline,
            response_pipeline,
        })
    }

    /// Runs something for every map in turn, as many maps in a submission as take a short time.
    fn for_each_map<'s>(&'s self, work: impl Fn(&'s OnMap) -> [Dispatch<'s>; 2]) -> DeviceResult<()> {
        let mut pace = Pace::new(1, self.maps.len());
        let mut left = &self.maps[..];
        while !left.is_empty() {
            let (now, later) = left.split_at(pace.amount().min(left.len()));
            let dispatches: Vec<Dispatch<'_>> = now.iter().flat_map(&work).collect();
            let took = self.device.run_all(&dispatches)?;
            pace.learn(now.len(), took);
            left = later;
        }
        Ok(())
    }

    fn permutes<'s>(&'s self, bindings: &'s wgpu::BindGroup) -> Dispatch<'s> {
        Dispatch { pipeline: &self.permute_pipeline, bindings, workgroups: [self.sizes.neurons as u32, 1, 1] }
    }

    /// Makes X from factors, which it divides by their size; returns that.
    fn make_change(&self, factors: &[f64]) -> DeviceResult<f64> {
        let size = factors.iter().fold(0.0, |size, f| f64::max(size, f.abs()));
        let size = if size > 0.0 { size } else { 1.0 };
        let factors: Vec<f32> = factors.iter().map(|f| (f / size) as f32).collect();
        self.device.write(&self.factors, &factors)?;
        let tiles = self.sizes.neurons.div_ceil(TILE) as u32;
        self.for_each_map(|map| {
            let change = Dispatch {
                pipeline: &self.change_pipeline,
                bindings: &map.change,
                workgroups: [tiles, tiles, 1],
            };
            [change, self.permutes(&map.add)]
        })?;
        self.count(|map| map.change_adds);
        Ok(size)
    }

    /// Adds to what was counted: one product of every map, and two matrices of X that were read for it.
    fn count(&self, adds: impl Fn(&OnMap) -> u64) {
        let multiply_adds = self.maps.iter().map(adds).sum::<u64>();
        let matrices = 2 * 4 * (self.maps.len() * self.sizes.neurons * self.sizes.stride) as u64;
        // Each number that a workgroup brings is used by all of a tile.
        let weight_bytes = 2 * 4 * multiply_adds / TILE as u64 + matrices;
        self.device.count(Counted { multiply_adds, weight_bytes, ..Counted::default() });
    }
}

impl RoughProducts for Products<'_> {
    type Failure = super::device::Failure;

    fn product(&mut self, direction: &[f64]) -> DeviceResult<Vec<f64>> {
        let size = self.make_change(direction)?;
        let tiles = self.sizes.neurons.div_ceil(TILE);
        self.for_each_map(|map| {
            let response = Dispatch {
                pipeline: &self.response_pipeline,
                bindings: &map.response,
                workgroups: [map.blocks, tiles as u32, 1],
            };
            [self.permutes(&map.order), response]
        })?;
        self.count(|map| map.response_adds);
        let padded = self.per_map.next_multiple_of(TILE);
        let parts: Vec<f32> = self.device.read(&self.response, self.maps.len() * tiles * padded)?;
        let of_state = |parts: &[f32], s: usize| -> f64 {
            parts.iter().skip(s).step_by(padded).map(|&part| f64::from(part)).sum()
        };
        let of_map =
            |parts: &'_ [f32]| -> Vec<f64> { (0..self.per_map).map(|s| size * of_state(parts, s)).collect() };
        Ok(parts.chunks_exact(tiles * padded).flat_map(of_map).collect())
    }

    fn change(&mut self, factors: &[f64]) -> DeviceResult<WeightMatrix> {
        let size = self.make_change(factors)?;
        let (neurons, stride) = (self.sizes.neurons, self.sizes.stride);
        let found: Vec<f32> = self.device.read(&self.change, neurons * stride)?;
        let mut change = WeightMatrix::zeros(neurons);
        for (i, row) in found.chunks_exact(stride).enumerate() {
            change.row_mut(i).iter_mut().zip(&row[..neurons]).for_each(|(to, &x)| *to = size * f64::from(x));
        }
        Ok(change)
    }
}

/// The rates of one map's states by place, where they form a band, and the tiles that each chunk of states fills.
struct Band {
    /// `[chunks · CHUNK, whole tiles]` (Hz)
    rates: Vec<f32>,
    /// `[chunks, words]`
    filled: Vec<u32>,
    chunks: usize,
    /// Multiply-adds of the two products.
    change_adds: u64,
    response_adds: u64,
}

impl Band {
    fn new(sizes: &DeviceSizes, manifolds: Manifolds<'_>, map: usize, place_of: &[u32]) -> Self {
        let (per_map, tiles) = (manifolds.per_map(), sizes.neurons.div_ceil(TILE));
        let (width, words) = (tiles * TILE, tiles.div_ceil(32));
        let padded = per_map.next_multiple_of(TILE);
        let chunks = padded / CHUNK;
        let mut rates = vec![0f32; padded * width];
        let mut filled = vec![0u32; chunks * words];
        for s in 0..per_map {
            for (i, r) in manifolds.states.get(map * per_map + s).iter() {
                let place = place_of[i] as usize;
                rates[s * width + place] = r as f32;
                filled[s / CHUNK * words + place / TILE / 32] |= 1 << (place / TILE % 32);
            }
        }
        let tiles_of = |words: &[u32]| words.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
        let tile = (TILE * TILE) as u64;
        let of_chunk = |words: &[u32]| tiles_of(words) * (tiles_of(words) + 1) / 2 * tile * CHUNK as u64;
        let of_block = |block: &[u32]| {
            let union: Vec<u32> =
                (0..words).map(|w| block.iter().skip(w).step_by(words).fold(0, |a, b| a | b)).collect();
            tiles_of(&union).pow(2) * tile * TILE as u64
        };
        Self {
            change_adds: filled.chunks_exact(words).map(of_chunk).sum(),
            response_adds: filled.chunks_exact(words * TILE / CHUNK).map(of_block).sum(),
            rates,
            filled,
            chunks,
        }
    }
}
