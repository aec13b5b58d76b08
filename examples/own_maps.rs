//! Flattens a network whose maps are given: the order of recorded place fields in two environments.
//!
//! `cargo run --release --example own_maps`

use flatscape::{Config, Error, Maps, Model, Result};

const NEURONS: usize = 120;

pub fn main() -> Result<()> {
    // A map says at which position of the ring each neuron lies, and each position has one neuron: ranks of the centres.
    let positions = (0..2).flat_map(|environment| ranks(&field_centres(environment))).collect();
    let maps = Maps::from_positions(NEURONS, positions).map_err(Error::Usage)?;
    let mut config = Config::default();
    config.set("measure.duration_ms=500")?;
    let model = Model::with_maps(config, maps)?;
    let run = model.flatten()?;
    println!("external current {:.2} Hz^2", model.network().external_current[0]);
    println!("roughness {:.3} Hz^3", run.records().last().map_or(f64::NAN, |r| r.energy_sd));
    println!("drift {:.2} neuron units", run.measure()?.summary.mean_drift);
    Ok(())
}

/// Stands in for measured place field centres, anywhere on a track of length 1.
fn field_centres(environment: usize) -> Vec<f64> {
    let centre =
        |i: usize| ((12.9898 * i as f64 + 78.233 * environment as f64).sin() * 43758.5453).rem_euclid(1.0);
    (0..NEURONS).map(centre).collect()
}

/// The rank of every value among all of them.
fn ranks(values: &[f64]) -> Vec<i32> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0; values.len()];
    for (rank, neuron) in order.into_iter().enumerate() {
        ranks[neuron] = rank as i32;
    }
    ranks
}
