//! Maps: which neuron is the place cell of which position, in each environment.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::lattice::{Arrangement, Lattice};
use super::shape::{Shape, Space, Vector};

/// The place of every neuron that takes part, in every map.
///
/// A map is a shape with, for each member, a position on it: its place field's centre. Maps of one kind form a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    neurons: usize,
    groups: Vec<Group>,
    /// Group of every map.
    group_of: Vec<usize>,
    /// `[maps, neurons]`; NaN where a neuron has no place.
    places: Vec<Vector>,
    /// `[maps, neurons]`: site of every member of a map whose members fill the lattice, −1 elsewhere.
    sites: Vec<i32>,
    /// The neuron at every site of each map; empty where the members do not fill the lattice.
    neuron_at: Vec<Vec<u32>>,
}

/// Maps of one kind: the same shape, size and number of members.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// Number of maps.
    pub count: usize,
    /// The shape, and its regular lattice.
    pub lattice: Lattice,
    /// Distance from open edges within which no points lie (neuron units).
    pub margin: f64,
}

/// A neuron without a place.
pub const NO_PLACE: Vector = [f64::NAN; 2];

/// How far a place may lie from a site and still count as on it: rounding of what a file holds (neuron units).
const ON_SITE: f64 = 1e-9;

/// The places of one group of maps.
#[derive(Clone, Debug)]
pub enum Placement {
    /// Members on the sites of the lattice, in random order.
    Lattice,
    /// That many members, each anywhere on the shape.
    Anywhere(usize),
    /// Given: `[count, neurons]`, NaN where a neuron has no place.
    Given(Vec<Vector>),
}

impl Maps {
    /// Independent random permutations on rings of all neurons. Map `l` of realization `r` draws from its own ChaCha8 stream
    /// `(r << 32) + l` of `seed`, so a map depends neither on the number of maps nor on the machine.
    pub fn random(neurons: usize, maps: usize, seed: u64, realization: u32) -> Self {
        let mut built = Self::empty(neurons);
        let lattice = Lattice::of_sites(Shape::Ring, [neurons, 1], Arrangement::Square);
        built.draw(Group { count: maps, lattice, margin: 0.0 }, &Placement::Lattice, seed, realization);
        built
    }

    /// One map whose neurons lie in their own order: the ring on which the single-map bump lives.
    pub fn ring(neurons: usize) -> Self {
        Self::lattice_alone(Lattice::of_sites(Shape::Ring, [neurons, 1], Arrangement::Square))
    }

    /// One map that has a neuron on every site, in the sites' order.
    pub fn lattice_alone(lattice: Lattice) -> Self {
        let mut built = Self::empty(lattice.sites());
        built.push(Group { count: 1, lattice, margin: 0.0 }, (0..lattice.sites() as i32).collect());
        built
    }

    /// One map of neurons at given places.
    pub fn alone(space: Space, places: Vec<Vector>) -> Self {
        let mut built = Self::empty(places.len());
        let group = Group { count: 1, lattice: Lattice::of_space(space), margin: 0.0 };
        built.groups.push(group);
        built.group_of.push(0);
        built.sites = vec![-1; places.len()];
        built.places = places;
        built.neuron_at.push(Vec::new());
        built
    }

    /// No maps yet.
    pub fn empty(neurons: usize) -> Self {
        Self {
            neurons,
            groups: Vec::new(),
            group_of: Vec::new(),
            places: Vec::new(),
            sites: Vec::new(),
            neuron_at: Vec::new(),
        }
    }

    /// Adds a group of maps whose members and places are drawn, or given. The members are the head of a random
    /// permutation, so that with all neurons in all maps this is [`Maps::random`].
    pub fn draw(&mut self, group: Group, placement: &Placement, seed: u64, realization: u32) {
        let first = self.count();
        for map in first..first + group.count {
            let one = Group { count: 1, ..group };
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream((u64::from(realization) << 32) + map as u64);
            let mut order = || {
                let mut permutation: Vec<i32> = (0..self.neurons as i32).collect();
                permutation.shuffle(&mut rng);
                permutation
            };
            match placement {
                Placement::Lattice => {
                    let members = group.lattice.sites() as i32;
                    let sites =
                        order().into_iter().map(|site| if site < members { site } else { -1 }).collect();
                    self.push(one, sites);
                }
                Placement::Anywhere(members) => {
                    let order = order();
                    let place = |&k: &i32| {
                        if k < *members as i32 { anywhere(&group.lattice.space, &mut rng) } else { NO_PLACE }
                    };
                    let places = order.iter().map(place).collect();
                    self.push_places(one, places);
                }
                Placement::Given(places) => {
                    let own = &places[(map - first) * self.neurons..][..self.neurons];
                    match self.on_sites(&group.lattice, own) {
                        Some(sites) => self.push(one, sites),
                        None => self.push_places(one, own.to_vec()),
                    }
                }
            }
        }
        // One group, whose maps were added one by one.
        self.groups.truncate(self.groups.len() - group.count);
        self.groups.push(group);
        let index = self.groups.len() - 1;
        self.group_of[first..].fill(index);
    }

    /// From positions on rings of all neurons `[maps, neurons]`, each row of which must be a permutation of `0..neurons`.
    ///
    /// # Errors
    /// A sentence naming the map, the neuron and the position that is out of range or repeated.
    pub fn from_positions(neurons: usize, positions: Vec<i32>) -> Result<Self, String> {
        if neurons == 0 || positions.is_empty() || !positions.len().is_multiple_of(neurons) {
            return Err(format!(
                "{} positions are not a whole number of maps of {neurons} neurons",
                positions.len()
            ));
        }
        for (map, row) in positions.chunks_exact(neurons).enumerate() {
            let mut owner = vec![None; neurons];
            for (neuron, &position) in row.iter().enumerate() {
                let Some(slot) = usize::try_from(position).ok().and_then(|p| owner.get_mut(p)) else {
                    return Err(format!(
                        "map {map}, neuron {neuron}: position {position} is outside 0..{neurons}"
                    ));
                };
                if let Some(other) = slot.replace(neuron) {
                    return Err(format!(
                        "map {map}: neurons {other} and {neuron} both have position {position}; each position belongs to one neuron"
                    ));
                }
            }
        }
        let mut built = Self::empty(neurons);
        let lattice = Lattice::of_sites(Shape::Ring, [neurons, 1], Arrangement::Square);
        let count = positions.len() / neurons;
        for sites in positions.chunks_exact(neurons) {
            built.push(Group { count: 1, lattice, margin: 0.0 }, sites.to_vec());
        }
        built.groups = vec![Group { count, lattice, margin: 0.0 }];
        built.group_of.fill(0);
        Ok(built)
    }

    /// Adds a map of a group of its own whose members fill the lattice.
    fn push(&mut self, group: Group, sites: Vec<i32>) {
        let lattice = group.lattice;
        let mut neuron_at = vec![0; lattice.sites()];
        for (neuron, &site) in sites.iter().enumerate().filter(|(_, site)| **site >= 0) {
            neuron_at[site as usize] = neuron as u32;
        }
        let place = |&site: &i32| match usize::try_from(site) {
            Ok(site) => lattice.position(lattice.base_of(site), [0.0; 2]),
            Err(_) => NO_PLACE,
        };
        self.places.extend(sites.iter().map(place));
        self.sites.extend(sites);
        self.neuron_at.push(neuron_at);
        self.group_of.push(self.groups.len());
        self.groups.push(group);
    }

    /// Adds a map of a group of its own whose members lie anywhere.
    fn push_places(&mut self, group: Group, places: Vec<Vector>) {
        self.sites.extend(std::iter::repeat_n(-1, self.neurons));
        self.places.extend(places);
        self.neuron_at.push(Vec::new());
        self.group_of.push(self.groups.len());
        self.groups.push(group);
    }

    /// The site of every member, if the members fill the lattice, one on each site.
    fn on_sites(&self, lattice: &Lattice, places: &[Vector]) -> Option<Vec<i32>> {
        let members = places.iter().filter(|place| !place[0].is_nan()).count();
        if members != lattice.sites() {
            return None;
        }
        let mut taken = vec![false; members];
        let mut sites = vec![-1; places.len()];
        for (site, place) in sites.iter_mut().zip(places).filter(|(_, place)| !place[0].is_nan()) {
            let found = lattice.site_near(*place, ON_SITE)?;
            if std::mem::replace(&mut taken[found], true) {
                return None;
            }
            *site = found as i32;
        }
        Some(sites)
    }

    /// Number of maps, L.
    pub fn count(&self) -> usize {
        self.group_of.len()
    }

    /// Number of neurons, N.
    pub fn neurons(&self) -> usize {
        self.neurons
    }

    /// Number of coordinates of the maps with most, D.
    pub fn dimension(&self) -> usize {
        self.groups.iter().map(|group| group.lattice.space.dimension()).max().unwrap_or(1)
    }

    /// The kinds of maps, in order.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Index of the group of map `l`.
    pub fn group_index(&self, map: usize) -> usize {
        self.group_of[map]
    }

    /// The group of map `l`.
    pub fn group(&self, map: usize) -> &Group {
        &self.groups[self.group_of[map]]
    }

    /// The shape of map `l`.
    pub fn space(&self, map: usize) -> &Space {
        &self.group(map).lattice.space
    }

    /// Place of every neuron in map `l` `[neurons]` (neuron units); NaN where it has none.
    pub fn places(&self, map: usize) -> &[Vector] {
        &self.places[map * self.neurons..(map + 1) * self.neurons]
    }

    /// Neurons that have a place in map `l`.
    pub fn members(&self, map: usize) -> usize {
        self.places(map).iter().filter(|place| !place[0].is_nan()).count()
    }

    /// Number of maps in which each neuron has a place `[neurons]`, n_i.
    pub fn memberships(&self) -> Vec<usize> {
        let mut counts = vec![0; self.neurons];
        for map in 0..self.count() {
            for (count, place) in counts.iter_mut().zip(self.places(map)) {
                *count += usize::from(!place[0].is_nan());
            }
        }
        counts
    }

    /// Whether the members of map `l` fill its lattice, one on each site.
    pub fn fills_lattice(&self, map: usize) -> bool {
        !self.neuron_at[map].is_empty()
    }

    /// Whether every map is a ring on which every neuron has a site of its own: the paper's maps.
    pub fn are_full_rings(&self) -> bool {
        let is_full = |map| {
            let lattice = &self.group(map).lattice;
            self.fills_lattice(map) && lattice.space.shape == Shape::Ring && lattice.sites() == self.neurons
        };
        (0..self.count()).all(is_full)
    }

    /// The site of every neuron of a map that fills its lattice, `p_l(i)`; −1 for neurons without a place.
    pub fn sites(&self, map: usize) -> &[i32] {
        &self.sites[map * self.neurons..(map + 1) * self.neurons]
    }

    /// All sites, C-ordered `[maps, neurons]`.
    pub fn all_sites(&self) -> &[i32] {
        &self.sites
    }

    /// All places, C-ordered `[maps, neurons, D]` (neuron units); NaN where a neuron has none.
    pub fn all_places(&self) -> Vec<f64> {
        let dimension = self.dimension();
        let mut values = Vec::with_capacity(self.places.len() * dimension);
        for (map, places) in self.places.chunks_exact(self.neurons).enumerate() {
            let own = self.space(map).dimension();
            for place in places {
                values.extend((0..dimension).map(|d| if d < own { place[d] } else { f64::NAN }));
            }
        }
        values
    }

    /// The neuron at each site of map `l`: the inverse of [`Maps::sites`].
    pub fn neurons_by_site(&self, map: usize) -> &[u32] {
        &self.neuron_at[map]
    }

    /// Map `l` alone, with all neurons.
    pub fn only(&self, map: usize) -> Self {
        let own = map * self.neurons..(map + 1) * self.neurons;
        Self {
            neurons: self.neurons,
            groups: vec![Group { count: 1, ..*self.group(map) }],
            group_of: vec![0],
            places: self.places[own.clone()].to_vec(),
            sites: self.sites[own].to_vec(),
            neuron_at: vec![self.neuron_at[map].clone()],
        }
    }

    /// Sets the margin of all groups (neuron units).
    pub fn set_margin(&mut self, margin: f64) {
        self.groups.iter_mut().for_each(|group| group.margin = margin);
    }
}

/// A position drawn uniformly over the shape.
fn anywhere(space: &Space, rng: &mut ChaCha8Rng) -> Vector {
    let [u, v]: [f64; 2] = [rng.random(), rng.random()];
    match (space.shape, space.dimension()) {
        (Shape::Sphere, _) => {
            let height = 2.0 * u - 1.0;
            let girth = (1.0 - height * height).sqrt();
            let (sin, cos) = (std::f64::consts::TAU * v).sin_cos();
            space.position_of([girth * cos, girth * sin, height])
        }
        (_, 1) => [u * space.sides[0], 0.0],
        _ => [u * space.sides[0], v * space.sides[1]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_maps_for_ever() {
        // Written down on the day the streams were defined: a change here changes every published result.
        let maps = Maps::random(12, 2, 1, 0);
        let expected = [[3, 8, 5, 2, 7, 9, 11, 0, 4, 1, 6, 10], [6, 5, 2, 8, 0, 9, 7, 10, 3, 4, 11, 1]];
        assert_eq!(maps.all_sites(), expected.as_flattened());
    }

    #[test]
    fn a_map_does_not_depend_on_how_many_there_are() {
        let (few, many) = (Maps::random(50, 2, 7, 3), Maps::random(50, 5, 7, 3));
        assert_eq!(few.sites(1), many.sites(1));
        assert_ne!(many.sites(1), many.sites(2));
        assert_ne!(few.sites(1), Maps::random(50, 2, 7, 4).sites(1));
        assert_ne!(few.sites(1), Maps::random(50, 2, 8, 3).sites(1));
    }

    #[test]
    fn inverse_undoes_sites() {
        let maps = Maps::random(40, 3, 2, 0);
        for map in 0..3 {
            for (neuron, &p) in maps.sites(map).iter().enumerate() {
                assert_eq!(maps.neurons_by_site(map)[p as usize], neuron as u32);
                assert_eq!(maps.places(map)[neuron], [f64::from(p), 0.0]);
            }
        }
        assert!(maps.are_full_rings());
    }

    fn torus(count: usize) -> Group {
        let lattice = Lattice::of_sites(Shape::Torus, [5, 4], Arrangement::Square);
        Group { count, lattice, margin: 0.0 }
    }

    #[test]
    fn members_are_drawn_for_each_map_and_fill_the_lattice() {
        let mut maps = Maps::random(50, 1, 1, 0);
        maps.draw(torus(2), &Placement::Lattice, 1, 0);
        assert_eq!((maps.count(), maps.groups().len(), maps.dimension()), (3, 2, 2));
        assert_eq!([0, 1, 2].map(|map| maps.members(map)), [50, 20, 20]);
        assert_ne!(maps.sites(1), maps.sites(2));
        assert!(maps.fills_lattice(2) && !maps.are_full_rings());
        for (site, &neuron) in maps.neurons_by_site(2).iter().enumerate() {
            assert_eq!(maps.sites(2)[neuron as usize], site as i32);
        }
        let counts = maps.memberships();
        assert_eq!(counts.iter().sum::<usize>(), 90);
        assert!(counts.iter().all(|n| (1..=3).contains(n)));
        assert_eq!(maps.all_places().len(), 3 * 50 * 2);
        assert!(maps.all_places()[1].is_nan(), "a ring has no second coordinate");
    }

    #[test]
    fn anywhere_is_on_the_shape() {
        for shape in Shape::ALL {
            let counts = if shape.dimension() == 1 || shape == Shape::Sphere { [40, 1] } else { [8, 5] };
            let lattice = Lattice::of_sites(shape, counts, Arrangement::Square);
            let mut maps = Maps::empty(100);
            maps.draw(Group { count: 2, lattice, margin: 0.0 }, &Placement::Anywhere(40), 3, 1);
            assert_eq!(maps.members(1), 40);
            assert!(!maps.fills_lattice(0));
            let places = maps.places(0).iter().filter(|place| !place[0].is_nan());
            assert!(places.clone().all(|place| lattice.space.contains(*place)), "{shape:?}");
            let mean = places.map(|place| place[0]).sum::<f64>() / 40.0;
            assert!((mean / lattice.space.sides[0] - 0.5).abs() < 0.2, "{shape:?} {mean}");
        }
    }

    #[test]
    fn given_places_on_all_sites_are_a_lattice() {
        let mut drawn = Maps::empty(30);
        drawn.draw(torus(2), &Placement::Lattice, 4, 0);
        let places = [drawn.places(0), drawn.places(1)].concat();
        let mut given = Maps::empty(30);
        given.draw(torus(2), &Placement::Given(places.clone()), 9, 7);
        assert_eq!(given.all_sites(), drawn.all_sites());
        let mut moved = places;
        moved.iter_mut().find(|place| !place[0].is_nan()).unwrap()[0] += 0.25;
        let mut given = Maps::empty(30);
        given.draw(torus(2), &Placement::Given(moved), 9, 7);
        assert!(!given.fills_lattice(0) && given.fills_lattice(1));
    }

    #[test]
    fn bad_positions_are_named() {
        let repeated = Maps::from_positions(3, vec![0, 1, 2, 2, 0, 2]).unwrap_err();
        assert!(repeated.contains("map 1: neurons 0 and 2 both have position 2"), "{repeated}");
        let outside = Maps::from_positions(3, vec![0, 1, 3]).unwrap_err();
        assert!(outside.contains("position 3 is outside 0..3"), "{outside}");
        assert!(Maps::from_positions(3, vec![0, 1]).is_err());
    }
}
