//! One map alone: the floor beside which networks of many such maps have to be seen.

use maud::{Markup, html};

use super::table;
use crate::job::alone::OneMap;
use crate::text::significant;

/// Figures of one map alone, and their units.
pub(super) const COLUMNS: [&str; 4] = [
    "SD between the points (Hz³)",
    "robust SD between them (Hz³)",
    "mean drift (neuron units)",
    "drift by phase (neuron units)",
];

/// The figures of [`COLUMNS`].
pub(super) fn figures(one: &OneMap) -> [f64; 4] {
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
    let row = |one: &OneMap| {
        let name = format!("map {}, {}", one.map, one.shape.name());
        std::iter::once(name).chain(figures(one).map(significant)).collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = alone.iter().map(row).collect();
    html! {
        @if !rows.is_empty() {
            h3 { "One map alone" }
            (meaning())
            (table(&["", COLUMNS[0], COLUMNS[1], COLUMNS[2], COLUMNS[3]], &rows))
        }
    }
}
