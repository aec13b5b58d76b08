//! `flatscape drive`: bumps that are moved.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::{Options, bars};
use crate::analyze::{analyze, default_points};
use crate::cli::interrupt;
use crate::connectivity::matrix::WeightMatrix;
use crate::drive::cues::CueRecord;
use crate::drive::depinning::Depinning;
use crate::drive::{Driven, Following, path};
use crate::error::{Error, Result};
use crate::files::{claim_folder, made_by, mark, write_atomically};
use crate::job::Job;
use crate::job::drift_record::Which;
use crate::model::{Model, Run};
use crate::records;
use crate::setup::config::{Config, Method};
use crate::text::significant;

/// The command, as folders that it made name it.
const COMMAND: &str = "drive";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration, TOML, whose network is flattened first; or a run directory, whose network is
    config: PathBuf,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Also find the smallest drive that takes a bump round a whole lap, on the first map
    #[arg(long)]
    depinning: bool,
    /// Also cue every bump with another map, at the strengths of [drive.cue]
    #[arg(long)]
    cues: bool,
}

#[derive(Serialize)]
struct DriveSummary {
    duration_ms: f64,
    following: Vec<Following>,
    depinning: Vec<NetworkDepinning>,
    cues: Vec<CueRecord>,
}

#[derive(Serialize)]
struct NetworkDepinning {
    network: Which,
    #[serde(flatten)]
    found: Depinning,
    /// In theory: the fastest slide on this map (neuron units/s).
    eta: f64,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let (config, flattened) = load(arguments, options)?;
    claim_folder(&arguments.out, &|path| made_by(path, COMMAND), options.force)?;
    let model = Model::new(config)?;
    let velocities = path::velocities(model.plan())?;
    if !velocities.iter().any(|v| *v != 0.0) {
        return Err(Error::Usage(
            "the path asks for no velocity; change drive.path or drive.file".to_owned(),
        ));
    }
    interrupt::listen()?;
    mark(&arguments.out, COMMAND)?;
    let plan = model.plan();
    let monitor = Arc::new(bars::monitor(options.shows_progress(), plan.cost.total_seconds));
    let backend = options.backend()?;
    let (network, stop) = (model.network(), &interrupt::requested);
    let job = Job { plan, network, backend: backend.as_ref(), monitor: &monitor, stop };
    let flattened = match flattened {
        Some(weights) => weights,
        None => {
            let (landscape, status) = job.flatten(None, &mut |_| Ok(()))?;
            if status == crate::job::reached::Status::Interrupted {
                return Err(Error::Interrupted);
            }
            network.weights.plus(1.0, &landscape.delta)
        }
    };
    let mut networks = vec![(Which::Base, &network.weights)];
    if plan.config.flatten.method != Method::None {
        networks.push((Which::Flattened, &flattened));
    }
    let mut rows = Vec::new();
    let mut summary = DriveSummary {
        duration_ms: velocities.len() as f64 * plan.config.dynamics.dt_ms,
        following: Vec::new(),
        depinning: Vec::new(),
        cues: Vec::new(),
    };
    for (which, weights) in networks {
        let driven = Driven { job: &job, weights, network: which };
        rows.extend(driven.follow(&velocities)?);
        summary.following.extend(Following::of(&rows, which));
        if arguments.depinning {
            let points = default_points(&job);
            let eta = analyze(&job, weights, which, points)?.figures.maps[0].eta;
            let found = driven.depinning(0, Some(eta).filter(|eta| *eta > 0.0))?;
            summary.depinning.push(NetworkDepinning { network: which, found, eta });
        }
        if arguments.cues {
            summary.cues.extend(driven.cues()?);
        }
    }
    monitor.finish();
    let write = |name: &str, bytes: &[u8]| write_atomically(&arguments.out.join(name), bytes);
    write("drive.csv", &records::to_csv(&rows))?;
    if arguments.cues {
        write("cues.csv", &records::to_csv(&summary.cues))?;
    }
    #[cfg(feature = "plots")]
    for (file, bytes) in crate::plot::image::files("drive-map0", crate::drive::plots::paths(&rows, 0).svg())?
    {
        write(&file, &bytes)?;
    }
    write("drive.json", &records::to_json(&summary))?;
    options.report(&summary, &format!("{}files in {}\n", table(&summary), arguments.out.display()))?;
    Ok(0)
}

/// The configuration, and the flattened weights if a run has them already.
fn load(arguments: &Arguments, options: &Options) -> Result<(Config, Option<WeightMatrix>)> {
    if !arguments.config.join("manifest.json").exists() {
        return Ok((options.load(&arguments.config)?, None));
    }
    let run = Run::load(&arguments.config)?;
    let may_change = ["measure.", "dynamics.dt_ms", "dynamics.noise.", "drive."];
    if let Some(other) = options.set.iter().find(|s| !may_change.iter().any(|key| s.starts_with(key))) {
        return Err(Error::Usage(format!(
            "--set {other}: the network of a run is fixed; drive can change drive.*, measure.*, dynamics.dt_ms and dynamics.noise.*"
        )));
    }
    let config = Config::load(&arguments.config.join("config.toml"), &options.set)?;
    Ok((config, Some(run.weights())))
}

fn table(summary: &DriveSummary) -> String {
    type Figure = fn(&Following) -> Option<f64>;
    let rows: [(&str, Figure, &str); 7] = [
        ("gain", |f| Some(f.gain), ""),
        ("  forwards", |f| f.gain_right, ""),
        ("  backwards", |f| f.gain_left, ""),
        ("linearity (R^2)", |f| Some(f.linearity), ""),
        ("unevenness of the speed", |f| Some(f.unevenness), ""),
        ("error at the end (rms)", |f| Some(f.end_error), "neuron units"),
        ("bumps in another map", |f| Some(100.0 * f.wrong_map_fraction), "%"),
    ];
    let title = format!("driven for {} ms", summary.duration_ms);
    let mut text = format!("{title:36}{:>10}{:>10}\n", "before", "after");
    let mut line = |what: &str, cells: &[Option<f64>], unit: &str| {
        let cells: String =
            cells.iter().map(|c| format!("{:>10}", c.map_or("-".to_owned(), significant))).collect();
        text.push_str(format!("{what:36}{cells}  {unit}").trim_end());
        text.push('\n');
    };
    for (what, of, unit) in rows {
        line(what, &summary.following.iter().map(of).collect::<Vec<_>>(), unit);
    }
    if !summary.depinning.is_empty() {
        let velocities: Vec<_> = summary.depinning.iter().map(|d| d.found.velocity()).collect();
        line("depinning velocity", &velocities, "neuron units/s");
        let slides: Vec<_> = summary.depinning.iter().map(|d| Some(d.eta)).collect();
        line("  fastest slide, in theory the same", &slides, "neuron units/s");
    }
    for pair in summary.cues.chunk_by(|a, b| a.network == b.network).next().unwrap_or_default() {
        let of_strength = || summary.cues.iter().filter(|c| c.strength == pair.strength);
        line(
            &format!("switched by a cue of {} Hz", pair.strength),
            &of_strength().map(|c| Some(100.0 * c.switched)).collect::<Vec<_>>(),
            "%",
        );
        line("  after", &of_strength().map(|c| c.latency_ms).collect::<Vec<_>>(), "ms");
    }
    text
}
