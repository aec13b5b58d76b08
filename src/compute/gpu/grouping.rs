//! Which states share the rows of W that they read.

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
    let mut groups = Vec::new();
    let mut first = 0;
    while first < starts.len() {
        let fits = |&(size, most): &(usize, f64)| {
            let Some(members) = masks.get(first..first + size) else { return false };
            let alone: usize = members.iter().map(|mask| in_any(std::slice::from_ref(mask))).sum();
            size == 1 || (size * in_any(members)) as f64 <= most * alone as f64
        };
        let size = SIZES.into_iter().zip(MOST).find(fits).map_or(1, |(size, _)| size);
        groups.push(first..first + size);
        first += size;
    }
    groups
}

/// Sizes of groups that `fields_together.wgsl` is compiled for, largest first.
pub(super) const FIELD_SIZES: [usize; 4] = [16, 8, 4, 1];

/// What it takes to read a number of W, in units of a multiplication: 4 bytes at half the bandwidth of a cache beside 2 operations
/// at half the FP32 rate, 24 on an H200 and 23 on an RTX 4070.
const READING: f64 = 24.0;

/// The size of the groups of consecutive states, given by the neurons with a rate, whose fields at those neurons are found together
/// in the least time, `largest` at most: a group reads the block of W between all neurons of its states once, and multiplies it
/// for each.
pub(super) fn size_for_fields(masks: &[&[u64]], largest: usize) -> usize {
    let time = |size: usize| -> f64 {
        let of_group = |members: &[&[u64]]| (READING + size as f64) * (in_any(members) as f64).powi(2);
        masks.chunks(size).map(of_group).sum()
    };
    let timed = FIELD_SIZES.into_iter().filter(|size| *size <= largest).map(|size| (size, time(size)));
    timed.fold((1, f64::INFINITY), |best, own| if own.1 < best.1 { own } else { best }).0
}

/// Neurons that are active in any of the states.
fn in_any<M: AsRef<[u64]>>(masks: &[M]) -> usize {
    let words = masks.first().map_or(0, |mask| mask.as_ref().len());
    let bits =
        |word: usize| masks.iter().fold(0, |bits, mask| bits | mask.as_ref()[word]).count_ones() as usize;
    (0..words).map(bits).sum()
}

/// One bit a neuron: whether it is in the list.
pub(super) fn mask_of(neurons: usize, list: &[u32]) -> Vec<u64> {
    let mut mask = vec![0; neurons.div_ceil(64)];
    list.iter().for_each(|&i| set(&mut mask, i));
    mask
}

/// Adds a neuron to a mask.
pub(super) fn set(mask: &mut [u64], neuron: u32) {
    mask[neuron as usize / 64] |= 1 << (neuron % 64);
}

/// How many neurons a mask holds.
pub(super) fn count(mask: &[u64]) -> usize {
    mask.iter().map(|word| word.count_ones() as usize).sum()
}

/// The neurons that a mask holds, ascending.
pub(super) fn members(mask: &[u64]) -> Vec<u32> {
    let of_word = |(at, &word): (u32, &u64)| {
        (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| 64 * at + bit)
    };
    (0..).zip(mask).flat_map(of_word).collect()
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
    fn fields_of_neighbours_are_found_together() {
        let size = |step: u32, largest: usize| {
            let states = (0..32).map(|k| (0..60).map(|i| (k * step + i) % 600).collect());
            let masks: Vec<Vec<u64>> = states.map(|own: Vec<u32>| mask_of(600, &own)).collect();
            let masks: Vec<&[u64]> = masks.iter().map(Vec::as_slice).collect();
            size_for_fields(&masks, largest)
        };
        // Neurons in sixteen, eight and four states at a distance of 4: 120, 88, 72; at 8: 180, 116, 84; at 20: 360, 200, 120; and
        // 60 in one alone. A state's share of the time is (24 / size + 1) times their square.
        assert_eq!([1, 4, 8, 20, 60].map(|step| size(step, 16)), [16, 8, 4, 1, 1]);
        assert_eq!(size(1, 8), 8);
    }

    #[test]
    fn masks_hold_what_was_put_in() {
        let list = [0, 63, 64, 130, 199];
        let mask = mask_of(200, &list);
        assert_eq!((members(&mask), count(&mask)), (list.to_vec(), list.len()));
    }

    #[test]
    fn copies_share_and_silence_is_no_obstacle() {
        assert_eq!(sizes(&vec![bump(17); 24]), [16, 8]);
        assert_eq!(sizes(&vec![vec![-1.0; 600]; 16]), [16]);
        assert_eq!(sizes(&[]), [0; 0]);
    }
}
