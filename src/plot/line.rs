//! Plots of curves and of measured points with error bars.

use maud::{Markup, html};

use super::axis::{Axis, range};
use super::look::Look;
use super::panel::{BELOW, Frame, Sample, Surroundings, axes, mark, path};

/// Height of the data (pixels).
const HEIGHT: f64 = 290.0;

/// Half the width of an error bar's ends (pixels).
const CAP: f64 = 4.0;

/// Distance of points side by side (pixels).
const STEP_ASIDE: f64 = 9.0;

/// One curve.
#[derive(Clone, Debug)]
pub struct Series {
    /// For the legend; none if empty.
    pub label: String,
    /// Colour, mark and dash.
    pub look: Look,
    /// (x, y) in order; a NaN makes a gap.
    pub points: Vec<(f64, f64)>,
    /// Half lengths of error bars, 0 for none; empty for a thin curve without marks.
    pub errors: Vec<f64>,
}

impl Series {
    /// Measured points `(x, y, half length of the error bar)`; an error that is NaN has no bar.
    pub fn measured(label: &str, look: Look, points: &[(f64, f64, f64)]) -> Self {
        Self {
            label: label.to_owned(),
            look,
            points: points.iter().map(|p| (p.0, p.1)).collect(),
            errors: points.iter().map(|p| if p.2.is_finite() { p.2 } else { 0.0 }).collect(),
        }
    }

    /// A thin curve.
    pub fn curve(label: &str, look: Look, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.to_owned(), look, points, errors: Vec::new() }
    }

    fn marked(&self) -> bool {
        !self.errors.is_empty()
    }

    fn error(&self, i: usize) -> f64 {
        self.errors.get(i).copied().unwrap_or(0.0)
    }

    /// What the y axis has to span; on a logarithmic one the lower ends of error bars only where they do not stretch it.
    fn extent(&self, logarithmic: bool) -> impl Iterator<Item = f64> {
        self.points.iter().enumerate().flat_map(move |(i, &(_, y))| {
            let lower = y - self.error(i);
            [if logarithmic && lower < 0.1 * y { y } else { lower }, y, y + self.error(i)]
        })
    }
}

/// A plot of several curves.
///
/// Values below the axis (on a logarithmic one: zero, negative, or too small) are not drawn as data: the curve has a gap
/// there, and a measured point is an open triangle at the axis' end. An error bar that reaches below the axis has no
/// lower end. A note under the plot says so wherever it happens.
#[derive(Clone, Debug, Default)]
pub struct LinePlot {
    /// What is shown.
    pub title: String,
    /// How it was measured, and what the error bars are.
    pub note: String,
    /// With its unit.
    pub x_label: String,
    /// With its unit.
    pub y_label: String,
    /// The curves, drawn in order.
    pub series: Vec<Series>,
    /// Whether the y axis is logarithmic.
    pub logarithmic: bool,
    /// Beginning of a linear y axis; the data's if `None`.
    pub bottom: Option<f64>,
    /// Whether x counts something, and has no ticks between whole numbers.
    pub whole: bool,
    /// Whether measured points at the same x are drawn side by side, where they would cover each other.
    pub side_by_side: bool,
}

impl LinePlot {
    /// The plot as SVG, with its title and notes: a picture that can stand alone.
    pub fn svg(&self) -> String {
        self.drawn(&self.title, self.notes())
    }

    /// The plot as SVG without title and notes, for a page that writes them itself.
    pub fn bare_svg(&self) -> String {
        self.drawn("", Vec::new())
    }

    /// The notes that belong under the plot.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = vec![self.note.clone()];
        let y = self.y_axis();
        let any = |f: &dyn Fn(&Series, usize, f64) -> bool| {
            self.series.iter().any(|s| s.points.iter().enumerate().any(|(i, p)| f(s, i, p.1)))
        };
        let below = if self.logarithmic { "zero, or below the axis" } else { "below the axis" };
        if any(&|s, _, value| s.marked() && y.is_below(value)) {
            notes.push(format!("▽: {below}."));
        }
        if any(&|s, _, value| !s.marked() && y.is_below(value)) {
            notes.push(format!("Gaps: {below}."));
        }
        if any(&|s, i, value| !y.is_below(value) && s.error(i) > 0.0 && y.is_below(value - s.error(i))) {
            notes.push("Error bars without a lower end reach below the axis.".to_owned());
        }
        if self.side_by_side {
            notes.push("Points at the same x are drawn side by side.".to_owned());
        }
        notes.retain(|note| !note.is_empty());
        notes
    }

    fn drawn(&self, title: &str, notes: Vec<String>) -> String {
        let (low, high) = range(self.series.iter().flat_map(|s| s.points.iter().map(|p| p.0)));
        let margin = if self.side_by_side { 0.07 } else { 0.03 } * (high - low);
        let x = Axis::linear(low - margin, high + margin, self.whole);
        let legend = self
            .series
            .iter()
            .map(|s| (s.label.as_str(), s.look, if s.marked() { Sample::Marked } else { Sample::Line }))
            .collect();
        let middle = 0.5 * (self.series.len() as f64 - 1.0);
        Surroundings { title, notes, legend }.svg(|top| {
            let frame = Frame::below(top, HEIGHT, x, self.y_axis());
            let picture = html! {
                (axes(&frame, &self.x_label, &self.y_label))
                @for (i, series) in self.series.iter().enumerate() {
                    @let aside = STEP_ASIDE * (i as f64 - middle);
                    (drawn(series, &frame, if self.side_by_side { aside } else { 0.0 }, aside))
                }
            };
            (picture, frame.bottom() + BELOW)
        })
    }

    fn y_axis(&self) -> Axis {
        let extent = self.series.iter().flat_map(|s| s.extent(self.logarithmic));
        if self.logarithmic { Axis::logarithmic(extent) } else { Axis::around(extent, self.bottom) }
    }
}

/// A series, moved to the right by `aside` pixels, and its marks of values below the axis by `low_aside`: several
/// series may have only such marks there.
fn drawn(series: &Series, frame: &Frame, aside: f64, low_aside: f64) -> Markup {
    let at = |point| frame.at(point).map(|(x, y)| (x + aside, y));
    let mut line = String::new();
    let mut pen_down = false;
    for (x, y) in series.points.iter().map(|&point| at(point)).map(|p| p.unwrap_or((f64::NAN, f64::NAN))) {
        if x.is_finite() {
            line.push_str(&format!("{}{x:.1} {y:.1}", if pen_down { 'L' } else { 'M' }));
        }
        pen_down = x.is_finite();
    }
    html! {
        g class="series" {
            @if !line.is_empty() { (path(&line, series.look, if series.marked() { 2.0 } else { 1.3 })) }
            @if series.marked() {
                @for (i, &point) in series.points.iter().enumerate() {
                    @if let Some((x, y)) = at(point) {
                        (error_bar(series, frame, point, series.error(i), x))
                        (mark(series.look, x, y))
                    } @else if frame.y.is_below(point.1) {
                        @if let Some((x, bottom)) = frame.at((point.0, frame.y.low)) { (below(series.look, x + low_aside, bottom)) }
                    }
                }
            }
        }
    }
}

/// The error bar of a point that is drawn at `x`; one that reaches below the axis has no lower end.
fn error_bar(series: &Series, frame: &Frame, (at, y): (f64, f64), error: f64, x: f64) -> Markup {
    let Some(upper) = frame.at((at, y + error)).filter(|_| error > 0.0).map(|p| p.1) else {
        return html! {};
    };
    let cap = |y: f64| format!("M{:.1} {y:.1}h{:.1}", x - CAP, 2.0 * CAP);
    let d = match frame.at((at, y - error)) {
        Some((_, lower)) => format!("{}{}M{x:.1} {upper:.1}V{lower:.1}", cap(upper), cap(lower)),
        None => format!("{}M{x:.1} {upper:.1}V{:.1}", cap(upper), frame.bottom()),
    };
    html! { path class="error" d=(d) stroke=(series.look.colour) stroke-width="1.5" {} }
}

/// The mark of a value that lies below the axis: an open triangle that points down, at the axis' end.
fn below(look: Look, x: f64, bottom: f64) -> Markup {
    let d = format!("M{x:.1} {:.1}l5.5 -9h-11z", bottom - 2.0);
    html! { path class="below" d=(d) stroke=(look.colour) stroke-width="1.5" {} }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::look;

    fn plot(logarithmic: bool, points: &[(f64, f64, f64)]) -> LinePlot {
        LinePlot {
            title: "a title".to_owned(),
            note: "Bars are errors.".to_owned(),
            x_label: "x (s)".to_owned(),
            y_label: "y < (Hz)".to_owned(),
            series: vec![Series::measured("one", look::NONE, points)],
            logarithmic,
            ..LinePlot::default()
        }
    }

    fn count(svg: &str, what: &str) -> usize {
        svg.matches(what).count()
    }

    #[test]
    fn title_labels_notes_and_points_are_there() {
        let plot = plot(false, &[(0.0, 1.0, 0.1), (1.0, 2.0, 0.1), (2.0, 4.0, f64::NAN)]);
        let svg = plot.svg();
        for text in ["a title", "x (s)", "y &lt; (Hz)", "one", "Bars are errors."] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        // Three points, and the sample in the legend.
        assert_eq!((count(&svg, "<circle class=\"mark\""), count(&svg, "class=\"error\"")), (4, 2));
        let bare = plot.bare_svg();
        assert!(!bare.contains(">a title<") && !bare.contains("Bars are") && bare.contains("y &lt; (Hz)"));
    }

    #[test]
    fn what_lies_below_a_logarithmic_axis_is_not_drawn_as_data() {
        let plot = plot(true, &[(1.0, 100.0, 10.0), (2.0, 0.0, 5.0), (3.0, 10.0, 20.0), (4.0, -1.0, 0.0)]);
        let svg = plot.svg();
        assert_eq!((count(&svg, "<circle class=\"mark\""), count(&svg, "class=\"below\"")), (3, 2));
        // Two points that no line joins: the value between them is NaN.
        let line = svg.split("class=\"series\"").nth(1).unwrap().split('"').nth(1).unwrap();
        assert_eq!((count(line, "M"), count(line, "L")), (2, 0), "{line}");
        let notes = plot.notes();
        assert!(notes.iter().any(|n| n.starts_with('▽')), "{notes:?}");
        assert!(notes.iter().any(|n| n.contains("without a lower end")), "{notes:?}");
        // One whole error bar with two ends, one that runs off the axis.
        let bars: Vec<&str> = svg.split("class=\"error\" d=\"").skip(1).collect();
        assert_eq!(bars.iter().map(|b| count(b.split('"').next().unwrap(), "h")).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn constant_empty_and_missing_data_do_not_break_a_plot() {
        for points in [
            &[][..],
            &[(0.0, 0.0, 0.0)],
            &[(1.0, 3.0, f64::NAN); 2],
            &[(0.0, f64::NAN, 0.0), (1.0, 1.0, 0.0)],
        ] {
            for svg in [plot(false, points).svg(), plot(true, points).svg()] {
                assert!(svg.ends_with("</svg>") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
    }

    #[test]
    fn points_side_by_side_do_not_cover_each_other() {
        let mut plot = plot(false, &[(1.0, 1.0, 0.0), (2.0, 1.0, 0.0)]);
        plot.series.push(plot.series[0].clone());
        let places = |plot: &LinePlot| {
            let svg = plot.svg();
            let marks = svg.split("class=\"series\"").skip(1).map(|s| s.split("cx=\"").nth(1).unwrap());
            marks.map(|m| m.split('"').next().unwrap().parse::<f64>().unwrap()).collect::<Vec<f64>>()
        };
        let together = places(&plot);
        plot.side_by_side = true;
        let apart = places(&plot);
        assert_eq!(together[0], together[1]);
        assert!((apart[1] - apart[0] - STEP_ASIDE).abs() < 0.11, "{apart:?}");
    }
}
