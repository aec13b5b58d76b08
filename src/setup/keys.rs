//! Every key of a configuration: its unit, what it may be, what it is for.
//!
//! One table, [`KEYS`], is all there is: configuration files and `--set` are read by it, errors are worded from it, and
//! [`crate::setup::reference`] prints it. A new key is a field of [`Config`], its default, and one line here.

use crate::setup::config::Config;
use crate::setup::groups::MapsConfig;
use crate::setup::key::{Key, key};
use crate::setup::values::Values;

/// `flatten.method` and the methods of scans.
const METHODS: &[&str] = &["none", "idealized", "constrained", "pseudo-inverse", "maximal-margin"];

/// The largest whole number of a TOML file.
const LARGEST: u64 = i64::MAX as u64;

/// Every key of a configuration.
pub static KEYS: &[Key<Config>] = &[
    key!(
        network.neurons,
        Values::Whole(20, 100_000),
        "",
        "Number of neurons, N.",
        "600, or as many as maps_file has"
    ),
    key!(network.maps, Values::Whole(1, 10_000), "", "Number of maps, L.", "10, or as many as maps_file has"),
    key!(
        network.members,
        Values::Above(0.0, 1.0),
        "",
        "Fraction of the neurons that take part in each of the maps, p.",
        "all of them"
    ),
    key!(network.seed, Values::Whole(0, LARGEST), "", "Seed of the random maps."),
    key!(
        network.maps_file,
        Values::File(
            "an int32 or int64 .npy file of shape [maps, neurons], each row a permutation of 0..neurons"
        ),
        "",
        "Positions to use in place of random maps; a relative path starts at the configuration file.",
        "random maps"
    ),
    key!(
        network.weights_file,
        Values::File("a symmetric f64 or f32 .npy file of shape [neurons, neurons]"),
        "Hz",
        "Weights to use in place of the sum of the maps' kernels; the diagonal is left out.",
        "the maps' kernels"
    ),
    key!(
        network.external_current,
        Values::NumberOrFile(-1e9, 1e9, "an f64 .npy file of shape [neurons]"),
        "Hz^2",
        "External current h, one for all neurons or one for each; needed with weights_file.",
        "calibrated, so that the other maps' mean input is compensated"
    ),
    key!(
        network.bump,
        Values::Word(&["kernel", "relaxed"]),
        "",
        "Shape of the maps' bumps: that of one map alone with its kernel, or, with weights_file, of bumps relaxed in the network itself."
    ),
    key!(
        network.transfer.exponent,
        Values::Number(0.5, 1.0),
        "",
        "n of the transfer function, rate = gain * current^n."
    ),
    key!(network.transfer.gain, Values::Above(0.0, 1e6), "", "Rate (Hz) at a current of 1 Hz^2."),
    key!(kernel.amplitude, Values::Above(0.0, 1e6), "Hz", "Excitation at distance 0 within a map, A."),
    key!(
        kernel.width,
        Values::Above(0.0, 1e5),
        "neuron units",
        "Standard deviation of the excitation, sigma."
    ),
    key!(kernel.inhibition, Values::Number(-1e6, 0.0), "Hz", "Uniform inhibition within a map, b."),
    key!(
        kernel.scale,
        Values::Flag,
        "",
        "Whether amplitude, width and inhibition are given for 600 neurons and scaled to network.neurons."
    ),
    key!(dynamics.tau_ms, Values::Above(0.0, 1e6), "ms", "Time constant of the neurons, tau."),
    key!(dynamics.dt_ms, Values::Above(0.0, 1e6), "ms", "Euler step; at most tau_ms."),
    key!(
        dynamics.baseline_current,
        Values::Number(-1e6, 1e6),
        "Hz^2",
        "External current of a network with one map, h0; further maps are compensated for."
    ),
    key!(
        dynamics.noise.kind,
        Values::Word(&["none", "poisson", "current"]),
        "",
        "Noise of the trajectories: none, spikes in place of rates (poisson), or a noise current of each neuron (current)."
    ),
    key!(
        dynamics.noise.fano,
        Values::Above(0.0, 1e3),
        "",
        "Of poisson noise: variance of the number of spikes by its mean, F."
    ),
    key!(
        dynamics.noise.sd,
        Values::Above(0.0, 1e6),
        "Hz^2",
        "Of current noise: s in tau dI = (...) dt + s sqrt(tau) dB."
    ),
    key!(dynamics.noise.seed, Values::Whole(0, LARGEST), "", "Seed of the noise, beside that of the maps."),
    key!(
        flatten.method,
        Values::Word(METHODS),
        "",
        "States the landscape is flattened at: none, idealized bumps (eq. 2), or constrained minima, iterated (eq. 3); or a baseline: the pseudo-inverse rule, or in scans learning of maximal margin."
    ),
    key!(
        flatten.definition,
        Values::Word(&["kkt", "paper"]),
        "",
        "Which constrained minimum: the true one over all rates (kkt), or the paper's, on the idealized bump's neurons."
    ),
    key!(
        flatten.minimizer,
        Values::Word(&["newton", "descent"]),
        "",
        "How minima are found: Newton's method, or the paper's gradient descent, slow and kept as a reference."
    ),
    key!(
        flatten.points_per_map,
        Values::Whole(1, 1_000_000),
        "",
        "Points on each map at which the landscape is flattened, K.",
        "as many as neurons; fewer where these would be more than half as many as weights"
    ),
    key!(flatten.iterations, Values::Whole(0, 1000), "", "Weight updates, at most."),
    key!(flatten.ridge, Values::Number(0.0, 1.0), "", "Ridge, relative to the Gram matrix's mean diagonal."),
    key!(
        flatten.ridge_decay,
        Values::Above(0.0, 1.0),
        "",
        "The ridge is multiplied by this after every weight update."
    ),
    key!(
        flatten.solver,
        Values::Word(&["auto", "direct", "cg"]),
        "",
        "How the Gram system is solved: Cholesky (direct), conjugate gradients (cg), or by size (auto)."
    ),
    key!(
        flatten.accuracy,
        Values::Above(0.0, 0.5),
        "",
        "cg ends when the predicted roughness is this fraction of the present one; at 1e-8 where auto takes it for up to 12,000 states."
    ),
    key!(
        flatten.start,
        Values::Word(&["previous", "idealized"]),
        "",
        "Where the search for minima begins after an update: at the minima before it, or at the idealized bumps."
    ),
    key!(
        flatten.idealized_updates,
        Values::Whole(0, 1000),
        "",
        "How many weight updates, from the first on, take the idealized bumps to the level of the minima too (beyond the paper)."
    ),
    key!(
        flatten.pseudo_inverse_first,
        Values::Flag,
        "",
        "Whether constrained minima are flattened from the weights of the pseudo-inverse rule on, one update more (beyond the paper)."
    ),
    key!(
        flatten.pseudo_inverse_ridge,
        Values::Above(0.0, 1e3),
        "",
        "Ridge of the pseudo-inverse rule, relative to the mean eigenvalue of the bumps' correlations."
    ),
    key!(
        flatten.margin,
        Values::Above(0.0, 1e6),
        "Hz^2",
        "Of learning of maximal margin: how far every neuron's current is to be from 0, on the right side, in all idealized bumps.",
        "5 with method = \"maximal-margin\""
    ),
    key!(
        flatten.least_norm,
        Values::Number(0.0, 1.0),
        "",
        "How far each update goes from M towards the least M that does the same: 0 adds the least change, 1 replaces M (beyond the paper)."
    ),
    key!(
        flatten.tolerance,
        Values::Number(0.0, 1e6),
        "Hz^3",
        "Updates end when the landscape's SD at fitted points is below this."
    ),
    key!(
        flatten.keep,
        Values::Above(0.0, 1.0),
        "",
        "Fraction of the pairs of neurons whose weights may change; each update is solved for in these pairs."
    ),
    key!(
        flatten.precision,
        Values::WholeOrWord(1, 16, "f16"),
        "bits",
        "Bits of a weight of M, or half precision (f16); each update is solved for on this grid.",
        "double precision"
    ),
    key!(
        measure.duration_ms,
        Values::Above(0.0, 1e7),
        "ms",
        "Length of the trajectories that measure drift."
    ),
    key!(measure.starts_per_map, Values::Whole(1, 100_000), "", "Starts on each map."),
    key!(
        measure.starts,
        Values::Word(&["sites", "anywhere"]),
        "",
        "Where they lie: on sites of the map's lattice, evenly spaced, or anywhere, also between them."
    ),
    key!(
        measure.replicates,
        Values::Whole(1, 100_000),
        "",
        "Trajectories from every start, each with noise of its own.",
        "20 with noise, else 1"
    ),
    key!(
        measure.record_ms,
        Values::Above(0.0, 1e7),
        "ms",
        "Time between two rows of trajectories.csv.",
        "a sixtieth of the duration with noise, no trajectories.csv without"
    ),
    key!(
        measure.completion,
        Values::Numbers(0.0, 1.0, 20),
        "",
        "Fractions of a start's active neurons that are exchanged for silent ones: the trials of a scan measure how many such starts find their map and place again.",
        "pattern completion is not measured"
    ),
    key!(
        measure.corrupt.silence,
        Values::Number(0.0, 1.0),
        "",
        "Fraction of a start's active neurons that are silenced."
    ),
    key!(
        measure.corrupt.replace,
        Values::Number(0.0, 1.0),
        "",
        "Fraction of a start's active neurons that change places with silent ones."
    ),
    key!(
        measure.corrupt.noise,
        Values::Number(0.0, 1e6),
        "Hz",
        "Standard deviation of normal noise on the rates of a start's active neurons."
    ),
    key!(
        drive.path,
        Values::Word(&["constant", "sinusoid", "walk", "file"]),
        "",
        "Velocity of flatscape drive in the course of time: constant, a sinusoid, a random walk, or a table (file)."
    ),
    key!(
        drive.velocity,
        Values::Above(0.0, 1e6),
        "neuron units/s",
        "Its size; of a walk its standard deviation."
    ),
    key!(drive.period_ms, Values::Above(0.0, 1e7), "ms", "Period of a sinusoid, correlation time of a walk."),
    key!(
        drive.file,
        Values::File(
            "a CSV table with the columns time_ms and velocity (neuron units/s), in equal steps from 0"
        ),
        "",
        "Velocities for path = \"file\"; a relative path starts at the configuration file.",
        "no table"
    ),
    key!(
        drive.input,
        Values::Word(&["all", "active"]),
        "",
        "Whether the velocity input goes through the kernels of all maps or of the bump's own (active)."
    ),
    key!(
        drive.angle,
        Values::Number(-360.0, 360.0),
        "degrees",
        "Direction of the drive on surfaces, from the first axis towards the second."
    ),
    key!(
        drive.cue.strengths,
        Values::Numbers(0.0, 1e6, 20),
        "Hz",
        "Strengths c of cues: a cue is the current c r, r the rates of another map's bump."
    ),
    key!(drive.cue.duration_ms, Values::Above(0.0, 1e6), "ms", "How long a cue lasts."),
    key!(scan.maps, Values::Wholes(1, 10_000), "", "Numbers of maps to scan."),
    key!(scan.realizations, Values::Whole(1, 10_000), "", "Independent draws of the maps."),
    key!(
        scan.methods,
        Values::Words(METHODS),
        "",
        "Methods to compare on every draw; or tables [scan.methods.NAME] with the keys of [flatten] that differ."
    ),
    key!(
        scan.score_maps,
        Values::WholesOrNone(1, 10_000),
        "",
        "Further numbers of maps, usually past capacity, at which only score_methods are run."
    ),
    key!(scan.score_methods, Values::Words(METHODS), "", "Methods for score_maps."),
    key!(
        scan.loads,
        Values::Numbers(1e-5, 100.0, 1000),
        "",
        "Loads L/N to scan in place of maps; L is the load times N, rounded.",
        "the numbers of maps in maps"
    ),
];

/// The shapes of maps.
const SHAPES: &[&str] = &["ring", "segment", "torus", "cylinder", "sheet", "sphere", "moebius", "klein"];

/// Every key of a `[[maps]]` table.
pub static MAPS_KEYS: &[Key<MapsConfig>] = &[
    key!(shape, Values::Word(SHAPES), "", "Shape of the maps."),
    key!(count, Values::Whole(1, 10_000), "", "Number of maps of this kind."),
    key!(
        sides,
        Values::Numbers(1.0, 1e6, 2),
        "",
        "Lattice sites along each side; one number for a line and the sphere. Other numbers than whole ones only where neurons lie anywhere.",
        "as nearly square as the members allow"
    ),
    key!(
        members,
        Values::Above(0.0, 1.0),
        "",
        "Fraction of the neurons that take part in each map.",
        "as many as sites, or all"
    ),
    key!(
        placement,
        Values::Word(&["lattice", "anywhere", "file"]),
        "",
        "Where place fields lie: on the sites in random order, anywhere, or where a file says."
    ),
    key!(
        positions,
        Values::File("an f64 .npy file of shape [count, neurons, D], NaN where a neuron has no place"),
        "neuron units",
        "Places for placement = \"file\"; a relative path starts at the configuration file.",
        "no file"
    ),
    key!(
        lattice,
        Values::Word(&["square", "hexagonal"]),
        "",
        "How the sites of a torus are arranged; its sides have to be even for a hexagonal lattice."
    ),
    key!(
        margin,
        Values::Number(0.0, 1e5),
        "neuron units",
        "Distance from open edges within which no points lie.",
        "2 sigma"
    ),
    key!(
        kernel.shape,
        Values::Word(&["gaussian", "exponential", "difference", "table"]),
        "",
        "How excitation falls with distance; difference is one of two Gaussians."
    ),
    key!(
        kernel.width,
        Values::Above(0.0, 1e5),
        "neuron units",
        "Reach of the excitation, sigma.",
        "that of [kernel] on this shape: 1/40 of a line, 3/32 of a surface's side"
    ),
    key!(
        kernel.amplitude,
        Values::Above(0.0, 1e6),
        "Hz",
        "Excitation at distance 0, A.",
        "the one that keeps the integral of [kernel]'s excitation"
    ),
    key!(
        kernel.inhibition,
        Values::Number(-1e6, 0.0),
        "Hz",
        "Uniform inhibition between all neurons, b.",
        "that of [kernel] on this shape"
    ),
    key!(
        kernel.surround,
        Values::Number(0.0, 0.99),
        "",
        "Of a difference: the surround's weight beside the centre's."
    ),
    key!(
        kernel.surround_width,
        Values::Above(1.0, 1e3),
        "",
        "Of a difference: the surround's width beside the centre's."
    ),
    key!(
        kernel.table,
        Values::File(
            "an f64 .npy file: excitation beside that at distance 0, at distances 0, sigma/10, 2 sigma/10, ..."
        ),
        "",
        "Values of a table.",
        "no table"
    ),
];

#[cfg(test)]
mod tests {
    use toml::de::DeValue;

    use super::*;

    fn accepts(key: &Key<Config>, text: &str) -> bool {
        let value = DeValue::parse(text).unwrap();
        key.assign(&mut Config::default(), value.get_ref()).is_some()
    }

    /// The ends of every range are accepted, and what lies beyond them is refused: the table and the types agree.
    #[test]
    fn every_key_takes_exactly_what_it_says() {
        for key in KEYS {
            let (inside, outside): (Vec<String>, Vec<String>) = match key.values {
                Values::Whole(from, to) => (
                    vec![from.to_string(), to.to_string()],
                    vec![(i128::from(from) - 1).to_string(), (u128::from(to) + 1).to_string()],
                ),
                Values::Number(from, to) => (
                    vec![from.to_string(), to.to_string()],
                    vec![(from - 1.0).to_string(), (to + 1.0).to_string(), "nan".to_owned()],
                ),
                Values::Above(from, to) => {
                    (vec![to.to_string()], vec![from.to_string(), (to + 1.0).to_string(), "inf".to_owned()])
                }
                Values::Flag => (vec!["true".to_owned(), "false".to_owned()], vec!["1".to_owned()]),
                Values::Word(words) => {
                    (words.iter().map(|w| format!("{w:?}")).collect(), vec!["\"other\"".to_owned()])
                }
                Values::File(_) => (vec!["\"m.npy\"".to_owned()], vec!["\"\"".to_owned(), "3".to_owned()]),
                Values::NumberOrFile(from, to, _) => (
                    vec![from.to_string(), to.to_string(), "\"h.npy\"".to_owned()],
                    vec![(to * 2.0).to_string(), "\"\"".to_owned(), "true".to_owned()],
                ),
                Values::Numbers(from, to, most) => (
                    vec![format!("[{from}]"), format!("{:?}", vec![to; most])],
                    vec!["[]".to_owned(), format!("{:?}", vec![to; most + 1]), format!("[{}]", to + 1.0)],
                ),
                Values::WholeOrWord(from, to, word) => (
                    vec![from.to_string(), to.to_string(), format!("{word:?}")],
                    vec![(from - 1).to_string(), (to + 1).to_string(), "\"other\"".to_owned()],
                ),
                Values::Wholes(from, to) => (
                    vec![format!("[{from}, {to}]")],
                    vec![format!("[{to}, {to}]"), format!("[{}]", to + 1), "[]".to_owned()],
                ),
                Values::WholesOrNone(_, to) => {
                    (vec!["[]".to_owned(), format!("[{to}]")], vec![format!("[{to}, {to}]")])
                }
                Values::Words(words) => (vec![format!("{words:?}")], vec!["[\"other\"]".to_owned()]),
            };
            for text in inside {
                assert!(accepts(key, &text), "{} refuses {text}", key.full_name());
            }
            for text in outside {
                assert!(!accepts(key, &text), "{} takes {text}", key.full_name());
            }
        }
    }

    /// A key is given by what the program does with it, so no two have one name.
    #[test]
    fn every_key_is_described_once() {
        for (i, key) in KEYS.iter().enumerate() {
            assert!(key.about.ends_with('.') && !key.about.contains('\n'), "{}", key.full_name());
            assert!(KEYS[..i].iter().all(|other| other.path != key.path), "{} twice", key.full_name());
        }
    }
}
