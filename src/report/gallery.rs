//! The trials of a scan one by one, and the landscapes of those that were kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::shared_script;
use crate::collect::Collection;
use crate::records::checksum;
use crate::scan::{Store, TrialLandscape, TrialRecord};

const SCRIPT: &str = include_str!("gallery.js");

/// As much as landscapes may add to a page (bytes): it is to be mailed.
const MOST_BYTES: usize = 4_000_000;

/// Everything the section's script knows.
#[derive(Serialize)]
struct Gallery {
    trials: Vec<ShownTrial>,
    /// Why a trial has no landscape here.
    why: &'static str,
}

#[derive(Serialize)]
struct ShownTrial {
    name: String,
    maps: usize,
    /// Mean drift (neuron units).
    drift: f64,
    /// How it is drawn.
    look: &'static str,
    /// Points a map.
    points: usize,
    /// Energies before and after `[2, maps, points]` (Hz³), f32, little endian, in base 64.
    landscape: Option<String>,
}

/// The section with its script.
pub(super) fn section(store: &Store, collection: &Collection) -> Markup {
    let gallery = Gallery::new(store, &collection.records);
    let json = serde_json::to_string(&gallery).expect("numbers have text keys").replace('<', "\\u003c");
    html! {
        section {
            h2 { "The trials one by one" }
            p { "A dot is a trial, hollow where its landscape was not kept. Click one, or choose it in the list, to see the landscape before and after flattening." }
            p.choice {
                label { "Trial " select id="trial" {
                    @for (k, trial) in gallery.trials.iter().enumerate() { option value=(k) { (trial.name) } }
                } }
                label { " map " select id="trial-map" {} }
            }
            div.plots {
                figure { figcaption { "Mean drift of every trial" } svg.plot id="trials" role="img" aria-label="Mean drift of every trial against the number of maps" {} }
                figure { figcaption { "Its landscape" } svg.plot id="trial-landscape" role="img" aria-labelledby="trial-said" {} }
            }
            p id="trial-said" role="status" {}
            script type="application/json" id="gallery-data" { (PreEscaped(json)) }
            (shared_script())
            script { (PreEscaped(SCRIPT)) }
        }
    }
}

impl Gallery {
    fn new(store: &Store, records: &[TrialRecord]) -> Self {
        let mut left = MOST_BYTES;
        let shown = |record: &TrialRecord| {
            let kept = store.landscape(&checksum(record.config.as_bytes()));
            let points = kept.as_ref().map_or(0, |landscape| landscape.points);
            let packed =
                kept.filter(|l| l.maps == record.trial.maps).map(|l| pack(&l)).filter(|p| p.len() <= left);
            left -= packed.as_ref().map_or(0, String::len);
            ShownTrial {
                name: record.id.clone(),
                maps: record.trial.maps,
                drift: record.drift.mean_drift,
                look: match record.trial.method.as_str() {
                    "none" => "none",
                    "idealized" => "idealized",
                    "constrained" => "constrained",
                    _ => "reference",
                },
                points,
                landscape: packed,
            }
        };
        let why = "its landscape was not kept, or no longer fits into this page; a scan with --keep-landscapes keeps those of the trials it does";
        Self { trials: records.iter().map(shown).collect(), why }
    }
}

fn pack(landscape: &TrialLandscape) -> String {
    let bytes: Vec<u8> = landscape.energies.iter().flat_map(|e| e.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
