//! Trajectories of the network, with noise and without, and where a bump is.

pub mod decoding;
pub mod diffusion;
pub mod noise;
pub mod noisy;
pub mod trajectories;
