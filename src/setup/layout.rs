//! What was typed about maps: their groups with lattices, members and kernels, checked against each other and the files.

use std::f64::consts::PI;

use crate::connectivity::{Form, Kernel};
use crate::error::{Error, Result};
use crate::landscape::bumps::EDGE_REACH;
use crate::landscape::lattice_bump::{PATCH_REACH, PATCH_RIM};
use crate::manifold::{Arrangement, Axis, Group, Lattice, Maps, Placement, Shape, Space, grid};
use crate::setup::arrays::Arrays;
use crate::setup::config::Config;
use crate::setup::given::{FEWEST_MEMBERS, NEURONS, read_places, read_rings, weights_size};
use crate::setup::groups::{FormKind, MapsConfig, PlacementKind};

/// All maps of a network, before they are drawn.
#[derive(Clone, Debug)]
pub struct Layout {
    /// N.
    pub neurons: usize,
    /// In the order of the configuration.
    pub groups: Vec<GroupLayout>,
}

/// One group of maps.
#[derive(Clone, Debug)]
pub struct GroupLayout {
    /// Number, shape, lattice and margin.
    pub group: Group,
    /// How places are found.
    pub placement: Placement,
    /// What connects the members.
    pub kernel: Kernel,
}

/// Active neurons of a bump, for each σ of a line, and for each σ² of a surface and at most for each of its sites: the paper's
/// 59 at σ = 15, 97 at σ = 3 on a 32 × 32 torus.
const ACTIVE_ON_LINE: f64 = 59.0 / 15.0;
const ACTIVE_ON_SURFACE: f64 = 97.0 / 9.0;
const PART_OF_SURFACE: f64 = 97.0 / 1024.0;

impl Layout {
    /// Reads what was typed, and the files that it names.
    ///
    /// # Errors
    /// [`Error::Usage`] for sizes that contradict each other, [`Error::Data`] for a bad file.
    pub fn new(config: &Config) -> Result<Self> {
        Self::with_arrays(config, &Arrays::default())
    }

    /// The same with arrays in place of files.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn with_arrays(config: &Config, arrays: &Arrays) -> Result<Self> {
        if config.maps.is_empty() {
            return Self::rings(config, arrays);
        }
        for (key, typed) in [
            ("network.maps", config.network.maps.is_some()),
            ("network.maps_file", config.network.maps_file.is_some()),
            ("network.members", config.network.members.is_some()),
        ] {
            if typed {
                return Err(Error::Usage(format!(
                    "{key} means rings of all neurons, and there are [[maps]] too; leave one of them out"
                )));
            }
        }
        let neurons = neurons(config, arrays)?;
        let groups: Vec<GroupLayout> = config
            .maps
            .iter()
            .enumerate()
            .map(|(index, maps)| GroupLayout::new(config, maps, neurons, index, arrays))
            .collect::<Result<_>>()?;
        Ok(Self { neurons, groups })
    }

    /// `network.maps` rings of all neurons, or those of `network.maps_file`.
    fn rings(config: &Config, arrays: &Arrays) -> Result<Self> {
        let file = config.network.maps_file.as_deref();
        let given = file.map(|file| read_rings(file, config)).transpose()?;
        Self::of_rings(config, given.as_ref(), arrays)
    }

    /// `network.maps` rings of all neurons, or the given ones.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn of_rings(config: &Config, given: Option<&Maps>, arrays: &Arrays) -> Result<Self> {
        let network = &config.network;
        let neurons = match (given, network.neurons) {
            (Some(maps), _) => maps.neurons(),
            (None, Some(neurons)) => neurons,
            (None, None) => weights_size(config, arrays)?.unwrap_or(600),
        };
        let count = given.map(Maps::count).or(network.maps).unwrap_or(10);
        let members = (network.members.unwrap_or(1.0) * neurons as f64).round() as usize;
        if given.is_some() && members != neurons {
            return Err(Error::Usage(
                "network.members is for random maps; the given ones hold all neurons: leave it out"
                    .to_owned(),
            ));
        }
        if members < FEWEST_MEMBERS {
            return Err(Error::Usage(format!(
                "network.members = {} of {neurons} neurons are {members} members, fewer than a bump needs; make it larger, at least {FEWEST_MEMBERS} neurons",
                network.members.unwrap_or(1.0)
            )));
        }
        let lattice = Lattice::of_sites(Shape::Ring, [members, 1], Arrangement::Square);
        let placement = match given {
            Some(maps) => Placement::Given((0..count).flat_map(|map| maps.places(map).to_vec()).collect()),
            None => Placement::Lattice,
        };
        let group = Group { count, lattice, margin: 0.0 };
        let kernel = paper_kernel(config, Shape::Ring, members);
        let groups = vec![GroupLayout { group, placement, kernel }];
        groups[0].check_width("kernel.width, network.neurons or network.members")?;
        Ok(Self { neurons, groups })
    }

    /// L.
    pub fn maps(&self) -> usize {
        self.groups.iter().map(|group| group.group.count).sum()
    }

    /// K where the configuration does not give it: one point for each site outside the margins.
    pub fn points_per_map(&self) -> usize {
        let lattice = &self.groups[0].group.lattice;
        let axes = lattice.space.shape.axes();
        let along = |d: usize| {
            let edge = if axes[d] == Axis::Open { 2.0 * self.groups[0].group.margin } else { 0.0 };
            let share = 1.0 - edge / lattice.space.sides[d];
            ((lattice.counts[d] as f64 * share).round() as usize).max(1)
        };
        match lattice.space.shape {
            Shape::Sphere => lattice.sites(),
            shape if shape.dimension() == 1 => along(0),
            _ => along(0) * along(1),
        }
    }

    /// Points on a map whose energies differ by more than a neighbour's: on a line one a width of the kernel, which
    /// interpolates between them; elsewhere one a site.
    pub fn distinct_points(&self) -> usize {
        let of_group = |group: &GroupLayout| {
            let lattice = &group.group.lattice;
            match lattice.space.dimension() {
                1 => (lattice.space.sides[0] / group.kernel.width).ceil() as usize,
                _ => lattice.sites(),
            }
        };
        self.groups.iter().map(of_group).max().unwrap_or(1)
    }

    /// Expected number of active neurons in a bump, in the group of maps where it is largest.
    pub fn active_neurons(&self) -> f64 {
        self.groups.iter().map(GroupLayout::active_neurons).fold(0.0, f64::max)
    }

    /// Weights between neurons that have to be computed for idealized bumps near edges, with `points` points on every map.
    pub fn weights_near_edges(&self, points: f64) -> f64 {
        self.groups.iter().map(|group| group.edge_bumps(points).iter().product::<f64>()).sum()
    }

    /// Whether all maps are rings of all neurons, for which there are fast paths.
    pub fn are_full_rings(&self) -> bool {
        self.groups.iter().all(|group| {
            let lattice = &group.group.lattice;
            lattice.space.shape == Shape::Ring
                && lattice.sites() == self.neurons
                && !matches!(group.placement, Placement::Anywhere(_))
        })
    }

    /// Draws the maps of one realization.
    pub fn draw(&self, seed: u64, realization: u32) -> Maps {
        let mut maps = Maps::empty(self.neurons);
        for group in &self.groups {
            maps.draw(group.group, &group.placement, seed, realization);
        }
        maps
    }

    /// Checks that K points can be laid on every map.
    ///
    /// # Errors
    /// [`Error::Usage`] with the nearest numbers that can.
    pub fn check_points(&self, per_map: usize) -> Result<()> {
        for group in &self.groups {
            let Group { lattice, margin, .. } = &group.group;
            if grid(lattice, *margin, per_map).is_some() {
                continue;
            }
            let fits =
                |k: &usize| self.groups.iter().all(|g| grid(&g.group.lattice, g.group.margin, *k).is_some());
            let below = (1..per_map).rev().find(fits).map(|k| k.to_string());
            let above = (per_map + 1..2 * per_map + 100).find(fits).map(|k| k.to_string());
            let near: Vec<String> = below.into_iter().chain(above).collect();
            return Err(Error::Usage(format!(
                "flatten.points_per_map = {per_map} points cannot be laid in rows and columns of nearly square cells on a {}; {} can",
                group.group.lattice.space.shape.name(),
                near.join(" or ")
            )));
        }
        Ok(())
    }
}

/// N: typed, or the sites of maps that hold all neurons, or the size of the given weights.
fn neurons(config: &Config, arrays: &Arrays) -> Result<usize> {
    let sites = || {
        let first = config.maps.iter().find(|maps| !maps.sides.is_empty())?;
        let sites = first.sides.iter().product::<f64>();
        Some((sites / first.members.unwrap_or(1.0)).round() as usize)
    };
    let neurons = match config.network.neurons {
        Some(neurons) => neurons,
        None => match weights_size(config, arrays)? {
            Some(neurons) => neurons,
            None => sites().unwrap_or(600),
        },
    };
    if NEURONS.contains(&neurons) {
        return Ok(neurons);
    }
    Err(Error::Usage(format!(
        "a network of {neurons} neurons is not allowed; use {} to {}: change maps.sides or network.neurons",
        NEURONS.start(),
        NEURONS.end()
    )))
}

impl GroupLayout {
    fn new(
        config: &Config,
        maps: &MapsConfig,
        neurons: usize,
        index: usize,
        arrays: &Arrays,
    ) -> Result<Self> {
        let usage = |what: String| {
            Err(Error::Usage(format!("[[maps]] {} ({}): {what}", index + 1, maps.shape.name())))
        };
        let lattice = match lattice(maps, neurons) {
            Ok(lattice) => lattice,
            Err(what) => return usage(what),
        };
        let members = lattice.space.size().round() as usize;
        if members < FEWEST_MEMBERS {
            return usage(format!(
                "{members} members are fewer than a bump needs; make maps.members or maps.sides larger, at least {FEWEST_MEMBERS}"
            ));
        }
        let kernel = kernel(config, maps, members, arrays)?;
        let open = lattice.space.shape != Shape::Sphere
            && (0..lattice.space.dimension()).any(|d| lattice.space.shape.axes()[d] == Axis::Open);
        let margin = if open { maps.margin.unwrap_or(2.0 * kernel.width) } else { 0.0 };
        let shortest =
            (0..lattice.space.dimension()).map(|d| lattice.space.sides[d]).fold(f64::INFINITY, f64::min);
        if open && 2.0 * margin > shortest - 1.0 {
            return usage(format!(
                "a margin of {margin:.2} leaves no points on a side of {shortest:.2}; set maps.margin below {:.2}",
                0.5 * (shortest - 1.0)
            ));
        }
        let group = Group { count: maps.count, lattice, margin };
        let placement = match (maps.placement, &maps.positions) {
            (PlacementKind::Lattice, None) => Placement::Lattice,
            (PlacementKind::Anywhere, None) => Placement::Anywhere(members),
            (PlacementKind::File, Some(file)) => {
                Placement::Given(read_places(file, &group, neurons, arrays)?)
            }
            (PlacementKind::File, None) => {
                return usage(
                    "placement = \"file\" needs maps.positions, the path of an f64 .npy file".to_owned(),
                );
            }
            (_, Some(_)) => {
                return usage(
                    "maps.positions is read with placement = \"file\" only; set that, or leave it out"
                        .to_owned(),
                );
            }
        };
        let layout = Self { group, placement, kernel };
        layout.check_width("maps.kernel.width, or the members")?;
        Ok(layout)
    }

    fn active_neurons(&self) -> f64 {
        let (width, lattice) = (self.kernel.width, &self.group.lattice);
        let sites = lattice.sites() as f64;
        match lattice.space.dimension() {
            1 => (ACTIVE_ON_LINE * width).min(sites),
            _ => (ACTIVE_ON_SURFACE * width * width).min(PART_OF_SURFACE * sites),
        }
    }

    /// Idealized bumps near open edges, which are sought one by one, for `points` points on every map, and the weights of the
    /// patch in which each is sought.
    fn edge_bumps(&self, points: f64) -> [f64; 2] {
        let Group { count, lattice, margin } = &self.group;
        let space = &lattice.space;
        let reach = margin.max(EDGE_REACH * self.kernel.width);
        let within = |d: usize| match space.shape.axes()[d] {
            Axis::Open if space.shape != Shape::Sphere => {
                (space.sides[d] - 2.0 * reach).max(0.0) / (space.sides[d] - 2.0 * margin)
            }
            _ => 1.0,
        };
        let near = 1.0 - (0..space.dimension()).map(within).product::<f64>();
        // On a lattice all maps have the same.
        let maps = if matches!(self.placement, Placement::Lattice) { 1.0 } else { *count as f64 };
        let patch = match space.dimension() {
            1 => PATCH_REACH * self.active_neurons() + 2.0 * PATCH_RIM,
            _ => PI * (PATCH_REACH * (self.active_neurons() / PI).sqrt() + PATCH_RIM).powi(2),
        };
        [near * maps * points, patch.min(lattice.sites() as f64).powi(2)]
    }

    /// Whether a bump of this width fits the map.
    fn check_width(&self, change: &str) -> Result<()> {
        let (space, width) = (&self.group.lattice.space, self.kernel.width);
        let side = match space.shape {
            Shape::Sphere => space.size().sqrt(),
            _ => (0..space.dimension()).map(|d| space.sides[d]).fold(f64::INFINITY, f64::min),
        };
        if (1.0..=side / 8.0).contains(&width) {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "the kernel's width is {width:.2} neuron units on a {} of {} neurons; a bump needs from 1 to {:.1} (an eighth of its side); change {change}",
            space.shape.name(),
            self.group.lattice.sites(),
            side / 8.0
        )))
    }
}

/// The kernel of `[kernel]` on a shape with this many members.
fn paper_kernel(config: &Config, shape: Shape, members: usize) -> Kernel {
    let k = &config.kernel;
    let kernel =
        Kernel { form: Form::Gaussian, amplitude: k.amplitude, width: k.width, inhibition: k.inhibition };
    if k.scale { kernel.scaled_to_shape(shape, members) } else { kernel }
}

/// The kernel of a group of maps.
fn kernel(config: &Config, maps: &MapsConfig, members: usize, arrays: &Arrays) -> Result<Kernel> {
    let typed = &maps.kernel;
    let mut kernel = paper_kernel(config, maps.shape, members);
    if let Some(width) = typed.width {
        kernel = kernel.widened_to(width, maps.shape.dimension());
    }
    kernel.amplitude = typed.amplitude.unwrap_or(kernel.amplitude);
    kernel.inhibition = typed.inhibition.unwrap_or(kernel.inhibition);
    kernel.form = match typed.shape {
        FormKind::Gaussian => Form::Gaussian,
        FormKind::Exponential => Form::Exponential,
        FormKind::Difference => Form::Difference { surround: typed.surround, ratio: typed.surround_width },
        FormKind::Table => {
            let Some(file) = &typed.table else {
                return Err(Error::Usage(
                    "maps.kernel.shape = \"table\" needs maps.kernel.table, the path of an f64 .npy file"
                        .to_owned(),
                ));
            };
            let (shape, values) = arrays.read(file)?;
            if shape.len() != 1
                || values.len() < 2
                || values.iter().any(|x| !x.is_finite())
                || values[0] != 1.0
            {
                return Err(Error::data(
                    file,
                    format!(
                        "has shape {shape:?}; a kernel's table is f64 [values], at least two, finite, the first of them 1"
                    ),
                ));
            }
            Form::Table(0.1, values.into())
        }
    };
    if typed.shape != FormKind::Table && typed.table.is_some() {
        return Err(Error::Usage(
            "maps.kernel.table is read with maps.kernel.shape = \"table\" only; set that, or leave it out"
                .to_owned(),
        ));
    }
    Ok(kernel)
}

/// The lattice that sides and members ask for, or what is wrong with them.
fn lattice(maps: &MapsConfig, neurons: usize) -> std::result::Result<Lattice, String> {
    let MapsConfig { shape, sides, members, .. } = maps;
    let one_number = shape.dimension() == 1 || *shape == Shape::Sphere;
    let wanted = if one_number { 1 } else { 2 };
    if !sides.is_empty() && sides.len() != wanted {
        return Err(format!(
            "maps.sides = {sides:?} has {} numbers; a {} has {wanted}",
            sides.len(),
            shape.name()
        ));
    }
    let from_members = members.map(|fraction| (fraction * neurons as f64).round());
    let size = match (sides.is_empty(), from_members) {
        (false, _) => sides.iter().product(),
        (true, Some(count)) => count,
        (true, None) => neurons as f64,
    };
    if size > neurons as f64 + 0.5 {
        return Err(format!(
            "maps.sides = {sides:?} are {size} sites for {neurons} neurons; raise network.neurons or make the sides shorter"
        ));
    }
    if let (false, Some(count)) = (sides.is_empty(), from_members)
        && (count - size).abs() > 0.5
    {
        return Err(format!(
            "maps.sides = {sides:?} are {size} sites and maps.members = {} of {neurons} neurons are {count} members; make them equal, or leave one out",
            members.unwrap_or_default()
        ));
    }
    let whole = sides.iter().all(|side| side.fract() == 0.0);
    if !whole && maps.placement == PlacementKind::Lattice {
        return Err(format!(
            "maps.sides = {sides:?} are not whole numbers of sites, which placement = \"lattice\" needs"
        ));
    }
    let hexagonal = maps.lattice == Arrangement::Hexagonal;
    if hexagonal && *shape != Shape::Torus {
        return Err("lattice = \"hexagonal\" is for tori; leave it out".to_owned());
    }
    if !whole {
        return Ok(Lattice::of_space(Space::new(*shape, [sides[0], sides.get(1).copied().unwrap_or(1.0)])));
    }
    let Some(counts) = counts(maps, size as usize, one_number)? else {
        let side = size.sqrt();
        return Ok(Lattice::of_space(Space::new(*shape, [side, side])));
    };
    if hexagonal && counts.iter().any(|count| count % 2 == 1) {
        return Err(format!("a hexagonal lattice needs even sides; maps.sides = {counts:?}"));
    }
    Ok(Lattice::of_sites(*shape, counts, maps.lattice))
}

/// Sites along both axes of a map of `size` sites; `None` if neurons lie anywhere on it and the sites form no lattice.
fn counts(
    maps: &MapsConfig,
    size: usize,
    one_number: bool,
) -> std::result::Result<Option<[usize; 2]>, String> {
    Ok(Some(match maps.sides.as_slice() {
        [one] => [*one as usize, 1],
        [x, y] => [*x as usize, *y as usize],
        _ if one_number => [size, 1],
        _ => match nearly_square(size) {
            Some(counts) => counts,
            None if maps.placement == PlacementKind::Lattice => {
                return Err(format!(
                    "{size} members cannot be laid in rows and columns of a nearly square lattice; set maps.sides, or another maps.members"
                ));
            }
            None => return Ok(None),
        },
    }))
}

/// The two factors closest to each other, if the larger is at most 1.5 times the smaller.
fn nearly_square(sites: usize) -> Option<[usize; 2]> {
    let columns = (1..=sites.isqrt()).rev().find(|columns| sites.is_multiple_of(*columns))?;
    let rows = sites / columns;
    (2 * rows <= 3 * columns).then_some([rows, columns])
}
