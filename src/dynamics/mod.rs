//! Trajectories of the network, with noise or drive and without, and where a bump is.

pub mod decoding;
pub mod diffusion;
pub mod drive;
pub mod noise;
pub mod noisy;
pub mod trajectories;
