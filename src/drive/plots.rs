//! Pictures of driven bumps.

use super::DriveRecord;
use crate::job::drift_record::Which;
use crate::plot::look;
use crate::plot::{LinePlot, Series};

/// Where the bumps of one map are in the course of time, with where they should be.
pub fn paths(records: &[DriveRecord], map: usize) -> LinePlot {
    let own =
        |network: Which| records.iter().filter(move |r| r.network == network && r.map == map && r.sense == 1);
    let curve = |label: &str, look, network| {
        let rows: Vec<&DriveRecord> = own(network).collect();
        let mut points = Vec::new();
        for run in rows.chunk_by(|a, b| a.start == b.start) {
            points.extend(run.iter().map(|r| (r.time_ms / 1000.0, r.moved)));
            // A gap before the next bump.
            points.push((f64::NAN, f64::NAN));
        }
        points.pop();
        Series::curve(label, look, points)
    };
    let asked = own(Which::Base).next().map_or(Vec::new(), |first| {
        let of = own(Which::Base).filter(|r| r.start == first.start);
        of.map(|r| (r.time_ms / 1000.0, r.asked)).collect()
    });
    LinePlot {
        title: format!("Driven bumps on map {map}"),
        note: "Every bump from its own start; by the population vector.".to_owned(),
        x_label: "time (s)".to_owned(),
        y_label: "moved (neuron units)".to_owned(),
        series: vec![
            curve("before flattening", look::NONE, Which::Base),
            curve("after", look::CONSTRAINED, Which::Flattened),
            Series::curve("asked for", look::REFERENCE, asked),
        ],
        ..LinePlot::default()
    }
}
