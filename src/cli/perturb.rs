//! `flatscape perturb`: how finely a run's weights have to be tuned.

use std::path::PathBuf;

use clap::Args;

use super::output::tell_if_unfinished;
use super::{Options, bars};
use crate::cli::interrupt;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::model::Run;
use crate::perturb::{Damage, DamageCurve, Perturbation, Study, perturb};
use crate::records::{self, RunDirectory};
use crate::setup::config::Method;
use crate::text::significant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A run directory
    run: PathBuf,
    /// Kinds of damage (repeatable) [default: all]
    #[arg(long = "damage", value_enum, value_name = "KIND")]
    damages: Vec<Damage>,
    /// Sizes, in place of each kind's own; for one kind at a time
    #[arg(long, value_name = "SIZE,...", value_delimiter = ',')]
    sizes: Vec<f64>,
    /// Draws of every size, where chance takes part
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    replicates: u16,
    /// Also find the fastest slide eta along the manifolds of every network
    #[arg(long)]
    eta: bool,
}

pub(super) fn run(arguments: &Arguments, options: &Options) -> Result<u8> {
    let study = study(arguments)?;
    let (directory, manifest) = RunDirectory::open(&arguments.run)?;
    let run = Run::load(&arguments.run)?;
    let model = run.model();
    let (plan, network) = (model.plan(), model.network());
    if plan.config.flatten.method == Method::None {
        return Err(Error::Usage(format!(
            "{}: was not flattened, so there is no tuning to lose",
            arguments.run.display()
        )));
    }
    let backend = options.backend()?;
    interrupt::listen()?;
    let networks = study.cells().len() as f64 + 2.0;
    let monitor = bars::monitor(options.shows_progress(), networks * plan.cost.trajectories_seconds);
    let job =
        Job { plan, network, backend: backend.as_ref(), monitor: &monitor, stop: &interrupt::requested };
    let found = perturb(&job, run.weight_change(), &study)?;
    monitor.finish();
    tell_if_unfinished(&manifest, &arguments.run);
    let add = |name: &str, bytes: &[u8]| directory.add(name, bytes, options.force);
    add("perturb.csv", &records::to_csv(&found.records))?;
    #[cfg(feature = "plots")]
    for curve in &found.curves {
        let svg = crate::perturb::plots::plot(&found, curve).svg();
        for (file, bytes) in crate::plot::image::files(&format!("perturb-{}", curve.damage.name()), svg)? {
            add(&file, &bytes)?;
        }
    }
    add("perturb.json", &records::to_json(&found))?;
    options.report(&found, &format!("{}files in {}\n", table(&found), arguments.run.display()))?;
    Ok(0)
}

fn study(arguments: &Arguments) -> Result<Study> {
    let mut damages = arguments.damages.clone();
    if damages.is_empty() {
        damages = Damage::ALL.to_vec();
    }
    if !arguments.sizes.is_empty() && damages.len() > 1 {
        return Err(Error::Usage(
            "--sizes mean something else for every kind; name one with --damage".to_owned(),
        ));
    }
    let study = Study {
        damages,
        sizes: arguments.sizes.clone(),
        replicates: usize::from(arguments.replicates),
        with_eta: arguments.eta,
    };
    study.check()?;
    Ok(study)
}

fn table(found: &Perturbation) -> String {
    let mut text = format!(
        "mean drift by phase (neuron units): {} before flattening, {} after\n{:36}{:>10}   drift at sizes\n",
        significant(found.drift_before),
        significant(found.drift_after),
        "damage",
        "half gone"
    );
    for curve in &found.curves {
        let half = curve.half_benefit.map_or("-".to_owned(), significant);
        text.push_str(&format!("{:36}{half:>10}   {}\n", curve.damage.describe(), drifts(curve)));
    }
    text + "half gone: the size that halves the benefit of flattening; -: none that was tried\n"
}

fn drifts(curve: &DamageCurve) -> String {
    let pair = |(size, drift): (&f64, &f64)| format!("{size}: {}", significant(*drift));
    curve.sizes.iter().zip(&curve.phase_drift).map(pair).collect::<Vec<_>>().join(", ")
}
