//! Flattens the energy landscapes of continuous attractors that are embedded together in one recurrent network, by the
//! method of Agmon & Burak (NeurIPS 2023), and measures how far bumps of activity still drift.
//!
//! ```
//! use flatscape::{Config, Model};
//!
//! let mut config = Config::default();
//! for setting in ["network.neurons=80", "network.maps=2", "measure.duration_ms=200"] {
//!     config.set(setting)?;
//! }
//! let model = Model::new(config)?;
//! let run = model.flatten()?;
//! let (before, after) = (model.measure()?.summary, run.measure()?.summary);
//! assert!(after.mean_drift < before.mean_drift);
//! # Ok::<(), flatscape::Error>(())
//! ```
//!
//! [`Model`], [`Run`] and [`Drift`] do what most programs want; `examples/` has four of them. The modules below are what
//! they are made of. Data flows one way: what was typed ([`setup`]), the network ([`manifold`], [`connectivity`],
//! [`network`]), its [`landscape`], the weight change ([`solve`]), its [`dynamics`], all of them on a device ([`compute`]);
//! the outer iteration and the measurement ([`job`]); what is written ([`records`]) and made of that.
//!
//! Features, all on by default: `gpu` (wgpu), `plots` (SVG plots, the paper's figures, HTML reports), `cli` (the program).

#![warn(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "they panic where nobody can hear: see text::tell"
)]

pub mod analyze;
#[cfg(feature = "gpu")]
pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
pub mod collect;
pub mod compute;
pub mod connectivity;
pub mod drive;
pub mod dynamics;
pub mod error;
pub mod export;
#[cfg(feature = "plots")]
pub mod figures;
pub mod files;
pub mod job;
pub mod landscape;
#[cfg(feature = "plots")]
pub mod live;
pub mod manifold;
pub mod model;
pub mod network;
pub mod observable;
pub mod perturb;
#[cfg(feature = "plots")]
pub mod plot;
pub mod progress;
pub mod records;
#[cfg(feature = "plots")]
pub mod report;
pub mod scan;
pub mod setup;
pub mod solve;
pub mod text;

pub use compute::backend::Backend;
pub use compute::choice::{Choice, choose};
pub use compute::cpu::Cpu;
pub use connectivity::Kernel;
pub use connectivity::matrix::WeightMatrix;
pub use dynamics::trajectories::Trajectory;
pub use error::{Error, Result};
pub use job::drift::{DriftSummary, Moment};
pub use job::drift_record::{DriftRecord, Which};
pub use job::reached::{IterationRecord, Status};
pub use landscape::problem::{Minima, Start};
pub use landscape::roughness::Roughness;
pub use landscape::states::States;
pub use manifold::{Maps, Point, Points};
pub use model::{Drift, Model, Run};
pub use network::Network;
pub use progress::{Progress, Watcher};
pub use records::{Summary, verify};
pub use setup::config::Config;
pub use setup::plan::Plan;
