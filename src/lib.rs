//! Flatten the energy landscapes of continuous attractors that are stored together in one recurrent network.
//!
//! The method is that of Agmon & Burak, "Simultaneous embedding of multiple attractor manifolds in a recurrent neural
//! network using constrained gradient optimization", NeurIPS 2023, arXiv 2310.18708. Equation numbers S1…S24 and figure
//! numbers in this documentation are that paper's.
//!
//! Data flows one way: a [`config::Config`] (what was typed) becomes a [`plan::Plan`] (every size), that builds a
//! [`network::Network`]; its manifold [`states`] go through {[`minimum`] → [`energy`] → [`weights`]}* in
//! [`optimize`], driven through a [`backend::Backend`]; then [`measure`] runs [`trajectory`] and [`score`], and
//! [`records`] puts everything on disk.
//!
//! Units: rates in Hz, currents in Hz², energies in Hz³, positions in neuron units (the ring has N), times in ms.

#![warn(missing_docs)]

pub mod backend;
pub mod bench;
pub mod cholesky;
pub mod collect;
pub mod commands;
pub mod config;
pub mod energy;
pub mod error;
pub mod export;
pub mod field;
pub mod figures;
pub mod gpu;
pub mod interrupt;
pub mod matrix;
pub mod measure;
pub mod minimum;
pub mod network;
pub mod npy;
pub mod optimize;
pub mod plan;
pub mod plot;
pub mod progress;
pub mod records;
pub mod report;
pub mod roughness;
pub mod rows;
pub mod scan;
pub mod score;
pub mod states;
pub mod trajectory;
pub mod weights;
