//! The states of a weight solve, with the manifold points that they belong to.

use std::ops::Range;

use crate::landscape::states::States;
use crate::manifold::{Maps, Points};

/// States with the points that they belong to, the same number at every point.
#[derive(Clone, Copy)]
pub struct Manifolds<'a> {
    /// Rates, point after point.
    pub states: &'a States,
    /// Where the neurons lie.
    pub maps: &'a Maps,
    /// All fitted points.
    pub points: Points<'a>,
    /// States at each point.
    pub at_each: usize,
}

impl Manifolds<'_> {
    /// States of one map.
    pub fn per_map(&self) -> usize {
        self.points.per_map() * self.at_each
    }

    /// The states of each group of maps, which go to one level.
    pub fn levels(&self) -> Vec<Range<usize>> {
        let of_points = self.points.levels().into_iter();
        of_points.map(|level| level.start * self.at_each..level.end * self.at_each).collect()
    }

    /// The site at or before the point of state `s`, on a ring.
    pub(super) fn base(&self, s: usize) -> usize {
        self.points.get(s / self.at_each).base[0] as usize
    }
}
