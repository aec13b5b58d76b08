//! Trajectories on the device: `trajectories.wgsl`, the GPU's `dynamics::trajectories`.

use std::ops::Range;

use super::counts::Counted;
use super::device::{Device, DeviceResult, Dispatch};
use super::grouping::{SIZES, grouped};
use super::shaders::{self, StateGroup, TrajectoriesParams};
use super::sizes::{DeviceSizes, Pace};
use super::weights::DeviceWeights;
use crate::dynamics::noise::{Noise, NoiseKind};
use crate::dynamics::noisy::NoisyStart;
use crate::dynamics::trajectories::{Dynamics, Trajectory};
use crate::landscape::states::{StateBuf, States};
use crate::landscape::transfer::Transfer;
use crate::progress::Tick;

/// An energy of an f32 state is only good to this fraction of the size of its terms; a rise by less between two
/// snapshots is rounding (2⁻²⁴ in each rate and a margin of sixteen).
const RISE_RESOLUTION: f64 = 1e-6;

/// Most steps of the first submission, before anything is known of the device's speed.
const FIRST_STEPS: f64 = 8.0;

/// Operations of the first submission: a hundredth of a second on a slow GPU, 0.1 TFLOP/s.
const FIRST_FLOPS: f64 = 1e9;

/// As [`crate::dynamics::trajectories::trajectories`], in f32; stopped by `tick`, not from all starts. Energies are f64
/// energies of the f32 states at the snapshots, and only between snapshots are rises looked for.
pub(super) fn trajectories(
    device: &Device,
    sizes: &DeviceSizes,
    dynamics: &Dynamics<'_>,
    starts: &[Vec<f64>],
    at: &[usize],
    tick: &Tick<'_>,
) -> DeviceResult<Vec<Trajectory>> {
    let starts: Vec<&[f64]> = starts.iter().map(Vec::as_slice).collect();
    let groups = grouped(&starts);
    in_batches(device, sizes, dynamics, &Starts { currents: &starts, groups: &groups, noise: None }, at, tick)
}

/// As [`crate::dynamics::noisy::noisy_trajectories`], in f32, with the same random numbers. Every state is a group of its
/// own, so that its bits do not depend on its company.
pub(super) fn noisy_trajectories(
    device: &Device,
    sizes: &DeviceSizes,
    dynamics: &Dynamics<'_>,
    noise: &Noise,
    starts: &[NoisyStart<'_>],
    at: &[usize],
    tick: &Tick<'_>,
) -> DeviceResult<Vec<Trajectory>> {
    let currents: Vec<&[f64]> = starts.iter().map(|start| start.current).collect();
    let numbers: Vec<u32> = starts.iter().map(|start| start.trajectory).collect();
    let groups: Vec<Range<usize>> = (0..starts.len()).map(|s| s..s + 1).collect();
    let starts = Starts { currents: &currents, groups: &groups, noise: Some((noise, &numbers)) };
    in_batches(device, sizes, dynamics, &starts, at, tick)
}

/// Where trajectories start.
#[derive(Clone, Copy)]
struct Starts<'a> {
    /// `[states][neurons]` (Hz²)
    currents: &'a [&'a [f64]],
    /// Which share rows of W.
    groups: &'a [Range<usize>],
    /// The noise, and the number of every trajectory.
    noise: Option<(&'a Noise, &'a [u32])>,
}

fn in_batches(
    device: &Device,
    sizes: &DeviceSizes,
    dynamics: &Dynamics<'_>,
    starts: &Starts<'_>,
    at: &[usize],
    tick: &Tick<'_>,
) -> DeviceResult<Vec<Trajectory>> {
    let weights = DeviceWeights::upload(device, sizes, dynamics.weights)?;
    let mut runs = Vec::with_capacity(starts.currents.len());
    for groups in batches(starts.groups, sizes.trajectory_states) {
        let states = groups[0].start..groups[groups.len() - 1].end;
        let own = Starts {
            currents: &starts.currents[states.clone()],
            groups: &groups,
            noise: starts.noise.map(|(noise, numbers)| (noise, &numbers[states.clone()])),
        };
        let batch = Batch::new(device, sizes, &weights, dynamics, &own)?;
        let snapshots = batch.run(at, tick)?;
        if tick.stopped() {
            break;
        }
        runs.extend(assemble(dynamics, states.len(), &snapshots, starts.noise.is_some()));
    }
    Ok(runs)
}

/// Whole groups with no more than `most` states together, as long as a group is no larger.
fn batches(groups: &[Range<usize>], most: usize) -> Vec<Vec<Range<usize>>> {
    let mut batches: Vec<Vec<Range<usize>>> = Vec::new();
    for group in groups {
        match batches.last_mut() {
            Some(batch) if group.end - batch[0].start <= most => batch.push(group.clone()),
            _ => batches.push(vec![group.clone()]),
        }
    }
    batches
}

/// States that run on the device together.
struct Batch<'a> {
    device: &'a Device,
    sizes: &'a DeviceSizes,
    transfer: Transfer,
    states: usize,
    params: TrajectoriesParams,
    uniform: wgpu::Buffer,
    currents: wgpu::Buffer,
    kinds: Vec<Kind>,
    /// Operations of a step of all states at the start.
    flops: f64,
}

/// The groups of one size.
struct Kind {
    size: usize,
    groups: usize,
    buffer: wgpu::Buffer,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
}

impl<'a> Batch<'a> {
    fn new(
        device: &'a Device,
        sizes: &'a DeviceSizes,
        weights: &DeviceWeights,
        dynamics: &Dynamics<'_>,
        &Starts { currents: starts, groups, noise }: &Starts<'_>,
    ) -> DeviceResult<Self> {
        let key = noise.map_or([0; 2], |(noise, _)| noise.key());
        let (mean_per_rate, size) = noise.map_or((0.0, 0.0), |(noise, _)| match noise.kind {
            NoiseKind::Poisson { fano } => (noise.dt_seconds / fano, fano / noise.dt_seconds),
            NoiseKind::Current { sd } => (0.0, sd * dynamics.step.sqrt()),
        });
        let params = TrajectoriesParams {
            neurons: sizes.neurons as u32,
            steps: 0,
            step: dynamics.step as f32,
            gain: dynamics.transfer.gain() as f32,
            exponent: dynamics.transfer.exponent() as f32,
            first_step: 0,
            key_low: key[0],
            key_high: key[1],
            mean_per_rate: mean_per_rate as f32,
            size: size as f32,
        };
        let uniform = device.uniform("trajectories", &params)?;
        let currents = device.storage("currents", &padded(sizes, starts))?;
        let partial = device.empty("partial fields", currents.size())?;
        let mut external_current: Vec<f32> = dynamics.external_current.iter().map(|&h| h as f32).collect();
        external_current.resize(sizes.stride, 0.0);
        let external_current = device.storage("external current", &external_current)?;
        let mut kinds = Vec::new();
        for size in SIZES {
            let firsts = groups.iter().filter(|group| group.len() == size);
            let own: Vec<StateGroup> = firsts
                .map(|group| {
                    let first = group.start - groups[0].start;
                    let trajectory = noise.map_or(0, |(_, numbers)| numbers[first]);
                    StateGroup { first: first as u32, rows: 0, rows_high: 0, trajectory }
                })
                .collect();
            if own.is_empty() {
                continue;
            }
            let kind = noise.map(|(noise, _)| noise.kind);
            let constants = sizes.trajectory_constants(size, dynamics.transfer.is_root(), kind);
            let pipeline = device.pipeline(&shaders::trajectories(constants))?;
            let buffer = device.storage("groups of states", &own)?;
            let [w0, w1, w2, w3] = weights.parts();
            let bound = [&uniform, w0, w1, w2, w3, &currents, &partial, &external_current, &buffer];
            let bindings = device.bind(&pipeline, &bound)?;
            kinds.push(Kind { size, groups: own.len(), buffer, pipeline, bindings });
        }
        let active = starts.iter().copied().flatten().filter(|current| **current > 0.0).count();
        let flops = 2.0 * active as f64 * sizes.neurons as f64;
        Ok(Self {
            device,
            sizes,
            transfer: dynamics.transfer,
            states: starts.len(),
            params,
            uniform,
            currents,
            kinds,
            flops,
        })
    }

    /// Dense rates `[at, states, neurons]`; stopped by `tick`, not all of them.
    fn run(&self, at: &[usize], tick: &Tick<'_>) -> DeviceResult<Vec<Vec<f64>>> {
        let dispatches: Vec<Dispatch<'_>> = self
            .kinds
            .iter()
            .map(|kind| Dispatch {
                pipeline: &kind.pipeline,
                bindings: &kind.bindings,
                workgroups: [kind.groups as u32, 1, 1],
            })
            .collect();
        let first = (FIRST_FLOPS / self.flops.max(1.0)).min(FIRST_STEPS) as usize;
        let mut pace = Pace::new(first, u32::MAX as usize);
        let (mut done, mut snapshots) = (0, Vec::with_capacity(at.len()));
        for &target in at {
            while done < target {
                let steps = pace.amount().min(target - done);
                let params =
                    TrajectoriesParams { steps: steps as u32, first_step: done as u32, ..self.params };
                self.device.write(&self.uniform, &[params])?;
                let took = self.device.run_all(&dispatches)?;
                pace.learn(steps, took);
                done += steps;
                tick.add((steps * self.states) as u64);
                if tick.stopped() {
                    return Ok(snapshots);
                }
            }
            let found: Vec<f32> = self.device.read(&self.currents, self.states * self.sizes.stride)?;
            snapshots.push(rates(self.sizes, self.transfer, &found));
        }
        self.count(done)?;
        Ok(snapshots)
    }

    /// Adds up the rows that were read in the steps done, whose last is number `last`.
    fn count(&self, last: usize) -> DeviceResult<()> {
        let row = self.sizes.stride as u64;
        for kind in &self.kinds {
            let groups: Vec<StateGroup> = self.device.read(&kind.buffer, kind.groups)?;
            let rows: u64 =
                groups.iter().map(|group| u64::from(group.rows_high) << 32 | u64::from(group.rows)).sum();
            let steps = (last * kind.groups) as u64;
            self.device.count(Counted {
                turns: steps,
                multiply_adds: rows * row * kind.size as u64,
                weight_bytes: 4 * rows * row,
                ..Counted::default()
            });
        }
        Ok(())
    }
}

/// Currents `[states, stride]`.
fn padded(sizes: &DeviceSizes, starts: &[&[f64]]) -> Vec<f32> {
    let mut currents = vec![-1.0; starts.len() * sizes.stride];
    for (row, start) in currents.chunks_exact_mut(sizes.stride).zip(starts) {
        for (to, &from) in row.iter_mut().zip(*start) {
            *to = from as f32;
        }
    }
    currents
}

/// φ(I) of currents `[states, stride]`, as `[states, neurons]`. What is not a number stays so.
fn rates(sizes: &DeviceSizes, transfer: Transfer, currents: &[f32]) -> Vec<f64> {
    let rows = currents.chunks_exact(sizes.stride).flat_map(|row| &row[..sizes.neurons]);
    rows.map(|&i| if i.is_nan() { f64::NAN } else { transfer.rate(f64::from(i)) }).collect()
}

/// Under noise energies may rise, so nothing is claimed of them.
fn assemble(
    dynamics: &Dynamics<'_>,
    states: usize,
    snapshots: &[Vec<f64>],
    is_noisy: bool,
) -> Vec<Trajectory> {
    let neurons = dynamics.weights.neurons();
    let energy = dynamics.energy();
    let largest = energy.largest_current();
    let empty =
        Trajectory { snapshots: Vec::new(), energies: Vec::new(), energy_rises: 0, largest_rise: 0.0 };
    let mut runs = vec![empty; states];
    for snapshot in snapshots {
        let buffers: Vec<StateBuf> = snapshot.chunks_exact(neurons).map(StateBuf::from_dense).collect();
        let packed = States::pack(neurons, buffers.iter().map(StateBuf::view));
        let energies = energy.of_states(&packed);
        for (s, (run, energy)) in runs.iter_mut().zip(energies).enumerate() {
            let own = |r: &f64| r * (dynamics.transfer.current(*r) + largest);
            let size: f64 = packed.get(s).rates.iter().map(own).sum();
            let rise = energy - run.energies.last().copied().unwrap_or(f64::INFINITY);
            if !is_noisy && (rise > RISE_RESOLUTION * size || rise.is_nan()) {
                run.energy_rises += 1;
                run.largest_rise = run.largest_rise.max(rise);
            }
            run.snapshots.push(snapshot[s * neurons..(s + 1) * neurons].to_vec());
            run.energies.push(energy);
        }
    }
    runs
}
