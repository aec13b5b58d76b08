//! Idealized bumps on the level of the minima, beside the minima.

use flatscape::compute::cpu::Cpu;
use flatscape::job::Job;
use flatscape::job::drift::DriftSummary;
use flatscape::job::drift_record::Which;
use flatscape::manifold::Points;
use flatscape::network::Network;
use flatscape::progress::Monitor;
use flatscape::setup::config::Config;
use flatscape::setup::plan::Plan;

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
    with_job("idealized_updates = 2\n", |job, network| {
        let points = Points::fitted(&network.maps, 300);
        let mut reached = 0;
        job.flatten(None, &mut |landscape| {
            let weights = network.weights.plus(1.0, &landscape.delta);
            let field = |rates: &[f64], i: usize| -> f64 {
                weights.row(i).iter().zip(rates).map(|(w, r)| w * r).sum()
            };
            // E = Σ r³/3 − h Σ r − ½ rᵀWr, by its definition.
            let energy = |rates: &[f64]| -> f64 {
                let cubes = rates
                    .iter()
                    .zip(&network.external_current)
                    .map(|(r, h)| r.powi(3) / 3.0 - h * r)
                    .sum::<f64>();
                cubes - 0.5 * rates.iter().enumerate().map(|(i, r)| r * field(rates, i)).sum::<f64>()
            };
            let rows = job.rows(landscape, true)?;
            assert_eq!((rows.at_each, rows.states.len()), (2, 1800));
            let dense = rows.states.to_dense();
            for s in 0..900 {
                assert_eq!(rows.states.get(2 * s), landscape.fitted.get(s));
                let bump = network.bumps.at(&network.maps, &points.get(s));
                assert_eq!(rows.states.get(2 * s + 1), bump.view());
                for row in [2 * s, 2 * s + 1] {
                    // Sums of 10^4 Hz³ in another order.
                    let (found, expected) = (rows.energies[row], energy(&dense[150 * row..][..150]));
                    assert!((found - expected).abs() < 1e-7, "{row}: {found} {expected}");
                }
            }
            let minima = job.rows(landscape, false)?;
            assert_eq!((minima.at_each, minima.states.len(), minima.energies.len()), (1, 900, 900));
            let heights = rows.energies.chunks(2).map(|pair| pair[1] - pair[0]).sum::<f64>() / 900.0;
            let told = landscape.records.last().unwrap().idealized_height;
            assert!((heights - told).abs() < 1e-9 * heights, "{heights} {told}");
            reached += 1;
            Ok(())
        })
        .unwrap();
        // The first landscape has M = 0; those after it do not.
        assert!(reached > 2);
    });
}

/// Mean height of idealized bumps above their minima (Hz³) and drift, after flattening.
fn outcome(further: &str) -> (f64, DriftSummary) {
    with_job(further, |job, network| {
        let landscape = job.flatten(None, &mut |_| Ok(())).unwrap().0;
        let record = landscape.records.last().unwrap();
        // Both landscapes are flat: before flattening the SD is above 500.
        assert!(record.energy_sd < 1.0, "{}", record.energy_sd);
        let weights = network.weights.plus(1.0, &landscape.delta);
        let measured = job.measure_drift(&weights, Which::Flattened).unwrap().records;
        (record.idealized_height, DriftSummary::of(&measured, Which::Flattened).unwrap())
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
