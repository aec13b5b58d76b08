//! The examples run, from beginning to end.

#[path = "../examples/capacity_curve.rs"]
mod capacity_curve;
#[path = "../examples/flatten_and_measure.rs"]
mod flatten_and_measure;
#[path = "../examples/own_maps.rs"]
mod own_maps;
#[path = "../examples/read_run.rs"]
mod read_run;

#[test]
fn flatten_and_measure() {
    flatten_and_measure::main().unwrap();
}

#[test]
fn own_maps() {
    own_maps::main().unwrap();
}

#[test]
fn capacity_curve() {
    capacity_curve::main().unwrap();
}

#[test]
fn read_run() {
    read_run::main().unwrap();
}
