//! Line plots as SVG, at the width of a journal column.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};

/// Colours that the colour-blind tell apart (Okabe & Ito), by what they mean everywhere in this program.
pub mod colour {
    use super::RGBColor;

    /// No flattening.
    pub const NONE: RGBColor = RGBColor(213, 94, 0);
    /// Flattened at idealized bumps.
    pub const IDEALIZED: RGBColor = RGBColor(0, 114, 178);
    /// Flattened at constrained minima.
    pub const CONSTRAINED: RGBColor = RGBColor(0, 158, 115);
    /// Flattened at constrained minima of the `kkt` definition, where both are shown.
    pub const KKT: RGBColor = RGBColor(204, 121, 167);
    /// For reference.
    pub const REFERENCE: RGBColor = RGBColor(90, 90, 90);
    /// A fourth colour, for whatever else a plot shows.
    pub const OTHER: RGBColor = RGBColor(86, 180, 233);
    /// Yet another.
    pub const FURTHER: RGBColor = RGBColor(230, 159, 0);
}

const WIDTH: u32 = 520;
const HEIGHT: u32 = 360;
const FONT: &str = "sans-serif";

/// The legend's left edge, line height, length of a sample, and width of a letter (pixels).
const LEGEND_LEFT: i32 = 78;
const LEGEND_LINE: i32 = 17;
const LEGEND_SAMPLE: i32 = 28;
const LEGEND_LETTER: i32 = 7;

/// Values below this fraction of the largest are drawn at the bottom of a logarithmic axis.
const LOG_FLOOR: f64 = 1e-8;

/// One curve.
pub struct Series {
    /// For the legend; none if empty.
    pub label: String,
    /// Its colour.
    pub colour: RGBColor,
    /// (x, y) in order.
    pub points: Vec<(f64, f64)>,
    /// Half lengths of error bars, or empty.
    pub errors: Vec<f64>,
    /// Whether points get a mark and error bars.
    pub marks: bool,
}

impl Series {
    /// Measured points with error bars (NaN: none).
    pub fn measured(label: &str, colour: RGBColor, points: &[(f64, f64, f64)]) -> Self {
        Self {
            label: label.to_owned(),
            colour,
            points: points.iter().map(|p| (p.0, p.1)).collect(),
            errors: points.iter().map(|p| if p.2.is_finite() { p.2 } else { 0.0 }).collect(),
            marks: true,
        }
    }

    /// A thin curve.
    pub fn curve(label: &str, colour: RGBColor, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.to_owned(), colour, points, errors: Vec::new(), marks: false }
    }

    fn error(&self, i: usize) -> f64 {
        self.errors.get(i).copied().unwrap_or(0.0)
    }
}

/// A plot of several curves.
pub struct LinePlot {
    /// With its unit.
    pub x_label: String,
    /// With its unit.
    pub y_label: String,
    /// The curves, drawn in order.
    pub series: Vec<Series>,
    /// Whether the y axis is logarithmic.
    pub logarithmic: bool,
    /// Smallest y of a linear axis; the data's if `None`.
    pub bottom: Option<f64>,
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::Run(format!("cannot draw a plot: {e}"))
}

impl LinePlot {
    /// The plot as SVG.
    ///
    /// # Errors
    /// If nothing can be drawn.
    pub fn svg(&self) -> Result<String> {
        let x = range(self.series.iter().flat_map(|s| s.points.iter().map(|p| p.0)));
        let margin = 0.02 * (x.1 - x.0);
        let x = x.0 - margin..x.1 + margin;
        let ends = self.series.iter().flat_map(|s| {
            s.points.iter().enumerate().flat_map(|(i, p)| [p.1 - s.error(i), p.1, p.1 + s.error(i)])
        });
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
            area.fill(&WHITE).map_err(failed)?;
            let area = self.draw_legend(area)?;
            if self.logarithmic {
                let (low, high) = range(ends.filter(|&y| y > 0.0));
                let floor = 10_f64.powf(low.max(LOG_FLOOR * high).log10().floor());
                let ceiling = 10_f64.powf(high.log10().ceil()).max(10.0 * floor);
                self.draw(&area, x, (floor..ceiling).log_scale(), floor)?;
            } else {
                let (low, high) = range(ends);
                let bottom = self.bottom.unwrap_or(low - 0.05 * (high - low));
                self.draw(&area, x, bottom..high + 0.08 * (high - bottom), f64::NEG_INFINITY)?;
            }
            area.present().map_err(failed)?;
        }
        Ok(svg)
    }

    /// Writes the labelled series above the plot, as many to a line as fit, and returns the area below.
    fn draw_legend<'a>(
        &self,
        area: DrawingArea<SVGBackend<'a>, Shift>,
    ) -> Result<DrawingArea<SVGBackend<'a>, Shift>> {
        let (mut x, mut line) = (LEGEND_LEFT, 0);
        for series in self.series.iter().filter(|s| !s.label.is_empty()) {
            let width = LEGEND_SAMPLE + LEGEND_LETTER * series.label.chars().count() as i32 + 18;
            if x > LEGEND_LEFT && x + width > WIDTH as i32 {
                (x, line) = (LEGEND_LEFT, line + 1);
            }
            let y = 16 + LEGEND_LINE * line;
            let sample =
                PathElement::new([(x, y), (x + LEGEND_SAMPLE - 6, y)], series.colour.stroke_width(2));
            area.draw(&sample).map_err(failed)?;
            let style = (FONT, 13).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(series.label.clone(), (x + LEGEND_SAMPLE, y), style)).map_err(failed)?;
            x += width;
        }
        let below = if x == LEGEND_LEFT { 0 } else { 10 + LEGEND_LINE * (line + 1) };
        Ok(area.split_vertically(below).1)
    }

    fn draw<Y>(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
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
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_labels(8)
            .x_desc(self.x_label.as_str())
            .y_desc(self.y_label.as_str())
            .axis_desc_style((FONT, 15))
            .label_style((FONT, 13))
            .x_label_formatter(&|x| tick(*x))
            .y_label_formatter(&|y| tick(*y))
            .draw()
            .map_err(failed)?;
        for series in self.series.iter().filter(|s| !s.points.is_empty()) {
            let colour = series.colour;
            let width = if series.marks { 2 } else { 1 };
            let line = series.points.iter().map(|p| (p.0, p.1.max(floor)));
            chart.draw_series(LineSeries::new(line, colour.stroke_width(width))).map_err(failed)?;
            if series.marks {
                let bars = series.points.iter().enumerate().map(|(i, &(x, y))| {
                    let (y, error) = (y.max(floor), series.error(i));
                    ErrorBar::new_vertical(x, (y - error).max(floor), y, y + error, colour.filled(), 6)
                });
                chart.draw_series(bars).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Smallest and largest finite value, apart.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    match low.partial_cmp(&high) {
        Some(std::cmp::Ordering::Less) => (low, high),
        Some(std::cmp::Ordering::Equal) => (low - 0.5, high + 0.5),
        _ => (0.1, 1.0),
    }
}

/// A tick label without needless digits.
fn tick(y: f64) -> String {
    match y.abs() {
        a if a < 1e-9 => "0".to_owned(),
        a if !(1e-2..1e6).contains(&a) => format!("{y:.0e}"),
        a if a >= 10.0 => format!("{y:.0}"),
        _ => format!("{}", (y * 100.0).round() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(logarithmic: bool, y: &[f64]) -> String {
        let points: Vec<(f64, f64, f64)> = y.iter().enumerate().map(|(i, &y)| (i as f64, y, 0.1)).collect();
        let series = vec![Series::measured("one", colour::NONE, &points)];
        let (x_label, y_label) = ("x (s)".to_owned(), "y (Hz)".to_owned());
        LinePlot { x_label, y_label, series, logarithmic, bottom: None }.svg().unwrap()
    }

    #[test]
    fn labels_and_points_are_there() {
        let svg = plot(false, &[1.0, 2.0, 4.0]);
        assert!(svg.contains("x (s)") && svg.contains("y (Hz)") && svg.contains("one"));
        assert_eq!(svg.matches("<circle").count(), 3);
    }

    #[test]
    fn constant_empty_and_zero_data_do_not_break_a_plot() {
        for values in [&[][..], &[0.0], &[3.0, 3.0], &[f64::NAN, 1.0]] {
            assert!(plot(false, values).ends_with("</svg>\n") && plot(true, values).contains("</svg>"));
        }
    }
}
