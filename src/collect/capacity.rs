//! Capacity: the number of maps that a network holds, by three criteria, with bootstrap confidence intervals.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::Serialize;

use super::axes::Group;
use crate::dynamics::decoding::Scorer;
use crate::manifold::start_point;
use crate::scan::TrialRecord;
use crate::setup::config::Config;
use crate::setup::plan::Plan;
use crate::setup::scanned::Setting;

/// Draws of the bootstrap: enough for the 2.5 and 97.5 percentiles.
const DRAWS: usize = 1000;

/// Bumps still in their own map, at capacity.
pub const OWN_MAP_FRACTION: f64 = 0.9;

/// Mean drift at capacity (neuron units): below one unit the paper calls stability perfect.
pub const DRIFT: f64 = 1.0;

/// Numbers of maps that a kink can be fitted to.
const KINK_POINTS: usize = 5;

/// A kink counts only if two lines leave less than this fraction of the squared error of one.
const KINK_IMPROVEMENT: f64 = 0.5;

/// Bumps within a distance of their start, at the capacity for that resolution.
pub const WITHIN_FRACTION: f64 = 0.95;

/// Damaged bumps that find their map and place, at capacity.
pub const COMPLETED_FRACTION: f64 = 0.9;

/// Mean score at capacity, as a fraction of that of a bump alone in its network: below it, bumps have shrunk to a few
/// neurons, and that these belong to the own map says little.
pub const SHAPE_FRACTION: f64 = 0.5;

/// Capacity of one (neurons, varied keys, method) by all criteria; `None` where the scan does not reach it.
#[derive(Clone, Debug, Serialize)]
pub struct Capacity {
    /// N.
    pub neurons: usize,
    /// How the landscape was flattened.
    pub method: String,
    /// Varied keys but the number of neurons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub varied: Vec<Setting>,
    /// Largest number of maps scanned.
    pub largest_maps: usize,
    /// Where two lines fitted to the mean score against the number of maps meet.
    pub score_kink: Option<Estimate>,
    /// Where the mean score falls below half of that of a bump alone in its network.
    pub shape: Option<Estimate>,
    /// Where fewer than 90 % of bumps are still in their own map.
    pub own_map: Option<Estimate>,
    /// Where the mean drift passes one neuron unit.
    pub drift: Option<Estimate>,
    /// Where fewer than 95 % of bumps are still in their own map and within ε of their start, for every ε (neuron units).
    pub within: Vec<Threshold>,
    /// Where fewer than 90 % of damaged bumps find their map and place, for every fraction of exchanged neurons.
    pub completed: Vec<Threshold>,
}

/// Capacity by a criterion that has a parameter.
#[derive(Clone, Debug, Serialize)]
pub struct Threshold {
    /// The parameter.
    pub at: f64,
    /// Capacity; `None` where the scan does not reach it.
    pub estimate: Option<Estimate>,
}

/// A number of maps with its 95 % bootstrap confidence interval over realizations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// L.
    pub maps: f64,
    /// 2.5 percentile of the bootstrap.
    pub low: f64,
    /// 97.5 percentile of the bootstrap.
    pub high: f64,
    /// α = L/N.
    pub alpha: f64,
    /// Fraction of the bootstrap draws in which the criterion is met within the scan.
    pub defined: f64,
    /// Realizations of the number of maps that has fewest.
    pub realizations: usize,
    /// L of every bootstrap draw, in the order drawn, NaN where the criterion is not met. Methods that were run on the
    /// same maps have the same draws of realizations.
    #[serde(skip)]
    pub draws: Vec<f64>,
}

/// Values of one measure: for every number of maps, one per realization.
type Samples = Vec<(usize, Vec<f64>)>;

/// Estimates from all records, for every (neurons, varied keys, method).
pub fn capacities(records: &[TrialRecord]) -> Vec<Capacity> {
    let group = |r: &TrialRecord| (Group::of(r), r.trial.method.clone());
    let mut groups: Vec<(Group, String)> = records.iter().map(group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
        .into_par_iter()
        .map(|(cell, method)| {
            let own = |r: &&TrialRecord| r.trial.method == method && Group::of(r) == cell;
            let rows: Vec<&TrialRecord> = records.iter().filter(own).collect();
            capacity(cell, method, &rows)
        })
        .collect()
}

/// A distance ε (neuron units), and the fraction of bumps within it.
type Resolution = (f64, fn(&TrialRecord) -> f64);

fn capacity(cell: Group, method: String, rows: &[&TrialRecord]) -> Capacity {
    let neurons = cell.neurons;
    let scores = samples(rows, |r| Some(r.drift.score));
    let falls_below = |level: f64, f: &dyn Fn(&TrialRecord) -> Option<f64>| {
        bootstrap(&samples(rows, f), neurons, |curve| crossing(curve, |value| value - level))
    };
    let distances: [Resolution; 4] = [
        (0.5, |r| r.drift.within_0_5),
        (1.0, |r| r.drift.within_1),
        (2.0, |r| r.drift.within_2),
        (5.0, |r| r.drift.within_5),
    ];
    let within = |(at, of): &Resolution| Threshold {
        at: *at,
        estimate: falls_below(WITHIN_FRACTION, &|r| Some(of(r))),
    };
    let mut exchanged: Vec<f64> = rows.iter().flat_map(|r| &r.completion).map(|c| c.exchanged).collect();
    exchanged.sort_by(f64::total_cmp);
    exchanged.dedup();
    let completed = |at: f64| Threshold {
        at,
        estimate: falls_below(COMPLETED_FRACTION, &|r| {
            r.completion.iter().find(|c| c.exchanged == at).map(|c| c.completed_fraction)
        }),
    };
    Capacity {
        neurons,
        method,
        varied: cell.axes,
        largest_maps: scores.last().map_or(0, |s| s.0),
        score_kink: bootstrap(&scores, neurons, kink),
        shape: rows
            .first()
            .and_then(|record| score_alone(record))
            .and_then(|alone| falls_below(SHAPE_FRACTION, &|r| Some(r.drift.score / alone))),
        own_map: falls_below(OWN_MAP_FRACTION, &|r| Some(r.drift.own_map_fraction)),
        drift: bootstrap(&samples(rows, |r| Some(r.drift.mean_drift)), neurons, |curve| {
            crossing(curve, |drift| DRIFT - drift)
        }),
        within: distances.iter().map(within).collect(),
        completed: exchanged.into_iter().map(completed).collect(),
    }
}

/// Score of a bump alone in a network like a trial's; `None` where maps are of several kinds, whose bumps score differently.
fn score_alone(record: &TrialRecord) -> Option<f64> {
    let mut config = Config::parse(&record.config, &record.id).ok()?;
    match config.maps.as_mut_slice() {
        [] => config.network.maps = Some(1),
        [only] => only.count = 1,
        _ => return None,
    }
    let network = Plan::new(config).and_then(|plan| plan.network(0)).ok()?;
    let mut rates = vec![0.0; network.neurons()];
    network.bumps.at(&network.maps, &start_point(&network.maps, 0, 0, 1)).view().scatter(&mut rates);
    Some(Scorer::new(&network.maps, &network.bumps).best_fit(&rates).score)
}

/// Numbers of maps with fewer than half as many realizations as the others have are left out: a bootstrap of one or two
/// knows no spread.
fn samples(rows: &[&TrialRecord], f: impl Fn(&TrialRecord) -> Option<f64>) -> Samples {
    let mut pairs: Vec<(usize, f64)> =
        rows.iter().filter_map(|r| f(r).map(|value| (r.trial.maps, value))).collect();
    pairs.sort_by_key(|p| p.0);
    let chunks = pairs.chunk_by(|a, b| a.0 == b.0);
    let most = chunks.clone().map(<[_]>::len).max().unwrap_or(0);
    let kept = chunks.filter(|chunk| 2 * chunk.len() >= most);
    kept.map(|chunk| (chunk[0].0, chunk.iter().map(|p| p.1).collect())).collect()
}

/// The estimate on the means, and its spread over resampled realizations.
fn bootstrap(
    samples: &Samples,
    neurons: usize,
    estimate: impl Fn(&[(f64, f64)]) -> Option<f64>,
) -> Option<Estimate> {
    let curve = |pick: &mut dyn FnMut(&[f64]) -> f64| -> Vec<(f64, f64)> {
        samples.iter().map(|(maps, values)| (*maps as f64, pick(values))).collect()
    };
    let maps = estimate(&curve(&mut |values| values.iter().sum::<f64>() / values.len() as f64))?;
    // Other draws for other sizes, whose networks have nothing in common.
    let mut rng = ChaCha8Rng::seed_from_u64(neurons as u64);
    let mut resampled_mean = |values: &[f64]| {
        let count = values.len();
        (0..count).map(|_| values[rng.random_range(0..count)]).sum::<f64>() / count as f64
    };
    let draws: Vec<f64> =
        (0..DRAWS).map(|_| estimate(&curve(&mut resampled_mean)).unwrap_or(f64::NAN)).collect();
    let mut sorted: Vec<f64> = draws.iter().copied().filter(|draw| draw.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    Some(Estimate {
        maps,
        low: percentile(&sorted, 0.025).unwrap_or(maps),
        high: percentile(&sorted, 0.975).unwrap_or(maps),
        alpha: maps / neurons as f64,
        defined: sorted.len() as f64 / DRAWS as f64,
        realizations: samples.iter().map(|(_, values)| values.len()).min().unwrap_or(0),
        draws,
    })
}

/// The value below which this part of sorted values lies; `None` without values.
pub(super) fn percentile(sorted: &[f64], part: f64) -> Option<f64> {
    sorted.get((part * (sorted.len() as f64 - 1.0)).round() as usize).copied()
}

/// Where a curve first becomes negative after `sign`, by linear interpolation; `None` if it never does, or is from
/// the beginning.
fn crossing(curve: &[(f64, f64)], sign: impl Fn(f64) -> f64) -> Option<f64> {
    curve.windows(2).find_map(|pair| {
        let (a, b) = (sign(pair[0].1), sign(pair[1].1));
        (a >= 0.0 && b < 0.0).then(|| pair[0].0 + (pair[1].0 - pair[0].0) * a / (a - b))
    })
}

/// Where the two lines meet that, joined, fit the curve best in the least-squares sense; `None` with too few points or
/// without a clear kink. A single map is left out: nothing interferes with it, and its score lies above every line.
fn kink(curve: &[(f64, f64)]) -> Option<f64> {
    let curve: Vec<(f64, f64)> = curve.iter().copied().filter(|p| p.0 > 1.0).collect();
    let curve = curve.as_slice();
    if curve.len() < KINK_POINTS {
        return None;
    }
    let (first, last) = (curve[1].0, curve[curve.len() - 2].0);
    let candidates = (0..=400).map(|i| first + (last - first) * f64::from(i) / 400.0);
    let one_line = squared_error(curve, f64::INFINITY)?;
    let (error, at) = candidates
        .filter_map(|at| Some((squared_error(curve, at)?, at)))
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    (error < KINK_IMPROVEMENT * one_line && at > first && at < last).then_some(at)
}

/// Squared error of the best `a + b·x + c·max(0, x − at)`; of a line if `at` lies beyond the curve.
fn squared_error(curve: &[(f64, f64)], at: f64) -> Option<f64> {
    let basis = |x: f64| [1.0, x, (x - at).max(0.0)];
    let size = if at.is_finite() { 3 } else { 2 };
    let mut system = [[0.0; 4]; 3];
    for &(x, y) in curve {
        let row = basis(x);
        for i in 0..size {
            for j in 0..size {
                system[i][j] += row[i] * row[j];
            }
            system[i][3] += row[i] * y;
        }
    }
    let coefficients = solve(system, size)?;
    let fit = |x: f64| basis(x).iter().zip(&coefficients).take(size).map(|(b, c)| b * c).sum::<f64>();
    Some(curve.iter().map(|&(x, y)| (y - fit(x)).powi(2)).sum())
}

/// Gaussian elimination with pivoting of at most three equations; the right-hand side is the fourth column.
fn solve(mut system: [[f64; 4]; 3], size: usize) -> Option<[f64; 3]> {
    for column in 0..size {
        let pivot =
            (column..size).max_by(|&a, &b| system[a][column].abs().total_cmp(&system[b][column].abs()))?;
        system.swap(column, pivot);
        if system[column][column].abs() < 1e-12 {
            return None;
        }
        for row in (0..size).filter(|&row| row != column) {
            let factor = system[row][column] / system[column][column];
            let from = system[column];
            system[row].iter_mut().zip(from).for_each(|(x, y)| *x -= factor * y);
        }
    }
    let mut solution = [0.0; 3];
    for i in 0..size {
        solution[i] = system[i][3] / system[i][i];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_kink_is_found() {
        let curve: Vec<(f64, f64)> =
            (1..=40).map(f64::from).map(|x| (x, 36.0 - 0.4 * x - 0.8 * (x - 20.3).max(0.0))).collect();
        assert!((kink(&curve).unwrap() - 20.3).abs() < 0.1);
        let straight: Vec<(f64, f64)> =
            (1..=40).map(f64::from).map(|x| (x, 36.0 - 0.4 * x + 0.01 * (7.0 * x).sin())).collect();
        assert_eq!(kink(&straight), None);
        assert_eq!(kink(&curve[..5]), None);
        // The step from one map to two is no kink of the score.
        let first: Vec<(f64, f64)> =
            straight.iter().map(|&(x, y)| (x, if x == 1.0 { y + 2.0 } else { y })).collect();
        assert_eq!(kink(&first), None);
    }

    #[test]
    fn crossings_are_interpolated() {
        let curve = [(1.0, 0.0), (2.0, 0.5), (4.0, 1.5), (8.0, 0.2)];
        assert_eq!(crossing(&curve, |d| 1.0 - d), Some(3.0));
        assert_eq!(crossing(&curve[..2], |d| 1.0 - d), None);
    }

    #[test]
    fn the_interval_holds_the_truth_and_shrinks_with_realizations() {
        let noisy = |count: usize| -> Samples {
            (1..=10)
                .map(|l| {
                    (l, (0..count).map(|r| 0.2 * l as f64 + 0.3 * ((r * 37 + l * 11) as f64).sin()).collect())
                })
                .collect()
        };
        let of = |count| bootstrap(&noisy(count), 600, |c| crossing(c, |d| 1.0 - d)).unwrap();
        let (few, many) = (of(5), of(200));
        assert!(few.low <= 5.0 && 5.0 <= few.high, "{few:?}");
        assert!(many.high - many.low < few.high - few.low);
        assert_eq!(many.alpha, many.maps / 600.0);
    }
}
