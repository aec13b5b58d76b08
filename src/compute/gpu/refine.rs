//! From f32 to f64: what is left to close at a state that the device found, in f64 and over its candidates only, and the
//! steps that the device then solves for.

use crate::landscape::constraint::{Constraint, RESIDUAL_TOLERANCE};
use crate::landscape::energy::Energy;
use crate::landscape::rates::project;
use crate::landscape::states::StateBuf;
use crate::manifold::Vector;

/// One state in f64, by slot.
pub(super) struct Fine {
    /// Candidates.
    neurons: Vec<u32>,
    rates: Vec<f64>,
    /// c, one list a dimension.
    displacements: Vec<Vec<f64>>,
    /// λ.
    multiplier: Vector,
    /// `T − U′(r)` of the candidates, U′ the current that a rate asks for (Hz²).
    gaps: Vec<f64>,
    tolerance: f64,
    /// Newton iterations so far.
    pub iterations: u32,
}

impl Fine {
    /// Takes over what the device found, moved onto the constraint.
    pub(super) fn new(
        of: Energy<'_>,
        constraint: &Constraint,
        neurons: Vec<u32>,
        rates: Vec<f64>,
        multiplier: Vector,
        iterations: u32,
    ) -> Self {
        let at = |along: &Vec<f64>| neurons.iter().map(|&i| along[i as usize]).collect();
        let mut fine = Self {
            displacements: constraint.displacements.iter().map(at).collect(),
            gaps: vec![0.0; neurons.len()],
            neurons,
            rates,
            multiplier,
            tolerance: RESIDUAL_TOLERANCE.max(1e-12 * of.largest_current()),
            iterations,
        };
        project(&mut fine.rates, &fine.displacements);
        fine.evaluate(of);
        fine
    }

    /// Computes the gaps of the present rates.
    fn evaluate(&mut self, of: Energy<'_>) {
        self.gaps.fill(0.0);
        for (&i, &r) in self.neurons.iter().zip(&self.rates).filter(|(_, r)| **r > 0.0) {
            let row = of.weights.row(i as usize);
            self.gaps.iter_mut().zip(&self.neurons).for_each(|(gap, &j)| *gap += r * row[j as usize]);
        }
        for (slot, &i) in self.neurons.iter().enumerate() {
            let pulls = self.displacements.iter().zip(self.multiplier);
            let free = of.external_current[i as usize] + self.gaps[slot];
            let target = pulls.fold(free, |target, (along, l)| target - l * along[slot]);
            self.gaps[slot] = target - of.transfer.current(self.rates[slot]);
        }
    }

    /// Largest violation of the minimum's conditions among the candidates (Hz²).
    fn residual(&self) -> f64 {
        let violation = |(r, gap): (&f64, &f64)| if *r > 0.0 { gap.abs() } else { gap.max(0.0) };
        self.rates.iter().zip(&self.gaps).map(violation).fold(0.0, f64::max)
    }

    /// Whether all numbers are.
    pub(super) fn is_finite(&self) -> bool {
        self.gaps.iter().all(|gap| gap.is_finite())
    }

    /// Whether another step is wanted: the conditions do not hold to f64.
    pub(super) fn is_wanting(&self) -> bool {
        self.residual() > self.tolerance
    }

    /// Neurons, rates and gaps by slot, for the device's next step.
    pub(super) fn slots(&self) -> impl ExactSizeIterator<Item = (u32, f32, f32)> + '_ {
        let numbers = self.rates.iter().zip(&self.gaps);
        self.neurons.iter().zip(numbers).map(|(&i, (&r, &gap))| (i, r as f32, gap as f32))
    }

    /// Takes a step that the device solved for, unless the violations grow by it.
    pub(super) fn correct(&mut self, of: Energy<'_>, step: impl Iterator<Item = f32>, change: Vector) {
        let before = (self.residual(), self.rates.clone(), self.gaps.clone(), self.multiplier);
        for (rate, step) in self.rates.iter_mut().zip(step) {
            *rate = (*rate + f64::from(step)).max(0.0);
        }
        project(&mut self.rates, &self.displacements);
        self.multiplier = std::array::from_fn(|d| self.multiplier[d] + change[d]);
        self.iterations += 1;
        self.evaluate(of);
        if !(self.residual() < before.0) {
            (_, self.rates, self.gaps, self.multiplier) = before;
        }
    }

    /// The present state, neurons ascending.
    pub(super) fn state(&self) -> StateBuf {
        let mut pairs: Vec<(u32, f64)> =
            self.neurons.iter().copied().zip(self.rates.iter().copied()).filter(|p| p.1 > 0.0).collect();
        pairs.sort_unstable_by_key(|p| p.0);
        let (active, rates) = pairs.into_iter().unzip();
        StateBuf { active, rates }
    }
}
