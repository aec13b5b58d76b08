//! The bump of maps whose weights were measured or made elsewhere, relaxed in that network itself.
//!
//! Nobody has to know the maps' kernel for this. At some points y of a group's maps activity begins as a Gaussian of the
//! width σ of `[maps.kernel]`, follows the network's dynamics for 5τ, and ends in the constrained minimum at the point. There
//! `T_i = h_i + (Wr)_i − λ·c_i` is the current of neuron i, and the current of the group's bump is the mean
//! `I(δ) = ⟨T_i⟩` over all points and members with displacement δ = x_i − y, made even. On a lattice δ runs over its sites;
//! elsewhere a member counts for the sites around it, by the weights of linear interpolation.

use pulp::Arch;
use rayon::prelude::*;

use super::constraint::{Constraint, window};
use super::energy::Energy;
use super::lattice_bump::{LatticeBump, closure};
use super::newton;
use super::states::StateBuf;
use crate::connectivity::Kernel;
use crate::connectivity::field::field;
use crate::error::{Error, Result};
use crate::manifold::{Axis, Lattice, Maps, Point, Vector, start_point};

/// Points of a group of maps at which bumps are relaxed.
const POINTS: usize = 64;

/// Largest current of the Gaussian that a bump begins as (Hz²), and the steps of [`STEP`]·τ that it follows the dynamics.
const FIRST_PEAK: f64 = 100.0;
const STEPS: usize = 25;
const STEP: f64 = 0.2;

/// Of a bump's rates, the part that has to lie within the window of its constraint.
const WITHIN: f64 = 0.9;

/// Nearer to an open edge than this, in widths σ, a bump's shape depends on the edge.
const EDGE_REACH: f64 = 4.0;

/// One relaxed bump.
struct Relaxed {
    point: Point,
    /// T of every neuron (Hz²).
    currents: Vec<f64>,
    /// Hz³.
    energy: f64,
}

/// Why a point has no bump.
#[derive(Clone, Copy, PartialEq)]
enum Lost {
    DiedOut,
    Spread,
    LeftItsPlace,
}

/// The bump of a group of maps, the mean over bumps relaxed in the network that `of` describes.
///
/// # Errors
/// [`Error::Usage`] if at more than half of the points no bump stays, or their mean is no single bump.
pub(super) fn relaxed_bump(
    maps: &Maps,
    group: usize,
    kernel: &Kernel,
    of: Energy<'_>,
) -> Result<LatticeBump> {
    let points = points(maps, group, kernel.width);
    let relaxed: Vec<std::result::Result<Relaxed, Lost>> =
        points.par_iter().map(|point| relax(maps, *point, kernel.width, of)).collect();
    let kept: Vec<&Relaxed> = relaxed.iter().flatten().collect();
    if 2 * kept.len() < points.len() {
        let lost = |why: Lost| relaxed.iter().filter(|r| r.as_ref().err() == Some(&why)).count();
        return Err(Error::Usage(format!(
            "network.bump = \"relaxed\": of {} bumps of [[maps]] {} started in the network itself {} die out, {} spread over half the network, and {} leave their place; see that weights, positions and external_current are of the same neurons in the same order, that maps.kernel.width is about the width of a bump's excitation, or give the shape by maps.kernel and network.bump = \"kernel\"",
            points.len(),
            group + 1,
            lost(Lost::DiedOut),
            lost(Lost::Spread),
            lost(Lost::LeftItsPlace)
        )));
    }
    let closure = closure(&maps.groups()[group].lattice);
    let (current, outside) = mean_current(maps, &closure, &kept);
    let energy = kept.iter().map(|r| r.energy).sum::<f64>() / kept.len() as f64;
    LatticeBump::given(closure, kernel, of.transfer, current, outside, energy).map_err(|_| {
        Error::Usage(format!(
            "network.bump = \"relaxed\": the mean of {} bumps of [[maps]] {} relaxed in the network itself is no single bump; see that places and weights are of the same neurons in the same order, or give the shape by maps.kernel and network.bump = \"kernel\"",
            kept.len(),
            group + 1
        ))
    })
}

/// Points on all maps of a group, away from open edges if there are any.
fn points(maps: &Maps, group: usize, width: f64) -> Vec<Point> {
    let own: Vec<usize> = (0..maps.count()).filter(|&map| maps.group_index(map) == group).collect();
    let per_map = POINTS.div_ceil(own.len());
    let all = own.iter().flat_map(|&map| (0..per_map).map(move |k| start_point(maps, map, k, per_map)));
    let all: Vec<Point> = all.collect();
    let inside = |point: &&Point| maps.space(point.map).edge_distance(point.position) >= EDGE_REACH * width;
    let inner: Vec<Point> = all.iter().filter(inside).copied().collect();
    if inner.is_empty() { all } else { inner }
}

/// The bump at one point.
fn relax(maps: &Maps, point: Point, width: f64, of: Energy<'_>) -> std::result::Result<Relaxed, Lost> {
    let (neurons, space) = (maps.neurons(), maps.space(point.map));
    let distances: Vec<f64> =
        maps.places(point.map).iter().map(|place| space.distance(point.position, *place)).collect();
    let start = |d: &f64| {
        if d.is_nan() { -1.0 } else { FIRST_PEAK * (-0.5 * (d / width) * (d / width)).exp() - 1.0 }
    };
    let mut currents: Vec<f64> = distances.iter().map(start).collect();
    let state = |currents: &[f64]| {
        StateBuf::from_dense(&currents.iter().map(|&i| of.transfer.rate(i)).collect::<Vec<f64>>())
    };
    let mut inputs = vec![0.0; of.weights.stride()];
    for _ in 0..STEPS {
        let now = state(&currents);
        field(Arch::new(), of.weights, &now.active, &now.rates, &mut inputs);
        for ((current, input), h) in currents.iter_mut().zip(&inputs).zip(of.external_current) {
            *current += STEP * (h + input - *current);
        }
    }
    let begin = state(&currents);
    if begin.active.is_empty() {
        return Err(Lost::DiedOut);
    }
    let constraint = Constraint::windowed(maps, &point, begin.clone());
    let mut search = newton::Workspace::new(Arch::new(), neurons);
    let found = search.minimize(of, &constraint, begin.view(), newton::SilentCheck::EveryStep);
    let state = &found.state;
    if state.active.len() < 2 {
        return Err(Lost::DiedOut);
    }
    if 2 * state.active.len() > neurons {
        return Err(Lost::Spread);
    }
    let window = window(space);
    let total: f64 = state.rates.iter().sum();
    let here = state.view().iter().filter(|&(i, _)| distances[i] <= window).map(|(_, r)| r).sum::<f64>();
    let peak = state.rates.iter().map(|&r| of.transfer.current(r)).fold(0.0, f64::max);
    if !(here >= WITHIN * total) || !found.certificate.converged(1e-8 * (1.0 + peak)) {
        return Err(Lost::LeftItsPlace);
    }
    Ok(Relaxed { point, currents: search.targets(of, &constraint), energy: found.energy })
}

/// The mean current by site of the closed lattice, even about site 0, and that of neurons without a place (Hz²).
fn mean_current(maps: &Maps, closure: &Lattice, bumps: &[&Relaxed]) -> (Vec<f64>, f64) {
    let (mut sums, mut counts) = (vec![0.0; closure.sites()], vec![0.0; closure.sites()]);
    let (mut outside, mut strangers) = (0.0, 0.0);
    for bump in bumps {
        let space = maps.space(bump.point.map);
        for (place, current) in maps.places(bump.point.map).iter().zip(&bump.currents) {
            if place[0].is_nan() {
                (outside, strangers) = (outside + current, strangers + 1.0);
                continue;
            }
            let steps = closure.in_steps(space.displacement(bump.point.position, *place));
            // Over an open edge there is no other side.
            let beyond = |d: usize| {
                space.shape.axes()[d] == Axis::Open && 2.0 * steps[d].abs() > closure.counts[d] as f64
            };
            if (0..space.dimension()).any(beyond) {
                continue;
            }
            for (site, weight) in around(closure, steps) {
                sums[site] += weight * current;
                counts[site] += weight;
            }
        }
    }
    let known = |site: usize| (counts[site] > 1e-9).then(|| sums[site] / counts[site]);
    let least = (0..closure.sites()).filter_map(known).fold(0.0, f64::min);
    let current = |site: usize| {
        let mirrored = closure.site_at(closure.base_of(site).map(|x| -x)).unwrap_or(site);
        match (known(site), known(mirrored)) {
            (Some(a), Some(b)) => 0.5 * (a + b),
            (Some(one), None) | (None, Some(one)) => one,
            // No member was ever so far from a point.
            (None, None) => least,
        }
    };
    let by_site = (0..closure.sites()).map(current).collect();
    (by_site, if strangers > 0.0 { outside / strangers } else { least })
}

/// The sites around a place given in spacings, with the weights of linear interpolation.
fn around(lattice: &Lattice, steps: Vector) -> Vec<(usize, f64)> {
    // A place on a site is on it for all that rounding has done.
    let steps = steps.map(|x| if (x - x.round()).abs() < 1e-9 { x.round() } else { x });
    let base = steps.map(|x| x.floor() as i64);
    let rest: Vector = std::array::from_fn(|d| steps[d] - steps[d].floor());
    let corner = |[dx, dy]: [i64; 2]| {
        let part = |d: usize, far: i64| if far == 1 { rest[d] } else { 1.0 - rest[d] };
        let weight = part(0, dx) * part(1, dy);
        let site = lattice.site_at([base[0] + dx, base[1] + dy])?;
        (weight > 0.0).then_some((site, weight))
    };
    [[0, 0], [1, 0], [0, 1], [1, 1]].into_iter().filter_map(corner).collect()
}
