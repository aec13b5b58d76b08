//! Trajectories on the device: `trajectories.wgsl`, the GPU's `trajectory::trajectories`.

use super::device::{Device, DeviceResult};
use super::plan::{Pace, Plan, STATES_PER_GROUP};
use super::shaders::{self, TrajectoriesParams};
use super::weights::Weights;
use crate::dynamics::trajectories::{Dynamics, Trajectory};
use crate::landscape::states::{StateBuf, States};
use crate::progress::Tick;

/// An energy of an f32 state is only good to this fraction of the size of its terms; a rise by less between two
/// snapshots is rounding (2⁻²⁴ in each rate and a margin of sixteen).
const RISE_RESOLUTION: f64 = 1e-6;

/// Steps of the first submission, before anything is known of the device's speed.
const FIRST_STEPS: usize = 8;

/// As [`crate::dynamics::trajectories::trajectories`], in f32; stopped by `tick`, not from all starts. Energies are f64
/// energies of the f32 states at the snapshots, and only between snapshots are rises looked for.
pub(super) fn trajectories(
    device: &Device,
    plan: &Plan,
    dynamics: &Dynamics<'_>,
    starts: &[Vec<f64>],
    at: &[usize],
    tick: &Tick<'_>,
) -> DeviceResult<Vec<Trajectory>> {
    let weights = Weights::upload(device, plan, dynamics.weights)?;
    let mut runs = Vec::with_capacity(starts.len());
    for batch in starts.chunks(plan.trajectory_groups * STATES_PER_GROUP) {
        let snapshots = run_batch(device, plan, &weights, dynamics, batch, at, tick)?;
        if tick.stopped() {
            break;
        }
        runs.extend(assemble(dynamics, batch.len(), &snapshots));
    }
    Ok(runs)
}

/// Dense rates `[at, states, neurons]` of one batch; stopped by `tick`, not all of them.
fn run_batch(
    device: &Device,
    plan: &Plan,
    weights: &Weights,
    dynamics: &Dynamics<'_>,
    starts: &[Vec<f64>],
    at: &[usize],
    tick: &Tick<'_>,
) -> DeviceResult<Vec<Vec<f64>>> {
    let groups = starts.len().div_ceil(STATES_PER_GROUP);
    let currents = device.storage("currents", &padded(plan, starts))?;
    let partial = device.empty("partial fields", currents.size())?;
    let mut params = TrajectoriesParams {
        neurons: plan.neurons as u32,
        quads: (plan.stride / 4) as u32,
        rows_per_part: plan.rows_per_part as u32,
        steps: 0,
        step: dynamics.step as f32,
        external_current: dynamics.external_current[0] as f32,
    };
    let uniform = device.uniform("trajectories", &params)?;
    let pipeline = device.pipeline(&shaders::trajectories(vec![
        ("THREADS", plan.trajectory_threads as f64),
        ("PARTS", plan.parts as f64),
        ("MASK_WORDS", plan.mask_words as f64),
    ]))?;
    let [w0, w1, w2, w3] = weights.parts();
    let bindings = device.bind(&pipeline, &[&uniform, &currents, &partial, w0, w1, w2, w3])?;
    let mut pace = Pace::new(FIRST_STEPS, usize::MAX >> 1);
    let (mut done, mut snapshots) = (0, Vec::with_capacity(at.len()));
    for &target in at {
        while done < target {
            let steps = pace.amount().min(target - done).min(u32::MAX as usize);
            params.steps = steps as u32;
            device.write(&uniform, &[params])?;
            let took = device.run(&pipeline, &bindings, [groups as u32, 1, 1])?;
            pace.learn(steps, took);
            done += steps;
            tick.add((steps * starts.len()) as u64);
            if tick.stopped() {
                return Ok(snapshots);
            }
        }
        let found: Vec<f32> = device.read(&currents, starts.len() * plan.stride)?;
        snapshots.push(rates(plan, &found));
    }
    Ok(snapshots)
}

/// Currents `[groups · 8, stride]`; the last group is filled up with its last state.
fn padded(plan: &Plan, starts: &[Vec<f64>]) -> Vec<f32> {
    let count = starts.len().next_multiple_of(STATES_PER_GROUP);
    let mut currents = vec![-1.0; count * plan.stride];
    for (s, row) in currents.chunks_exact_mut(plan.stride).enumerate() {
        for (to, &from) in row.iter_mut().zip(&starts[s.min(starts.len() - 1)]) {
            *to = from as f32;
        }
    }
    currents
}

/// φ(I) of currents `[states, stride]`, as `[states, neurons]`. What is not a number stays so.
fn rates(plan: &Plan, currents: &[f32]) -> Vec<f64> {
    let rows = currents.chunks_exact(plan.stride).flat_map(|row| &row[..plan.neurons]);
    rows.map(|&i| if i <= 0.0 { 0.0 } else { f64::from(i).sqrt() }).collect()
}

fn assemble(dynamics: &Dynamics<'_>, states: usize, snapshots: &[Vec<f64>]) -> Vec<Trajectory> {
    let neurons = dynamics.weights.neurons();
    let h = dynamics.external_current[0];
    let energy = dynamics.energy();
    let empty =
        Trajectory { snapshots: Vec::new(), energies: Vec::new(), energy_rises: 0, largest_rise: 0.0 };
    let mut runs = vec![empty; states];
    for snapshot in snapshots {
        let buffers: Vec<StateBuf> = snapshot.chunks_exact(neurons).map(StateBuf::from_dense).collect();
        let packed = States::pack(neurons, buffers.iter().map(StateBuf::view));
        let energies = energy.of_states(&packed);
        for (s, (run, energy)) in runs.iter_mut().zip(energies).enumerate() {
            let size: f64 = packed.get(s).rates.iter().map(|r| r * (r * r + h.abs())).sum();
            let rise = energy - run.energies.last().copied().unwrap_or(f64::INFINITY);
            if rise > RISE_RESOLUTION * size || rise.is_nan() {
                run.energy_rises += 1;
                run.largest_rise = run.largest_rise.max(rise);
            }
            run.snapshots.push(snapshot[s * neurons..(s + 1) * neurons].to_vec());
            run.energies.push(energy);
        }
    }
    runs
}
