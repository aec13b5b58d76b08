//! What must not change when positions move along a symmetry of their shape, when axes are swapped, when neurons are
//! relabelled; and that the paper's rings are a case of the maps of every shape.

#[path = "common/compare.rs"]
mod compare;

use compare::Mismatches;
use flatscape::compute::backend::Backend;
use flatscape::compute::cpu::Cpu;
use flatscape::connectivity::Kernel;
use flatscape::landscape::problem::{Definition, Minima, Minimizer, Start};
use flatscape::landscape::roughness::Roughness;
use flatscape::landscape::states::{StateBuf, States};
use flatscape::manifold::{
    Arrangement, Group, Lattice, Maps, NO_PLACE, Placement, Point, Points, Shape, Space, Vector,
};
use flatscape::network::Network;
use flatscape::progress::Tick;
use flatscape::setup::config::Config;
use flatscape::setup::plan::Plan;
use proptest::prelude::*;

const MEMBERS: usize = 256;
const NEURONS: usize = 320;
const MAPS: usize = 2;

fn lattice(shape: Shape) -> Lattice {
    let one_number = shape.dimension() == 1 || shape == Shape::Sphere;
    let counts = if one_number { [MEMBERS, 1] } else { [16, 16] };
    Lattice::of_sites(shape, counts, Arrangement::Square)
}

fn drawn(lattice: Lattice, placement: &Placement, seed: u64) -> Maps {
    let mut maps = Maps::empty(NEURONS);
    maps.draw(Group { count: MAPS, lattice, margin: 0.0 }, placement, seed, 0);
    maps
}

/// The same maps on `lattice`, with the places of neuron i moved to those of neuron `label[i]`, and `change` made of the
/// places of the first map.
fn changed(maps: &Maps, lattice: Lattice, label: &[usize], change: impl Fn(Vector) -> Vector) -> Maps {
    let mut places = vec![NO_PLACE; MAPS * NEURONS];
    for map in 0..MAPS {
        for (neuron, &place) in maps.places(map).iter().enumerate() {
            let moves = map == 0 && !place[0].is_nan();
            places[map * NEURONS + label[neuron]] = if moves { change(place) } else { place };
        }
    }
    drawn(lattice, &Placement::Given(places), 0)
}

fn network(maps: Maps) -> Network {
    let kernel = Kernel::PAPER.scaled_to_shape(maps.space(0).shape, MEMBERS);
    Network::new(maps, kernel, 10.0).expect("the kernel of every shape has a bump")
}

fn as_they_are() -> Vec<usize> {
    (0..NEURONS).collect()
}

/// A way to move along a shape that changes no distance; on shapes with edges on all sides, its mirror image.
fn moved(space: &Space, by: f64, place: Vector) -> Vector {
    match space.shape {
        Shape::Segment | Shape::Sheet => [space.sides[0] - place[0], place[1]],
        Shape::Sphere => [(place[0] + by).rem_euclid(space.sides[0]), place[1]],
        _ => space.walk(place, [by, 0.0]),
    }
}

fn bump_energies(network: &Network, points: impl Iterator<Item = Point>) -> Vec<f64> {
    let bumps: Vec<StateBuf> = points.map(|point| network.bumps.at(&network.maps, &point)).collect();
    let states = States::pack(network.neurons(), bumps.iter().map(StateBuf::view));
    network.energy(&network.weights).of_states(&states)
}

fn minima(network: &Network, points: Points<'_>) -> Minima {
    let problem = network.problem(&network.weights, Definition::Kkt, Minimizer::Newton);
    Cpu.minima(&problem, points, Start::Idealized, &Tick::silent()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    /// Weights, external currents, and the energies of bumps that move with their map.
    #[test]
    fn moving_a_map_along_itself_changes_nothing(seed in 0_u64..1000, steps in 1_i32..15, anywhere: bool) {
        for shape in Shape::ALL {
            let lattice = lattice(shape);
            let placement = if anywhere { Placement::Anywhere(MEMBERS) } else { Placement::Lattice };
            let maps = drawn(lattice, &placement, seed);
            let space = *maps.space(0);
            let by = f64::from(steps) + if anywhere { 0.3 } else { 0.0 };
            let after = changed(&maps, lattice, &as_they_are(), |place| moved(&space, by, place));
            let (one, other) = (network(maps), network(after));
            // Distances of some units, good to 1e-13 of the largest coordinate, times the kernel's slope; the sphere's arcs of
            // small angles are worse.
            let tolerance = if shape == Shape::Sphere { 1e-7 } else { 1e-11 };
            let name = format!("{shape:?}");
            Mismatches::of(&name, &other.weights.to_dense(), &one.weights.to_dense(), tolerance).assert_none();
            let (h, expected) = (&other.external_current, &one.external_current);
            Mismatches::relative(&name, h, expected, 1e-13).assert_none();
            // A bump that rests between two sites is not its own mirror image, which a flipped edge makes of it.
            if matches!(shape, Shape::Segment | Shape::Sheet | Shape::Moebius | Shape::Klein) {
                continue;
            }
            // Far from edges, which a bump feels.
            let middle = |x: f64| [x, if shape.dimension() == 1 { 0.0 } else { 0.5 * space.sides[1] }];
            let places: Vec<Vector> = [0.1, 0.45, 0.8].map(|share| middle(share * space.sides[0])).into();
            let at = |map, place| Point::free(map, &lattice, place);
            let before = bump_energies(&one, places.iter().flat_map(|&p| [at(0, p), at(1, p)]));
            let moved_on = |p| moved(&space, by, p);
            let after = bump_energies(&other, places.iter().flat_map(|&p| [at(0, moved_on(p)), at(1, p)]));
            Mismatches::relative(&name, &after, &before, 1e-7).assert_none();
        }
    }

    #[test]
    fn swapping_the_axes_of_a_torus_swaps_everything(seed in 0_u64..1000) {
        let of = |counts| Lattice::of_sites(Shape::Torus, counts, Arrangement::Square);
        let (wide, high) = (of([20, 14]), of([14, 20]));
        let maps = drawn(wide, &Placement::Lattice, seed);
        let mut swapped = vec![NO_PLACE; MAPS * NEURONS];
        for (to, map) in swapped.chunks_exact_mut(NEURONS).zip(0..MAPS) {
            to.iter_mut().zip(maps.places(map)).for_each(|(to, [x, y])| *to = [*y, *x]);
        }
        let kernel = Kernel::PAPER.scaled_to_shape(Shape::Torus, 280);
        let build = |maps| Network::new(maps, kernel.clone(), 10.0).unwrap();
        let (one, other) = (build(maps), build(drawn(high, &Placement::Given(swapped), 0)));
        Mismatches::of("W", &other.weights.to_dense(), &one.weights.to_dense(), 1e-13).assert_none();
        let points = |network| Points::fitted(network, 280);
        let (a, b) = (minima(&one, points(&one.maps)), minima(&other, points(&other.maps)));
        let mut other_branches = 0;
        for s in 0..MAPS * 280 {
            let (map, k) = (s / 280, s % 280);
            let t = map * 280 + k % 14 * 20 + k / 14;
            if (a.energies[s] - b.energies[t]).abs() > 1e-9 * a.energies[s].abs() {
                other_branches += 1;
                continue;
            }
            let [x, y] = a.multipliers[s];
            // A residual of 1e-9 Hz² over some neuron units.
            Mismatches::of("λ", &b.multipliers[t], &[y, x], 1e-6).assert_none();
        }
        // Sums run in another order: at a point with two minima the other may be found.
        prop_assert!(other_branches <= 6, "{other_branches} of 560 points have another minimum");
    }

    #[test]
    fn relabelling_neurons_relabels_the_maps_of_every_shape(seed in 0_u64..1000, relabelling in 0_u64..1000) {
        assert_relabelled_alike(seed, relabelling);
    }
}

/// Found by chance: near the end of a segment a neuron fell silent but for rounding, and the search for the bump went on for
/// ever in one order of the neurons, not in the other.
#[test]
fn a_bump_near_an_end_is_found_in_any_order_of_the_neurons() {
    assert_relabelled_alike(525, 10);
}

/// The networks of maps and of the same maps with neurons called otherwise are the same but for the names.
fn assert_relabelled_alike(seed: u64, relabelling: u64) {
    let order = Maps::random(NEURONS, 1, relabelling, 1);
    let label: Vec<usize> = order.sites(0).iter().map(|&p| p as usize).collect();
    for shape in Shape::ALL {
        for placement in [Placement::Lattice, Placement::Anywhere(MEMBERS)] {
            let lattice = lattice(shape);
            let maps = drawn(lattice, &placement, seed);
            let (one, other) = (network(maps.clone()), network(changed(&maps, lattice, &label, |p| p)));
            let relabelled =
                |i: usize| -> Vec<f64> { label.iter().map(|&j| other.weights.row(i)[j]).collect() };
            // The way there and the way back differ by rounding; on the sphere by that of small angles.
            let tolerance = if shape == Shape::Sphere { 1e-7 } else { 1e-12 };
            for (i, &called) in label.iter().enumerate() {
                let expected = &one.weights.row(i)[..NEURONS];
                Mismatches::of(&format!("{shape:?}"), &relabelled(called), expected, tolerance).assert_none();
                assert_eq!(other.external_current[called], one.external_current[i]);
            }
            let point = Point::free(1, &lattice, Point::on_lattice(1, &lattice, [7, 0], [0.3; 2]).position);
            let energy = |network: &Network| bump_energies(network, std::iter::once(point));
            Mismatches::relative("energy", &energy(&other), &energy(&one), 1e-7).assert_none();
        }
    }
}

/// Bit by bit, and by the same road: `[[maps]]` of full rings are `network.maps`.
#[test]
fn rings_of_all_neurons_are_the_papers_network() {
    let plan = |text: &str| Plan::new(Config::parse(text, "test").unwrap()).unwrap();
    let paper = plan("[network]\nneurons = 150\nmaps = 3\nseed = 4").network(0).unwrap();
    for table in ["sides = [150]", "members = 1.0", ""] {
        let text =
            format!("[network]\nneurons = 150\nseed = 4\n[[maps]]\nshape = \"ring\"\ncount = 3\n{table}");
        let ring = plan(&text).network(0).unwrap();
        assert!(
            ring.weights.to_dense() == paper.weights.to_dense()
                && ring.external_current == paper.external_current,
            "{table}"
        );
        assert_eq!(ring.maps, paper.maps);
    }
    let some = plan("[network]\nneurons = 150\nmaps = 3\nseed = 4\nmembers = 0.5").network(0).unwrap();
    let table = "[network]\nneurons = 150\nseed = 4\n[[maps]]\nshape = \"ring\"\ncount = 3\nmembers = 0.5";
    assert_eq!(some.weights.to_dense(), plan(table).network(0).unwrap().weights.to_dense());
}

/// In one dimension a lattice carries a bump everywhere alike; in two it has dents of its own.
#[test]
fn one_torus_alone_is_flat_on_its_sites_and_pinned_between_them() {
    let network = network(Maps::lattice_alone(lattice(Shape::Torus)));
    let points = Points::fitted(&network.maps, MEMBERS);
    let sd = |points: Points<'_>| Roughness::of(&minima(&network, points).energies, None).sd;
    assert!(sd(points) < 1e-8);
    assert!(sd(points.held_out()) > 1.0, "{}", sd(points.held_out()));
}
