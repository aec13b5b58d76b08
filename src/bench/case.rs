//! All stages on one network, in an order in which the CPU's results of one are the inputs of the next, on both devices.

use super::predict::Kernel;
use super::stage::{Arithmetic, Bench, Compared, Stage, Work};
use super::{Case, LONGER, Settings};
use crate::compute::backend::Backend;
use crate::compute::cpu::Cpu;
use crate::compute::gpu;
use crate::dynamics::decoding::Scorer;
use crate::dynamics::trajectories::Trajectory;
use crate::error::Result;
use crate::job::Job;
use crate::job::drift::{start_currents, start_points};
use crate::job::reached::Landscape;
use crate::landscape::problem::{Minima, Problem, Start};
use crate::landscape::states::StateBuf;
use crate::manifold::{Point, Points};
use crate::network::Network;
use crate::progress::{Monitor, Tick};
use crate::setup::config::Starts;
use crate::setup::plan::Plan;
use crate::solve::manifolds::Manifolds;
use crate::solve::{SolverKind, WeightProblem};

/// Starts on each map in a measurement of drift.
const STARTS_PER_MAP: usize = 10;

/// Number of neighbouring starts that are kept together if only some are taken: on both devices this many share the
/// rows of W.
const NEIGHBOURS: usize = 8;

/// One network, and who measures it.
struct Subject<'a> {
    bench: Bench<'a>,
    plan: &'a Plan,
    network: Network,
}

pub(super) fn run(bench: &Bench<'_>, plan: &Plan, settings: &Settings) -> Result<Case> {
    let size = format!("N = {}, L = {}", plan.neurons, plan.maps);
    let told = |what: &str| (bench.told)(&format!("{size}: {what}"));
    let subject = Subject { bench: Bench { told: &told, ..*bench }, plan, network: plan.network(0)? };
    let mut stages = vec![
        subject.trajectories(
            "trajectories, all points",
            subject.all_points(settings.states),
            settings.steps,
        )?,
        subject.trajectories(
            "trajectories, 10 starts a map",
            start_points(&subject.network.maps, Starts::Sites, STARTS_PER_MAP),
            LONGER * settings.steps,
        )?,
    ];
    let minima = subject.minima(&mut stages)?;
    stages.push(subject.energies(&minima)?);
    stages.push(subject.weight_update(&minima)?);
    stages.push(subject.job()?);
    Ok(Case {
        neurons: plan.neurons,
        maps: plan.maps,
        states: plan.states(),
        active_neurons: minima.states.mean_active(),
        stages,
    })
}

impl Subject<'_> {
    /// Every site of every map, or evenly spaced runs of neighbours with at most `most` sites.
    fn all_points(&self, most: usize) -> Vec<Point> {
        let points = start_points(&self.network.maps, Starts::Sites, self.plan.neurons);
        let stride = points.len().div_ceil(most.max(1));
        points.chunks(NEIGHBOURS).step_by(stride).flatten().copied().take(most).collect()
    }

    fn problem(&self) -> Problem<'_> {
        let flatten = &self.plan.config.flatten;
        self.network.problem(&self.network.weights, flatten.definition, flatten.minimizer)
    }

    fn trajectories(&self, name: &'static str, points: Vec<Point>, steps: usize) -> Result<Stage> {
        let (network, neurons) = (&self.network, self.plan.neurons);
        let starts = start_currents(network, &points);
        let dynamics = network.dynamics(&network.weights, self.plan.step());
        let run = |backend: &dyn Backend| backend.trajectories(&dynamics, &starts, &[steps], &Tick::silent());
        let (is_crowded, row) = (points.len() > STARTS_PER_MAP * self.plan.maps, 4.0 * neurons as f64);
        let mut stage = Stage::new(name, Arithmetic::Single, starts.len(), steps, None);
        let expected = self.bench.cpu(&mut stage, || run(&Cpu))?;
        let ends = expected.iter().flat_map(|run| &run.snapshots[0]).filter(|r| **r > 0.0).count();
        let active = 0.5 * (network.bumps.active(0) as f64 + ends as f64 / starts.len() as f64);
        let (n, items) = (neurons as f64, (starts.len() * steps) as f64);
        // Neighbours share rows in the largest groups, others go alone.
        let group = if is_crowded { 16 } else { 1 };
        let together = (starts.len() / group).max(1) as f64;
        let footprint = gpu::trajectory_footprint(neurons, network.bumps.active(0), group).ok();
        stage.kernel = footprint.map(|footprint| Kernel { footprint, together, reads: row * neurons as f64 });
        stage.work = Some(Work {
            flops: items * 2.0 * active * n,
            bytes: items * (4.0 * active * n / NEIGHBOURS as f64 + 8.0 * n),
        });
        self.bench.device(
            &mut stage,
            |gpu| run(gpu),
            |found| self.compare_trajectories(&points, found, &expected),
        );
        Ok(stage)
    }

    /// Squares of the rates, since a root magnifies rounding where a neuron falls silent; energies; and where the
    /// bumps are, by the phase of the population vector in the start's map.
    fn compare_trajectories(
        &self,
        points: &[Point],
        found: &[Trajectory],
        expected: &[Trajectory],
    ) -> Vec<Compared> {
        fn squares(runs: &[Trajectory]) -> impl Iterator<Item = f64> {
            runs.iter().flat_map(|run| run.snapshots[0].iter().map(|r| r * r))
        }
        fn energies(runs: &[Trajectory]) -> impl Iterator<Item = f64> {
            runs.iter().map(|run| run.energies[0])
        }
        let scorer = Scorer::new(&self.network.maps, &self.network.bumps);
        let displaced = |runs: &[Trajectory]| -> Vec<f64> {
            let ends = runs.iter().zip(points).map(|(run, start)| {
                let phase = scorer.phase(start.map, &run.snapshots[0]);
                self.network.maps.space(start.map).displacement(start.position, phase)[0]
            });
            ends.collect()
        };
        vec![
            Compared::of("r²", "Hz²", squares(found), squares(expected)),
            Compared::of("energy", "Hz³", energies(found), energies(expected)),
            Compared::of("displacement", "neuron units", displaced(found), displaced(expected)),
        ]
    }

    /// The whole stage with the host's finish, and the device's part alone.
    fn minima(&self, stages: &mut Vec<Stage>) -> Result<Minima> {
        let problem = self.problem();
        let points = Points::fitted(&self.network.maps, self.plan.points_per_map);
        let run = |backend: &dyn Backend| backend.minima(&problem, points, Start::Idealized, &Tick::silent());
        let mut whole = Stage::new("minima", Arithmetic::Mixed, points.len(), 1, None);
        let expected = self.bench.cpu(&mut whole, || run(&Cpu))?;
        let kernel = self.kernel_of_minima(expected.states.mean_active());
        whole.kernel = kernel;
        self.bench.device(
            &mut whole,
            |gpu| run(gpu),
            |found| {
                vec![
                    Compared::of("rate", "Hz", found.states.to_dense(), expected.states.to_dense()),
                    Compared::of("energy", "Hz³", found.energies.clone(), expected.energies.clone()),
                    Compared::of(
                        "multiplier",
                        "Hz²/neuron unit",
                        found.multipliers.concat(),
                        expected.multipliers.concat(),
                    ),
                ]
            },
        );
        stages.push(whole);
        if self.bench.gpu.is_some() {
            let work = self.work_of_minima(&expected);
            let mut part =
                Stage::new("minima, device's part", Arithmetic::Single, points.len(), 1, Some(work));
            part.kernel = kernel;
            self.bench.device(
                &mut part,
                |gpu| gpu.near_minima(&problem, points, Start::Idealized),
                |near| self.compare_near(near, &expected),
            );
            stages.push(part);
        }
        Ok(expected)
    }

    /// The kernel of the fields. W in the order of a map is read within a bump's width of the diagonal, for all points of the map,
    /// and that of several maps in turn.
    fn kernel_of_minima(&self, active: f64) -> Option<Kernel> {
        let (neurons, per_map) = (self.plan.neurons, self.plan.points_per_map);
        let (footprint, maps) =
            gpu::minimum_footprint(neurons, self.network.bumps.active(0), per_map).ok()?;
        let row = 4.0 * (neurons as f64).min(2.4 * active);
        Some(Kernel {
            footprint,
            together: gpu::MOST_AT_WORK as f64,
            reads: row * neurons as f64 * maps.min(self.plan.maps) as f64,
        })
    }

    fn work_of_minima(&self, minima: &Minima) -> Work {
        let (n, mut work) = (self.plan.neurons as f64, Work { flops: 0.0, bytes: 0.0 });
        for (state, certificate) in minima.states.iter().zip(&minima.certificates) {
            let (a, iterations) = (state.active.len() as f64, f64::from(certificate.iterations));
            work.flops += iterations * (a.powi(3) / 3.0 + 2.0 * a * n);
            work.bytes += iterations * 4.0 * (a * a + a * n);
        }
        work
    }

    /// The states that the host goes on from.
    fn compare_near(&self, near: &[Option<StateBuf>], expected: &Minima) -> Vec<Compared> {
        let used = || near.iter().enumerate().filter_map(|(s, near)| near.as_ref().map(|near| (s, near)));
        let squares = |state: crate::landscape::states::State<'_>| {
            let mut rates = vec![0.0; self.plan.neurons];
            state.scatter(&mut rates);
            rates.into_iter().map(|r| r * r)
        };
        let found = used().flat_map(|(_, near)| squares(near.view()));
        let reference = used().flat_map(|(s, _)| squares(expected.states.get(s)));
        vec![Compared::of("r²", "Hz²", found, reference)]
    }

    /// In f64 on the host on both paths: they decide what is accepted.
    fn energies(&self, minima: &Minima) -> Result<Stage> {
        let (problem, states) = (self.problem(), &minima.states);
        let mut stage = Stage::new("energies", Arithmetic::Host, states.len(), 1, None);
        self.bench.both(
            &mut stage,
            || Ok(problem.energy().of_states(states)),
            |gpu| gpu.energies(&problem, states, &Tick::silent()),
            |found, expected| vec![Compared::of("energy", "Hz³", found.clone(), expected.clone())],
        )?;
        Ok(stage)
    }

    /// Direct solves in f64 on the host on both paths; conjugate gradients with products by the device.
    fn weight_update(&self, minima: &Minima) -> Result<Stage> {
        let (network, config) = (&self.network, &self.plan.config.flatten);
        let points = Points::fitted(&network.maps, self.plan.points_per_map);
        let states = &minima.states;
        let problem = WeightProblem {
            manifolds: Manifolds { states, maps: &network.maps, points, at_each: 1 },
            energies: &minima.energies,
            ridge: config.ridge,
            solver: self.plan.solver,
            accuracy: config.accuracy,
        };
        let precision = if self.plan.solver == SolverKind::Cg { Arithmetic::Mixed } else { Arithmetic::Host };
        let mut stage = Stage::new("weight update", precision, states.len(), 1, None);
        let matrix = 4.0 * (self.plan.neurons as f64).powi(2);
        let tiles = (self.plan.neurons as f64 / gpu::TILE as f64).ceil();
        // A direct solve runs no kernel.
        stage.kernel = (self.plan.solver == SolverKind::Cg).then_some(Kernel {
            footprint: gpu::PRODUCTS,
            together: tiles * tiles,
            reads: matrix,
        });
        self.bench.both(
            &mut stage,
            || Cpu.weight_update(&problem, &Tick::silent()),
            |gpu| gpu.weight_update(&problem, &Tick::silent()),
            |found, expected| {
                vec![Compared::of("weight change", "Hz", found.delta.to_dense(), expected.delta.to_dense())]
            },
        )?;
        Ok(stage)
    }

    /// The landscape at the fitted points and between them, one weight update, and the landscape again.
    fn job(&self) -> Result<Stage> {
        let run = |backend: &dyn Backend| -> Result<Landscape> {
            let monitor = Monitor::silent();
            let job =
                Job { plan: self.plan, network: &self.network, backend, monitor: &monitor, stop: &|| false };
            Ok(job.flatten(None, &mut |_| Ok(()))?.0)
        };
        let states = self.plan.states();
        let mut stage = Stage::new("whole job, one iteration", Arithmetic::Mixed, states, 1, None);
        self.bench.both(
            &mut stage,
            || run(&Cpu),
            |gpu| run(gpu),
            |found, expected| {
                let before = |landscape: &Landscape| landscape.energies[..states].to_vec();
                let after = |landscape: &Landscape| landscape.energies[states..].to_vec();
                vec![
                    Compared::of("energy before", "Hz³", before(found), before(expected)),
                    Compared::of("energy after", "Hz³", after(found), after(expected)),
                    Compared::of("roughness after", "Hz³", [found.energy_sd()], [expected.energy_sd()]),
                ]
            },
        )?;
        Ok(stage)
    }
}
