//! From f32 to f64: what is left to close at a state that the device found, in f64 and over its candidates only, the corrections
//! that the device then finds, and the minimum when nothing is left.
//!
//! Neighbouring states are evaluated together: they share a block of W, which is brought into one piece first. A state's sums run
//! over ascending neurons, so that they do not depend on its company.
//!
//! The device's word is taken for one thing: that neurons which it found silent by more than some roundings of f32 are silent.

use pulp::Arch;
use rayon::prelude::*;

use super::device::Device;
use super::grouping::{count, mask_of, members, set};
use crate::connectivity::field::{GROUP, group_field};
use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::constraint::{Constraint, Minimum, RESIDUAL_TOLERANCE, certify, worse};
use crate::landscape::energy::Energy;
use crate::landscape::rates::project;
use crate::landscape::states::StateBuf;
use crate::manifold::Vector;

/// States that share a block of W at most, and how many neurons it may have, in units of a state's candidates.
const TOGETHER: usize = 16;
const LARGEST_BLOCK: usize = 2;

/// Violations that a step may leave, in tolerances, and be taken all the same: where neurons fall silent they grow for a while.
const FAR: f64 = 1e9;

/// Violation of a minimum's conditions that ends the search, where the largest |h| is so large (Hz²): the CPU's, but no more than
/// nearly what minima are asked for, if f64 resolves that.
pub(super) fn fine_tolerance(largest_current: f64) -> f64 {
    let own = RESIDUAL_TOLERANCE.max(1e-12 * largest_current);
    own.min((9.0 * RESIDUAL_TOLERANCE).max(1e-13 * largest_current))
}

/// One state in f64, by slot.
pub(super) struct Fine {
    /// Candidates, ascending.
    neurons: Vec<u32>,
    /// c, one list a dimension.
    displacements: Vec<Vec<f64>>,
    tolerance: f64,
    now: Values,
    /// What it was before the last step, until that is judged.
    before: Option<Values>,
    /// Newton iterations so far.
    pub iterations: u32,
}

#[derive(Clone)]
struct Values {
    rates: Vec<f64>,
    /// λ.
    multiplier: Vector,
    /// `W·r` at the candidates (Hz²).
    fields: Vec<f64>,
    /// `T − U′(r)` of the candidates, U′ the current that a rate asks for (Hz²). Empty until they are known.
    gaps: Vec<f64>,
}

impl Values {
    /// Largest violation of the minimum's conditions among the candidates (Hz²); not a number if any gap is none.
    fn residual(&self) -> f64 {
        let violation =
            |(r, gap): (&f64, &f64)| if *r > 0.0 || gap.is_nan() { gap.abs() } else { gap.max(0.0) };
        self.rates.iter().zip(&self.gaps).map(violation).fold(0.0, worse)
    }
}

impl Fine {
    /// Takes over the neurons and rates that the device found, moved onto the constraint.
    pub(super) fn new(
        of: Energy<'_>,
        constraint: &Constraint,
        mut found: Vec<(u32, f64)>,
        multiplier: Vector,
        iterations: u32,
    ) -> Self {
        found.sort_unstable_by_key(|(i, _)| *i);
        let (neurons, mut rates): (Vec<u32>, Vec<f64>) = found.into_iter().unzip();
        let at = |along: &Vec<f64>| neurons.iter().map(|&i| along[i as usize]).collect();
        let displacements: Vec<Vec<f64>> = constraint.displacements.iter().map(at).collect();
        project(&mut rates, &displacements);
        Self {
            neurons,
            displacements,
            tolerance: fine_tolerance(of.largest_current()),
            now: Values { rates, multiplier, fields: Vec::new(), gaps: Vec::new() },
            before: None,
            iterations,
        }
    }

    /// Takes over the fields; goes back to where it was if the last step led far away.
    fn settle(&mut self, of: Energy<'_>, fields: Vec<f64>) {
        let gap = |(slot, &i): (usize, &u32)| {
            let pulls = self.displacements.iter().zip(self.now.multiplier);
            let free = of.external_current[i as usize] + fields[slot];
            let target = pulls.fold(free, |target, (along, l)| target - l * along[slot]);
            target - of.transfer.current(self.now.rates[slot])
        };
        self.now.gaps = self.neurons.iter().enumerate().map(gap).collect();
        self.now.fields = fields;
        if let Some(before) = self.before.take()
            && !(self.now.residual() < before.residual().max(FAR * self.tolerance))
        {
            self.now = before;
        }
    }

    /// Whether all numbers are.
    pub(super) fn is_finite(&self) -> bool {
        self.now.gaps.iter().all(|gap| gap.is_finite())
    }

    /// Whether another step is wanted: the conditions do not hold to f64.
    pub(super) fn is_wanting(&self) -> bool {
        !(self.now.residual() <= self.tolerance)
    }

    /// Neurons, rates and gaps by slot, for the device's next step.
    pub(super) fn slots(&self) -> impl ExactSizeIterator<Item = (u32, f32, f32)> + '_ {
        let numbers = self.now.rates.iter().zip(&self.now.gaps);
        self.neurons.iter().zip(numbers).map(|(&i, (&r, &gap))| (i, r as f32, gap as f32))
    }

    /// Takes a step that the device found, to be judged when it is evaluated.
    pub(super) fn step(&mut self, step: impl Iterator<Item = f32>, change: Vector) {
        let before = self.now.clone();
        self.now.gaps.clear();
        for (rate, step) in self.now.rates.iter_mut().zip(step) {
            *rate = (*rate + f64::from(step)).max(0.0);
        }
        project(&mut self.now.rates, &self.displacements);
        self.now.multiplier = std::array::from_fn(|d| before.multiplier[d] + change[d]);
        self.before = Some(before);
        self.iterations += 1;
    }

    /// The present state, neurons ascending.
    pub(super) fn state(&self) -> StateBuf {
        let pairs = self.neurons.iter().copied().zip(self.now.rates.iter().copied());
        let (active, rates) = pairs.filter(|(_, r)| *r > 0.0).unzip();
        StateBuf { active, rates }
    }

    /// The present state as the minimum, with its certificate, if the conditions hold to f64. `silent` holds the fields of
    /// neurons that are silent beyond doubt, minus infinity for every neuron, and does so again afterwards.
    pub(super) fn minimum(
        &self,
        of: Energy<'_>,
        constraint: &Constraint,
        silent: &mut [f64],
    ) -> Option<Minimum> {
        if self.is_wanting() {
            return None;
        }
        let state = self.state();
        let field = silent;
        self.neurons.iter().zip(&self.now.fields).for_each(|(&i, &own)| field[i as usize] = own);
        let (multiplier, iterations) = (self.now.multiplier, self.iterations);
        let certificate = certify(of, constraint, state.view(), field, multiplier, iterations);
        let energy = of.from_field(state.view(), field);
        self.neurons.iter().for_each(|&i| field[i as usize] = f64::NEG_INFINITY);
        Some(Minimum { energy, multiplier, certificate, state })
    }
}

/// Finds what is left to close at the states that are new or took a step.
pub(super) fn evaluate(device: &Device, of: Energy<'_>, states: &mut [Option<Fine>]) {
    let mut groups: Vec<Together<'_>> = Vec::new();
    for fine in states.iter_mut().flatten().filter(|fine| fine.now.gaps.is_empty()) {
        let left = match groups.last_mut() {
            Some(group) => group.take(fine),
            None => Some(fine),
        };
        groups.extend(left.map(|fine| Together::new(of.weights.neurons(), fine)));
    }
    groups.into_par_iter().for_each_init(Memory::default, |memory, group| {
        device.on_host(|| group.evaluate(of, memory));
    });
}

/// States whose candidates are much the same.
struct Together<'a> {
    states: Vec<&'a mut Fine>,
    /// One bit for each neuron that is a candidate of any.
    mask: Vec<u64>,
}

/// What [`Together::evaluate`] works with.
#[derive(Default)]
struct Memory {
    block: WeightMatrix,
    /// Rates of the block's neurons in the states of a group.
    rates: Vec<[f64; GROUP]>,
    /// `[GROUP, stride]`
    fields: Vec<f64>,
}

impl<'a> Together<'a> {
    fn new(neurons: usize, fine: &'a mut Fine) -> Self {
        Self { mask: mask_of(neurons, &fine.neurons), states: vec![fine] }
    }

    /// Takes another state in, or gives it back where the block would be too large.
    fn take(&mut self, fine: &'a mut Fine) -> Option<&'a mut Fine> {
        let mut both = self.mask.clone();
        fine.neurons.iter().for_each(|&i| set(&mut both, i));
        let most = LARGEST_BLOCK * self.states[0].neurons.len();
        if self.states.len() == TOGETHER || count(&both) > most {
            return Some(fine);
        }
        self.mask = both;
        self.states.push(fine);
        None
    }

    fn evaluate(mut self, of: Energy<'_>, memory: &mut Memory) {
        let in_block: Vec<u32> = members(&self.mask);
        memory.block.set_block(of.weights, &in_block);
        let stride = memory.block.stride();
        memory.fields.resize(GROUP * stride, 0.0);
        memory.rates.resize(in_block.len(), [0.0; GROUP]);
        for states in self.states.chunks_mut(GROUP) {
            memory.rates.fill([0.0; GROUP]);
            for (g, fine) in states.iter().enumerate() {
                places(&in_block, &fine.neurons)
                    .zip(&fine.now.rates)
                    .for_each(|(place, &rate)| memory.rates[place][g] = rate);
            }
            let is_active = |rates: &&[f64; GROUP]| **rates != [0.0; GROUP];
            let active: Vec<u32> = (0..)
                .zip(&memory.rates)
                .filter(|(_, rates)| is_active(rates))
                .map(|(place, _)| place)
                .collect();
            let rates: Vec<[f64; GROUP]> = memory.rates.iter().filter(is_active).copied().collect();
            group_field(Arch::new(), &memory.block, &active, &rates, &mut memory.fields);
            for (fine, fields) in states.iter_mut().zip(memory.fields.chunks_exact(stride)) {
                let fields = places(&in_block, &fine.neurons).map(|place| fields[place]).collect();
                fine.settle(of, fields);
            }
        }
    }
}

/// Where each of the neurons stands among `all`; both ascending.
fn places<'a>(all: &'a [u32], neurons: &'a [u32]) -> impl Iterator<Item = usize> + 'a {
    let mut place = 0;
    neurons.iter().map(move |&i| {
        place += all[place..].iter().take_while(|&&j| j < i).count();
        place
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::transfer::Transfer;

    /// Two neurons that excite each other, at rates 3 and 4 under currents of 10 Hz², with fields 2 and 1.5.
    fn settled(of: Energy<'_>) -> Fine {
        let constraint = Constraint {
            displacements: vec![vec![0.0, 0.0]],
            support: None,
            idealized: StateBuf { active: vec![0, 1], rates: vec![1.0, 1.0] },
        };
        let mut fine = Fine::new(of, &constraint, vec![(1, 4.0), (0, 3.0)], [0.0; 2], 0);
        fine.settle(of, vec![2.0, 1.5]);
        fine
    }

    #[test]
    fn what_is_no_number_is_no_minimum() {
        let weights = WeightMatrix::from_dense(2, &[0.0, 0.5, 0.5, 0.0]);
        let of = Energy { weights: &weights, external_current: &[10.0, 10.0], transfer: Transfer::ROOT };
        let mut fine = settled(of);
        // 10 + 2 - 9 and 10 + 1.5 - 16.
        assert_eq!(fine.now.gaps, [3.0, -4.5]);
        assert!(fine.is_wanting());
        // A device's answer of which nothing holds is not taken.
        fine.step([0.1, 0.1].into_iter(), [f64::NAN; 2]);
        fine.settle(of, vec![2.05, 1.55]);
        assert_eq!((fine.now.gaps.as_slice(), fine.now.multiplier), ([3.0, -4.5].as_slice(), [0.0; 2]));
        fine.now.gaps[0] = f64::NAN;
        assert!(fine.is_wanting() && !fine.is_finite());
    }
}
