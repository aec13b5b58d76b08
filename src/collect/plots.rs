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
        for (name, label, criterion) in CRITERIA {
            if let Some(svg) = finite_size(capacities, criterion, label)? {
                plots.push((format!("{name}.svg"), svg));
            }
        }
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

/// Where the capacity by one criterion is found.
type Criterion = fn(&Capacity) -> Option<Estimate>;

/// Criteria of capacity, with the plot that shows how each scales with the number of neurons.
const CRITERIA: [(&str, &str, Criterion); 3] = [
    ("finite-size-score", "kink of the score", |c| c.score_kink),
    ("finite-size-own-map", "90 % in their own map", |c| c.own_map),
    ("finite-size-drift", "mean drift of 1 unit", |c| c.drift),
];

/// Capacity per neuron against the number of neurons, by one criterion; `None` if no scan reaches it.
fn finite_size(capacities: &[Capacity], criterion: Criterion, label: &str) -> Result<Option<String>> {
    let series: Vec<Series> = METHODS
        .iter()
        .filter_map(|(method, name, colour)| {
            let own = capacities.iter().filter(|c| c.method.name() == *method);
            let points: Vec<(f64, f64, f64)> = own
                .filter_map(|c| criterion(c).map(|e| (c.neurons as f64, e)))
                .map(|(n, e)| (n, 1000.0 * e.alpha, 500.0 * (e.high - e.low) / n))
                .collect();
            (!points.is_empty()).then(|| Series::measured(name, *colour, &points))
        })
        .collect();
    if series.is_empty() {
        return Ok(None);
    }
    let plot = LinePlot {
        x_label: "number of neurons N".to_owned(),
        y_label: format!("maps per 1,000 neurons: {label}"),
        series,
        logarithmic: false,
        bottom: Some(0.0),
    };
    plot.svg().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::config::Method;

    #[test]
    fn finite_size_is_drawn_where_a_criterion_is_met() {
        let estimate = Estimate { maps: 4.0, low: 3.5, high: 4.5, alpha: 0.02, defined: 1.0 };
        let capacities: Vec<Capacity> = [100, 200]
            .map(|neurons| Capacity {
                neurons,
                method: Method::None,
                largest_maps: 8,
                score_kink: None,
                own_map: Some(estimate),
                drift: None,
            })
            .into();
        let [kink, own_map, _] = CRITERIA;
        assert!(finite_size(&capacities, kink.2, kink.1).unwrap().is_none());
        let svg = finite_size(&capacities, own_map.2, own_map.1).unwrap().expect("the criterion is met");
        assert!(svg.contains("no flattening") && !svg.contains("idealized bumps") && svg.contains(own_map.1));
    }
}
