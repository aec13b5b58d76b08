//! Which trajectories share the rows of W that they read.

use std::ops::Range;

/// Sizes of groups that `trajectories.wgsl` is compiled for, largest first.
pub(super) const SIZES: [usize; 3] = [16, 8, 1];

/// How many multiplications a state of a group of [`SIZES`] may have, in units of those that it needs alone. Sharing reads
/// each row once for all states and multiplies it for all of them: a group of eight whose union is twice as large as one
/// state's list still reads a quarter of the bytes. The larger group wins only little more and has to fit better.
const MOST: [f64; 3] = [1.5, 2.0, f64::INFINITY];

/// Splits consecutive states, given as currents `[neurons]` (Hz²), into groups that share most of their active neurons, and
/// single ones.
pub(super) fn grouped(starts: &[&[f64]]) -> Vec<Range<usize>> {
    let masks: Vec<Vec<u64>> = starts.iter().map(|currents| mask(currents)).collect();
    let count = |mask: &[u64]| mask.iter().map(|word| word.count_ones() as usize).sum::<usize>();
    let mut groups = Vec::new();
    let mut first = 0;
    while first < starts.len() {
        let fits = |&(size, most): &(usize, f64)| {
            let Some(members) = masks.get(first..first + size) else { return false };
            let mut union = members[0].clone();
            for member in members {
                union.iter_mut().zip(member).for_each(|(to, word)| *to |= word);
            }
            let alone: usize = members.iter().map(|mask| count(mask)).sum();
            size == 1 || (size * count(&union)) as f64 <= most * alone as f64
        };
        let size = SIZES.into_iter().zip(MOST).find(fits).map_or(1, |(size, _)| size);
        groups.push(first..first + size);
        first += size;
    }
    groups
}

/// One bit a neuron: whether it is active.
fn mask(currents: &[f64]) -> Vec<u64> {
    let word = |currents: &[f64]| (0..).zip(currents).map(|(k, &i)| u64::from(i > 0.0) << k).sum();
    currents.chunks(64).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bump of 60 active neurons of 600 from neuron `at` on.
    fn bump(at: usize) -> Vec<f64> {
        (0..600).map(|i| if (i + 600 - at % 600) % 600 < 60 { 5.0 } else { -5.0 }).collect()
    }

    fn together(starts: &[Vec<f64>]) -> Vec<Range<usize>> {
        grouped(&starts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn sizes(starts: &[Vec<f64>]) -> Vec<usize> {
        together(starts).iter().map(Range::len).collect()
    }

    #[test]
    fn neighbours_share_and_distant_ones_do_not() {
        let every = |step: usize, count: usize| (0..count).map(|k| bump(k * step)).collect::<Vec<_>>();
        // A union of 75 for lists of 60.
        assert_eq!(sizes(&every(1, 35)), [16, 16, 1, 1, 1]);
        assert_eq!(sizes(&every(1, 30)), [16, 8, 1, 1, 1, 1, 1, 1]);
        // Sixteen would make 150 of 60, eight make 102.
        assert_eq!(sizes(&every(6, 16)), [8, 8]);
        // What a measurement of drift starts from.
        assert_eq!(sizes(&every(60, 20)), [1; 20]);
        assert_eq!(together(&every(60, 3)), [0..1, 1..2, 2..3]);
    }

    #[test]
    fn copies_share_and_silence_is_no_obstacle() {
        assert_eq!(sizes(&vec![bump(17); 24]), [16, 8]);
        assert_eq!(sizes(&vec![vec![-1.0; 600]; 16]), [16]);
        assert_eq!(sizes(&[]), [0; 0]);
    }
}
