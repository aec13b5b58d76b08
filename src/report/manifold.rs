//! Sections of a run's page that later commands have made possible: the slow manifold, and the tuning of the weights.

use maud::{Markup, PreEscaped, html};

use super::table;
use crate::analyze::{AnalysisRecord, figures_table};
use crate::error::{Error, Result};
use crate::perturb::Perturbation;
use crate::records::RunDirectory;
use crate::text::significant;

/// What `analyze` and `perturb` have left in a run.
pub(super) struct Later {
    analysis: Option<AnalysisRecord>,
    /// Pictures of the analysis, SVG.
    pictures: Vec<String>,
    damage: Option<Perturbation>,
}

impl Later {
    /// Reads what there is; none of it has to be.
    ///
    /// # Errors
    /// [`Error::Data`] naming the file that is damaged.
    pub(super) fn read(directory: &RunDirectory) -> Result<Self> {
        let pictures = directory
            .names()
            .filter(|name| name.starts_with("analysis-") && name.ends_with(".svg"))
            .map(|name| Ok(String::from_utf8_lossy(&directory.read(name)?).into_owned()))
            .collect::<Result<_>>()?;
        Ok(Self {
            analysis: json(directory, "analysis.json")?,
            pictures,
            damage: json(directory, "perturb.json")?,
        })
    }

    pub(super) fn sections(&self) -> Markup {
        html! {
            @if let Some(analysis) = &self.analysis { (manifold(analysis, &self.pictures)) }
            @if let Some(damage) = &self.damage { (tuning(damage)) }
        }
    }
}

fn json<T: serde::de::DeserializeOwned>(directory: &RunDirectory, name: &str) -> Result<Option<T>> {
    if !directory.has(name) {
        return Ok(None);
    }
    let bytes = directory.read(name)?;
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|e| Error::data(&directory.path().join(name), e.to_string()))
}

fn manifold(analysis: &AnalysisRecord, pictures: &[String]) -> Markup {
    let rows: Vec<Vec<String>> = figures_table(analysis)
        .into_iter()
        .map(|(what, cells, unit)| {
            let cell = |x: &Option<f64>| x.map_or_else(|| "–".to_owned(), significant);
            [what.to_owned()].into_iter().chain(cells.iter().map(cell)).chain([unit.to_owned()]).collect()
        })
        .collect();
    html! {
        section {
            h2 { "The slow manifold" }
            p {
                "From the constrained minima at " (analysis.points_per_map) " points of each map, without simulating: how fast a bump "
                "slides where, and where it rests. No bump goes farther than the fastest slide takes it."
            }
            (table(&["", "before", "after", "unit"], &rows))
            @for picture in pictures { figure { (PreEscaped(picture)) } }
        }
    }
}

fn tuning(damage: &Perturbation) -> Markup {
    let rows: Vec<Vec<String>> = damage
        .curves
        .iter()
        .map(|curve| {
            let drifts: Vec<String> = curve
                .sizes
                .iter()
                .zip(&curve.phase_drift)
                .map(|(size, drift)| format!("{size}: {}", significant(*drift)))
                .collect();
            let half = curve.half_benefit.map_or_else(|| "–".to_owned(), significant);
            vec![curve.damage.describe().to_owned(), half, drifts.join(", ")]
        })
        .collect();
    html! {
        section {
            h2 { "How fine the tuning is" }
            p {
                "Mean drift by phase after damage to the flattened weights, in neuron units: " (significant(damage.drift_before))
                " before flattening, " (significant(damage.drift_after)) " after it and undamaged."
            }
            (table(&["damage", "halves the benefit", "drift at sizes"], &rows))
        }
    }
}
