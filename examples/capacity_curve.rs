//! Drift and score against the number of maps, with and without flattening: how many maps a network can hold.
//!
//! `cargo run --release --example capacity_curve`

use flatscape::{Config, Model, Result};

pub fn main() -> Result<()> {
    println!("{:>6}{:>24}{:>24}", "maps", "drift before / after", "score before / after");
    for maps in [1, 2, 4, 8] {
        let mut config = Config::default();
        for setting in ["network.neurons=120", "flatten.iterations=3", "measure.duration_ms=500"] {
            config.set(setting)?;
        }
        config.network.maps = Some(maps);
        let model = Model::new(config)?;
        let before = model.measure()?.summary;
        let after = model.flatten()?.measure()?.summary;
        let drift = format!("{:.2} / {:.2}", before.mean_drift, after.mean_drift);
        let score = format!("{:.2} / {:.2}", before.score, after.score);
        println!("{maps:>6}{drift:>24}{score:>24}");
    }
    Ok(())
}
