//! Networks; see `flatscape.Network`.

use flatscape::dynamics::decoding::Scorer;
use flatscape::dynamics::trajectories::Dynamics;
use flatscape::landscape::transfer::Transfer;
use flatscape::setup::arrays::Arrays;
use flatscape::{Point, Trajectory};
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rayon::prelude::*;

use crate::arrays::{Floats, Weights, array, minima_arrays, rows, square, values};
use crate::config::Config;
use crate::device::{choice, open};
use crate::errors::{exception, usage};
use crate::packed::{check_names, unpacked};
use crate::work::wait_for;

/// Rates `[starts, times, neurons]` and energies `[starts, times]`.
type Simulated<'py> = (Bound<'py, PyArrayDyn<f64>>, Bound<'py, PyArrayDyn<f64>>);

/// A network and what it was built from.
#[pyclass(frozen, module = "flatscape._flatscape")]
pub struct Model {
    pub model: flatscape::Model,
}

#[pymethods]
impl Model {
    /// Builds a network. `arrays` are what the paths in the configuration name, where they are not files.
    #[new]
    fn new(py: Python<'_>, config: &Config, arrays: Vec<(String, Floats<'_>)>) -> PyResult<Self> {
        let mut given = Arrays::default();
        for (name, array) in &arrays {
            given = given.with(name, array.shape(), values(name, array)?.to_vec());
        }
        let config = config.config.clone();
        let model = wait_for(py, None, move |_| flatscape::Model::with_arrays(config, &given))?;
        Ok(Self { model })
    }

    /// The same network with other settings of flattening and measurement.
    fn with_settings(&self, config: &Config) -> PyResult<Self> {
        Ok(Self { model: self.model.with_settings(config.config.clone()).map_err(exception)? })
    }

    /// The configuration with sizes written out.
    #[getter]
    fn config(&self) -> Config {
        Config { config: self.model.plan().config.clone() }
    }

    /// N.
    #[getter]
    fn neurons(&self) -> usize {
        self.model.plan().neurons
    }

    /// L.
    #[getter]
    fn maps(&self) -> usize {
        self.model.plan().maps
    }

    /// K.
    #[getter]
    fn points_per_map(&self) -> usize {
        self.model.plan().points_per_map
    }

    /// Shape of every map.
    #[getter]
    fn shapes(&self) -> Vec<&'static str> {
        let maps = &self.model.network().maps;
        (0..maps.count()).map(|map| maps.space(map).shape.name()).collect()
    }

    /// Estimated time (s) and memory (bytes) of flattening and measuring.
    #[getter]
    fn cost(&self) -> (f64, u64) {
        let cost = &self.model.plan().cost;
        (cost.total_seconds, cost.peak_bytes)
    }

    /// J `[neurons, neurons]` (Hz).
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        square(py, &self.model.network().weights)
    }

    /// h `[neurons]` (Hz²).
    fn external_current<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let current = self.model.network().external_current.clone();
        array(py, [current.len()], current)
    }

    /// Places `[maps, neurons, dimensions]` (neuron units), NaN where a neuron has none.
    fn positions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let maps = &self.model.network().maps;
        array(py, [maps.count(), maps.neurons(), maps.dimension()], maps.all_places())
    }

    /// Places of the fitted points `[maps, points, dimensions]` (neuron units).
    fn points<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let (plan, dimension) = (self.model.plan(), self.model.network().maps.dimension());
        let points = self.model.points();
        let places = points.iter().flat_map(|point| point.position[..dimension].to_vec()).collect();
        array(py, [plan.maps, plan.points_per_map, dimension], places)
    }

    /// Currents `[starts, neurons]` (Hz²) of idealized bumps on `maps` at `places` `[starts, dimensions]`.
    fn bump_currents<'py>(
        &self,
        py: Python<'py>,
        maps: Vec<usize>,
        places: Floats<'_>,
    ) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let network = &self.model.network().maps;
        let places = rows("position", &places)?;
        let point = |(&map, place): (&usize, &Vec<f64>)| {
            let lattice = (map < network.count()).then(|| network.group(map).lattice).ok_or_else(|| {
                usage(format!("map = {map}: the network has maps 0 to {}", network.count() - 1))
            })?;
            let dimension = lattice.space.dimension();
            let position = [place[0], if dimension > 1 { place.get(1).copied().unwrap_or(0.0) } else { 0.0 }];
            if !lattice.space.contains(position) {
                let (name, sides) = (lattice.space.shape.name(), &lattice.space.sides[..dimension]);
                return Err(usage(format!(
                    "position = {:?} lies outside the {name}, whose sides are {sides:?}",
                    &position[..dimension]
                )));
            }
            Ok(Point::free(map, &lattice, position))
        };
        let points: Vec<Point> = maps.iter().zip(&places).map(point).collect::<PyResult<_>>()?;
        let currents = self.model.bump_currents(&points);
        array(py, [points.len(), network.neurons()], currents.concat())
    }

    /// The configuration and the files that it names, of a network like this one.
    fn pack<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let packed = PyDict::new(py);
        for (name, bytes) in self.model.inputs() {
            packed.set_item(name, PyBytes::new(py, &bytes))?;
        }
        Ok(packed)
    }

    /// What [`Model::pack`] has packed.
    #[staticmethod]
    fn unpack(py: Python<'_>, files: Vec<(String, Vec<u8>)>) -> PyResult<Self> {
        check_names(&files)?;
        let model = wait_for(py, None, move |_| {
            let folder = unpacked(&files)?;
            flatscape::Model::new(flatscape::Config::load(&folder.path().join("config.toml"), &[])?)
        })?;
        Ok(Self { model })
    }

    /// Constrained minima under given weights, or before any weight is changed.
    #[pyo3(signature = (weights, backend, progress=None))]
    fn minima<'py>(
        &self,
        py: Python<'py>,
        weights: Option<Floats<'_>>,
        backend: &str,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (model, choice) = (self.model.clone(), choice(backend)?);
        let given = Weights::given(weights.as_ref())?;
        let minima = wait_for(py, progress, move |control| {
            let model = control.over(&model.on(open(choice)?.backend));
            match given {
                Some(weights) => model.minima(&weights.matrix()?),
                None => model.minima(&model.network().weights),
            }
        })?;
        minima_arrays(py, &self.model, minima)
    }

    /// Map, place `[states, dimensions]` (neuron units) and bump score of given rates `[states, neurons]` (Hz).
    fn decode<'py>(&self, py: Python<'py>, rates: Floats<'_>) -> PyResult<Bound<'py, PyDict>> {
        let (model, rates) = (self.model.clone(), rows("rates", &rates)?);
        let best = wait_for(py, None, move |_| {
            let network = model.network();
            let scorer = Scorer::new(&network.maps, &network.bumps);
            Ok(rates.par_iter().map(|rates| scorer.best_fit(rates)).collect::<Vec<_>>())
        })?;
        let dimension = self.model.network().maps.dimension();
        let found = PyDict::new(py);
        let maps = best.iter().map(|fit| fit.map as i64).collect();
        let where_ = best.iter().flat_map(|fit| fit.location[..dimension].to_vec()).collect();
        found.set_item("map", array(py, [best.len()], maps)?)?;
        found.set_item("position", array(py, [best.len(), dimension], where_)?)?;
        found.set_item("score", array(py, [best.len()], best.iter().map(|fit| fit.score).collect())?)?;
        Ok(found)
    }
}

/// Trajectories under any symmetric weights; see `flatscape.simulate`. `at` are numbers of Euler steps, ascending.
#[pyfunction]
#[pyo3(signature = (weights, currents, external_current, at, step, exponent, gain, backend, progress=None))]
#[expect(clippy::too_many_arguments, reason = "the Python side names them")]
pub fn simulate<'py>(
    py: Python<'py>,
    weights: Floats<'_>,
    currents: Floats<'_>,
    external_current: Floats<'_>,
    at: PyReadonlyArrayDyn<'_, i64>,
    step: f64,
    exponent: f64,
    gain: f64,
    backend: &str,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Simulated<'py>> {
    let weights = Weights::new("weights", &weights)?;
    let starts = rows("currents", &currents)?;
    let external_current = values("external_current", &external_current)?.to_vec();
    let at: Vec<usize> = values("times_ms", &at)?.iter().map(|&t| t.max(0) as usize).collect();
    let (neurons, choice) = (weights.neurons(), choice(backend)?);
    let (count, times) = (starts.len(), at.len());
    let (rates, energies) = wait_for(py, progress, move |control| {
        let weights = weights.matrix()?;
        let transfer = Transfer::new(exponent, gain);
        let dynamics = Dynamics::new(&weights, &external_current, transfer, step);
        let backend = open(choice)?.backend;
        let steps = count * at.last().copied().unwrap_or(0);
        let monitor = control.monitor();
        let runs = monitor.stage("trajectories", steps, 1.0, |tick| {
            backend.trajectories(&dynamics, &starts, &at, &tick.stopped_by(&|| control.stopped()))
        });
        monitor.finish();
        Ok(gather(runs?, neurons))
    })?;
    Ok((array(py, [count, times, neurons], rates)?, array(py, [count, times], energies)?))
}

/// All rates, and all energies, one after the other.
fn gather(runs: Vec<Trajectory>, neurons: usize) -> (Vec<f64>, Vec<f64>) {
    let energies: Vec<f64> = runs.iter().flat_map(|run| run.energies.iter().copied()).collect();
    let mut rates = Vec::with_capacity(energies.len() * neurons);
    for run in runs {
        run.snapshots.iter().for_each(|snapshot| rates.extend_from_slice(snapshot));
    }
    (rates, energies)
}
