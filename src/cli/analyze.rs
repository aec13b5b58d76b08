//! `flatscape analyze`: the slow manifold of a run's networks.

use std::path::PathBuf;

use clap::Args;

use super::output::tell_if_unfinished;
use super::{Options, bars};
use crate::analyze::{AnalysisRecord, analyze, default_points, figures_table, place_table, rest_table};
use crate::cli::interrupt;
use crate::error::Result;
use crate::job::Job;
use crate::job::drift_record::Which;
use crate::model::Run;
use crate::records::{self, RunDirectory};
use crate::text::significant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A run directory
    run: PathBuf,
    /// Points on each map [default: four a neuron; those that were fitted if that is too many]
    #[arg(long, value_name = "K")]
    points: Option<usize>,
    /// Map whose pictures are drawn
    #[cfg(feature = "plots")]
    #[arg(long, value_name = "L", default_value_t = 0)]
    map: usize,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let (directory, manifest) = RunDirectory::open(&arguments.run)?;
    let run = Run::load(&arguments.run)?;
    let model = run.model();
    let (plan, network) = (model.plan(), model.network());
    #[cfg(feature = "plots")]
    if arguments.map >= plan.maps {
        return Err(crate::error::Error::Usage(format!(
            "--map {}: the run has maps 0 to {}",
            arguments.map,
            plan.maps - 1
        )));
    }
    let backend = options.backend()?;
    interrupt::listen()?;
    let monitor = bars::monitor(options.shows_progress(), 2.0 * plan.cost.minima_seconds);
    let job =
        Job { plan, network, backend: backend.as_ref(), monitor: &monitor, stop: &interrupt::requested };
    let points = arguments.points.unwrap_or_else(|| default_points(&job));
    let analyses = [
        analyze(&job, &network.weights, Which::Base, points)?,
        analyze(&job, &run.weights(), Which::Flattened, points)?,
    ];
    monitor.finish();
    tell_if_unfinished(&manifest, &arguments.run);
    let dimension = network.maps.dimension();
    let places: Vec<_> = analyses.iter().flat_map(|a| a.places.iter().copied()).collect();
    let rests: Vec<_> = analyses.iter().flat_map(|a| a.rests.iter().cloned()).collect();
    let networks = analyses.iter().map(|a| a.figures.clone()).collect();
    let record = AnalysisRecord { points_per_map: points, networks };
    let add = |name: &str, bytes: &[u8]| directory.add(name, bytes, options.force);
    add("manifold.csv", &place_table(&places, dimension))?;
    add("fixed_points.csv", &rest_table(&rests, dimension))?;
    #[cfg(feature = "plots")]
    for (name, svg) in crate::analyze::plots::pictures(&analyses, &network.maps, arguments.map) {
        for (file, bytes) in crate::plot::image::files(&format!("analysis-{name}"), svg)? {
            add(&file, &bytes)?;
        }
    }
    add("analysis.json", &records::to_json(&record))?;
    options.report(&record, &format!("{}files in {}\n", table(&record), arguments.run.display()))?;
    Ok(0)
}

fn table(record: &AnalysisRecord) -> String {
    let mut text = format!("{:36}{:>10}{:>10}\n", "", "before", "after");
    for (what, values, unit) in figures_table(record) {
        let cells: String =
            values.iter().map(|x| format!("{:>10}", x.map_or("-".to_owned(), significant))).collect();
        text.push_str(format!("{what:36}{cells}  {unit}").trim_end());
        text.push('\n');
    }
    let lost: usize = record.networks.iter().map(|n| n.without_bump).sum();
    if lost > 0 {
        text.push_str(&format!("note: {lost} points have no bump and are left out\n"));
    }
    text
}
