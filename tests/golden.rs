//! Everything against results of an independent implementation; tests/golden/README.md says how they were made.

mod common;

use common::{Golden, Mismatches};
use flatscape::minimum::{self, Definition, Minimizer, Problem, Start};
use flatscape::progress::Tick;
use flatscape::states::Points;

#[test]
fn constrained_minima_before_the_first_update() {
    for name in ["ring200_3", "ring600_2"] {
        let golden = Golden::load(name);
        let network = golden.network();
        let points = Points::fitted(&network.maps, network.neurons());
        for (definition, label) in [(Definition::Paper, "paper"), (Definition::Kkt, "kkt")] {
            let problem = Problem {
                weights: &network.weights,
                external_current: network.external_current,
                maps: &network.maps,
                bumps: &network.bumps,
                definition,
                minimizer: Minimizer::Newton,
            };
            let t0 = std::time::Instant::now();
            let found = minimum::minima(&problem, points, Start::Idealized, &Tick::silent());
            let expected = &golden.array(&format!("energy_{label}"))[..points.len()];
            let iters: Vec<u32> = found.certificates.iter().map(|c| c.iterations).collect();
            let unconverged = found.certificates.iter().filter(|c| !c.converged(1e-8)).count();
            let mut worse = 0;
            let mut better = 0;
            for (s, (a, b)) in found.energies.iter().zip(expected).enumerate() {
                if (a - b).abs() > 1e-8 * b.abs() {
                    if a > b {
                        worse += 1
                    } else {
                        better += 1
                    }
                    if worse + better < 12 {
                        println!("{s}: {a} {b} {:?}", found.certificates[s]);
                    }
                }
            }
            println!(
                "{name} {label} {:?} worse {worse} better {better} unconverged {unconverged} iterations mean {} max {}",
                t0.elapsed(),
                iters.iter().sum::<u32>() as f64 / iters.len() as f64,
                iters.iter().max().unwrap()
            );
        }
    }
}
