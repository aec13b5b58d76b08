//! Constrained minima: `minimum.wgsl` takes every state to f32 accuracy, the host's Newton method ends it in f64.
//!
//! The host's method decides alone whether a state has converged, and computes energy, multiplier and certificate from
//! the f64 rates. From a state good to f32 it takes one or two iterations. States whose way on the device was irregular
//! are searched for by the host from the start, so that where there are several minima both paths find the same one.

use pulp::Arch;
use rayon::prelude::*;

use super::device::{Device, DeviceResult};
use super::shaders::{self, MinimumParams, StateInfo};
use super::sizes::{DeviceSizes, Pace};
use super::weights::DeviceWeights;
use crate::landscape::constraint::{Constraint, Minimum, window};
use crate::landscape::problem::{Definition, Minima, Problem, Start};
use crate::landscape::states::{StateBuf, States};
use crate::landscape::{newton, rates};
use crate::manifold::Points;
use crate::progress::Tick;

/// Newton iterations on the device. Regular states take 3–14; what takes more is left to the host.
const MAX_ITERATIONS: u32 = 30;

/// Residual at which the device's work ends, as a fraction of h + 100 Hz², the size of the terms of `h + Wr`: some
/// roundings of f32.
const TOLERANCE: f64 = 2e-6;

/// A state whose residual is beyond this many tolerances is not used: the host begins at the given start.
const USABLE: f32 = 1e3;

/// A state that met more negative curvatures, failed and shortened steps than this is not used either: its way leads
/// past branchings, where f32 may take another one than f64 and end at another minimum. Of 9,000 states that were
/// compared (N = 120…600, L = 3…10) 6 ended elsewhere, all with 5 and more.
const REGULAR: u32 = 4;

/// States of the first dispatch, before anything is known of the device's speed.
const FIRST_STATES: usize = 32;

/// As [`crate::landscape::minima::minima`]; if `tick` stops it, only those found so far.
pub(super) fn minima(
    device: &Device,
    sizes: &DeviceSizes,
    problem: &Problem<'_>,
    points: Points<'_>,
    start: Start<'_>,
    tick: &Tick<'_>,
) -> DeviceResult<Minima> {
    let approach = Approach::new(device, sizes, problem)?;
    let mut found = Vec::with_capacity(points.len());
    let all: Vec<usize> = (0..points.len()).collect();
    for batch in all.chunks(sizes.minimum_states) {
        // What is missing then is noticed before it is used.
        if tick.stopped() {
            break;
        }
        let tasks: Vec<Task> = batch.par_iter().map(|&s| Task::new(problem, points, start, s)).collect();
        let near = approach.run(problem, &tasks)?;
        found.par_extend(tasks.par_iter().zip(near).map_init(
            || newton::Workspace::new(Arch::new(), sizes.neurons),
            |workspace, (task, near)| {
                let minimum = task.finish(workspace, problem, near);
                tick.one();
                minimum
            },
        ));
    }
    Ok(Minima {
        states: States::pack(sizes.neurons, found.iter().map(|m| m.state.view())),
        energies: found.iter().map(|m| m.energy).collect(),
        multipliers: found.iter().map(|m| m.multiplier).collect(),
        certificates: found.iter().map(|m| m.certificate).collect(),
    })
}

/// What the device alone finds: states near the minima, to f32 accuracy. `None` where the host would begin at the start.
pub(super) fn near_minima(
    device: &Device,
    sizes: &DeviceSizes,
    problem: &Problem<'_>,
    points: Points<'_>,
    start: Start<'_>,
) -> DeviceResult<Vec<Option<StateBuf>>> {
    let approach = Approach::new(device, sizes, problem)?;
    let all: Vec<usize> = (0..points.len()).collect();
    let mut found = Vec::with_capacity(points.len());
    for batch in all.chunks(sizes.minimum_states) {
        let tasks: Vec<Task> = batch.par_iter().map(|&s| Task::new(problem, points, start, s)).collect();
        found.extend(approach.run(problem, &tasks)?.into_iter().map(|near| near.map(|near| near.state)));
    }
    Ok(found)
}

/// One point: its constraint, and where to begin.
struct Task {
    map: usize,
    position: f64,
    constraint: Constraint,
    from: StateBuf,
}

/// A state from the device.
struct Near {
    state: StateBuf,
    iterations: u32,
}

impl Task {
    fn new(problem: &Problem<'_>, points: Points<'_>, start: Start<'_>, s: usize) -> Self {
        let point = points.get(s);
        let constraint = problem.constraint(&point);
        let from = match start {
            Start::Idealized => constraint.idealized.clone(),
            Start::States(states) => {
                let state = states.get(s);
                StateBuf { active: state.active.to_vec(), rates: state.rates.to_vec() }
            }
        };
        Self { map: point.map, position: point.position[0], constraint, from }
    }

    /// Candidates, their rates moved onto the constraint, and the least-squares multiplier.
    fn beginning(&self, problem: &Problem<'_>) -> (Vec<u32>, Vec<f64>, f64) {
        let (neurons, mut rates) = match &self.constraint.support {
            None => (self.from.active.clone(), self.from.rates.clone()),
            Some(support) => {
                let rate = |i: &u32| self.from.active.binary_search(i).map_or(0.0, |at| self.from.rates[at]);
                (support.clone(), support.iter().map(rate).collect())
            }
        };
        let displacements: Vec<f64> =
            neurons.iter().map(|&i| self.constraint.displacements[0][i as usize]).collect();
        rates::project(&mut rates, std::slice::from_ref(&displacements));
        let (mut along, mut square) = (0.0, 0.0);
        for ((&i, &r), &c) in neurons.iter().zip(&rates).zip(&displacements).filter(|((_, r), _)| **r > 0.0) {
            let row = problem.weights.row(i as usize);
            let field: f64 = neurons.iter().zip(&rates).map(|(&j, q)| row[j as usize] * q).sum();
            along -= c * (r * r - problem.external_current[i as usize] - field);
            square += c * c;
        }
        (neurons, rates, if square > 0.0 { along / square } else { 0.0 })
    }

    /// Ends the search in f64.
    fn finish(
        &self,
        workspace: &mut newton::Workspace,
        problem: &Problem<'_>,
        near: Option<Near>,
    ) -> Minimum {
        let from = near.as_ref().map_or(&self.from, |near| &near.state);
        let mut minimum = workspace.minimize(
            problem.energy(),
            &self.constraint,
            from.view(),
            newton::SilentCheck::EveryStep,
        );
        minimum.certificate.iterations += near.map_or(0, |near| near.iterations);
        minimum
    }
}

/// The device's part of the search, ready to run.
struct Approach<'a> {
    device: &'a Device,
    sizes: &'a DeviceSizes,
    params: MinimumParams,
    window: f32,
    weights: DeviceWeights,
    positions: wgpu::Buffer,
    between: wgpu::Buffer,
    pipeline: wgpu::ComputePipeline,
}

impl<'a> Approach<'a> {
    fn new(device: &'a Device, sizes: &'a DeviceSizes, problem: &Problem<'_>) -> DeviceResult<Self> {
        let admits = problem.definition == Definition::Kkt;
        let external_current = problem.external_current[0];
        let params = MinimumParams {
            neurons: sizes.neurons as u32,
            admits: u32::from(admits),
            iterations: MAX_ITERATIONS,
            tolerance: (TOLERANCE * (external_current.abs() + 100.0)) as f32,
            external_current: external_current as f32,
            first: 0,
        };
        let reach = if admits { window(problem.maps.space(0)) } else { sizes.neurons as f64 };
        let scratch = 4 * (sizes.minimum_groups * sizes.slots * sizes.slots) as u64;
        Ok(Self {
            device,
            sizes,
            params,
            window: reach as f32,
            weights: DeviceWeights::upload(device, sizes, problem.weights)?,
            positions: device.storage("positions", problem.maps.all_sites())?,
            between: device.empty("weights between candidates", scratch)?,
            pipeline: device.pipeline(&shaders::minimum(sizes.minimum_constants()))?,
        })
    }

    /// States near the minima; `None` where the device's state is of no use.
    fn run(&self, problem: &Problem<'_>, tasks: &[Task]) -> DeviceResult<Vec<Option<Near>>> {
        let slots = self.sizes.slots;
        let mut info = Vec::with_capacity(tasks.len());
        let mut candidates = vec![0u32; tasks.len() * slots];
        let mut rates = vec![0f32; tasks.len() * slots];
        let beginnings: Vec<_> = tasks.par_iter().map(|task| task.beginning(problem)).collect();
        for (s, (task, (neurons, values, multiplier))) in tasks.iter().zip(beginnings).enumerate() {
            // A start with too many neurons is left to the host; its empty one here costs next to nothing.
            let count = if neurons.len() <= slots { neurons.len() } else { 0 };
            candidates[s * slots..][..count].copy_from_slice(&neurons[..count]);
            for (to, &from) in rates[s * slots..][..count].iter_mut().zip(&values) {
                *to = from as f32;
            }
            info.push(StateInfo {
                map_offset: (task.map * self.sizes.neurons) as u32,
                position: task.position as f32,
                window: self.window,
                multiplier: multiplier as f32,
                count: count as u32,
                iterations: 0,
                residual: f32::NAN,
                dampings: 0,
                halvings: 0,
            });
        }
        let starts: Vec<u32> = info.iter().map(|i| i.count).collect();
        let (info, candidates, rates) = self.dispatch(&info, &candidates, &rates)?;
        let states = info.iter().zip(candidates.chunks_exact(slots)).zip(rates.chunks_exact(slots));
        let usable = USABLE * self.params.tolerance;
        Ok(states
            .zip(starts)
            .map(|(((info, neurons), rates), began_with)| {
                let count = (info.count as usize).min(slots);
                let is_regular = info.dampings + info.halvings <= REGULAR;
                (began_with > 0 && is_regular && info.residual <= usable)
                    .then(|| Near {
                        state: sorted(&neurons[..count], &rates[..count]),
                        iterations: info.iterations,
                    })
                    .filter(|near| near.state.rates.iter().all(|r| r.is_finite()))
            })
            .collect())
    }

    fn dispatch(
        &self,
        info: &[StateInfo],
        candidates: &[u32],
        rates: &[f32],
    ) -> DeviceResult<(Vec<StateInfo>, Vec<u32>, Vec<f32>)> {
        let device = self.device;
        let uniform = device.uniform("minimum", &self.params)?;
        let info_buffer = device.storage("states", info)?;
        let candidate_buffer = device.storage("candidates", candidates)?;
        let rate_buffer = device.storage("candidates' rates", rates)?;
        let [w0, w1, w2, w3] = self.weights.parts();
        let bindings = device.bind(
            &self.pipeline,
            &[
                &uniform,
                w0,
                w1,
                w2,
                w3,
                &self.positions,
                &info_buffer,
                &candidate_buffer,
                &rate_buffer,
                &self.between,
            ],
        )?;
        let mut pace = Pace::new(FIRST_STATES, self.sizes.minimum_groups);
        let mut first = 0;
        while first < info.len() {
            let count = pace.amount().min(info.len() - first);
            device.write(&uniform, &[MinimumParams { first: first as u32, ..self.params }])?;
            let took = device.run(&self.pipeline, &bindings, [count as u32, 1, 1])?;
            pace.learn(count, took);
            first += count;
        }
        Ok((
            device.read(&info_buffer, info.len())?,
            device.read(&candidate_buffer, candidates.len())?,
            device.read(&rate_buffer, rates.len())?,
        ))
    }
}

/// Active candidates, ascending.
fn sorted(neurons: &[u32], rates: &[f32]) -> StateBuf {
    let mut pairs: Vec<(u32, f64)> = neurons
        .iter()
        .zip(rates)
        .map(|(&i, &r)| (i, f64::from(r)))
        .filter(|p| p.1 > 0.0 || p.1.is_nan())
        .collect();
    pairs.sort_unstable_by_key(|p| p.0);
    let (active, rates) = pairs.into_iter().unzip();
    StateBuf { active, rates }
}
