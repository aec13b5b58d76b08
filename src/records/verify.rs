//! `flatscape verify`: every checksum, and what the records claim computed again.

use std::path::Path;

use serde::Serialize;

use super::{Manifest, RunDirectory, RunState, Summary};
use crate::compute::backend::Backend;
use crate::compute::cpu::Cpu;
use crate::error::{Error, Result};
use crate::files::npy;
use crate::job::drift_record::DriftRecord;
use crate::job::reached::IterationRecord;
use crate::landscape::minima;
use crate::landscape::problem::Start;
use crate::landscape::roughness::Roughness;
use crate::manifold::Points;
use crate::network::Network;
use crate::progress::Tick;
use crate::setup::config::Method;
use crate::setup::plan::Plan;

/// What was found to be in order.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// Whether the run is complete.
    pub status: RunState,
    /// Files whose checksum is right.
    pub files: usize,
    /// Claims that were computed again and hold.
    pub claims: Vec<String>,
    /// Files that the manifest does not know.
    pub strangers: Vec<String>,
}

/// J depends on the platform's `exp`, which differs between platforms by a few units in the last place (Hz).
const WEIGHT_TOLERANCE: f64 = 1e-12;

/// Sums over thousands of energies, printed and parsed exactly, differ by rounding alone.
const FIGURE_TOLERANCE: f64 = 1e-12;

/// Energies of minima converged to 10⁻⁹ Hz² agree far better; this is rounding of |E| ≈ 10⁵ between platforms.
const ENERGY_TOLERANCE: f64 = 1e-10;

/// First-landscape minima that are computed again; on large networks those of whole maps, at least so many.
const SAMPLE: usize = 200;

/// Of those, the fraction that may differ: where two minima exist, rounding on another platform may choose the other.
const BRANCHES: f64 = 0.02;

/// Checks a run directory.
///
/// # Errors
/// [`Error::Data`] naming the first file that is damaged or contradicts another.
pub fn verify(path: &Path) -> Result<Verified> {
    let (directory, manifest) = RunDirectory::open(path)?;
    let names: Vec<String> = directory.names().map(str::to_owned).collect();
    for name in &names {
        directory.read(name)?;
    }
    let mut checker = Checker { path, directory: &directory, claims: Vec::new() };
    let plan = checker.plan(&manifest)?;
    let network = plan.network(0)?;
    checker.places(&network)?;
    checker.weights(&network)?;
    checker.figures(&plan)?;
    if plan.config.flatten.method == Method::Constrained {
        checker.first_landscape(&plan, &network, &manifest)?;
    }
    Ok(Verified {
        status: manifest.status,
        files: names.len() + 1,
        claims: checker.claims,
        strangers: directory.strangers(),
    })
}

struct Checker<'a> {
    path: &'a Path,
    directory: &'a RunDirectory,
    claims: Vec<String>,
}

impl Checker<'_> {
    fn claim(&mut self, file: &str, holds: bool, what: &str) -> Result<()> {
        if !holds {
            return Err(Error::data(
                &self.path.join(file),
                format!("contradicts the rest of the run: not true that {what}"),
            ));
        }
        self.claims.push(what.to_owned());
        Ok(())
    }

    /// The plan of the run's own configuration.
    fn plan(&mut self, manifest: &Manifest) -> Result<Plan> {
        let plan = self.directory.read_plan()?;
        self.claim(
            "config.toml",
            plan.config.network.seed == manifest.seed,
            "the manifest has the configuration's seed",
        )?;
        Ok(plan)
    }

    fn places(&mut self, network: &Network) -> Result<()> {
        let maps = &network.maps;
        if maps.are_full_rings() {
            let sites = self.directory.read_array::<i32>("maps.npy")?.1;
            self.claim(
                "maps.npy",
                sites == maps.all_sites(),
                "the maps are those of the seed or the maps file",
            )?;
        }
        let places = self.directory.read_array::<f64>("positions.npy")?.1;
        let expected = maps.all_places();
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        let equal = places.len() == expected.len() && places.iter().zip(&expected).all(same);
        self.claim("positions.npy", equal, "the neurons have the places of the seed or the file")
    }

    fn weights(&mut self, network: &Network) -> Result<()> {
        let n = network.neurons();
        let base = self.directory.read_array::<f64>("weights_base.npy")?.1;
        let same = base.len() == n * n
            && network.weights.to_dense().iter().zip(&base).all(|(a, b)| (a - b).abs() <= WEIGHT_TOLERANCE);
        self.claim("weights_base.npy", same, "J is the connectivity of the maps")?;
        let delta = self.directory.read_array::<f64>("weights_delta.npy")?.1;
        let symmetric = delta.len() == n * n
            && (0..n)
                .all(|i| delta[i * n + i] == 0.0 && (0..i).all(|j| delta[i * n + j] == delta[j * n + i]));
        self.claim("weights_delta.npy", symmetric, "M is symmetric with zero diagonal")
    }

    /// Records against the arrays they were made from.
    fn figures(&mut self, plan: &Plan) -> Result<()> {
        let records: Vec<IterationRecord> = self.directory.read_rows("iterations.csv")?;
        let drift: Vec<DriftRecord> = self.directory.read_rows("drift.csv")?;
        let (shape, energies) = self.directory.read_array::<f64>("energies.npy")?;
        let shaped = shape == [records.len(), plan.maps, plan.points_per_map];
        self.claim("energies.npy", shaped, "there is one landscape for every row of iterations.csv")?;
        let close = |a: f64, b: f64| (a - b).abs() <= FIGURE_TOLERANCE * (a.abs() + b.abs());
        let agree = energies.chunks_exact(plan.states()).zip(&records).all(|(landscape, record)| {
            let found = Roughness::of(landscape, None);
            close(found.sd, record.energy_sd)
                && close(found.peak, record.energy_peak)
                && close(found.mean, record.energy_mean)
        });
        self.claim("iterations.csv", agree, "every row has the roughness of its landscape")?;
        let summary = self.directory.read_summary()?;
        let again = Summary::new(plan, summary.status, &records, &drift);
        self.claim("summary.json", again == summary, "the summary follows from iterations.csv and drift.csv")
    }

    /// Some constrained minima of the first landscape, computed again.
    fn first_landscape(&mut self, plan: &Plan, network: &Network, manifest: &Manifest) -> Result<()> {
        let energies: Vec<f64> = npy::decode(&self.directory.read("energies.npy")?)
            .map_err(|what| Error::data(&self.path.join("energies.npy"), what))?
            .1;
        if energies.is_empty() {
            return Ok(());
        }
        let flatten = &plan.config.flatten;
        let problem = network.problem(&network.weights, flatten.definition, flatten.minimizer);
        let points = Points::fitted(&network.maps, plan.points_per_map);
        // Where minima of a map follow from each other, as on the CPU for large networks, whole maps are found again.
        let large = minima::minima_by_map(plan.neurons, plan.config.flatten.minimizer);
        let by_map = large && manifest.device.starts_with("cpu");
        let (sample, stride) = if by_map {
            (points.on_first_maps(SAMPLE.div_ceil(plan.points_per_map)), 1)
        } else {
            let stride = points.len().div_ceil(SAMPLE);
            (points.every(stride), stride)
        };
        let tick = Tick::silent();
        let found = if by_map {
            Cpu.minima(&problem, sample, Start::Idealized, &tick)?
        } else {
            minima::one_by_one(&problem, sample, Start::Idealized, &tick)?
        };
        let differ = (0..sample.len())
            .filter(|&s| {
                let claimed = energies[s * stride];
                !((found.energies[s] - claimed).abs() <= ENERGY_TOLERANCE * claimed.abs())
            })
            .count();
        let holds = differ as f64 <= BRANCHES * sample.len() as f64;
        self.claim(
            "energies.npy",
            holds,
            "the first landscape has the energies of the network's constrained minima",
        )
    }
}
