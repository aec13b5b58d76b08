//! From f32 to f64: what is left to close at a state that the device found, in f64 and over its candidates only, the steps that
//! the device then solves for, and the minimum when nothing is left.
//!
//! The device's word is taken for one thing: that neurons which it found silent by more than some roundings of f32 are silent.

use crate::landscape::constraint::{Constraint, Minimum, RESIDUAL_TOLERANCE, certify};
use crate::landscape::energy::Energy;
use crate::landscape::rates::project;
use crate::landscape::states::StateBuf;
use crate::manifold::Vector;

/// Neurons that follow on one another, in slots that do.
struct Run {
    slot: usize,
    neuron: usize,
    length: usize,
}

/// One state in f64, by slot.
pub(super) struct Fine {
    /// Candidates, ascending.
    neurons: Vec<u32>,
    /// The same: where neurons stand in the order of their map they are a few runs.
    runs: Vec<Run>,
    rates: Vec<f64>,
    /// c, one list a dimension.
    displacements: Vec<Vec<f64>>,
    /// λ.
    multiplier: Vector,
    /// `W·r` at the candidates (Hz²).
    fields: Vec<f64>,
    /// `T − U′(r)` of the candidates, U′ the current that a rate asks for (Hz²).
    gaps: Vec<f64>,
    tolerance: f64,
    /// Newton iterations so far.
    pub iterations: u32,
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
        let (neurons, rates): (Vec<u32>, Vec<f64>) = found.into_iter().unzip();
        let mut runs: Vec<Run> = Vec::new();
        for (slot, &i) in neurons.iter().enumerate() {
            match runs.last_mut() {
                Some(run) if run.neuron + run.length == i as usize => run.length += 1,
                _ => runs.push(Run { slot, neuron: i as usize, length: 1 }),
            }
        }
        let at = |along: &Vec<f64>| neurons.iter().map(|&i| along[i as usize]).collect();
        let mut fine = Self {
            displacements: constraint.displacements.iter().map(at).collect(),
            fields: vec![0.0; neurons.len()],
            gaps: vec![0.0; neurons.len()],
            neurons,
            runs,
            rates,
            multiplier,
            tolerance: RESIDUAL_TOLERANCE.max(1e-12 * of.largest_current()),
            iterations,
        };
        project(&mut fine.rates, &fine.displacements);
        fine.evaluate(of);
        fine
    }

    /// Computes the fields and gaps of the present rates.
    fn evaluate(&mut self, of: Energy<'_>) {
        self.fields.fill(0.0);
        for (&i, &r) in self.neurons.iter().zip(&self.rates).filter(|(_, r)| **r > 0.0) {
            let row = of.weights.row(i as usize);
            for run in &self.runs {
                let fields = &mut self.fields[run.slot..][..run.length];
                fields.iter_mut().zip(&row[run.neuron..][..run.length]).for_each(|(f, w)| *f += r * w);
            }
        }
        for (slot, &i) in self.neurons.iter().enumerate() {
            let pulls = self.displacements.iter().zip(self.multiplier);
            let free = of.external_current[i as usize] + self.fields[slot];
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
        let before =
            (self.residual(), self.rates.clone(), self.fields.clone(), self.gaps.clone(), self.multiplier);
        for (rate, step) in self.rates.iter_mut().zip(step) {
            *rate = (*rate + f64::from(step)).max(0.0);
        }
        project(&mut self.rates, &self.displacements);
        self.multiplier = std::array::from_fn(|d| self.multiplier[d] + change[d]);
        self.iterations += 1;
        self.evaluate(of);
        if !(self.residual() < before.0) {
            (_, self.rates, self.fields, self.gaps, self.multiplier) = before;
        }
    }

    /// The present state, neurons ascending.
    pub(super) fn state(&self) -> StateBuf {
        let pairs = self.neurons.iter().copied().zip(self.rates.iter().copied());
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
        self.neurons.iter().zip(&self.fields).for_each(|(&i, &own)| field[i as usize] = own);
        let (multiplier, iterations) = (self.multiplier, self.iterations);
        let certificate = certify(of, constraint, state.view(), field, multiplier, iterations);
        let energy = of.from_field(state.view(), field);
        self.neurons.iter().for_each(|&i| field[i as usize] = f64::NEG_INFINITY);
        Some(Minimum { energy, multiplier, certificate, state })
    }
}
