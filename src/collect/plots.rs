//! Plots of a collected scan, SVG, at the width of a journal column.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use super::{Capacity, Estimate, SummaryRow};
use crate::error::{Error, Result};

/// Methods and their colours (Okabe & Ito's palette, told apart by the colour-blind too), the same in every plot.
const METHODS: [(&str, &str, RGBColor); 3] = [
    ("none", "no flattening", RGBColor(213, 94, 0)),
    ("idealized", "idealized bumps", RGBColor(0, 114, 178)),
    ("constrained", "constrained minima", RGBColor(0, 158, 115)),
];

const WIDTH: u32 = 520;
const HEIGHT: u32 = 360;
const FONT: &str = "sans-serif";

/// One plot against the number of maps.
struct Figure {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    value: fn(&SummaryRow) -> (f64, f64),
    logarithmic: bool,
}

const FIGURES: [Figure; 6] = [
    Figure {
        name: "drift",
        title: "mean drift",
        unit: "neuron units",
        value: |r| (r.mean_drift, r.mean_drift_ci),
        logarithmic: false,
    },
    Figure {
        name: "drift-by-phase",
        title: "drift of the population vector",
        unit: "neuron units",
        value: |r| (r.phase_mean_drift, r.phase_mean_drift_ci),
        logarithmic: false,
    },
    Figure {
        name: "score",
        title: "bump score",
        unit: "",
        value: |r| (r.score, r.score_ci),
        logarithmic: false,
    },
    Figure {
        name: "own-map",
        title: "bumps still in their own map",
        unit: "fraction",
        value: |r| (r.own_map_fraction, r.own_map_fraction_ci),
        logarithmic: false,
    },
    Figure {
        name: "rate-change",
        title: "summed squared rate change",
        unit: "Hz²",
        value: |r| (r.rate_change, r.rate_change_ci),
        logarithmic: true,
    },
    Figure {
        name: "roughness",
        title: "SD of the landscape",
        unit: "Hz³",
        value: |r| (r.energy_sd_after, r.energy_sd_after_ci),
        logarithmic: true,
    },
];

/// All plots by file name: one set for every number of neurons, and finite-size scaling if there are several.
pub(super) fn all(summary: &[SummaryRow], capacities: &[Capacity]) -> Result<Vec<(String, String)>> {
    let mut sizes: Vec<usize> = summary.iter().map(|r| r.neurons).collect();
    sizes.dedup();
    let mut plots = Vec::new();
    for &neurons in &sizes {
        let rows: Vec<&SummaryRow> = summary.iter().filter(|r| r.neurons == neurons).collect();
        for figure in &FIGURES {
            let suffix = if sizes.len() > 1 { format!("-N{neurons}") } else { String::new() };
            plots.push((format!("{}{suffix}.svg", figure.name), figure.draw(&rows)?));
        }
    }
    if sizes.len() > 1 {
        plots.push(("finite-size.svg".to_owned(), finite_size(capacities)?));
    }
    Ok(plots)
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::Run(format!("cannot draw a plot: {e}"))
}

impl Figure {
    fn draw(&self, rows: &[&SummaryRow]) -> Result<String> {
        let positive = |y: f64| !self.logarithmic || y > 0.0;
        let ends = |r: &SummaryRow| {
            let (y, ci) = (self.value)(r);
            let ci = if ci.is_finite() { ci } else { 0.0 };
            [y - ci, y, y + ci]
        };
        let values = || rows.iter().flat_map(|r| ends(r)).filter(|&y| y.is_finite() && positive(y));
        let (low, high) = values().fold((f64::INFINITY, 0.0_f64), |(a, b), y| (a.min(y), b.max(y)));
        let last = rows.iter().map(|r| r.maps).max().unwrap_or(1) as f64;
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
            area.fill(&WHITE).map_err(failed)?;
            let x = 0.0..last * 1.03 + 0.2;
            if self.logarithmic {
                // Landscapes that are flat to rounding would squeeze all others; they are drawn at the bottom.
                let floor = 10_f64.powf(low.max(1e-6 * high).log10().floor());
                let ceiling = 10_f64.powf(high.max(1e-9).log10().ceil());
                self.chart(&area, rows, x, (floor..ceiling.max(floor * 10.0)).log_scale(), floor)?;
            } else {
                let top = if self.name == "own-map" { 1.05 } else { high.max(1e-3) * 1.1 };
                self.chart(&area, rows, x, 0.0..top, 0.0)?;
            }
            area.present().map_err(failed)?;
        }
        Ok(svg)
    }

    fn chart<Y>(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        rows: &[&SummaryRow],
        x: std::ops::Range<f64>,
        y: Y,
        floor: f64,
    ) -> Result<()>
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .margin_right(18)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)
            .map_err(failed)?;
        let unit = if self.unit.is_empty() { String::new() } else { format!(" ({})", self.unit) };
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_desc("number of maps L")
            .y_desc(format!("{}{unit}", self.title))
            .axis_desc_style((FONT, 15))
            .label_style((FONT, 13))
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| tick(*y))
            .draw()
            .map_err(failed)?;
        for (method, label, colour) in METHODS {
            let points: Vec<(f64, f64, f64)> = rows
                .iter()
                .filter(|r| r.method == method)
                .map(|r| (r.maps as f64, (self.value)(r)))
                .filter(|(_, (y, _))| y.is_finite())
                .map(|(x, (y, ci))| (x, y.max(floor), if ci.is_finite() { ci } else { 0.0 }))
                .collect();
            if points.is_empty() {
                continue;
            }
            chart
                .draw_series(LineSeries::new(points.iter().map(|p| (p.0, p.1)), colour.stroke_width(2)))
                .map_err(failed)?;
            let bars = points.iter().map(|&(x, y, ci)| {
                ErrorBar::new_vertical(x, (y - ci).max(floor), y, y + ci, colour.filled(), 6)
            });
            chart
                .draw_series(bars)
                .map_err(failed)?
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        let corner = match self.name {
            "score" | "own-map" => SeriesLabelPosition::LowerLeft,
            "roughness" | "rate-change" => SeriesLabelPosition::LowerRight,
            _ => SeriesLabelPosition::UpperLeft,
        };
        chart
            .configure_series_labels()
            .position(corner)
            .label_font((FONT, 13))
            .background_style(WHITE.mix(0.85))
            .draw()
            .map_err(failed)?;
        Ok(())
    }
}

/// Capacity per neuron against the number of neurons, by whichever criterion is met.
fn finite_size(capacities: &[Capacity]) -> Result<String> {
    type Criterion = fn(&Capacity) -> Option<Estimate>;
    let criteria: [(&str, Criterion, RGBColor); 3] = [
        ("kink of the score", |c| c.score_kink, RGBColor(0, 0, 0)),
        ("90 % in their own map", |c| c.own_map, RGBColor(204, 121, 167)),
        ("mean drift of 1 unit", |c| c.drift, RGBColor(86, 180, 233)),
    ];
    let estimates =
        || capacities.iter().flat_map(|c| criteria.iter().filter_map(|k| (k.1)(c)).map(move |e| (c, e)));
    let high = estimates().map(|(c, e)| e.high / c.neurons as f64).fold(1e-3, f64::max);
    let widest = capacities.iter().map(|c| c.neurons).max().unwrap_or(1) as f64;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .margin_right(18)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..widest * 1.1, 0.0..high * 1.1)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_desc("number of neurons N")
            .y_desc("capacity α = L/N")
            .axis_desc_style((FONT, 15))
            .label_style((FONT, 13))
            .x_label_formatter(&|x| format!("{x:.0}"))
            .draw()
            .map_err(failed)?;
        for (label, criterion, colour) in criteria {
            let bars: Vec<_> = capacities
                .iter()
                .filter_map(|c| criterion(c).map(|e| (c.neurons as f64, e)))
                .map(|(n, e)| ErrorBar::new_vertical(n, e.low / n, e.alpha, e.high / n, colour.filled(), 8))
                .collect();
            chart
                .draw_series(bars)
                .map_err(failed)?
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .label_font((FONT, 13))
            .background_style(WHITE.mix(0.85))
            .draw()
            .map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

/// A tick label without needless digits.
fn tick(y: f64) -> String {
    match y.abs() {
        0.0 => "0".to_owned(),
        a if !(1e-2..1e4).contains(&a) => format!("{y:.0e}"),
        a if a >= 10.0 => format!("{y:.0}"),
        _ => format!("{}", (y * 100.0).round() / 100.0),
    }
}
