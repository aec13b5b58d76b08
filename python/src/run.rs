//! Runs and their drift; see `flatscape.Run` and `flatscape.Drift`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flatscape::{DriftRecord, Error, IterationRecord, Moment, States, Summary};
use numpy::{PyArrayDyn, PyReadonlyArrayDyn};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::{Floats, Weights, array, minima_arrays, square, values};
use crate::columns::{Column, figures, trajectories};
use crate::device::{choice, open};
use crate::errors::{exception, usage};
use crate::model::Model;
use crate::packed::{check_names, packed, temporary, unpacked};
use crate::work::{Control, go_on, wait_for};

/// A flattened network.
#[pyclass(frozen, module = "flatscape._flatscape")]
pub struct Run {
    run: Arc<flatscape::Run>,
}

impl Run {
    fn new(run: flatscape::Run) -> Self {
        Self { run: Arc::new(run) }
    }
}

#[pymethods]
impl Run {
    /// Flattens the landscape of a network.
    #[staticmethod]
    #[pyo3(signature = (model, backend, progress=None))]
    fn flatten(
        py: Python<'_>,
        model: &Model,
        backend: &str,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (model, choice) = (model.model.clone(), choice(backend)?);
        let run =
            wait_for(py, progress, move |control| control.over(&model.on(open(choice)?.backend)).flatten())?;
        Ok(Self::new(run))
    }

    /// Reads a run directory.
    #[staticmethod]
    fn load(py: Python<'_>, directory: PathBuf) -> PyResult<Self> {
        wait_for(py, None, move |_| flatscape::Run::load(directory)).map(Self::new)
    }

    /// The network that was flattened.
    #[getter]
    fn model(&self) -> Model {
        Model { model: self.run.model().clone() }
    }

    /// How the outer iteration ended, for people.
    #[getter]
    fn status(&self) -> &'static str {
        self.run.status().describe()
    }

    /// Time it took (s).
    #[getter]
    fn seconds(&self) -> f64 {
        self.run.seconds()
    }

    /// J + M `[neurons, neurons]` (Hz).
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        square(py, &self.run.weights())
    }

    /// M `[neurons, neurons]` (Hz).
    fn weight_change<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        square(py, self.run.weight_change())
    }

    /// Energies `[updates + 1, maps, points]` (Hz³).
    fn energies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
        let plan = self.run.model().plan();
        let landscapes: Vec<&[f64]> = (0..).map_while(|updates| self.run.energies(updates)).collect();
        array(py, [landscapes.len(), plan.maps, plan.points_per_map], landscapes.concat())
    }

    /// Columns of `iterations.csv`.
    fn records<'py>(&self, py: Python<'py>) -> PyResult<Vec<Column<'py>>> {
        figures(py, IterationRecord::ALL, self.run.records())
    }

    /// The constrained minima of the flattened network.
    #[pyo3(signature = (backend, progress=None))]
    fn minima<'py>(
        &self,
        py: Python<'py>,
        backend: &str,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (run, choice) = (self.run.clone(), choice(backend)?);
        let minima = wait_for(py, progress, move |control| {
            let model = control.over(&run.model().clone().on(open(choice)?.backend));
            run.minima_by(&model)
        })?;
        minima_arrays(py, self.run.model(), minima)
    }

    /// The drift of the flattened network, with the settings of a model of the same network.
    #[pyo3(signature = (settings, backend, progress=None))]
    fn measure(
        &self,
        py: Python<'_>,
        settings: &Model,
        backend: &str,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Drift> {
        let (run, model, choice) = (self.run.clone(), settings.model.clone(), choice(backend)?);
        let drift = wait_for(py, progress, move |control| {
            control.over(&model.on(open(choice)?.backend)).measure_weights(&run.weights())
        })?;
        Ok(Drift { drift, model: settings.model.clone() })
    }

    /// The most important figures, as JSON.
    fn summary(&self, drift: Vec<PyRef<'_, Drift>>) -> PyResult<String> {
        let rows: Vec<DriftRecord> = drift.iter().flat_map(|d| d.drift.records.iter().cloned()).collect();
        json(&Summary::new(self.run.model().plan(), self.run.status(), self.run.records(), &rows))
    }

    /// Writes a run directory, whole or not at all.
    fn save(&self, py: Python<'_>, directory: PathBuf, drift: Vec<PyRef<'_, Drift>>) -> PyResult<()> {
        let run = self.run.clone();
        let own = run.model().network().weights.as_slice();
        if drift.iter().any(|d| d.model.network().weights.as_slice() != own) {
            return Err(usage(
                "drift was measured in another network than the run's; measure run.network, and the run",
            ));
        }
        let drift: Vec<flatscape::Drift> = drift.iter().map(|d| d.drift.clone()).collect();
        wait_for(py, None, move |control| {
            let drift: Vec<&flatscape::Drift> = drift.iter().collect();
            if std::fs::read_dir(&directory).is_ok_and(|mut entries| entries.next().is_some()) {
                // Refuses with the reason.
                return run.save(&directory, &drift).map(|_| ());
            }
            let beside = Beside::new(&directory)?;
            run.save(&beside.0, &drift)?;
            beside.take_the_place_of(&directory, control)
        })
    }

    /// The files of the run directory, and the states, which it does not hold to the last digit.
    fn pack<'py>(&self, py: Python<'py>) -> PyResult<Packed<'py>> {
        let run = self.run.clone();
        let files = wait_for(py, None, move |_| {
            let folder = temporary()?;
            run.save(folder.path(), &[])?;
            packed(folder.path())
        })?;
        let dict = PyDict::new(py);
        for (name, bytes) in files {
            dict.set_item(name, PyBytes::new(py, &bytes))?;
        }
        let (starts, active, rates) = self.run.states().parts();
        let starts = array(py, [starts.len()], starts.iter().map(|&s| s as i64).collect())?;
        let active = array(py, [active.len()], active.iter().map(|&i| i64::from(i)).collect())?;
        Ok((dict, starts, active, array(py, [rates.len()], rates.to_vec())?))
    }

    /// What [`Run::pack`] has packed.
    #[staticmethod]
    fn unpack(
        py: Python<'_>,
        files: Vec<(String, Vec<u8>)>,
        starts: PyReadonlyArrayDyn<'_, i64>,
        active: PyReadonlyArrayDyn<'_, i64>,
        rates: Floats<'_>,
    ) -> PyResult<Self> {
        check_names(&files)?;
        let starts = values("states", &starts)?.iter().map(|&s| s.max(0) as usize).collect();
        let active = values("states", &active)?.iter().map(|&i| i.max(0) as u32).collect();
        let rates = values("states", &rates)?.to_vec();
        let run = wait_for(py, None, move |_| {
            let folder = unpacked(&files)?;
            let run = flatscape::Run::load(folder.path())?;
            let states = States::from_parts(run.model().plan().neurons, starts, active, rates)
                .map_err(Error::Usage)?;
            run.with_states(states)
        })?;
        Ok(Self::new(run))
    }
}

/// Files by name; where the states start; active neurons; their rates.
type Packed<'py> = (
    Bound<'py, PyDict>,
    Bound<'py, PyArrayDyn<i64>>,
    Bound<'py, PyArrayDyn<i64>>,
    Bound<'py, PyArrayDyn<f64>>,
);

/// How far bumps move.
#[pyclass(frozen, module = "flatscape._flatscape")]
pub struct Drift {
    drift: flatscape::Drift,
    /// The network, with the settings that it was measured with.
    model: flatscape::Model,
}

#[pymethods]
impl Drift {
    /// Measures a network under given weights, or before any weight is changed.
    #[staticmethod]
    #[pyo3(signature = (model, weights, backend, progress=None))]
    fn measure(
        py: Python<'_>,
        model: &Model,
        weights: Option<Floats<'_>>,
        backend: &str,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let (network, choice) = (model.model.clone(), choice(backend)?);
        let given = Weights::given(weights.as_ref())?;
        let drift = wait_for(py, progress, move |control| {
            let network = control.over(&network.on(open(choice)?.backend));
            match given {
                Some(weights) => network.measure_weights(&weights.matrix()?),
                None => network.measure(),
            }
        })?;
        Ok(Self { drift, model: model.model.clone() })
    }

    /// Columns of `drift.csv`.
    fn records<'py>(&self, py: Python<'py>) -> PyResult<Vec<Column<'py>>> {
        trajectories(py, &self.drift.records)
    }

    /// Averages at several times, as columns.
    fn course<'py>(&self, py: Python<'py>) -> PyResult<Vec<Column<'py>>> {
        figures(py, Moment::ALL, &self.drift.course)
    }

    /// Averages over all trajectories, as JSON.
    fn summary(&self) -> PyResult<String> {
        json(&self.drift.summary)
    }

    /// Length of the trajectories (ms), and starts on each map.
    #[getter]
    fn settings(&self) -> (f64, usize) {
        let measure = &self.model.plan().config.measure;
        (measure.duration_ms, measure.starts_per_map)
    }
}

/// Checks a run directory as `flatscape verify` does; what was found, as JSON.
#[pyfunction]
pub fn verify(py: Python<'_>, directory: PathBuf) -> PyResult<String> {
    let verified = wait_for(py, None, move |_| flatscape::verify(&directory, None))?;
    json(&verified)
}

fn json<T: serde::Serialize>(record: &T) -> PyResult<String> {
    serde_json::to_string(record).map_err(|e| exception(Error::Run(e.to_string())))
}

/// A folder beside the wanted one. It takes that one's place when it is whole, and is removed otherwise.
struct Beside(PathBuf);

impl Beside {
    fn new(directory: &Path) -> flatscape::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let parent = directory.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, "write", e))?;
        let own = format!(".partial-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(own);
        std::fs::create_dir(&path).map_err(|e| Error::io(parent, "write", e))?;
        Ok(Self(path))
    }

    fn take_the_place_of(self, directory: &Path, control: &Control) -> flatscape::Result<()> {
        go_on(control)?;
        let renamed = match std::fs::remove_dir(directory) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            _ => std::fs::rename(&self.0, directory),
        };
        renamed.map_err(|e| Error::io(directory, "write", e))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It is not there any more if it has taken its place.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
