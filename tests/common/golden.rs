//! Golden data, and comparisons that report every failure together.

#![allow(dead_code, reason = "no test uses all of it")]

use std::path::Path;

use flatscape::connectivity::Kernel;
use flatscape::manifold::Maps;
use flatscape::network::Network;

/// One file of `tests/golden/`.
pub struct Golden {
    path: std::path::PathBuf,
}

impl Golden {
    pub fn load(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.npz"));
        assert!(path.exists(), "{} is missing", path.display());
        Self { path }
    }

    fn values<T: npyz::Deserialize>(&self, name: &str) -> Vec<T> {
        let mut archive = npyz::npz::NpzArchive::open(&self.path).expect("golden data opens");
        let array = archive.by_name(name).expect("golden data is readable");
        array.unwrap_or_else(|| panic!("no array {name}")).into_vec().expect("golden data has this type")
    }

    pub fn array(&self, name: &str) -> Vec<f64> {
        self.values(name)
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        self.values(name)
    }

    pub fn scalar(&self, name: &str) -> f64 {
        self.array(name)[0]
    }

    /// The network that the file was computed for, built from its maps and parameters.
    pub fn network(&self) -> Network {
        let positions: Vec<i32> = self.values("positions");
        let neurons = self.integers("N")[0] as usize;
        let maps = Maps::from_positions(neurons, positions).expect("golden maps are permutations");
        let kernel = Kernel {
            amplitude: self.scalar("A"),
            width: self.scalar("sigma"),
            inhibition: self.scalar("b"),
            ..Kernel::PAPER
        };
        Network::new(maps, kernel, self.scalar("h0")).expect("golden parameters have a bump")
    }
}

/// Differences beyond a tolerance, gathered so that one failure shows all.
pub struct Mismatches {
    lines: Vec<String>,
    indices: Vec<usize>,
    compared: usize,
}

impl Mismatches {
    /// Compares element by element: |a − b| ≤ tolerance. NaN never passes.
    pub fn of(what: &str, found: &[f64], expected: &[f64], tolerance: f64) -> Self {
        let (mut lines, mut indices) = (Vec::new(), Vec::new());
        if found.len() != expected.len() {
            lines.push(format!("{what}: {} values, expected {}", found.len(), expected.len()));
            indices.extend(0..expected.len());
        }
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            if !((a - b).abs() <= tolerance) {
                indices.push(i);
                lines.push(format!(
                    "{what}[{i}]: {a} instead of {b}, off by {:e} > {tolerance:e}",
                    (a - b).abs()
                ));
            }
        }
        Self { lines, indices, compared: expected.len() }
    }

    /// Which values differ.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// Fails if any value differs.
    pub fn assert_none(&self) {
        self.assert_at_most(0.0);
    }

    /// Fails if more than the given fraction of the values differ.
    pub fn assert_at_most(&self, fraction: f64) {
        let allowed = (fraction * self.compared as f64).floor() as usize;
        assert!(self.compared > 0, "nothing was compared");
        assert!(
            self.lines.len() <= allowed,
            "{} of {} differ, {allowed} may:\n{}",
            self.lines.len(),
            self.compared,
            self.lines.join("\n")
        );
    }
}
