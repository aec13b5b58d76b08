//! Runs of configurations that name files: the files may be gone when the run is looked at again.

use std::fs;

use flatscape::files::npy;
use flatscape::records::verify;

use crate::workplace::Workplace;

const SIDE: usize = 16;
const COUNT: usize = 2;

/// Tori with places from a file: the sites of a lattice, in the order of neurons on one map and reversed on the other.
const TORI: &str = "[[maps]]\nshape = \"torus\"\ncount = 2\nsides = [16, 16]\nplacement = \"file\"\npositions = \"given/x.npy\"\n[flatten]\niterations = 1\nridge = 1e-3\n[measure]\nduration_ms = 100\nstarts_per_map = 2\n";

fn places() -> Vec<u8> {
    let neurons = SIDE * SIDE;
    let site = |i: usize| [(i / SIDE) as f64, (i % SIDE) as f64];
    let places: Vec<f64> = (0..neurons).chain((0..neurons).rev()).flat_map(site).collect();
    npy::encode(&[COUNT, neurons, 2], &places)
}

#[test]
fn a_run_needs_no_file_beside_it() {
    let place = Workplace::new(TORI);
    fs::create_dir(place.path("given")).unwrap();
    fs::write(place.path("given/x.npy"), places()).unwrap();
    place.succeed(&["optimize", "tiny.toml", "--out", "run", "--quiet"]);
    fs::remove_dir_all(place.path("given")).unwrap();
    fs::rename(place.path("run"), place.path("moved")).unwrap();
    let run = place.path("moved");
    assert_eq!(fs::read(run.join("positions-1.npy")).unwrap(), places());
    let found = verify(&run, None).unwrap();
    assert!(found.unread.is_empty() && found.strangers.is_empty(), "{found:?}");
    place.succeed(&["measure", "moved", "--starts", "1", "--quiet"]);
    // And without it nothing is verified.
    fs::remove_file(run.join("positions-1.npy")).unwrap();
    assert!(verify(&run, None).is_err());
}
