//! One network of a given size: time of every stage of the outer iteration, memory, roughness after every update.
//! `scaling NEURONS MAPS POINTS UPDATES [SOLVER]` prints one row a size; `benches/scaling.sh` makes the table.
//!
//! Beside wall time the time that the process itself ran is given (CPU seconds, all threads), which a machine that is
//! shared with others changes less.

use std::time::Instant;

use flatscape::compute::backend::Backend;
use flatscape::compute::cpu::Cpu;
use flatscape::connectivity::matrix::WeightMatrix;
use flatscape::landscape::problem::Start;
use flatscape::landscape::roughness::Roughness;
use flatscape::landscape::states::States;
use flatscape::manifold::Points;
use flatscape::network::Network;
use flatscape::progress::Tick;
use flatscape::setup::config::Config;
use flatscape::setup::plan::Plan;
use flatscape::solve::manifolds::Manifolds;
use flatscape::solve::{WeightProblem, WeightUpdate};

/// Clock ticks of the kernel's accounts a second; the same on every Linux.
const TICKS: f64 = 100.0;

/// Seconds that this process has run, all threads together, and the most memory it had (bytes).
fn accounts() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(f64::NAN);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
    let kilobytes: f64 = peak.and_then(|p| p.trim().parse().ok()).unwrap_or(f64::NAN);
    ((ticks(11) + ticks(12)) / TICKS, 1024.0 * kilobytes)
}

/// Wall and CPU seconds of some work.
fn timed<T>(work: impl FnOnce() -> T) -> (T, [f64; 2]) {
    let (started, before) = (Instant::now(), accounts().0);
    let result = work();
    (result, [started.elapsed().as_secs_f64(), accounts().0 - before])
}

fn solve(plan: &Plan, network: &Network, states: &States, energies: &[f64]) -> WeightUpdate {
    let flatten = &plan.config.flatten;
    let points = Points::fitted(&network.maps, plan.points_per_map);
    let problem = WeightProblem {
        manifolds: Manifolds { states, maps: &network.maps, points, at_each: 1 },
        energies,
        ridge: flatten.ridge,
        solver: plan.solver,
        accuracy: flatten.accuracy,
    };
    Cpu.weight_update(&problem, &Tick::silent()).expect("the ridge makes every system solvable")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [neurons, maps, points, updates, solver @ ..] = arguments.as_slice() else {
        println!("scaling NEURONS MAPS POINTS UPDATES [SOLVER]; benches/scaling.sh makes the table");
        return;
    };
    let mut config = Config::default();
    for (key, value) in [
        ("network.neurons", neurons.as_str()),
        ("network.maps", maps),
        ("flatten.points_per_map", points),
        ("flatten.iterations", updates),
        ("flatten.ridge", "1e-4"),
        ("flatten.solver", solver.first().map_or("auto", String::as_str)),
    ] {
        config.set(&format!("{key}={value}")).expect("arguments that a configuration allows");
    }
    let plan = Plan::new(config).expect("a network that fits");
    let (network, building) = timed(|| plan.network(0).expect("the paper's kernel has a bump"));
    let fitted = Points::fitted(&network.maps, plan.points_per_map);
    let mut delta = WeightMatrix::zeros(plan.neurons);
    let mut previous: Option<States> = None;
    let (mut minima, mut solves, mut roughness) = (Vec::new(), Vec::new(), Vec::new());
    for update in 0..=plan.iterations {
        let weights = network.weights.plus(1.0, &delta);
        let flatten = &plan.config.flatten;
        let problem = network.problem(&weights, flatten.definition, flatten.minimizer);
        let start = previous.as_ref().map_or(Start::Idealized, Start::States);
        let (found, seconds) =
            timed(|| Cpu.minima(&problem, fitted, start, &Tick::silent()).expect("the CPU does not fail"));
        minima.push(seconds);
        roughness.push(Roughness::of(&found.energies, None).sd);
        if update < plan.iterations {
            let (solved, seconds) = timed(|| solve(&plan, &network, &found.states, &found.energies));
            solves.push(seconds);
            delta = delta.plus(1.0, &solved.delta);
        }
        previous = Some(found.states);
    }
    let pair = |[wall, cpu]: [f64; 2]| format!("{wall:.1} / {cpu:.1}");
    let mean = |times: &[[f64; 2]]| {
        let count = times.len().max(1) as f64;
        [0, 1].map(|i| times.iter().map(|t| t[i]).sum::<f64>() / count)
    };
    let roughness: Vec<String> = roughness.iter().map(|sd| format!("{sd:.3}")).collect();
    println!(
        "| {neurons} | {maps} | {points} | {} | {} | {} | {} | {} | {} | {:.2} | {} |",
        plan.states(),
        format!("{:?}", plan.solver).to_lowercase(),
        pair(building),
        pair(minima[0]),
        pair(mean(&minima[1..])),
        pair(mean(&solves)),
        accounts().1 / 1e9,
        roughness.join(", ")
    );
}
