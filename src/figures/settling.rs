//! Figure S7: how much still moves after a while.

use serde::Serialize;

use super::study::{Study, Way};
use super::verdict::Range;
use super::{Output, Verdict};
use crate::error::Result;
use crate::job::drift::Moment;
use crate::plot::{LinePlot, Series};
use crate::scan::TrialRecord;

#[derive(Serialize)]
struct SettlingRow {
    way: &'static str,
    maps: usize,
    time_ms: f64,
    drift_rate: f64,
    drift_rate_error: f64,
    rate_change_rate: f64,
    rate_change_rate_error: f64,
}

/// Movement per second in the interval that ends at the recorded time `index`.
fn per_second(record: &TrialRecord, index: usize, moved: fn(&Moment) -> f64) -> f64 {
    let (before, now) = (&record.course[index - 1], &record.course[index]);
    moved(now) / ((now.time_ms - before.time_ms) / 1000.0)
}

pub(super) fn draw(study: &Study, output: &mut Output) -> Result<()> {
    let Some(&maps) = study.loads.last() else { return Ok(()) };
    type Moved = fn(&Moment) -> f64;
    let panels: [(&str, &str, &str, Moved); 2] = [
        ("drift-rate", "how fast bumps still drift", "drift rate (neuron units/s)", |m| m.recent_drift),
        ("rate-change", "how fast rates still change", "squared rate change (Hz²/s)", |m| {
            m.recent_rate_change
        }),
    ];
    for (name, title, label, moved) in panels {
        let series = [Way::None, Way::Paper, Way::Kkt].map(|way| {
            let points: Vec<(f64, f64, f64)> = times(study, way, maps)
                .map(|(index, time)| {
                    let (y, error) = study.mean(way, maps, &|r| per_second(r, index, moved));
                    (time / 1000.0, y, error)
                })
                .collect();
            Series::measured(way.label(), way.look(), &points)
        });
        output.plot(
            &format!("figure-S7-{name}"),
            &LinePlot {
                title: format!("Figure S7: {title}, L = {maps}"),
                note: study.error_bars(),
                x_label: "time since the start (s)".to_owned(),
                y_label: label.to_owned(),
                series: series.into(),
                logarithmic: true,
                ..LinePlot::default()
            },
        )?;
    }
    let mut rows = Vec::new();
    for way in [Way::None, Way::Paper, Way::Kkt] {
        for &maps in &study.loads {
            for (index, time_ms) in times(study, way, maps) {
                let (drift_rate, drift_rate_error) =
                    study.mean(way, maps, &|r| per_second(r, index, |m| m.recent_drift));
                let (rate_change_rate, rate_change_rate_error) =
                    study.mean(way, maps, &|r| per_second(r, index, |m| m.recent_rate_change));
                let way = way.label();
                rows.push(SettlingRow {
                    way,
                    maps,
                    time_ms,
                    drift_rate,
                    drift_rate_error,
                    rate_change_rate,
                    rate_change_rate_error,
                });
            }
        }
    }
    output.csv("figure-S7", &rows);
    let last = study.records(Way::None, maps).next().map_or(0, |r| r.course.len() - 1);
    let (measured, error) = study.mean(Way::None, maps, &|r| per_second(r, last, |m| m.recent_drift));
    let paper = "only negligible changes persist after 3 s (fig. S7)";
    let quantity = format!("drift rate in the last half second, L = {maps} (neuron units per s)");
    let range = Range::at_most(1.0, "our choice of negligible: one neuron unit per second");
    let verdict = Verdict::new("S7", &quantity, paper, range, measured).with_error(error);
    output.verdict(verdict.over(study.realizations));
    Ok(())
}

/// Recorded times of a way's trials, after the start: index and time (ms).
fn times(study: &Study, way: Way, maps: usize) -> impl Iterator<Item = (usize, f64)> {
    let course = study.records(way, maps).next().map_or(&[][..], |r| r.course.as_slice());
    course.iter().enumerate().skip(1).map(|(index, moment)| (index, moment.time_ms))
}
