//! Plots of a collected scan.

use super::axes::{Group, describe};
use super::scaling::{criteria, in_words};
use super::tables::mean_and_ci;
use super::{Average, Capacity};
use crate::job::drift::DriftSummary;
use crate::job::reached::IterationRecord;
use crate::observable::Observable;
use crate::plot::look::{self, Look};
use crate::plot::{LinePlot, Picture, Series};
use crate::scan::TrialRecord;
use crate::setup::config::Method;
use crate::setup::scanned::Setting;

/// A plot and the name of its files.
pub(crate) struct Figure {
    pub name: String,
    pub plot: Picture,
}

/// How the program's own methods are called in plots, and how they look.
const METHODS: [(Method, &str, Look); 5] = [
    (Method::None, "no flattening", look::NONE),
    (Method::Idealized, "idealized bumps", look::IDEALIZED),
    (Method::Constrained, "constrained minima", look::CONSTRAINED),
    (Method::PseudoInverse, "pseudo-inverse rule", look::FIFTH),
    (Method::MaximalMargin, "maximal margin", look::SIXTH),
];

/// A method as plots show it.
#[derive(Clone)]
pub(super) struct Style {
    pub method: String,
    pub label: String,
    pub look: Look,
}

/// Styles of the given methods: the program's own have theirs, named ones their name and the looks that are left, in turn.
pub(super) fn styles<'m>(methods: impl Iterator<Item = &'m str>) -> Vec<Style> {
    let mut names: Vec<&str> = methods.collect();
    names.sort_unstable();
    names.dedup();
    let own = METHODS.iter().filter(|(method, ..)| names.contains(&method.name()));
    let mut styles: Vec<Style> = own
        .map(|(method, label, look)| Style {
            method: method.name().to_owned(),
            label: (*label).to_owned(),
            look: *look,
        })
        .collect();
    let taken: Vec<Look> = styles.iter().map(|style| style.look).collect();
    let left: Vec<Look> = look::IN_ORDER.into_iter().filter(|look| !taken.contains(look)).collect();
    let named: Vec<&str> =
        names.into_iter().filter(|name| METHODS.iter().all(|(method, ..)| method.name() != *name)).collect();
    styles.extend(named.into_iter().zip(left.into_iter().cycle()).map(|(name, look)| Style {
        method: name.to_owned(),
        label: name.to_owned(),
        look,
    }));
    styles
}

/// What the error bars are where points are means.
pub(super) const ERROR_BARS: &str =
    "Mean over draws of the maps; bars: 95\u{a0}% confidence interval (1.96 standard errors).";

/// One plot of all methods against the number of maps.
pub(super) struct Panel {
    pub name: &'static str,
    pub title: &'static str,
    /// The axis label, if it is not the figure's own.
    label: Option<&'static str>,
    pub figure: Observable<DriftSummary>,
    logarithmic: bool,
}

pub(super) const PANELS: [Panel; 5] = {
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

/// All plots: one set for every number of neurons and every value of what else is varied, and finite-size scaling if there
/// are several numbers of neurons.
pub(crate) fn all(records: &[TrialRecord], averages: &[Average<'_>], capacities: &[Capacity]) -> Vec<Figure> {
    let cells = Group::all(records);
    let styles = styles(records.iter().map(|r| r.trial.method.as_str()));
    let mut sizes: Vec<usize> = cells.iter().map(|cell| cell.neurons).collect();
    sizes.dedup();
    let mut figures = Vec::new();
    for cell in &cells {
        let rows: Vec<&Average<'_>> =
            averages.iter().filter(|r| r.neurons == cell.neurons && r.axes == cell.axes).collect();
        let own: Vec<&TrialRecord> = records.iter().filter(|r| Group::of(r) == *cell).collect();
        let mut plots: Vec<(&str, LinePlot)> =
            PANELS.iter().map(|a| (a.name, a.plot(&rows, &styles))).collect();
        let (suffix, note) = suffix(cell, sizes.len() > 1);
        figures.extend(completion(&rows, &styles).into_iter().map(|(part, mut plot)| {
            plot.note.push_str(&note);
            Figure { name: format!("completed-{part}{suffix}"), plot: plot.into() }
        }));
        plots.extend(roughness_of_minima(&rows, &styles).map(|plot| ("roughness-minima", plot)));
        plots.extend(roughness_of_idealized(&own).map(|plot| ("roughness-idealized", plot)));
        figures.extend(plots.into_iter().map(|(name, mut plot)| {
            plot.note.push_str(&note);
            Figure { name: format!("{name}{suffix}"), plot: plot.into() }
        }));
    }
    if sizes.len() > 1 {
        for axes in distinct(cells.iter().map(|cell| &cell.axes)) {
            let own: Vec<&Capacity> = capacities.iter().filter(|c| c.varied == *axes).collect();
            let (suffix, note) = suffix(&Group { neurons: 0, axes: axes.clone() }, false);
            let reached = own.iter().flat_map(|c| criteria(c)).map(|(criterion, _)| criterion);
            figures.extend(distinct(reached).into_iter().map(|criterion| {
                let mut plot = finite_size(&own, &styles, &criterion);
                plot.note.push_str(&note);
                let name = format!("finite-size-{}{suffix}", criterion.replace('_', "-"));
                Figure { name, plot: plot.into() }
            }));
        }
    }
    figures
}

/// What tells the plots of a cell apart from those of others: the end of their names, and the end of their notes.
fn suffix(cell: &Group, sizes: bool) -> (String, String) {
    let (mut suffix, mut note) = (String::new(), String::new());
    if sizes {
        suffix.push_str(&format!("-N{}", cell.neurons));
        note.push_str(&format!(" {} neurons.", cell.neurons));
    }
    for Setting { key, value } in &cell.axes {
        suffix.push_str(&format!("-{key}={}", value.replace(['"', '/', '\\'], "")));
    }
    if !cell.axes.is_empty() {
        note.push_str(&format!(" {}.", describe(&cell.axes)));
    }
    (suffix, note)
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
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

/// Averages of the given methods; a method that was not scanned here has no series.
fn by_method<'s>(
    rows: &[&Average<'_>],
    styles: impl IntoIterator<Item = &'s Style>,
    value: impl Fn(&Average<'_>) -> (f64, f64),
) -> Vec<Series> {
    let series = styles.into_iter().map(|Style { method, label, look }| {
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
    /// What the axis says.
    pub(super) fn label(&self) -> String {
        self.label.map_or_else(|| self.figure.title(), str::to_owned)
    }

    fn plot(&self, rows: &[&Average<'_>], styles: &[Style]) -> LinePlot {
        let series = by_method(rows, styles, |average| average.of_drift(&self.figure));
        let label = self.label();
        let side_by_side = self.name == "own-map";
        LinePlot {
            logarithmic: self.logarithmic,
            side_by_side,
            ..against_maps(self.title, ERROR_BARS, &label, series)
        }
    }
}

/// How many damaged bumps find their map and place, for every fraction of exchanged neurons.
fn completion(rows: &[&Average<'_>], styles: &[Style]) -> Vec<(f64, LinePlot)> {
    let trials = rows.iter().flat_map(|average| &average.trials);
    let mut parts: Vec<f64> = trials.flat_map(|r| &r.completion).map(|c| c.exchanged).collect();
    parts.sort_by(f64::total_cmp);
    parts.dedup();
    let plot = |part: f64| {
        let completed = |trial: &TrialRecord| {
            let found = trial.completion.iter().find(|c| c.exchanged == part);
            found.map_or(f64::NAN, |c| c.completed_fraction)
        };
        let series = by_method(rows, styles, |average| average.of(completed));
        let title = "How many damaged bumps find their map and place again";
        let note =
            format!("Of the starts' active neurons {part} were exchanged for silent ones. {ERROR_BARS}");
        (part, LinePlot { side_by_side: true, ..against_maps(title, &note, "fraction of bumps", series) })
    };
    parts.into_iter().map(plot).collect()
}

/// Roughness of the methods whose landscape is one of constrained minima, at the same points of the same maps.
fn roughness_of_minima(rows: &[&Average<'_>], styles: &[Style]) -> Option<LinePlot> {
    let of_minima = styles.iter().filter(|style| style.method != Method::Idealized.name());
    let series = by_method(rows, of_minima, |average| {
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
        records.iter().copied().filter(|r| r.trial.method == Method::Idealized.name()).collect();
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

/// Capacity per neuron against the number of neurons, by one criterion; `None` if no scan reaches it.
fn finite_size(capacities: &[&Capacity], styles: &[Style], criterion: &str) -> LinePlot {
    let estimate = |c: &Capacity| {
        let (_, found) = criteria(c).into_iter().find(|(name, _)| name == criterion)?;
        Some((c.neurons as f64, 1000.0 * found.alpha, 500.0 * (found.high - found.low) / c.neurons as f64))
    };
    let series = styles.iter().map(|Style { method, label, look }| {
        let own = capacities.iter().filter(|c| c.method == *method);
        Series::measured(label, *look, &own.filter_map(|c| estimate(c)).collect::<Vec<_>>())
    });
    let series = series.filter(|series| !series.points.is_empty()).collect();
    LinePlot {
        title: format!("Capacity against the number of neurons: {}", in_words(criterion)),
        note: "Bars: 95\u{a0}% bootstrap interval over draws of the maps.".to_owned(),
        x_label: "number of neurons N".to_owned(),
        y_label: "maps per 1,000 neurons".to_owned(),
        series,
        bottom: Some(0.0),
        whole: true,
        ..LinePlot::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finite_size_is_drawn_where_a_criterion_is_met() {
        let estimate = crate::collect::Estimate {
            maps: 4.0,
            low: 3.5,
            high: 4.5,
            alpha: 0.02,
            defined: 1.0,
            realizations: 3,
            draws: Vec::new(),
        };
        let capacities: Vec<Capacity> = [100, 200]
            .map(|neurons| Capacity {
                neurons,
                method: "none".to_owned(),
                varied: Vec::new(),
                largest_maps: 8,
                score_kink: None,
                shape: None,
                own_map: Some(estimate.clone()),
                drift: None,
                within: Vec::new(),
                completed: Vec::new(),
            })
            .into();
        let (capacities, styles): (Vec<&Capacity>, _) =
            (capacities.iter().collect(), styles(["none"].into_iter()));
        let svg = finite_size(&capacities, &styles, "own_map").svg();
        assert!(svg.contains("no flattening") && !svg.contains("idealized bumps"));
        assert!(svg.contains("90\u{a0}% of bumps in their own map"), "{svg}");
        assert!(finite_size(&capacities, &styles, "shape").series.is_empty());
    }
}
