//! Golden data.

#![allow(dead_code, reason = "no test uses all of it")]

#[path = "compare.rs"]
mod compare;

use std::path::Path;

pub use compare::Mismatches;

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
