//! One panel: title, legend, axes and notes around a plot's data, as SVG.
//!
//! A panel is as wide as a journal's column at twice its size: text of 15 pixels is of 7 points there, and of 11 pixels
//! on a telephone.

use maud::{Markup, html};

use super::axis::Axis;
use super::look::{Look, Mark};

/// Width of a panel (pixels).
pub(super) const WIDTH: f64 = 520.0;

/// Sizes of text (pixels).
const TITLE: f64 = 17.0;
pub(super) const TEXT: f64 = 15.0;

/// Distance of lines of text.
pub(super) const LINE: f64 = 20.0;

/// Mean width of a letter over its height, in the font that pictures are drawn with; a little more than its true mean.
pub(super) const LETTER: f64 = 0.58;

/// Room to the right of the data.
const RIGHT: f64 = 16.0;

/// Length of a sample in a legend.
const SAMPLE: f64 = 32.0;

/// Where data are drawn (pixels), and what its edges mean.
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub x: Axis,
    pub y: Axis,
}

impl Frame {
    /// As wide as the panel lets the labels of `y` be, from `top` on.
    pub fn below(top: f64, height: f64, x: Axis, y: Axis) -> Self {
        let letters = y.labels().iter().map(|l| l.chars().count()).max().unwrap_or(1);
        let left = 38.0 + LETTER * TEXT * letters as f64;
        Self { left, top, width: WIDTH - left - RIGHT, height, x, y }
    }

    /// Pixels of a point; `None` where an axis cannot show it.
    pub fn at(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.left + self.x.place(x)? * self.width, self.top + (1.0 - self.y.place(y)?) * self.height))
    }

    /// Pixels of a point that may lie outside, for what is cut off at the edges.
    pub fn reckoned(&self, [x, y]: [f64; 2]) -> (f64, f64) {
        (self.left + self.x.reckoned(x) * self.width, self.top + (1.0 - self.y.reckoned(y)) * self.height)
    }

    /// Lower edge (pixels).
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// What stands around the data.
pub(super) struct Surroundings<'a> {
    pub title: &'a str,
    /// Under the data: how it was measured, what error bars are.
    pub notes: Vec<String>,
    /// Text, look, and what of the look is shown.
    pub legend: Vec<(&'a str, Look, Sample)>,
}

/// What a legend shows of a look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sample {
    /// A curve.
    Line,
    /// A curve with the mark of its measured points.
    Marked,
    /// A dot.
    Dot,
}

impl Surroundings<'_> {
    /// The whole picture. `draw` is given the height at which the data may begin and returns where they end.
    pub fn svg(&self, draw: impl FnOnce(f64) -> (Markup, f64)) -> String {
        let title = wrapped(self.title, WIDTH - 16.0, TITLE);
        let (legend, legend_lines) = self.legend(60.0, 8.0 + (LINE + 2.0) * title.len() as f64);
        let top = 14.0 + (LINE + 2.0) * title.len() as f64 + LINE * legend_lines as f64;
        let (data, bottom) = draw(top);
        let notes: Vec<String> =
            self.notes.iter().flat_map(|note| wrapped(note, WIDTH - 20.0, TEXT)).collect();
        let whole = bottom + LINE * notes.len() as f64 + if notes.is_empty() { 0.0 } else { 6.0 };
        let size = format!("0 0 {WIDTH} {whole:.0}");
        html! {
            svg xmlns="http://www.w3.org/2000/svg" width=(WIDTH) height=(format!("{whole:.0}")) viewBox=(size)
                font-family="DejaVu Sans, sans-serif" font-size=(TEXT) fill="none" color="#000000" role="img" {
                title { (self.title) }
                rect class="ground" width="100%" height="100%" fill="#ffffff" {}
                @for (i, line) in title.iter().enumerate() {
                    (text(8.0, 20.0 + (LINE + 2.0) * i as f64, "start", line, TITLE))
                }
                (legend)
                (data)
                @for (i, line) in notes.iter().enumerate() {
                    (text(10.0, bottom + 12.0 + LINE * i as f64, "start", line, TEXT))
                }
            }
        }
        .into_string()
    }

    /// Samples and names, as many to a line as fit; and how many lines that are.
    fn legend(&self, left: f64, top: f64) -> (Markup, usize) {
        let mut places = Vec::new();
        let (mut x, mut line) = (left, 0);
        for &(name, look, sample) in self.legend.iter().filter(|entry| !entry.0.is_empty()) {
            let width = SAMPLE + LETTER * TEXT * name.chars().count() as f64 + 16.0;
            if x > left && x + width > WIDTH {
                (x, line) = (left, line + 1);
            }
            places.push((x, top + 10.0 + LINE * line as f64, name, look, sample));
            x += width;
        }
        let lines = if places.is_empty() { 0 } else { line + 1 };
        let drawn = html! {
            @for (x, y, name, look, sample) in places {
                g class="key" {
                    @if sample == Sample::Dot {
                        circle cx=(format!("{:.1}", x + 0.5 * (SAMPLE - 6.0))) cy=(format!("{y:.1}")) r="3" fill=(look.colour) {}
                    } @else {
                        (path(&format!("M{x:.1} {y:.1}h{:.1}", SAMPLE - 6.0), look, 2.0))
                    }
                    @if sample == Sample::Marked { (mark(look, x + 0.5 * (SAMPLE - 6.0), y)) }
                    (text(x + SAMPLE, y + 5.0, "start", name, TEXT))
                }
            }
        };
        (drawn, lines)
    }
}

/// Room under the data for ticks and title of the x axis.
pub(super) const BELOW: f64 = 52.0;

/// Axes with ticks and titles, and a faint grid.
pub(super) fn axes(frame: &Frame, x_label: &str, y_label: &str) -> Markup {
    let Frame { left, top, width, height, .. } = *frame;
    let bottom = frame.bottom();
    let across = frame.x.ticks.iter().zip(frame.x.labels());
    let across: Vec<(f64, String)> =
        across.filter_map(|(&t, l)| Some((left + frame.x.place(t)? * width, l))).collect();
    let up = frame.y.ticks.iter().zip(frame.y.labels());
    let up: Vec<(f64, String)> =
        up.filter_map(|(&t, l)| Some((top + (1.0 - frame.y.place(t)?) * height, l))).collect();
    html! {
        g class="axes" stroke="currentColor" {
            @for (x, _) in &across {
                path d=(format!("M{x:.1} {top:.1}V{bottom:.1}")) stroke-opacity="0.12" {}
                path d=(format!("M{x:.1} {bottom:.1}v5")) {}
            }
            @for (y, _) in &up {
                path d=(format!("M{left:.1} {y:.1}h{width:.1}")) stroke-opacity="0.12" {}
                path d=(format!("M{left:.1} {y:.1}h-5")) {}
            }
            path d=(format!("M{left:.1} {top:.1}V{bottom:.1}h{width:.1}")) {}
        }
        @for (x, label) in &across { (text(*x, bottom + 20.0, "middle", label, TEXT)) }
        @for (y, label) in &up { (text(left - 8.0, y + 5.0, "end", label, TEXT)) }
        (text(left + 0.5 * width, bottom + 42.0, "middle", x_label, TEXT))
        g transform=(format!("translate(18 {:.1}) rotate(-90)", top + 0.5 * height)) {
            (text(0.0, 0.0, "middle", y_label, TEXT))
        }
    }
}

/// One line of text.
pub(super) fn text(x: f64, y: f64, anchor: &str, words: &str, size: f64) -> Markup {
    html! {
        text x=(format!("{x:.1}")) y=(format!("{y:.1}")) text-anchor=(anchor) font-size=(size) fill="currentColor" { (words) }
    }
}

/// A line in a look.
pub(super) fn path(d: &str, look: Look, width: f64) -> Markup {
    let dash = (!look.dash.is_empty()).then_some(look.dash);
    html! {
        path d=(d) stroke=(look.colour) stroke-width=(width) stroke-linejoin="round" stroke-dasharray=[dash] {}
    }
}

/// A look's mark at a place (pixels).
pub(super) fn mark(look: Look, x: f64, y: f64) -> Markup {
    let open = |d: String| html! { path class="mark" d=(d) stroke=(look.colour) stroke-width="2" {} };
    let filled = |d: String| html! { path class="mark" d=(d) fill=(look.colour) {} };
    match look.mark {
        Mark::Circle => {
            html! { circle class="mark" cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="4.5" fill=(look.colour) {} }
        }
        Mark::Ring => {
            html! { circle class="mark" cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="4.5" stroke=(look.colour) stroke-width="2" {} }
        }
        Mark::Square => filled(format!("M{:.1} {:.1}h8v8h-8z", x - 4.0, y - 4.0)),
        Mark::Triangle => filled(format!("M{x:.1} {:.1}l5.5 9.5h-11z", y - 6.0)),
        Mark::Diamond => filled(format!("M{x:.1} {:.1}l5.5 6l-5.5 6l-5.5 -6z", y - 6.0)),
        Mark::Plus => open(format!("M{:.1} {y:.1}h10M{x:.1} {:.1}v10", x - 5.0, y - 5.0)),
        Mark::Cross => open(format!("M{:.1} {:.1}l8 8m0 -8l-8 8", x - 4.0, y - 4.0)),
    }
}

/// Lines of at most `width` pixels.
pub(super) fn wrapped(words: &str, width: f64, size: f64) -> Vec<String> {
    let most = (width / (LETTER * size)) as usize;
    let mut lines: Vec<String> = Vec::new();
    // Not at other white space: a no-break space keeps a number and its unit together.
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let lines =
            wrapped("Error bars are 95 % confidence intervals of the mean", 20.0 * LETTER * 10.0, 10.0);
        assert_eq!(lines, ["Error bars are 95 %", "confidence intervals", "of the mean"]);
        assert!(wrapped("", 100.0, 10.0).is_empty());
        assert_eq!(wrapped("a 95\u{a0}%", 3.0 * LETTER * 10.0, 10.0), ["a", "95\u{a0}%"]);
    }
}
