//! The bump of a network that stores one map alone, with a neuron on every site of a lattice without edges.

use pulp::Arch;

use crate::connectivity::Kernel;
use crate::connectivity::matrix::WeightMatrix;
use crate::error::Result;
use crate::landscape::alone::{Alone, RELAXATION, check_bump, no_bump};
use crate::landscape::constraint::{Constraint, Minimum};
use crate::landscape::energy::Energy;
use crate::landscape::newton;
use crate::landscape::states::StateBuf;
use crate::landscape::transfer::Transfer;
use crate::manifold::{Axis, Lattice, Maps, Point, Shape, Space, Vector, length};

/// The lattice bump: centred on a site, and as the network relaxes to it.
#[derive(Clone)]
pub struct LatticeBump {
    /// The ring or torus on which it lives: the map's own shape, its edges joined.
    closure: Lattice,
    kernel: Kernel,
    transfer: Transfer,
    centred: Bump,
    free: FreeBump,
    /// Current of a neuron that has no place in the map (Hz²).
    outside: f64,
    source: Source,
}

/// Where the shape of the bump comes from.
#[derive(Clone)]
enum Source {
    /// The network that stores one map alone, around site 0.
    OneMap(Patch),
    /// Given by its current, which is interpolated between sites; no neuron is active farther from the centre than this (neuron
    /// units).
    Given(f64),
}

/// Rates and currents by site, for a bump at site 0.
#[derive(Clone)]
struct Bump {
    /// Active sites, ascending, and their rates (Hz).
    rates: Vec<(usize, f64)>,
    /// `[sites]` (Hz²).
    current: Vec<f64>,
    /// In its own network (Hz³).
    energy: f64,
}

/// The bump at rest. On a surface it may sit between sites, where one at site 0 would slide to.
#[derive(Clone)]
pub struct FreeBump {
    /// Its current by site `[sites]` (Hz²).
    pub current: Vec<f64>,
    /// Where it is centred: part of a spacing past site 0 along each axis.
    pub centre: Vector,
    /// Sum of its rates (Hz).
    pub rate_sum: f64,
    /// Active sites, ascending, and their rates (Hz).
    rates: Vec<(usize, f64)>,
}

/// The sites around site 0 that may be active, and what connects them: enough of the network to find the bump between sites.
#[derive(Clone)]
struct Patch {
    maps: Maps,
    weights: WeightMatrix,
    baseline_current: f64,
}

/// A displacement from a site (spacings), and the relaxation steps within which a bump that slides has to leave the
/// site from there.
const SLIP: f64 = 1e-6;
const SLIDING_STEPS: usize = 750;

/// How far from the centre neurons may be active in a related bump, in units of the bump's own reach.
pub const PATCH_REACH: f64 = 1.5;
/// The same, beyond that (neuron units).
pub const PATCH_RIM: f64 = 3.0;

impl LatticeBump {
    /// Relaxes the network that stores one map on `lattice` to its bump and refines it to rounding.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) if the parameters have no single localized bump, saying what they have instead.
    pub fn new(
        lattice: &Lattice,
        kernel: &Kernel,
        baseline_current: f64,
        transfer: Transfer,
    ) -> Result<Self> {
        let closure = closure(lattice);
        // Where there is not one site per unit, each site stands for several neurons, or for part of one.
        let density = closure.space.size() / closure.sites() as f64;
        let on_sites = if density == 1.0 { kernel.clone() } else { kernel.times(density) };
        let maps = Maps::lattice_alone(closure);
        let weights = on_sites.connectivity(&maps);
        let alone = Alone { maps, weights, baseline_current, transfer };
        let relaxed = alone.relax(&closure, kernel.width)?;
        let patch = Patch::new(&closure, &on_sites, &relaxed, baseline_current);
        let mut bump = Self {
            closure,
            kernel: kernel.clone(),
            transfer,
            centred: Bump { rates: Vec::new(), current: Vec::new(), energy: 0.0 },
            free: FreeBump {
                current: alone.current(&relaxed),
                centre: [0.0; 2],
                rate_sum: 0.0,
                rates: Vec::new(),
            },
            outside: 0.0,
            source: Source::OneMap(patch.clone()),
        };
        bump.centred = bump.refine_centred(&alone, &patch, &relaxed)?;
        let halfway = bump.closure.space.dimension();
        bump.checked(&patch, std::array::from_fn(|d| if d < halfway { 0.5 } else { 0.0 }))?;
        bump.free = bump.at_rest(&alone, &patch)?;
        bump.outside = baseline_current + kernel.inhibition * bump.free.rate_sum;
        Ok(bump)
    }

    /// The bump whose current at every site of `closure` is given, centred on site 0 (Hz²); `outside` is the current of neurons
    /// without a place, and `energy` that of the bump (Hz³).
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) if that is no single bump.
    pub(super) fn given(
        closure: Lattice,
        kernel: &Kernel,
        transfer: Transfer,
        current: Vec<f64>,
        outside: f64,
        energy: f64,
    ) -> Result<Self> {
        let rates: Vec<f64> = current.iter().map(|&i| transfer.rate(i)).collect();
        check_bump(&closure, &rates)?;
        let rates: Vec<(usize, f64)> = rates.into_iter().enumerate().filter(|p| p.1 > 0.0).collect();
        let at = |site: usize| closure.position(closure.base_of(site), [0.0; 2]);
        let distance = |&(site, _): &(usize, f64)| closure.space.distance(at(0), at(site));
        let farthest = rates.iter().map(distance).fold(0.0, f64::max);
        let between = length(closure.spacing());
        let free = FreeBump {
            current: current.clone(),
            centre: [0.0; 2],
            rate_sum: rates.iter().map(|p| p.1).sum(),
            rates: rates.clone(),
        };
        Ok(Self {
            closure,
            kernel: kernel.clone(),
            transfer,
            centred: Bump { rates, current, energy },
            free,
            outside,
            source: Source::Given(farthest + between),
        })
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// φ.
    pub fn transfer(&self) -> Transfer {
        self.transfer
    }

    /// The lattice on which it lives.
    pub fn lattice(&self) -> &Lattice {
        &self.closure
    }

    /// Whether its current was given, and it looks the same everywhere.
    pub(super) fn is_given(&self) -> bool {
        matches!(self.source, Source::Given(_))
    }

    /// Number of active neurons of the centred bump.
    pub fn active(&self) -> usize {
        self.centred.rates.len()
    }

    /// Rates of the bump centred on site 0 `[sites]` (Hz).
    pub fn centred_rates(&self) -> Vec<f64> {
        let mut rates = vec![0.0; self.closure.sites()];
        for &(site, r) in &self.centred.rates {
            rates[site] = r;
        }
        rates
    }

    /// Currents of the bump centred on site 0 `[sites]` (Hz²).
    pub fn centred_current(&self) -> &[f64] {
        &self.centred.current
    }

    /// The bump at rest.
    pub fn free(&self) -> &FreeBump {
        &self.free
    }

    /// The centred bump, normalized to peak 1, over its support: (offset from its site, P). This is the P of the bump score,
    /// eq. S6.
    pub fn template(&self) -> Vec<([i64; 2], f64)> {
        let peak = self.peak();
        self.centred.rates.iter().map(|&(site, r)| (self.offset(site), r / peak)).collect()
    }

    /// Largest rate of the centred bump (Hz).
    pub fn peak(&self) -> f64 {
        self.centred.rates.iter().map(|p| p.1).fold(0.0, f64::max)
    }

    /// Energy of the centred bump in its own network (Hz³).
    pub fn energy(&self) -> f64 {
        self.centred.energy
    }

    /// A site as an offset from site 0 along both axes, the short way round.
    fn offset(&self, site: usize) -> [i64; 2] {
        let at = |site| self.closure.position(self.closure.base_of(site), [0.0; 2]);
        let displacement = self.closure.space.displacement(at(0), at(site));
        self.closure.in_steps(displacement).map(|x| x.round() as i64)
    }

    /// The bump at a fraction of a spacing past site 0: offsets along both axes, and rates (Hz). On the site it is the bump at
    /// rest, wherever that is centred.
    pub(super) fn profile(&self, fraction: Vector) -> Vec<([i64; 2], f64)> {
        let rates = match &self.source {
            _ if fraction == [0.0; 2] => self.free.rates.clone(),
            Source::OneMap(patch) => {
                self.checked(patch, fraction).unwrap_or_else(|_| self.free.rates.clone())
            }
            Source::Given(_) => {
                let sites = 0..self.closure.sites();
                let places: Vec<Vector> =
                    sites.map(|site| self.closure.position(self.closure.base_of(site), [0.0; 2])).collect();
                let point = Point::on_lattice(0, &self.closure, [0; 2], fraction);
                self.interpolated(&self.closure.space, &places, &point)
            }
        };
        rates.into_iter().map(|(site, r)| (self.offset(site), r)).collect()
    }

    /// The constrained minimum at a fraction of a spacing past site 0: sites, ascending, and rates (Hz).
    fn checked(&self, patch: &Patch, fraction: Vector) -> Result<Vec<(usize, f64)>> {
        let point = Point::on_lattice(0, &self.closure, [0; 2], fraction);
        let places = patch.maps.places(0).iter();
        let start: Vec<f64> = places.map(|place| self.rate_at(&self.closure.space, &point, place)).collect();
        let found = self.minimum(patch, &point, &start);
        if !found.certificate.converged(1e-8) || found.certificate.bump_lost() {
            let shown: Vec<String> =
                fraction[..self.closure.space.dimension()].iter().map(f64::to_string).collect();
            return Err(no_bump(&format!(
                "the bump centred ({}) spacings past a neuron is not a minimum of the energy (residual {:.1e} Hz^2)",
                shown.join(", "),
                found.certificate.residual()
            )));
        }
        let site = |i: usize| self.closure.site_near(patch.maps.places(0)[i], 1e-6);
        Ok(found.state.view().iter().filter_map(|(i, r)| Some((site(i)?, r))).collect())
    }

    /// The constrained minimum among the neurons of a patch.
    fn minimum(&self, patch: &Patch, point: &Point, start: &[f64]) -> Minimum {
        let start = StateBuf::from_dense(start);
        let constraint = Constraint::windowed(&patch.maps, point, start.clone());
        let external_current = vec![patch.baseline_current; start_len(patch)];
        let energy =
            Energy { weights: &patch.weights, external_current: &external_current, transfer: self.transfer };
        newton::Workspace::new(Arch::new(), start_len(patch)).minimize(
            energy,
            &constraint,
            start.view(),
            newton::SilentCheck::EveryStep,
        )
    }

    /// The bump centred on site 0, from the relaxed network.
    fn refine_centred(&self, alone: &Alone, patch: &Patch, relaxed: &StateBuf) -> Result<Bump> {
        let refined = self.checked(patch, [0.0; 2])?;
        let mut rates = vec![0.0; self.closure.sites()];
        refined.iter().for_each(|&(site, r)| rates[site] = r);
        // The bump on a neuron is even; this restores what rounding has broken.
        for site in 1..rates.len() {
            let opposite = self.opposite(site);
            if site < opposite {
                let mean = 0.5 * (rates[site] + rates[opposite]);
                (rates[site], rates[opposite]) = (mean, mean);
            }
        }
        let state = StateBuf::from_dense(&rates);
        if state.active.is_empty() || relaxed.active.is_empty() {
            return Err(no_bump("activity dies out"));
        }
        let energy = alone.energy_of(&state);
        let rates = state.view().iter().collect();
        Ok(Bump { rates, current: alone.current(&state), energy })
    }

    /// The mirror image of a site about site 0.
    fn opposite(&self, site: usize) -> usize {
        self.closure.site_at(self.closure.base_of(site).map(|x| -x)).unwrap_or(site)
    }

    /// The bump at rest: the one on a site if relaxation leaves it there, else the lowest of those halfway between sites. On
    /// a ring always the one on a neuron, as the paper has it.
    fn at_rest(&self, alone: &Alone, patch: &Patch) -> Result<FreeBump> {
        let (mut centre, mut rates) = ([0.0; 2], self.centred.rates.clone());
        if self.closure.space.dimension() > 1 && self.slides_away(alone) {
            let mut least = f64::INFINITY;
            for between in [[0.0, 0.5], [0.5, 0.0], [0.5, 0.5]] {
                let found = self.checked(patch, between)?;
                let energy = alone.energy_of(&self.dense(&found));
                if energy < least {
                    (least, centre, rates) = (energy, between, found);
                }
            }
        }
        let state = self.dense(&rates);
        let rate_sum = state.rates.iter().sum();
        Ok(FreeBump { current: alone.current(&state), centre, rate_sum, rates })
    }

    /// Whether a bump on a site that is off by [`SLIP`] has left it after [`SLIDING_STEPS`]: rounding (10⁻¹⁶) would then show
    /// within [`RELAXATION_STEPS`](crate::landscape::alone::RELAXATION_STEPS).
    fn slides_away(&self, alone: &Alone) -> bool {
        let sites = self.closure.sites();
        let moved = |site: usize| {
            let [x, y] = self.closure.base_of(site);
            self.centred.current[self.closure.site_at([x - 1, y - 1]).unwrap_or(site)]
        };
        let mut current: Vec<f64> =
            (0..sites).map(|site| (1.0 - SLIP) * self.centred.current[site] + SLIP * moved(site)).collect();
        for _ in 0..SLIDING_STEPS {
            let target = alone.current(&alone.state(&current));
            current.iter_mut().zip(target).for_each(|(i, target)| *i += RELAXATION * (target - *i));
        }
        let state = alone.state(&current);
        let total: f64 = state.rates.iter().sum();
        let moment = |d: usize| {
            let term = |(site, r): (usize, f64)| self.offset(site)[d] as f64 * r;
            state.view().iter().map(term).sum::<f64>()
        };
        (0..2).any(|d| (moment(d) / total).abs() > 0.25)
    }

    /// The state with the given rates by site.
    fn dense(&self, rates: &[(usize, f64)]) -> StateBuf {
        let mut dense = vec![0.0; self.closure.sites()];
        rates.iter().for_each(|&(site, r)| dense[site] = r);
        StateBuf::from_dense(&dense)
    }

    /// The current of the bump at rest at a displacement from its site, linearly interpolated between sites (Hz²).
    fn current_by(&self, displacement: Vector) -> f64 {
        let steps = self.closure.in_steps(displacement);
        let base = steps.map(|x| x.floor() as i64);
        let rest: Vector = std::array::from_fn(|d| steps[d] - steps[d].floor());
        let at = |dx: i64, dy: i64| {
            self.closure.site_at([base[0] + dx, base[1] + dy]).map_or(0.0, |site| self.free.current[site])
        };
        let along = |dy: i64| {
            let near = (1.0 - rest[0]) * at(0, dy);
            if rest[0] > 0.0 { near + rest[0] * at(1, dy) } else { near }
        };
        let near = (1.0 - rest[1]) * along(0);
        if rest[1] > 0.0 { near + rest[1] * along(1) } else { near }
    }

    /// Rate of a neuron at a displacement from the bump's site, from the interpolated current (Hz).
    pub fn rate_by(&self, displacement: Vector) -> f64 {
        self.transfer.rate(self.current_by(displacement))
    }

    /// Rate of a neuron at `place` with the interpolated bump at a point (Hz).
    fn rate_at(&self, space: &Space, point: &Point, place: &Vector) -> f64 {
        self.rate_by(space.displacement(point.position, *place))
    }

    /// The interpolated bump at a point: neurons with a positive rate (Hz), by their places.
    pub(super) fn interpolated(&self, space: &Space, places: &[Vector], point: &Point) -> Vec<(usize, f64)> {
        let reach = self.patch_radius();
        let near = |place: &Vector| !place[0].is_nan() && space.distance(point.position, *place) <= reach;
        let rate = |(i, place): (usize, &Vector)| (i, self.rate_at(space, point, place));
        places.iter().enumerate().filter(|(_, place)| near(place)).map(rate).filter(|p| p.1 > 0.0).collect()
    }

    /// The constrained minimum at a point of the network that stores this map alone, by the neurons' places. Where there is
    /// none, and of a bump whose current is given, the interpolated bump.
    pub(super) fn settled(&self, space: &Space, places: &[Vector], point: &Point) -> Vec<(usize, f64)> {
        let Source::OneMap(Patch { baseline_current, .. }) = self.source else {
            return self.interpolated(space, places, point);
        };
        let reach = self.patch_radius();
        let near = |place: &Vector| !place[0].is_nan() && space.distance(point.position, *place) <= reach;
        let members: Vec<usize> = (0..places.len()).filter(|&i| near(&places[i])).collect();
        let maps = Maps::alone(*space, members.iter().map(|&i| places[i]).collect());
        let patch = Patch { weights: self.kernel.connectivity(&maps), maps, baseline_current };
        let start: Vec<f64> =
            patch.maps.places(0).iter().map(|place| self.rate_at(space, point, place)).collect();
        let found = self.minimum(&patch, &Point { map: 0, ..*point }, &start);
        if found.certificate.converged(1e-8) && !found.certificate.bump_lost() {
            found.state.view().iter().map(|(i, r)| (members[i], r)).collect()
        } else {
            self.interpolated(space, places, point)
        }
    }

    /// The interpolated bump's current of every neuron, to `out` `[neurons]` (Hz²); neurons without a place have what its
    /// inhibition leaves of the external current.
    pub(super) fn currents(&self, space: &Space, places: &[Vector], point: &Point, out: &mut [f64]) {
        for (current, place) in out.iter_mut().zip(places) {
            *current = if place[0].is_nan() {
                self.outside
            } else {
                self.current_by(space.displacement(point.position, *place))
            };
        }
    }

    /// Within this distance of the centre lie all neurons of a bump (neuron units).
    fn patch_radius(&self) -> f64 {
        match &self.source {
            Source::OneMap(patch) => {
                let own = patch.maps.places(0).iter();
                own.map(|place| self.closure.space.distance([0.0; 2], *place)).fold(0.0, f64::max)
            }
            Source::Given(reach) => *reach,
        }
    }
}

fn start_len(patch: &Patch) -> usize {
    patch.maps.neurons()
}

/// The lattice with its edges joined: a ring or a torus. A sphere is as flat as a torus where a bump is small.
pub(super) fn closure(lattice: &Lattice) -> Lattice {
    let Space { shape, sides } = lattice.space;
    if shape == Shape::Sphere {
        let side = (lattice.sites() as f64).sqrt();
        return Lattice::of_space(Space::new(Shape::Torus, [side, side]));
    }
    let closed = match shape.dimension() {
        1 => Shape::Ring,
        _ => Shape::Torus,
    };
    debug_assert!(closed.axes()[0] == Axis::Joined);
    Lattice { space: Space::new(closed, sides), ..*lattice }
}

impl Patch {
    fn new(closure: &Lattice, kernel: &Kernel, relaxed: &StateBuf, baseline_current: f64) -> Self {
        let at = |site: usize| closure.position(closure.base_of(site), [0.0; 2]);
        let distance = |site: usize| closure.space.distance(at(0), at(site));
        let reach = relaxed.active.iter().map(|&site| distance(site as usize)).fold(0.0, f64::max);
        let radius = PATCH_REACH * reach + PATCH_RIM;
        let places = (0..closure.sites()).filter(|&site| distance(site) <= radius).map(at).collect();
        let maps = Maps::alone(closure.space, places);
        Self { weights: kernel.connectivity(&maps), maps, baseline_current }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::manifold::Arrangement;

    fn ring(neurons: usize) -> Lattice {
        Lattice::of_sites(Shape::Ring, [neurons, 1], Arrangement::Square)
    }

    #[test]
    fn the_paper_bump_has_the_measured_size() {
        let bump = LatticeBump::new(&ring(600), &Kernel::PAPER, 10.0, Transfer::ROOT).unwrap();
        let rates = bump.centred_rates();
        assert!((rates[0] - 11.5858).abs() < 5e-5);
        assert_eq!(bump.active(), 59);
        assert!((bump.free().rate_sum / 600.0 - 0.842133).abs() < 5e-7);
        assert!((bump.energy() + 10618.086439796625).abs() < 1e-7);
        let self_score: f64 = bump.template().iter().map(|(_, p)| p * p).sum();
        assert!((self_score - 35.954).abs() < 5e-4);
    }

    #[test]
    fn bumps_of_tori_have_the_measured_sizes() {
        for (side, active, peak) in [(24, 52, 8.02), (32, 97, 8.43)] {
            let lattice = Lattice::of_sites(Shape::Torus, [side, side], Arrangement::Square);
            let kernel = Kernel::PAPER.scaled_to_shape(Shape::Torus, side * side);
            let bump = LatticeBump::new(&lattice, &kernel, 10.0, Transfer::ROOT).unwrap();
            let at_rest: Vec<f64> =
                bump.free().current.iter().filter(|i| **i > 0.0).map(|i| i.sqrt()).collect();
            assert_eq!(at_rest.len(), active);
            // As many digits as were written down.
            assert!((at_rest.iter().copied().fold(0.0, f64::max) - peak).abs() < 0.006);
        }
    }

    #[test]
    fn parameters_without_a_bump_are_refused_with_the_reason() {
        let refuse =
            |kernel: Kernel, current| match LatticeBump::new(&ring(100), &kernel, current, Transfer::ROOT) {
                Err(Error::Usage(text)) => text,
                Err(other) => panic!("failed otherwise: {other:?}"),
                Ok(_) => panic!("accepted"),
            };
        let scaled = Kernel::PAPER.scaled_to(100);
        assert!(refuse(scaled.clone(), -50.0).contains("dies out"));
        assert!(refuse(Kernel { inhibition: 0.0, ..scaled.clone() }, 10.0).contains("spreads over"));
        assert!(refuse(Kernel { amplitude: 1e300, ..scaled.clone() }, 1e308).contains("not finite"));
        assert!(refuse(Kernel { amplitude: 0.0, ..scaled }, 10.0).contains("fire alike"));
    }
}
