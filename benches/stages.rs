//! Speed of the stages on the CPU, on the paper's network. `cargo bench --bench stages -- --json` for programs.
//!
//! Medians of several repetitions; `benches/run.sh` puts them beside NumPy and JAX, measured in the same run.

use std::time::Instant;

use flatscape::compute::backend::Backend;
use flatscape::compute::cpu::Cpu;
use flatscape::connectivity::Kernel;
use flatscape::job::drift::{start_currents, start_points};
use flatscape::landscape::problem::{Definition, Minimizer, Start};
use flatscape::manifold::Maps;
use flatscape::manifold::Points;
use flatscape::network::Network;
use flatscape::progress::Tick;
use flatscape::setup::config::Starts;
use flatscape::solve::direct;
use serde::Serialize;

const NEURONS: usize = 600;
const MAPS: usize = 10;
const REPETITIONS: usize = 5;
const EULER_STEPS: usize = 300;

#[derive(Serialize)]
struct Measurement {
    name: &'static str,
    /// Median over repetitions.
    seconds: f64,
    seconds_min: f64,
    seconds_max: f64,
    /// For trajectories.
    states_steps_per_second: Option<f64>,
}

#[derive(Serialize)]
struct Report {
    neurons: usize,
    maps: usize,
    threads: usize,
    measurements: Vec<Measurement>,
}

fn time(name: &'static str, states_steps: Option<f64>, mut work: impl FnMut()) -> Measurement {
    work();
    let mut seconds: Vec<f64> = (0..REPETITIONS)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[REPETITIONS / 2];
    let states_steps_per_second = states_steps.map(|count| count / median);
    Measurement {
        name,
        seconds: median,
        seconds_min: seconds[0],
        seconds_max: seconds[REPETITIONS - 1],
        states_steps_per_second,
    }
}

fn trajectories(network: &Network, name: &'static str, starts_per_map: usize) -> Measurement {
    let starts = start_currents(network, &start_points(&network.maps, Starts::Sites, starts_per_map));
    let dynamics = network.dynamics(&network.weights, 0.2 / 15.0);
    let steps = if starts_per_map == NEURONS { EULER_STEPS } else { 10 * EULER_STEPS };
    time(name, Some((starts.len() * steps) as f64), || {
        let runs = Cpu.trajectories(&dynamics, &starts, &[steps], &Tick::silent());
        assert!(runs.is_ok_and(|runs| runs.len() == starts.len()));
    })
}

fn main() {
    let kernel = Kernel::PAPER;
    let network = Network::new(Maps::random(NEURONS, MAPS, 1, 0), kernel, 10.0);
    let network = network.expect("the paper's network has a bump");
    let points = Points::fitted(&network.maps, NEURONS);
    let mut measurements = vec![
        trajectories(&network, "trajectories, all 6000 points", NEURONS),
        trajectories(&network, "trajectories, 10 starts a map", 10),
    ];
    for (definition, name) in [(Definition::Paper, "minima, paper"), (Definition::Kkt, "minima, kkt")] {
        let problem = network.problem(&network.weights, definition, Minimizer::Newton);
        let find = || {
            Cpu.minima(&problem, points, Start::Idealized, &Tick::silent()).expect("the CPU does not fail")
        };
        measurements.push(time(name, None, || {
            assert!(find().certificates.iter().all(|c| c.converged(1e-8)));
        }));
        if definition == Definition::Kkt {
            let found = find();
            measurements.push(time("Gram matrix", None, || {
                assert_eq!(
                    direct::gram_matrix(&found.states, &Tick::silent()).len(),
                    points.len() * points.len()
                );
            }));
            measurements.push(time("weight update", None, || {
                assert!(direct::solve(&found.states, &found.energies, 1e-7, &Tick::silent()).is_ok());
            }));
        }
    }
    let report = Report { neurons: NEURONS, maps: MAPS, threads: rayon::current_num_threads(), measurements };
    if std::env::args().any(|a| a == "--json") {
        println!("{}", serde_json::to_string_pretty(&report).expect("plain numbers"));
    } else {
        for m in &report.measurements {
            let rate =
                m.states_steps_per_second.map_or(String::new(), |r| format!("{r:>12.0} states x steps/s"));
            println!("{:32}{:>9.3} s {rate}", m.name, m.seconds);
        }
    }
}
