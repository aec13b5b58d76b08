//! Weight changes of few pairs and of few bits, solved for under that restriction.

use std::collections::HashSet;

use flatscape::connectivity::coarse::{Precision, prune, quantise};
use flatscape::connectivity::matrix::WeightMatrix;
use flatscape::landscape::roughness::Roughness;
use flatscape::{Config, Error, Model};

fn model(settings: &[&str]) -> Model {
    let mut config = Config::default();
    let common = ["network.neurons=120", "network.maps=2", "flatten.iterations=2", "flatten.ridge=1e-5"];
    for setting in common.iter().chain(settings) {
        config.set(setting).unwrap();
    }
    Model::new(config).unwrap()
}

/// SD of the landscape under J + M (Hz³).
fn roughness(model: &Model, delta: &WeightMatrix) -> f64 {
    let weights = model.network().weights.plus(1.0, delta);
    let minima = model.minima(&weights).unwrap();
    Roughness::of_minima(&minima, std::slice::from_ref(&(0..minima.energies.len()))).sd
}

fn pairs(delta: &WeightMatrix) -> usize {
    delta.as_slice().iter().filter(|w| **w != 0.0).count() / 2
}

#[test]
fn few_pairs_flatten_where_pruning_afterwards_does_not() {
    let sparse = model(&["flatten.keep=0.2"]).flatten().unwrap();
    let whole = model(&[]).flatten().unwrap();
    let mut pruned = whole.weight_change().clone();
    prune(&mut pruned, 0.8);
    assert!(pairs(sparse.weight_change()) <= 120 * 119 / 10, "{}", pairs(sparse.weight_change()));
    let plain = model(&[]);
    let [solved, afterwards] = [sparse.weight_change(), &pruned].map(|delta| roughness(&plain, delta));
    assert!(solved < 0.5 * afterwards, "{solved} against {afterwards}");
}

#[test]
fn few_bits_flatten_better_than_rounding_afterwards() {
    let coarse = model(&["flatten.precision=5"]).flatten().unwrap();
    let mut rounded = model(&[]).flatten().unwrap().weight_change().clone();
    quantise(&mut rounded, Precision::Bits(5));
    let values: HashSet<u64> = coarse.weight_change().as_slice().iter().map(|w| w.to_bits()).collect();
    assert!(values.len() <= 31 + 1, "{} values, with both zeros", values.len());
    let plain = model(&[]);
    let [solved, afterwards] = [coarse.weight_change(), &rounded].map(|delta| roughness(&plain, delta));
    assert!(solved < 0.5 * afterwards, "{solved} against {afterwards}");
}

#[test]
fn what_is_no_precision_is_refused() {
    for (setting, part) in [
        ("flatten.precision=0", "from 1 to 16"),
        ("flatten.precision=17", "\"f16\""),
        ("flatten.precision=f32", "\"f16\""),
        ("flatten.keep=0", "above 0"),
    ] {
        match Config::default().set(setting) {
            Err(Error::Usage(text)) => assert!(text.contains(part), "{text}"),
            other => panic!("{setting} gave {other:?}"),
        }
    }
    let mut few = Config::default();
    few.set("flatten.keep=0.01").unwrap();
    // 1,797 of 179,700 pairs for 6,000 states.
    assert!(matches!(Model::new(few), Err(Error::Usage(text)) if text.contains("weights")));
}
