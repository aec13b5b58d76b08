//! Constrained minima: `minimum.wgsl` takes every state to f32 accuracy; then the host finds what is left to close in f64,
//! and the device solves for the steps that close it. What a search needs of W is found in between by `fields_together.wgsl`,
//! for neighbouring points together: both kernels take turns, a round for each product with W.
//!
//! The host decides in f64 whether a state has converged, and computes energy, multiplier and certificate from the f64 rates;
//! its own method begins where the device ended, and goes on, if that is no minimum. So every minimum is certified in f64.
//! Where a point has several, f32 may take another way past a branching than f64 and end at another one.
//!
//! On the device the neurons of a map stand in the order of their places, W too: what neighbouring points need of it is
//! much the same block. Several maps are at work at the same time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytemuck::Zeroable;
use rayon::prelude::*;

use super::counts::Counted;
use super::device::{Device, DeviceResult, Dispatch, Failure};
use super::grouping::size_for_fields;
use super::in_order::InOrder;
use super::refine::Fine;
use super::shaders::{self, Search, SearchParams};
use super::sizes::{DeviceSizes, Pace};
use super::weights::DeviceWeights;
use crate::connectivity::field::GROUP;
use crate::landscape::constraint::Minimum;
use crate::landscape::minima::{NEURONS_BY_MAP, near_each_other, task};
use crate::landscape::problem::{Definition, Minima, Problem, Start};
use crate::landscape::rates;
use crate::landscape::states::{StateBuf, States};
use crate::landscape::together::{Group, Task};
use crate::manifold::{Point, Points};
use crate::progress::Tick;

/// Newton iterations on the device. Regular states take 3–14, those of large networks of many maps 20; what takes more is left to
/// the host.
const MAX_ITERATIONS: u32 = 60;

/// How far conjugate gradients bring a step's squared residual down at least. While neurons join and fall silent a tenth of the
/// residual is as good as a thousandth: a state of N = 6,000, L = 100 takes 161 turns in 20 steps instead of 285 in 18. In small
/// networks, where steps are cheap, more states would end at other minima than on the CPU: 20 of 600 at N = 600, L = 10
/// instead of 2.
const ROUGHEST: f32 = 1e-6;
const ROUGHEST_OF_LARGE: f32 = 1e-2;

/// Residual at which the device's search ends, as a fraction of |h| + 100 Hz², the size of the terms of `h + Wr`: some
/// roundings of f32.
const TOLERANCE: f64 = 2e-6;

/// A state whose residual is beyond this many tolerances is not used: the host begins at the given start.
const USABLE: f32 = 1e3;

/// Steps towards f64 that the device solves for. Each leaves some 10⁻⁵ of the gaps.
const REFINEMENTS: usize = 3;

/// Turns of the conjugate gradients after which a state is left to the host: the others wait for it. States take 50–400.
const MAX_TURNS: u32 = 2000;

/// Rounds of the first submission, before anything is known of the device's speed, and of any: searches that end in the
/// meantime are not noticed before.
const FIRST_ROUNDS: usize = 2;
const MOST_ROUNDS: usize = 32;

/// Rounds within which every search has ended: of a group of sixteen one at least goes on in each, and has [`MAX_TURNS`] products
/// for directions and some 15 for each of [`MAX_ITERATIONS`] steps. A device on which they do not end is refused.
const ROUNDS_OF_ANY: usize = 50_000;

/// What a search that is to begin waits for.
const BEGINS: u32 = 1;

/// As [`crate::landscape::minima::minima`]; if `tick` stops it, only those found so far.
pub(super) fn minima(
    device: &Device,
    sizes: &DeviceSizes,
    problem: &Problem<'_>,
    points: Points<'_>,
    start: Start<'_>,
    tick: &Tick<'_>,
) -> DeviceResult<Minima> {
    let search = Seek::new(device, sizes, problem, points, start)?;
    let order = near_each_other(problem.maps, &search.points);
    let sets = search.sets(&order);
    let next = AtomicUsize::new(0);
    let some = || search.minima_of_sets(&sets, &next, tick);
    // SETS_AT_ONCE of them: while the host is at work for some, the device is for another.
    let two = || rayon::join(some, some);
    let ((a, b), (c, d)) = rayon::join(two, two);
    let mut found: Vec<(usize, Minimum)> = a?.into_iter().chain(b?).chain(c?).chain(d?).collect();
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
    let search = Seek::new(device, sizes, problem, points, start)?;
    let order = near_each_other(problem.maps, &search.points);
    let mut found = vec![None; search.points.len()];
    for points in search.sets(&order) {
        let set = BatchSet::new(&search, &points)?;
        for (batch, near) in set.batches.iter().zip(set.searched()?) {
            for (&s, near) in batch.points.iter().zip(near) {
                found[s] = near.map(|fine| fine.state());
            }
        }
    }
    Ok(found)
}

/// The search for the minima of one problem.
struct Seek<'a> {
    device: &'a Device,
    sizes: &'a DeviceSizes,
    problem: &'a Problem<'a>,
    points: Vec<Point>,
    start: Start<'a>,
    /// Batches of a set.
    batches: usize,
    dimension: usize,
    params: SearchParams,
    weights: DeviceWeights,
    pipeline: wgpu::ComputePipeline,
}

impl<'a> Seek<'a> {
    fn new(
        device: &'a Device,
        sizes: &'a DeviceSizes,
        problem: &'a Problem<'a>,
        points: Points<'_>,
        start: Start<'a>,
    ) -> DeviceResult<Self> {
        let largest = problem.energy().largest_current();
        let dimension = problem.maps.dimension();
        let is_large = sizes.neurons >= NEURONS_BY_MAP;
        let params = SearchParams {
            neurons: sizes.neurons as u32,
            states: 0,
            admits: u32::from(problem.definition == Definition::Kkt),
            corrects: 0,
            asks_rarely: u32::from(is_large),
            iterations: MAX_ITERATIONS,
            turns: MAX_TURNS,
            roughest: if is_large { ROUGHEST_OF_LARGE } else { ROUGHEST },
            tolerance: (TOLERANCE * (largest + 100.0)) as f32,
            largest_current: largest as f32,
            gain: problem.transfer.gain() as f32,
            exponent: problem.transfer.exponent() as f32,
        };
        let constants = sizes.minimum_constants(dimension, problem.transfer.is_root());
        Ok(Self {
            device,
            sizes,
            problem,
            points: points.iter().collect(),
            start,
            batches: sizes.batches_of_set(points.per_map()),
            dimension,
            params,
            weights: DeviceWeights::upload(device, sizes, problem.weights)?,
            pipeline: device.pipeline(&shaders::minimum(constants))?,
        })
    }

    /// Points in batches of one map each, and as many batches together as make a set.
    fn sets<'o>(&self, order: &'o [usize]) -> Vec<Vec<&'o [usize]>> {
        let of_one_map = order.chunk_by(|&s, &t| self.points[s].map == self.points[t].map);
        let batches: Vec<&[usize]> =
            of_one_map.flat_map(|points| points.chunks(self.sizes.minimum_states)).collect();
        batches.chunks(self.batches).map(<[_]>::to_vec).collect()
    }

    /// The minima of the sets that nobody else takes, each with its point's number.
    fn minima_of_sets(
        &self,
        sets: &[Vec<&[usize]>],
        next: &AtomicUsize,
        tick: &Tick<'_>,
    ) -> DeviceResult<Vec<(usize, Minimum)>> {
        let mut found = Vec::new();
        while let Some(points) = sets.get(next.fetch_add(1, Ordering::Relaxed)) {
            // What is missing then is noticed before it is used.
            if tick.stopped() {
                break;
            }
            let set = BatchSet::new(self, points)?;
            let near = set.refined()?;
            for (batch, near) in set.batches.into_iter().zip(near) {
                found.extend(batch.points.iter().copied().zip(batch.finish(near, tick)));
            }
        }
        Ok(found)
    }

    /// The searches at some of the points.
    fn tasks(&self, which: &[usize]) -> Vec<Task> {
        let task = |&s: &usize| {
            let began = Instant::now();
            let task = task(self.problem, &self.points[s], s, self.start);
            self.count_host(began.elapsed());
            task
        };
        which.par_iter().map(task).collect()
    }

    fn count_host(&self, took: Duration) {
        self.device.count(Counted { host_seconds: took.as_secs_f64(), ..Counted::default() });
    }
}

/// States of one map that are on the device together.
struct Batch<'a> {
    search: &'a Seek<'a>,
    map: InOrder,
    points: &'a [usize],
    tasks: Vec<Task>,
    starts: Vec<Search>,
    buffers: Buffers,
    /// Of the searches, and of the products that they wait for.
    steps: wgpu::BindGroup,
    products: wgpu::BindGroup,
    products_pipeline: wgpu::ComputePipeline,
    /// States whose products are found together.
    group: usize,
}

/// What the two kernels of a batch share, and what the host writes and reads.
struct Buffers {
    uniform: wgpu::Buffer,
    searches: wgpu::Buffer,
    candidates: wgpu::Buffer,
    /// By slot: rates, or steps in their place; gaps; what else the kernel keeps.
    work: wgpu::Buffer,
    /// Quads of W that each group has read, low and high word.
    counts: wgpu::Buffer,
}

impl<'a> Batch<'a> {
    fn new(search: &'a Seek<'a>, points: &'a [usize]) -> DeviceResult<Self> {
        let (device, sizes) = (search.device, search.sizes);
        let (neurons, slots, dimension) = (sizes.neurons, sizes.slots, search.dimension);
        let map = search.points[points[0]].map;
        let map = InOrder::new(device, sizes, search.problem, &search.weights, map, points.len())?;
        let tasks: Vec<Task> = search.tasks(points).into_iter().map(|task| map.named(task)).collect();
        let mut displacements = vec![0f32; tasks.len() * dimension * neurons];
        let mut rates = vec![0f32; tasks.len() * slots];
        let mut candidates = vec![0u32; tasks.len() * slots];
        let mut starts = vec![Search::zeroed(); tasks.len()];
        displacements
            .par_chunks_mut(dimension * neurons)
            .zip(rates.par_chunks_mut(slots))
            .zip(candidates.par_chunks_mut(slots))
            .zip(&mut starts)
            .zip(&tasks)
            .for_each(|((((displacements, rates), candidates), start), task)| {
                for (to, from) in displacements.chunks_exact_mut(neurons).zip(&task.constraint.displacements)
                {
                    to.iter_mut().zip(&map.neuron_at).for_each(|(to, &i)| *to = from[i as usize] as f32);
                }
                let begins = beginning(task, &map.place_of);
                // A start with too many neurons is left to the host.
                if begins.len() <= slots {
                    start.count = begins.len() as u32;
                    start.wants = BEGINS;
                    start.is_on_surface = u32::from(task.constraint.displacements.len() > 1);
                    for ((place, rate), begins) in candidates.iter_mut().zip(rates).zip(begins) {
                        (*place, *rate) = begins;
                    }
                }
            });
        let of_state = |s: usize| &candidates[s * slots..][..starts[s].count as usize];
        let group = size_for_fields(neurons, (0..tasks.len()).map(of_state));
        let buffers = Buffers {
            uniform: device.uniform("minima", &search.params)?,
            searches: device.storage("searches", &starts)?,
            candidates: device.storage("candidates", &candidates)?,
            work: device.empty("what searches keep", sizes.minimum_work(tasks.len()))?,
            counts: device.storage("quads of W", &vec![0u32; 2 * tasks.len().div_ceil(group)])?,
        };
        device.write(&buffers.work, &rates)?;
        let displacements = device.storage("displacements", &displacements)?;
        let by_neuron = (4 * tasks.len() * sizes.stride) as u64;
        let sources = device.empty("vectors", by_neuron)?;
        let fields = device.empty("their products with W", by_neuron)?;
        let masks = device.empty("neurons of the vectors", (4 * tasks.len() * sizes.mask_words) as u64)?;
        let Buffers { uniform, searches, candidates, work, counts } = &buffers;
        let bound = [
            uniform,
            &displacements,
            &map.external_current,
            searches,
            candidates,
            work,
            &sources,
            &fields,
            &masks,
        ];
        let steps = device.bind(&search.pipeline, &bound)?;
        let products_pipeline = device.pipeline(&shaders::fields_together(sizes.field_constants(group)))?;
        let [w0, w1, w2, w3] = map.weights.parts();
        let bound = [uniform, w0, w1, w2, w3, searches, &sources, &fields, &masks, counts];
        let products = device.bind(&products_pipeline, &bound)?;
        Ok(Self { search, map, points, tasks, starts, buffers, steps, products, products_pipeline, group })
    }

    /// Tells the kernels whether searches or corrections come.
    fn prepare(&self, corrects: bool) -> DeviceResult<()> {
        let states = self.tasks.len() as u32;
        let params = SearchParams { corrects: u32::from(corrects), states, ..self.search.params };
        self.search.device.write(&self.buffers.uniform, &[params])
    }

    /// Lets every search go on from the field that it waited for.
    fn step(&self) -> Dispatch<'_> {
        Dispatch {
            pipeline: &self.search.pipeline,
            bindings: &self.steps,
            workgroups: [self.tasks.len() as u32, 1, 1],
        }
    }

    /// Finds the fields that searches wait for.
    fn product(&self) -> Dispatch<'_> {
        let groups = self.tasks.len().div_ceil(self.group);
        Dispatch {
            pipeline: &self.products_pipeline,
            bindings: &self.products,
            workgroups: [self.search.sizes.field_workgroups as u32, groups as u32, 1],
        }
    }

    /// Whether any search has not ended.
    fn is_going_on(&self) -> DeviceResult<bool> {
        let searches: Vec<Search> = self.search.device.read(&self.buffers.searches, self.tasks.len())?;
        Ok(searches.iter().any(|own| own.wants != 0))
    }

    /// What became of the states, and what now stands in place of their rates.
    fn results(&self) -> DeviceResult<(Vec<Search>, Vec<f32>)> {
        let (device, sizes) = (self.search.device, self.search.sizes);
        let mut ended: Vec<Search> = device.read(&self.buffers.searches, self.tasks.len())?;
        for own in &mut ended {
            own.count = own.count.min(sizes.slots as u32);
            device.count(Counted { turns: u64::from(own.turns), ..Counted::default() });
        }
        Ok((ended, device.read(&self.buffers.work, self.tasks.len() * sizes.slots)?))
    }

    /// Counts what was read of W, and begins to count anew.
    fn count_products(&self) -> DeviceResult<()> {
        let device = self.search.device;
        let groups = self.tasks.len().div_ceil(self.group);
        let words: Vec<[u32; 2]> = device.read(&self.buffers.counts, groups)?;
        device.write(&self.buffers.counts, &vec![0u32; 2 * groups])?;
        let quads: u64 = words.iter().map(|[low, high]| u64::from(*high) << 32 | u64::from(*low)).sum();
        device.count(Counted {
            multiply_adds: 4 * self.group as u64 * quads,
            weight_bytes: 16 * quads,
            ..Counted::default()
        });
        Ok(())
    }

    /// States near the minima; `None` where the device's state is of no use.
    fn near(&self) -> DeviceResult<Vec<Option<Fine>>> {
        let (device, slots) = (self.search.device, self.search.sizes.slots);
        let (ended, rates) = self.results()?;
        let candidates: Vec<u32> = device.read(&self.buffers.candidates, self.tasks.len() * slots)?;
        let usable = USABLE * self.search.params.tolerance;
        let problem = self.map.problem(self.search.problem);
        let fine = |s: usize| {
            let own = ended[s];
            if self.starts[s].count == 0 || own.is_full == 1 || !(own.residual <= usable) {
                return None;
            }
            let began = Instant::now();
            let count = own.count as usize;
            let multiplier = [own.multiplier_x, own.multiplier_y].map(f64::from);
            let last = self.map.neuron_at.len() - 1;
            let neuron = |place: u32| self.map.neuron_at[(place as usize).min(last)];
            let slots = rates[s * slots..][..count].iter().zip(&candidates[s * slots..][..count]);
            // A rate below 0 says that the neuron is silent beyond doubt.
            let found = slots
                .filter(|(rate, _)| !(**rate < 0.0))
                .map(|(&rate, &place)| (neuron(place), f64::from(rate)))
                .collect();
            let (of, constraint) = (problem.energy(), &self.tasks[s].constraint);
            let fine = Fine::new(of, constraint, found, multiplier, own.iterations);
            self.search.count_host(began.elapsed());
            fine.is_finite().then_some(fine)
        };
        Ok((0..self.tasks.len()).into_par_iter().map(fine).collect())
    }

    /// Gives the device the gaps of the states that want another step; says whether there are any.
    fn ask(&self, states: &[Option<Fine>]) -> DeviceResult<bool> {
        let slots = self.search.sizes.slots;
        let mut rates = vec![0f32; states.len() * slots];
        let mut gaps = rates.clone();
        let mut candidates = vec![0u32; states.len() * slots];
        let mut searches = vec![Search::zeroed(); states.len()];
        for (s, (fine, own)) in states.iter().zip(&mut searches).enumerate() {
            let Some(fine) = fine.as_ref().filter(|fine| fine.is_wanting()) else { continue };
            own.count = fine.slots().len() as u32;
            own.wants = BEGINS;
            for (slot, (neuron, rate, gap)) in fine.slots().enumerate() {
                (rates[s * slots + slot], gaps[s * slots + slot]) = (rate, gap);
                candidates[s * slots + slot] = self.map.place_of[neuron as usize];
            }
        }
        self.search.device.write(&self.buffers.candidates, &candidates)?;
        self.search.device.write(&self.buffers.searches, &searches)?;
        self.search.device.write(&self.buffers.work, &[&rates[..], &gaps].concat())?;
        Ok(searches.iter().any(|own| own.count > 0))
    }

    /// Takes the steps that the device found.
    fn take(&self, states: &mut [Option<Fine>]) -> DeviceResult<()> {
        let (found, steps) = self.results()?;
        let problem = self.map.problem(self.search.problem);
        let steps = steps.par_chunks_exact(self.search.sizes.slots);
        states.par_iter_mut().zip(&found).zip(steps).for_each(|((fine, own), steps)| {
            let Some(fine) = fine.as_mut().filter(|_| own.count > 0 && own.residual == 0.0) else {
                return;
            };
            let began = Instant::now();
            let change = [own.multiplier_x, own.multiplier_y].map(f64::from);
            fine.correct(problem.energy(), steps.iter().copied(), change);
            self.search.count_host(began.elapsed());
        });
        Ok(())
    }

    /// The minima: the device's states where they hold in f64; where not, the host goes on from them.
    fn finish(self, near: Vec<Option<Fine>>, tick: &Tick<'_>) -> Vec<Minimum> {
        let Self { search, map, mut tasks, .. } = self;
        let (problem, neurons) = (map.problem(search.problem), search.sizes.neurons);
        let accepted = |silent: &mut Vec<f64>, (task, near): (&mut Task, &Option<Fine>)| {
            let began = Instant::now();
            let fine = near.as_ref()?;
            let minimum = fine.minimum(problem.energy(), &task.constraint, silent);
            if minimum.is_none() {
                task.start = fine.state();
            }
            search.count_host(began.elapsed());
            minimum
        };
        let silent = || vec![f64::NEG_INFINITY; neurons];
        let mut found: Vec<Option<Minimum>> =
            tasks.par_iter_mut().zip(&near).map_init(silent, accepted).collect();
        let left: Vec<usize> = (0..tasks.len()).filter(|&s| found[s].is_none()).collect();
        search.device.count(Counted {
            states: tasks.len() as u64,
            handed: left.len() as u64,
            ..Counted::default()
        });
        tick.add((tasks.len() - left.len()) as u64);
        let sought = |group: &mut Group, which: &[usize]| {
            let began = Instant::now();
            let own: Vec<Task> = which.iter().map(|&s| tasks[s].clone()).collect();
            let mut minima = group.minimize(&problem, &own, |_, _, minimum| minimum);
            for (&s, minimum) in which.iter().zip(&mut minima) {
                minimum.certificate.iterations += near[s].as_ref().map_or(0, |fine| fine.iterations);
            }
            search.count_host(began.elapsed());
            tick.add(which.len() as u64);
            minima
        };
        let minima: Vec<Vec<Minimum>> =
            left.par_chunks(GROUP).map_init(|| Group::new(neurons), sought).collect();
        for (&s, minimum) in left.iter().zip(minima.into_iter().flatten()) {
            found[s] = Some(minimum);
        }
        let renamed = |m: Minimum| Minimum { state: map.renamed(m.state), ..m };
        found.into_iter().flatten().map(renamed).collect()
    }
}

/// Batches whose kernels take turns.
struct BatchSet<'a> {
    search: &'a Seek<'a>,
    batches: Vec<Batch<'a>>,
}

impl<'a> BatchSet<'a> {
    fn new(search: &'a Seek<'a>, points: &[&'a [usize]]) -> DeviceResult<Self> {
        let batches = points.iter().map(|points| Batch::new(search, points));
        Ok(Self { search, batches: batches.collect::<DeviceResult<_>>()? })
    }

    /// Lets every search come to its end, all batches side by side.
    fn pass(&self, corrects: bool) -> DeviceResult<()> {
        let device = self.search.device;
        self.batches.iter().try_for_each(|batch| batch.prepare(corrects))?;
        let mut going: Vec<&Batch<'_>> = self.batches.iter().collect();
        let mut pace = Pace::new(FIRST_ROUNDS, MOST_ROUNDS);
        let mut done = 0;
        while !going.is_empty() {
            if done > ROUNDS_OF_ANY {
                return Err(Failure::Refused("searches for minima do not come to an end on it".to_owned()));
            }
            let rounds = pace.amount();
            done += rounds;
            let round =
                || going.iter().map(|batch| batch.step()).chain(going.iter().map(|batch| batch.product()));
            let dispatches: Vec<Dispatch<'_>> = (0..rounds).flat_map(|_| round()).collect();
            pace.learn(rounds, device.run_all(&dispatches)?);
            device.count(Counted { rounds: rounds as u64, ..Counted::default() });
            let mut left = Vec::with_capacity(going.len());
            for batch in going {
                if batch.is_going_on()? {
                    left.push(batch);
                }
            }
            going = left;
        }
        self.batches.iter().try_for_each(Batch::count_products)
    }

    /// States near the minima, of every batch.
    fn searched(&self) -> DeviceResult<Vec<Vec<Option<Fine>>>> {
        self.pass(false)?;
        self.batches.iter().map(Batch::near).collect()
    }

    /// As [`BatchSet::searched`], taken to f64 where the device's steps lead there.
    fn refined(&self) -> DeviceResult<Vec<Vec<Option<Fine>>>> {
        let mut states = self.searched()?;
        for _ in 0..REFINEMENTS {
            let mut is_wanted = false;
            for (batch, states) in self.batches.iter().zip(&states) {
                is_wanted |= batch.ask(states)?;
            }
            if !is_wanted {
                break;
            }
            self.pass(true)?;
            for (batch, states) in self.batches.iter().zip(&mut states) {
                batch.take(states)?;
            }
        }
        Ok(states)
    }
}

/// Candidates of a search by their places, ascending, and their rates moved onto the constraint.
fn beginning(task: &Task, place_of: &[u32]) -> Vec<(u32, f32)> {
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
    let places = neurons.iter().map(|&i| place_of[i as usize]);
    let mut begins: Vec<(u32, f32)> = places.zip(rates.iter().map(|&r| r as f32)).collect();
    begins.sort_unstable_by_key(|(place, _)| *place);
    begins
}
