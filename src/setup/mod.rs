//! What was typed, what it means, and what it costs.

pub mod arrays;
pub mod config;
pub mod cost;
pub mod given;
pub mod groups;
pub mod inputs;
pub mod key;
pub mod keys;
pub mod layout;
pub mod memory;
pub mod plan;
mod read;
mod read_scan;
pub mod reference;
pub mod scanned;
mod steps;
pub mod values;
