//! Figures 2, 3c and 6a: bump snapshots, and trajectories of ten starts in two maps.

use serde::Serialize;

use super::example::{Course, Example, SHOWN_MAPS, SNAPSHOTS_MS, STARTS};
use super::study::Way;
use super::verdict::Range;
use super::{Output, Scope, Verdict};
use crate::error::Result;
use crate::plot::{LinePlot, Series, look};

#[derive(Serialize)]
struct LocationRow {
    way: &'static str,
    map: usize,
    start: usize,
    time_s: f64,
    location: f64,
    displacement: f64,
}

#[derive(Serialize)]
struct SnapshotRow {
    way: &'static str,
    map: usize,
    start: usize,
    time_ms: f64,
    position: usize,
    rate: f64,
}

pub(super) fn draw(example: &Example, scope: &Scope, output: &mut Output) -> Result<()> {
    for (figure, ways) in [
        ("2", &[Way::None][..]),
        ("3", &[Way::None, Way::Idealized][..]),
        ("6", &[Way::None, Way::Paper, Way::Kkt][..]),
    ] {
        if scope.wants(figure) {
            trajectories(example, figure, ways, output)?;
        }
    }
    if scope.wants("2") {
        snapshots(example, output)?;
        let peak = example.network.bumps.lattice_bump(0).centred_rates().into_iter().fold(0.0, f64::max);
        let paper = "about 11.5 Hz at the bump's peak, one map (fig. 2a)";
        let range = Range::new(11.0, 12.0, "read off the plot, to half a Hz");
        output.verdict(Verdict::new("2", "peak rate of the single-map bump (Hz)", paper, range, peak));
        let active = example.network.bumps.active(0) as f64 / example.plan.neurons as f64;
        let paper = "about a tenth of the ring (fig. 2a)";
        output.verdict(Verdict::new(
            "2",
            "active fraction of the single-map bump",
            paper,
            Range::new(0.09, 0.11, "a tenth, to a tenth of it"),
            active,
        ));
        let drift = mean_drift(courses(example, Way::None));
        let paper = "systematic drift is evident with ten maps (fig. 2b); 9-10 on average (fig. 4)";
        output.verdict(Verdict::new(
            "2",
            "mean drift of the shown starts (neuron units)",
            paper,
            Range::new(5.0, 15.0, "the average, ±50 % for twenty starts in one network"),
            drift,
        ));
    }
    for (figure, way, most) in [("3", Way::Idealized, 4.5), ("6", Way::Paper, 3.0), ("6", Way::Kkt, 3.0)] {
        if scope.wants(figure) {
            let quantity = format!("mean drift of the shown starts, {} (neuron units)", way.label());
            let paper = "drifts are attenuated (figs 3c, 6a)";
            let range =
                Range::at_most(1.3 * most, "the largest average of figs 4 and 6, +30 % for reading a plot");
            let drift = mean_drift(courses(example, way));
            output.verdict(Verdict::new(figure, &quantity, paper, range, drift));
        }
    }
    Ok(())
}

fn courses(example: &Example, way: Way) -> &[Course] {
    example.courses.iter().find(|(w, _)| *w == way).map_or(&[], |(_, courses)| courses)
}

fn mean_drift(courses: &[Course]) -> f64 {
    courses.iter().filter_map(|c| c.locations.last()).map(|l| l.1.abs()).sum::<f64>() / courses.len() as f64
}

fn trajectories(example: &Example, figure: &str, ways: &[Way], output: &mut Output) -> Result<()> {
    let mut rows = Vec::new();
    for map in SHOWN_MAPS {
        let mut series = Vec::new();
        for &way in ways {
            for (i, course) in courses(example, way).iter().filter(|c| c.map == map).enumerate() {
                let label = if i == 0 { way.label() } else { "" };
                series.push(Series::curve(label, way.look(), course.locations.clone()));
                rows.extend(course.locations.iter().map(|&(time_s, moved)| LocationRow {
                    way: way.label(),
                    map,
                    start: course.start,
                    time_s,
                    location: course.start as f64 + moved,
                    displacement: moved,
                }));
            }
        }
        output.plot(
            &format!("figure-{figure}-trajectories-map{map}"),
            &LinePlot {
                title: format!("Figure {figure}: drift of bumps in map {map}"),
                note: format!(
                    "One curve each for {STARTS} bumps that start at equal distances along the map."
                ),
                x_label: "time (s)".to_owned(),
                y_label: "displacement (neuron units)".to_owned(),
                series,
                ..LinePlot::default()
            },
        )?;
    }
    output.csv(&format!("figure-{figure}-trajectories"), &rows);
    Ok(())
}

/// Figure 2a: one bump at three times, with ten maps, beside the idealized bump, which does not move with one map.
fn snapshots(example: &Example, output: &mut Output) -> Result<()> {
    let Some(course) = courses(example, Way::None)
        .iter()
        .max_by(|a, b| last_drift(a).total_cmp(&last_drift(b)).then(b.start.cmp(&a.start)))
    else {
        return Ok(());
    };
    let n = example.plan.neurons;
    let looks = [look::REFERENCE, look::FIFTH, look::NONE];
    // Half of the ring, centred on the start.
    let shown = |rates: &[f64]| -> Vec<(f64, f64)> {
        (0..n / 2).map(|k| (k as f64 - n as f64 / 4.0, rates[(course.start + n - n / 4 + k) % n])).collect()
    };
    let mut series = Vec::new();
    let mut rows = Vec::new();
    for ((ms, rates), look) in SNAPSHOTS_MS.iter().zip(&course.snapshots).zip(looks) {
        series.push(Series::curve(&format!("{ms} ms"), look, shown(rates)));
        rows.extend(rates.iter().enumerate().map(|(position, &rate)| SnapshotRow {
            way: Way::None.label(),
            map: course.map,
            start: course.start,
            time_ms: *ms,
            position,
            rate,
        }));
    }
    output.csv("figure-2-snapshots", &rows);
    output.plot(
        "figure-2-snapshots",
        &LinePlot {
            title: "Figure 2a: a bump among ten maps drifts and changes shape".to_owned(),
            note: format!(
                "The start that drifts farthest of those shown: map {}, position {}. Half of the ring.",
                course.map, course.start
            ),
            x_label: "position from the start (neuron units)".to_owned(),
            y_label: "firing rate (Hz)".to_owned(),
            series,
            bottom: Some(0.0),
            ..LinePlot::default()
        },
    )
}

fn last_drift(course: &Course) -> f64 {
    course.locations.last().map_or(0.0, |l| l.1.abs())
}
