//! Runs that were changed together with their checksums: every kind of change is found by computing again.

use std::path::Path;

use flatscape::compute::device::ComputeDevice;
use flatscape::files::npy;
use flatscape::job::drift_record::{DriftRecord, Which};
use flatscape::job::reached::{IterationRecord, Status};
use flatscape::landscape::roughness::Roughness;
use flatscape::records::{Manifest, RunDirectory, Summary, verify};
use flatscape::setup::config::Config;
use flatscape::setup::plan::Plan;

use crate::copy;
use crate::workplace::Workplace;

/// Enough points and starts that a sample of them says something.
const RUN: &str = "[network]\nneurons = 100\nmaps = 3\nseed = 3\n[flatten]\niterations = 3\nridge = 1e-6\n[measure]\nduration_ms = 200\nstarts_per_map = 10\n";

/// Everything in a run that a forger would change.
struct Forgery {
    config: Config,
    manifest: Manifest,
    maps: Vec<i32>,
    base: Vec<f64>,
    delta: Vec<f64>,
    energies: Vec<f64>,
    iterations: Vec<IterationRecord>,
    drift: Vec<DriftRecord>,
    rates: Vec<f32>,
    summary: Option<Summary>,
}

fn csv_of<T: serde::Serialize>(rows: &[T]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().for_each(|row| writer.serialize(row).unwrap());
    writer.into_inner().unwrap()
}

impl Forgery {
    fn open(run: &Path) -> (RunDirectory, Self) {
        let (directory, manifest) = RunDirectory::open(run).unwrap();
        let forgery = Self {
            config: Config::load(&run.join("config.toml"), &[]).unwrap(),
            manifest,
            maps: directory.read_array("maps.npy").unwrap().1,
            base: directory.read_array("weights_base.npy").unwrap().1,
            delta: directory.read_array("weights_delta.npy").unwrap().1,
            energies: directory.read_array("energies.npy").unwrap().1,
            iterations: directory.read_rows("iterations.csv").unwrap(),
            drift: directory.read_rows("drift.csv").unwrap(),
            rates: directory.read_array("rates.npy").unwrap().1,
            summary: None,
        };
        (directory, forgery)
    }

    /// Writes everything such that it agrees with everything else that is cheap to make agree.
    fn write(mut self, mut directory: RunDirectory) {
        let (n, maps, points) = (100, 3, 100);
        for (landscape, row) in self.energies.chunks(maps * points).zip(&mut self.iterations) {
            let found = Roughness::of(landscape, None);
            (row.energy_sd, row.energy_peak, row.energy_mean, row.energy_robust_sd) =
                (found.sd, found.peak, found.mean, found.robust_sd);
        }
        let text = self.config.to_toml();
        let mut hasher = blake3::Hasher::new();
        hasher.update(text.as_bytes());
        hasher.update(bytemuck::cast_slice(&self.maps));
        if self.manifest.configuration != "forged" {
            self.manifest.configuration = hasher.finalize().to_hex().to_string();
        }
        let plan = Plan::new(self.config.clone()).unwrap();
        let summary = Summary::new(&plan, self.manifest.outcome, &self.iterations, &self.drift);
        let summary = self.summary.unwrap_or(summary);
        let shape = [self.energies.len() / (maps * points), maps, points];
        let mut json = serde_json::to_vec_pretty(&summary).unwrap();
        json.push(b'\n');
        let files = [
            ("config.toml", text.into_bytes()),
            ("maps.npy", npy::encode(&[maps, n], &self.maps)),
            ("weights_base.npy", npy::encode(&[n, n], &self.base)),
            ("weights_delta.npy", npy::encode(&[n, n], &self.delta)),
            ("energies.npy", npy::encode(&shape, &self.energies)),
            ("rates.npy", npy::encode(&[maps * points, n], &self.rates)),
            ("iterations.csv", csv_of(&self.iterations)),
            ("drift.csv", csv_of(&self.drift)),
            ("summary.json", json),
        ];
        for (name, bytes) in files {
            directory.write(name, &bytes).unwrap();
        }
        directory.write_manifest(self.manifest).unwrap();
    }
}

/// The last landscape, and that before the first update.
fn last(f: &mut Forgery) -> &mut [f64] {
    let start = f.energies.len() - 300;
    &mut f.energies[start..]
}

fn flatter(f: &mut Forgery) {
    let landscape = last(f);
    let mean = landscape.iter().sum::<f64>() / 300.0;
    landscape.iter_mut().for_each(|e| *e = mean + (*e - mean) / 100.0);
}

fn after(f: &mut Forgery) -> impl Iterator<Item = &mut DriftRecord> {
    f.drift.iter_mut().filter(|r| r.network == Which::Flattened)
}

type Change = fn(&mut Forgery);

const KINDS: [(&str, Change); 32] = [
    ("M set to zero", |f| f.delta.fill(0.0)),
    ("M negated", |f| f.delta.iter_mut().for_each(|m| *m = -*m)),
    ("M infinite", |f| (f.delta[1], f.delta[100]) = (f64::INFINITY, f64::INFINITY)),
    ("M not symmetric", |f| f.delta[1] *= 2.0),
    ("M with a diagonal", |f| f.delta[0] = 1e-9),
    ("M a tenth larger", |f| f.delta.iter_mut().for_each(|m| *m *= 1.1)),
    ("the last landscape a hundred times flatter", flatter),
    ("the last landscape's extremes smoothed", |f| {
        let mean = last(f).iter().sum::<f64>() / 300.0;
        let peak = last(f).iter().map(|e| (*e - mean).abs()).fold(0.0, f64::max);
        last(f).iter_mut().filter(|e| (**e - mean).abs() > 0.3 * peak).for_each(|e| *e = mean);
    }),
    ("every second point of the first landscape moved", |f| {
        f.energies[..300].iter_mut().step_by(2).for_each(|e| *e += 5.0)
    }),
    ("drifts after flattening of zero", |f| {
        after(f).for_each(|r| (r.end, r.displacement, r.settled_displacement) = (r.start, 0.0, 0.0));
    }),
    ("rate changes after flattening halved", |f| after(f).for_each(|r| r.rate_change /= 2.0)),
    ("scores raised", |f| after(f).for_each(|r| r.score += 1.0)),
    ("phases of zero", |f| after(f).for_each(|r| r.phase_displacement = 0.0)),
    ("energies of the ends lowered", |f| after(f).for_each(|r| r.end_energy -= 100.0)),
    ("energies of the starts raised", |f| f.drift.iter_mut().for_each(|r| r.start_energy += 100.0)),
    ("one displacement that leads elsewhere", |f| f.drift[7].displacement += 1.0),
    ("one trajectory left out", |f| {
        f.drift.remove(4);
    }),
    ("drift before flattening left out", |f| f.drift.retain(|r| r.network == Which::Flattened)),
    ("another ridge", |f| f.config.flatten.ridge = 1e-9),
    ("another dt", |f| f.config.dynamics.dt_ms = 0.1),
    ("another kernel", |f| f.config.kernel.width = 16.0),
    ("another definition", |f| f.config.set("flatten.definition=paper").unwrap()),
    ("another seed", |f| (f.config.network.seed, f.manifest.seed) = (4, 4)),
    ("another status", |f| f.manifest.outcome = Status::Converged),
    ("another device", |f| f.manifest.device = ComputeDevice::Gpu("NVIDIA H100".to_owned())),
    ("another identity", |f| f.manifest.configuration = "forged".to_owned()),
    ("flat between the points", |f| {
        f.iterations[3].heldout_robust_sd /= 20.0;
        f.iterations[3].heldout_sd /= 20.0;
        f.iterations[3].heldout_peak /= 20.0;
    }),
    ("idealized bumps lower", |f| f.iterations[3].idealized_height /= 2.0),
    ("weight changes smaller", |f| f.iterations.iter_mut().for_each(|r| r.delta_sd /= 10.0)),
    ("an update left out", |f| {
        f.iterations.pop();
        f.energies.truncate(900);
    }),
    ("states of zero", |f| f.rates.fill(0.0)),
    ("a summary of its own", |f| {
        let plan = Plan::new(f.config.clone()).unwrap();
        let mut summary = Summary::new(&plan, f.manifest.outcome, &f.iterations, &f.drift);
        summary.mean_drift_after = Some(0.01);
        f.summary = Some(summary);
    }),
];

#[test]
fn every_kind_is_found() {
    let place = Workplace::new(RUN);
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet", "--keep-states"]);
    let run = place.path("run");
    // What is written without a change is sound: what is found is the change.
    let unchanged = place.path("unchanged");
    copy(&run, &unchanged);
    let (directory, forgery) = Forgery::open(&unchanged);
    forgery.write(directory);
    verify(&unchanged, None).unwrap();
    let mut missed = Vec::new();
    for (at, (kind, change)) in KINDS.into_iter().enumerate() {
        let forged = place.path(&format!("forged-{at}"));
        copy(&run, &forged);
        let (directory, mut forgery) = Forgery::open(&forged);
        change(&mut forgery);
        forgery.write(directory);
        if verify(&forged, None).is_ok() {
            missed.push(kind);
        }
    }
    assert!(missed.is_empty(), "{} of {} kinds are not found: {missed:?}", missed.len(), KINDS.len());
}

#[test]
fn doing_it_all_again_finds_the_same() {
    let place = Workplace::new(RUN);
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
    let text = place.succeed(&["verify", "run", "--full"]);
    assert!(text.contains("flattening again gives the same M"), "{text}");
}
