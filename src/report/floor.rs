//! One map alone: the floor beside which networks of many such maps have to be seen.

use maud::{Markup, html};

use super::table;
use crate::job::alone::OneMap;
use crate::text::significant;

/// Figures of one map alone, with their units.
pub(super) const FIGURES: [(&str, &str); 4] = [
    ("roughness between the points (SD)", "Hz³"),
    ("roughness between them (robust SD)", "Hz³"),
    ("mean drift", "neuron units"),
    ("mean drift by phase", "neuron units"),
];

/// The values of [`FIGURES`].
pub(super) fn values(one: &OneMap) -> [f64; 4] {
    [one.heldout_sd, one.heldout_robust_sd, one.drift.mean_drift, one.drift.phase_mean_drift]
}

/// What a floor is, before a table of them.
pub(super) fn meaning() -> Markup {
    html! {
        p.soft {
            "One such map in a network by itself, not flattened: surfaces pin bumps to their own lattice, irregular place fields to "
            "themselves. That is the floor beside which the figures above have to be seen."
        }
    }
}

/// The table of a run; nothing if its maps are flat by themselves.
pub(super) fn section(alone: &[OneMap]) -> Markup {
    let names = alone.iter().map(|one| format!("map {}, {}", one.map, one.shape.name()));
    let header: Vec<String> =
        std::iter::once(String::new()).chain(names).chain(std::iter::once("unit".to_owned())).collect();
    let row = |(index, (label, unit)): (usize, (&str, &str))| {
        let mut row = vec![label.to_owned()];
        row.extend(alone.iter().map(|one| significant(values(one)[index])));
        row.push(unit.to_owned());
        row
    };
    let rows: Vec<Vec<String>> = FIGURES.into_iter().enumerate().map(row).collect();
    html! {
        @if !alone.is_empty() {
            h3 { "One map alone" }
            (meaning())
            (table(&header, &rows))
        }
    }
}
