//! Memory under noise: why large networks matter, and what flattening buys. Not in the paper; drawn when it is asked for by
//! name.

use serde::Serialize;

use super::verdict::Range;
use super::{Output, Scope, Verdict, Workshop};
use crate::analyze::analyze;
use crate::connectivity::matrix::WeightMatrix;
use crate::drive::Driven;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::drift_record::Which;
use crate::job::memory::MemorySummary;
use crate::job::reached::Status;
use crate::landscape::problem::Definition;
use crate::network::Network;
use crate::perturb::{Damage, DamageCurve, Study, perturb};
use crate::plot::look::{self, Look};
use crate::plot::{LinePlot, Series};
use crate::setup::config::{Config, NoiseName, SearchStart};
use crate::setup::plan::Plan;

/// What `--only` takes.
pub(super) const NAME: &str = "noise";

/// Fano factor of the noise: theory is good to 10 % there.
const FANO: f64 = 0.1;

/// Diffusion is the theory of a network in which fewer bumps than this leave their map.
const STRAY: f64 = 0.01;

/// Maps of the networks of different size.
const MAPS: usize = 4;

/// Points that are fitted on a map of the networks of different size: maps disturb each other over widths of the kernel, whatever
/// the number of neurons, and this is 15 to a width. What is left between two neurons moves a bump by a neuron at most.
const POINTS: usize = 600;

/// Numbers of neurons, and of maps.
fn extent(scope: &Scope) -> (Vec<usize>, Vec<usize>) {
    if scope.full {
        (vec![300, 600, 1200, 2400, 4800], vec![1, 2, 5, 10, 20])
    } else {
        (vec![300, 600, 1200], vec![1, 2, 5, 10])
    }
}

/// The way to flatten: idealized bumps too in the first updates, as in `configs/flat.toml` but with fewer points and updates.
fn configure(config: &Config, neurons: usize, maps: usize, points: usize) -> Config {
    let mut config = config.clone();
    (config.network.neurons, config.network.maps) = (Some(neurons), Some(maps));
    let flatten = &mut config.flatten;
    flatten.definition = Definition::Kkt;
    flatten.points_per_map = Some(points);
    (flatten.iterations, flatten.idealized_updates) = (10, 6);
    (flatten.ridge, flatten.ridge_decay) = (1e-2, 0.5);
    flatten.start = SearchStart::Idealized;
    config.measure.record_ms = Some(config.measure.duration_ms / 30.0);
    config
}

/// The same with noise.
fn under_noise(config: &Config) -> Config {
    let mut config = config.clone();
    (config.dynamics.noise.kind, config.dynamics.noise.fano) = (NoiseName::Poisson, FANO);
    config
}

/// Estimated time (s), without damage and depinning; nothing if nobody wants it.
pub(super) fn seconds(scope: &Scope, config: &Config) -> Result<f64> {
    if !wanted(scope) {
        return Ok(0.0);
    }
    let (sizes, loads) = extent(scope);
    let neurons = config.network.neurons.unwrap_or(600);
    let sizes = sizes.iter().map(|&n| (n, MAPS, POINTS));
    let loads = loads.iter().map(|&maps| (neurons, maps, 2 * neurons));
    let cell = |(n, maps, k)| {
        let config = configure(config, n, maps, k);
        let (quiet, noisy) = (Plan::new(config.clone())?.cost, Plan::new(under_noise(&config))?.cost);
        // Both networks are simulated under noise too, and the slow manifold of each is looked at.
        Ok(quiet.total_seconds + 2.0 * (noisy.trajectories_seconds + quiet.minima_seconds))
    };
    sizes.chain(loads).map(cell).sum()
}

/// Whether it was asked for by name.
pub(super) fn wanted(scope: &Scope) -> bool {
    scope.only.iter().any(|name| name == NAME)
}

/// One network, measured before and after flattening.
#[derive(Clone, Debug, Serialize)]
struct NoiseRow {
    neurons: usize,
    maps: usize,
    network: Which,
    /// Root mean square displacement at the end without noise (neuron units).
    quiet_error: f64,
    /// The same with noise.
    noisy_error: f64,
    /// Part of the bumps under noise that were in another map at some time.
    lost_fraction: f64,
    /// Diffusion coefficient and its interval (neuron units²/s).
    diffusion: Option<f64>,
    diffusion_low: Option<f64>,
    diffusion_high: Option<f64>,
    diffusion_theory: Option<f64>,
    /// Until the error with noise exceeds σ (ms).
    lifetime_ms: Option<f64>,
    /// Depinning velocity of the first map (neuron units/s), where it was sought.
    depinning: Option<f64>,
    /// Fastest slide along the first map (neuron units/s), where it was sought.
    eta: Option<f64>,
}

/// A flattened network of the figure.
struct Cell {
    plan: Plan,
    network: Network,
    delta: WeightMatrix,
}

impl Cell {
    fn new(workshop: &Workshop<'_>, neurons: usize, maps: usize, points: usize) -> Result<Self> {
        let plan = Plan::new(configure(workshop.config, neurons, maps, points))?;
        let network = plan.network(0)?;
        let job = job(workshop, &plan, &network);
        let (landscape, status) = job.flatten(None, &mut |_| Ok(()))?;
        if status == Status::Interrupted {
            return Err(Error::Interrupted);
        }
        Ok(Self { delta: landscape.delta, plan, network })
    }

    /// Both networks, with their depinning velocities if they are wanted.
    fn rows(&self, workshop: &Workshop<'_>, with_depinning: bool) -> Result<Vec<NoiseRow>> {
        let flattened = self.network.weights.plus(1.0, &self.delta);
        let noisy = Plan::new(under_noise(&self.plan.config))?;
        let mut rows = Vec::new();
        for (weights, network) in [(&self.network.weights, Which::Base), (&flattened, Which::Flattened)] {
            let memory = |plan: &Plan| -> Result<MemorySummary> {
                let measured = job(workshop, plan, &self.network).measure_drift(weights, network)?;
                MemorySummary::of(&measured.paths, network, plan, &self.network)
                    .ok_or_else(|| Error::Run("no trajectory was recorded".to_owned()))
            };
            let (quiet, loud) = (memory(&self.plan)?, memory(&noisy)?);
            let mut row = NoiseRow {
                neurons: self.plan.neurons,
                maps: self.plan.maps,
                network,
                quiet_error: quiet.rms_error,
                noisy_error: loud.rms_error,
                lost_fraction: loud.map_lost_fraction,
                diffusion: loud.diffusion,
                diffusion_low: loud.diffusion_low,
                diffusion_high: loud.diffusion_high,
                diffusion_theory: loud.diffusion_theory,
                lifetime_ms: loud.lifetime_ms,
                depinning: None,
                eta: None,
            };
            if with_depinning {
                let job = job(workshop, &self.plan, &self.network);
                let found = analyze(&job, weights, network, self.plan.points_per_map)?;
                let eta = found.figures.maps.first().map(|map| map.eta).filter(|eta| *eta > 0.0);
                let driven = Driven { job: &job, weights, network };
                row.depinning = driven.depinning(0, eta)?.velocity();
                row.eta = eta;
            }
            rows.push(row);
        }
        Ok(rows)
    }
}

fn job<'a>(workshop: &Workshop<'a>, plan: &'a Plan, network: &'a Network) -> Job<'a> {
    Job { plan, network, backend: workshop.backend.as_ref(), monitor: workshop.monitor, stop: workshop.stop }
}

/// Draws all of it.
pub(super) fn draw(scope: &Scope, workshop: &Workshop<'_>, output: &mut Output) -> Result<()> {
    let (sizes, loads) = extent(scope);
    let neurons = workshop.config.network.neurons.unwrap_or(600);
    let mut by_size = Vec::new();
    for &size in &sizes {
        by_size.extend(Cell::new(workshop, size, MAPS, POINTS)?.rows(workshop, false)?);
    }
    against_size(&by_size, output)?;
    let (mut by_load, mut last) = (Vec::new(), None);
    for &maps in &loads {
        let cell = Cell::new(workshop, neurons, maps, 2 * neurons)?;
        // One map alone is flat already: nothing pins its bump but the neurons' own grain.
        by_load.extend(cell.rows(workshop, maps > 1)?);
        if maps <= 10 {
            last = Some(cell);
        }
    }
    against_load(&by_load, output)?;
    if let Some(cell) = last {
        against_damage(&cell, workshop, output)?;
    }
    Ok(())
}

const NETWORKS: [(Which, &str, Look); 2] =
    [(Which::Base, "before flattening", look::NONE), (Which::Flattened, "after", look::CONSTRAINED)];

fn of(rows: &[NoiseRow], network: Which) -> impl Iterator<Item = &NoiseRow> {
    rows.iter().filter(move |row| row.network == network)
}

/// Slope of log y against log x.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let (mx, my) =
        (logs.iter().map(|p| p.0).sum::<f64>() / count, logs.iter().map(|p| p.1).sum::<f64>() / count);
    let across: f64 = logs.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
    across / logs.iter().map(|(x, _)| (x - mx).powi(2)).sum::<f64>()
}

fn against_size(rows: &[NoiseRow], output: &mut Output) -> Result<()> {
    output.csv("figure-noise-error-against-size", rows);
    type Error = fn(&NoiseRow) -> f64;
    let kinds: [(&str, Error); 2] =
        [("without noise", |row| row.quiet_error), ("with noise", |row| row.noisy_error)];
    let looks = [[look::NONE, look::SIXTH], [look::CONSTRAINED, look::IDEALIZED]];
    let mut series = Vec::new();
    for ((network, name, _), looks) in NETWORKS.into_iter().zip(looks) {
        for ((kind, error), look) in kinds.into_iter().zip(looks) {
            let points: Vec<(f64, f64, f64)> = of(rows, network)
                .map(|row| ((row.neurons as f64).log10(), error(row) / row.neurons as f64, f64::NAN))
                .collect();
            series.push(Series::measured(&format!("{name}, {kind}"), look, &points));
        }
    }
    output.plot(
        "figure-noise-error-against-size",
        &LinePlot {
            title: format!("Why large networks matter: the error of a memory of L = {MAPS} maps"),
            note: format!(
                "Root mean square error at the end of a run, by phase; Poisson noise with F = {FANO}."
            ),
            x_label: "log10 of the number of neurons N".to_owned(),
            y_label: "error (part of the ring)".to_owned(),
            series,
            logarithmic: true,
            ..LinePlot::default()
        },
    )?;
    let points: Vec<(f64, f64)> = of(rows, Which::Flattened)
        .filter(|row| row.lost_fraction < STRAY)
        .map(|row| (row.neurons as f64, row.noisy_error / row.neurons as f64))
        .collect();
    output.verdict(Verdict::new(
        "noise",
        "exponent in N of the flattened network's error under noise, as a part of the ring, where bumps stay in their map",
        "theory: noise is shared by neurons in proportion to N, so the error falls as N^-1/2",
        Range::new(-0.65, -0.35, "-1/2, and 30 % for few trajectories"),
        exponent(&points),
    ));
    Ok(())
}

fn against_load(rows: &[NoiseRow], output: &mut Output) -> Result<()> {
    output.csv("figure-noise-against-load", rows);
    let plot =
        |title: &str, label: &str, value: fn(&NoiseRow) -> Option<f64>, more: Option<Series>| LinePlot {
            title: title.to_owned(),
            note: format!("One network for each L; Poisson noise with F = {FANO} where there is noise."),
            x_label: "number of maps L".to_owned(),
            y_label: label.to_owned(),
            series: NETWORKS
                .into_iter()
                .map(|(network, name, look)| {
                    let points: Vec<(f64, f64, f64)> = of(rows, network)
                        .filter_map(|row| Some((row.maps as f64, value(row)?, f64::NAN)))
                        .collect();
                    Series::measured(name, look, &points)
                })
                .chain(more)
                .collect(),
            logarithmic: true,
            whole: true,
            ..LinePlot::default()
        };
    let theory: Vec<(f64, f64)> =
        of(rows, Which::Base).filter_map(|row| Some((row.maps as f64, row.diffusion_theory?))).collect();
    let theory = Series::curve("theory of a flat network", look::REFERENCE, theory);
    for (name, plot) in [
        (
            "lifetime",
            plot("How long a memory lasts under noise", "lifetime (ms)", |row| row.lifetime_ms, None),
        ),
        (
            "diffusion",
            plot(
                "How noise moves a bump",
                "diffusion coefficient (neuron units²/s)",
                |row| row.diffusion,
                Some(theory),
            ),
        ),
        (
            "depinning",
            plot(
                "The drive that frees a bump",
                "depinning velocity (neuron units/s)",
                |row| row.depinning,
                None,
            ),
        ),
    ] {
        output.plot(&format!("figure-noise-{name}-against-load"), &plot)?;
    }
    load_verdicts(rows, output);
    Ok(())
}

/// What flattening changes at the highest load up to 10 maps.
fn load_verdicts(rows: &[NoiseRow], output: &mut Output) {
    let most = rows.iter().map(|row| row.maps).filter(|maps| *maps <= 10).max().unwrap_or(0);
    let [before, after] =
        [Which::Base, Which::Flattened].map(|network| of(rows, network).find(|row| row.maps == most));
    let (Some(before), Some(after)) = (before, after) else { return };
    let ratio = |f: fn(&NoiseRow) -> Option<f64>| match (f(before), f(after)) {
        (Some(before), Some(after)) => before / after,
        _ => f64::NAN,
    };
    output.verdict(Verdict::new(
        "noise",
        &format!("depinning velocity before by after, L = {most}"),
        "theory: it is the fastest slide along the map, which flattening lowers with the slopes",
        Range::at_least(100.0, "two decades"),
        ratio(|row| row.depinning),
    ));
    let slides = of(rows, Which::Base)
        .filter(|row| row.maps == most)
        .filter_map(|row| Some(row.depinning? / row.eta?));
    output.verdict(Verdict::new(
        "noise",
        &format!("depinning velocity by the fastest slide, before flattening, L = {most}"),
        "theory: both are one",
        Range::new(0.5, 1.6, "slides against one drive only, and input through all maps"),
        slides.sum(),
    ));
    output.verdict(Verdict::new(
        "noise",
        &format!("diffusion of the flattened network by theory, L = {most}"),
        "theory of a flat network",
        Range::new(0.7, 1.3, "20 % for other maps' input, and the interval of few replicates"),
        after.diffusion.unwrap_or(f64::NAN) / after.diffusion_theory.unwrap_or(f64::NAN),
    ));
    output.verdict(Verdict::new(
        "noise",
        &format!("error under noise, after by before, L = {most}"),
        "what flattening takes away is the drift; noise is left",
        Range::at_most(1.0, "flattening must not shorten a memory"),
        after.noisy_error / before.noisy_error,
    ));
}

fn against_damage(cell: &Cell, workshop: &Workshop<'_>, output: &mut Output) -> Result<()> {
    let study = Study {
        damages: vec![Damage::DeltaNoise, Damage::WeightNoise],
        sizes: Vec::new(),
        replicates: 2,
        with_eta: false,
    };
    let job = job(workshop, &cell.plan, &cell.network);
    let found = perturb(&job, &cell.delta, &study)?;
    output.csv("figure-noise-weight-noise", &found.records);
    let looks = [look::CONSTRAINED, look::IDEALIZED];
    let series = |(curve, look): (&DamageCurve, Look)| {
        let points: Vec<(f64, f64, f64)> = (0..curve.sizes.len())
            .map(|k| (curve.sizes[k].log10(), curve.phase_drift[k], curve.phase_drift_error[k]))
            .collect();
        Series::measured(curve.damage.describe(), look, &points)
    };
    let sizes = found.curves.iter().flat_map(|curve| curve.sizes.iter().map(|size| size.log10()));
    let ends = [sizes.clone().fold(f64::INFINITY, f64::min), sizes.fold(f64::NEG_INFINITY, f64::max)];
    let level = |label: &str, look, drift: f64| Series::curve(label, look, ends.map(|x| (x, drift)).to_vec());
    let mut all: Vec<Series> = found.curves.iter().zip(looks).map(series).collect();
    all.push(level("not flattened", look::NONE, found.drift_before));
    all.push(level("flattened, undamaged", look::REFERENCE, found.drift_after));
    output.plot(
        "figure-noise-weight-noise",
        &LinePlot {
            title: format!("How finely the weights have to be tuned, L = {}", cell.plan.maps),
            note: "Bars: 95\u{a0}% confidence interval over draws of the noise.".to_owned(),
            x_label: "log10 of the noise's standard deviation by that of the weights".to_owned(),
            y_label: "mean drift by phase (neuron units)".to_owned(),
            series: all,
            logarithmic: true,
            ..LinePlot::default()
        },
    )?;
    let one_percent = found.curves[0].sizes.iter().position(|size| *size == 0.01);
    let drift = one_percent.map_or(f64::NAN, |k| found.curves[0].phase_drift[k]);
    output.verdict(Verdict::new(
        "noise",
        "drift with 1 % noise on M by the drift without",
        "measured elsewhere: 0.256 by 0.245",
        Range::at_most(1.2, "a fifth more"),
        drift / found.drift_after,
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_slopes_of_logarithms() {
        let points = [(300.0, 4.0 / 300.0_f64.sqrt()), (600.0, 4.0 / 600.0_f64.sqrt()), (900.0, 4.0 / 30.0)];
        assert!((exponent(&points) + 0.5).abs() < 1e-12);
    }

    #[test]
    fn it_is_drawn_only_if_it_was_asked_for() {
        let scope =
            |only: &[&str]| Scope::new(only.iter().map(|s| (*s).to_owned()).collect(), false).unwrap();
        assert!(wanted(&scope(&[NAME])) && !wanted(&scope(&[])) && !wanted(&scope(&["2"])));
        let config = Config::default();
        assert_eq!(seconds(&scope(&["2"]), &config).unwrap(), 0.0);
        assert!(seconds(&scope(&[NAME]), &config).unwrap() > 1.0);
    }
}
