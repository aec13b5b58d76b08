//! The first and the last landscape, at a sample of their points.

use std::ops::Range;

use rand::seq::index;

use super::Checker;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::job::reached::IterationRecord;
use crate::landscape::minima::{self, minima_by_map};
use crate::landscape::problem::{Minima, Start};
use crate::landscape::roughness::about_one_level;
use crate::landscape::states::{StateBuf, States};
use crate::manifold::{Point, Points};
use crate::progress::Tick;
use crate::setup::config::{Method, SearchStart};

/// Energies of minima converged to 10⁻⁹ Hz² agree far better; this is rounding of |E| ≈ 10⁵ between platforms.
const TOLERANCE: f64 = 1e-10;

/// Random points of a landscape that are computed again, fitted and held out.
const SAMPLE: usize = 400;

/// Of those, the fraction that may differ: where two minima exist, rounding on another platform may choose the other.
const BRANCHES: f64 = 0.02;

/// The same where minima were not sought from the idealized bump, as they are here, but from those before a weight update or
/// from neighbours: where two minima exist they may be the other one, at extremes above all, and lower as often as higher. A
/// landscape that was made up agrees nowhere, one that was followed in most places. Measured on the last landscapes of sound
/// runs: none of the points of `smoke.toml` differ, 3 % of `paper.toml`, 26 % at L = 20, and 28 % of the worst of eight
/// networks of 120 neurons and three maps; 28 % and five standard errors of a sample of 400 are this.
const OTHER_BRANCHES: f64 = 0.4;

/// Rates of `rates.npy` are rounded to f32, which moves the energy of a minimum by the square of that, and by the first
/// order where the constraint holds it; relative to |E|.
const STATE_TOLERANCE: f64 = 1e-5;

/// A quantile of so many values lies within five standard errors of the true one: half of them, less or more this part.
fn quantile_error(count: usize) -> f64 {
    5.0 * 0.5 / (count as f64).sqrt()
}

impl Checker<'_> {
    /// The landscapes before the first and after the last update.
    pub(super) fn landscapes(&mut self) -> Result<()> {
        let Some(delta) = &self.records.delta else { return Ok(()) };
        let base = self.job.network.weights.clone();
        let last = base.plus(1.0, delta);
        let updates = self.records.iterations.len() - 1;
        self.landscape(0, &base, "the first landscape")?;
        if updates > 0 { self.landscape(updates, &last, "the last landscape") } else { Ok(()) }
    }

    fn landscape(&mut self, index: usize, weights: &WeightMatrix, which: &str) -> Result<()> {
        let plan = self.job.plan;
        let states = plan.states();
        let landscape = &self.records.energies[index * states..(index + 1) * states];
        let mut sample = index::sample(&mut self.random(which), states, SAMPLE.min(states)).into_vec();
        let random = sample.len();
        for map in landscape.chunks_exact(plan.points_per_map).enumerate() {
            sample.extend(extremes(map.1).map(|k| map.0 * plan.points_per_map + k));
        }
        let points = self.job.fitted_points();
        let points: Vec<Point> = sample.iter().map(|&s| points.get(s)).collect();
        let found = self.evaluate(weights, &points)?;
        let same = |at: usize| {
            let claimed = landscape[sample[at]];
            (found.energies[at] - claimed).abs() <= TOLERANCE * claimed.abs()
        };
        let differ = (0..random).filter(|&at| !same(at)).count();
        let extreme = (random..sample.len()).filter(|&at| !same(at)).count();
        let allowed = self.branches(index);
        let holds = differ as f64 <= allowed * random as f64
            && (allowed > BRANCHES || extreme as f64 <= (allowed * sample.len() as f64).max(1.0));
        let what = format!("{which} has the energies of the network's constrained minima");
        self.claim("energies.npy", holds, &what)?;
        let holds = self.between(index, weights)?;
        self.claim(
            "iterations.csv",
            holds,
            &format!("{which} is as rough between the fitted points as it says"),
        )
    }

    /// The fraction of minima that may be other ones than those found here.
    fn branches(&self, index: usize) -> f64 {
        let flatten = &self.job.plan.config.flatten;
        let large = minima_by_map(self.job.plan.neurons, flatten.minimizer);
        let by_map = large && self.job.network.maps.are_full_rings() && self.on_cpu();
        let followed = index > 0 && flatten.start == SearchStart::Previous;
        match flatten.method {
            Method::Idealized => 0.0,
            _ if by_map || followed => OTHER_BRANCHES,
            _ => BRANCHES,
        }
    }

    /// States and energies at some points, as the method evaluates them, each by itself.
    fn evaluate(&self, weights: &WeightMatrix, points: &[Point]) -> Result<Minima> {
        let (network, problem) = (self.job.network, self.job.problem(weights));
        if self.job.plan.config.flatten.method != Method::Idealized {
            return minima::at(&problem, points, Start::Idealized, &Tick::silent());
        }
        let bumps: Vec<StateBuf> =
            points.iter().map(|point| network.bumps.at(&network.maps, point)).collect();
        let states = States::pack(network.neurons(), bumps.iter().map(StateBuf::view));
        let energies = network.energy(weights).of_states(&states);
        Ok(Minima { states, energies, multipliers: Vec::new(), certificates: Vec::new() })
    }

    /// Spread and slope between the fitted points, which are not kept: a sample of them is found again.
    fn between(&self, index: usize, weights: &WeightMatrix) -> Result<bool> {
        let points: Points<'_> = self.job.held_out_points();
        let count = SAMPLE.min(points.len());
        let sample = index::sample(&mut self.random(&format!("between {index}")), points.len(), count);
        let mut sample = sample.into_vec();
        sample.sort_unstable();
        let level = |level: Range<usize>| {
            sample.partition_point(|s| *s < level.start)..sample.partition_point(|s| *s < level.end)
        };
        let mut levels: Vec<Range<usize>> = points.levels().into_iter().map(level).collect();
        levels.retain(|level| !level.is_empty());
        let points: Vec<Point> = sample.iter().map(|&s| points.get(s)).collect();
        let found = self.evaluate(weights, &points)?;
        let slopes: Vec<f64> = found.multipliers.iter().map(|m| m[0].hypot(m[1])).collect();
        Ok(spread_agrees(&about_one_level(&found.energies, &levels), &self.records.iterations[index])
            && slope_agrees(&slopes, self.records.iterations[index].heldout_lambda_rms))
    }

    /// `rates.npy`, where it is: the states of the last landscape have its energies.
    pub(super) fn states(&mut self) -> Result<()> {
        const FILE: &str = "rates.npy";
        let (plan, network) = (self.job.plan, self.job.network);
        let (Some(delta), true) = (&self.records.delta, self.directory.has(FILE)) else { return Ok(()) };
        let (shape, rates) = self.directory.read_array::<f32>(FILE)?;
        let mut holds = shape == [plan.states(), plan.neurons];
        if holds {
            let weights = network.weights.plus(1.0, delta);
            let dense =
                |row: &[f32]| StateBuf::from_dense(&row.iter().map(|&r| f64::from(r)).collect::<Vec<f64>>());
            let states: Vec<StateBuf> = rates.chunks_exact(plan.neurons).map(dense).collect();
            let states = States::pack(plan.neurons, states.iter().map(StateBuf::view));
            let landscape = &self.records.energies[self.records.energies.len() - plan.states()..];
            let found = network.energy(&weights).of_states(&states);
            holds = rates.iter().all(|r| *r >= 0.0)
                && found.iter().zip(landscape).all(|(a, b)| (a - b).abs() <= STATE_TOLERANCE * b.abs());
        }
        self.claim(FILE, holds, "the states have the energies of the last landscape")
    }
}

/// Places of the lowest and the highest energy.
fn extremes(landscape: &[f64]) -> [usize; 2] {
    let by_energy = |a: &usize, b: &usize| landscape[*a].total_cmp(&landscape[*b]);
    let places = || 0..landscape.len();
    [places().min_by(by_energy).unwrap_or(0), places().max_by(by_energy).unwrap_or(0)]
}

/// Whether a sample could be of a landscape with the spread that is claimed. Half of all energies lie within the median
/// deviation, whatever their distribution: fewer than half within less of it, more than half within more. Nothing lies
/// beyond the peak, but by the error of the sample's mean.
fn spread_agrees(sample: &[f64], row: &IterationRecord) -> bool {
    if sample.len() < 20 {
        // Too few for anything but the order of magnitude, which the peak bounds.
        return peak(sample) <= 2.0 * row.heldout_peak + f64::EPSILON;
    }
    let mut sorted = sample.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    let deviation = row.heldout_robust_sd / 1.4826;
    let within =
        |d: f64| sample.iter().filter(|e| (*e - middle).abs() <= d).count() as f64 / sample.len() as f64;
    let error = quantile_error(sample.len());
    // 1.5 covers the error of the middle itself; rounding of energies of 10⁵ is what remains of a flat landscape.
    let rounding = 1e-9 * middle.abs();
    within(1.5 * deviation + rounding) >= 0.5 - error
        && within((deviation / 1.5 - rounding).max(0.0)) <= 0.5 + error
        && row.heldout_sd >= 0.5 * deviation
}

fn peak(sample: &[f64]) -> f64 {
    let mean = sample.iter().sum::<f64>() / sample.len() as f64;
    sample.iter().map(|e| (e - mean).abs()).fold(0.0, f64::max)
}

/// Whether the root mean square of the slopes could be what is claimed: not far below that of the sample without its
/// largest, and no more than the largest could make of it.
fn slope_agrees(sample: &[f64], claimed: Option<f64>) -> bool {
    match claimed {
        None => sample.is_empty(),
        Some(_) if sample.is_empty() => false,
        Some(claimed) => {
            let mut squares: Vec<f64> = sample.iter().map(|x| x * x).collect();
            squares.sort_unstable_by(f64::total_cmp);
            let bulk = squares.len() - squares.len() / 20;
            let bulk_rms = (squares[..bulk].iter().sum::<f64>() / bulk as f64).sqrt();
            claimed >= 0.5 * bulk_rms
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_tells_a_spread_from_half_of_it() {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        let sample: Vec<f64> = (0..SAMPLE).map(|_| -2e5 + 100.0 * uniform()).collect();
        // Half of a uniform distribution of width 100 lies within 25.
        let row = |scale: f64| IterationRecord {
            heldout_sd: scale * 29.0,
            heldout_peak: scale * 50.0,
            heldout_robust_sd: scale * 25.0 * 1.4826,
            ..IterationRecord::default()
        };
        assert!(spread_agrees(&sample, &row(1.0)));
        for scale in [0.01, 0.3, 3.0, 100.0] {
            assert!(!spread_agrees(&sample, &row(scale)), "{scale}");
        }
        assert!(slope_agrees(&[1.0; 50], Some(1.0)) && !slope_agrees(&[1.0; 50], Some(0.1)));
        assert_eq!(extremes(&[3.0, 1.0, 5.0, 2.0]), [1, 2]);
    }
}
