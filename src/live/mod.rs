//! One HTML page in which a run's network runs: drop a bump, watch it drift, flatten the landscape, watch it stay.
//!
//! The page needs nothing but a browser. It carries the network (`data.rs`), and the script that simulates it: in a worker
//! for each of the two networks J and J + s·M, on the GPU by the program's own `trajectories.wgsl` where the browser has
//! WebGPU, else in plain JavaScript. Its content security policy allows the scripts of the page by their hashes and
//! nothing else: nothing is loaded, nothing is sent.

mod data;
mod markup;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::records::RunDirectory;
use data::Data;

/// What page and workers share, the workers' own part, and the page's: plain scripts, one after the other.
const SHARED: &[&str] = &[include_str!("script/network.js")];
const WORKER: &[&str] = &[
    include_str!("script/decode.js"),
    include_str!("script/trajectories.js"),
    include_str!("script/webgpu.js"),
    include_str!("script/worker.js"),
];
const PAGE: &[&str] = &[
    include_str!("script/landscape.js"),
    include_str!("script/draw.js"),
    include_str!("script/ring.js"),
    include_str!("script/sheet.js"),
    include_str!("script/simulation.js"),
    include_str!("script/page.js"),
];

/// The program's own kernel; `webgpu.js` puts the constants before it.
const SHADER: &str = concat!(
    include_str!("../../shaders/shared/weights.wgsl"),
    include_str!("../../shaders/shared/noise.wgsl"),
    include_str!("../../shaders/trajectories.wgsl")
);

const STYLE: &str = include_str!("style.css");

/// The live page of a run directory.
///
/// # Errors
/// [`crate::error::Error::Data`] if it is no run, or a file in it is damaged; [`crate::error::Error::Usage`] if its
/// network is too large for a page.
pub fn page(path: &Path) -> Result<String> {
    let (directory, _) = RunDirectory::open(path)?;
    let plan = directory.read_plan()?;
    let summary = directory.read_summary()?;
    let data = Data::read(&directory, &plan, &summary)?;
    let configuration = String::from_utf8_lossy(&directory.read("config.toml")?).into_owned();
    Ok(markup::page(&plan, &summary, &configuration, &data.to_json()))
}

/// The page's scripts: what runs in the page, and the text of its workers.
fn scripts() -> (String, String) {
    let join = |parts: [&[&str]; 2]| format!("\"use strict\";\n{}", parts.concat().join("\n"));
    (join([SHARED, PAGE]), join([SHARED, WORKER]))
}

/// The content security policy of a page with one script and one style: those run, and workers made from the page
/// itself; everything else is forbidden, the network above all.
fn policy(script: &str, style: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; worker-src blob:; img-src data:; base-uri 'none'; form-action 'none'",
        hash(script),
        hash(style)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_cannot_end_their_element() {
        let (page, worker) = scripts();
        for text in [page.as_str(), &worker, SHADER, STYLE] {
            assert!(!text.contains("</") && !text.contains("<!--"), "the element would end there");
        }
    }

    #[test]
    fn the_policy_is_that_of_the_text() {
        // Of the empty text, by another implementation.
        let empty = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
        assert!(policy("", "").contains(&format!("script-src {empty}; style-src {empty};")));
        assert!(!policy("x", "").contains(&format!("script-src {empty}")));
    }
}
