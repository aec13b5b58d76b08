//! `[[maps]]`: groups of maps as they are typed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::manifold::{Arrangement, Shape};

/// `[[maps]]`: maps of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MapsConfig {
    /// Their shape.
    pub shape: Shape,
    /// How many.
    pub count: usize,
    /// Lattice sites along each side; from the members if not given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sides: Vec<f64>,
    /// Fraction of the neurons that take part in each map; from the sides, or all, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<f64>,
    /// Where place fields lie.
    pub placement: PlacementKind,
    /// f64 `[count, N, D]` places for [`PlacementKind::File`]; relative to the configuration file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positions: Option<PathBuf>,
    /// Arrangement of a torus's sites.
    pub lattice: Arrangement,
    /// Distance from open edges within which no points lie (neuron units); 2σ if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// What connects them.
    pub kernel: MapsKernelConfig,
}

/// `[maps.kernel]`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MapsKernelConfig {
    /// How excitation falls with distance.
    pub shape: FormKind,
    /// σ (neuron units); that of `[kernel]` on this shape if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// A (Hz); the one that keeps the excitation's integral if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amplitude: Option<f64>,
    /// b (Hz); that of `[kernel]` on this shape if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inhibition: Option<f64>,
    /// The surround's weight beside the centre's, of a difference of Gaussians.
    pub surround: f64,
    /// The surround's width beside the centre's.
    pub surround_width: f64,
    /// f64 `[values]`: excitation relative to distance 0, at distances 0, σ/10, 2σ/10, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<PathBuf>,
}

/// Where place fields lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlacementKind {
    /// One on each site of the shape's lattice, in random order.
    Lattice,
    /// Each anywhere on the shape.
    Anywhere,
    /// Where a file says.
    File,
}

/// How excitation falls with distance; see [`crate::connectivity::Form`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FormKind {
    /// `exp(−u²/2)`.
    Gaussian,
    /// `exp(−u)`.
    Exponential,
    /// A Mexican hat.
    Difference,
    /// Given values.
    Table,
}

impl Default for MapsConfig {
    fn default() -> Self {
        Self {
            shape: Shape::Ring,
            count: 1,
            sides: Vec::new(),
            members: None,
            placement: PlacementKind::Lattice,
            positions: None,
            lattice: Arrangement::Square,
            margin: None,
            kernel: MapsKernelConfig {
                shape: FormKind::Gaussian,
                width: None,
                amplitude: None,
                inhibition: None,
                surround: 0.3,
                surround_width: 2.0,
                table: None,
            },
        }
    }
}

/// `network.external_current`: one number for all neurons, or a file with one for each.
#[derive(Clone, Debug, PartialEq)]
pub enum ExternalCurrent {
    /// h of every neuron (Hz²).
    Uniform(f64),
    /// f64 `[N]` (Hz²).
    File(PathBuf),
}

impl Serialize for ExternalCurrent {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Uniform(h) => to.serialize_f64(*h),
            Self::File(path) => path.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for ExternalCurrent {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(from)? {
            toml::Value::Float(h) => Ok(Self::Uniform(h)),
            toml::Value::String(path) => Ok(Self::File(path.into())),
            _ => Err(serde::de::Error::custom("a number or the path of a file")),
        }
    }
}
