//! Flattens a small network and measures how far bumps drift before and after.
//!
//! `cargo run --release --example flatten_and_measure`

use flatscape::{Config, Model, Result};

pub fn main() -> Result<()> {
    let mut config = Config::default();
    for setting in ["network.neurons=120", "network.maps=3", "measure.duration_ms=1000"] {
        config.set(setting)?;
    }
    let model = Model::new(config)?;
    let before = model.measure()?;
    let run = model.flatten()?;
    let after = run.measure()?;
    for record in run.records() {
        println!("after {} weight changes: roughness {:.3} Hz^3", record.iteration, record.energy_sd);
    }
    for (name, drift) in [("before", &before.summary), ("after", &after.summary)] {
        println!("{name}: mean drift {:.2} neuron units, score {:.2}", drift.mean_drift, drift.score);
    }
    Ok(())
}
