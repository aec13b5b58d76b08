//! The projected Newton method for one constrained minimum.
//!
//! On the neurons that are active, or would become so, each iteration solves the bordered system
//! `[diag(d) − W_aa, c_a; c_aᵀ, 0]·[δ; λ] = [−∂E/∂r; 0]` with the secant curvature d that takes an uncoupled neuron
//! to its solution in one step: `d_i = r_i + √T_i` for T_i > 0 (2 r_i at the solution, finite for a neuron that joins)
//! and `d_i = r_i − T_i/r_i` for T_i ≤ 0 (it falls silent). The step is projected on `{r ≥ 0, c·r = 0}` and shortened
//! until the energy falls.
//!
//! Cost: only the a active neurons enter the system, a³/3 flops an iteration; finding out which silent neurons join
//! costs the field, 2·a·N flops. Nothing grows with N².

use pulp::Arch;

use super::rates::{EnergyParts, project};
use super::system::{System, Terms};
use crate::connectivity::field::field;
use crate::connectivity::matrix;
use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::constraint::{Constraint, Minimum, RESIDUAL_TOLERANCE, certify};
use crate::landscape::energy;
use crate::landscape::states::{State, StateBuf};

/// Newton iterations after which a state is given up (it then fails its certificate and is reported). Regular
/// states take 3–14.
const MAX_ITERATIONS: u32 = 80;

/// Halvings of one step before the curvature is raised instead.
const MAX_HALVINGS: u32 = 12;

/// Fraction of the predicted energy decrease that a step has to achieve (Armijo's condition).
const SUFFICIENT_DECREASE: f64 = 1e-4;

/// Below this fraction of its terms an energy difference is lost in rounding, and a Newton step that predicts less
/// is taken unseen.
const ENERGY_RESOLUTION: f64 = 1e-12;

/// How often all silent neurons are asked whether they join. Searches that do not ask always are made for large
/// networks: they factor systems in single precision (rates, fields and energies stay double, so the minimum is as
/// exact), silence at once what is about to fall silent, and drop the damping faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// At every iteration.
    Always,
    /// At the beginning, and whenever the candidates have come to rest: for networks where that takes longer than the
    /// iteration. Neurons that nearly join become candidates too.
    Seldom,
    /// Only when the candidates have come to rest: for starts that name, with rate 0, the neurons that nearly join.
    AtRest,
}

/// Without [`Asking::Always`], how far from joining a neuron becomes a candidate, relative to the peak of r².
pub(super) const NEARLY: f64 = 0.05;

/// Memory for the search at one point, used again for the next.
///
/// Neurons that are or were active are the candidates; they are addressed by their slot, `0..candidates.len()`.
pub(crate) struct Workspace {
    arch: Arch,
    /// Neuron of each slot.
    candidates: Vec<u32>,
    /// Whether a neuron is a candidate.
    is_candidate: Vec<bool>,
    /// W between candidates, by slot.
    local: WeightMatrix,
    rates: Vec<f64>,
    displacements: Vec<f64>,
    /// W·r, by slot.
    local_field: Vec<f64>,
    /// W·r, by neuron.
    field: Vec<f64>,
    /// Whether `field` is that of the present rates.
    field_is_current: bool,
    system: System<f64>,
    single_system: System<f32>,
    trial: Trial,
    search: Search,
}

/// A proposed state, by slot.
#[derive(Default)]
struct Trial {
    active: Vec<u32>,
    active_rates: Vec<f64>,
    rates: Vec<f64>,
    field: Vec<f64>,
}

impl Workspace {
    pub(crate) fn new(arch: Arch, neurons: usize) -> Self {
        Self {
            arch,
            candidates: Vec::new(),
            is_candidate: vec![false; neurons],
            local: WeightMatrix::zeros(0),
            rates: Vec::new(),
            displacements: Vec::new(),
            local_field: Vec::new(),
            field: vec![0.0; matrix::stride(neurons)],
            field_is_current: false,
            system: System::new(),
            single_system: System::new(),
            trial: Trial::default(),
            search: Search::default(),
        }
    }

    /// The minimum found from `start`, or the best state reached, with its certificate.
    pub(crate) fn minimize(
        &mut self,
        weights: &WeightMatrix,
        h: f64,
        constraint: &Constraint,
        start: State<'_>,
        asking: Asking,
    ) -> Minimum {
        self.begin(weights, h, constraint, start);
        while !self.advance(weights, h, constraint, asking) {
            let state = self.sorted();
            field(self.arch, weights, &state.active, &state.rates, &mut self.field);
            self.field_is_current = true;
        }
        self.finish(weights, h, constraint)
    }

    /// Iterates until the minimum is found, or the search given up: `true`; or until the field of all neurons has to be
    /// known: `false`, to be called again when it is.
    pub(crate) fn advance(
        &mut self,
        weights: &WeightMatrix,
        h: f64,
        constraint: &Constraint,
        asking: Asking,
    ) -> bool {
        let tolerance = RESIDUAL_TOLERANCE.max(1e-12 * h.abs());
        loop {
            let iterations = self.search.iterations;
            let asked = asking == Asking::Always
                || (asking == Asking::Seldom && iterations == 0)
                || iterations == MAX_ITERATIONS
                || self.residual(h, self.search.multiplier) <= tolerance;
            if asked && constraint.support.is_none() {
                if !self.field_is_current {
                    return false;
                }
                self.admit(weights, h, constraint, asking);
            }
            if self.residual(h, self.search.multiplier) <= tolerance || iterations == MAX_ITERATIONS {
                return true;
            }
            self.search.iterations += 1;
            let Some(step) = self.newton_step(h, asking) else {
                return true;
            };
            self.search.multiplier = step.multiplier;
            self.search.damping = match self.line_search(h, &step, asking) {
                Some(length) => step.eased_damping(length, asking),
                // No length lowers the energy: more damping turns the step downhill.
                None => (8.0 * step.damping).max(0.1 * step.mean_curvature),
            };
            if self.search.damping > 1e9 * step.mean_curvature {
                return true;
            }
        }
    }

    /// Takes over the start, moved onto the constraint.
    pub(crate) fn begin(
        &mut self,
        weights: &WeightMatrix,
        h: f64,
        constraint: &Constraint,
        start: State<'_>,
    ) {
        for &i in &self.candidates {
            self.is_candidate[i as usize] = false;
        }
        self.candidates.clear();
        self.candidates.extend(constraint.support.as_deref().unwrap_or(start.active));
        self.rates.clear();
        self.gather(weights, constraint, 0);
        let mut given = start.iter().peekable();
        for (slot, &i) in self.candidates.iter().enumerate() {
            while given.next_if(|&(j, _)| j < i as usize).is_some() {}
            self.rates[slot] = given.next_if(|&(j, _)| j == i as usize).map_or(0.0, |(_, r)| r);
        }
        project(&mut self.rates, &self.displacements);
        self.field_is_current = false;
        let energy = self.evaluate_rates();
        let multiplier = self.least_squares_multiplier(h);
        self.search = Search { energy, multiplier, damping: 0.0, iterations: 0 };
    }

    /// Brings the arrays by slot up to date after candidates were added from slot `first` on.
    fn gather(&mut self, weights: &WeightMatrix, constraint: &Constraint, first: usize) {
        let count = self.candidates.len();
        let first = if count > self.local.neurons() {
            self.local = WeightMatrix::zeros((count + count / 4).next_multiple_of(32));
            0
        } else {
            first
        };
        self.rates.resize(count, 0.0);
        self.displacements.resize(count, 0.0);
        for slot in first..count {
            let neuron = self.candidates[slot] as usize;
            self.is_candidate[neuron] = true;
            self.displacements[slot] = constraint.displacements[neuron];
            let from = weights.row(neuron);
            for (to, &other) in self.local.row_mut(slot).iter_mut().zip(&self.candidates) {
                *to = from[other as usize];
            }
            for earlier in 0..first {
                self.local.row_mut(earlier)[slot] = from[self.candidates[earlier] as usize];
            }
        }
        self.local_field.resize(self.local.stride(), 0.0);
    }

    /// Computes the field of the present rates among the candidates, and the energy terms.
    fn evaluate_rates(&mut self) -> EnergyParts {
        let Self { trial, rates, .. } = self;
        trial.rates.clone_from(rates);
        self.evaluate_trial();
        self.local_field.copy_from_slice(&self.trial.field);
        EnergyParts::of(&self.trial.rates, &self.trial.field)
    }

    /// Computes the field of the trial's rates among the candidates.
    fn evaluate_trial(&mut self) {
        let trial = &mut self.trial;
        trial.active.clear();
        trial.active_rates.clear();
        for (slot, &r) in trial.rates.iter().enumerate() {
            if r > 0.0 {
                trial.active.push(slot as u32);
                trial.active_rates.push(r);
            }
        }
        trial.field.resize(self.local.stride(), 0.0);
        field(self.arch, &self.local, &trial.active, &trial.active_rates, &mut trial.field);
    }

    /// The λ that leaves the least `Σ (∂E/∂r_i + λ c_i)²` over active neurons (eq. S19, in rates).
    fn least_squares_multiplier(&self, h: f64) -> f64 {
        let (mut along, mut square) = (0.0, 0.0);
        for ((&r, &c), &f) in self.rates.iter().zip(&self.displacements).zip(&self.local_field) {
            if r > 0.0 {
                along -= c * (r * r - h - f);
                square += c * c;
            }
        }
        if square > 0.0 { along / square } else { 0.0 }
    }

    /// Makes candidates of all silent neurons that the present state would activate.
    fn admit(&mut self, weights: &WeightMatrix, h: f64, constraint: &Constraint, asking: Asking) {
        let multiplier = self.search.multiplier;
        let threshold = match asking {
            Asking::Always => 0.0,
            Asking::Seldom | Asking::AtRest => {
                -NEARLY * self.rates.iter().fold(0.0_f64, |peak, r| peak.max(r * r))
            }
        };
        let first = self.candidates.len();
        for (i, &c) in constraint.displacements.iter().enumerate() {
            if !self.is_candidate[i] && h + self.field[i] - multiplier * c > threshold {
                self.candidates.push(i as u32);
            }
        }
        if self.candidates.len() > first {
            self.gather(weights, constraint, first);
            for slot in first..self.candidates.len() {
                self.local_field[slot] = self.field[self.candidates[slot] as usize];
            }
        }
    }

    /// `T = h + Wr − λc` of the neuron in `slot`.
    fn target(&self, slot: usize, h: f64, multiplier: f64) -> f64 {
        h + self.local_field[slot] - multiplier * self.displacements[slot]
    }

    /// Largest violation of the minimum's conditions among the candidates (Hz²).
    fn residual(&self, h: f64, multiplier: f64) -> f64 {
        (0..self.candidates.len())
            .map(|slot| {
                let (r, t) = (self.rates[slot], self.target(slot, h, multiplier));
                if r > 0.0 { (r * r - t).abs() } else { t.max(0.0) }
            })
            .fold(0.0, f64::max)
    }

    /// Solves the bordered system, adding to the curvature until it is positive definite on the null space of the
    /// constraint. `None` if not even that helps (non-finite numbers).
    fn newton_step(&mut self, h: f64, asking: Asking) -> Option<Step> {
        let multiplier = self.search.multiplier;
        let mut slots = Vec::with_capacity(self.candidates.len());
        let mut gradient = Vec::with_capacity(self.candidates.len());
        let mut curvature = Vec::with_capacity(self.candidates.len());
        for slot in 0..self.candidates.len() {
            let (r, t) = (self.rates[slot], self.target(slot, h, multiplier));
            if r > 0.0 || t > 0.0 {
                slots.push(slot);
                gradient.push(r * r - h - self.local_field[slot]);
                curvature.push(if t > 0.0 { r + t.sqrt() } else { r - t / r });
            }
        }
        let n = slots.len();
        let mean_curvature = slots.iter().map(|&s| 2.0 * self.rates[s]).sum::<f64>() / n as f64 + 1e-3;
        let along: f64 = slots.iter().map(|&s| self.displacements[s].powi(2)).sum();
        // Any multiple of c·cᵀ may be added: the constraint makes it vanish. It lifts the one direction in which
        // the curvature need not be positive.
        let lift = if along > 0.0 { mean_curvature * n as f64 / along } else { 0.0 };
        // In single precision what λ is known to be is left out, or its rounding would hide the step.
        let known = if asking == Asking::Always { 0.0 } else { multiplier };
        // Of the mean curvature: what a matrix that is not positive definite gets first. Single precision cannot tell the
        // smaller one from rounding.
        let smallest = if asking == Asking::Always { 1e-2 } else { 4e-2 };
        let Self { local, displacements, system, single_system, .. } = self;
        let terms = Terms { local, displacements, slots: &slots, curvature: &curvature, lift };
        let mut solution = Vec::with_capacity(2 * n);
        let mut damping = self.search.damping;
        let mut raised = false;
        loop {
            solution.clear();
            solution.extend(gradient.iter().zip(&slots).map(|(g, &s)| -g - known * displacements[s]));
            solution.extend(slots.iter().map(|&s| displacements[s]));
            let solved = match asking {
                Asking::Always => system.solve(&terms, damping, &mut solution),
                Asking::Seldom | Asking::AtRest => single_system.solve(&terms, damping, &mut solution),
            };
            if solved {
                break;
            }
            raised = true;
            damping = (4.0 * damping).max(smallest * mean_curvature);
            if !(damping < 1e12 * mean_curvature) {
                return None;
            }
        }
        let (newton, constraint) = solution.split_at(n);
        let moment = |v: &[f64]| slots.iter().zip(v).map(|(&s, x)| displacements[s] * x).sum::<f64>();
        let gain = moment(constraint);
        let excess = if gain > 0.0 { moment(newton) / gain } else { 0.0 };
        let delta: Vec<f64> = newton.iter().zip(constraint).map(|(x, y)| x - excess * y).collect();
        let multiplier = known + excess;
        let slope = gradient.iter().zip(&delta).map(|(g, d)| g * d).sum();
        Some(Step { slots, delta, multiplier, slope, damping, raised, mean_curvature })
    }

    /// The slots that a whole step silences: `T ≤ 0`, and half the rate is gone.
    fn leaving(&self, h: f64, step: &Step) -> Vec<usize> {
        let leaves = |&(&slot, &delta): &(&usize, &f64)| {
            delta < -0.5 * self.rates[slot] && self.target(slot, h, step.multiplier) <= 0.0
        };
        step.slots.iter().zip(&step.delta).filter(leaves).map(|(&slot, _)| slot).collect()
    }

    /// Walks along the step, projected, until the energy falls enough, and leaves the new state in place; returns how
    /// much of the step that was, or `None` if the energy does not fall.
    fn line_search(&mut self, h: f64, step: &Step, asking: Asking) -> Option<f64> {
        let leaving = if asking == Asking::Always { Vec::new() } else { self.leaving(h, step) };
        let energy = self.search.energy;
        let unresolved = ENERGY_RESOLUTION * energy.magnitude(h);
        // A system that was hardly definite, solved in single precision, may lead uphill.
        if asking != Asking::Always && step.slope > unresolved {
            return None;
        }
        let mut length = 1.0;
        for _ in 0..=MAX_HALVINGS {
            self.trial.rates.clone_from(&self.rates);
            for (&slot, delta) in step.slots.iter().zip(&step.delta) {
                self.trial.rates[slot] = (self.rates[slot] + length * delta).max(0.0);
            }
            if length == 1.0 {
                leaving.iter().for_each(|&slot| self.trial.rates[slot] = 0.0);
            }
            project(&mut self.trial.rates, &self.displacements);
            self.evaluate_trial();
            let parts = EnergyParts::of(&self.trial.rates, &self.trial.field);
            let change = parts.energy(h) - energy.energy(h);
            if change <= SUFFICIENT_DECREASE * length * step.slope
                || (-step.slope <= unresolved && change <= unresolved)
            {
                std::mem::swap(&mut self.rates, &mut self.trial.rates);
                std::mem::swap(&mut self.local_field, &mut self.trial.field);
                self.field_is_current = false;
                self.search.energy = parts;
                return Some(length);
            }
            length *= 0.5;
        }
        None
    }

    /// The present state, neurons ascending.
    pub(crate) fn sorted(&self) -> StateBuf {
        let mut pairs: Vec<(u32, f64)> =
            self.candidates.iter().copied().zip(self.rates.iter().copied()).filter(|p| p.1 > 0.0).collect();
        pairs.sort_unstable_by_key(|p| p.0);
        let (active, rates) = pairs.into_iter().unzip();
        StateBuf { active, rates }
    }

    /// The present state as the minimum, with its certificate.
    pub(crate) fn finish(&mut self, weights: &WeightMatrix, h: f64, constraint: &Constraint) -> Minimum {
        let state = self.sorted();
        if !self.field_is_current {
            field(self.arch, weights, &state.active, &state.rates, &mut self.field);
        }
        let Search { multiplier, iterations, .. } = self.search;
        let certificate = certify(h, constraint, state.view(), &self.field, multiplier, iterations);
        Minimum { energy: energy::from_field(state.view(), &self.field, h), multiplier, certificate, state }
    }

    /// `T = h + Wr − λc` of every neuron at the finished state `[neurons]` (Hz²).
    pub(crate) fn targets(&self, h: f64, constraint: &Constraint) -> Vec<f64> {
        let fields = constraint.displacements.iter().zip(&self.field);
        fields.map(|(c, f)| h + f - self.search.multiplier * c).collect()
    }

    /// Takes over the field `[neurons]` of the present state.
    pub(crate) fn give_field(&mut self, field: &[f64]) {
        self.field.copy_from_slice(field);
        self.field_is_current = true;
    }
}

/// How far a search is.
#[derive(Default)]
struct Search {
    energy: EnergyParts,
    multiplier: f64,
    damping: f64,
    iterations: u32,
}

/// A solved Newton system.
struct Step {
    slots: Vec<usize>,
    delta: Vec<f64>,
    multiplier: f64,
    /// Directional derivative of the energy along `delta`.
    slope: f64,
    damping: f64,
    /// Whether less damping was tried in vain.
    raised: bool,
    mean_curvature: f64,
}

impl Step {
    /// The damping to begin the next step with, after so much of this one was made.
    fn eased_damping(&self, length: f64, asking: Asking) -> f64 {
        let fast = asking != Asking::Always && length == 1.0 && !self.raised;
        // A predicted start is near its minimum, where a full step means that damping only slows; an idealized one is
        // far, and damping that falls too fast has to be raised again, a factorization each time.
        let eased = if fast { 0.1 * self.damping } else { self.damping / 2.0 };
        if self.damping > 1e-3 * self.mean_curvature { eased } else { 0.0 }
    }
}
