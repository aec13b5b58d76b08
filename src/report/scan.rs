//! The page about a scan.

use std::path::Path;

use maud::{Markup, PreEscaped, html};

use super::{colophon, configuration, facts, floor, layout, table};
use crate::collect::axes::describe;
use crate::collect::{self, Average, Capacity, Collection, Estimate, capacities, figures};
use crate::error::Result;
use crate::job::drift::DriftSummary;
use crate::job::reached::IterationRecord;
use crate::observable::Observable;
use crate::records::checksum;
use crate::scan::{Store, trials};
use crate::setup::scanned::Setting;
use crate::text::significant;

pub(super) fn page(path: &Path) -> Result<String> {
    let store = Store::open(path)?;
    let config = store.config()?;
    let collection = Collection::read(&[path])?;
    let averages = collect::averages(&collection.records);
    let capacities = capacities(&collection.records);
    let title = format!("Scan: {} trials", collection.records.len());
    let content = html! {
        h1 { (title) }
        p {
            (collection.records.len()) " of " (trials(&config)?.len()) " trials are done, "
            (store.failures().len()) " failed. Error bars are 95 % confidence intervals over the draws of the maps."
        }
        @for complaint in &collection.complaints { p.warning { strong { "Left out: " } (complaint) } }
        (capacity(&capacities))
        section {
            h2 { "Against the number of maps" }
            div.plots {
                @for figure in figures(&collection.records, &averages, &capacities) {
                    figure {
                        figcaption { (figure.plot.title()) }
                        (PreEscaped(themed(&figure.plot.bare_svg())))
                        @for note in figure.plot.notes() { p.note { (note) } }
                    }
                }
            }
            details { summary { "The numbers" } (means(&averages)) }
        }
        (floors(&averages))
        (super::gallery::section(&store, &collection))
        (provenance(&collection, &config.to_toml()))
        (colophon())
    };
    Ok(layout(&title, &content))
}

fn capacity(capacities: &[Capacity]) -> Markup {
    let cell = |estimate: &Option<Estimate>| match estimate {
        Some(e) => format!("{:.1} ({:.1} to {:.1})", e.maps, e.low, e.high),
        None => "not in this scan".to_owned(),
    };
    let rows: Vec<Vec<String>> = capacities
        .iter()
        .map(|c| {
            vec![
                c.neurons.to_string(),
                method(&c.method, &c.varied),
                c.largest_maps.to_string(),
                cell(&c.score_kink),
                cell(&c.own_map),
                cell(&c.drift),
            ]
        })
        .collect();
    let header =
        ["neurons", "method", "most maps scanned", "kink of the score", "90 % in own map", "drift of 1 unit"];
    html! {
        section {
            h2 { "Capacity (maps), with 95 % bootstrap intervals" }
            (table(&header, &rows))
        }
    }
}

/// A method, with the keys that are varied beside it.
fn method(name: &str, axes: &[Setting]) -> String {
    if axes.is_empty() { name.to_owned() } else { format!("{name}, {}", describe(axes)) }
}

fn means(averages: &[Average<'_>]) -> Markup {
    let (drift, landscape) = (DriftSummary::COLUMNS, IterationRecord::COLUMNS);
    let drift = [drift.mean_drift, drift.score, drift.own_map_fraction, drift.rate_change];
    let pair = |(mean, ci): (f64, f64)| {
        if ci.is_finite() {
            format!("{} ± {}", significant(mean), significant(ci))
        } else {
            significant(mean)
        }
    };
    let row = |average: &Average<'_>| {
        let mut row = vec![
            average.neurons.to_string(),
            average.maps.to_string(),
            method(&average.method, &average.axes),
            average.trials.len().to_string(),
        ];
        row.extend(drift.iter().map(|figure| pair(average.of_drift(figure))));
        row.push(pair(average.of_landscape(&landscape.energy_sd)));
        row
    };
    let rows: Vec<Vec<String>> = averages.iter().map(row).collect();
    let mut header = ["neurons", "maps", "method", "draws"].map(str::to_owned).to_vec();
    header.extend(drift.iter().map(Observable::title));
    header.push(landscape.energy_sd.title());
    table(&header, &rows)
}

/// One map of each kind alone, means over the draws; nothing where maps are flat by themselves.
fn floors(averages: &[Average<'_>]) -> Markup {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for average in averages {
        let kinds = average.trials.iter().map(|trial| trial.alone.len()).min().unwrap_or(0);
        for kind in 0..kinds {
            let found: Vec<[f64; 4]> =
                average.trials.iter().map(|trial| floor::values(&trial.alone[kind])).collect();
            let shape = average.trials[0].alone[kind].shape.name().to_owned();
            let mut row = vec![average.neurons.to_string(), describe(&average.axes), shape];
            row.extend((0..4).map(|f| {
                significant(found.iter().map(|figures| figures[f]).sum::<f64>() / found.len() as f64)
            }));
            // It depends on the draws alone, whatever the method and, but for chance, the number of maps.
            if !rows.iter().any(|known| known[..3] == row[..3]) {
                rows.push(row);
            }
        }
    }
    let mut header = ["neurons", "varied", "shape"].map(str::to_owned).to_vec();
    header.extend(floor::FIGURES.map(|(label, unit)| format!("{label} ({unit})")));
    html! {
        @if !rows.is_empty() {
            section {
                h2 { "One map alone" }
                (floor::meaning())
                (table(&header, &rows))
            }
        }
    }
}

/// A plot without a background, in the page's text colour.
fn themed(svg: &str) -> String {
    svg.replace("fill=\"#ffffff\"", "fill=\"none\"").replace(" color=\"#000000\"", "")
}

fn provenance(collection: &Collection, config: &str) -> Markup {
    let mut devices: Vec<String> = collection.timings.iter().map(|t| t.device.to_string()).collect();
    devices.sort_unstable();
    devices.dedup();
    let seconds: f64 = collection.timings.iter().map(|t| t.seconds).sum();
    let mut seeds: Vec<u64> = collection.records.iter().map(|r| r.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let list: Vec<String> =
        collection.records.iter().map(|r| format!("{}  network.seed={}", r.id, r.seed)).collect();
    html! {
        section {
            h2 { "Where this came from" }
            (facts(&[
                ("program", concat!("flatscape ", env!("CARGO_PKG_VERSION")).to_owned()),
                ("device", devices.join(", ")),
                ("work of all trials (s)", significant(seconds)),
                ("draws of the maps", seeds.len().to_string()),
                ("trials.csv of collect (BLAKE3)", checksum(&collect::trials(&collection.records).to_csv())),
            ]))
            (configuration(config))
            details { summary { "Seeds of the trials" } pre { (list.join("\n")) } }
            h3 { "To reproduce it" }
            p { "Save the configuration above as config.toml. A single trial is an optimize run with its seed, maps and method." }
            pre { "flatscape scan config.toml --out again\nflatscape collect again\nflatscape report again" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_take_the_colours_of_the_page() {
        let plot = crate::plot::LinePlot { title: "t".to_owned(), ..Default::default() };
        let svg = themed(&plot.bare_svg());
        assert!(
            svg.contains("currentColor") && !svg.contains("#ffffff") && !svg.contains("#000000"),
            "{svg}"
        );
    }
}
