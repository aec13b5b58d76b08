//! The projected Newton method for one constrained minimum.
//!
//! On the neurons that are active, or would become so, each iteration solves the bordered system
//! `[diag(d) − W_aa, C_a; C_aᵀ, 0]·[δ; λ] = [−∂E/∂r; 0]`, C with one column of displacements a dimension, and with the
//! secant curvature d that takes an uncoupled neuron to its solution in one step: `d_i = r_i + √T_i` for T_i > 0 (2 r_i at
//! the solution, finite for a neuron that joins) and `d_i = r_i − T_i/r_i` for T_i ≤ 0 (it falls silent); for other transfer
//! functions see [`Transfer::secant`]. The step is projected on `{r ≥ 0, Cᵀr = 0}` and shortened until the energy falls.
//!
//! Cost: only the a active neurons enter the system, a³/3 flops an iteration; finding out which silent neurons join
//! costs the field, 2·a·N flops. Nothing grows with N².

mod step;
#[cfg(test)]
mod tests;

use pulp::Arch;

use self::step::{Step, excess, least_squares_multiplier};
use super::rates::{EnergyParts, project};
use super::system::{System, Terms};
use crate::connectivity::field::field;
use crate::connectivity::matrix;
use crate::connectivity::matrix::WeightMatrix;
use crate::landscape::constraint::{Constraint, Minimum, RESIDUAL_TOLERANCE, certify};
use crate::landscape::energy::Energy;
use crate::landscape::states::{State, StateBuf};
use crate::landscape::transfer::Transfer;
use crate::manifold::Vector;

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

/// Below this fraction of the largest rate a rate is rounding. A neuron that a step leaves there with `T ≤ 0` is silent: were
/// it left firing, the projection would move it back up by its own rounding at every step, for ever.
const RATE_RESOLUTION: f64 = 1e-14;

/// When all silent neurons are checked for whether they join. Searches that do not check at every step are made for large
/// networks: they factor systems in single precision (rates, fields and energies stay double, so the minimum is as
/// exact), silence at once what is about to fall silent, and drop the damping faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SilentCheck {
    /// At every iteration.
    EveryStep,
    /// At the beginning, and whenever the candidates have come to rest: for networks where a check takes longer than the
    /// iteration. Neurons that nearly join become candidates too.
    Rarely,
    /// Only when the candidates have come to rest: for starts that name, with rate 0, the neurons that nearly join.
    AtRest,
}

/// Without [`SilentCheck::EveryStep`], how far from joining a neuron becomes a candidate, relative to the peak of r².
pub(super) const NEARLY: f64 = 0.05;

/// Where fewer than one in this many neurons are active, at most twice as many as are active join at once, those with the
/// largest `T`. All neurons inhibit each other, so a state that fires a few per cent less than it should would activate
/// every neuron of the network for one step: 5 sheets of 600 among 4,000 neurons, bumps of 57, took 430 ms a state. The
/// smaller T of the others is asked again at the next iteration. Maps of a twentieth and more have no such crowds, and are
/// searched as they always were.
const CROWD: usize = 20;

/// On surfaces at most one neuron for this many active ones, and one more, joins at a step. Half of a bump's neurons stand at
/// its rim there, and a start that fires a little less than it should would activate a second rim: a system that is not
/// positive definite, and damping that takes steps to fall again. Three 24 × 24 tori from idealized bumps take 10.0 steps
/// if all join that would, 7.7 if a quarter as many as are active, 7.3 for a sixth, 9.9 for one in 33.
const RIM: usize = 6;

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
    /// h, by slot.
    local_current: Vec<f64>,
    /// c, by slot, one list a dimension.
    displacements: Vec<Vec<f64>>,
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
            local_current: Vec::new(),
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
        of: Energy<'_>,
        constraint: &Constraint,
        start: State<'_>,
        check: SilentCheck,
    ) -> Minimum {
        self.begin(of, constraint, start);
        while !self.advance(of, constraint, check) {
            let state = self.sorted();
            field(self.arch, of.weights, &state.active, &state.rates, &mut self.field);
            self.field_is_current = true;
        }
        self.finish(of, constraint)
    }

    /// Iterates until the minimum is found, or the search given up: `true`; or until the field of all neurons has to be
    /// known: `false`, to be called again when it is.
    pub(crate) fn advance(&mut self, of: Energy<'_>, constraint: &Constraint, check: SilentCheck) -> bool {
        let tolerance = RESIDUAL_TOLERANCE.max(1e-12 * of.largest_current());
        loop {
            let iterations = self.search.iterations;
            let due = check == SilentCheck::EveryStep
                || (check == SilentCheck::Rarely && iterations == 0)
                || iterations == MAX_ITERATIONS
                || self.residual(of.transfer, self.search.multiplier) <= tolerance;
            if due && constraint.support.is_none() {
                if !self.field_is_current {
                    return false;
                }
                self.admit(of, constraint, check);
            }
            if self.residual(of.transfer, self.search.multiplier) <= tolerance || iterations == MAX_ITERATIONS
            {
                return true;
            }
            self.search.iterations += 1;
            let Some(step) = self.newton_step(of.transfer, check) else {
                return true;
            };
            self.search.multiplier = step.multiplier;
            self.search.damping = match self.line_search(of.transfer, &step, check) {
                Some(length) => step.eased_damping(length, self.kept_damping(check)),
                // No length lowers the energy: more damping turns the step downhill.
                None => (8.0 * step.damping).max(0.1 * step.mean_curvature),
            };
            if self.search.damping > 1e9 * step.mean_curvature {
                return true;
            }
        }
    }

    /// Takes over the start, moved onto the constraint.
    pub(crate) fn begin(&mut self, of: Energy<'_>, constraint: &Constraint, start: State<'_>) {
        for &i in &self.candidates {
            self.is_candidate[i as usize] = false;
        }
        self.candidates.clear();
        self.candidates.extend(constraint.support.as_deref().unwrap_or(start.active));
        self.rates.clear();
        self.gather(of, constraint, 0);
        let mut given = start.iter().peekable();
        for (slot, &i) in self.candidates.iter().enumerate() {
            while given.next_if(|&(j, _)| j < i as usize).is_some() {}
            self.rates[slot] = given.next_if(|&(j, _)| j == i as usize).map_or(0.0, |(_, r)| r);
        }
        project(&mut self.rates, &self.displacements);
        self.field_is_current = false;
        let energy = self.evaluate_rates(of.transfer);
        let multiplier = self.least_squares_multiplier(of.transfer);
        self.search = Search { energy, multiplier, damping: 0.0, iterations: 0 };
    }

    /// Brings the arrays by slot up to date after candidates were added from slot `first` on.
    fn gather(&mut self, of: Energy<'_>, constraint: &Constraint, first: usize) {
        let count = self.candidates.len();
        let first = if count > self.local.neurons() {
            self.local = WeightMatrix::zeros((count + count / 4).next_multiple_of(32));
            0
        } else {
            first
        };
        self.rates.resize(count, 0.0);
        self.local_current.resize(count, 0.0);
        self.displacements.resize_with(constraint.dimension(), Vec::new);
        self.displacements.iter_mut().for_each(|along| along.resize(count, 0.0));
        for slot in first..count {
            let neuron = self.candidates[slot] as usize;
            self.is_candidate[neuron] = true;
            self.local_current[slot] = of.external_current[neuron];
            for (to, from) in self.displacements.iter_mut().zip(&constraint.displacements) {
                to[slot] = from[neuron];
            }
            let from = of.weights.row(neuron);
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
    fn evaluate_rates(&mut self, transfer: Transfer) -> EnergyParts {
        let Self { trial, rates, .. } = self;
        trial.rates.clone_from(rates);
        self.evaluate_trial();
        self.local_field.copy_from_slice(&self.trial.field);
        self.parts(transfer)
    }

    /// Energy of the trial.
    fn parts(&self, transfer: Transfer) -> EnergyParts {
        EnergyParts::of(transfer, &self.trial.rates, &self.trial.field, &self.local_current)
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

    /// λ of the present rates, by least squares.
    fn least_squares_multiplier(&self, transfer: Transfer) -> Vector {
        let active = (0..self.rates.len()).filter(|&slot| self.rates[slot] > 0.0);
        let gradient = |slot: usize| {
            transfer.current(self.rates[slot]) - self.local_current[slot] - self.local_field[slot]
        };
        least_squares_multiplier(&self.displacements, active.map(|slot| (slot, gradient(slot))))
    }

    /// Whether the bump lies on a surface.
    fn is_on_surface(&self) -> bool {
        self.displacements.len() > 1
    }

    /// What a full step leaves of the damping. A predicted start is near its minimum, where a full step means that damping only
    /// slows, and on a surface neurons join a few at a time ([`RIM`]); an idealized start on a line is far, and damping that falls
    /// too fast has to be raised again, a factorization each time.
    fn kept_damping(&self, check: SilentCheck) -> f64 {
        match check {
            _ if self.is_on_surface() => 0.0,
            SilentCheck::EveryStep => 0.5,
            SilentCheck::Rarely | SilentCheck::AtRest => 0.1,
        }
    }

    /// Makes candidates of the silent neurons that the present state would activate: of all, or on surfaces, and where bumps
    /// are a small part of the network, of those that it would activate most; see [`RIM`] and [`CROWD`].
    fn admit(&mut self, of: Energy<'_>, constraint: &Constraint, check: SilentCheck) {
        let multiplier = self.search.multiplier;
        let threshold = match check {
            SilentCheck::EveryStep => 0.0,
            SilentCheck::Rarely | SilentCheck::AtRest => {
                let current = |&rate: &f64| of.transfer.current(rate);
                -NEARLY * self.rates.iter().map(current).fold(0.0, f64::max)
            }
        };
        let mut joining: Vec<(u32, f64)> = Vec::new();
        let targets = of.external_current.iter().zip(&self.field);
        let mut join = |i: usize, target: f64| {
            if !self.is_candidate[i] && target > threshold {
                joining.push((i as u32, target));
            }
        };
        match constraint.displacements.as_slice() {
            [] => targets.enumerate().for_each(|(i, (h, f))| join(i, h + f)),
            [c] => {
                let along = targets.zip(c).enumerate();
                along.for_each(|(i, ((h, f), c))| join(i, h + f - multiplier[0] * c));
            }
            [x, y, ..] => {
                let along = targets.zip(x).zip(y).enumerate();
                along.for_each(|(i, (((h, f), x), y))| {
                    join(i, h + f - multiplier[0] * x - multiplier[1] * y);
                });
            }
        }
        let active = self.rates.iter().filter(|r| **r > 0.0).count();
        let most = if self.is_on_surface() {
            active / RIM + 1
        } else if CROWD * active < self.is_candidate.len() {
            2 * active
        } else {
            joining.len()
        };
        if joining.len() > most {
            joining.select_nth_unstable_by(most, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            joining.truncate(most);
            joining.sort_unstable_by_key(|(i, _)| *i);
        }
        if !joining.is_empty() {
            let first = self.candidates.len();
            self.candidates.extend(joining.iter().map(|(i, _)| i));
            self.gather(of, constraint, first);
            for slot in first..self.candidates.len() {
                self.local_field[slot] = self.field[self.candidates[slot] as usize];
            }
        }
    }

    /// `T = h + Wr − λ·c` of the neuron in `slot`.
    fn target(&self, slot: usize, multiplier: Vector) -> f64 {
        let pulls = self.displacements.iter().zip(multiplier);
        let free = self.local_current[slot] + self.local_field[slot];
        pulls.fold(free, |target, (along, l)| target - l * along[slot])
    }

    /// Largest violation of the minimum's conditions among the candidates (Hz²).
    fn residual(&self, transfer: Transfer, multiplier: Vector) -> f64 {
        (0..self.candidates.len())
            .map(|slot| {
                let (r, t) = (self.rates[slot], self.target(slot, multiplier));
                if r > 0.0 { (transfer.current(r) - t).abs() } else { t.max(0.0) }
            })
            .fold(0.0, f64::max)
    }

    /// Solves the bordered system, adding to the curvature until it is positive definite on the null space of the
    /// constraint. `None` if not even that helps (non-finite numbers).
    fn newton_step(&mut self, transfer: Transfer, check: SilentCheck) -> Option<Step> {
        let multiplier = self.search.multiplier;
        let mut slots = Vec::with_capacity(self.candidates.len());
        let mut gradient = Vec::with_capacity(self.candidates.len());
        let mut curvature = Vec::with_capacity(self.candidates.len());
        for slot in 0..self.candidates.len() {
            let (r, t) = (self.rates[slot], self.target(slot, multiplier));
            if r > 0.0 || t > 0.0 {
                slots.push(slot);
                gradient.push(transfer.current(r) - self.local_current[slot] - self.local_field[slot]);
                curvature.push(transfer.secant(r, t));
            }
        }
        let n = slots.len();
        let own_curvature = |&slot: &usize| {
            let r = self.rates[slot];
            if r > 0.0 { transfer.curvature(r) } else { 0.0 }
        };
        let mean_curvature = slots.iter().map(own_curvature).sum::<f64>() / n as f64 + 1e-3;
        // Any multiple of c·cᵀ may be added: the constraint makes it vanish. It lifts the directions in which the
        // curvature need not be positive.
        let lift: Vector = std::array::from_fn(|d| {
            let square = |along: &Vec<f64>| slots.iter().map(|&s| along[s].powi(2)).sum::<f64>();
            let square = self.displacements.get(d).map_or(0.0, square);
            if square > 0.0 { mean_curvature * n as f64 / square } else { 0.0 }
        });
        // In single precision what λ is known to be is left out, or its rounding would hide the step.
        let known = if check == SilentCheck::EveryStep { [0.0; 2] } else { multiplier };
        // Of the mean curvature: what a matrix that is not positive definite gets first. Single precision cannot tell the
        // smaller one from rounding.
        let smallest = if check == SilentCheck::EveryStep { 1e-2 } else { 4e-2 };
        let Self { local, displacements, system, single_system, .. } = self;
        let mut solution = Vec::with_capacity((1 + displacements.len()) * n);
        let mut damping = self.search.damping;
        let mut raised = false;
        loop {
            solution.clear();
            solution.extend(gradient.iter().zip(&slots).map(|(g, &s)| {
                let pulls = displacements.iter().zip(known);
                pulls.fold(-g, |rest, (along, known)| rest - known * along[s])
            }));
            for along in displacements.iter() {
                solution.extend(slots.iter().map(|&s| along[s]));
            }
            let terms = Terms { local, displacements, slots: &slots, curvature: &curvature, lift, damping };
            let solved = match check {
                SilentCheck::EveryStep => system.solve(&terms, &mut solution),
                SilentCheck::Rarely | SilentCheck::AtRest => single_system.solve(&terms, &mut solution),
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
        let (newton, borders) = solution.split_at(n);
        let excess = excess(displacements, &slots, newton, borders);
        let delta: Vec<f64> = (0..n)
            .map(|k| {
                let borders = borders.chunks_exact(n).zip(excess);
                borders.fold(newton[k], |delta, (border, excess)| delta - excess * border[k])
            })
            .collect();
        let multiplier = std::array::from_fn(|d| known[d] + excess[d]);
        let slope = gradient.iter().zip(&delta).map(|(g, d)| g * d).sum();
        Some(Step { slots, delta, multiplier, slope, damping, raised, mean_curvature })
    }

    /// The slots that a whole step silences: `T ≤ 0`, and half the rate is gone.
    fn leaving(&self, step: &Step) -> Vec<usize> {
        let leaves = |&(&slot, &delta): &(&usize, &f64)| {
            delta < -0.5 * self.rates[slot] && self.target(slot, step.multiplier) <= 0.0
        };
        step.slots.iter().zip(&step.delta).filter(leaves).map(|(&slot, _)| slot).collect()
    }

    /// Walks along the step, projected, until the energy falls enough, and leaves the new state in place; returns how
    /// much of the step that was, or `None` if the energy does not fall.
    fn line_search(&mut self, transfer: Transfer, step: &Step, check: SilentCheck) -> Option<f64> {
        let stays = check == SilentCheck::EveryStep && !self.is_on_surface();
        let leaving = if stays { Vec::new() } else { self.leaving(step) };
        let energy = self.search.energy;
        let unresolved = ENERGY_RESOLUTION * energy.magnitude();
        // A system that was hardly definite, solved in single precision, may lead uphill.
        if check != SilentCheck::EveryStep && step.slope > unresolved {
            return None;
        }
        let unheard = RATE_RESOLUTION * self.rates.iter().copied().fold(0.0, f64::max);
        let mut length = 1.0;
        for _ in 0..=MAX_HALVINGS {
            self.trial.rates.clone_from(&self.rates);
            for (&slot, delta) in step.slots.iter().zip(&step.delta) {
                let rate = self.rates[slot] + length * delta;
                let silent = rate < unheard && self.target(slot, step.multiplier) <= 0.0;
                self.trial.rates[slot] = if silent { 0.0 } else { rate.max(0.0) };
            }
            if length == 1.0 {
                leaving.iter().for_each(|&slot| self.trial.rates[slot] = 0.0);
            }
            project(&mut self.trial.rates, &self.displacements);
            self.evaluate_trial();
            let parts = self.parts(transfer);
            let change = parts.energy() - energy.energy();
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
    pub(crate) fn finish(&mut self, of: Energy<'_>, constraint: &Constraint) -> Minimum {
        let state = self.sorted();
        if !self.field_is_current {
            field(self.arch, of.weights, &state.active, &state.rates, &mut self.field);
        }
        let Search { multiplier, iterations, .. } = self.search;
        let certificate = certify(of, constraint, state.view(), &self.field, multiplier, iterations);
        Minimum { energy: of.from_field(state.view(), &self.field), multiplier, certificate, state }
    }

    /// `T = h + Wr − λ·c` of every neuron at the finished state `[neurons]` (Hz²).
    pub(crate) fn targets(&self, of: Energy<'_>, constraint: &Constraint) -> Vec<f64> {
        let free = of.external_current.iter().zip(&self.field).map(|(h, f)| h + f);
        let mut targets: Vec<f64> = free.collect();
        for (along, l) in constraint.displacements.iter().zip(self.search.multiplier) {
            targets.iter_mut().zip(along).for_each(|(t, c)| *t -= l * c);
        }
        targets
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
    multiplier: Vector,
    damping: f64,
    iterations: u32,
}
