//! Figures 3a–b, 5a and S9: energy landscapes of maps, before and after flattening, per iteration.

use serde::Serialize;

use super::example::{Example, SHOWN_MAPS};
use super::study::Way;
use super::verdict::Range;
use super::{Output, Scope, Verdict};
use crate::error::Result;
use crate::landscape::roughness::Roughness;
use crate::plot::look::{self, Look};
use crate::plot::{LinePlot, Series};

#[derive(Serialize)]
struct LandscapeRow {
    way: &'static str,
    iteration: usize,
    map: usize,
    point: usize,
    energy: f64,
}

pub(super) fn draw(example: &Example, scope: &Scope, output: &mut Output) -> Result<()> {
    if scope.wants("3") {
        maps(example, "3", Way::Idealized, output)?;
        let after = Roughness::of(landscape(example, Way::Idealized, 1), None);
        let paper = "precisely flat at the states it was fitted to (text on fig. 3)";
        output.verdict(Verdict::new(
            "3",
            "SD of the idealized landscape, flattened (Hz³)",
            paper,
            // |E| is 2·10⁵, and the ridge 10⁻⁹ of the Gram matrix's diagonal.
            Range::at_most(1e-3, "a millionth of the landscape before, more than the ridge leaves"),
            after.sd,
        ));
    }
    if scope.wants("5") {
        maps(example, "5", Way::Paper, output)?;
        maps(example, "5-kkt", Way::Kkt, output)?;
        let above = landscape(example, Way::Paper, 0)
            .iter()
            .zip(landscape(example, Way::Idealized, 0))
            .filter(|(constrained, idealized)| constrained > idealized)
            .count();
        let paper = "constrained energies lie below the idealized ones (fig. 5a)";
        output.verdict(Verdict::new(
            "5",
            "constrained minima above their idealized bump",
            paper,
            Range::new(0.0, 0.0, "a constrained minimum is no higher than any state with its bump there"),
            above as f64,
        ));
    }
    if scope.wants("S9") {
        for (way, figure) in [(Way::Paper, "figure-S9"), (Way::Kkt, "figure-S9-kkt")] {
            iterations(example, way, figure, output)?;
        }
        iteration_verdicts(example, output);
    }
    Ok(())
}

/// Energies of all states after `iteration` updates.
fn landscape(example: &Example, way: Way, iteration: usize) -> &[f64] {
    let states = example.plan.states();
    &example.landscape(way).energies[iteration * states..][..states]
}

/// Energies of one map relative to `origin`, against the position (neuron units).
fn of_map(example: &Example, energies: &[f64], map: usize, origin: f64) -> Vec<(f64, f64)> {
    let k = example.plan.points_per_map;
    let spacing = example.plan.neurons as f64 / k as f64;
    energies[map * k..][..k].iter().enumerate().map(|(i, e)| (i as f64 * spacing, e - origin)).collect()
}

/// Two maps, and all maps one after the other, before and after the last update. Energies are relative to the mean of
/// the idealized landscape, as in the paper.
fn maps(example: &Example, figure: &str, way: Way, output: &mut Output) -> Result<()> {
    let last = example.landscape(way).records.len() - 1;
    let origin = Roughness::of(landscape(example, Way::Idealized, 0), None).mean;
    let (before, after) = (landscape(example, way, 0), landscape(example, way, last));
    let number = figure.trim_end_matches("-kkt");
    let plot = |what: &str, x: &str, series| LinePlot {
        title: format!("Figure {number}: energy landscape of {what}"),
        note: format!(
            "Energies of {}, less the mean energy of the idealized bumps before flattening.",
            way.states()
        ),
        x_label: x.to_owned(),
        y_label: "energy (Hz³)".to_owned(),
        series,
        ..LinePlot::default()
    };
    for map in SHOWN_MAPS {
        let series = vec![
            Series::curve("before", look::NONE, of_map(example, before, map, origin)),
            Series::curve("flattened", way.look(), of_map(example, after, map, origin)),
        ];
        let name = format!("figure-{figure}-landscape-map{map}");
        output.plot(&name, &plot(&format!("map {map}"), "position (neuron units)", series))?;
    }
    let all = |energies: &[f64]| energies.iter().enumerate().map(|(s, e)| (s as f64, e - origin)).collect();
    let series = vec![
        Series::curve("before", look::NONE, all(before)),
        Series::curve("flattened", way.look(), all(after)),
    ];
    output.plot(
        &format!("figure-{figure}-landscape-all"),
        &plot("all maps", "points of all maps, one after the other", series),
    )?;
    let rows: Vec<LandscapeRow> = [(0, before), (last, after)]
        .into_iter()
        .flat_map(|(iteration, energies)| rows(example, way, iteration, energies))
        .collect();
    output.csv(&format!("figure-{figure}-landscape"), &rows);
    Ok(())
}

fn rows<'a>(
    example: &'a Example,
    way: Way,
    iteration: usize,
    energies: &'a [f64],
) -> impl Iterator<Item = LandscapeRow> + 'a {
    let k = example.plan.points_per_map;
    energies.iter().enumerate().map(move |(s, &energy)| LandscapeRow {
        way: way.label(),
        iteration,
        map: s / k,
        point: s % k,
        energy,
    })
}

/// Figure S9: one map after every update: how far from its mean on a logarithmic scale, where all updates are seen, and
/// the energies themselves after the updates.
fn iterations(example: &Example, way: Way, figure: &str, output: &mut Output) -> Result<()> {
    let records = &example.landscape(way).records;
    let map = SHOWN_MAPS[0];
    for (name, first) in [("all", 0), ("later", 1)] {
        let logarithmic = first == 0;
        let series = (first..records.len())
            .zip(look::IN_ORDER.into_iter().skip(first))
            .map(|(iteration, look)| {
                let energies = landscape(example, way, iteration);
                let origin = records[iteration].energy_mean;
                let label = if iteration == 0 { "before".to_owned() } else { format!("update {iteration}") };
                let mut points = of_map(example, energies, map, origin);
                if logarithmic {
                    points.iter_mut().for_each(|p| p.1 = p.1.abs());
                }
                // Dashes would break up curves that jump from point to point.
                Series::curve(&label, Look { dash: "", ..look }, points)
            })
            .collect();
        output.plot(
            &format!("{figure}-{name}"),
            &LinePlot {
                title: format!("Figure S9: landscape of map {map}, update by update"),
                note: format!("Energies E of {}.", way.states()),
                x_label: "position (neuron units)".to_owned(),
                y_label: if logarithmic { "|E − mean of E| (Hz³)" } else { "E − mean of E (Hz³)" }.to_owned(),
                series,
                logarithmic,
                ..LinePlot::default()
            },
        )?;
    }
    let all: Vec<LandscapeRow> = (0..records.len())
        .flat_map(|iteration| rows(example, way, iteration, landscape(example, way, iteration)))
        .collect();
    output.csv(figure, &all);
    Ok(())
}

fn iteration_verdicts(example: &Example, output: &mut Output) {
    let records = &example.landscape(Way::Paper).records;
    let rises = records.windows(2).filter(|w| w[1].energy_sd >= w[0].energy_sd).count();
    let paper = "flatter with every iteration (fig. S9)";
    output.verdict(Verdict::new(
        "S9",
        "updates after which the landscape is rougher",
        paper,
        Range::new(0.0, 0.0, "every one"),
        rises as f64,
    ));
    let ratio = records.last().map_or(f64::NAN, |r| r.energy_sd) / records[0].energy_sd;
    let range = Range::at_most(0.01, "our choice: two decades, of the three to four that the paper shows");
    output.verdict(Verdict::new("S9", "SD after the last update over SD before", paper, range, ratio));
}
