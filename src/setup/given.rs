//! Arrays that the user gives: positions, weights and external currents, checked against what was typed.

use std::path::Path;

use crate::connectivity::matrix::WeightMatrix;
use crate::error::{Error, Result};
use crate::landscape::bumps::BumpShape;
use crate::manifold::{Group, Maps, NO_PLACE, Vector};
use crate::setup::arrays::Arrays;
use crate::setup::config::Config;
use crate::setup::groups::ExternalCurrent;

/// Numbers of neurons that are allowed.
pub(super) const NEURONS: std::ops::RangeInclusive<usize> = 20..=100_000;

/// A map of fewer members has no bump.
pub(super) const FEWEST_MEMBERS: usize = 20;

/// Reads positions on rings of all neurons, int32 or int64 `[maps, neurons]`, and checks them against what was typed.
pub(super) fn read_rings(file: &Path, config: &Config) -> Result<Maps> {
    let (shape, positions) = crate::files::npy::read_whole(file)?;
    let &[maps, neurons] = shape.as_slice() else {
        return Err(Error::data(
            file,
            format!("has shape {shape:?}; maps are whole numbers of shape [maps, neurons]"),
        ));
    };
    for (key, typed, found) in
        [("network.maps", config.network.maps, maps), ("network.neurons", config.network.neurons, neurons)]
    {
        if typed.is_some_and(|typed| typed != found) {
            return Err(Error::data(
                file,
                format!(
                    "has shape {shape:?} = [maps, neurons], but {key} = {}; set {key} = {found} or leave it out",
                    typed.unwrap_or_default()
                ),
            ));
        }
    }
    if !NEURONS.contains(&neurons) || !(1..=10_000).contains(&maps) {
        return Err(Error::data(
            file,
            format!("has shape {shape:?}; 1 to 10000 maps of 20 to 100000 neurons are allowed"),
        ));
    }
    Maps::from_positions(neurons, positions).map_err(|what| Error::data(file, what))
}

/// Reads places, f64 `[count, neurons, D]`, and checks them against the group.
pub(super) fn read_places(
    file: &Path,
    group: &Group,
    neurons: usize,
    arrays: &Arrays,
) -> Result<Vec<Vector>> {
    let (shape, values) = arrays.read(file)?;
    let (space, dimension) = (&group.lattice.space, group.lattice.space.dimension());
    let name = space.shape.name();
    if shape != [group.count, neurons, dimension] {
        return Err(Error::data(
            file,
            format!(
                "has shape {shape:?}; places of {} {name} maps are f64 of shape [{}, {neurons}, {dimension}]: [count, neurons, D]",
                group.count, group.count
            ),
        ));
    }
    let mut places = Vec::with_capacity(group.count * neurons);
    for (index, place) in values.chunks_exact(dimension).enumerate() {
        let (map, neuron) = (index / neurons, index % neurons);
        let missing = place.iter().filter(|x| x.is_nan()).count();
        if missing == dimension {
            places.push(NO_PLACE);
            continue;
        }
        let position = [place[0], place.get(1).copied().unwrap_or(0.0)];
        if missing > 0 {
            return Err(Error::data(
                file,
                format!(
                    "map {map}, neuron {neuron}: {place:?} is NaN in some coordinates only; a neuron without a place has NaN in all"
                ),
            ));
        }
        if !space.contains(position) {
            return Err(Error::data(
                file,
                format!(
                    "map {map}, neuron {neuron}: {place:?} lies outside the {name}, whose sides are {:?}",
                    &space.sides[..dimension]
                ),
            ));
        }
        places.push(position);
    }
    for (map, row) in places.chunks_exact(neurons).enumerate() {
        check_members(file, group, map, row)?;
    }
    Ok(places)
}

/// Enough members, and no two at one place.
fn check_members(file: &Path, group: &Group, map: usize, places: &[Vector]) -> Result<()> {
    let mut members: Vec<(usize, Vector)> =
        places.iter().copied().enumerate().filter(|(_, place)| !place[0].is_nan()).collect();
    if members.len() < FEWEST_MEMBERS {
        return Err(Error::data(
            file,
            format!("map {map} has {} members; a bump needs at least {FEWEST_MEMBERS}", members.len()),
        ));
    }
    let size = group.lattice.space.size();
    if !(0.5..=2.0).contains(&(members.len() as f64 / size)) {
        return Err(Error::data(
            file,
            format!(
                "map {map} has {} members on a {} of size {size:.1}; a map has about one member a unit: give maps.sides whose product is the number of members",
                members.len(),
                group.lattice.space.shape.name()
            ),
        ));
    }
    members.sort_by(|(_, a), (_, b)| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    match members.windows(2).find(|pair| pair[0].1 == pair[1].1) {
        Some(pair) => Err(Error::data(
            file,
            format!(
                "map {map}: neurons {} and {} both lie at {:?}; each place belongs to one neuron",
                pair[0].0.min(pair[1].0),
                pair[0].0.max(pair[1].0),
                &pair[0].1[..group.lattice.space.dimension()]
            ),
        )),
        None => Ok(()),
    }
}

/// N of the given weights, if there are any.
pub(super) fn weights_size(config: &Config, arrays: &Arrays) -> Result<Option<usize>> {
    let Some(file) = &config.network.weights_file else { return Ok(None) };
    Ok(arrays.read_real(file)?.0.first().copied())
}

/// Weights and external current given by the user, checked; `None` if they are made from the maps.
///
/// # Errors
/// [`Error::Usage`] if one comes without the other, [`Error::Data`] for a bad file.
pub fn given_weights(
    config: &Config,
    neurons: usize,
    arrays: &Arrays,
) -> Result<Option<(WeightMatrix, Vec<f64>)>> {
    let network = &config.network;
    if network.bump == BumpShape::Relaxed && network.weights_file.is_none() {
        return Err(Error::Usage(
            "network.bump = \"relaxed\" goes with network.weights_file; bumps of the maps' own network have the shape that maps.kernel gives them: leave it out".to_owned(),
        ));
    }
    let (file, current) = match (&network.weights_file, &network.external_current) {
        (None, None) => return Ok(None),
        (Some(file), Some(current)) => (file, current),
        (Some(_), None) => {
            return Err(Error::Usage(
                "network.weights_file needs network.external_current: a number [Hz^2], or the path of an f64 .npy file of shape [neurons]".to_owned(),
            ));
        }
        (None, Some(_)) => {
            return Err(Error::Usage(
                "network.external_current goes with network.weights_file; the maps' own network has its current calibrated from dynamics.baseline_current".to_owned(),
            ));
        }
    };
    let (shape, mut values) = arrays.read_real(file)?;
    if shape != [neurons, neurons] {
        return Err(Error::data(
            file,
            format!("has shape {shape:?}; weights of {neurons} neurons are [{neurons}, {neurons}]"),
        ));
    }
    if let Some(at) = values.iter().position(|w| !w.is_finite()) {
        return Err(Error::data(
            file,
            format!(
                "the weight of neurons {} and {} is {}; weights are finite numbers",
                at / neurons,
                at % neurons,
                values[at]
            ),
        ));
    }
    symmetrize(file, neurons, &mut values)?;
    (0..neurons).for_each(|i| values[i * neurons + i] = 0.0);
    let current = match current {
        ExternalCurrent::Uniform(h) => vec![*h; neurons],
        ExternalCurrent::File(file) => {
            let (shape, values) = arrays.read(file)?;
            if shape != [neurons] || values.iter().any(|h| !h.is_finite()) {
                return Err(Error::data(
                    file,
                    format!(
                        "has shape {shape:?}; external currents are {neurons} finite numbers, f64 [neurons]"
                    ),
                ));
            }
            values
        }
    };
    Ok(Some((WeightMatrix::from_dense(neurons, &values), current)))
}

/// Makes weights `[neurons, neurons]` exactly symmetric that are so but for the rounding of single precision.
///
/// # Errors
/// [`Error::Data`] naming `file`, which may be what an array in memory is called, if they are not.
pub fn symmetrize(file: &Path, neurons: usize, values: &mut [f64]) -> Result<()> {
    let largest = values.iter().fold(0.0_f64, |largest, w| largest.max(w.abs()));
    for i in 0..neurons {
        for j in 0..i {
            let (a, b) = (values[i * neurons + j], values[j * neurons + i]);
            // Two equal weights may differ by the rounding of single precision.
            if (a - b).abs() > 1e-6 * largest {
                return Err(Error::data(
                    file,
                    format!(
                        "is not symmetric: {a} from neuron {j} to {i}, {b} back; an asymmetric network has no energy, so there is no landscape to flatten; bring (W + Wᵀ)/2 if that is what you mean"
                    ),
                ));
            }
            let mean = 0.5 * (a + b);
            (values[i * neurons + j], values[j * neurons + i]) = (mean, mean);
        }
    }
    Ok(())
}
