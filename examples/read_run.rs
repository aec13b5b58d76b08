//! Reads a run directory: its landscape, its weights, and where one bump goes in the flattened network.
//!
//! `cargo run --release --example read_run -- runs/paper`; without a directory it makes a small run of its own.

use std::path::{Path, PathBuf};

use flatscape::{Config, Model, Result, Run};

pub fn main() -> Result<()> {
    let scratch = tempfile::tempdir().map_err(|e| flatscape::Error::io(Path::new("."), "create", e))?;
    let directory = match std::env::args_os().nth(1).map(PathBuf::from).filter(|path| path.is_dir()) {
        Some(given) => given,
        None => {
            let mut config = Config::default();
            for setting in ["network.neurons=120", "network.maps=2", "measure.duration_ms=200"] {
                config.set(setting)?;
            }
            Model::new(config)?.run_in(scratch.path())?;
            scratch.path().to_owned()
        }
    };
    let run = Run::load(&directory)?;
    let (model, weights) = (run.model(), run.weights());
    println!("{} neurons, {} maps: {}", model.plan().neurons, model.plan().maps, run.status().describe());
    let landscape = run.energies(run.records().len() - 1).unwrap_or_default();
    let mean = landscape.iter().sum::<f64>() / landscape.len() as f64;
    println!("energies about {mean:.1} Hz^3; the first lies {:.3} Hz^3 above", landscape[0] - mean);
    let start = model.bump_currents(&model.starts()[..1]);
    let trajectory = &model.simulate(&weights, &start, &[0.0, 100.0, 1000.0])?[0];
    println!("energy of a bump at 0, 0.1 and 1 s: {:.3?} Hz^3", trajectory.energies);
    Ok(())
}
