//! Idealized bumps on the level of the minima, beside the minima.

use flatscape::backend::Cpu;
use flatscape::config::Config;
use flatscape::energy;
use flatscape::measure::{DriftSummary, Which};
use flatscape::network::Network;
use flatscape::optimize::Job;
use flatscape::plan::Plan;
use flatscape::progress::Monitor;
use flatscape::states::Points;

/// Enough for bumps to be far from their minima when they start: L/N = 1/50. Points lie between neurons too.
const NETWORK: &str =
    "[network]\nneurons = 150\nmaps = 3\n[measure]\nduration_ms = 1000\nstarts_per_map = 30\n
    [flatten]\niterations = 10\nridge = 1e-2\nridge_decay = 0.6\npoints_per_map = 300\nstart = \"idealized\"\n";

fn with_job<R>(further: &str, work: impl FnOnce(&Job<'_>, &Network) -> R) -> R {
    let plan = Plan::new(Config::parse(&format!("{NETWORK}{further}"), "test").unwrap()).unwrap();
    let network = plan.network(0).unwrap();
    let monitor = Monitor::silent();
    let job = Job { plan: &plan, network: &network, backend: &Cpu, monitor: &monitor, stop: &|| false };
    work(&job, &network)
}

#[test]
fn rows_of_the_first_updates_are_minima_and_idealized_bumps() {
    with_job("idealized_updates = 1\n", |job, network| {
        let points = Points::fitted(&network.maps, 300);
        let mut of_updates = Vec::new();
        job.flatten(None, &mut |landscape| {
            let rows = job.rows(landscape)?;
            of_updates.push((rows.at_each, rows.states.len()));
            let weights = network.weights.plus(1.0, &landscape.delta);
            let energies = energy::energies(&weights, network.external_current, &rows.states);
            for (s, (found, expected)) in rows.energies.iter().zip(&energies).enumerate() {
                // Sums of 10^4 Hz³ in another order.
                assert!((found - expected).abs() < 1e-7, "{s}: {found} {expected}");
            }
            for s in 0..900 {
                assert_eq!(rows.states.get(rows.at_each * s), landscape.fitted.get(s));
                if rows.at_each == 2 {
                    let bump = network.bumps.at(&network.maps, points.get(s));
                    assert_eq!(rows.states.get(2 * s + 1), bump.view());
                    assert!(rows.energies[2 * s + 1] > rows.energies[2 * s], "{s}");
                }
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(of_updates[..3], [(2, 1800), (1, 900), (1, 900)]);
    });
}

/// Mean height of idealized bumps above the manifold (Hz³), and drift, after flattening.
fn outcome(further: &str) -> (f64, DriftSummary) {
    with_job(further, |job, network| {
        let landscape = job.flatten(None, &mut |_| Ok(())).unwrap().0;
        // Both landscapes are flat: before flattening the SD is above 500.
        assert!(landscape.energy_sd() < 1.0, "{}", landscape.energy_sd());
        let weights = network.weights.plus(1.0, &landscape.delta);
        let measured = job.measure_drift(&weights, Which::Flattened).unwrap().unwrap().records;
        let start = measured.iter().map(|r| r.start_energy).sum::<f64>() / measured.len() as f64;
        let level = landscape.records.last().unwrap().energy_mean;
        (start - level, DriftSummary::of(&measured, Which::Flattened).unwrap())
    })
}

#[test]
fn bumps_keep_their_place_and_shape_where_idealized_ones_lie_on_the_manifold() {
    let (minima_height, minima) = outcome("");
    let (height, both) = outcome("idealized_updates = 6\n");
    // On this network idealized bumps come to lie 20 times lower, move a third as far, and change their rates by a
    // fourteenth. Half of each is asked for.
    assert!(height < 0.1 * minima_height, "{height} {minima_height}");
    assert!(both.phase_mean_drift < 0.66 * minima.phase_mean_drift, "{both:?} {minima:?}");
    assert!(both.mean_drift <= minima.mean_drift, "{both:?} {minima:?}");
    assert!(both.rate_change < 0.14 * minima.rate_change, "{both:?} {minima:?}");
    assert!(both.score > minima.score, "{both:?} {minima:?}");
}
