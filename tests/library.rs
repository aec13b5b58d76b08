//! What a program that uses the library relies on.

use flatscape::connectivity::connectivity;
use flatscape::{Config, Error, Kernel, Maps, Model, Run, WeightMatrix, verify};

fn config(settings: &[&str]) -> Config {
    let mut config = Config::default();
    let small = ["network.neurons=120", "network.maps=2", "flatten.iterations=2", "measure.duration_ms=40"];
    small.iter().chain(settings).for_each(|s| config.set(s).unwrap());
    config
}

#[test]
fn a_saved_run_is_sound_and_reads_back_bit_for_bit() {
    let model = Model::new(config(&[])).unwrap();
    let run = model.flatten().unwrap();
    let (before, after) = (model.measure().unwrap(), run.measure().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let summary = run.save(folder.path(), &[&before, &after]).unwrap();
    assert_eq!(summary.drift_after, Some(after.summary));
    assert!(verify(folder.path(), None).unwrap().strangers.is_empty());
    let read = Run::load(folder.path()).unwrap();
    assert_eq!(read.weights().as_slice(), run.weights().as_slice());
    assert_eq!(read.records(), run.records());
    assert_eq!(read.energies(2), run.energies(2));
    assert_eq!(read.energies(3), None);
    assert_eq!(read.measure().unwrap(), after);
    let again = run.save(folder.path(), &[]).unwrap_err();
    assert!(matches!(again, Error::Usage(_)), "{again}");
}

#[test]
fn a_run_in_a_directory_is_the_run_in_memory() {
    let model = Model::new(config(&[])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = model.run_in(folder.path()).unwrap();
    assert_eq!(written.weights().as_slice(), model.flatten().unwrap().weights().as_slice());
    // Complete already: read, not made again.
    let seconds = std::fs::read(folder.path().join("manifest.json")).unwrap();
    model.run_in(folder.path()).unwrap();
    assert_eq!(std::fs::read(folder.path().join("manifest.json")).unwrap(), seconds);
}

#[test]
fn given_maps_are_the_ones_that_are_embedded() {
    let maps = Maps::random(120, 2, 9, 0);
    let mut config = config(&[]);
    let refused =
        Model::with_maps(Config { network: Config::default().network, ..config.clone() }, maps.clone());
    assert!(refused.is_ok());
    config.network.maps = Some(3);
    let refused = Model::with_maps(config, maps.clone()).err().expect("three maps are not two").to_string();
    assert!(refused.contains("network.maps = 3"), "{refused}");
    let kernel = Kernel::PAPER.scaled_to(120);
    let model = Model::with_maps(Config::default(), maps.clone()).unwrap();
    assert_eq!(model.network().weights.as_slice(), connectivity(&[kernel], &maps).as_slice());
}

#[test]
fn trajectories_and_landscape_agree_with_the_measurement() {
    let model = Model::new(config(&["measure.starts_per_map=1"])).unwrap();
    let network = model.network();
    let starts = model.bump_currents(&model.starts());
    let runs = model.simulate(&network.weights, &starts, &[0.0, 40.0]).unwrap();
    for (run, record) in runs.iter().zip(model.measure().unwrap().records) {
        assert_eq!((run.energies[0], run.energies[1]), (record.start_energy, record.end_energy));
    }
    let minima = model.minima(&network.weights).unwrap();
    assert_eq!(minima.energies.as_slice(), model.flatten().unwrap().energies(0).unwrap());
}

#[test]
fn arguments_of_the_wrong_size_are_refused_with_both_sizes() {
    let model = Model::new(config(&[])).unwrap();
    let weights = &model.network().weights;
    let refused = |result: flatscape::Result<_>| match result {
        Err(error) => error.to_string(),
        Ok(_) => panic!("must be refused"),
    };
    let small = WeightMatrix::zeros(60);
    assert!(refused(model.simulate(&small, &[], &[0.0])).contains("60 neurons"));
    assert!(refused(model.simulate(weights, &[vec![0.0; 7]], &[0.0])).contains("7 currents"));
    assert!(refused(model.simulate(weights, &[], &[2.0, 1.0])).contains("ascending"));
    assert!(refused(model.simulate(weights, &[], &[f64::NAN])).contains("finite"));
    assert!(model.minima(&small).is_err() && model.measure_weights(&small).is_err());
}

#[test]
fn a_call_that_is_stopped_says_so() {
    let model = Model::new(config(&[])).unwrap().stopped_by(|| true);
    assert!(matches!(model.flatten(), Err(Error::Interrupted)));
    assert!(matches!(model.measure(), Err(Error::Interrupted)));
}
