//! What was typed, what it means, and what it costs.

pub mod config;
pub mod keys;
pub mod memory;
pub mod plan;
mod read;
