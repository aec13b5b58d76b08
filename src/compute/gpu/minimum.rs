//! Constrained minima: `minimum.wgsl` takes every state to f32 accuracy; then the host finds what is left to close in f64, and the
//! device corrects the state by changes so small that f32 is enough for them, until f64 finds nothing left. What a search needs of W is found in between by `fields_together.wgsl`,
//! for neighbouring points together: both kernels take turns, a round for each product with W.
//!
//! The host decides in f64 whether a state has converged, and computes energy, multiplier and certificate from the f64 rates;
//! its own method begins where the device ended, and goes on, if that is no minimum. So every minimum is certified in f64.
//! Where a point has several, f32 may take another way past a branching than f64 and end at another one.
//!
//! On the device the neurons of a map stand in the order of their places, W too: what neighbouring points need of it is
//! much the same block. Several maps are at work at the same time. Searches that have ended are left aside from time to time,
//! so that neighbours of theirs come together.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::batch::Batch;
use super::counts::Counted;
use super::device::{Device, DeviceResult, Dispatch, Failure};
use super::refine::Fine;
use super::seek::Seek;
use super::sizes::{DeviceSizes, Pace};
use crate::landscape::constraint::Minimum;
use crate::landscape::minima::near_each_other;
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::{StateBuf, States};
use crate::manifold::Points;
use crate::progress::Tick;

/// Corrections of a state at most. At N = 600, L = 10 one is enough for 98 states of 100; at N = 6,000, L = 100 it is for 42, two
/// for all but one in 200.
const REFINEMENTS: usize = 4;

/// Rounds of the first submission, before anything is known of the device's speed, and of any: searches that end in the
/// meantime are not noticed before.
const FIRST_ROUNDS: usize = 2;
const MOST_ROUNDS: usize = 32;

/// Rounds within which every search has ended: of a group of sixteen one at least goes on in each, and has 2,000 products for
/// directions and some 15 for each of 60 steps ([`super::seek`]). A device on which they do not end is refused.
const ROUNDS_OF_ANY: usize = 50_000;

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
    let sets = sets(&search, &order);
    let next = AtomicUsize::new(0);
    let some = || minima_of_sets(&search, &sets, &next, tick);
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
    for points in sets(&search, &order) {
        let mut set = BatchSet::new(&search, &points)?;
        let states = set.searched()?;
        for (batch, near) in set.batches.iter().zip(states) {
            for (&s, near) in batch.points.iter().zip(near) {
                found[s] = near.map(|fine| fine.state());
            }
        }
    }
    Ok(found)
}

/// Points in batches of one map each, and as many batches together as make a set.
fn sets<'o>(search: &Seek<'_>, order: &'o [usize]) -> Vec<Vec<&'o [usize]>> {
    let of_one_map = order.chunk_by(|&s, &t| search.points[s].map == search.points[t].map);
    let batches: Vec<&[usize]> =
        of_one_map.flat_map(|points| points.chunks(search.sizes.minimum_states)).collect();
    batches.chunks(search.batches).map(<[_]>::to_vec).collect()
}

/// The minima of the sets that nobody else takes, each with its point's number.
fn minima_of_sets(
    search: &Seek<'_>,
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
        let mut set = BatchSet::new(search, points)?;
        let near = set.refined()?;
        for (batch, near) in set.batches.into_iter().zip(near) {
            found.extend(batch.points.iter().copied().zip(batch.finish(near, tick)));
        }
    }
    Ok(found)
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
    fn pass(&mut self, corrects: bool) -> DeviceResult<()> {
        let device = self.search.device;
        let mut pace = Pace::new(FIRST_ROUNDS, MOST_ROUNDS);
        let mut done = 0;
        while self.batches.iter().any(Batch::is_going_on) {
            if done > ROUNDS_OF_ANY {
                return Err(Failure::Refused("searches for minima do not come to an end on it".to_owned()));
            }
            self.batches.iter_mut().try_for_each(|batch| batch.prepare(corrects))?;
            let rounds = pace.amount();
            done += rounds;
            let going: Vec<&Batch<'_>> = self.batches.iter().filter(|batch| batch.is_going_on()).collect();
            let round =
                || going.iter().map(|batch| batch.step()).chain(going.iter().map(|batch| batch.product()));
            let dispatches: Vec<Dispatch<'_>> = (0..rounds).flat_map(|_| round()).collect();
            pace.learn(rounds, device.run_all(&dispatches)?);
            device.count(Counted { rounds: rounds as u64, ..Counted::default() });
            let going = self.batches.iter_mut().filter(|batch| batch.is_going_on());
            going.into_iter().try_for_each(Batch::drop_ended)?;
        }
        self.batches.iter().try_for_each(Batch::count_products)
    }

    /// States near the minima, of every batch.
    fn searched(&mut self) -> DeviceResult<Vec<Vec<Option<Fine>>>> {
        self.pass(false)?;
        self.batches.iter().map(Batch::near).collect()
    }

    /// As [`BatchSet::searched`], taken to f64 where the device's steps lead there.
    fn refined(&mut self) -> DeviceResult<Vec<Vec<Option<Fine>>>> {
        let mut states = self.searched()?;
        for _ in 0..REFINEMENTS {
            let mut is_wanted = false;
            for (batch, states) in self.batches.iter_mut().zip(&states) {
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
