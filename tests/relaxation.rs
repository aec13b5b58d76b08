//! Flattening the way down from idealized bumps, beside the minima.

use flatscape::backend::Cpu;
use flatscape::config::Config;
use flatscape::energy;
use flatscape::measure::{DriftSummary, Which};
use flatscape::network::Network;
use flatscape::optimize::{Job, Landscape, Status};
use flatscape::plan::Plan;
use flatscape::progress::Monitor;
use flatscape::roughness::Roughness;

/// Enough for bumps to be far from their minima when they start: L/N = 1/50.
const NETWORK: &str =
    "[network]\nneurons = 150\nmaps = 3\n[measure]\nduration_ms = 1000\nstarts_per_map = 30\n
    [flatten]\niterations = 5\nridge = 1e-4\npoints_per_map = 300\nstart = \"idealized\"\n";

fn plan(further: &str) -> Plan {
    Plan::new(Config::parse(&format!("{NETWORK}{further}"), "test").unwrap()).unwrap()
}

fn with_job<R>(plan: &Plan, work: impl FnOnce(&Job<'_>, &Network) -> R) -> R {
    let network = plan.network(0).unwrap();
    let monitor = Monitor::silent();
    let job = Job { plan, network: &network, backend: &Cpu, monitor: &monitor, stop: &|| false };
    work(&job, &network)
}

fn flattened(job: &Job<'_>) -> Landscape {
    job.flatten(None, &mut |_| Ok(())).unwrap().0
}

#[test]
fn rows_are_minima_and_the_bumps_on_their_way_there() {
    let plan = plan("relaxation_ms = [0, 15, 400]\n");
    with_job(&plan, |job, network| {
        let landscape = flattened(job);
        let rows = job.rows(&landscape).unwrap().expect("nobody asked for an end");
        // 300 minima a map, half of them on neurons, with three states on the way.
        assert_eq!(rows.layout.per_map(), 300 + 3 * 150);
        assert_eq!((rows.states.len(), plan.rows), (3 * 750, 3 * 750));
        let weights = network.weights.plus(1.0, &landscape.delta);
        let energies = energy::energies(&weights, network.external_current, &rows.states);
        for (s, (found, expected)) in rows.energies.iter().zip(&energies).enumerate() {
            // Sums of 10^4 Hz³ in another order.
            assert!((found - expected).abs() < 1e-7, "{s}: {found} {expected}");
        }
        for map in 0..3 {
            for neuron in 0..150 {
                let row = map * 750 + 5 * neuron;
                let levels: Vec<usize> = (row..row + 5).map(|s| rows.layout.levels().of(s)).collect();
                assert_eq!(levels, [0, 1, 2, 3, 0]);
                assert_eq!(rows.states.get(row), landscape.fitted.get(map * 300 + 2 * neuron));
                let point = flatscape::states::Point { map, base: neuron, fraction: 0.0 };
                let bump = network.bumps.at(&network.maps, point);
                assert!(rows.states.get(row + 1).overlap(bump.view()) > 1.0 - 1e-12);
                let heights = &rows.energies[row..row + 4];
                assert!(heights[1] > heights[2] && heights[2] > heights[3], "{heights:?}");
            }
        }
    });
}

#[test]
fn bumps_stay_where_the_way_down_is_flat() {
    let paper = plan("");
    let ours = plan("relaxation_ms = [0, 15, 30, 60]\n");
    let results = [&paper, &ours].map(|plan| {
        with_job(plan, |job, network| {
            let landscape = flattened(job);
            let weights = network.weights.plus(1.0, &landscape.delta);
            let measured = job.measure_drift(&weights, Which::Flattened).unwrap().unwrap();
            let start: Vec<f64> = measured.records.iter().map(|r| r.start_energy).collect();
            let drift = DriftSummary::of(&measured.records, Which::Flattened).unwrap();
            (Roughness::of(&start, None).sd, landscape.energy_sd(), drift)
        })
    });
    let [(paper_start_sd, paper_sd, paper), (start_sd, sd, ours)] = results;
    // The start is one of the heights that are flattened; the paper's way leaves it as rough as it makes it.
    assert!(start_sd < 0.05 * paper_start_sd, "{start_sd} {paper_start_sd}");
    assert!(sd < 10.0 && paper_sd < 10.0, "{sd} {paper_sd}");
    assert!(ours.mean_drift < 0.6 * paper.mean_drift, "{ours:?} {paper:?}");
    assert!(ours.score > paper.score, "{ours:?} {paper:?}");
}

#[test]
fn an_end_is_heeded_during_relaxation() {
    let plan = plan("relaxation_ms = [15]\n");
    with_job(&plan, |job, network| {
        let stopped = Job { plan: job.plan, network, backend: &Cpu, monitor: job.monitor, stop: &|| true };
        let (before, status) = stopped.flatten(None, &mut |_| Ok(())).unwrap();
        assert_eq!((status, before.records.len()), (Status::Interrupted, 1));
        assert!(job.rows(&before).unwrap().is_some());
        assert!(stopped.rows(&before).unwrap().is_none());
    });
}
