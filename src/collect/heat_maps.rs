//! Heat maps of what a scan varies: every two keys against each other at a few numbers of maps, or the one key that is varied
//! against the number of maps.

use super::against_keys::some_loads;
use super::axes::describe;
use super::plots::{Figure, PANELS, Panel, Style, styles};
use super::tables::Average;
use crate::plot::{GridPanel, GridPlot};
use crate::scan::TrialRecord;
use crate::setup::scanned::Setting;

/// Figures of [`PANELS`] that are drawn.
const SHOWN: [&str; 3] = ["drift", "score", "own-map"];

/// What an average has on one axis of a heat map.
type Place = fn(&Average<'_>, &str) -> Option<String>;

/// All of them.
pub(crate) fn all(records: &[TrialRecord], averages: &[Average<'_>]) -> Vec<Figure> {
    let styles = styles(records.iter().map(|r| r.trial.method.as_str()));
    let mut keys: Vec<&str> = averages.iter().flat_map(|a| &a.axes).map(|s| s.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    if let [key] = keys[..] {
        return of_axes(averages, &styles, key, ("number of maps L", |a, _| Some(a.maps.to_string())));
    }
    let loads = some_loads(averages.iter().map(|average| average.maps));
    let at_loads: Vec<Average<'_>> = averages.iter().filter(|a| loads.contains(&a.maps)).cloned().collect();
    let pairs = keys.iter().enumerate().flat_map(|(i, x)| keys[i + 1..].iter().map(move |y| (*x, *y)));
    pairs.flat_map(|(x, y)| of_axes(&at_loads, &styles, y, (x, value))).collect()
}

/// The value of a varied key.
fn value(average: &Average<'_>, key: &str) -> Option<String> {
    let setting = average.axes.iter().find(|setting| setting.key == key)?;
    Some(setting.value.trim_matches('"').to_owned())
}

/// Heat maps of a key, from the top down, against what `x` is, from left to right: one for every measure and whatever else
/// differs.
fn of_axes(
    averages: &[Average<'_>],
    styles: &[Style],
    key: &str,
    (x_label, x): (&str, Place),
) -> Vec<Figure> {
    let by_maps = averages.iter().all(|a| value(a, x_label).is_none());
    // What is the same in one heat map: N, L unless it is an axis, and the other keys.
    let fixed = |average: &Average<'_>| {
        let others = average.axes.iter().filter(|s| s.key != key && s.key != x_label);
        (average.neurons, (!by_maps).then_some(average.maps), others.cloned().collect::<Vec<Setting>>())
    };
    let mut kinds: Vec<_> = averages.iter().map(fixed).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut figures = Vec::new();
    for kind in kinds {
        let own: Vec<&Average<'_>> = averages.iter().filter(|average| fixed(average) == kind).collect();
        let columns = names(own.iter().filter_map(|average| x(average, x_label)));
        let rows = names(own.iter().filter_map(|average| value(average, key)));
        if columns.len() < 2 || rows.len() < 2 {
            continue;
        }
        let (neurons, maps, others) = &kind;
        let at_maps = maps.map_or(String::new(), |maps| format!(", {maps} maps"));
        let and = if others.is_empty() { String::new() } else { format!(", {}", describe(others)) };
        let note = format!("{neurons} neurons{at_maps}{and}. Means over draws of the maps.");
        let suffix: String =
            others.iter().map(|s| format!("-{}={}", s.key, s.value.replace(['"', '/', '\\'], ""))).collect();
        let at_maps = maps.map_or(String::new(), |maps| format!("-L{maps:02}"));
        let axis = if by_maps { "maps" } else { x_label };
        for panel in PANELS.iter().filter(|panel| SHOWN.contains(&panel.name)) {
            let grid = (columns.as_slice(), rows.as_slice());
            let cell = |average: &Average<'_>| (x(average, x_label), value(average, key));
            let plot = GridPlot {
                title: panel.title.to_owned(),
                note: format!("Numbers: {}. {note}", panel.label()),
                x_label: x_label.to_owned(),
                y_label: key.to_owned(),
                columns: columns.clone(),
                rows: rows.clone(),
                panels: styles.iter().filter_map(|s| of_method(panel, s, &own, grid, cell)).collect(),
            };
            let name = format!("{}-over-{axis}-and-{key}-N{neurons}{at_maps}{suffix}", panel.name);
            figures.push(Figure { name, plot: plot.into() });
        }
    }
    figures
}

/// The cells of one method; `None` if it was not scanned here.
fn of_method(
    panel: &Panel,
    style: &Style,
    averages: &[&Average<'_>],
    (columns, rows): (&[String], &[String]),
    cell: impl Fn(&Average<'_>) -> (Option<String>, Option<String>),
) -> Option<GridPanel> {
    let mut values = vec![f64::NAN; rows.len() * columns.len()];
    for average in averages.iter().filter(|average| average.method == style.method) {
        let (x, y) = cell(average);
        let place =
            |names: &[String], of: Option<String>| names.iter().position(|name| Some(name) == of.as_ref());
        if let (Some(column), Some(row)) = (place(columns, x), place(rows, y)) {
            values[row * columns.len() + column] = average.of_drift(&panel.figure).0;
        }
    }
    let any = values.iter().any(|value| value.is_finite());
    any.then(|| GridPanel { label: style.label.clone(), values })
}

/// Distinct names, numbers by size and before words.
fn names(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = all.collect();
    let number = |name: &String| name.parse::<f64>().unwrap_or(f64::INFINITY);
    names.sort_by(|a, b| number(a).total_cmp(&number(b)).then(a.cmp(b)));
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        let of = |names_: &[&str]| names(names_.iter().map(|&name| name.to_owned()));
        assert_eq!(of(&["15.0", "9.0", "100", "9.0"]), ["9.0", "15.0", "100"]);
        assert_eq!(of(&["kkt", "2", "10", "a"]), ["2", "10", "a", "kkt"]);
    }
}
