//! The energy landscape along the manifolds: states, energies, idealized bumps, constrained minima, roughness.

mod alone;
pub mod bumps;
pub(crate) mod by_map;
pub mod constraint;
pub mod descent;
pub mod energy;
pub mod lattice_bump;
pub mod minima;
pub(crate) mod newton;
pub mod problem;
pub(crate) mod rates;
mod relaxed_bump;
pub mod roughness;
pub mod states;
mod system;
pub(crate) mod together;
pub mod transfer;
