//! flatscape.
pub mod backend;
pub mod cholesky;
pub mod config;
pub mod energy;
pub mod error;
pub mod field;
pub mod gpu;
pub mod matrix;
pub mod minimum;
pub mod network;
pub mod progress;
pub mod score;
pub mod states;
pub mod trajectory;
pub mod weights;
