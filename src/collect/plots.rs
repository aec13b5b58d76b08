//! Plots of a collected scan.

use super::{Capacity, Estimate, SummaryRow};
use crate::error::Result;
use crate::plot::{LinePlot, Series, colour};

/// Methods, as in the paper's figures.
const METHODS: [(&str, &str, plotters::style::RGBColor); 3] = [
    ("none", "no flattening", colour::NONE),
    ("idealized", "idealized bumps", colour::IDEALIZED),
    ("constrained", "constrained minima", colour::CONSTRAINED),
];

/// One plot against the number of maps.
struct Figure {
    name: &'static str,
    label: &'static str,
    value: fn(&SummaryRow) -> (f64, f64),
    logarithmic: bool,
}

const FIGURES: [Figure; 6] = [
    Figure {
        name: "drift",
        label: "mean drift (neuron units)",
        value: |r| (r.mean_drift, r.mean_drift_ci),
        logarithmic: false,
    },
    Figure {
        name: "drift-by-phase",
        label: "drift of the population vector (neuron units)",
        value: |r| (r.phase_mean_drift, r.phase_mean_drift_ci),
        logarithmic: false,
    },
    Figure { name: "score", label: "bump score", value: |r| (r.score, r.score_ci), logarithmic: false },
    Figure {
        name: "own-map",
        label: "fraction of bumps still in their own map",
        value: |r| (r.own_map_fraction, r.own_map_fraction_ci),
        logarithmic: false,
    },
    Figure {
        name: "rate-change",
        label: "summed squared rate change (Hz²)",
        value: |r| (r.rate_change, r.rate_change_ci),
        logarithmic: true,
    },
    Figure {
        name: "roughness",
        label: "SD of the landscape (Hz³)",
        value: |r| (r.energy_sd_after, r.energy_sd_after_ci),
        logarithmic: true,
    },
];

/// All plots by file name: one set for every number of neurons, and finite-size scaling if there are several.
pub(crate) fn all(summary: &[SummaryRow], capacities: &[Capacity]) -> Result<Vec<(String, String)>> {
    let mut sizes: Vec<usize> = summary.iter().map(|r| r.neurons).collect();
    sizes.dedup();
    let mut plots = Vec::new();
    for &neurons in &sizes {
        let rows: Vec<&SummaryRow> = summary.iter().filter(|r| r.neurons == neurons).collect();
        for figure in &FIGURES {
            let suffix = if sizes.len() > 1 { format!("-N{neurons}") } else { String::new() };
            plots.push((format!("{}{suffix}.svg", figure.name), figure.svg(&rows)?));
        }
    }
    if sizes.len() > 1 {
        plots.push(("finite-size.svg".to_owned(), finite_size(capacities)?));
    }
    Ok(plots)
}

impl Figure {
    fn svg(&self, rows: &[&SummaryRow]) -> Result<String> {
        let series = METHODS.map(|(method, label, colour)| {
            let own = rows.iter().filter(|r| r.method == method);
            let points: Vec<(f64, f64, f64)> = own
                .map(|r| (r.maps as f64, (self.value)(r)))
                .map(|(x, (y, error))| (x, y, error))
                .filter(|p| p.1.is_finite())
                .collect();
            Series::measured(label, colour, &points)
        });
        LinePlot {
            x_label: "number of maps L".to_owned(),
            y_label: self.label.to_owned(),
            series: series.into(),
            logarithmic: self.logarithmic,
            bottom: Some(0.0),
        }
        .svg()
    }
}

/// Capacity per neuron against the number of neurons, by whichever criterion is met.
fn finite_size(capacities: &[Capacity]) -> Result<String> {
    type Criterion = fn(&Capacity) -> Option<Estimate>;
    let criteria: [(&str, Criterion, _); 3] = [
        ("kink of the score", |c| c.score_kink, colour::REFERENCE),
        ("90 % in their own map", |c| c.own_map, colour::KKT),
        ("mean drift of 1 unit", |c| c.drift, colour::OTHER),
    ];
    let mut series = Vec::new();
    for (label, criterion, colour) in criteria {
        for (method, name, _) in METHODS {
            let own = capacities.iter().filter(|c| c.method.name() == method);
            let points: Vec<(f64, f64, f64)> = own
                .filter_map(|c| criterion(c).map(|e| (c.neurons as f64, e)))
                .map(|(n, e)| (n, e.alpha, 0.5 * (e.high - e.low) / n))
                .collect();
            if !points.is_empty() {
                series.push(Series::measured(&format!("{label}, {name}"), colour, &points));
            }
        }
    }
    LinePlot {
        x_label: "number of neurons N".to_owned(),
        y_label: "capacity α = L/N".to_owned(),
        series,
        logarithmic: false,
        bottom: Some(0.0),
    }
    .svg()
}
