//! States of one map that are on the device together.

use bytemuck::Zeroable;
use rayon::prelude::*;

use super::counts::Counted;
use super::device::{DeviceResult, Dispatch};
use super::grouping::{count, mask_of, size_for_fields};
use super::in_order::InOrder;
use super::refine::{Fine, evaluate};
use super::seek::Seek;
use super::shaders::{self, Search, SearchParams};
use crate::connectivity::field::GROUP;
use crate::landscape::constraint::Minimum;
use crate::landscape::rates;
use crate::landscape::together::{Group, Task};
use crate::progress::Tick;

/// A state whose residual is beyond this many tolerances is not used: the host begins at the given start.
const USABLE: f32 = 1e3;

/// What a search that is to begin waits for.
const BEGINS: u32 = 1;

/// States of one map that are on the device together.
pub(super) struct Batch<'a> {
    search: &'a Seek<'a>,
    map: InOrder,
    pub points: &'a [usize],
    tasks: Vec<Task>,
    /// One bit for each candidate of the starts; none where the host begins.
    masks: Vec<Vec<u64>>,
    buffers: Buffers,
    steps: wgpu::BindGroup,
    products: Products,
    /// States whose searches go on, ascending.
    going: Vec<u32>,
}

/// What the two kernels of a batch share, and what the host writes and reads.
struct Buffers {
    uniform: wgpu::Buffer,
    searches: wgpu::Buffer,
    going: wgpu::Buffer,
    candidates: wgpu::Buffer,
    /// By slot: changes of rates, what they are added to, its gaps, and what else the kernel keeps.
    work: wgpu::Buffer,
    /// What searches multiply with W, at which neurons, and what comes of it.
    sources: wgpu::Buffer,
    masks: wgpu::Buffer,
    fields: wgpu::Buffer,
    /// Quads of W that each group has read, low and high word.
    counts: wgpu::Buffer,
}

/// The kernel of the products with W for groups of some size.
struct Products {
    group: usize,
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
}

impl Products {
    fn new(search: &Seek<'_>, map: &InOrder, buffers: &Buffers, group: usize) -> DeviceResult<Self> {
        let pipeline =
            search.device.pipeline(&shaders::fields_together(search.sizes.field_constants(group)))?;
        let [w0, w1, w2, w3] = map.weights.parts();
        let Buffers { uniform, searches, going, sources, masks, fields, counts, .. } = buffers;
        let bound = [uniform, w0, w1, w2, w3, searches, sources, fields, masks, counts, going];
        let bindings = search.device.bind(&pipeline, &bound)?;
        Ok(Self { group, pipeline, bindings })
    }
}

/// What a batch's searches begin with, as the device takes it.
struct Starts {
    displacements: Vec<f32>,
    rates: Vec<f32>,
    candidates: Vec<u32>,
    searches: Vec<Search>,
}

impl Starts {
    fn new(search: &Seek<'_>, map: &InOrder, tasks: &[Task]) -> Self {
        let (neurons, slots, dimension) = (search.sizes.neurons, search.sizes.slots, search.dimension);
        let mut starts = Self {
            displacements: vec![0.0; tasks.len() * dimension * neurons],
            rates: vec![0.0; tasks.len() * slots],
            candidates: vec![0; tasks.len() * slots],
            searches: vec![Search::zeroed(); tasks.len()],
        };
        let displacements = starts.displacements.par_chunks_mut(dimension * neurons);
        let slots = starts.rates.par_chunks_mut(slots).zip(starts.candidates.par_chunks_mut(slots));
        let own = displacements.zip(slots).zip(&mut starts.searches).zip(tasks);
        own.for_each(|(((displacements, (rates, candidates)), start), task)| {
            search.device.on_host(|| {
                let along = &task.constraint.displacements;
                for (to, from) in displacements.chunks_exact_mut(neurons).zip(along) {
                    to.iter_mut().zip(&map.neuron_at).for_each(|(to, &i)| *to = from[i as usize] as f32);
                }
                let begins = beginning(task, &map.place_of);
                // A start with too many neurons is left to the host.
                if begins.len() <= rates.len() {
                    start.count = begins.len() as u32;
                    start.wants = BEGINS;
                    start.is_on_surface = u32::from(along.len() > 1);
                    for ((place, rate), begins) in candidates.iter_mut().zip(rates).zip(begins) {
                        (*place, *rate) = begins;
                    }
                }
            });
        });
        starts
    }

    /// The states that begin.
    fn going(&self) -> Vec<u32> {
        (0..).zip(&self.searches).filter(|(_, own)| own.wants == BEGINS).map(|(s, _)| s).collect()
    }
}

impl<'a> Batch<'a> {
    pub(super) fn new(search: &'a Seek<'a>, points: &'a [usize]) -> DeviceResult<Self> {
        let (device, sizes) = (search.device, search.sizes);
        let map = search.points[points[0]].map;
        let map = InOrder::new(device, sizes, search.problem, &search.weights, map, points.len())?;
        let tasks: Vec<Task> = search.tasks(points).into_par_iter().map(|task| map.named(task)).collect();
        let starts = Starts::new(search, &map, &tasks);
        let by_neuron = (4 * tasks.len() * sizes.stride) as u64;
        let buffers = Buffers {
            uniform: device.uniform("minima", &search.params)?,
            searches: device.storage("searches", &starts.searches)?,
            going: device.empty("searches that go on", 4 * tasks.len() as u64)?,
            candidates: device.storage("candidates", &starts.candidates)?,
            work: device.empty("what searches keep", sizes.minimum_work(tasks.len()))?,
            sources: device.empty("vectors", by_neuron)?,
            masks: device.empty("neurons of the vectors", (4 * tasks.len() * sizes.mask_words) as u64)?,
            fields: device.empty("their products with W", by_neuron)?,
            counts: device.storage("quads of W", &vec![0u32; 2 * tasks.len()])?,
        };
        device.write(&buffers.work, &starts.rates)?;
        let displacements = device.storage("displacements", &starts.displacements)?;
        let Buffers { uniform, searches, going, candidates, work, sources, masks, fields, .. } = &buffers;
        let bound = [
            uniform,
            &displacements,
            &map.external_current,
            searches,
            candidates,
            work,
            sources,
            fields,
            masks,
            going,
        ];
        let steps = device.bind(&search.pipeline, &bound)?;
        let own = |s: usize| &starts.candidates[s * sizes.slots..][..starts.searches[s].count as usize];
        let masks: Vec<Vec<u64>> = (0..tasks.len()).map(|s| mask_of(sizes.neurons, own(s))).collect();
        let going = starts.going();
        let group = size_for_fields(&of(&masks, &going), sizes.largest_group);
        let products = Products::new(search, &map, &buffers, group)?;
        Ok(Self { search, map, points, tasks, masks, buffers, steps, products, going })
    }

    /// Tells the kernels whether searches or corrections come, and whose.
    pub(super) fn prepare(&mut self, corrects: bool) -> DeviceResult<()> {
        if self.going.is_empty() {
            return Ok(());
        }
        let group = size_for_fields(&of(&self.masks, &self.going), self.search.sizes.largest_group);
        if group != self.products.group {
            self.count_products()?;
            self.products = Products::new(self.search, &self.map, &self.buffers, group)?;
        }
        let (states, going) = (self.tasks.len() as u32, self.going.len() as u32);
        let own = if corrects { self.search.corrections } else { self.search.params };
        let params = SearchParams { states, going, ..own };
        self.search.device.write(&self.buffers.uniform, &[params])?;
        self.search.device.write(&self.buffers.going, &self.going)
    }

    /// Whether any search goes on.
    pub(super) fn is_going_on(&self) -> bool {
        !self.going.is_empty()
    }

    /// Lets every search go on from the field that it waited for.
    pub(super) fn step(&self) -> Dispatch<'_> {
        Dispatch {
            pipeline: &self.search.pipeline,
            bindings: &self.steps,
            workgroups: [self.going.len() as u32, 1, 1],
        }
    }

    /// Finds the fields that searches wait for.
    pub(super) fn product(&self) -> Dispatch<'_> {
        let groups = self.going.len().div_ceil(self.products.group);
        Dispatch {
            pipeline: &self.products.pipeline,
            bindings: &self.products.bindings,
            workgroups: [self.search.sizes.field_workgroups as u32, groups as u32, 1],
        }
    }

    /// Leaves aside the searches that have ended.
    pub(super) fn drop_ended(&mut self) -> DeviceResult<()> {
        let searches: Vec<Search> = self.search.device.read(&self.buffers.searches, self.tasks.len())?;
        self.going.retain(|&s| searches[s as usize].wants != 0);
        Ok(())
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
    pub(super) fn count_products(&self) -> DeviceResult<()> {
        let device = self.search.device;
        let words: Vec<[u32; 2]> = device.read(&self.buffers.counts, self.tasks.len())?;
        device.write(&self.buffers.counts, &vec![0u32; 2 * self.tasks.len()])?;
        let quads: u64 = words.iter().map(|[low, high]| u64::from(*high) << 32 | u64::from(*low)).sum();
        device.count(Counted {
            multiply_adds: 4 * self.products.group as u64 * quads,
            weight_bytes: 16 * quads,
            ..Counted::default()
        });
        Ok(())
    }

    /// States near the minima; `None` where the device's state is of no use.
    pub(super) fn near(&self) -> DeviceResult<Vec<Option<Fine>>> {
        let (device, slots) = (self.search.device, self.search.sizes.slots);
        let (ended, rates) = self.results()?;
        let candidates: Vec<u32> = device.read(&self.buffers.candidates, self.tasks.len() * slots)?;
        let usable = USABLE * self.search.params.tolerance;
        let problem = self.map.problem(self.search.problem);
        let last = self.map.neuron_at.len() - 1;
        let neuron = |place: u32| self.map.neuron_at[(place as usize).min(last)];
        let fine = |s: usize| {
            let own = ended[s];
            if count(&self.masks[s]) == 0 || own.is_full == 1 || !(own.residual <= usable) {
                return None;
            }
            let candidates = &candidates[s * slots..][..own.count as usize];
            let multiplier = [own.multiplier_x, own.multiplier_y].map(f64::from);
            let slots = rates[s * slots..].iter().zip(candidates);
            // A rate below 0 says that the neuron is silent beyond doubt.
            let found = slots
                .filter(|(rate, _)| !(**rate < 0.0))
                .map(|(&rate, &place)| (neuron(place), f64::from(rate)))
                .collect();
            Some(Fine::new(problem.energy(), &self.tasks[s].constraint, found, multiplier, own.iterations))
        };
        let states = (0..self.tasks.len()).into_par_iter();
        let mut near: Vec<Option<Fine>> = states.map(|s| device.on_host(|| fine(s))).collect();
        evaluate(device, problem.energy(), &mut near);
        Ok(near.into_iter().map(|fine| fine.filter(Fine::is_finite)).collect())
    }

    /// Gives the device the gaps of the states that want another step; says whether there are any.
    pub(super) fn ask(&mut self, states: &[Option<Fine>]) -> DeviceResult<bool> {
        let slots = self.search.sizes.slots;
        let mut rates = vec![0f32; states.len() * slots];
        let mut gaps = rates.clone();
        let mut candidates = vec![0u32; states.len() * slots];
        let mut searches = vec![Search::zeroed(); states.len()];
        self.going.clear();
        for (s, (fine, own)) in states.iter().zip(&mut searches).enumerate() {
            let Some(fine) = fine.as_ref().filter(|fine| fine.is_wanting()) else { continue };
            self.going.push(s as u32);
            own.count = fine.slots().len() as u32;
            own.wants = BEGINS;
            for (slot, (neuron, rate, gap)) in fine.slots().enumerate() {
                (rates[s * slots + slot], gaps[s * slots + slot]) = (rate, gap);
                candidates[s * slots + slot] = self.map.place_of[neuron as usize];
            }
        }
        self.search.device.write(&self.buffers.candidates, &candidates)?;
        self.search.device.write(&self.buffers.searches, &searches)?;
        let no_change = vec![0f32; rates.len()];
        self.search.device.write(&self.buffers.work, &[&no_change[..], &rates, &gaps].concat())?;
        Ok(self.is_going_on())
    }

    /// Takes the steps that the device found.
    pub(super) fn take(&self, states: &mut [Option<Fine>]) -> DeviceResult<()> {
        let (device, slots) = (self.search.device, self.search.sizes.slots);
        let (found, steps) = self.results()?;
        for ((fine, own), steps) in states.iter_mut().zip(&found).zip(steps.chunks_exact(slots)) {
            let Some(fine) = fine.as_mut().filter(|_| own.count > 0) else { continue };
            let change = [own.multiplier_x, own.multiplier_y].map(f64::from);
            device.on_host(|| fine.step(steps.iter().copied(), change));
        }
        evaluate(device, self.map.problem(self.search.problem).energy(), states);
        Ok(())
    }

    /// The minima: the device's states where they hold in f64; where not, the host goes on from them.
    pub(super) fn finish(self, near: Vec<Option<Fine>>, tick: &Tick<'_>) -> Vec<Minimum> {
        let Self { search, map, mut tasks, .. } = self;
        let (problem, neurons) = (map.problem(search.problem), search.sizes.neurons);
        let device = search.device;
        let accepted = |silent: &mut Vec<f64>, (task, near): (&mut Task, &Option<Fine>)| {
            device.on_host(|| {
                let fine = near.as_ref()?;
                let minimum = fine.minimum(problem.energy(), &task.constraint, silent);
                if minimum.is_none() {
                    task.start = fine.state();
                }
                minimum
            })
        };
        let silent = || vec![f64::NEG_INFINITY; neurons];
        let mut found: Vec<Option<Minimum>> =
            tasks.par_iter_mut().zip(&near).map_init(silent, accepted).collect();
        let left: Vec<usize> = (0..tasks.len()).filter(|&s| found[s].is_none()).collect();
        device.count(Counted { states: tasks.len() as u64, handed: left.len() as u64, ..Counted::default() });
        tick.add((tasks.len() - left.len()) as u64);
        let sought = |group: &mut Group, which: &[usize]| {
            let own: Vec<Task> = which.iter().map(|&s| tasks[s].clone()).collect();
            let mut minima = device.on_host(|| group.minimize(&problem, &own, |_, _, minimum| minimum));
            for (&s, minimum) in which.iter().zip(&mut minima) {
                minimum.certificate.iterations += near[s].as_ref().map_or(0, |fine| fine.iterations);
            }
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

/// The masks of some states.
fn of<'m>(masks: &'m [Vec<u64>], which: &[u32]) -> Vec<&'m [u64]> {
    which.iter().map(|&s| masks[s as usize].as_slice()).collect()
}
