//! The search for the minima of one problem: what all of its batches share.

use rayon::prelude::*;

use super::device::{Device, DeviceResult};
use super::refine::fine_tolerance;
use super::shaders::{self, SearchParams};
use super::sizes::DeviceSizes;
use super::weights::DeviceWeights;
use crate::landscape::minima::{NEURONS_BY_MAP, task};
use crate::landscape::problem::{Definition, Problem, Start};
use crate::landscape::together::Task;
use crate::manifold::{Point, Points};

/// Newton iterations on the device. Regular states take 3–14, those of large networks of many maps 20; what takes more is left to
/// the host.
const MAX_ITERATIONS: u32 = 60;

/// The same for corrections that take a state from f32 to f64: regular ones need 2–3.
const MAX_CORRECTIONS: u32 = 8;

/// How far conjugate gradients bring a step's squared residual down at least. While neurons join and fall silent a tenth of the
/// residual is as good as a thousandth: a state of N = 6,000, L = 100 takes 161 turns in 20 steps instead of 285 in 18. In small
/// networks, where steps are cheap, more states would end at other minima than on the CPU: 20 of 600 at N = 600, L = 10
/// instead of 2.
const ROUGHEST: f32 = 1e-6;
const ROUGHEST_OF_LARGE: f32 = 1e-2;

/// Residual at which the device's search ends, as a fraction of |h| + 100 Hz², the size of the terms of `h + Wr`: some
/// roundings of f32. Half of that is not reached: at N = 6,000, L = 100 searches end at 1.3e-6 to 1.9e-6.
const TOLERANCE: f64 = 2e-6;

/// Turns of the conjugate gradients after which a state is left to the host: the others wait for it. States take 50–400.
const MAX_TURNS: u32 = 2000;

/// The same for corrections, which take 15–30.
const MAX_TURNS_OF_CORRECTION: u32 = 120;

/// The search for the minima of one problem.
pub(super) struct Seek<'a> {
    pub device: &'a Device,
    pub sizes: &'a DeviceSizes,
    pub problem: &'a Problem<'a>,
    pub points: Vec<Point>,
    pub start: Start<'a>,
    /// Batches of a set.
    pub batches: usize,
    pub dimension: usize,
    /// For searches, and for corrections of what they found.
    pub params: SearchParams,
    pub corrections: SearchParams,
    pub weights: DeviceWeights,
    pub pipeline: wgpu::ComputePipeline,
}

impl<'a> Seek<'a> {
    pub(super) fn new(
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
            going: 0,
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
        let corrections = SearchParams {
            admits: 0,
            corrects: 1,
            iterations: MAX_CORRECTIONS,
            turns: MAX_TURNS_OF_CORRECTION,
            roughest: ROUGHEST,
            tolerance: (0.5 * fine_tolerance(largest)) as f32,
            ..params
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
            corrections,
            weights: DeviceWeights::upload(device, sizes, problem.weights)?,
            pipeline: device.pipeline(&shaders::minimum(constants))?,
        })
    }

    /// The searches at some of the points.
    pub(super) fn tasks(&self, which: &[usize]) -> Vec<Task> {
        let task = |&s: &usize| self.device.on_host(|| task(self.problem, &self.points[s], s, self.start));
        which.par_iter().map(task).collect()
    }
}
