//! Trajectories of the network, and where a bump is.

pub mod decoding;
pub mod trajectories;
