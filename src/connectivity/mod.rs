//! Weights: the kernel of one map, the padded matrix, and the recurrent input W·r (the innermost loop).

pub mod coarse;
pub mod field;
mod kernel;
pub mod matrix;

pub use kernel::{Form, Kernel, PAPER_NEURONS, connectivity};
