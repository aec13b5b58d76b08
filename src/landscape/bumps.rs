//! The single-map bump: the idealized state of every manifold.
//!
//! On a lattice without edges the bump at a site is the bump at rest of the network that stores this map alone (on some tori
//! it rests halfway to the next site), and between sites the constrained minimum there, found once for every fraction of a
//! spacing. Near an edge it is sought point by point.
//! Where place fields lie anywhere, the lattice bump's current is interpolated at the neurons' displacements from the point.
//! In a network whose weights were given the bump may be relaxed in that network instead ([`BumpShape`]).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::connectivity::Kernel;
use crate::error::Result;
use crate::landscape::energy::Energy;
use crate::landscape::lattice_bump::LatticeBump;
use crate::landscape::relaxed_bump::relaxed_bump;
use crate::landscape::states::StateBuf;
use crate::landscape::transfer::Transfer;
use crate::manifold::{Group, Lattice, Maps, Point, Shape, Vector};

/// Where the shape of idealized bumps comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BumpShape {
    /// The network that stores one map alone, with the map's kernel.
    Kernel,
    /// The network itself: the mean of bumps relaxed in it, for weights that were given.
    Relaxed,
}

/// Bumps of networks that store one map alone, for every group of maps.
#[derive(Clone)]
pub struct IdealizedBumps {
    groups: Vec<Arc<GroupBumps>>,
}

/// Bumps of one group of maps.
struct GroupBumps {
    bump: LatticeBump,
    /// By the bits of a fraction of a spacing; rates by offset from the site before the point.
    profiles: Memory<[u64; 2], Vec<([i64; 2], f64)>>,
    /// Near edges, by site and fraction; rates by site.
    near_edges: Memory<PlaceOnLattice, Vec<(usize, f64)>>,
    /// The same where place fields lie anywhere, by the map and the bits of the position; rates by neuron.
    near_edges_anywhere: Memory<PlaceOnMap, Vec<(usize, f64)>>,
}

/// Site before a point, and the bits of its fraction of a spacing.
type PlaceOnLattice = ([i64; 2], [u64; 2]);

/// Map, and the bits of a position on it.
type PlaceOnMap = (usize, [u64; 2]);

/// Computed values, kept because they are wanted again.
type Memory<K, V> = RwLock<HashMap<K, Arc<V>>>;

/// Nearer to an edge than this, in widths σ of the kernel, a bump's shape depends on the edge: a bump reaches 2σ, the
/// excitation of its outermost neurons 2σ more.
pub const EDGE_REACH: f64 = 4.0;

impl IdealizedBumps {
    /// Relaxes the network that stores one map, for every group, to its bump; `kernels` has one for each group.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) if the parameters have no single localized bump, saying what they have
    /// instead.
    pub fn new(maps: &Maps, kernels: &[Kernel], baseline_current: f64, transfer: Transfer) -> Result<Self> {
        let group = |(group, kernel): (&Group, &Kernel)| {
            let bump = LatticeBump::new(&group.lattice, kernel, baseline_current, transfer)?;
            Ok(Arc::new(GroupBumps::new(bump)))
        };
        Ok(Self { groups: maps.groups().iter().zip(kernels).map(group).collect::<Result<_>>()? })
    }

    /// The mean bump of every group, relaxed in the network itself, whose weights were given; see
    /// `landscape::relaxed_bump`. Of the `kernels` the widths alone are used.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) if bumps do not stay where they are started.
    pub fn relaxed(maps: &Maps, kernels: &[Kernel], of: Energy<'_>) -> Result<Self> {
        let group = |(group, kernel): (usize, &Kernel)| {
            let bump = relaxed_bump(maps, group, kernel, of)?;
            Ok(Arc::new(GroupBumps::new(bump)))
        };
        Ok(Self { groups: kernels.iter().enumerate().map(group).collect::<Result<_>>()? })
    }

    /// The bumps of one group alone.
    pub fn of_group(&self, group: usize) -> Self {
        Self { groups: vec![Arc::clone(&self.groups[group])] }
    }

    /// The lattice bump of a group of maps.
    pub fn lattice_bump(&self, group: usize) -> &LatticeBump {
        &self.groups[group].bump
    }

    /// Number of active neurons of a group's bump centred on a site.
    pub fn active(&self, group: usize) -> usize {
        self.groups[group].bump.active()
    }

    /// The idealized bump at a manifold point, as rates of the network's neurons. `maps` are those for which these bumps were
    /// made, or one of them alone.
    pub fn at(&self, maps: &Maps, point: &Point) -> StateBuf {
        let group = &self.groups[maps.group_index(point.map)];
        let lattice = &maps.group(point.map).lattice;
        let near_edge = group.bump.is_near_edge(lattice, point);
        // The sphere has no lattice that looks the same everywhere.
        let by_offset = maps.fills_lattice(point.map) && lattice.space.shape != Shape::Sphere;
        let mut pairs: Vec<(u32, f64)> = if by_offset {
            let neurons = maps.neurons_by_site(point.map);
            if near_edge {
                let rates = group.near_edge(lattice, point);
                rates.iter().map(|&(site, r)| (neurons[site], r)).collect()
            } else {
                let profile = group.profile(point.fraction);
                let neuron = |&(offset, r): &([i64; 2], f64)| {
                    let base = std::array::from_fn(|d| point.base[d] + offset[d]);
                    lattice.site_at(base).map(|site| (neurons[site], r))
                };
                profile.iter().filter_map(neuron).collect()
            }
        } else {
            let places = maps.places(point.map);
            let rates = if near_edge {
                // Each takes milliseconds, and is asked for again at every update.
                let key = (point.map, point.position.map(f64::to_bits));
                let settled = || group.bump.settled(&lattice.space, places, point);
                remembered(&group.near_edges_anywhere, key, settled)
            } else {
                Arc::new(group.bump.interpolated(&lattice.space, places, point))
            };
            rates.iter().map(|&(i, r)| (i as u32, r)).collect()
        };
        pairs.sort_unstable_by_key(|p| p.0);
        let (active, rates) = pairs.into_iter().unzip();
        StateBuf { active, rates }
    }

    /// The current of every neuron with the idealized bump at a point, to `out` `[neurons]` (Hz²). On a site of a lattice
    /// without edges it is the bump's own; elsewhere active neurons have the current that their rate asks for, others that
    /// of the interpolated bump. Neurons without a place have what the bump's inhibition leaves them.
    pub fn current_at(&self, maps: &Maps, point: &Point, out: &mut [f64]) {
        let group = &self.groups[maps.group_index(point.map)];
        let lattice = &maps.group(point.map).lattice;
        group.bump.currents(&lattice.space, maps.places(point.map), point, out);
        let exact = maps.fills_lattice(point.map)
            && lattice.space.shape.is_homogeneous()
            && point.fraction == [0.0; 2];
        if !exact {
            let transfer = group.bump.transfer();
            // Interpolation may leave a neuron just active that is silent in the bump, and the other way round.
            out.iter_mut().for_each(|current| *current = current.min(0.0));
            for (i, r) in self.at(maps, point).view().iter() {
                out[i] = transfer.current(r);
            }
        }
    }
}

impl GroupBumps {
    fn new(bump: LatticeBump) -> Self {
        Self {
            bump,
            profiles: Memory::default(),
            near_edges: Memory::default(),
            near_edges_anywhere: Memory::default(),
        }
    }

    fn profile(&self, fraction: Vector) -> Arc<Vec<([i64; 2], f64)>> {
        remembered(&self.profiles, fraction.map(f64::to_bits), || self.bump.profile(fraction))
    }

    fn near_edge(&self, lattice: &Lattice, point: &Point) -> Arc<Vec<(usize, f64)>> {
        let key = (point.base, point.fraction.map(f64::to_bits));
        remembered(&self.near_edges, key, || {
            let place = |site: usize| lattice.position(lattice.base_of(site), [0.0; 2]);
            let places: Vec<Vector> = (0..lattice.sites()).map(place).collect();
            self.bump.settled(&lattice.space, &places, point)
        })
    }
}

/// The value for a key: the one kept, or computed now.
fn remembered<K: Eq + std::hash::Hash, V>(
    memory: &Memory<K, V>,
    key: K,
    compute: impl FnOnce() -> V,
) -> Arc<V> {
    if let Some(known) = memory.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Arc::clone(known);
    }
    let computed = Arc::new(compute());
    // Two threads may compute the same: the result is the same too.
    Arc::clone(memory.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(computed))
}

impl LatticeBump {
    /// Whether the bump at a point feels an edge.
    fn is_near_edge(&self, lattice: &Lattice, point: &Point) -> bool {
        !self.is_given() && lattice.space.edge_distance(point.position) < EDGE_REACH * self.kernel().width
    }
}
