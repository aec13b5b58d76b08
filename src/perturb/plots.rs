//! Curves of damage.

use super::{Damage, DamageCurve, Perturbation};
use crate::plot::look;
use crate::plot::{LinePlot, Series};

/// Drift against the size of one kind of damage.
pub fn plot(found: &Perturbation, curve: &DamageCurve) -> LinePlot {
    let logarithmic = !matches!(curve.damage, Damage::Prune | Damage::Quantise);
    let x = |size: f64| if logarithmic { size.log10() } else { size };
    let points: Vec<(f64, f64, f64)> = (0..curve.sizes.len())
        .map(|k| (x(curve.sizes[k]), curve.phase_drift[k], curve.phase_drift_error[k]))
        .collect();
    let ends = [
        points.iter().map(|p| p.0).fold(f64::INFINITY, f64::min),
        points.iter().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max),
    ];
    let level = |label: &str, look, y: f64| Series::curve(label, look, ends.map(|x| (x, y)).to_vec());
    LinePlot {
        title: format!("How far bumps drift: {}", curve.damage.describe()),
        note: "Mean over starts and draws; bars: 95\u{a0}% confidence interval over the draws.".to_owned(),
        x_label: if logarithmic {
            format!("log10 of {}", curve.damage.describe())
        } else {
            curve.damage.describe().to_owned()
        },
        y_label: "mean drift by phase (neuron units)".to_owned(),
        series: vec![
            Series::measured("damaged", look::CONSTRAINED, &points),
            level("not flattened", look::NONE, found.drift_before),
            level("flattened, undamaged", look::IDEALIZED, found.drift_after),
        ],
        logarithmic: true,
        ..LinePlot::default()
    }
}
