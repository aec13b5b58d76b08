//! Where the work is done: the things that cost time, at the level of the science.
//!
//! A new device implements [`backend::Backend`] and the rest of the program works with it.

#[cfg(feature = "gpu")]
pub mod auto;
pub mod backend;
pub mod choice;
pub mod cpu;
pub mod device;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(feature = "gpu")]
pub mod speeds;
