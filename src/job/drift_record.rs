//! The record of a trajectory, and how it is written: with one coordinate for lines, with two for surfaces.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::manifold::Vector;
use crate::observable::observables;

/// Which weights were simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// J.
    #[serde(rename = "none")]
    Base,
    /// J + M.
    Flattened,
}

/// A coordinate, written without a decimal point where it is a whole number: most starts are sites.
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

/// Declares the record with its figures, and its rows in files, whose columns of places depend on the dimension.
macro_rules! trajectories {
    ($(
        $(#[doc = $doc:literal])+
        [$shown:ident, $label:literal, $unit:literal]
        $field:ident: $type:ty,
    )+) => {
        observables! {
            /// One row of `drift.csv`: a trajectory from the idealized bump at `start`.
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(from = "DriftRow", into = "DriftRow")]
            pub struct DriftRecord in DriftRecordColumns {
                plain {
                    /// Number of coordinates in which positions are written, D: the largest of any map.
                    dimension: usize,
                    /// Weights.
                    network: Which,
                    /// Map of the start.
                    map: usize,
                    /// Which trajectory from this start, where there are several.
                    replicate: Option<usize>,
                    /// Position of the start (neuron units).
                    start: Vector,
                    /// Location at the end, in the winning map (neuron units).
                    end: Vector,
                }
                figures {
                    $( $(#[doc = $doc])+ [$shown, $label, $unit] $field: $type, )+
                }
            }
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
            $( $field: $type, )+
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
                    $( $field: record.$field, )+
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
                    $( $field: row.$field, )+
                }
            }
        }
    };
}

trajectories! {
    /// Displacement by the shortest way from the start to where an idealized bump fits best at the end: signed on a
    /// line, a length on a surface.
    [Report, "displacement", "neuron units"]
    displacement: f64,
    /// The same from the location at 100 ms on: the slow drift alone, without the first distortion.
    [Report, "displacement from 0.1 s on", "neuron units"]
    settled_displacement: f64,
    /// `Σ_i (r_i(end) − r_i(0))²`.
    [File, "rate change", "Hz²"]
    rate_change: f64,
    /// Highest bump score at the end.
    [Report, "score", "1"]
    score: f64,
    /// The map that has it.
    [Report, "winning map", "1"]
    winning_map: usize,
    /// Displacement of the population vector in the start's map: signed on a line, a length on a surface.
    [File, "displacement by phase", "neuron units"]
    phase_displacement: f64,
    /// Energy of the start.
    [File, "energy at the start", "Hz³"]
    start_energy: f64,
    /// Energy at the end.
    [File, "energy at the end", "Hz³"]
    end_energy: f64,
    /// Steps at which the energy rose by more than rounding explains; the theory says none.
    [File, "energy rises", "1"]
    energy_rises: u64,
}
