//! What an analysis writes: `manifold.csv`, `fixed_points.csv`, `analysis.json`.

use serde::{Deserialize, Serialize};

use super::fixed_points::Kind;
use crate::job::drift_record::Which;
use crate::manifold::Vector;
use crate::records::to_csv;

/// A point of the slow manifold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Weights.
    pub network: Which,
    /// Map.
    pub map: usize,
    /// Where (neuron units).
    pub position: Vector,
    /// Energy of the constrained minimum (Hz³).
    pub energy: f64,
    /// `∂E/∂x` (Hz³/neuron unit); NaN where there is no bump.
    pub slope: Vector,
    /// θ̇ (neuron units/s); NaN where there is no bump.
    pub velocity: Vector,
    /// θ̇ of a bump whose shape lags behind its place (neuron units/s); NaN where there is no bump.
    pub lagging_velocity: Vector,
}

/// A fixed point.
#[derive(Clone, Debug, PartialEq)]
pub struct Rest {
    /// Weights.
    pub network: Which,
    /// Map.
    pub map: usize,
    /// Where (neuron units).
    pub position: Vector,
    /// What kind.
    pub kind: Kind,
    /// Whether the force is 0 there; if not, it changes its sign where a neuron joins the bump, and no Newton step ends.
    pub settled: bool,
    /// Eigenvalues along the manifold (1/s), one per dimension; none where they were not computed.
    pub tangential: Vec<f64>,
    /// Minus the largest other eigenvalue (1/s).
    pub gap: Option<f64>,
    /// Length of its basin, of a stable point on a line (neuron units).
    pub basin: Option<f64>,
}

/// Figures of one map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapFigures {
    /// Index of the map.
    pub map: usize,
    /// η = max |θ̇| (neuron units/s).
    pub eta: f64,
    /// Mean |θ̇| (neuron units/s).
    pub mean_speed: f64,
    /// Points that were looked at.
    pub points: usize,
    /// Of those, points at which there is no bump.
    pub without_bump: usize,
    /// Stable fixed points.
    pub stable: usize,
    /// Saddles.
    pub saddles: usize,
    /// Fixed points of surfaces that repel in every direction.
    pub unstable: usize,
    /// Mean distance between stable fixed points: the map's size divided by their number; on a surface the square root of that
    /// (neuron units).
    pub spacing: Option<f64>,
    /// Entropy of the basins, on a line (bits).
    pub basin_entropy_bits: Option<f64>,
    /// Mean eigenvalue along the manifold at stable points that have settled, on surfaces the slower one's (1/s).
    pub tangential: Option<f64>,
    /// Smallest gap: minus the largest eigenvalue that does not belong to a move along the manifold (1/s).
    pub gap: Option<f64>,
}

/// Figures of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkFigures {
    /// Weights.
    pub network: Which,
    /// η = max |θ̇| over all maps (neuron units/s).
    pub eta: f64,
    /// η·t for the run's `measure.duration_ms`: no bump on the manifold goes farther in that time (neuron units).
    pub error_bound: f64,
    /// Mean |θ̇| (neuron units/s).
    pub mean_speed: f64,
    /// Stable fixed points on all maps.
    pub stable: usize,
    /// Saddles on all maps.
    pub saddles: usize,
    /// Mean distance between stable fixed points (neuron units).
    pub spacing: Option<f64>,
    /// Mean entropy of the basins of a map (bits).
    pub basin_entropy_bits: Option<f64>,
    /// Mean eigenvalue along the manifold at stable points (1/s).
    pub tangential: Option<f64>,
    /// Smallest gap (1/s).
    pub gap: Option<f64>,
    /// Points at which there is no bump.
    pub without_bump: usize,
    /// Map by map.
    pub maps: Vec<MapFigures>,
}

/// `analysis.json`: the networks of a run, before flattening and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnalysisRecord {
    /// Points on each map.
    pub points_per_map: usize,
    /// Before, and after.
    pub networks: Vec<NetworkFigures>,
}

/// A figure with its unit, and its values in all networks.
pub type FigureRow = (&'static str, Vec<Option<f64>>, &'static str);

/// The figures that people read.
pub fn figures_table(record: &AnalysisRecord) -> Vec<FigureRow> {
    type Figure = fn(&NetworkFigures) -> Option<f64>;
    let rows: [(&str, Figure, &str); 8] = [
        ("fastest slide, eta", |n| Some(n.eta), "neuron units/s"),
        ("mean slide", |n| Some(n.mean_speed), "neuron units/s"),
        ("error is below, at the end", |n| Some(n.error_bound), "neuron units"),
        ("stable fixed points", |n| Some(n.stable as f64), ""),
        ("distance between them", |n| n.spacing, "neuron units"),
        ("entropy of their basins", |n| n.basin_entropy_bits, "bits a map"),
        ("eigenvalue along the manifold", |n| n.tangential, "1/s"),
        ("gap to the others", |n| n.gap, "1/s"),
    ];
    let values = |of: Figure| record.networks.iter().map(of).collect();
    rows.into_iter().map(|(what, of, unit)| (what, values(of), unit)).collect()
}

impl NetworkFigures {
    /// Gathers the maps' figures.
    pub(super) fn of(network: Which, duration_ms: f64, maps: Vec<MapFigures>) -> Self {
        let mean = |f: fn(&MapFigures) -> Option<f64>| {
            let values: Vec<f64> = maps.iter().filter_map(f).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let eta = maps.iter().map(|m| m.eta).fold(0.0, f64::max);
        Self {
            network,
            eta,
            error_bound: eta * duration_ms / 1000.0,
            mean_speed: mean(|m| Some(m.mean_speed)).unwrap_or(0.0),
            stable: maps.iter().map(|m| m.stable).sum(),
            saddles: maps.iter().map(|m| m.saddles).sum(),
            spacing: mean(|m| m.spacing),
            basin_entropy_bits: mean(|m| m.basin_entropy_bits),
            tangential: mean(|m| m.tangential),
            gap: maps.iter().filter_map(|m| m.gap).reduce(f64::min),
            without_bump: maps.iter().map(|m| m.without_bump).sum(),
            maps,
        }
    }
}

#[derive(Serialize)]
struct LinePlace {
    network: Which,
    map: usize,
    position: f64,
    energy: f64,
    slope: f64,
    velocity: f64,
    lagging_velocity: f64,
}

#[derive(Serialize)]
struct SurfacePlace {
    network: Which,
    map: usize,
    position_x: f64,
    position_y: f64,
    energy: f64,
    slope_x: f64,
    slope_y: f64,
    velocity_x: f64,
    velocity_y: f64,
    lagging_velocity_x: f64,
    lagging_velocity_y: f64,
}

/// The points as CSV, with one coordinate or two.
pub fn place_table(places: &[Place], dimension: usize) -> Vec<u8> {
    if dimension == 1 {
        let row = |p: &Place| LinePlace {
            network: p.network,
            map: p.map,
            position: p.position[0],
            energy: p.energy,
            slope: p.slope[0],
            velocity: p.velocity[0],
            lagging_velocity: p.lagging_velocity[0],
        };
        return to_csv(&places.iter().map(row).collect::<Vec<_>>());
    }
    let row = |p: &Place| SurfacePlace {
        network: p.network,
        map: p.map,
        position_x: p.position[0],
        position_y: p.position[1],
        energy: p.energy,
        slope_x: p.slope[0],
        slope_y: p.slope[1],
        velocity_x: p.velocity[0],
        velocity_y: p.velocity[1],
        lagging_velocity_x: p.lagging_velocity[0],
        lagging_velocity_y: p.lagging_velocity[1],
    };
    to_csv(&places.iter().map(row).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct LineRest {
    network: Which,
    map: usize,
    position: f64,
    kind: Kind,
    settled: bool,
    tangential: Option<f64>,
    gap: Option<f64>,
    basin: Option<f64>,
}

#[derive(Serialize)]
struct SurfaceRest {
    network: Which,
    map: usize,
    position_x: f64,
    position_y: f64,
    kind: Kind,
    settled: bool,
    tangential_1: Option<f64>,
    tangential_2: Option<f64>,
    gap: Option<f64>,
}

/// The fixed points as CSV, with one coordinate or two.
pub fn rest_table(rests: &[Rest], dimension: usize) -> Vec<u8> {
    if dimension == 1 {
        let row = |r: &Rest| LineRest {
            network: r.network,
            map: r.map,
            position: r.position[0],
            kind: r.kind,
            settled: r.settled,
            tangential: r.tangential.first().copied(),
            gap: r.gap,
            basin: r.basin,
        };
        return to_csv(&rests.iter().map(row).collect::<Vec<_>>());
    }
    let row = |r: &Rest| SurfaceRest {
        network: r.network,
        map: r.map,
        position_x: r.position[0],
        position_y: r.position[1],
        kind: r.kind,
        settled: r.settled,
        tangential_1: r.tangential.first().copied(),
        tangential_2: r.tangential.get(1).copied(),
        gap: r.gap,
    };
    to_csv(&rests.iter().map(row).collect::<Vec<_>>())
}
