//! Pictures: plots of curves and measured points, and of maps of two dimensions, as SVG, PNG and PDF.

mod axis;
mod grid;
pub mod image;
mod line;
pub mod look;
mod panel;
mod sheet;

pub use grid::{GridPanel, GridPlot};
pub use line::{LinePlot, Series};
pub use sheet::{Ground, Layer, Panel, SheetPlot, scale};

/// A plot of curves or of heat maps.
#[derive(Clone, Debug)]
pub enum Picture {
    /// Curves and measured points.
    Lines(LinePlot),
    /// Numbers over two axes.
    Grid(GridPlot),
}

impl From<LinePlot> for Picture {
    fn from(plot: LinePlot) -> Self {
        Picture::Lines(plot)
    }
}

impl From<GridPlot> for Picture {
    fn from(plot: GridPlot) -> Self {
        Picture::Grid(plot)
    }
}

impl Picture {
    /// What is shown.
    pub fn title(&self) -> &str {
        match self {
            Picture::Lines(plot) => &plot.title,
            Picture::Grid(plot) => &plot.title,
        }
    }

    /// The picture as SVG, with its title and notes.
    pub fn svg(&self) -> String {
        match self {
            Picture::Lines(plot) => plot.svg(),
            Picture::Grid(plot) => plot.svg(),
        }
    }

    /// The picture as SVG without title and notes, for a page that writes them itself.
    pub fn bare_svg(&self) -> String {
        match self {
            Picture::Lines(plot) => plot.bare_svg(),
            Picture::Grid(plot) => plot.bare_svg(),
        }
    }

    /// The notes that belong under it.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Picture::Lines(plot) => plot.notes(),
            Picture::Grid(plot) => plot.notes(),
        }
    }
}
