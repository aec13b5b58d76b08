//! `trajectories.wgsl` against its CPU function, in groups of every size. See tests/gpu.rs for the drivers.

#[path = "common/gpu.rs"]
mod common_gpu;

use common_gpu::*;
use flatscape::compute::backend::Backend;
use flatscape::compute::cpu::Cpu;
use flatscape::compute::gpu::Conditions;
use flatscape::connectivity::Kernel;
use flatscape::dynamics::decoding::Scorer;
use flatscape::dynamics::noise::{Noise, NoiseKind};
use flatscape::dynamics::noisy::NoisyStart;
use flatscape::dynamics::trajectories::Trajectory;
use flatscape::job::drift::{start_currents, start_points};
use flatscape::landscape::transfer::Transfer;
use flatscape::manifold::{
    Arrangement, Group, Lattice, Maps, Placement, Point, Shape, periodic_displacement,
};
use flatscape::network::Network;
use flatscape::progress::Tick;
use flatscape::setup::config::Starts;

/// Snapshot `k` of all runs, as r² = max(I, 0): the square root magnifies rounding where a neuron falls silent.
fn squares(runs: &[Trajectory], k: usize) -> Vec<f64> {
    runs.iter().flat_map(|run| run.snapshots[k].iter().map(|r| r * r)).collect()
}

#[test]
fn trajectories() {
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS, 2);
    let starts = starts(&network, 21);
    let at = [0, 1, 40, 400, 400];
    let (found, expected) = (run(&gpu, &network, &starts, &at), run(&Cpu, &network, &starts, &at));
    for (k, step) in at.iter().enumerate() {
        // A step rounds currents, rates and sums of 40 terms, some 2⁻²¹ together; errors add up while the dynamics
        // contract everything but the position, along which they grow with the drift.
        let rtol = if *step < 2 { 1e-6 } else { 1e-5 };
        same(&format!("r² after {step}"), &squares(&found, k), &squares(&expected, k), 0.0, rtol);
        let energies = |runs: &[Trajectory]| -> Vec<f64> { runs.iter().map(|r| r.energies[k]).collect() };
        // The energy's gradient is small on the manifold.
        same(&format!("energies after {step}"), &energies(&found), &energies(&expected), 0.0, rtol);
    }
    assert!(found.iter().all(|run| run.energy_rises == 0), "the energy rose");
}

#[test]
fn trajectories_end_where_they_end_on_the_cpu() {
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS, 3);
    let starts = starts(&network, 60);
    let at = [3000];
    let scorer = Scorer::new(&network.maps, &network.bumps);
    let places = |runs: &[Trajectory]| -> Vec<(usize, f64)> {
        let places = runs.iter().map(|run| scorer.best_fit(&run.snapshots[0]));
        places.map(|place| (place.map, place.location[0])).collect()
    };
    let found = places(&run(&gpu, &network, &starts, &at));
    let expected = places(&run(&Cpu, &network, &starts, &at));
    let apart = |(a, b): &(&(usize, f64), &(usize, f64))| {
        a.0 != b.0 || periodic_displacement(a.1, b.1, NEURONS as f64).abs() > 1.0
    };
    let differing = found.iter().zip(&expected).filter(apart).count();
    println!("{differing} of {} end elsewhere", found.len());
    assert!(differing * 50 <= found.len(), "{differing} of {} end elsewhere", found.len());
}

#[test]
fn more_active_neurons_than_a_list_holds_and_weights_in_parts() {
    // Everybody is active: five pieces of the list. Rows that are no whole number of quads, more quads than threads; two
    // parts of W, and two batches of states.
    let network = network(1101, 1);
    let starts: Vec<Vec<f64>> =
        (0..30).map(|s| (0..1101).map(|i| 20.0 + f64::from((i * (s + 3)) % 17)).collect()).collect();
    let expected = run(&Cpu, &network, &starts, &[3]);
    for most in [None, Some(700 * 1104 * 4)] {
        let gpu = gpu_or_return!(Conditions { most_binding: most, ..Conditions::default() });
        let found = run(&gpu, &network, &starts, &[3]);
        // Sums of 1101 terms of both signs, as large as 3000 together: rounding of some 2⁻²⁴ · √1101 of that.
        same("r² with everybody active", &squares(&found, 0), &squares(&expected, 0), 1e-2, 0.0);
    }
}

#[test]
fn groups_of_every_size() {
    // Four on every position, so that 16 and then 8 share rows; three are alone.
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS, 2);
    let points = start_points(&network.maps, Starts::Sites, NEURONS);
    let points: Vec<Point> = (0..27).map(|k| points[k / 4]).collect();
    let starts = start_currents(&network, &points);
    let before = gpu.counted();
    let (found, expected) =
        (run(&gpu, &network, &starts, &[1, 100]), run(&Cpu, &network, &starts, &[1, 100]));
    assert!((gpu.counted() - before).workgroups.is_multiple_of(5), "16 + 8 + 1 + 1 + 1");
    for k in 0..2 {
        // As for single ones above.
        same("r²", &squares(&found, k), &squares(&expected, k), 0.0, 1e-5);
    }
}

#[test]
fn external_currents_and_transfer_functions_of_every_kind() {
    let gpu = gpu_or_return!(Conditions::default());
    for (shape, counts, transfer) in
        [(Shape::Torus, [12, 12], Transfer::ROOT), (Shape::Ring, [140, 1], Transfer::new(0.8, 0.4))]
    {
        let lattice = Lattice::of_sites(shape, counts, Arrangement::Square);
        let mut maps = Maps::empty(190);
        maps.draw(Group { count: 2, lattice, margin: 0.0 }, &Placement::Lattice, 5, 0);
        let kernel = Kernel::PAPER.scaled_to_shape(shape, lattice.sites());
        let kernel = Kernel { amplitude: kernel.amplitude * 2.0, ..kernel };
        let network = Network::with_kernels(maps, vec![kernel], 10.0, transfer).unwrap();
        let h = &network.external_current;
        assert!(h.iter().any(|i| *i != h[0]), "neurons in one map and in two");
        let starts = start_currents(&network, &start_points(&network.maps, Starts::Sites, 9));
        let (found, expected) = (run(&gpu, &network, &starts, &[200]), run(&Cpu, &network, &starts, &[200]));
        let currents = |runs: &[Trajectory]| -> Vec<f64> {
            runs.iter().flat_map(|run| run.snapshots[0].iter().map(|r| transfer.current(*r))).collect()
        };
        // As for the paper's ring; a power is good to some ten roundings.
        same(&format!("currents on a {shape:?}"), &currents(&found), &currents(&expected), 0.0, 2e-5);
    }
}

#[test]
fn drift_as_jobs_run_it_reads_what_is_active() {
    // Ten starts a map lie too far apart to share rows. 59 neurons are active in a bump of the paper's network.
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(600, 10);
    let starts = start_currents(&network, &start_points(&network.maps, Starts::Sites, 10));
    let steps = 20;
    let before = gpu.counted();
    let found = run(&gpu, &network, &starts, &[steps]);
    let counted = gpu.counted() - before;
    let per_step = |total: u64| total as f64 / (starts.len() * steps) as f64;
    let active = 59.0 * 600.0;
    println!(
        "{:.2} x the active multiply-adds, {:.2} x the bytes of the active rows, {} workgroups a dispatch",
        per_step(counted.multiply_adds) / active,
        per_step(counted.weight_bytes) / (4.0 * active),
        counted.workgroups / counted.dispatches
    );
    assert!(per_step(counted.multiply_adds) >= active && per_step(counted.multiply_adds) <= 1.3 * active);
    assert!(
        per_step(counted.weight_bytes) >= 4.0 * active
            && per_step(counted.weight_bytes) <= 1.3 * 4.0 * active
    );
    assert!(counted.workgroups >= 100 * counted.dispatches);
    let expected = run(&Cpu, &network, &starts, &[steps]);
    same("r²", &squares(&found, 0), &squares(&expected, 0), 0.0, 1e-5);
}

fn noise(kind: NoiseKind) -> Noise {
    Noise { kind, seed: 0x1234_5678_9abc, dt_seconds: 2e-4 }
}

fn noisy_starts(currents: &[Vec<f64>], first: u32) -> Vec<NoisyStart<'_>> {
    (first..).zip(currents).map(|(trajectory, current)| NoisyStart { current, trajectory }).collect()
}

#[test]
fn trajectories_under_noise_draw_the_numbers_of_the_cpu() {
    let gpu = gpu_or_return!(Conditions::default());
    let network = network(NEURONS + 1, 2);
    let currents = starts(&network, 9);
    let starts = noisy_starts(&currents, 70_000);
    // The second snapshot is not at the beginning of a block of four steps.
    let at = [0, 1, 7, 300];
    for kind in
        [NoiseKind::Poisson { fano: 1.0 }, NoiseKind::Poisson { fano: 0.01 }, NoiseKind::Current { sd: 3.0 }]
    {
        let run = |backend: &dyn Backend| {
            backend
                .noisy_trajectories(&dynamics(&network), &noise(kind), &starts, &at, &Tick::silent())
                .unwrap()
        };
        let (found, expected) = (run(&gpu), run(&Cpu));
        for (k, step) in at.iter().enumerate() {
            // One spike more or less changes currents by some Hz², a fiftieth of the largest; rounding as without noise.
            let rtol = if *step < 10 { 2e-6 } else { 2e-5 };
            same(
                &format!("{kind:?}, r² after {step}"),
                &squares(&found, k),
                &squares(&expected, k),
                0.0,
                rtol,
            );
        }
        assert!(found.iter().all(|run| run.energy_rises == 0), "nothing is claimed of energies under noise");
        assert_ne!(squares(&found[..1], 3), squares(&found[2..3], 3), "{kind:?}: the same numbers twice");
    }
}

#[test]
fn noise_depends_neither_on_company_nor_on_the_times_kept_nor_on_a_lost_device() {
    let network = network(NEURONS, 2);
    let currents = starts(&network, 10);
    for kind in [NoiseKind::Poisson { fano: 0.1 }, NoiseKind::Current { sd: 1.0 }] {
        let run = |conditions: Conditions, starts: &[NoisyStart<'_>], at: &[usize]| {
            let gpu = gpu_under(conditions)?;
            let dynamics = dynamics(&network);
            Some(gpu.noisy_trajectories(&dynamics, &noise(kind), starts, at, &Tick::silent()).unwrap())
        };
        let all = noisy_starts(&currents, 0);
        let Some(expected) = run(Conditions::default(), &all, &[0, 33, 120]) else { return };
        // Batches of a few states.
        let small = Conditions { most_binding: Some(60_000), ..Conditions::default() };
        assert_eq!(run(small, &all, &[0, 33, 120]).unwrap(), expected);
        let lost = Conditions { destroy_after: vec![2], ..Conditions::default() };
        assert_eq!(run(lost, &all, &[0, 33, 120]).unwrap(), expected);
        let alone = run(Conditions::default(), &all[6..7], &[120]).unwrap();
        assert_eq!(alone[0].snapshots[0], expected[6].snapshots[2]);
    }
}
