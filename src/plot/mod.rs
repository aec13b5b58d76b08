//! Pictures: plots of curves and measured points, and of maps of two dimensions, as SVG, PNG and PDF.

mod axis;
pub mod image;
mod line;
pub mod look;
mod panel;
mod sheet;

pub use line::{LinePlot, Series};
pub use sheet::{Ground, Layer, Panel, SheetPlot, scale};
