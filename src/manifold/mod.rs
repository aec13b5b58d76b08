//! Where neurons lie in every map, and the points of the manifolds at which something is evaluated.

pub mod lattice;
mod maps;
mod points;
pub mod shape;

pub use lattice::{Arrangement, Lattice};
pub use maps::{Group, Maps, NO_PLACE, Placement};
pub use points::{Point, Points, grid, start_anywhere, start_point};
pub use shape::{Axis, Shape, Space, Vector, length, periodic_displacement};
