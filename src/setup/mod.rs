//! What was typed, what it means, and what it costs.

pub mod config;
pub mod memory;
pub mod plan;
