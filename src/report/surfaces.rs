//! Which pictures of maps of two dimensions a run's page has: a section for each group of them.

use super::sheets::{Sheet, Sheets};
use crate::job::drift_record::{DriftRecord, Which};
use crate::job::path_record::PathRecord;
use crate::landscape::roughness::about_one_level;
use crate::manifold::{Axis, Maps, Points, Shape, Space, Vector, grid};
use crate::plot::Ground;

/// Landscapes and drift of all groups of maps that are surfaces; `first` and `last` are the landscapes (Hz³) before the
/// first and after the last weight update, one value per point, `paths` where bumps were in the course of time, if that was
/// recorded.
pub(super) fn sheets(
    points: Points<'_>,
    [first, last]: [&[f64]; 2],
    drift: &[DriftRecord],
    paths: &[PathRecord],
) -> Vec<Sheets> {
    let maps = points.maps();
    let landscapes = [first, last].map(|energies| relative(points, energies));
    let of_map = |map: usize| {
        let own = map * points.per_map()..(map + 1) * points.per_map();
        let [before, after] = landscapes.each_ref().map(|landscape| landscape[own.clone()].to_vec());
        let moves = |network: Which| {
            let own = |d: &&DriftRecord| d.network == network && d.map == map && d.winning_map == map;
            drift.iter().filter(own).map(|d| arrow(maps.space(map), d)).collect()
        };
        Sheet {
            name: format!("{map}"),
            before,
            after,
            moves_before: moves(Which::Base),
            moves_after: moves(Which::Flattened),
            paths_before: courses(maps.space(map), paths, Which::Base, map),
            paths_after: courses(maps.space(map), paths, Which::Flattened, map),
        }
    };
    let surfaces = (0..maps.groups().len()).filter(|&g| maps.groups()[g].lattice.space.dimension() > 1);
    let of_group = |group: usize| {
        let own: Vec<usize> = (0..maps.count()).filter(|&map| maps.group_index(map) == group).collect();
        let first = own.first().copied().unwrap_or(0) * points.per_map();
        Sheets {
            ground: ground(maps, group),
            positions: (first..first + points.per_map()).map(|s| points.get(s).position).collect(),
            cell: cell(maps, group, points.per_map()),
            value_label: "E − mean (Hz³)".to_owned(),
            maps: own.into_iter().map(of_map).collect(),
        }
    };
    surfaces.map(of_group).collect()
}

/// Energies relative to the level of their group of maps.
pub(super) fn relative(points: Points<'_>, energies: &[f64]) -> Vec<f64> {
    let about = about_one_level(energies, &points.levels());
    let mean = about.iter().map(|e| e - about[0]).sum::<f64>() / about.len() as f64 + about[0];
    about.iter().map(|e| e - mean).collect()
}

fn ground(maps: &Maps, group: usize) -> Ground {
    let space = maps.groups()[group].lattice.space;
    // Behind a flipped edge the map continues upside down, which a plane cannot show.
    let periodic = space.shape.axes().map(|axis| axis == Axis::Joined);
    Ground { sides: space.sides, periodic, unit: "neuron units".to_owned() }
}

fn cell(maps: &Maps, group: usize, per_map: usize) -> [f64; 2] {
    let group = &maps.groups()[group];
    let (space, margin) = (group.lattice.space, group.margin);
    match grid(&group.lattice, margin, per_map) {
        Some(counts) if space.shape != Shape::Sphere => std::array::from_fn(|d| {
            let edges = if space.shape.axes()[d] == Axis::Open { 2.0 * margin } else { 0.0 };
            (space.sides[d] - edges) / counts[d] as f64
        }),
        _ => [(space.size() / per_map as f64).sqrt(); 2],
    }
}

/// From the start along the shortest way, as far as the bump went.
fn arrow(space: &Space, d: &DriftRecord) -> [f64; 4] {
    let [x, y] = d.start;
    let [dx, dy] = space.displacement(d.start, d.end);
    [x, y, x + dx, y + dy]
}

/// Places of a course that are shown, at most.
const SHOWN_PLACES: usize = 100;

/// The ways of a map's bumps, the first from every start, as long as they are in their map. They go on over joined edges, so
/// that neighbouring places are neighbours in numbers too.
fn courses(space: &Space, paths: &[PathRecord], network: Which, map: usize) -> Vec<Vec<Vector>> {
    let own = |r: &&PathRecord| r.network == network && r.map == map && r.replicate == 0;
    let own: Vec<&PathRecord> = paths.iter().filter(own).collect();
    let course = |rows: &[&PathRecord]| {
        let known = |r: &&&PathRecord| r.winning_map == map && !r.position[0].is_nan();
        let rows: Vec<&&PathRecord> = rows.iter().take_while(known).collect();
        let mut at: Option<Vector> = None;
        let walked = rows.iter().step_by(rows.len().div_ceil(SHOWN_PLACES).max(1)).map(|r| {
            let next = at.map_or(r.position, |[x, y]| {
                let [dx, dy] = space.displacement([x, y], r.position);
                [x + dx, y + dy]
            });
            at = Some(next);
            next
        });
        walked.collect::<Vec<Vector>>()
    };
    own.chunk_by(|a, b| a.start == b.start).map(course).filter(|course| course.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifold::{Arrangement, Group, Lattice, Placement};

    #[test]
    fn every_surface_has_its_own_level_cells_and_arrows() {
        let mut maps = Maps::empty(120);
        for (shape, counts, margin) in
            [(Shape::Torus, [12, 10], 0.0), (Shape::Ring, [120, 1], 0.0), (Shape::Sheet, [12, 10], 1.0)]
        {
            let lattice = Lattice::of_sites(shape, counts, Arrangement::Square);
            maps.draw(Group { count: 2, lattice, margin }, &Placement::Lattice, 1, 0);
        }
        let points = Points::fitted(&maps, 120);
        let first: Vec<f64> = (0..720).map(|s| f64::from(s / 240) * 1e4 + f64::from(s % 2)).collect();
        let record = |map, network, end| DriftRecord {
            replicate: None,
            map,
            network,
            start: [11.0, 3.0],
            end,
            winning_map: map,
            dimension: 2,
            displacement: 0.0,
            settled_displacement: 0.0,
            rate_change: 0.0,
            score: 0.0,
            phase_displacement: 0.0,
            start_energy: 0.0,
            end_energy: 0.0,
            energy_rises: 0,
        };
        let drift = [record(1, Which::Base, [1.0, 4.0]), record(4, Which::Flattened, [1.0, 4.0])];
        let at = |start, place, position, winning_map| PathRecord {
            network: Which::Base,
            map: 1,
            start,
            replicate: 0,
            time_ms: place,
            position,
            winning_map,
            score: 1.0,
        };
        // Over the edge of the torus; the other one leaves its map.
        let paths = [
            at(3, 0.0, [11.0, 3.0], 1),
            at(3, 1.0, [11.5, 9.5], 1),
            at(3, 2.0, [0.5, 9.0], 1),
            at(4, 0.0, [2.0, 2.0], 1),
            at(4, 1.0, [2.0, 3.0], 0),
        ];
        let found = sheets(points, [&first, &first], &drift, &paths);
        assert_eq!(found[0].maps[1].paths_before, [[[11.0, 3.0], [11.5, -0.5], [12.5, -1.0]]]);
        assert!(found[0].maps[0].paths_before.is_empty() && found[0].maps[1].paths_after.is_empty());
        assert_eq!(found.len(), 2, "the ring has no sheet");
        assert_eq!((found[0].cell, found[0].ground.periodic), ([1.0, 1.0], [true, true]));
        assert_eq!((found[1].cell, found[1].ground.periodic), ([10.0 / 12.0, 0.8], [false, false]));
        for sheet in found.iter().flat_map(|sheets| &sheets.maps) {
            assert!(sheet.before.iter().all(|e| (e.abs() - 0.5).abs() < 1e-9), "each about its own level");
        }
        // Round the torus the short way, over the sheet the only one.
        assert_eq!(found[0].maps[1].moves_before, [[11.0, 3.0, 13.0, 4.0]]);
        assert_eq!(found[1].maps[0].moves_after, [[11.0, 3.0, 1.0, 4.0]]);
    }
}
