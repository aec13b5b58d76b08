//! The first and the last landscape, at a sample of their points.

use std::ops::Range;

use super::super::findings::STATES;
use super::super::witnesses::{self, Witnesses};
use super::Checker;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::job::reached::IterationRecord;
use crate::landscape::constraint::RESIDUAL_TOLERANCE;
use crate::landscape::minima::{self, minima_by_map};
use crate::landscape::problem::{Minima, Start};
use crate::landscape::roughness::about_one_level;
use crate::landscape::states::{State, StateBuf, States};
use crate::manifold::Point;
use crate::progress::Tick;
use crate::setup::config::Method;

/// Energies of minima converged to 10⁻⁹ Hz² agree far better; this is rounding of |E| ≈ 10⁵ between platforms.
const TOLERANCE: f64 = 1e-10;

/// Of a sample of the first landscape, the fraction that may differ: where two minima exist, rounding on another platform
/// may choose the other.
const BRANCHES: f64 = 0.02;

/// The same where minima predict each other along a map (large networks, on the CPU), and a sample is sought without its
/// neighbours; one map is then sought as a whole too.
const BRANCHES_BY_MAP: f64 = 0.8;

/// The same for runs on a GPU, whose f32 may pass a branching on the other side: 3 % of the points of irregular sheets were
/// elsewhere, 0.4 % of tori (`benches/shapes.md`). Large networks are searched in rough steps there, and count as above.
const BRANCHES_ON_GPU: f64 = 0.1;

/// How far a minimum may lie from its recorded state, relative to its length: rounding to f32 (10⁻⁷), magnified along a
/// minimum's softest direction.
const STATE_TOLERANCE: f64 = 1e-4;

/// A sample's median lies within five standard errors of the true one: half of the values, give or take this part.
fn quantile_error(count: usize) -> f64 {
    5.0 * 0.5 / (count as f64).sqrt()
}

impl Checker<'_> {
    /// The landscapes before the first and after the last update.
    pub(super) fn landscapes(&mut self) -> Result<()> {
        let Some(delta) = &self.records.delta else { return Ok(()) };
        let base = self.job.network.weights.clone();
        let last = base.plus(1.0, delta);
        self.first_landscape(&base)?;
        self.last_landscape(&last)?;
        self.states(&last)
    }

    /// The first landscape, whose minima are found again.
    fn first_landscape(&mut self, weights: &WeightMatrix) -> Result<()> {
        let (plan, identity) = (self.job.plan, &self.manifest.configuration);
        let landscape = &self.records.energies[..plan.states()];
        let points = self.job.fitted_points();
        let differ = |sample: &[usize]| -> Result<usize> {
            let places: Vec<Point> = sample.iter().map(|&s| points.get(s)).collect();
            let found = self.evaluate(weights, &places)?;
            Ok(sample.iter().zip(&found.energies).filter(|&(&s, e)| !same(*e, landscape[s])).count())
        };
        let random = witnesses::sample(identity, "the first landscape", landscape.len());
        let by_map = self.predicts_along_maps();
        let allowed = match self.on_cpu() {
            true if by_map => BRANCHES_BY_MAP,
            true => BRANCHES,
            false if plan.neurons >= minima::NEURONS_BY_MAP => BRANCHES_BY_MAP,
            false => BRANCHES_ON_GPU,
        };
        let mut holds = differ(&random)? as f64 <= allowed * random.len() as f64;
        if by_map {
            let map = random.first().map_or(0, |s| s / plan.points_per_map);
            let problem = self.job.problem(weights);
            let found = minima::minima(&problem, points.on_map(map), Start::Idealized, &Tick::silent())?;
            let claimed = &landscape[map * plan.points_per_map..][..plan.points_per_map];
            holds &= different(&found.energies, claimed) as f64 <= BRANCHES * claimed.len() as f64;
        } else {
            let extremes = witnesses::extremes(landscape, plan.points_per_map);
            holds &= differ(&extremes)? as f64 <= (allowed * extremes.len() as f64).max(1.0);
        }
        let sample = witnesses::sample(identity, "between the first landscape", plan.held_out_points());
        let held_out = self.job.held_out_points();
        let places: Vec<Point> = sample.iter().map(|&s| held_out.get(s)).collect();
        let between = self.is_as_rough(0, &sample, &self.evaluate(weights, &places)?);
        self.claim(
            "energies.npy",
            holds,
            "the first landscape has the energies of the network's constrained minima",
        )?;
        self.claim(
            "iterations.csv",
            between,
            "the first landscape is as rough between the fitted points as it says",
        )
    }

    /// The last landscape, whose minima are shown by their witnesses.
    fn last_landscape(&mut self, weights: &WeightMatrix) -> Result<()> {
        let (plan, last) = (self.job.plan, self.records.iterations.len() - 1);
        let landscape = &self.records.energies[last * plan.states()..];
        let witnesses = Witnesses::of(&self.manifest.configuration, plan, landscape);
        let states = self.read_states(witnesses::FILE, witnesses.fitted.len() + witnesses.held_out.len())?;
        let (fitted, held_out) = (self.job.fitted_points(), self.job.held_out_points());
        let places = witnesses.fitted.iter().map(|&s| fitted.get(s));
        let places: Vec<Point> = places.chain(witnesses.held_out.iter().map(|&s| held_out.get(s))).collect();
        let found = self.sought_from(weights, &states, &places)?;
        let (energies, between) = found.energies.split_at(witnesses.fitted.len());
        let doubtful = doubtful(&states, &found);
        let claimed = witnesses.fitted.iter().map(|&s| landscape[s]);
        let holds = energies
            .iter()
            .zip(claimed)
            .zip(&doubtful)
            .all(|((e, claimed), doubt)| *doubt || same(*e, claimed));
        // As many are in doubt as the run says; of the random ones a proportional part.
        let row = &self.records.iterations[last];
        let count = |doubts: &[bool]| doubts.iter().filter(|doubt| **doubt).count();
        let (of_random, of_extremes, of_held_out) = (
            count(&doubtful[..witnesses.random]),
            count(&doubtful[witnesses.random..energies.len()]),
            count(&doubtful[energies.len()..]),
        );
        let seen = (of_random + of_held_out) as f64;
        let part = row.unconverged as f64 / (plan.states() + plan.held_out_points()) as f64;
        let expected = part * (witnesses.random + witnesses.held_out.len()) as f64;
        let minima = seen <= expected + 5.0 * expected.sqrt()
            && expected <= 2.0 * seen + 5.0 * expected.sqrt() + 1.0
            && of_extremes <= row.unconverged;
        let between = Minima {
            states: States::pack(plan.neurons, []),
            energies: between.to_vec(),
            multipliers: found.multipliers.iter().skip(energies.len()).copied().collect(),
            certificates: Vec::new(),
        };
        let between = self.is_as_rough(last, &witnesses.held_out, &between);
        self.claim(witnesses::FILE, minima, "the witnesses are constrained minima of the flattened network")?;
        self.claim(
            "energies.npy",
            holds,
            "the last landscape has the energies of the network's constrained minima",
        )?;
        self.claim(
            "iterations.csv",
            between,
            "the last landscape is as rough between the fitted points as it says",
        )
    }

    /// `rates.npy`, where it is: the states of the last landscape are minima and have its energies.
    fn states(&mut self, weights: &WeightMatrix) -> Result<()> {
        if !self.directory.has(STATES) {
            return Ok(());
        }
        let (plan, last) = (self.job.plan, self.records.iterations.len() - 1);
        let states = self.read_states(STATES, plan.states())?;
        let points: Vec<Point> = self.job.fitted_points().iter().collect();
        let found = self.sought_from(weights, &states, &points)?;
        let doubtful = doubtful(&states, &found);
        let mut energies =
            found.energies.iter().zip(&self.records.energies[last * plan.states()..]).zip(&doubtful);
        let holds = energies.all(|((e, claimed), doubt)| *doubt || same(*e, *claimed))
            && doubtful.iter().filter(|doubt| **doubt).count() <= self.records.iterations[last].unconverged;
        self.claim(STATES, holds, "the states are the minima of the last landscape")
    }

    /// States of the run `[count, neurons]`.
    fn read_states(&self, file: &str, count: usize) -> Result<States> {
        let neurons = self.job.plan.neurons;
        let (shape, rates) = self.directory.read_array::<f32>(file)?;
        let possible = shape == [count, neurons] && rates.iter().all(|r| r.is_finite() && *r >= 0.0);
        if !possible {
            let what = format!(
                "does not hold the rates of {count} states of {neurons} neurons, as the rest of the run says"
            );
            return Err(Error::data(&self.path.join(file), what));
        }
        let of_row =
            |row: &[f32]| StateBuf::from_dense(&row.iter().map(|&r| f64::from(r)).collect::<Vec<f64>>());
        let states: Vec<StateBuf> = rates.chunks_exact(neurons).map(of_row).collect();
        Ok(States::pack(neurons, states.iter().map(StateBuf::view)))
    }

    /// Whether the run's search of the first landscape went along whole maps, from neighbour to neighbour.
    fn predicts_along_maps(&self) -> bool {
        let flatten = &self.job.plan.config.flatten;
        minima_by_map(self.job.plan.neurons, self.job.plan.points_per_map, flatten.minimizer)
            && flatten.method != Method::Idealized
            && self.job.network.maps.are_full_rings()
            && self.on_cpu()
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

    /// The same, each sought from a given state.
    pub(super) fn sought_from(
        &self,
        weights: &WeightMatrix,
        from: &States,
        points: &[Point],
    ) -> Result<Minima> {
        match self.job.plan.config.flatten.method {
            Method::Idealized => self.evaluate(weights, points),
            _ => minima::at(&self.job.problem(weights), points, Start::States(from), &Tick::silent()),
        }
    }

    /// Whether a sample of the held-out points could be of a landscape as rough and as steep as its row says. Each group of
    /// maps has a level of its own.
    fn is_as_rough(&self, index: usize, points: &[usize], sample: &Minima) -> bool {
        let slopes: Vec<f64> = sample.multipliers.iter().map(|m| m[0].hypot(m[1])).collect();
        let row = &self.records.iterations[index];
        let mut by_point: Vec<(usize, f64)> =
            points.iter().copied().zip(sample.energies.iter().copied()).collect();
        by_point.sort_by_key(|(point, _)| *point);
        let before = |end: usize| by_point.partition_point(|(point, _)| *point < end);
        let level = |level: Range<usize>| before(level.start)..before(level.end);
        let mut levels: Vec<Range<usize>> =
            self.job.held_out_points().levels().into_iter().map(level).collect();
        levels.retain(|level| !level.is_empty());
        let energies: Vec<f64> = by_point.iter().map(|(_, energy)| *energy).collect();
        spread_agrees(&about_one_level(&energies, &levels), row)
            && slope_agrees(&slopes, row.heldout_lambda_rms)
    }
}

fn same(found: f64, claimed: f64) -> bool {
    (found - claimed).abs() <= TOLERANCE * claimed.abs()
}

/// How many energies differ from those that are claimed.
pub(super) fn different(found: &[f64], claimed: &[f64]) -> usize {
    found.iter().zip(claimed).filter(|(e, claimed)| !same(**e, **claimed)).count()
}

/// Which states are no minima: the search went on from where they were, or does not end in one.
fn doubtful(from: &States, found: &Minima) -> Vec<bool> {
    let square = |a: State<'_>| a.rates.iter().map(|r| r * r).sum::<f64>();
    let moved = |(from, to): (State<'_>, State<'_>)| {
        let (a, b) = (square(from), square(to));
        !(a + b - 2.0 * (a * b).sqrt() * from.overlap(to) <= STATE_TOLERANCE.powi(2) * b)
    };
    let converged =
        |s: usize| found.certificates.get(s).is_none_or(|c| c.converged(10.0 * RESIDUAL_TOLERANCE));
    let pairs = from.iter().zip(found.states.iter()).enumerate();
    pairs.map(|(s, pair)| moved(pair) || !converged(s)).collect()
}

/// Whether a sample could be of a landscape with the spread that is claimed. Half of all energies lie within the median
/// deviation, whatever their distribution: fewer than half within less of it, more than half within more. Nothing lies
/// beyond the peak, except by the error of the sample's mean.
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
        let sample: Vec<f64> = (0..400).map(|_| -2e5 + 100.0 * uniform()).collect();
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
    }
}
