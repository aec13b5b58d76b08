//! Where a bump is in the course of time: the rows of `trajectories.csv`.

use serde::{Deserialize, Serialize};

use crate::job::drift_record::Which;
use crate::manifold::Vector;

/// The place of one bump at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathRecord {
    /// Weights.
    pub network: Which,
    /// Map of the start.
    pub map: usize,
    /// Number of the start, over all maps.
    pub start: usize,
    /// Which trajectory from there.
    pub replicate: usize,
    /// Time since the start (ms).
    pub time_ms: f64,
    /// Position of the population vector on the start's map (neuron units); NaN if nothing is active.
    pub position: Vector,
    /// The map with the highest score.
    pub winning_map: usize,
    /// Its score.
    pub score: f64,
}

/// A [`PathRecord`] as a flat row: `position`, or `position_x`, `position_y`. A missing position is an empty cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PathRow {
    network: Which,
    map: usize,
    start: usize,
    replicate: usize,
    time_ms: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<Cell>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position_x: Option<Cell>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position_y: Option<Cell>,
    winning_map: usize,
    score: f64,
}

/// A number or nothing. Whether there is such a column does not depend on its values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Cell(Option<f64>);

impl From<f64> for Cell {
    fn from(x: f64) -> Self {
        Self((!x.is_nan()).then_some(x))
    }
}

impl PathRecord {
    /// Rows of a table whose positions have this many coordinates.
    pub(crate) fn rows(records: &[Self], dimension: usize) -> Vec<PathRow> {
        let row = |record: &Self| {
            let [x, y] = record.position.map(Cell::from);
            let (line, surface) = (dimension == 1, dimension > 1);
            PathRow {
                network: record.network,
                map: record.map,
                start: record.start,
                replicate: record.replicate,
                time_ms: record.time_ms,
                position: line.then_some(x),
                position_x: surface.then_some(x),
                position_y: surface.then_some(y),
                winning_map: record.winning_map,
                score: record.score,
            }
        };
        records.iter().map(row).collect()
    }
}

impl From<PathRow> for PathRecord {
    fn from(row: PathRow) -> Self {
        let number = |cell: Option<Cell>, missing: f64| cell.and_then(|c| c.0).unwrap_or(missing);
        let is_line = row.position_x.is_none() && row.position_y.is_none();
        let x = number(row.position.or(row.position_x), f64::NAN);
        Self {
            network: row.network,
            map: row.map,
            start: row.start,
            replicate: row.replicate,
            time_ms: row.time_ms,
            position: [x, if is_line { 0.0 } else { number(row.position_y, f64::NAN) }],
            winning_map: row.winning_map,
            score: row.score,
        }
    }
}
