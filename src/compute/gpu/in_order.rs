//! A network with its neurons in the order of their places on one map.

use rayon::prelude::*;

use super::device::{Device, DeviceResult};
use super::sizes::DeviceSizes;
use super::weights::DeviceWeights;
use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::by_map::{relabelled, sort_row};
use crate::landscape::constraint::Constraint;
use crate::landscape::minima::{NEURONS_BY_MAP, neurons_in_order};
use crate::landscape::problem::Problem;
use crate::landscape::states::StateBuf;
use crate::landscape::together::Task;

/// W and h in the order of a map on the device, and the neurons' numbers on the host.
pub(super) struct InOrder {
    /// The neuron at each place, and the place of each.
    pub neuron_at: Vec<u32>,
    pub place_of: Vec<u32>,
    pub weights: DeviceWeights,
    pub external_current: wgpu::Buffer,
    /// The host's, where it takes the map's order too.
    on_host: Option<OnHost>,
}

/// W and h of the host in the order of a map, where they are larger than the caches: what was scattered over all of W becomes a
/// block.
struct OnHost {
    weights: WeightMatrix,
    external_current: Vec<f64>,
    /// The number that the neuron at each place has elsewhere, and the place of each such number.
    name: Vec<u32>,
    place: Vec<u32>,
}

/// Points of a map from which on the host sorts its W for them.
const POINTS_TO_SORT_FOR: usize = 32;

impl InOrder {
    /// For some points of a map of the problem, whose W the device has.
    pub(super) fn new(
        device: &Device,
        sizes: &DeviceSizes,
        problem: &Problem<'_>,
        weights: &DeviceWeights,
        map: usize,
        points: usize,
    ) -> DeviceResult<Self> {
        let mut neuron_at = neurons_in_order(problem.maps, map);
        let external_current: Vec<f64> =
            neuron_at.iter().map(|&i| problem.external_current[i as usize]).collect();
        let in_single: Vec<f32> = external_current.iter().map(|&h| h as f32).collect();
        let weights = weights.permuted(device, sizes, &neuron_at)?;
        let mut place_of = vec![0; neuron_at.len()];
        for (place, &i) in (0..).zip(&neuron_at) {
            place_of[i as usize] = place;
        }
        let sorts = neuron_at.len() >= NEURONS_BY_MAP && points >= POINTS_TO_SORT_FOR;
        let on_host = sorts.then(|| {
            let mut weights = WeightMatrix::zeros(neuron_at.len());
            let stride = weights.stride();
            let rows = weights.as_mut_slice().par_chunks_mut(stride).zip(&neuron_at);
            rows.for_each(|(to, &i)| {
                device.on_host(|| sort_row(problem.weights.row(i as usize), &neuron_at, to));
            });
            let in_places: Vec<u32> = (0..neuron_at.len() as u32).collect();
            let name = std::mem::replace(&mut neuron_at, in_places.clone());
            OnHost { weights, external_current, name, place: std::mem::replace(&mut place_of, in_places) }
        });
        Ok(Self {
            weights,
            external_current: device.storage("external current", &in_single)?,
            neuron_at,
            place_of,
            on_host,
        })
    }

    /// The search with neurons numbered as the host does for this map.
    pub(super) fn named(&self, task: Task) -> Task {
        let Some(OnHost { name, place, .. }) = &self.on_host else { return task };
        let Task { constraint, start, check } = task;
        let at_places = |along: &Vec<f64>| name.iter().map(|&i| along[i as usize]).collect();
        let support = constraint.support.as_ref().map(|support| {
            let mut places: Vec<u32> = support.iter().map(|&i| place[i as usize]).collect();
            places.sort_unstable();
            places
        });
        let constraint = Constraint {
            displacements: constraint.displacements.iter().map(at_places).collect(),
            support,
            idealized: relabelled(constraint.idealized.view(), place),
        };
        Task { constraint, start: relabelled(start.view(), place), check }
    }

    /// A state with neurons numbered as everywhere else.
    pub(super) fn renamed(&self, state: StateBuf) -> StateBuf {
        match &self.on_host {
            None => state,
            Some(on_host) => relabelled(state.view(), &on_host.name),
        }
    }

    /// The problem with neurons numbered as the host does for this map.
    pub(super) fn problem<'p>(&'p self, problem: &Problem<'p>) -> Problem<'p> {
        match &self.on_host {
            None => *problem,
            Some(OnHost { weights, external_current, .. }) => {
                Problem { weights, external_current, ..*problem }
            }
        }
    }
}
