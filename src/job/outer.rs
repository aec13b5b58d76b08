//! The outer iteration (eqs. 3, S24): states → energies → weight change, again, until the landscape is flat.

use std::time::Instant;

use rayon::prelude::*;

use crate::connectivity::matrix::{WeightMatrix, WeightStatistics};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::reached::{Accepted, IterationRecord, Landscape, Status, record};
use crate::job::rows::Rows;
use crate::landscape::constraint::OVERLAP_MINIMUM;
use crate::landscape::problem::{Minima, Start};
use crate::landscape::roughness::Roughness;
use crate::landscape::states::{StateBuf, States};
use crate::manifold::Points;
use crate::setup::config::{Method, SearchStart};
use crate::solve::WeightProblem;
use crate::solve::least_norm::toward_least_norm;
use crate::solve::manifolds::Manifolds;
use crate::solve::pseudo_inverse::pseudo_inverse;

/// Ways to try a weight update, in order: how much to raise the ridge, and what part of the step to take.
/// A shorter step costs new minima only, a raised ridge a new solve. Ridges at which the solve fails are passed over.
pub(crate) const ATTEMPTS: [(f64, f64); 4] = [(1.0, 1.0), (1.0, 0.5), (100.0, 1.0), (100.0, 0.5)];

/// After an accepted update a raised ridge falls by this factor.
const RIDGE_RECOVERY: f64 = 10.0;

/// How much the ridge stays raised after an accepted update in which it was raised by `factor`.
pub(crate) fn after_acceptance(factor: f64) -> f64 {
    (factor / RIDGE_RECOVERY).max(1.0)
}

impl Job<'_> {
    /// Flattens the landscape, from the beginning or from where `reached` left it. `on_accept` is called with
    /// everything reached after the first evaluation and every accepted update.
    ///
    /// If it is stopped before there is a first landscape, it ends in [`Error::Interrupted`]; later it returns what it has reached.
    ///
    /// # Errors
    /// If the backend fails or does not support the problem, or `on_accept` fails.
    pub fn flatten(
        &self,
        reached: Option<Landscape>,
        on_accept: &mut dyn FnMut(&Landscape) -> Result<()>,
    ) -> Result<(Landscape, Status)> {
        self.plan.check_energy()?;
        if self.plan.config.flatten.method != Method::Idealized {
            self.backend.supports(&self.problem(&self.network.weights))?;
        }
        let mut landscape = match reached {
            Some(landscape) => landscape,
            None => {
                let landscape = self.first_landscape()?;
                on_accept(&landscape)?;
                landscape
            }
        };
        loop {
            let updates = landscape.records.len() - 1;
            if landscape.energy_sd() <= self.plan.config.flatten.tolerance {
                self.monitor.skip((updates..self.plan.iterations).map(|u| self.plan.update_seconds(u)).sum());
                return Ok((landscape, Status::Converged));
            }
            if updates == self.plan.iterations {
                return Ok((landscape, Status::IterationsUsedUp));
            }
            match self.improve(&mut landscape) {
                Ok(Improvement::Accepted) => on_accept(&landscape)?,
                Ok(Improvement::Rejected) => return Ok((landscape, Status::NoFurtherProgress)),
                Err(Error::Interrupted) => return Ok((landscape, Status::Interrupted)),
                Err(error) => return Err(error),
            }
        }
    }

    /// The landscape of the network as it is, before any weight is changed.
    fn first_landscape(&self) -> Result<Landscape> {
        let started = Instant::now();
        let weights = &self.network.weights;
        let fitted = self.evaluate("landscape", weights, self.fitted_points(), Start::Idealized)?;
        let held_out =
            self.evaluate("landscape between", weights, self.held_out_points(), Start::Idealized)?;
        let delta = WeightMatrix::zeros(self.plan.neurons);
        let height = self.idealized_height(weights, &fitted)?;
        let accepted =
            Accepted { attempts: 0, ridge: 0.0, step: 0.0, statistics: WeightStatistics::default(), height };
        let record = self.record(0, &fitted, &held_out, accepted, started);
        Ok(Landscape {
            delta,
            fitted: fitted.states,
            held_out: held_out.states,
            energies: fitted.energies,
            records: vec![record],
            ridge_factor: 1.0,
        })
    }

    /// Makes one weight update that flattens the landscape, if one can be found. If the idealized bumps are to be flattened
    /// too and no such update is found, it tries the minima alone.
    fn improve(&self, landscape: &mut Landscape) -> Result<Improvement> {
        if self.plan.flattening_updates(landscape.records.len() - 1).is_none() {
            return self.apply_pseudo_inverse(landscape);
        }
        let mut tried = 0;
        if self.plan.flattens_idealized(landscape.records.len() - 1) {
            if self.attempt(landscape, true, tried)? == Improvement::Accepted {
                return Ok(Improvement::Accepted);
            }
            tried = ATTEMPTS.len();
        }
        self.attempt(landscape, false, tried)
    }

    /// Makes the weight change of the pseudo-inverse rule, whatever the landscape becomes.
    fn apply_pseudo_inverse(&self, landscape: &mut Landscape) -> Result<Improvement> {
        let started = Instant::now();
        let (points, ridge) = (self.fitted_points(), self.plan.config.flatten.pseudo_inverse_ridge);
        let problem = self.problem(&self.network.weights);
        let delta = self.stage("pseudo-inverse rule", points.len(), 0.0, |tick| {
            pseudo_inverse(&problem, points, ridge, tick)
        })?;
        let weights = self.network.weights.plus(1.0, &delta);
        let fitted = self.evaluate("landscape", &weights, points, Start::Idealized)?;
        let held_out =
            self.evaluate("landscape between", &weights, self.held_out_points(), Start::Idealized)?;
        let (statistics, height) = (delta.statistics(), self.idealized_height(&weights, &fitted)?);
        let accepted = Accepted { attempts: 1, ridge, step: 1.0, statistics, height };
        let record = self.record(landscape.records.len(), &fitted, &held_out, accepted, started);
        landscape.advance(delta, fitted, held_out, record);
        Ok(Improvement::Accepted)
    }

    /// Tries weight updates of the minima alone or of the idealized bumps too, after `tried` others.
    fn attempt(&self, landscape: &mut Landscape, idealized: bool, tried: usize) -> Result<Improvement> {
        let started = Instant::now();
        let rows = self.rows(landscape, idealized)?;
        let mut update: Option<((f64, f64), WeightMatrix)> = None;
        let restricted = self.plan.restriction().is_some();
        let mut failure: Option<(f64, Error)> = None;
        for (attempt, (raise, step)) in ATTEMPTS.into_iter().enumerate() {
            if (self.stop)() {
                return Err(Error::Interrupted);
            }
            let ridge = self.ridge(landscape.records.len() - 1, raise * landscape.ridge_factor);
            if failure.as_ref().is_some_and(|(of, _)| *of == ridge) {
                continue;
            }
            // A part of a permitted change need not be permitted: it is solved for by itself.
            let of_solved = if restricted { step } else { 1.0 };
            let (wanted, part) = ((ridge, of_solved), step / of_solved);
            let solved = match update.take() {
                Some((of, solved)) if of == wanted => solved,
                _ => match self.solve(&rows, landscape, ridge, of_solved) {
                    Ok(solved) => solved,
                    // A raised ridge may help.
                    Err(error @ Error::Run(_)) => {
                        failure = Some((ridge, error));
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            let delta = landscape.delta.plus(part, &solved);
            let weights = self.network.weights.plus(1.0, &delta);
            let fitted =
                self.evaluate_after(&weights, "landscape", self.fitted_points(), &landscape.fitted)?;
            if Roughness::of_minima(&fitted, &self.fitted_points().levels()).sd < landscape.energy_sd() {
                let held_out = self.evaluate_after(
                    &weights,
                    "landscape between",
                    self.held_out_points(),
                    &landscape.held_out,
                )?;
                let size = solved.statistics();
                let statistics = WeightStatistics { mean_abs: part * size.mean_abs, sd: part * size.sd };
                let height = self.idealized_height(&weights, &fitted)?;
                let accepted = Accepted { attempts: tried + attempt + 1, ridge, step, statistics, height };
                let record = self.record(landscape.records.len(), &fitted, &held_out, accepted, started);
                landscape.ridge_factor = after_acceptance(landscape.ridge_factor * raise);
                landscape.advance(delta, fitted, held_out, record);
                return Ok(Improvement::Accepted);
            }
            update = Some((wanted, solved));
        }
        match (update, failure) {
            (None, Some((_, error))) => Err(error),
            _ => Ok(Improvement::Rejected),
        }
    }

    /// The record of a landscape, its roughness about the level of each group of maps.
    fn record(
        &self,
        iteration: usize,
        fitted: &Minima,
        held_out: &Minima,
        accepted: Accepted,
        started: Instant,
    ) -> IterationRecord {
        let (at, between) = (self.fitted_points().levels(), self.held_out_points().levels());
        record(iteration, [(fitted, at.as_slice()), (held_out, between.as_slice())], accepted, started)
    }

    /// The change of M. Under restrictions it is solved for a part `step` of the way.
    fn solve(&self, rows: &Rows<'_>, landscape: &Landscape, ridge: f64, step: f64) -> Result<WeightMatrix> {
        let label = format!("weights, update {} of {}", landscape.records.len(), self.plan.iterations);
        let Rows { states, energies, at_each } = rows;
        let (plan, cost) = (self.plan, &self.plan.cost);
        let seconds = if *at_each > 1 { cost.first_update_seconds } else { cost.update_seconds };
        let points = self.fitted_points();
        let problem = WeightProblem {
            manifolds: Manifolds { states, maps: &self.network.maps, points, at_each: *at_each },
            energies,
            ridge,
            solver: plan.solver,
            accuracy: plan.accuracy,
        };
        let least_norm = plan.config.flatten.least_norm;
        self.stage(&label, states.len(), seconds, |tick| match plan.restriction() {
            None if least_norm > 0.0 => {
                let solve = |problem: &WeightProblem<'_>| self.backend.weight_update(problem, tick);
                toward_least_norm(&problem, &landscape.delta, least_norm, solve)
            }
            None => self.backend.weight_update(&problem, tick).map(|update| update.delta),
            Some(restriction) => restriction.change(&problem, &landscape.delta, step, tick),
        })
    }

    /// The ridge of the weight update after `updates` others: what the configuration asks for, times `flatten.ridge_decay`
    /// for every update made, and times `factor` where updates were rejected.
    pub(crate) fn ridge(&self, updates: usize, factor: f64) -> f64 {
        let flatten = &self.plan.config.flatten;
        let updates = self.plan.flattening_updates(updates).unwrap_or(0);
        let asked = flatten.ridge * flatten.ridge_decay.powf(updates as f64);
        // A ridge of 0 is raised to the size of rounding first.
        if factor > 1.0 { (asked.max(f64::EPSILON) * factor).min(1.0) } else { asked }
    }

    /// As [`Job::evaluate`] after a weight update, given the states before it. A bump that has left its place is sought there
    /// again; otherwise it would be followed wherever it went.
    fn evaluate_after(
        &self,
        weights: &WeightMatrix,
        label: &str,
        points: Points<'_>,
        before: &States,
    ) -> Result<Minima> {
        if self.plan.config.flatten.start == SearchStart::Idealized {
            return self.evaluate(label, weights, points, Start::Idealized);
        }
        let (bumps, maps) = (&self.network.bumps, &self.network.maps);
        let idealized_if_lost = |s: usize| {
            let idealized = bumps.at(maps, &points.get(s));
            let overlap = before.get(s).overlap(idealized.view());
            (!(overlap >= OVERLAP_MINIMUM)).then_some(idealized)
        };
        let lost: Vec<Option<StateBuf>> = (0..points.len()).into_par_iter().map(idealized_if_lost).collect();
        if lost.iter().all(Option::is_none) {
            return self.evaluate(label, weights, points, Start::States(before));
        }
        let starts =
            before.iter().zip(&lost).map(|(state, lost)| lost.as_ref().map_or(state, StateBuf::view));
        let starts = States::pack(before.neurons(), starts);
        self.evaluate(label, weights, points, Start::States(&starts))
    }

    /// States and energies at the given points: idealized bumps or constrained minima, as the method asks.
    fn evaluate(
        &self,
        label: &str,
        weights: &WeightMatrix,
        points: Points<'_>,
        start: Start<'_>,
    ) -> Result<Minima> {
        let problem = self.problem(weights);
        let first = matches!(start, Start::Idealized);
        let cost = &self.plan.cost;
        let seconds = 0.5 * if first { cost.minima_seconds } else { cost.later_minima_seconds };
        self.stage(label, points.len(), seconds, |tick| match self.plan.config.flatten.method {
            Method::Idealized => {
                let (states, energies) = self.idealized(weights, points, tick)?;
                Ok(Minima { states, energies, multipliers: Vec::new(), certificates: Vec::new() })
            }
            Method::None | Method::Constrained | Method::PseudoInverse | Method::MaximalMargin => {
                self.backend.minima(&problem, points, start, tick)
            }
        })
    }
}

#[derive(PartialEq, Eq)]
enum Improvement {
    Accepted,
    Rejected,
}
