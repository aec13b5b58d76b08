//! How long a bump is a memory: what `trajectories.csv` says of drift, diffusion, lifetime and the loss of the map.

use serde::{Deserialize, Serialize};

use crate::dynamics::diffusion::{Interval, Replicates, diffusion, lifetime, poisson_theory};
use crate::dynamics::noise::NoiseKind;
use crate::job::drift_record::Which;
use crate::job::path_record::PathRecord;
use crate::manifold::{Vector, length};
use crate::network::Network;
use crate::observable::observables;
use crate::setup::plan::Plan;

observables! {
    /// Figures of a network's memory, over all starts and replicates.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
    pub struct MemorySummary in MemorySummaryColumns {
        figures {
            /// Trajectories from every start.
            [File, "replicates", "1"]
            replicates: usize,
            /// Mean over the starts of |mean displacement of the replicates| at the end: what is not noise. The mean of few
            /// noisy replicates is not 0 even without drift.
            [File, "systematic drift", "neuron units"]
            systematic_drift: f64,
            /// Root mean square displacement at the end.
            [First, "rms error at the end", "neuron units"]
            rms_error: f64,
            /// Diffusion coefficient D of the trajectories that stay in their map: mean square distance from the mean of a
            /// start's replicates is 2dDt, d the dimension. None without noise or replicates, and where lines and surfaces
            /// are mixed.
            [First, "diffusion coefficient", "neuron units²/s"]
            diffusion: Option<f64>,
            /// 2.5 % of the bootstrap's values of D are lower.
            [First, "  95 % interval, from", "neuron units²/s"]
            diffusion_low: Option<f64>,
            /// 97.5 % of the bootstrap's values of D are lower.
            [First, "  95 % interval, to", "neuron units²/s"]
            diffusion_high: Option<f64>,
            /// D of a bump in a flat network under Poisson noise; there is no theory for current noise and irregular maps.
            [First, "  of a flat network, in theory", "neuron units²/s"]
            diffusion_theory: Option<f64>,
            /// The first time at which the root mean square displacement exceeds σ, the width of the kernel; none if it is
            /// beyond the run.
            [First, "lifetime (error below sigma)", "ms"]
            lifetime_ms: Option<f64>,
            /// Fraction of the trajectories that are in another map at some recorded time.
            [File, "fraction that lost its map", "1"]
            map_lost_fraction: f64,
            /// Mean time until a bump is in another map: total time spent in the own map, divided by the number of losses.
            /// None if no bump was lost.
            [First, "time until another map wins", "ms"]
            map_lifetime_ms: Option<f64>,
        }
    }
}

/// One trajectory, unwrapped.
struct Walk {
    /// Displacement since the start at every recorded time (neuron units).
    displacements: Vec<Vector>,
    /// Index of the first time in another map, or without a place.
    lost: Option<usize>,
}

impl MemorySummary {
    /// From the rows of one network, which come trajectory by trajectory and in the order of time; `None` if there are none.
    pub fn of(records: &[PathRecord], network: Which, plan: &Plan, of: &Network) -> Option<Self> {
        let rows: Vec<&PathRecord> = records.iter().filter(|r| r.network == network).collect();
        let walks: Vec<Vec<Walk>> = rows
            .chunk_by(|a, b| a.start == b.start)
            .map(|start| start.chunk_by(|a, b| a.replicate == b.replicate).map(|t| walk(t, of)).collect())
            .collect();
        let first = walks.first()?.first()?;
        let times: Vec<f64> = rows[..first.displacements.len()].iter().map(|r| r.time_ms / 1000.0).collect();
        let all = || walks.iter().flatten();
        let count = all().count() as f64;
        let errors: Vec<f64> = (0..times.len())
            .map(|t| (all().map(|w| length(w.displacements[t]).powi(2)).sum::<f64>() / count).sqrt())
            .collect();
        let kept = |start: &Vec<Walk>| -> Replicates {
            start.iter().filter(|w| w.lost.is_none()).map(|w| w.displacements.clone()).collect()
        };
        let noisy = plan.noise().is_some();
        let replicates: Vec<Replicates> = walks.iter().map(kept).collect();
        let mut dimensions = of.maps.groups().iter().map(|group| group.lattice.space.dimension());
        let dimension = dimensions.next().filter(|first| dimensions.all(|other| other == *first));
        let spread: Option<Interval> =
            dimension.filter(|_| noisy).and_then(|d| diffusion(&replicates, &times, d));
        let lost = all().filter(|w| w.lost.is_some()).count() as f64;
        let end = times.len() - 1;
        let own_time: f64 = all().map(|w| times[w.lost.unwrap_or(end)]).sum();
        Some(Self {
            replicates: walks[0].len(),
            systematic_drift: walks.iter().map(|start| mean_end(start)).sum::<f64>() / walks.len() as f64,
            rms_error: errors[end],
            diffusion: spread.map(|d| d.value),
            diffusion_low: spread.map(|d| d.low),
            diffusion_high: spread.map(|d| d.high),
            diffusion_theory: theory(plan, of),
            lifetime_ms: lifetime(&errors, &times, tolerance(of)).map(|t| 1000.0 * t),
            map_lost_fraction: lost / count,
            map_lifetime_ms: (lost > 0.0).then(|| 1000.0 * own_time / lost),
        })
    }
}

/// σ of the map with the narrowest kernel (neuron units).
fn tolerance(network: &Network) -> f64 {
    network.kernels.iter().map(|kernel| kernel.width).fold(f64::INFINITY, f64::min)
}

fn theory(plan: &Plan, network: &Network) -> Option<f64> {
    match plan.noise()?.kind {
        NoiseKind::Poisson { fano } => {
            poisson_theory(&network.maps, &network.bumps, fano, plan.config.dynamics.tau_ms / 1000.0)
        }
        NoiseKind::Current { .. } => None,
    }
}

/// Adds up the shortest ways from one record to the next.
fn walk(records: &[&PathRecord], network: &Network) -> Walk {
    let space = network.maps.space(records[0].map);
    let (mut total, mut displacements) = ([0.0; 2], vec![[0.0; 2]]);
    for pair in records.windows(2) {
        let step = space.displacement(pair[0].position, pair[1].position);
        // A bump that has died stays where it was last seen.
        if step.iter().all(|x| x.is_finite()) {
            total = [total[0] + step[0], total[1] + step[1]];
        }
        displacements.push(total);
    }
    let lost = records.iter().position(|r| r.winning_map != r.map || r.position[0].is_nan());
    Walk { displacements, lost }
}

/// |mean displacement| at the end.
fn mean_end(start: &[Walk]) -> f64 {
    let ends = start.iter().filter_map(|w| w.displacements.last());
    let sum = ends.fold([0.0; 2], |sum: Vector, end| [sum[0] + end[0], sum[1] + end[1]]);
    length(sum) / start.len() as f64
}
