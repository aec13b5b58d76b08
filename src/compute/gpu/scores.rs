//! Where bumps are: `scores.wgsl`, the GPU's `decoding::Scorer::best_fit`.

use super::device::{Device, DeviceResult};
use super::shaders::{self, Displaced, ScoresParams};
use super::sizes::{DeviceSizes, Pace};
use crate::dynamics::decoding::BestFit;
use crate::landscape::bumps::IdealizedBumps;
use crate::manifold::Maps;

/// Threads of a workgroup.
const THREADS: usize = 64;

/// States of the first dispatch, before anything is known of the device's speed.
const FIRST_STATES: usize = 16;

/// Where every state's bump fits best; `rates` is dense `[states, neurons]` (Hz).
pub(super) fn best_fits(
    device: &Device,
    sizes: &DeviceSizes,
    maps: &Maps,
    bumps: &IdealizedBumps,
    rates: &[f64],
) -> DeviceResult<Vec<BestFit>> {
    let neurons = maps.neurons();
    let bump: Vec<Displaced> = bumps
        .lattice_bump(0)
        .template()
        .into_iter()
        .map(|([by, _], value)| Displaced { by: by.rem_euclid(neurons as i64) as u32, value: value as f32 })
        .collect();
    let neuron_at: Vec<u32> = (0..maps.count()).flat_map(|map| maps.neurons_by_site(map)).copied().collect();
    let mut params = ScoresParams {
        neurons: neurons as u32,
        maps: maps.count() as u32,
        bump_neurons: bump.len() as u32,
        first: 0,
    };
    let uniform = device.uniform("scores", &params)?;
    let neuron_at = device.storage("neurons by position", &neuron_at)?;
    let bump = device.storage("bump", &bump)?;
    let pipeline = device.pipeline(&shaders::scores(vec![("THREADS", THREADS as u32)]))?;
    let mut found = Vec::with_capacity(rates.len() / neurons);
    for batch in rates.chunks(sizes.score_states * neurons) {
        let count = batch.len() / neurons;
        let single: Vec<f32> = batch.iter().map(|&r| r as f32).collect();
        let single = device.storage("rates", &single)?;
        let sites = device.empty("best sites", (count * size_of::<shaders::BestSite>()) as u64)?;
        let bindings = device.bind(&pipeline, &[&uniform, &single, &neuron_at, &bump, &sites])?;
        let mut pace = Pace::new(FIRST_STATES, sizes.score_states);
        let mut first = 0;
        while first < count {
            let states = pace.amount().min(count - first);
            params.first = first as u32;
            device.write(&uniform, &[params])?;
            let took = device.run(&pipeline, &bindings, [states as u32, 1, 1])?;
            pace.learn(states, took);
            first += states;
        }
        found.extend(device.read::<shaders::BestSite>(&sites, count)?.into_iter().map(|site| BestFit {
            map: site.index as usize / neurons,
            location: [(site.index as usize % neurons) as f64, 0.0],
            score: f64::from(site.score),
        }));
    }
    Ok(found)
}
