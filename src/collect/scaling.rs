//! Finite-size scaling: how the capacity per neuron changes with the number of neurons, and what it tends to.
//!
//! α_c(N) = α_∞ + c/N, fitted by least squares weighted with the bootstrap variances of the sizes' own estimates; the intercept is
//! the extrapolated capacity. Every bootstrap draw is fitted by itself, with the same weights: their percentiles are the interval.
//! 1/N is the leading correction where neurons and maps enter in whole numbers; with the sizes of one night other corrections
//! cannot be told from it, so the interval is that of the draws of maps alone.

use serde::Serialize;

use super::capacity::{Capacity, Estimate, percentile};
use crate::setup::scanned::Setting;

/// Capacity by one criterion: at one size, or extrapolated to infinitely many neurons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScalingRow {
    /// The criterion: `own_map`, `within_0.5`, `completed_0.3`, …
    pub criterion: String,
    /// How the landscape was flattened.
    pub method: String,
    /// N; `inf` for the extrapolation.
    pub neurons: String,
    /// α = L/N.
    pub alpha: f64,
    /// 2.5 percentile of the bootstrap.
    pub alpha_low: f64,
    /// 97.5 percentile of the bootstrap.
    pub alpha_high: f64,
    /// Fraction of the bootstrap draws in which the criterion is met within the scan.
    pub defined: f64,
    /// Realizations of the number of maps that has fewest; of the size that has fewest for the extrapolation.
    pub realizations: usize,
    /// Varied keys except the number of neurons, one column each.
    #[serde(skip)]
    pub axes: Vec<Setting>,
}

/// Criteria that a capacity has an estimate for, by name.
pub(super) fn criteria(capacity: &Capacity) -> Vec<(String, &Estimate)> {
    let named = [
        ("score_kink", &capacity.score_kink),
        ("shape", &capacity.shape),
        ("own_map", &capacity.own_map),
        ("drift", &capacity.drift),
    ];
    let named = named.into_iter().map(|(name, estimate)| (name.to_owned(), estimate));
    let within = capacity.within.iter().map(|t| (format!("within_{}", t.at), &t.estimate));
    let completed = capacity.completed.iter().map(|t| (format!("completed_{}", t.at), &t.estimate));
    named.chain(within).chain(completed).filter_map(|(name, e)| Some((name, e.as_ref()?))).collect()
}

/// Every capacity with its interval by criterion, method and size, and what it is extrapolated to from two sizes or more.
pub fn scaling(capacities: &[Capacity]) -> Vec<ScalingRow> {
    let mut found: Vec<(String, &Capacity, &Estimate)> = capacities
        .iter()
        .flat_map(|c| criteria(c).into_iter().map(move |(criterion, estimate)| (criterion, c, estimate)))
        .collect();
    fn group<'a>(entry: &'a (String, &'a Capacity, &Estimate)) -> (&'a [Setting], &'a str, &'a str) {
        (&entry.1.varied, &entry.0, &entry.1.method)
    }
    found.sort_by(|a, b| (group(a), a.1.neurons).cmp(&(group(b), b.1.neurons)));
    let mut rows = Vec::new();
    for sizes in found.chunk_by(|a, b| group(a) == group(b)) {
        rows.extend(sizes.iter().map(|(criterion, capacity, estimate)| {
            let n = capacity.neurons as f64;
            ScalingRow {
                criterion: criterion.clone(),
                method: capacity.method.clone(),
                neurons: capacity.neurons.to_string(),
                alpha: estimate.alpha,
                alpha_low: estimate.low / n,
                alpha_high: estimate.high / n,
                defined: estimate.defined,
                realizations: estimate.realizations,
                axes: capacity.varied.clone(),
            }
        }));
        let of_size: Vec<(f64, &Estimate)> = sizes.iter().map(|s| (s.1.neurons as f64, s.2)).collect();
        rows.extend(extrapolated(&of_size).map(|limit| ScalingRow {
            criterion: sizes[0].0.clone(),
            method: sizes[0].1.method.clone(),
            axes: sizes[0].1.varied.clone(),
            ..limit
        }));
    }
    rows
}

/// The limit of many neurons; `None` from one size, or if some size's interval is not known.
fn extrapolated(sizes: &[(f64, &Estimate)]) -> Option<ScalingRow> {
    if sizes.len() < 2 {
        return None;
    }
    let precisions: Vec<f64> = sizes
        .iter()
        .map(|(n, estimate)| {
            let spread = (estimate.high - estimate.low) / n;
            (spread > 0.0).then(|| spread.powi(-2))
        })
        .collect::<Option<_>>()?;
    let inverse: Vec<f64> = sizes.iter().map(|(n, _)| 1.0 / n).collect();
    let alphas: Vec<f64> = sizes.iter().map(|(_, estimate)| estimate.alpha).collect();
    let draws = sizes.iter().map(|(_, estimate)| estimate.draws.len()).min()?;
    let mut limits: Vec<f64> = (0..draws)
        .map(|draw| {
            let alphas: Vec<f64> = sizes.iter().map(|(n, estimate)| estimate.draws[draw] / n).collect();
            intercept(&inverse, &alphas, &precisions)
        })
        .filter(|limit| limit.is_finite())
        .collect();
    limits.sort_by(f64::total_cmp);
    Some(ScalingRow {
        criterion: String::new(),
        method: String::new(),
        neurons: "inf".to_owned(),
        alpha: intercept(&inverse, &alphas, &precisions),
        alpha_low: percentile(&limits, 0.025)?,
        alpha_high: percentile(&limits, 0.975)?,
        defined: limits.len() as f64 / draws as f64,
        realizations: sizes.iter().map(|(_, estimate)| estimate.realizations).min()?,
        axes: Vec::new(),
    })
}

/// a of the line a + b·x that fits best.
fn intercept(x: &[f64], y: &[f64], precisions: &[f64]) -> f64 {
    let total: f64 = precisions.iter().sum();
    let mean = |values: &[f64]| values.iter().zip(precisions).map(|(v, w)| v * w).sum::<f64>() / total;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let covariance: f64 =
        x.iter().zip(y).zip(precisions).map(|((x, y), w)| w * (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = x.iter().zip(precisions).map(|(x, w)| w * (x - mean_x).powi(2)).sum();
    mean_y - covariance / variance * mean_x
}

/// A criterion in words.
#[cfg(feature = "plots")]
pub(super) fn in_words(criterion: &str) -> String {
    match criterion.split_once('_') {
        Some(("score", _)) => "kink of the score".to_owned(),
        Some(("own", _)) => "90\u{a0}% of bumps in their own map".to_owned(),
        Some(("within", distance)) => format!("95\u{a0}% of bumps within {distance} units of their start"),
        Some(("completed", part)) => {
            format!("90\u{a0}% of bumps completed after exchanging {part} of their neurons")
        }
        _ if criterion == "shape" => "half the score of a bump alone".to_owned(),
        _ => "mean drift of 1 unit".to_owned(),
    }
}

/// How much more one method holds than another of the same size, by one criterion.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DifferenceRow {
    /// The criterion, as in [`ScalingRow`].
    pub criterion: String,
    /// N.
    pub neurons: usize,
    /// The method that is compared.
    pub method: String,
    /// The method that it is compared with.
    pub against: String,
    /// α of `method` less that of `against`.
    pub difference: f64,
    /// 2.5 percentile of the bootstrap, in every draw of which both methods have the same realizations.
    pub difference_low: f64,
    /// 97.5 percentile of the bootstrap.
    pub difference_high: f64,
    /// Varied keys except the number of neurons, one column each.
    #[serde(skip)]
    pub axes: Vec<Setting>,
}

/// Differences between all pairs of methods that reach their capacity in the scan.
pub fn differences(capacities: &[Capacity]) -> Vec<DifferenceRow> {
    let mut rows = Vec::new();
    for (i, method) in capacities.iter().enumerate() {
        let same = |c: &&Capacity| (c.neurons, &c.varied) == (method.neurons, &method.varied);
        for against in capacities[i + 1..].iter().filter(same) {
            let others = criteria(against);
            for (criterion, a) in criteria(method) {
                let Some((_, b)) = others.iter().find(|(name, _)| *name == criterion) else { continue };
                rows.extend(difference(criterion, (method, a), (against, b)));
            }
        }
    }
    rows
}

fn difference(
    criterion: String,
    (method, a): (&Capacity, &Estimate),
    (against, b): (&Capacity, &Estimate),
) -> Option<DifferenceRow> {
    let n = method.neurons as f64;
    let mut draws: Vec<f64> =
        a.draws.iter().zip(&b.draws).map(|(a, b)| (a - b) / n).filter(|d| d.is_finite()).collect();
    draws.sort_by(f64::total_cmp);
    Some(DifferenceRow {
        criterion,
        neurons: method.neurons,
        method: method.method.clone(),
        against: against.method.clone(),
        difference: a.alpha - b.alpha,
        difference_low: percentile(&draws, 0.025)?,
        difference_high: percentile(&draws, 0.975)?,
        axes: method.varied.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(neurons: usize, alpha: f64) -> Capacity {
        let n = neurons as f64;
        // Draws that spread by ±1 % around the estimate.
        let draws: Vec<f64> = (0..1000).map(|i| n * alpha * (1.0 + 0.01 * f64::from(i).sin())).collect();
        let estimate = Estimate {
            maps: n * alpha,
            low: n * alpha * 0.99,
            high: n * alpha * 1.01,
            alpha,
            defined: 1.0,
            realizations: 10,
            draws,
        };
        Capacity {
            neurons,
            method: "flat".to_owned(),
            varied: Vec::new(),
            largest_maps: neurons,
            score_kink: None,
            shape: None,
            own_map: Some(estimate),
            drift: None,
            within: Vec::new(),
            completed: Vec::new(),
        }
    }

    #[test]
    fn a_known_limit_is_found_from_three_sizes() {
        let rows = scaling(&[100, 200, 400].map(|n| capacity(n, 0.3 + 4.0 / n as f64)));
        assert_eq!(rows.len(), 4);
        let limit = &rows[3];
        assert_eq!((limit.neurons.as_str(), limit.criterion.as_str()), ("inf", "own_map"));
        assert!((limit.alpha - 0.3).abs() < 1e-12, "{limit:?}");
        assert!(limit.alpha_low < 0.3 && 0.3 < limit.alpha_high, "{limit:?}");
        assert_eq!(scaling(&[capacity(100, 0.3)]).len(), 1, "one size has no limit");
    }

    #[test]
    fn what_both_methods_share_cancels_in_their_difference() {
        let other = Capacity { method: "none".to_owned(), ..capacity(100, 0.1) };
        let rows = differences(&[capacity(100, 0.3), other, capacity(200, 0.3)]);
        assert_eq!(rows.len(), 1, "sizes are not compared");
        assert!((rows[0].difference - 0.2).abs() < 1e-12, "{rows:?}");
        // Both spread by 1 % in the same draws, so the difference does too.
        assert!(
            (rows[0].difference_high - 0.202).abs() < 1e-4 && (rows[0].difference_low - 0.198).abs() < 1e-4
        );
    }
}
