//! Pictures of an analysis: velocity along the maps, fixed points, and fields on surfaces.

use std::collections::BTreeSet;

use super::Analysis;
use super::fixed_points::Kind;
use super::rows::{Place, Rest};
use crate::job::drift_record::Which;
use crate::manifold::{Axis, Maps, Vector, length};
use crate::plot::look::{self, Look};
use crate::plot::{Ground, Layer, LinePlot, Panel, Series, SheetPlot};

/// Arrows along each axis, at most: with more one sees none.
const ARROWS: f64 = 24.0;

/// The seconds that an arrow of a field stands for are chosen so that nine arrows of ten are shorter than this part of a side.
const LONG_ARROW: f64 = 0.045;

fn named(network: Which) -> (&'static str, Look) {
    match network {
        Which::Base => ("before flattening", look::NONE),
        Which::Flattened => ("after", look::CONSTRAINED),
    }
}

/// Names and SVGs of the pictures of one map, before and after.
pub fn pictures(analyses: &[Analysis], maps: &Maps, map: usize) -> Vec<(String, String)> {
    if maps.space(map).dimension() == 1 {
        vec![
            (format!("velocity-map{map}"), speeds(analyses, map).svg()),
            ("tangential".to_owned(), eigenvalues(analyses).svg()),
        ]
    } else {
        vec![(format!("field-map{map}"), field(analyses, maps, map).svg())]
    }
}

fn of_map(analysis: &Analysis, map: usize) -> impl Iterator<Item = &Place> {
    analysis.places.iter().filter(move |place| place.map == map)
}

/// |θ̇| along one map, on a logarithmic axis: before and after differ by decades.
pub fn speeds(analyses: &[Analysis], map: usize) -> LinePlot {
    let series = analyses.iter().map(|analysis| {
        let (label, look) = named(analysis.figures.network);
        let points = of_map(analysis, map).map(|p| (p.position[0], p.velocity[0].abs())).collect();
        Series::curve(label, look, points)
    });
    LinePlot {
        title: format!("How fast a bump slides along map {map}"),
        note: "From the constrained minima, without simulating. Bumps rest at the dips.".to_owned(),
        x_label: "position (neuron units)".to_owned(),
        y_label: "|velocity| (neuron units/s)".to_owned(),
        series: series.collect(),
        logarithmic: true,
        ..LinePlot::default()
    }
}

/// Eigenvalue along the manifold at the stable fixed points of all maps, against the position.
pub fn eigenvalues(analyses: &[Analysis]) -> LinePlot {
    let series = analyses.iter().map(|analysis| {
        let (label, look) = named(analysis.figures.network);
        let stable = analysis.rests.iter().filter(|r| r.kind == Kind::Stable);
        let rate = |r: &Rest| Some((r.position[0], -r.tangential.first()?, f64::NAN));
        let points: Vec<(f64, f64, f64)> = stable.filter_map(rate).collect();
        Series {
            points: points.iter().map(|p| (p.0, p.1)).collect(),
            errors: vec![0.0; points.len()],
            ..Series::curve(label, look, Vec::new())
        }
    });
    LinePlot {
        title: "How fast bumps fall into stable fixed points".to_owned(),
        note: "Minus the eigenvalue along the manifold, on all maps. A time constant of 1 s is 1/s."
            .to_owned(),
        x_label: "position (neuron units)".to_owned(),
        y_label: "rate (1/s)".to_owned(),
        series: series.collect(),
        logarithmic: true,
        ..LinePlot::default()
    }
}

/// The first place in every cell of a grid of [`ARROWS`] cells a side.
fn thinned<'a>(places: impl Iterator<Item = &'a Place>, sides: Vector) -> Vec<&'a Place> {
    let mut taken = BTreeSet::new();
    places
        .filter(|p| taken.insert([0, 1].map(|d| (p.position[d] / sides[d] * ARROWS + 1e-9).floor() as i64)))
        .collect()
}

/// The speed that nine places of ten do not exceed (neuron units/s).
fn fast(places: &[&Place]) -> f64 {
    let mut speeds: Vec<f64> = places.iter().map(|p| length(p.velocity)).collect();
    speeds.sort_by(f64::total_cmp);
    speeds.get(speeds.len() * 9 / 10).copied().unwrap_or(0.0)
}

/// The field of velocities on one map of two dimensions, over its landscape, with the stable fixed points.
pub fn field(analyses: &[Analysis], maps: &Maps, map: usize) -> SheetPlot {
    let space = maps.space(map);
    let axes = space.shape.axes();
    let panels = analyses.iter().map(|analysis| {
        let (label, look) = named(analysis.figures.network);
        let places: Vec<&Place> = of_map(analysis, map).collect();
        let mean = places.iter().map(|p| p.energy).sum::<f64>() / places.len() as f64;
        let fastest = analysis.figures.maps.get(map).map_or(0.0, |m| m.eta);
        let moving = thinned(places.iter().filter(|p| p.velocity[0].is_finite()).copied(), space.sides);
        let seconds = LONG_ARROW * space.sides[0].min(space.sides[1]) / fast(&moving).max(f64::MIN_POSITIVE);
        let stable = analysis.rests.iter().filter(|r| r.map == map && r.kind == Kind::Stable);
        let side = (space.size() / places.len() as f64).sqrt();
        Panel {
            label: format!("{label}: up to {} units/s", crate::text::significant(fastest)),
            layers: vec![
                Layer::Values {
                    positions: places.iter().map(|p| p.position).collect(),
                    values: places.iter().map(|p| p.energy - mean).collect(),
                    cell: [side, side],
                },
                Layer::Arrows {
                    look,
                    starts: moving.iter().map(|p| p.position).collect(),
                    ends: moving
                        .iter()
                        .map(|p| [0, 1].map(|d| p.position[d] + seconds * p.velocity[d]))
                        .collect(),
                },
                Layer::Dots { look: look::REFERENCE, at: stable.map(|r| r.position).collect() },
            ],
        }
    });
    SheetPlot {
        title: format!("How bumps slide on map {map}"),
        note: "Arrows: velocity; dots: stable fixed points; colour: energy of the constrained minima."
            .to_owned(),
        ground: Ground {
            sides: space.sides,
            periodic: axes.map(|axis| axis != Axis::Open),
            unit: "neuron units".to_owned(),
        },
        value_label: "energy (Hz³)".to_owned(),
        legend: vec![("stable fixed points".to_owned(), look::REFERENCE)],
        panels: panels.collect(),
    }
}
