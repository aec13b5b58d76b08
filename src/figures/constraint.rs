//! Figure S8: the position is held under the constraint and lost without it; energy along and across the manifold.
//!
//! Along the manifold the energy is compared in second order: a parabola's curvature there, over that across. Its slope
//! is −λ Σ r, the force that is left between the fitted points; `iterations.csv` of a run and the landscapes of figures
//! 5 and S9 show how large that is.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

use super::example::{Example, SHOWN_MAPS};
use super::study::Way;
use super::verdict::Range;
use super::{Output, Verdict};
use crate::error::Result;
use crate::landscape::descent::descent_course;
use crate::landscape::minima::minima;
use crate::landscape::problem::Start;
use crate::landscape::states::{State, StateBuf, States};
use crate::manifold::{Points, start_point};
use crate::plot::{LinePlot, Series, look};
use crate::progress::Tick;

/// Gradient steps shown, as in the paper.
const STEPS: usize = 3000;

/// Points whose descent is shown.
const EXAMPLES: usize = 8;

/// Distance from the minimum, in units of a unit vector of currents (Hz²).
const REACH: f64 = 10.0;

/// Directions across the constraint.
const DIRECTIONS: usize = 3;

#[derive(Serialize)]
struct CourseRow {
    point: usize,
    step: usize,
    held: f64,
    free: f64,
}

#[derive(Serialize)]
struct ProfileRow {
    direction: String,
    distance: f64,
    energy: f64,
}

pub(super) fn draw(example: &Example, output: &mut Output) -> Result<()> {
    let weights = example.weights(Way::None);
    let problem = example.problem(&weights);
    let mut rows = Vec::new();
    let (mut held_most, mut free_most): (f64, f64) = (0.0, 0.0);
    let mut shown = Vec::new();
    for k in 0..EXAMPLES {
        let point = start_point(&example.network.maps, SHOWN_MAPS[0], k, EXAMPLES);
        let (held, free) =
            (descent_course(&problem, &point, STEPS, true), descent_course(&problem, &point, STEPS, false));
        let last = free.last().copied().unwrap_or(0.0).abs();
        held_most = held_most.max(held.iter().fold(0.0, |m, x| m.max(x.abs())));
        if last > free_most {
            free_most = last;
            shown = vec![
                ("with constraint", look::IDEALIZED, held.clone()),
                ("without", look::NONE, free.clone()),
            ];
        }
        rows.extend(held.iter().zip(&free).enumerate().step_by(10).map(|(step, (&held, &free))| CourseRow {
            point: point.base[0] as usize,
            step,
            held,
            free,
        }));
    }
    output.csv("figure-S8-position", &rows);
    let series = shown
        .into_iter()
        .map(|(label, look, course)| {
            let points = course.iter().enumerate().step_by(10).map(|(step, &x)| (step as f64, x)).collect();
            Series::curve(label, look, points)
        })
        .collect();
    output.plot(
        "figure-S8-position",
        &LinePlot {
            title: "Figure S8a: the constraint holds the bump in its place".to_owned(),
            note: format!(
                "The start that moves most without the constraint, of {EXAMPLES} in map {}.",
                SHOWN_MAPS[0]
            ),
            x_label: "gradient step".to_owned(),
            y_label: "displacement (neuron units)".to_owned(),
            series,
            ..LinePlot::default()
        },
    )?;
    displacement_verdicts(held_most, free_most, output);
    profiles(example, output)
}

fn displacement_verdicts(held_most: f64, free_most: f64, output: &mut Output) {
    let paper = "the position stays fixed under the constraint (fig. S8a)";
    output.verdict(Verdict::new(
        "S8",
        "largest displacement with the constraint (neuron units)",
        paper,
        Range::at_most(1.0, "one neuron unit, the spacing of the neurons"),
        held_most,
    ));
    let paper = "drifts systematically without it: 7.5 and 30 units shown (fig. S8a)";
    output.verdict(Verdict::new(
        "S8",
        "largest displacement without it (neuron units)",
        paper,
        Range::at_least(3.0, "several times what the constraint allows; less than the two starts shown"),
        free_most,
    ));
}

/// Figure S8b: energy of the flattened network at I + α·u, for unit vectors u along the manifold of constrained minima
/// and across it.
fn profiles(example: &Example, output: &mut Output) -> Result<()> {
    let weights = example.weights(Way::Paper);
    let problem = example.problem(&weights);
    let points = Points::fitted(&example.network.maps, example.plan.points_per_map);
    let start = Start::States(&example.landscape(Way::Paper).fitted);
    let found = minima(&problem, points, start, &Tick::silent())?;
    let shown = SHOWN_MAPS[0] * points.per_map() + points.per_map() / 2;
    let state = found.states.get(shown);
    let directions = directions(state, found.states.get(shown - 1), found.states.get(shown + 1));
    let mut rows = Vec::new();
    let mut series = Vec::new();
    let mut parabolas = Vec::new();
    let looks = [look::IDEALIZED, look::NONE, look::SIXTH, look::CONSTRAINED];
    for (i, (direction, look)) in directions.iter().zip(looks).enumerate() {
        let distances: Vec<f64> = (-20..=20).map(|k| REACH * f64::from(k) / 20.0).collect();
        let moved: Vec<StateBuf> = distances.iter().map(|&a| moved(state, direction, a)).collect();
        let states = States::pack(example.plan.neurons, moved.iter().map(StateBuf::view));
        let energies = problem.energy().of_states(&states);
        let curve: Vec<(f64, f64)> =
            distances.iter().zip(&energies).map(|(&a, e)| (a, e - found.energies[shown])).collect();
        let across = i > 0;
        parabolas.push(Parabola::through(&curve));
        let label = if across {
            format!("across the manifold, direction {i}")
        } else {
            "along the manifold".to_owned()
        };
        rows.extend(curve.iter().map(|&(distance, energy)| ProfileRow {
            direction: label.clone(),
            distance,
            energy,
        }));
        series.push(Series::curve(&label, look, curve));
    }
    output.csv("figure-S8-energy", &rows);
    output.plot(
        "figure-S8-energy",
        &LinePlot {
            title: "Figure S8b: energy around a constrained minimum".to_owned(),
            note: format!(
                "Flattened network, map {}. Along the manifold and across it in {DIRECTIONS} random directions; \
                 distance along a unit vector of currents.",
                SHOWN_MAPS[0]
            ),
            x_label: "distance from the minimum (Hz²)".to_owned(),
            y_label: "energy less the minimum (Hz³)".to_owned(),
            series,
            ..LinePlot::default()
        },
    )?;
    profile_verdicts(&parabolas[0], &parabolas[1..], output);
    Ok(())
}

fn profile_verdicts(along: &Parabola, across: &[Parabola], output: &mut Output) {
    let worst_fit = across.iter().map(|p| p.fit).fold(1.0, f64::min);
    let paper = "quadratic across the constraint, R² = 0.99 (fig. S8b)";
    let quantity = "R² of a parabola across the manifold, worst direction";
    output.verdict(Verdict::new(
        "S8",
        quantity,
        paper,
        Range::new(0.98, 1.0, "0.99, give or take one in the last digit"),
        worst_fit,
    ));
    let stiffness = across.iter().map(|p| p.curvature).sum::<f64>() / across.len() as f64;
    let flat = Range::new(-0.25, 0.25, "at most a quarter of the curvature across counts as flat");
    let paper = "flat along the constraint, quadratic across it (fig. S8b)";
    let quantity = "curvature of the energy along the manifold over that across";
    output.verdict(Verdict::new("S8", quantity, paper, flat, along.curvature / stiffness));
}

/// Unit vectors over the active neurons' currents: the manifold's tangent, from the minima before and after, and random
/// ones orthogonal to it and to each other.
fn directions(state: State<'_>, before: State<'_>, after: State<'_>) -> Vec<Vec<f64>> {
    let rate = |of: State<'_>, i: u32| of.active.binary_search(&i).map_or(0.0, |a| of.rates[a]);
    let tangent: Vec<f64> =
        state.active.iter().map(|&i| rate(after, i).powi(2) - rate(before, i).powi(2)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for k in 0..=DIRECTIONS {
        let mut vector: Vec<f64> = if k == 0 {
            tangent.clone()
        } else {
            state.rates.iter().map(|_| rng.random_range(-1.0..1.0)).collect()
        };
        for other in &basis {
            let overlap: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
            vector.iter_mut().zip(other).for_each(|(a, b)| *a -= overlap * b);
        }
        let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        basis.push(vector);
    }
    basis
}

/// The state whose currents are displaced by `distance` along a direction of the active neurons.
fn moved(state: State<'_>, direction: &[f64], distance: f64) -> StateBuf {
    let pairs = state.active.iter().zip(state.rates).zip(direction);
    let moved = pairs.map(|((&i, r), d)| (i, (r * r + distance * d).max(0.0).sqrt()));
    let (active, rates) = moved.filter(|p| p.1 > 0.0).unzip();
    StateBuf { active, rates }
}

/// The best parabola through a curve on a symmetric grid.
struct Parabola {
    curvature: f64,
    /// R²: the fraction of the variance explained by the parabola.
    fit: f64,
}

impl Parabola {
    fn through(curve: &[(f64, f64)]) -> Self {
        let n = curve.len() as f64;
        let mean = |f: &dyn Fn(f64, f64) -> f64| curve.iter().map(|&(x, y)| f(x, y)).sum::<f64>() / n;
        let (y, xx, xxxx) = (mean(&|_, y| y), mean(&|x, _| x * x), mean(&|x, _| x.powi(4)));
        let slope = mean(&|x, y| x * y) / xx;
        let curvature = (mean(&|x, v| x * x * v) - xx * y) / (xxxx - xx * xx);
        let offset = y - curvature * xx;
        let residual = mean(&|x, v| (v - offset - slope * x - curvature * x * x).powi(2));
        Self { curvature, fit: 1.0 - residual / mean(&|_, v| (v - y).powi(2)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parabolas_are_recognized() {
        let grid = (-10..=10).map(f64::from);
        let bent =
            Parabola::through(&grid.clone().map(|x| (x, 3.0 + 0.5 * x + 0.2 * x * x)).collect::<Vec<_>>());
        assert!((bent.curvature - 0.2).abs() < 1e-12 && bent.fit > 1.0 - 1e-12);
        let kinked = Parabola::through(&grid.map(|x| (x, (x.abs() - 8.0).max(0.0))).collect::<Vec<_>>());
        assert!(kinked.fit < 0.9, "{}", kinked.fit);
    }
}
