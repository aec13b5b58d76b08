//! Runs that were changed together with their checksums: every kind of change is found by computing again.

use std::fs;
use std::path::Path;

use flatscape::compute::cpu::Cpu;
use flatscape::compute::device::ComputeDevice;
use flatscape::files::npy;
use flatscape::job::drift_record::{DriftRecord, Which};
use flatscape::job::reached::{IterationRecord, Status};
use flatscape::landscape::problem::Definition;
use flatscape::landscape::roughness::Roughness;
use flatscape::records::{Manifest, RunDirectory, Summary, verify};
use flatscape::setup::config::Config;
use flatscape::setup::inputs::Inputs;
use flatscape::setup::plan::Plan;

use crate::copy;
use crate::workplace::Workplace;

/// What is measured in all networks: enough starts that a sample of them says something.
const MEASURE: &str = "[measure]\nduration_ms = 200\nstarts_per_map = 10\n";

/// Networks of different kinds: their minima are followed from update to update, sought afresh, those of the paper; rings
/// near capacity, where many points have several minima; surfaces; points between the neurons, idealized bumps as rows.
const NETWORKS: [(&str, &str); 5] = [
    ("rings", "[network]\nneurons = 100\nmaps = 3\nseed = 3\n[flatten]\niterations = 3\nridge = 1e-6\n"),
    (
        "crowded rings",
        "[network]\nneurons = 150\nmaps = 6\nseed = 5\n[flatten]\niterations = 3\nridge = 1e-4\n",
    ),
    (
        "rings of the paper",
        "[network]\nneurons = 100\nmaps = 3\nseed = 3\n[flatten]\niterations = 3\nridge = 1e-6\ndefinition = \"paper\"\n",
    ),
    (
        "tori",
        "[network]\nneurons = 196\nseed = 3\n[[maps]]\nshape = \"torus\"\ncount = 2\nsides = [14, 14]\n[flatten]\niterations = 3\nridge = 1e-3\n",
    ),
    (
        "points between",
        "[network]\nneurons = 100\nmaps = 3\nseed = 3\n[flatten]\npoints_per_map = 200\niterations = 3\nidealized_updates = 1\nridge = 1e-3\nstart = \"idealized\"\n",
    ),
];

/// Everything in a run that a forger would change.
struct Forgery {
    config: Config,
    manifest: Manifest,
    /// N, L, and the states of one landscape.
    sizes: [usize; 3],
    base: Vec<f64>,
    delta: Vec<f64>,
    energies: Vec<f64>,
    iterations: Vec<IterationRecord>,
    drift: Vec<DriftRecord>,
    rates: Option<Vec<f32>>,
    /// Of the sound run: what it says of one map alone stays.
    sound: Summary,
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
        let plan = directory.read_plan().unwrap();
        let forgery = Self {
            sizes: [plan.neurons, plan.maps, plan.states()],
            config: plan.config,
            manifest,
            base: directory.read_array("weights_base.npy").unwrap().1,
            delta: directory.read_array("weights_delta.npy").unwrap().1,
            energies: directory.read_array("energies.npy").unwrap().1,
            iterations: directory.read_rows("iterations.csv").unwrap(),
            drift: directory.read_rows("drift.csv").unwrap(),
            rates: directory.has("rates.npy").then(|| directory.read_array("rates.npy").unwrap().1),
            sound: directory.read_summary().unwrap(),
            summary: None,
        };
        (directory, forgery)
    }

    /// Writes everything such that it agrees with everything else that is cheap to make agree.
    fn write(mut self, mut directory: RunDirectory) {
        let [n, maps, states] = self.sizes;
        for (landscape, row) in self.energies.chunks(states).zip(&mut self.iterations) {
            let found = Roughness::of(landscape, None);
            (row.energy_sd, row.energy_peak, row.energy_mean, row.energy_robust_sd) =
                (found.sd, found.peak, found.mean, found.robust_sd);
        }
        let plan = Plan::new(self.config.clone()).unwrap();
        if self.manifest.configuration != "forged" {
            let network = plan.network(0).unwrap();
            self.manifest.configuration = Inputs::new(&plan, &network).identity(&network);
        }
        let summary = Summary::new(&plan, self.manifest.outcome, &self.iterations, &self.drift);
        let summary = self.summary.unwrap_or(Summary { alone: self.sound.alone, ..summary });
        let shape = [self.energies.len() / states, maps, states / maps];
        let mut json = serde_json::to_vec_pretty(&summary).unwrap();
        json.push(b'\n');
        let mut files = vec![
            ("config.toml", self.config.to_toml().into_bytes()),
            ("weights_base.npy", npy::encode(&[n, n], &self.base)),
            ("weights_delta.npy", npy::encode(&[n, n], &self.delta)),
            ("energies.npy", npy::encode(&shape, &self.energies)),
            ("iterations.csv", csv_of(&self.iterations)),
            ("drift.csv", csv_of(&self.drift)),
            ("summary.json", json),
        ];
        if let Some(rates) = self.rates {
            files.push(("rates.npy", npy::encode(&[states, n], &rates)));
        }
        for (name, bytes) in files {
            directory.write(name, &bytes).unwrap();
        }
        directory.write_manifest(self.manifest).unwrap();
    }

    /// The landscape after the last update.
    fn last(&mut self) -> &mut [f64] {
        let start = self.energies.len() - self.sizes[2];
        &mut self.energies[start..]
    }

    /// The landscape before the first update.
    fn first(&mut self) -> &mut [f64] {
        &mut self.energies[..self.sizes[2]]
    }

    /// The last row of `iterations.csv`.
    fn row(&mut self) -> &mut IterationRecord {
        self.iterations.last_mut().unwrap()
    }

    fn after(&mut self) -> impl Iterator<Item = &mut DriftRecord> {
        self.drift.iter_mut().filter(|r| r.network == Which::Flattened)
    }
}

fn mean(landscape: &[f64]) -> f64 {
    landscape.iter().sum::<f64>() / landscape.len() as f64
}

type Change = fn(&mut Forgery);

const KINDS: [(&str, Change); 33] = [
    ("M set to zero", |f| f.delta.fill(0.0)),
    ("M negated", |f| f.delta.iter_mut().for_each(|m| *m = -*m)),
    ("M infinite", |f| (f.delta[1], f.delta[100]) = (f64::INFINITY, f64::INFINITY)),
    ("M not symmetric", |f| f.delta[1] *= 2.0),
    ("M with a diagonal", |f| f.delta[0] = 1e-9),
    ("M a tenth larger", |f| f.delta.iter_mut().for_each(|m| *m *= 1.1)),
    ("the last landscape a hundred times flatter", |f| {
        let mean = mean(f.last());
        f.last().iter_mut().for_each(|e| *e = mean + (*e - mean) / 100.0);
    }),
    ("every twelfth point of the last landscape at the mean", |f| {
        let mean = mean(f.last());
        f.last().iter_mut().step_by(12).for_each(|e| *e = mean);
    }),
    ("the last landscape's extremes smoothed", |f| {
        let mean = mean(f.last());
        let peak = f.last().iter().map(|e| (*e - mean).abs()).fold(0.0, f64::max);
        f.last().iter_mut().filter(|e| (**e - mean).abs() > 0.6 * peak).for_each(|e| *e = mean);
    }),
    ("a flat landscape, and all its points called unconverged", |f| {
        let (mean, states) = (mean(f.last()), f.sizes[2]);
        f.last().fill(mean);
        f.row().unconverged = states;
    }),
    ("every second point of the first landscape moved", |f| {
        f.first().iter_mut().step_by(2).for_each(|e| *e += 5.0)
    }),
    ("drifts after flattening of zero, and of one unit where they are zero", |f| {
        f.after().for_each(|r| {
            let step = if r.displacement == 0.0 { 1.0 } else { 0.0 };
            r.end = [r.start[0] + step, r.start[1]];
            (r.displacement, r.settled_displacement) = (step, step);
        });
    }),
    ("rate changes after flattening halved", |f| f.after().for_each(|r| r.rate_change /= 2.0)),
    ("scores raised", |f| f.after().for_each(|r| r.score += 1.0)),
    ("phases of zero", |f| f.after().for_each(|r| r.phase_displacement = 0.0)),
    ("energies of the ends lowered", |f| f.after().for_each(|r| r.end_energy -= 100.0)),
    ("energies of the starts raised", |f| f.drift.iter_mut().for_each(|r| r.start_energy += 100.0)),
    ("one displacement that leads elsewhere", |f| f.drift[7].displacement += 1.0),
    ("one trajectory left out", |f| {
        f.drift.remove(4);
    }),
    ("drift before flattening left out", |f| f.drift.retain(|r| r.network == Which::Flattened)),
    ("another ridge", |f| f.config.flatten.ridge = 1e-9),
    ("another dt", |f| f.config.dynamics.dt_ms = 0.1),
    ("another current", |f| f.config.dynamics.baseline_current = 11.0),
    ("another definition", |f| {
        f.config.flatten.definition = match f.config.flatten.definition {
            Definition::Kkt => Definition::Paper,
            Definition::Paper => Definition::Kkt,
        };
    }),
    ("another seed", |f| (f.config.network.seed, f.manifest.seed) = (4, 4)),
    ("another status", |f| f.manifest.outcome = Status::Converged),
    ("another device", |f| f.manifest.device = ComputeDevice::Gpu("NVIDIA H100".to_owned())),
    ("another identity", |f| f.manifest.configuration = "forged".to_owned()),
    ("flat between the points", |f| {
        let row = f.row();
        (row.heldout_robust_sd, row.heldout_sd, row.heldout_peak) =
            (row.heldout_robust_sd / 20.0, row.heldout_sd / 20.0, row.heldout_peak / 20.0);
    }),
    ("idealized bumps lower", |f| f.row().idealized_height /= 2.0),
    ("weight changes smaller", |f| f.iterations.iter_mut().for_each(|r| r.delta_sd /= 10.0)),
    ("an update left out", |f| {
        f.iterations.pop();
        f.energies.truncate(f.energies.len() - f.sizes[2]);
    }),
    ("a summary of its own", |f| {
        let mut summary = f.sound.clone();
        summary.drift_after.as_mut().unwrap().mean_drift = 0.01;
        f.summary = Some(summary);
    }),
];

/// Kinds of states that are not those of the landscape, where states are kept.
const KINDS_OF_STATES: [(&str, Change); 3] = [
    ("states of zero", |f| f.rates.as_mut().unwrap().fill(0.0)),
    ("states of other points", |f| f.rates.as_mut().unwrap().rotate_left(10 * f.sizes[0])),
    ("states that are no minima", |f| f.rates.as_mut().unwrap().iter_mut().for_each(|r| *r *= 1.001)),
];

/// Kinds of forgery in a run that are not found.
fn missed(run: &Path, forged: &Path, kinds: &[(&'static str, Change)]) -> Vec<&'static str> {
    let mut missed = Vec::new();
    for &(kind, change) in kinds {
        copy(run, forged);
        let (directory, mut forgery) = Forgery::open(forged);
        change(&mut forgery);
        forgery.write(directory);
        let manifest = |folder: &Path| fs::read(folder.join("manifest.json")).unwrap();
        assert_ne!(manifest(run), manifest(forged), "{kind} changes nothing");
        if verify(forged, None).is_ok() {
            missed.push(kind);
        }
        fs::remove_dir_all(forged).unwrap();
    }
    missed
}

/// What is written without a change is sound: what is found is the change.
fn unchanged_is_sound(run: &Path, forged: &Path) {
    copy(run, forged);
    let (directory, forgery) = Forgery::open(forged);
    forgery.write(directory);
    verify(forged, None).unwrap();
    fs::remove_dir_all(forged).unwrap();
}

#[test]
fn every_kind_is_found_in_every_network() {
    for (name, network) in NETWORKS {
        let place = Workplace::new(&[network, MEASURE].concat());
        place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
        let (run, forged) = (place.path("run"), place.path("forged"));
        unchanged_is_sound(&run, &forged);
        assert_eq!(missed(&run, &forged, &KINDS), [""; 0], "{name}");
    }
}

#[test]
fn states_are_those_of_the_landscape() {
    let place = Workplace::new(&[NETWORKS[0].1, MEASURE].concat());
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet", "--keep-states"]);
    let (run, forged) = (place.path("run"), place.path("forged"));
    unchanged_is_sound(&run, &forged);
    assert_eq!(missed(&run, &forged, &KINDS_OF_STATES), [""; 0]);
}

#[test]
fn doing_it_all_again_finds_the_same() {
    let place = Workplace::new(&[NETWORKS[1].1, MEASURE].concat());
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
    let text = place.succeed(&["verify", "run", "--full"]);
    assert!(text.contains("flattening again gives the same M"), "{text}");
    // What no sample finds: one energy after the last update, one figure of a row in the middle.
    let kinds: [(&str, Change); 3] = [
        ("one energy of the last landscape", |f| f.last()[17] += 1e-3),
        ("one energy of a landscape in the middle", |f| f.energies[f.sizes[2] + 17] += 1e-3),
        ("roughness between the points, in the middle", |f| f.iterations[1].heldout_robust_sd *= 0.99),
    ];
    for (kind, change) in kinds {
        copy(&place.path("run"), &place.path("forged"));
        let (directory, mut forgery) = Forgery::open(&place.path("forged"));
        change(&mut forgery);
        forgery.write(directory);
        assert!(verify(&place.path("forged"), Some(&Cpu)).is_err(), "{kind}");
    }
}
