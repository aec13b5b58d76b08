//! Constrained minima: `minimum.wgsl` takes every state to f32 accuracy; then the host finds what is left to close in f64,
//! and the device solves for the steps that close it.
//!
//! The host's method decides alone whether a state has converged, and computes energy, multiplier and certificate from
//! the f64 rates: it begins where the device ended, and goes on if that is no minimum. States whose way on the device was
//! irregular are searched for by the host from the start, so that where there are several minima both paths find the same one.

use std::time::{Duration, Instant};

use bytemuck::Zeroable;
use rayon::prelude::*;

use super::counts::Counted;
use super::device::{Device, DeviceResult, Failure};
use super::refine::Fine;
use super::shaders::{self, MinimumParams, StateInfo};
use super::sizes::{DeviceSizes, Pace};
use super::weights::DeviceWeights;
use crate::connectivity::field::GROUP;
use crate::landscape::constraint::Minimum;
use crate::landscape::minima::{minima_by_map, near_each_other, task};
use crate::landscape::problem::{Definition, Minima, Problem, Start};
use crate::landscape::rates;
use crate::landscape::states::{StateBuf, States};
use crate::landscape::together::{Group, Task};
use crate::manifold::{Point, Points};
use crate::progress::Tick;

/// Newton iterations on the device. Regular states take 3–14; what takes more is left to the host.
const MAX_ITERATIONS: u32 = 30;

/// Residual at which the device's search ends, as a fraction of |h| + 100 Hz², the size of the terms of `h + Wr`: some
/// roundings of f32.
const TOLERANCE: f64 = 2e-6;

/// A state whose residual is beyond this many tolerances is not used: the host begins at the given start.
const USABLE: f32 = 1e3;

/// A state that met more negative curvatures, failed and shortened steps than this is not used either: its way leads
/// past branchings, where f32 may take another one than f64 and end at another minimum. Of 9,000 states that were
/// compared (N = 120…600, L = 3…10) 6 ended elsewhere, all with 5 and more. Where the host's own two ways of
/// searching may end at different minima, see [`minima_by_map`], either will do.
const REGULAR: u32 = 4;

/// Steps towards f64 that the device solves for. Each leaves some 10⁻⁵ of the gaps.
const ROUNDS: usize = 3;

/// Operations after which a state is left to the host, so that no driver takes the device for hung: a fifth of a second on a
/// slow GPU's core, 20 GFLOP/s.
const STATE_FLOPS: f64 = 4e9;

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
    let search = Search::new(device, sizes, problem, points)?;
    let points: Vec<Point> = points.iter().collect();
    let order = near_each_other(problem.maps, &points);
    let mut found: Vec<(usize, Minimum)> = Vec::with_capacity(points.len());
    for batch in order.chunks(sizes.minimum_states) {
        // What is missing then is noticed before it is used.
        if tick.stopped() {
            break;
        }
        let tasks = search.tasks(&points, start, batch);
        let near = Batch::new(&search, &tasks)?.refined()?;
        found.extend(batch.iter().copied().zip(search.finish(tasks, near, tick)));
    }
    found.sort_unstable_by_key(|(s, _)| *s);
    let found: Vec<Minimum> = found.into_iter().map(|(_, minimum)| minimum).collect();
    let mut minima = Minima {
        states: States::pack(sizes.neurons, []),
        energies: Vec::new(),
        multipliers: Vec::new(),
        certificates: Vec::new(),
    };
    minima.append(&found);
    Ok(minima)
}

/// What the device alone finds: states near the minima, to f32 accuracy. `None` where the host would begin at the start.
pub(super) fn near_minima(
    device: &Device,
    sizes: &DeviceSizes,
    problem: &Problem<'_>,
    points: Points<'_>,
    start: Start<'_>,
) -> DeviceResult<Vec<Option<StateBuf>>> {
    let search = Search::new(device, sizes, problem, points)?;
    let points: Vec<Point> = points.iter().collect();
    let all: Vec<usize> = (0..points.len()).collect();
    let mut found = Vec::with_capacity(points.len());
    for batch in all.chunks(sizes.minimum_states) {
        let tasks = search.tasks(&points, start, batch);
        let near = Batch::new(&search, &tasks)?.searched()?;
        found.extend(near.into_iter().map(|near| near.map(|fine| fine.state())));
    }
    Ok(found)
}

/// The search for the minima of one problem.
struct Search<'a> {
    device: &'a Device,
    sizes: &'a DeviceSizes,
    problem: &'a Problem<'a>,
    dimension: usize,
    params: MinimumParams,
    weights: DeviceWeights,
    external_current: wgpu::Buffer,
    between: wgpu::Buffer,
    /// States that it has room for.
    at_work: usize,
    /// See [`REGULAR`].
    most_irregular: u32,
    pipeline: wgpu::ComputePipeline,
}

impl<'a> Search<'a> {
    fn new(
        device: &'a Device,
        sizes: &'a DeviceSizes,
        problem: &'a Problem<'a>,
        points: Points<'_>,
    ) -> DeviceResult<Self> {
        let largest = problem.energy().largest_current();
        let flops_of_turn = 2.0 * (sizes.bump.max(1) as f64).powi(2);
        let dimension = problem.maps.dimension();
        let params = MinimumParams {
            neurons: sizes.neurons as u32,
            admits: u32::from(problem.definition == Definition::Kkt),
            corrects: 0,
            iterations: MAX_ITERATIONS,
            turns: (STATE_FLOPS / flops_of_turn) as u32,
            tolerance: (TOLERANCE * (largest + 100.0)) as f32,
            largest_current: largest as f32,
            gain: problem.transfer.gain() as f32,
            exponent: problem.transfer.exponent() as f32,
            first: 0,
            states: 0,
        };
        let external_current: Vec<f32> = problem.external_current.iter().map(|&h| h as f32).collect();
        let (between, at_work) = between(device, sizes, points.len())?;
        let either_will_do = minima_by_map(sizes.neurons, points.per_map(), problem.minimizer);
        let constants = sizes.minimum_constants(dimension, problem.transfer.is_root());
        Ok(Self {
            device,
            sizes,
            problem,
            dimension,
            params,
            weights: DeviceWeights::upload(device, sizes, problem.weights)?,
            external_current: device.storage("external current", &external_current)?,
            between,
            at_work,
            most_irregular: if either_will_do { u32::MAX } else { REGULAR },
            pipeline: device.pipeline(&shaders::minimum(constants))?,
        })
    }

    /// The searches at some of the points.
    fn tasks(&self, points: &[Point], start: Start<'_>, which: &[usize]) -> Vec<Task> {
        let task = |&s: &usize| {
            let began = Instant::now();
            let task = task(self.problem, &points[s], s, start);
            self.count_host(began.elapsed());
            task
        };
        which.par_iter().map(task).collect()
    }

    /// Ends the searches in f64, from where the device ended.
    fn finish(&self, mut tasks: Vec<Task>, near: Vec<Option<Fine>>, tick: &Tick<'_>) -> Vec<Minimum> {
        let mut iterations = Vec::with_capacity(near.len());
        for (task, near) in tasks.iter_mut().zip(&near) {
            iterations.push(near.as_ref().map_or(0, |fine| fine.iterations));
            if let Some(fine) = near {
                task.start = fine.state();
            }
        }
        let finish = |group: &mut Group, tasks: &[Task]| {
            let began = Instant::now();
            let minima = group.minimize(self.problem, tasks, |_, _, minimum| minimum);
            let handed = minima.iter().filter(|minimum| minimum.certificate.iterations > 0).count();
            self.device.count(Counted {
                states: tasks.len() as u64,
                handed: handed as u64,
                host_seconds: began.elapsed().as_secs_f64(),
                ..Counted::default()
            });
            tick.add(tasks.len() as u64);
            minima
        };
        let found: Vec<Vec<Minimum>> = tasks
            .par_chunks(GROUP)
            .map_init(|| Group::new(self.sizes.neurons), |group, tasks| finish(group, tasks))
            .collect();
        let mut found: Vec<Minimum> = found.into_iter().flatten().collect();
        for (minimum, more) in found.iter_mut().zip(iterations) {
            minimum.certificate.iterations += more;
        }
        found
    }

    fn count_host(&self, took: Duration) {
        self.device.count(Counted { host_seconds: took.as_secs_f64(), ..Counted::default() });
    }
}

/// Room for W between the candidates of as many states as may be at work at once: half as many where the device has not.
fn between(device: &Device, sizes: &DeviceSizes, points: usize) -> DeviceResult<(wgpu::Buffer, usize)> {
    let mut states = sizes.minimum_groups.min(points).max(1);
    loop {
        let bytes = 4 * (states * sizes.slots * sizes.slots) as u64;
        match device.empty("weights between candidates", bytes) {
            Err(Failure::OutOfMemory(_)) if states > 1 => states /= 2,
            buffer => return Ok((buffer?, states)),
        }
    }
}

/// States that are on the device together.
struct Batch<'a> {
    search: &'a Search<'a>,
    tasks: &'a [Task],
    starts: Vec<StateInfo>,
    uniform: wgpu::Buffer,
    info: wgpu::Buffer,
    candidates: wgpu::Buffer,
    /// By slot: rates, or steps in their place; gaps; what else the kernel keeps.
    work: wgpu::Buffer,
    bindings: wgpu::BindGroup,
}

impl<'a> Batch<'a> {
    fn new(search: &'a Search<'a>, tasks: &'a [Task]) -> DeviceResult<Self> {
        let (device, slots) = (search.device, search.sizes.slots);
        let (neurons, dimension) = (search.sizes.neurons, search.dimension);
        let mut displacements = vec![0f32; tasks.len() * dimension * neurons];
        let mut rates = vec![0f32; tasks.len() * slots];
        let mut candidates = vec![0u32; tasks.len() * slots];
        let mut starts = vec![StateInfo::zeroed(); tasks.len()];
        displacements
            .par_chunks_mut(dimension * neurons)
            .zip(rates.par_chunks_mut(slots))
            .zip(candidates.par_chunks_mut(slots))
            .zip(&mut starts)
            .zip(tasks)
            .for_each(|((((displacements, rates), candidates), info), task)| {
                for (to, from) in displacements.chunks_exact_mut(neurons).zip(&task.constraint.displacements)
                {
                    to.iter_mut().zip(from).for_each(|(to, &c)| *to = c as f32);
                }
                let (active, values) = beginning(task);
                // A start with too many neurons is left to the host; its empty one here costs next to nothing.
                if active.len() <= slots {
                    info.count = active.len() as u32;
                    candidates[..active.len()].copy_from_slice(&active);
                    rates.iter_mut().zip(&values).for_each(|(to, &r)| *to = r as f32);
                }
            });
        let uniform = device.uniform("minimum", &search.params)?;
        let displacements = device.storage("displacements", &displacements)?;
        let info = device.storage("states", &starts)?;
        let candidates = device.storage("candidates", &candidates)?;
        let work = device.empty("searches", search.sizes.minimum_work(tasks.len()))?;
        device.write(&work, &rates)?;
        let [w0, w1, w2, w3] = search.weights.parts();
        let bound = [
            &uniform,
            w0,
            w1,
            w2,
            w3,
            &displacements,
            &search.external_current,
            &info,
            &candidates,
            &work,
            &search.between,
        ];
        let bindings = device.bind(&search.pipeline, &bound)?;
        Ok(Self { search, tasks, starts, uniform, info, candidates, work, bindings })
    }

    /// Runs every state once; says what became of them, and what now stands in place of their rates.
    fn pass(&self, corrects: bool) -> DeviceResult<(Vec<StateInfo>, Vec<f32>)> {
        let (device, sizes) = (self.search.device, self.search.sizes);
        let mut pace = Pace::new(FIRST_STATES, self.search.at_work);
        let mut first = 0;
        while first < self.tasks.len() {
            let count = pace.amount().min(self.tasks.len() - first);
            let params = MinimumParams {
                first: first as u32,
                corrects: u32::from(corrects),
                states: self.tasks.len() as u32,
                ..self.search.params
            };
            device.write(&self.uniform, &[params])?;
            let took = device.run(&self.search.pipeline, &self.bindings, [count as u32, 1, 1])?;
            pace.learn(count, took);
            first += count;
        }
        let mut info: Vec<StateInfo> = device.read(&self.info, self.tasks.len())?;
        for own in &mut info {
            own.count = own.count.min(sizes.slots as u32);
            device.count(own.counted());
        }
        Ok((info, device.read(&self.work, self.tasks.len() * sizes.slots)?))
    }

    /// States near the minima; `None` where the device's state is of no use.
    fn searched(&self) -> DeviceResult<Vec<Option<Fine>>> {
        let (device, slots) = (self.search.device, self.search.sizes.slots);
        let (info, rates) = self.pass(false)?;
        let candidates: Vec<u32> = device.read(&self.candidates, self.tasks.len() * slots)?;
        let usable = USABLE * self.search.params.tolerance;
        let problem = self.search.problem;
        let fine = |s: usize| {
            let own = info[s];
            let is_regular = own.dampings + own.halvings <= self.search.most_irregular;
            if self.starts[s].count == 0 || own.is_full == 1 || !is_regular || !(own.residual <= usable) {
                return None;
            }
            let count = own.count as usize;
            let rates = rates[s * slots..][..count].iter().copied().map(f64::from).collect();
            let multiplier = [own.multiplier_x, own.multiplier_y].map(f64::from);
            let neurons = &candidates[s * slots..][..count];
            let (of, constraint) = (problem.energy(), &self.tasks[s].constraint);
            let began = Instant::now();
            let fine = Fine::new(of, constraint, neurons, rates, multiplier, own.iterations);
            self.search.count_host(began.elapsed());
            fine.is_finite().then_some(fine)
        };
        Ok((0..self.tasks.len()).into_par_iter().map(fine).collect())
    }

    /// As [`Batch::searched`], taken to f64 where the device's steps lead there.
    fn refined(&self) -> DeviceResult<Vec<Option<Fine>>> {
        let (device, slots) = (self.search.device, self.search.sizes.slots);
        let mut states = self.searched()?;
        let mut rates = vec![0f32; states.len() * slots];
        let mut gaps = rates.clone();
        for _ in 0..ROUNDS {
            // A state of no candidates costs next to nothing.
            let mut info = vec![StateInfo::zeroed(); states.len()];
            for (s, (fine, info)) in states.iter().zip(&mut info).enumerate() {
                let Some(fine) = fine.as_ref().filter(|fine| fine.is_wanting()) else { continue };
                info.count = fine.slots().len() as u32;
                for (slot, (rate, gap)) in fine.slots().enumerate() {
                    (rates[s * slots + slot], gaps[s * slots + slot]) = (rate, gap);
                }
            }
            if info.iter().all(|own| own.count == 0) {
                break;
            }
            device.write(&self.info, &info)?;
            device.write(&self.work, &[&rates[..], &gaps].concat())?;
            let (found, steps) = self.pass(true)?;
            states.par_iter_mut().zip(&found).zip(steps.par_chunks_exact(slots)).for_each(
                |((fine, own), steps)| {
                    let Some(fine) = fine.as_mut().filter(|_| own.count > 0 && own.residual == 0.0) else {
                        return;
                    };
                    let began = Instant::now();
                    let change = [own.multiplier_x, own.multiplier_y].map(f64::from);
                    fine.correct(self.search.problem.energy(), steps.iter().copied(), change);
                    self.search.count_host(began.elapsed());
                },
            );
        }
        Ok(states)
    }
}

/// Candidates of a search, ascending, and their rates moved onto the constraint.
fn beginning(task: &Task) -> (Vec<u32>, Vec<f64>) {
    let from = task.start.view();
    let (neurons, mut rates) = match &task.constraint.support {
        None => (from.active.to_vec(), from.rates.to_vec()),
        Some(support) => {
            let rate = |i: &u32| from.active.binary_search(i).map_or(0.0, |at| from.rates[at]);
            (support.clone(), support.iter().map(rate).collect())
        }
    };
    let at = |along: &Vec<f64>| neurons.iter().map(|&i| along[i as usize]).collect();
    let displacements: Vec<Vec<f64>> = task.constraint.displacements.iter().map(at).collect();
    rates::project(&mut rates, &displacements);
    (neurons, rates)
}

impl StateInfo {
    /// What its workgroup counted.
    fn counted(&self) -> Counted {
        Counted {
            multiply_adds: self.multiply_adds as u64,
            weight_bytes: 4 * self.weight_words as u64,
            turns: u64::from(self.turns),
            ..Counted::default()
        }
    }
}
