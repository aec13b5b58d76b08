//! Where neurons lie in every map, and the points of the manifolds at which something is evaluated.

mod maps;
mod points;

pub use maps::{Maps, periodic_displacement};
pub use points::{Point, Points};
