//! The page about a run.

use std::path::Path;

use maud::{Markup, PreEscaped, html};
use time::OffsetDateTime;

use super::manifold::Later;
use super::numbers::Numbers;
use super::sheets::Sheets;
use super::{colophon, configuration, facts, floor, layout, position, shared_script, surfaces, table};
use crate::error::{Error, Result};
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::path_record::{PathRecord, PathRow};
use crate::job::reached::IterationRecord;
use crate::manifold::Points;
use crate::observable::{Observable, Pair, Shown};
use crate::records::{Manifest, RunDirectory, RunState, Summary};
use crate::setup::config::Method;
use crate::setup::plan::Plan;
use crate::text::significant;

const SCRIPT: &str = include_str!("script.js");

/// Everything a page tells.
struct Run {
    manifest: Manifest,
    plan: Plan,
    summary: Summary,
    iterations: Vec<IterationRecord>,
    drift: Vec<DriftRecord>,
    configuration: String,
    numbers: Numbers,
    later: Later,
    sheets: Vec<Sheets>,
}

pub(super) fn page(path: &Path) -> Result<String> {
    let run = Run::read(path)?;
    let title = format!(
        "Run: {} neurons, {} {}, {}",
        run.plan.neurons,
        run.plan.maps,
        if run.plan.maps == 1 { "map" } else { "maps" },
        method(run.plan.config.flatten.method)
    );
    Ok(layout(&title, &run.content(&title)))
}

fn method(method: Method) -> &'static str {
    match method {
        Method::None => "not flattened",
        Method::Idealized => "flattened at idealized bumps",
        Method::Constrained => "flattened at constrained minima",
        Method::PseudoInverse => "changed by the pseudo-inverse rule",
        Method::MaximalMargin => "learnt with maximal margin",
    }
}

/// A time in seconds since 1970, as people read it.
fn date(unix: u64) -> String {
    let time = i64::try_from(unix).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    time.map_or_else(
        || format!("{unix} s after 1970, which is no date"),
        |t| {
            let (date, month) = (t.date(), u8::from(t.month()));
            let (hour, minute, second) = t.to_hms();
            format!("{}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", date.year(), date.day())
        },
    )
}

/// A number in a table: whole ones as they are.
fn cell(x: Option<f64>) -> String {
    match x {
        Some(x) if x == x.round() && x.abs() < 1e6 => x.to_string(),
        x => optional(x),
    }
}

fn optional(x: Option<f64>) -> String {
    x.map_or_else(|| "–".to_owned(), significant)
}

impl Run {
    fn read(path: &Path) -> Result<Self> {
        let (directory, manifest) = RunDirectory::open(path)?;
        let plan = directory.read_plan()?;
        let iterations: Vec<IterationRecord> = directory.read_rows("iterations.csv")?;
        let drift: Vec<DriftRecord> = directory.read_rows("drift.csv")?;
        let (shape, energies) = directory.read_array::<f64>("energies.npy")?;
        if shape != [iterations.len(), plan.maps, plan.points_per_map] || iterations.is_empty() {
            let what = format!(
                "has shape {shape:?}, not one landscape for every row of iterations.csv; run the job again"
            );
            return Err(Error::data(&path.join("energies.npy"), what));
        }
        let maps = plan.layout.draw(plan.config.network.seed, 0);
        let points = Points::fitted(&maps, plan.points_per_map);
        let last = &energies[energies.len() - plan.states()..];
        let paths: Vec<PathRow> = match plan.record_steps {
            Some(_) => directory.read_rows("trajectories.csv")?,
            None => Vec::new(),
        };
        let paths: Vec<PathRecord> = paths.into_iter().map(PathRecord::from).collect();
        let sheets = surfaces::sheets(points, [&energies[..plan.states()], last], &drift, &paths);
        let configuration = String::from_utf8_lossy(&directory.read("config.toml")?).into_owned();
        Ok(Self {
            numbers: Numbers::new(&plan, points, &iterations, &energies, &drift),
            sheets,
            summary: directory.read_summary()?,
            manifest,
            plan,
            iterations,
            drift,
            configuration,
            later: Later::read(&directory)?,
        })
    }

    fn content(&self, title: &str) -> Markup {
        html! {
            h1 { (title) }
            p.soft { "Outcome: " (self.summary.status.describe()) "." }
            (shared_script())
            (self.figures())
            @for (own, sheets) in self.sheets.iter().enumerate() { (sheets.section(own)) }
            (self.landscapes())
            (self.drifts())
            (self.later.sections())
            (self.certificates())
            (self.provenance())
            (colophon())
            script type="application/json" id="data" { (PreEscaped(self.numbers.to_json())) }
            script { (PreEscaped(SCRIPT)) }
        }
    }

    /// The summary in a sentence, and in numbers.
    fn figures(&self) -> Markup {
        let s = &self.summary;
        let row = |p: Pair| {
            let unit = if p.unit == "1" { "" } else { p.unit };
            vec![p.label, optional(p.before), optional(p.after), unit.to_owned()]
        };
        let rows: Vec<Vec<String>> = s.pairs(&[Shown::First, Shown::Report]).into_iter().map(row).collect();
        html! {
            section.figures {
                p { (self.sentence()) }
                (table(&["", "before", "after", "unit"], &rows))
                (floor::section(&s.alone))
                @for warning in &s.warnings { p.warning { strong { "Note: " } (warning.to_string()) "." } }
                @if s.warnings.is_empty() { p { "No warnings." } }
            }
        }
    }

    fn sentence(&self) -> String {
        let s = &self.summary;
        let stored = match s.maps {
            1 => format!("One {} map is stored in a", self.kind()),
            maps => format!("{maps} {} maps are stored together in one", self.kind()),
        };
        let points = s.maps * s.points_per_map;
        let roughness = |record: &Option<IterationRecord>| optional(record.as_ref().map(|r| r.energy_sd));
        let mut text = format!(
            "{stored} network of {} neurons. The roughness of the energy landscape at its {points} fitted points is {} Hz³",
            s.neurons,
            roughness(&s.landscape_before)
        );
        if s.updates > 0 {
            let updates = if s.updates == 1 { "one weight update" } else { "all weight updates" };
            text.push_str(&format!(" before and {} Hz³ after {updates}", roughness(&s.landscape_after)));
        }
        if let Some(before) = &s.drift_before {
            let seconds = s.duration_ms / 1000.0;
            text.push_str(&format!(
                "; a bump drifts {} neuron units in {seconds} s on average",
                significant(before.mean_drift)
            ));
            if let Some(after) = &s.drift_after {
                text.push_str(&format!(" before and {} after", significant(after.mean_drift)));
            }
        }
        text + "."
    }

    /// The shapes of the maps.
    fn kind(&self) -> String {
        let mut names: Vec<&str> =
            self.plan.layout.groups.iter().map(|g| g.group.lattice.space.shape.name()).collect();
        names.dedup();
        names.join(" and ")
    }

    fn landscapes(&self) -> Markup {
        let last = self.iterations.len() - 1;
        html! {
            section {
                h2 { "Energy landscapes" }
                p {
                    "The energy of a bump held at each position of a map, relative to the mean of all maps of its kind. "
                    "A bump drifts downhill; a flat line is a perfect memory."
                    @if !self.sheets.is_empty() { " On maps of two dimensions positions are taken row by row here." }
                    @if self.numbers.stride > 1 { " One in " (self.numbers.stride) " points is shown." }
                }
                div.controls {
                    label { "Map " select id="map" {
                        @for map in 0..self.plan.maps { option value=(map) { (map) } }
                        option value="all" { "all, one after another" }
                    } }
                    label { "Weight updates made " select id="iteration" {
                        @for i in 0..=last { option value=(i) selected[i == last] { (i) @if i == 0 { " (before)" } } }
                    } }
                    label { input type="checkbox" id="first" checked; " with the landscape before flattening" }
                }
                (key(&[("none", "before"), (self.class(), "after the chosen number of updates")]))
                noscript { p.warning { "The plots need JavaScript; the tables do not." } }
                (plot("landscape", "Energy landscape of the chosen map and iteration"))
                p.soft id="chosen" aria-live="polite" {}
                h3 { "Roughness per weight update" }
                (key(&[(self.class(), "at the fitted points (SD)"), ("between", "between them (robust SD)")]))
                (plot("roughness", "Roughness against the number of weight updates, logarithmic"))
            }
        }
    }

    /// Name of the method's colour.
    fn class(&self) -> &'static str {
        self.plan.config.flatten.method.name()
    }

    fn drifts(&self) -> Markup {
        let figures: Vec<&Observable<DriftRecord>> =
            DriftRecord::ALL.iter().filter(|figure| figure.shown == Shown::Report).collect();
        let mut header = ["network", "map", "start", "end"].map(str::to_owned).to_vec();
        header.extend(figures.iter().map(|figure| figure.label.to_owned()));
        let row = |d: &DriftRecord| {
            let network = if d.network == Which::Flattened { "after" } else { "before" };
            let (start, end) = (position(d.start, d.dimension), position(d.end, d.dimension));
            let mut row = vec![network.to_owned(), d.map.to_string(), start, end];
            row.extend(figures.iter().map(|figure| cell((figure.of)(d))));
            row
        };
        let rows: Vec<Vec<String>> = self.drift.iter().map(row).collect();
        let seconds = self.summary.duration_ms / 1000.0;
        html! {
            section {
                h2 { "Drift" }
                p {
                    "Bumps started at " (self.plan.config.measure.starts_per_map) " places of each map and left alone for "
                    (seconds) " s. An open mark ended in another map, where its position means something else."
                }
                (key(&[("none", "before flattening"), (self.class(), "after")]))
                (plot("drift", "Displacement of each bump of the chosen map, before and after"))
                h3 { "How many drifted how far" }
                (key(&[("none", "before flattening"), (self.class(), "after")]))
                (plot("histogram", "Histogram of drift over all maps, before and after"))
                details {
                    summary { "All " (rows.len()) " trajectories (positions in neuron units)" }
                    (table(&header, &rows))
                }
            }
        }
    }

    fn certificates(&self) -> Markup {
        let figures: Vec<&Observable<IterationRecord>> =
            IterationRecord::ALL.iter().filter(|figure| figure.shown != Shown::File).collect();
        let header: Vec<String> = figures.iter().map(|figure| figure.title()).collect();
        let row = |r: &IterationRecord| figures.iter().map(|figure| cell((figure.of)(r))).collect::<Vec<_>>();
        let rows: Vec<Vec<String>> = self.iterations.iter().map(row).collect();
        html! {
            section {
                h2 { "Certificates" }
                p {
                    "Each state is certified as a constrained minimum of the energy: stationary, silent neurons rightly silent, "
                    "centre of mass in place. One row for each landscape; states at fitted and held-out points. The robust SD "
                    "(1.4826 × the median absolute deviation) is what the SD would be without the few points that stick out."
                }
                (table(&header, &rows))
            }
        }
    }

    fn provenance(&self) -> Markup {
        let m = &self.manifest;
        let state = match m.status {
            RunState::Complete => "complete",
            RunState::Interrupted => "interrupted",
        };
        let mut rows = vec![
            ("program", m.program.clone()),
            ("state", state.to_owned()),
            ("device", m.device.to_string()),
            ("seed of the maps", m.seed.to_string()),
            ("identity (BLAKE3)", m.configuration.clone()),
            ("manifest (BLAKE3)", m.manifest.clone()),
            ("started", date(m.started_unix)),
            ("time of work (s)", significant(m.wall_seconds)),
        ];
        rows.extend(m.files.iter().map(|(name, checksum)| (name.as_str(), checksum.clone())));
        let maps_file = self.plan.config.network.maps_file.is_some();
        html! {
            section {
                h2 { "Where this came from" }
                (facts(&rows))
                (configuration(&self.configuration))
                h3 { "To reproduce it" }
                p {
                    "Save the configuration above as config.toml"
                    @if maps_file { ", with maps.npy of the run directory beside it" }
                    "; the same seed gives the same maps on any machine."
                }
                pre { "flatscape optimize config.toml --out again\nflatscape verify again\nflatscape report again" }
            }
        }
    }
}

fn plot(id: &str, what: &str) -> Markup {
    html! { svg.plot id=(id) role="img" aria-label=(what) {} }
}

/// What the colours mean; without flattening only the first is shown.
fn key(entries: &[(&str, &str)]) -> Markup {
    let shown = entries.iter().enumerate().filter(|(i, (class, _))| *i == 0 || *class != "none");
    html! {
        ul.key { @for (_, (class, text)) in shown { li style={ "--own: var(--" (class) ")" } { (text) } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_readable() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(1_791_979_629), "2026-10-14 12:07:09 UTC");
        assert!(date(u64::MAX).contains("no date"));
    }
}
