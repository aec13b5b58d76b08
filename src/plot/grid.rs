//! Heat maps over two axes with few values each: the number stands in its cell, darker where it is larger.

use maud::{Markup, html};

use super::look::Colour;
use super::panel::{LETTER, Surroundings, TEXT, WIDTH, text};
use crate::text::significant;

/// Height of a cell (pixels).
const CELL: f64 = 30.0;

/// Widest cell (pixels).
const WIDEST: f64 = 90.0;

/// From the smallest value to the largest: ColorBrewer's Blues, lightest and darkest.
const SCALE: [Colour; 2] = [Colour(247, 251, 255), Colour(8, 69, 148)];

/// A heat map of one series, such as a method.
#[derive(Clone, Debug)]
pub struct GridPanel {
    /// Above the cells.
    pub label: String,
    /// `[rows, columns]`; what is not finite leaves its cell empty.
    pub values: Vec<f64>,
}

/// Heat maps below each other, on the same axes and the same scale of colours.
#[derive(Clone, Debug, Default)]
pub struct GridPlot {
    /// What is shown.
    pub title: String,
    /// How it was measured.
    pub note: String,
    /// What columns are.
    pub x_label: String,
    /// What rows are.
    pub y_label: String,
    /// Names of the columns, from left to right.
    pub columns: Vec<String>,
    /// Names of the rows, from the top down.
    pub rows: Vec<String>,
    /// In order of reading.
    pub panels: Vec<GridPanel>,
}

impl GridPlot {
    /// The picture as SVG, with its title and notes: a picture that can stand alone.
    pub fn svg(&self) -> String {
        self.surrounded(&self.title, self.notes())
    }

    /// The picture as SVG without title and notes, for a page that writes them itself.
    pub fn bare_svg(&self) -> String {
        self.surrounded("", Vec::new())
    }

    /// The notes that belong under it.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = vec![self.note.clone(), "Darker cells have larger values, on one scale.".to_owned()];
        notes.retain(|note| !note.is_empty());
        notes
    }

    fn surrounded(&self, title: &str, notes: Vec<String>) -> String {
        Surroundings { title, notes, legend: Vec::new() }.svg(|top| self.drawn(top))
    }

    /// Smallest and largest value.
    fn range(&self) -> (f64, f64) {
        let values = self.panels.iter().flat_map(|panel| &panel.values).filter(|v| v.is_finite());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
    }

    fn drawn(&self, top: f64) -> (Markup, f64) {
        let letters = self.rows.iter().map(|row| row.chars().count()).max().unwrap_or(1);
        let left = 44.0 + LETTER * TEXT * letters as f64;
        let cell = ((WIDTH - left - 16.0) / self.columns.len().max(1) as f64).min(WIDEST);
        let height = CELL * self.rows.len() as f64;
        let step = height + 78.0;
        let picture = html! {
            @for (i, panel) in self.panels.iter().enumerate() {
                (self.panel(panel, (left, top + 26.0 + step * i as f64), cell))
            }
        };
        (picture, top + step * self.panels.len() as f64)
    }

    fn panel(&self, panel: &GridPanel, (left, top): (f64, f64), cell: f64) -> Markup {
        let (width, height) = (cell * self.columns.len() as f64, CELL * self.rows.len() as f64);
        let cells = self.rows.len() * self.columns.len();
        let place = |i: usize| {
            let (row, column) = (i / self.columns.len(), i % self.columns.len());
            (left + cell * column as f64, top + CELL * row as f64)
        };
        let upright = format!("translate({:.1} {:.1}) rotate(-90)", 18.0, top + 0.5 * height);
        html! {
            (text(left + 0.5 * width, top - 9.0, "middle", &panel.label, TEXT))
            g class="grid" {
                @for (i, &value) in panel.values.iter().enumerate().take(cells) {
                    (self.cell(value, place(i), cell))
                }
            }
            @for (row, name) in self.rows.iter().enumerate() {
                (text(left - 8.0, top + CELL * (row as f64 + 0.5) + 5.0, "end", name, TEXT))
            }
            @for (column, name) in self.columns.iter().enumerate() {
                (text(left + cell * (column as f64 + 0.5), top + height + 18.0, "middle", name, TEXT))
            }
            (text(left + 0.5 * width, top + height + 38.0, "middle", &self.x_label, TEXT))
            g transform=(upright) { (text(0.0, 0.0, "middle", &self.y_label, TEXT)) }
        }
    }

    fn cell(&self, value: f64, (x, y): (f64, f64), width: f64) -> Markup {
        let middle = (x + 0.5 * width, y + 0.5 * CELL + 5.0);
        if !value.is_finite() {
            return text(middle.0, middle.1, "middle", "–", TEXT);
        }
        let (low, high) = self.range();
        let part = if high > low { (value - low) / (high - low) } else { 0.0 };
        let letters = if part > 0.5 { "#ffffff" } else { "#111111" };
        html! {
            rect x=(format!("{x:.1}")) y=(format!("{y:.1}")) width=(format!("{width:.1}")) height=(CELL)
                fill=(colour_of(part)) stroke="#ffffff" {}
            g color=(letters) { (text(middle.0, middle.1, "middle", &significant(value), TEXT)) }
        }
    }
}

/// The colour of a part of the way from the smallest to the largest value.
fn colour_of(part: f64) -> Colour {
    let [Colour(r, g, b), Colour(dark_r, dark_g, dark_b)] = SCALE;
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
    Colour(mix(r, dark_r), mix(g, dark_g), mix(b, dark_b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::image;

    #[test]
    fn numbers_stand_in_their_cells_and_missing_ones_leave_them_empty() {
        let panel =
            |label: &str, values: &[f64]| GridPanel { label: label.to_owned(), values: values.to_vec() };
        let plot = GridPlot {
            title: "Drift".to_owned(),
            x_label: "L".to_owned(),
            y_label: "kernel.width".to_owned(),
            columns: vec!["2".to_owned(), "8".to_owned()],
            rows: vec!["10".to_owned(), "15".to_owned()],
            panels: vec![panel("none", &[0.5, 9.0, 1.5, f64::NAN]), panel("flat", &[0.25, 0.5, 0.75, 1.0])],
            ..GridPlot::default()
        };
        let svg = plot.svg();
        assert_eq!(svg.matches("stroke=\"#ffffff\"").count(), 7);
        // One scale: the largest of all is darkest, the smallest lightest.
        assert_eq!(svg.matches(&SCALE[1].to_string()).count(), 1);
        assert_eq!(svg.matches(&SCALE[0].to_string()).count(), 1);
        for part in ["9.00", "0.25", "–", "kernel.width", "Darker"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(!plot.bare_svg().contains("Darker"));
        assert!(image::png(&svg).unwrap().starts_with(b"\x89PNG"));
    }
}
