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

/// Places of `neurons` neurons on a 16 × 16 torus's sites, changed.
fn changed(change: impl Fn(&mut Vec<f64>)) -> Vec<u8> {
    let (_, mut values) = npy::decode::<f64>(&places()).unwrap();
    change(&mut values);
    npy::encode(&[COUNT, SIDE * SIDE, 2], &values)
}

/// Says in one line what is wrong, where, and what is allowed, ends with the code, and leaves nothing behind.
fn refused(text: &str, file: Option<(&str, Vec<u8>)>, code: i32, parts: &[&str]) {
    let place = Workplace::new(text);
    fs::create_dir(place.path("given")).unwrap();
    if let Some((name, bytes)) = file {
        fs::write(place.path("given").join(name), bytes).unwrap();
    }
    place.fail(&["optimize", "tiny.toml", "--out", "run"], code, parts);
    assert!(!place.path("run").exists(), "{text}: something was left behind");
}

#[test]
fn places_that_make_no_map_are_refused() {
    let cases: [(&str, Vec<u8>, &[&str]); 7] = [
        (
            "outside",
            changed(|x| x[5] = 16.5),
            &["map 0, neuron 2", "16.5", "outside the torus", "[16.0, 16.0]"],
        ),
        (
            "some coordinates",
            changed(|x| x[7] = f64::NAN),
            &["map 0, neuron 3", "NaN in some coordinates only"],
        ),
        ("infinite", changed(|x| x[7] = f64::INFINITY), &["map 0, neuron 3", "outside the torus"]),
        (
            "one site",
            changed(|x| x.copy_within(0..2, 4)),
            &["map 0", "neurons 0 and 2 both lie at [0.0, 0.0]", "one neuron"],
        ),
        ("few members", changed(|x| x[30..512].fill(f64::NAN)), &["map 0 has 15 members", "at least 20"]),
        (
            "half the members",
            changed(|x| x[200..512].fill(f64::NAN)),
            &["map 0 has 100 members", "maps.sides"],
        ),
        (
            "wrong D",
            npy::encode(&[COUNT, 256, 1], &[0.0; 512]),
            &["[2, 256, 1]", "[2, 256, 2]", "[count, neurons, D]"],
        ),
    ];
    for (name, bytes, parts) in cases {
        println!("{name}");
        let mut parts = parts.to_vec();
        parts.push("x.npy");
        refused(TORI, Some(("x.npy", bytes)), 4, &parts);
    }
}

#[test]
fn maps_that_cannot_be_are_refused() {
    let maps = |keys: &str| format!("[network]\nneurons = 400\n[[maps]]\n{keys}\n");
    let cases: [(&str, &[&str]); 14] = [
        ("shape = \"torus\"\nsides = [30, 30]", &["[[maps]] 1 (torus)", "900 sites for 400 neurons"]),
        (
            "shape = \"torus\"\nsides = [10, 10]\nmembers = 0.5",
            &["100 sites", "200 members", "make them equal"],
        ),
        ("shape = \"torus\"\nsides = [10.5, 10]", &["not whole numbers of sites", "lattice"]),
        ("shape = \"torus\"\nsides = [400]", &["1 numbers; a torus has 2"]),
        ("shape = \"ring\"\nsides = [20, 20]", &["2 numbers; a ring has 1"]),
        ("shape = \"torus\"\nmembers = 0.04", &["16 members are fewer than a bump needs", "at least 20"]),
        ("shape = \"torus\"\nmembers = 0.3475", &["139 members", "nearly square lattice", "maps.sides"]),
        (
            "shape = \"sheet\"\nmargin = 9.9",
            &["a margin of 9.90 leaves no points on a side of 20.00", "below 9.5"],
        ),
        ("shape = \"sheet\"\nlattice = \"hexagonal\"", &["hexagonal", "tori"]),
        ("shape = \"torus\"\nplacement = \"file\"", &["maps.positions"]),
        ("shape = \"torus\"\npositions = \"given/x.npy\"", &["placement = \"file\" only"]),
        ("shape = \"torus\"\nkernel = { width = 5.0 }", &["width is 5.00", "from 1 to 2.5"]),
        ("shape = \"torus\"\nkernel = { amplitude = 0.01 }", &["no single bump, even with one map"]),
        ("shape = \"disc\"", &["shape", "\"torus\""]),
    ];
    for (keys, parts) in cases {
        refused(&maps(keys), None, 2, parts);
    }
    let few = "[network]\nneurons = 100\nmaps = 2\nmembers = 0.15\n";
    refused(few, None, 2, &["network.members = 0.15", "15 members", "at least 20"]);
    let both = maps("shape = \"ring\"").replace("[[", "members = 0.5\n[[");
    refused(&both, None, 2, &["network.members means rings"]);
    let mixed = "[network]\nneurons = 256\n[[maps]]\nshape = \"ring\"\n[[maps]]\nshape = \"torus\"\n";
    refused(mixed, None, 2, &["[[maps]] 1 (ring)", "[[maps]] 2 (torus)", "set maps.kernel.amplitude = "]);
}

#[test]
fn networks_of_ones_own_that_cannot_be_are_refused() {
    let ring = "[[maps]]\nshape = \"ring\"\ncount = 2\nsides = [40]\n";
    let own =
        format!("[network]\nneurons = 40\nweights_file = \"given/w.npy\"\nexternal_current = 9.0\n{ring}");
    let weights = |change: &dyn Fn(&mut Vec<f64>)| {
        let mut values = vec![-0.5; 1600];
        change(&mut values);
        npy::encode(&[40, 40], &values)
    };
    let file = |bytes| Some(("w.npy", bytes));
    let asymmetric = weights(&|w| w[3 * 40 + 7] = 0.25);
    refused(&own, file(asymmetric), 4, &["not symmetric", "0.25 back", "no energy", "(W + Wᵀ)/2"]);
    let infinite = weights(&|w| w[2 * 40 + 1] = f64::INFINITY);
    refused(&own, file(infinite), 4, &["neurons 2 and 1 is inf", "finite"]);
    refused(&own, file(npy::encode(&[20, 80], &[0.0; 1600])), 4, &["[20, 80]", "[40, 40]"]);
    let alone = own.replace("external_current = 9.0\n", "");
    refused(&alone, file(weights(&|_| ())), 2, &["needs network.external_current", "number [Hz^2]"]);
    let current = own.replace("9.0", "\"given/w.npy\"");
    refused(&current, file(weights(&|_| ())), 4, &["external currents are 40 finite numbers"]);
    let without = own.replace("weights_file = \"given/w.npy\"\n", "");
    refused(&without, None, 2, &["goes with network.weights_file"]);
    let relaxed = without.replace("external_current = 9.0\n", "bump = \"relaxed\"\n");
    refused(&relaxed, None, 2, &["network.bump = \"relaxed\" goes with network.weights_file"]);
    let silent = own.replace("9.0\n", "-9.0\nbump = \"relaxed\"\n");
    refused(
        &silent,
        file(weights(&|_| ())),
        2,
        &["network.bump", "[[maps]] 1", "64 die out", "same neurons"],
    );
}
