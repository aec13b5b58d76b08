//! The weight change that takes all states' energies to one level.

pub mod bands;
pub mod cholesky;
pub mod conjugate;
pub mod direct;
mod far;
pub mod manifolds;
mod products;
pub mod pseudo_inverse;
mod schwarz;
