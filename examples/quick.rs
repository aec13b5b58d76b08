use flatscape::*;
use std::time::Instant;
fn main() {
    let kernel = network::Kernel { amplitude: 0.665, width: 15.0, inhibition: -0.2076 };
    let maps = network::Maps::random(600, 10, 1, 0);
    let t = Instant::now();
    let kk: usize = std::env::args().nth(1).map_or(600, |s| s.parse().unwrap());
    let pts = states::Points::fitted(&maps, kk);
    let held = pts.held_out();
    let mut fr = pts.fractions();
    fr.extend(held.fractions());
    let net = network::Network::new(maps, kernel, 10.0, &fr).unwrap();
    println!("network {:?}", t.elapsed());
    for def in [minimum::Definition::Paper, minimum::Definition::Kkt] {
        let problem = minimum::Problem {
            weights: &net.weights,
            external_current: net.external_current,
            maps: &net.maps,
            bumps: &net.bumps,
            definition: def,
            minimizer: minimum::Minimizer::Newton,
        };
        let t = Instant::now();
        let m = minimum::minima(&problem, pts, minimum::Start::Idealized, &progress::Tick::silent());
        let el = t.elapsed();
        let mean = m.energies.iter().sum::<f64>() / m.energies.len() as f64;
        let sd =
            (m.energies.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / m.energies.len() as f64).sqrt();
        let mut ov: Vec<f64> = m.certificates.iter().map(|c| c.overlap).collect();
        ov.sort_by(f64::total_cmp);
        println!(
            "{def:?} {el:?} sd {sd} unconv {} overlap {:?} iters {}",
            m.certificates.iter().filter(|c| !c.converged(1e-8)).count(),
            &ov[..6],
            m.certificates.iter().map(|c| c.iterations).sum::<u32>() as f64 / m.energies.len() as f64
        );
        let t = Instant::now();
        let g = weights::gram_matrix(&m.states);
        println!("gram {:?}", t.elapsed());
        drop(g);
        let t = Instant::now();
        let u = weights::flatten(&m.states, &m.energies, 1e-7, &progress::Tick::silent()).unwrap();
        println!("update {:?} {:?}", t.elapsed(), u.delta.statistics());
    }
    let dynm = trajectory::Dynamics {
        weights: &net.weights,
        external_current: net.external_current,
        step: 0.2 / 15.0,
    };
    let mk = |n: usize| -> Vec<Vec<f64>> {
        (0..n * 10)
            .map(|s| {
                let mut c = vec![0.0; 600];
                net.bumps.current_at(&net.maps, s / n, (s % n) * 600 / n, &mut c);
                c
            })
            .collect()
    };
    for (n, steps) in [(10, 3000), (600, 200)] {
        let st = mk(n);
        let t = Instant::now();
        let r = trajectory::trajectories(&dynm, &st, &[steps], &progress::Tick::silent(), &|| false).unwrap();
        let el = t.elapsed().as_secs_f64();
        println!(
            "traj {} starts: {:.0} state steps/s; active {}",
            st.len(),
            (st.len() * steps) as f64 / el,
            r[0].snapshots[0].iter().filter(|x| **x > 0.0).count()
        );
    }
}
