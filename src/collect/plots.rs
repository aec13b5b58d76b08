//! Plots of a collected scan.

use super::tables::mean_and_ci;
use super::{Average, Capacity, Estimate};
use crate::job::drift::DriftSummary;
use crate::job::reached::IterationRecord;
use crate::observable::Observable;
use crate::plot::look::{self, Look};
use crate::plot::{LinePlot, Series};
use crate::scan::TrialRecord;
use crate::setup::config::Method;

/// A plot and the name of its files.
pub(crate) struct Figure {
    pub name: String,
    pub plot: LinePlot,
}

/// How the methods are called in plots, and how they look.
const METHODS: [(Method, &str, Look); 3] = [
    (Method::None, "no flattening", look::NONE),
    (Method::Idealized, "idealized bumps", look::IDEALIZED),
    (Method::Constrained, "constrained minima", look::CONSTRAINED),
];

/// What error bars are, where points are means.
const ERROR_BARS: &str =
    "Mean over draws of the maps; bars: 95\u{a0}% confidence interval (1.96 standard errors).";

/// One plot of all methods against the number of maps.
struct Panel {
    name: &'static str,
    title: &'static str,
    /// What the axis says, if not what the figure is called.
    label: Option<&'static str>,
    figure: Observable<DriftSummary>,
    logarithmic: bool,
}

const PANELS: [Panel; 5] = {
    let all = DriftSummary::COLUMNS;
    [
        Panel {
            name: "drift",
            title: "How far bumps drift",
            label: Some("mean drift (neuron units)"),
            figure: all.mean_drift,
            logarithmic: false,
        },
        Panel {
            name: "drift-by-phase",
            title: "How far bumps drift, by the population vector's phase",
            label: None,
            figure: all.phase_mean_drift,
            logarithmic: false,
        },
        Panel {
            name: "score",
            title: "How well bumps keep their shape",
            label: None,
            figure: all.score,
            logarithmic: false,
        },
        Panel {
            name: "own-map",
            title: "How many bumps stay in their own map",
            label: Some("fraction of bumps"),
            figure: all.own_map_fraction,
            logarithmic: false,
        },
        Panel {
            name: "rate-change",
            title: "How much rates change",
            label: None,
            figure: all.rate_change,
            logarithmic: true,
        },
    ]
};

/// All plots: one set for every number of neurons, and finite-size scaling if there are several.
pub(crate) fn all(records: &[TrialRecord], averages: &[Average<'_>], capacities: &[Capacity]) -> Vec<Figure> {
    let mut sizes: Vec<usize> = averages.iter().map(|r| r.neurons).collect();
    sizes.dedup();
    let mut figures = Vec::new();
    for &neurons in &sizes {
        let rows: Vec<&Average<'_>> = averages.iter().filter(|r| r.neurons == neurons).collect();
        let own: Vec<&TrialRecord> = records.iter().filter(|r| r.trial.neurons == neurons).collect();
        let mut plots: Vec<(&str, LinePlot)> = PANELS.iter().map(|a| (a.name, a.plot(&rows))).collect();
        plots.extend(roughness_of_minima(&rows).map(|plot| ("roughness-minima", plot)));
        plots.extend(roughness_of_idealized(&own).map(|plot| ("roughness-idealized", plot)));
        let (suffix, note) = if sizes.len() > 1 {
            (format!("-N{neurons}"), format!(" {neurons} neurons."))
        } else {
            (String::new(), String::new())
        };
        figures.extend(plots.into_iter().map(|(name, mut plot)| {
            plot.note.push_str(&note);
            Figure { name: format!("{name}{suffix}"), plot }
        }));
    }
    if sizes.len() > 1 {
        figures.extend(CRITERIA.iter().filter_map(|(name, label, criterion)| {
            let plot = finite_size(capacities, *criterion, label)?;
            Some(Figure { name: (*name).to_owned(), plot })
        }));
    }
    figures
}

/// A plot against the number of maps.
fn against_maps(title: &str, note: &str, label: &str, series: Vec<Series>) -> LinePlot {
    LinePlot {
        title: title.to_owned(),
        note: note.to_owned(),
        x_label: "number of maps L".to_owned(),
        y_label: label.to_owned(),
        series,
        bottom: Some(0.0),
        whole: true,
        ..LinePlot::default()
    }
}

/// Averages of the given methods; a method that was not scanned has no series.
fn by_method(
    rows: &[&Average<'_>],
    methods: &[Method],
    value: impl Fn(&Average<'_>) -> (f64, f64),
) -> Vec<Series> {
    let series =
        METHODS.iter().filter(|(method, ..)| methods.contains(method)).map(|(method, label, look)| {
            let own = rows.iter().filter(|r| r.method == *method);
            let points: Vec<(f64, f64, f64)> = own
                .map(|r| (r.maps as f64, value(r)))
                .map(|(x, (y, error))| (x, y, error))
                .filter(|p| p.1.is_finite())
                .collect();
            Series::measured(label, *look, &points)
        });
    series.filter(|s| !s.points.is_empty()).collect()
}

impl Panel {
    fn plot(&self, rows: &[&Average<'_>]) -> LinePlot {
        let series = by_method(rows, &METHODS.map(|m| m.0), |average| average.of_drift(&self.figure));
        let label = self.label.map_or_else(|| self.figure.title(), str::to_owned);
        let side_by_side = self.name == "own-map";
        LinePlot {
            logarithmic: self.logarithmic,
            side_by_side,
            ..against_maps(self.title, ERROR_BARS, &label, series)
        }
    }
}

/// Roughness of the methods whose landscape is one of constrained minima, at the same points of the same maps.
fn roughness_of_minima(rows: &[&Average<'_>]) -> Option<LinePlot> {
    let series = by_method(rows, &[Method::None, Method::Constrained], |average| {
        average.of_landscape(&IterationRecord::COLUMNS.heldout_robust_sd)
    });
    let title = "Roughness of the landscape of constrained minima";
    let note = format!("Robust SD of their energies at points between the fitted ones. {ERROR_BARS}");
    let plot = against_maps(title, &note, "robust SD of E (Hz³)", series);
    (!plot.series.is_empty()).then_some(LinePlot { logarithmic: true, ..plot })
}

/// Roughness where idealized bumps were flattened: other states than constrained minima, with other energies, and so a
/// plot of its own.
fn roughness_of_idealized(records: &[&TrialRecord]) -> Option<LinePlot> {
    let own: Vec<&TrialRecord> =
        records.iter().copied().filter(|r| r.trial.method == Method::Idealized).collect();
    let mut loads: Vec<usize> = own.iter().map(|r| r.trial.maps).collect();
    loads.sort_unstable();
    loads.dedup();
    let course = |label: &str, look, value: fn(&TrialRecord) -> Option<f64>| {
        let points: Vec<(f64, f64, f64)> = loads
            .iter()
            .map(|&maps| {
                let values = own.iter().filter(|r| r.trial.maps == maps).filter_map(|r| value(r));
                let (y, error) = mean_and_ci(&values.collect::<Vec<f64>>());
                (maps as f64, y, error)
            })
            .filter(|p| p.1.is_finite())
            .collect();
        Series::measured(label, look, &points)
    };
    let series = vec![
        course("before", look::NONE, |r| r.iterations.first().map(|i| i.heldout_robust_sd)),
        course("flattened", look::IDEALIZED, |r| r.iterations.last().map(|i| i.heldout_robust_sd)),
    ];
    let title = "Roughness of the landscape of idealized bumps";
    let note = format!(
        "Robust SD of their energies at points between the fitted ones; these are other states than constrained \
         minima. {ERROR_BARS}"
    );
    let plot = against_maps(title, &note, "robust SD of E (Hz³)", series);
    (!loads.is_empty()).then_some(LinePlot { logarithmic: true, ..plot })
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
fn finite_size(capacities: &[Capacity], criterion: Criterion, label: &str) -> Option<LinePlot> {
    let series: Vec<Series> = METHODS
        .iter()
        .filter_map(|(method, name, look)| {
            let own = capacities.iter().filter(|c| c.method == *method);
            let points: Vec<(f64, f64, f64)> = own
                .filter_map(|c| criterion(c).map(|e| (c.neurons as f64, e)))
                .map(|(n, e)| (n, 1000.0 * e.alpha, 500.0 * (e.high - e.low) / n))
                .collect();
            (!points.is_empty()).then(|| Series::measured(name, *look, &points))
        })
        .collect();
    if series.is_empty() {
        return None;
    }
    Some(LinePlot {
        title: format!("Capacity against the number of neurons: {label}"),
        note: "Bars: 95\u{a0}% bootstrap interval over draws of the maps.".to_owned(),
        x_label: "number of neurons N".to_owned(),
        y_label: "maps per 1,000 neurons".to_owned(),
        series,
        bottom: Some(0.0),
        whole: true,
        ..LinePlot::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(finite_size(&capacities, kink.2, kink.1).is_none());
        let plot = finite_size(&capacities, own_map.2, own_map.1).expect("the criterion is met");
        let svg = plot.svg();
        assert!(svg.contains("no flattening") && !svg.contains("idealized bumps") && svg.contains(own_map.1));
    }
}
