//! Plots against what a scan varies beside the number of maps: drift, score and the fraction in the own map against every
//! numeric key, at a few numbers of maps.

use super::axes::describe;
use super::plots::{ERROR_BARS, Figure, PANELS, Style, styles};
use super::tables::Average;
use crate::plot::{LinePlot, Series};
use crate::scan::TrialRecord;
use crate::setup::scanned::Setting;

/// The key that is the number of neurons, which has plots of its own.
const NEURONS: &str = "network.neurons";

/// Figures of [`PANELS`] that are drawn against keys.
const SHOWN: [&str; 3] = ["drift", "score", "own-map"];

/// What is the same in one plot: N, L, and the other varied keys.
type Fixed = (usize, usize, Vec<Setting>);

/// Averages with what is fixed and the value of one key.
type AtValues<'a> = Vec<(Fixed, f64, &'a Average<'a>)>;

/// One plot for every numeric key, measure, and least, median and largest number of maps.
pub(crate) fn all(records: &[TrialRecord], averages: &[Average<'_>]) -> Vec<Figure> {
    let styles = styles(records.iter().map(|r| r.trial.method.as_str()));
    let mut keys: Vec<&str> = averages.iter().flat_map(|a| &a.axes).map(|s| s.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().filter(|key| *key != NEURONS).flat_map(|key| of_key(key, averages, &styles)).collect()
}

fn of_key(key: &str, averages: &[Average<'_>], styles: &[Style]) -> Vec<Figure> {
    let at = |average| {
        let Average { neurons, maps, axes, .. }: &Average<'_> = average;
        let value: f64 = axes.iter().find(|s| s.key == key)?.value.parse().ok()?;
        let others = axes.iter().filter(|s| s.key != key).cloned().collect();
        Some(((*neurons, *maps, others), value, average))
    };
    let mut found: AtValues<'_> = averages.iter().filter_map(at).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let loads = some_loads(found.iter().map(|(fixed, ..)| fixed.1));
    let plots = found.chunk_by(|a, b| a.0 == b.0).filter(|rows| loads.contains(&rows[0].0.1));
    plots.flat_map(|rows| PANELS.iter().filter_map(|panel| of_panel(key, panel.name, rows, styles))).collect()
}

/// The least, the median and the largest number of maps.
pub(super) fn some_loads(found: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut loads: Vec<usize> = found.collect();
    loads.sort_unstable();
    loads.dedup();
    let last = loads.len().saturating_sub(1);
    [0, last / 2, last].iter().filter_map(|&place| loads.get(place).copied()).collect()
}

fn of_panel(key: &str, name: &str, rows: &[(Fixed, f64, &Average<'_>)], styles: &[Style]) -> Option<Figure> {
    let panel = PANELS.iter().find(|panel| panel.name == name && SHOWN.contains(&name))?;
    let (neurons, maps, others) = &rows[0].0;
    let series = styles.iter().map(|style| {
        let own = rows.iter().filter(|(.., average)| average.method == style.method);
        let points: Vec<(f64, f64, f64)> = own
            .map(|(_, value, average)| (*value, average.of_drift(&panel.figure)))
            .map(|(x, (y, error))| (x, y, error))
            .collect();
        Series::measured(&style.label, style.look, &points)
    });
    let fixed = if others.is_empty() { String::new() } else { format!(", {}", describe(others)) };
    let plot = LinePlot {
        title: panel.title.to_owned(),
        note: format!("{neurons} neurons, {maps} maps{fixed}. {ERROR_BARS}"),
        x_label: key.to_owned(),
        y_label: panel.label(),
        series: series.filter(|s| s.points.len() > 1).collect(),
        bottom: Some(0.0),
        ..LinePlot::default()
    };
    let others: String =
        others.iter().map(|s| format!("-{}={}", s.key, s.value.replace(['"', '/', '\\'], ""))).collect();
    let name = format!("{name}-against-{key}-N{neurons}-L{maps:02}{others}");
    (!plot.series.is_empty()).then(|| Figure { name, plot: plot.into() })
}
