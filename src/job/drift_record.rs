//! The record of a trajectory, and how it is written: with one coordinate for lines, with two for surfaces.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::manifold::Vector;

/// Which weights were simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// J.
    None,
    /// J + M.
    Flattened,
}

/// One row of `drift.csv`: a trajectory from the idealized bump at `start`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "DriftRow", into = "DriftRow")]
pub struct DriftRecord {
    /// Number of coordinates that positions are written with: that of the map with most, D.
    pub dimension: usize,
    /// Weights.
    pub network: Which,
    /// Map of the start.
    pub map: usize,
    /// Which trajectory from this start, where there are several.
    pub replicate: Option<usize>,
    /// Position of the start (neuron units).
    pub start: Vector,
    /// Location at the end, in the winning map (neuron units).
    pub end: Vector,
    /// Displacement from start to end by the shortest way: signed on a line, its length on a surface (neuron units).
    pub displacement: f64,
    /// The same from the location at 100 ms on: the slow drift alone, without the first distortion.
    pub settled_displacement: f64,
    /// `Σ_i (r_i(end) − r_i(0))²` (Hz²).
    pub rate_change: f64,
    /// Highest bump score at the end.
    pub score: f64,
    /// The map that has it.
    pub winning_map: usize,
    /// Displacement of the population vector in the start's map, signed on a line, its length on a surface (neuron units).
    pub phase_displacement: f64,
    /// Energy of the start (Hz³).
    pub start_energy: f64,
    /// Energy at the end (Hz³).
    pub end_energy: f64,
    /// Steps at which the energy rose by more than rounding explains; the theory says none.
    pub energy_rises: u64,
}

/// A [`DriftRecord`] as a flat row: `start`, `end`, or `start_x`, `start_y`, `end_x`, `end_y`.
#[derive(Serialize, Deserialize)]
struct DriftRow {
    network: Which,
    map: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replicate: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<Coordinate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_x: Option<Coordinate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_y: Option<Coordinate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<Coordinate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_x: Option<Coordinate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_y: Option<Coordinate>,
    displacement: f64,
    settled_displacement: f64,
    rate_change: f64,
    score: f64,
    winning_map: usize,
    phase_displacement: f64,
    start_energy: f64,
    end_energy: f64,
    energy_rises: u64,
}

/// A coordinate, written without a point where it is a whole number: most starts are sites.
#[derive(Clone, Copy)]
struct Coordinate(f64);

impl Serialize for Coordinate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let whole = self.0 as i64;
        if whole as f64 == self.0 { to.serialize_i64(whole) } else { to.serialize_f64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Coordinate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        f64::deserialize(from).map(Self)
    }
}

impl From<DriftRecord> for DriftRow {
    fn from(record: DriftRecord) -> Self {
        let line = |x: f64| (record.dimension == 1).then_some(Coordinate(x));
        let surface = |x: f64| (record.dimension > 1).then_some(Coordinate(x));
        let ([start_x, start_y], [end_x, end_y]) = (record.start, record.end);
        Self {
            network: record.network,
            map: record.map,
            replicate: record.replicate,
            start: line(start_x),
            start_x: surface(start_x),
            start_y: surface(start_y),
            end: line(end_x),
            end_x: surface(end_x),
            end_y: surface(end_y),
            displacement: record.displacement,
            settled_displacement: record.settled_displacement,
            rate_change: record.rate_change,
            score: record.score,
            winning_map: record.winning_map,
            phase_displacement: record.phase_displacement,
            start_energy: record.start_energy,
            end_energy: record.end_energy,
            energy_rises: record.energy_rises,
        }
    }
}

impl From<DriftRow> for DriftRecord {
    fn from(row: DriftRow) -> Self {
        let number = |coordinate: Option<Coordinate>| coordinate.map_or(0.0, |c| c.0);
        Self {
            dimension: if row.start_x.is_some() { 2 } else { 1 },
            network: row.network,
            map: row.map,
            replicate: row.replicate,
            start: [number(row.start.or(row.start_x)), number(row.start_y)],
            end: [number(row.end.or(row.end_x)), number(row.end_y)],
            displacement: row.displacement,
            settled_displacement: row.settled_displacement,
            rate_change: row.rate_change,
            score: row.score,
            winning_map: row.winning_map,
            phase_displacement: row.phase_displacement,
            start_energy: row.start_energy,
            end_energy: row.end_energy,
            energy_rises: row.energy_rises,
        }
    }
}
