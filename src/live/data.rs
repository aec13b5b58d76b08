//! What a live page carries: the network itself, packed, and the landscape along its maps at both ends of the slider.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::job::drift::start_points;
use crate::landscape::minima;
use crate::landscape::problem::Start;
use crate::landscape::states::States;
use crate::manifold::{Arrangement, Axis, Points, Shape, Vector};
use crate::network::Network;
use crate::plot::scale;
use crate::progress::Tick;
use crate::records::{RunDirectory, Summary};
use crate::setup::plan::Plan;

/// Networks beyond this are refused: J and M would take more than 21 MB of the page.
const MOST_NEURONS: usize = 2_000;

/// Points along a ring at which the landscape is drawn, at most: a screen shows no more. On a surface they are its sites.
const MOST_POINTS: usize = 600;

/// Numbers as f32, little endian, in base 64: what a browser unpacks fastest.
#[derive(Serialize)]
#[serde(transparent)]
struct Packed(String);

impl Packed {
    fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let bytes: Vec<u8> = values.into_iter().flat_map(|x| (x as f32).to_le_bytes()).collect();
        Self(STANDARD.encode(bytes))
    }

    /// The entries below the diagonal, row by row: all there is of a symmetric matrix with zero diagonal.
    fn triangle(matrix: &WeightMatrix) -> Self {
        Self::new((0..matrix.neurons()).flat_map(|i| matrix.row(i)[..i].iter().copied()))
    }
}

/// One side of the shape that the maps have.
#[derive(Serialize)]
struct Side {
    /// In neuron spacings.
    length: f64,
    /// Whether its ends are one.
    periodic: bool,
}

/// Everything the page's script knows. Arrays are C-ordered.
#[derive(Serialize)]
pub(super) struct Data {
    /// N.
    neurons: usize,
    /// L.
    maps: usize,
    /// One per dimension, D in all.
    sides: Vec<Side>,
    /// Δt/τ.
    step: f64,
    dt_ms: f64,
    /// How long the run's own trajectories last.
    duration_ms: f64,
    /// Where they start, on each map `[starts, 2]`.
    starts: Vec<Vector>,
    /// From the lowest energy of a landscape to the highest, where that is drawn in colours.
    colours: Vec<String>,
    /// h `[N]` (Hz²).
    external_current: Packed,
    /// Where neurons lie in every map `[L, N, D]` (neuron spacings).
    positions: Packed,
    /// J and M (Hz).
    weights_base: Packed,
    weights_delta: Packed,
    /// Current of the idealized bump by displacement from its centre `[sides]` (Hz²): the scores' measure.
    bump_current: Packed,
    /// That of the bump at rest, from which trajectories start, by displacement from its site `[sides]` (Hz²). On a torus its
    /// centre may lie half a spacing beside the site.
    start_current: Packed,
    landscape: Landscape,
}

/// Energies of constrained minima along the maps in the networks J and J + M, and how fast each changes with the part s
/// of M that is added. At a minimum that rate is `−½ rᵀMr` (the minimum itself may move: its energy does not notice), so
/// value and slope are exact at both ends of `0 ≤ s ≤ 1`.
///
/// Energies are relative to `level_0 + s·(level_1 − level_0)`, the mean energies at both ends, and slopes to its slope.
#[derive(Serialize)]
struct Landscape {
    /// Points on each map.
    points: usize,
    /// Mean energies (Hz³) at s = 0 and 1.
    levels: [f64; 2],
    /// Relative energies `[L, points]` (Hz³) at s = 0 and 1.
    energies: [Packed; 2],
    /// Relative slopes `[L, points]` (Hz³) at s = 0 and 1.
    slopes: [Packed; 2],
}

impl Data {
    /// Reads a run. Takes the time of two searches for the minima of the points that are drawn.
    ///
    /// # Errors
    /// [`Error::Data`] if a file is damaged or missing, [`Error::Usage`] if the network is too large for a page.
    pub(super) fn read(directory: &RunDirectory, plan: &Plan, summary: &Summary) -> Result<Self> {
        if plan.neurons > MOST_NEURONS {
            return Err(Error::Usage(format!(
                "{}: a live page carries all weights, and {} neurons make it too large to mail; {MOST_NEURONS} is the most. Write a report without the live page",
                directory.path().display(),
                plan.neurons
            )));
        }
        let network = plan.network(0)?;
        drawable(&network).map_err(|what| Error::Usage(format!("{}: {what}", directory.path().display())))?;
        let space = network.maps.space(0);
        let sides = (0..space.dimension())
            .map(|d| Side { length: space.sides[d], periodic: space.shape.axes()[d] == Axis::Joined });
        let starts =
            start_points(&network.maps, plan.config.measure.starts, plan.config.measure.starts_per_map);
        let starts = &starts[..plan.config.measure.starts_per_map];
        let bump = network.bumps.lattice_bump(0);
        let base = square(directory, "weights_base.npy", plan.neurons)?;
        let delta = square(directory, "weights_delta.npy", plan.neurons)?;
        Ok(Self {
            neurons: plan.neurons,
            maps: plan.maps,
            sides: sides.collect(),
            step: plan.step(),
            dt_ms: plan.config.dynamics.dt_ms,
            duration_ms: summary.duration_ms,
            starts: starts.iter().map(|point| point.position).collect(),
            colours: scale().iter().map(ToString::to_string).collect(),
            external_current: Packed::new(network.external_current.iter().copied()),
            positions: Packed::new(network.maps.all_places()),
            weights_base: Packed::triangle(&base),
            weights_delta: Packed::triangle(&delta),
            bump_current: Packed::new(bump.centred_current().iter().copied()),
            start_current: Packed::new(bump.free().current.iter().copied()),
            landscape: Landscape::new(plan, &network, &base, &delta)?,
        })
    }

    /// JSON that can stand inside a script element.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers have text keys").replace('<', "\\u003c")
    }
}

/// Why the page cannot show a network: its script draws rings and tori, and takes the root of a current.
fn drawable(network: &Network) -> std::result::Result<(), String> {
    let (maps, lattice) = (&network.maps, &network.maps.group(0).lattice);
    let is_full = (0..maps.count()).all(|map| maps.fills_lattice(map)) && lattice.sites() == maps.neurons();
    let known = matches!(lattice.space.shape, Shape::Ring | Shape::Torus);
    if !(known && is_full && maps.groups().len() == 1 && lattice.arrangement == Arrangement::Square) {
        return Err(format!(
            "a live page draws rings and square tori of one kind, in which every neuron has a site of its own; these maps are other ones ({}). Write a report without the live page",
            lattice.space.shape.name()
        ));
    }
    if !network.transfer.is_root() {
        return Err(
            "a live page computes with φ(I) = √I only; write a report without the live page".to_owned()
        );
    }
    Ok(())
}

/// The points of all maps at which the landscape is drawn.
fn drawn_points<'n>(plan: &Plan, network: &'n Network) -> Points<'n> {
    let lattice = &network.maps.group(0).lattice;
    if lattice.space.dimension() == 2 {
        return Points::fitted(&network.maps, lattice.sites());
    }
    let fits = |s: &usize| plan.points_per_map.is_multiple_of(*s) && plan.points_per_map / s <= MOST_POINTS;
    let stride = (1..=plan.points_per_map).find(fits).unwrap_or(plan.points_per_map);
    Points::fitted(&network.maps, plan.points_per_map).every(stride)
}

impl Landscape {
    fn new(plan: &Plan, network: &Network, base: &WeightMatrix, delta: &WeightMatrix) -> Result<Self> {
        let points = drawn_points(plan, network);
        let landscape = |part: f64| -> Result<_> {
            let weights = base.plus(part, delta);
            let flatten = &plan.config.flatten;
            let problem = network.problem(&weights, flatten.definition, flatten.minimizer);
            let found = minima::minima(&problem, points, Start::Idealized, &Tick::silent())?;
            let slopes = slopes(delta, &found.states);
            Ok((found.energies, slopes))
        };
        let ends = [landscape(0.0)?, landscape(1.0)?];
        let levels = [0, 1].map(|end| mean(&ends[end].0));
        let rise = levels[1] - levels[0];
        Ok(Self {
            points: points.len() / plan.maps,
            levels,
            energies: [0, 1].map(|end| Packed::new(ends[end].0.iter().map(|e| e - levels[end]))),
            slopes: [0, 1].map(|end| Packed::new(ends[end].1.iter().map(|s| s - rise))),
        })
    }
}

/// `−½ rᵀMr` of every state (Hz³).
fn slopes(delta: &WeightMatrix, states: &States) -> Vec<f64> {
    let of = |s: usize| {
        let state = states.get(s);
        let field = |i: usize| state.iter().map(|(j, r)| delta.row(i)[j] * r).sum::<f64>();
        -0.5 * state.iter().map(|(i, r)| r * field(i)).sum::<f64>()
    };
    (0..states.len()).map(of).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn square(directory: &RunDirectory, name: &str, neurons: usize) -> Result<WeightMatrix> {
    let (shape, values) = directory.read_array::<f64>(name)?;
    if shape != [neurons, neurons] {
        let what = format!("has shape {shape:?}, not [{neurons}, {neurons}] as config.toml says");
        return Err(Error::data(&directory.path().join(name), what));
    }
    Ok(WeightMatrix::from_dense(neurons, &values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::manifold::{Arrangement, Lattice, Maps, Shape};
    use crate::setup::config::Config;

    fn unpack(packed: &Packed) -> Vec<f32> {
        let bytes = STANDARD.decode(&packed.0).unwrap();
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    #[test]
    fn a_triangle_holds_every_weight_once() {
        let matrix = WeightMatrix::from_dense(3, &[0.0, 1.0, 2.0, 1.0, 0.0, 3.0, 2.0, 3.0, 0.0]);
        assert_eq!(unpack(&Packed::triangle(&matrix)), [1.0, 2.0, 3.0]);
    }

    /// The landscape's slope at both ends is what a small part of M does to the minima's energies.
    #[test]
    fn slopes_are_those_of_the_landscape() {
        let text = "[network]\nneurons = 120\nmaps = 2\nseed = 3\n[flatten]\npoints_per_map = 20\n";
        let plan = Plan::new(Config::parse(text, "test").unwrap()).unwrap();
        let network = plan.network(0).unwrap();
        let other = Network::new(Maps::random(120, 1, 9, 0), Kernel::PAPER.scaled_to(120), 10.0);
        // A symmetric change with zero diagonal, small enough that no bump is lost.
        let delta = WeightMatrix::zeros(120).plus(0.01, &other.unwrap().weights);
        let landscape = Landscape::new(&plan, &network, &network.weights, &delta).unwrap();
        let part = 1e-4;
        let near =
            Landscape::new(&plan, &network, &network.weights, &WeightMatrix::zeros(120).plus(part, &delta))
                .unwrap();
        let (slopes, rise) = (unpack(&landscape.slopes[0]), landscape.levels[1] - landscape.levels[0]);
        let (from, to) = (unpack(&near.energies[0]), unpack(&near.energies[1]));
        for s in 0..slopes.len() {
            let found = (f64::from(to[s] - from[s]) + near.levels[1] - near.levels[0]) / part;
            let expected = f64::from(slopes[s]) + rise;
            // The second order in `part`, and energies packed to f32 (10³ · 2⁻²⁴ / part).
            assert!((found - expected).abs() < 1e-2 * expected.abs() + 1.0, "{s}: {found}, not {expected}");
        }
        assert!(slopes.iter().any(|s| s.abs() > 1.0), "the change does nothing: this test sees nothing");
    }

    #[test]
    fn what_the_page_cannot_draw_is_refused() {
        let of = |shape| {
            let maps = Maps::lattice_alone(Lattice::of_sites(shape, [24, 24], Arrangement::Square));
            Network::new(maps, Kernel::PAPER.scaled_to_shape(shape, 24 * 24), 10.0).unwrap()
        };
        let refusal = drawable(&of(Shape::Cylinder)).unwrap_err();
        assert!(refusal.contains("cylinder") && refusal.contains("without the live page"), "{refusal}");
        assert_eq!(drawable(&of(Shape::Torus)), Ok(()));
        let ring = Network::new(Maps::random(120, 2, 1, 0), Kernel::PAPER.scaled_to(120), 10.0).unwrap();
        assert_eq!(drawable(&ring), Ok(()));
    }
}
