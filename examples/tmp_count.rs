use flatscape::compute::backend::Backend;
use flatscape::compute::cpu::Cpu;
use flatscape::compute::gpu::{Conditions, Gpu};
use flatscape::connectivity::Kernel;
use flatscape::landscape::problem::{Definition, Minimizer, Start};
use flatscape::manifold::{Maps, Points};
use flatscape::network::Network;
use flatscape::progress::Tick;
fn main() {
    let a: Vec<usize> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let (n, l, k, maps, stride) = (a[0], a[1], a[2], a[3], a[4]);
    let network = Network::new(Maps::random(n, l, 1, 0), Kernel::PAPER.scaled_to(n), 10.0).unwrap();
    let problem = network.problem(&network.weights, Definition::Kkt, Minimizer::Newton);
    let points = Points::fitted(&network.maps, k).on_first_maps(maps).every(stride);
    let gpu = Gpu::under(None, Conditions::default()).unwrap();
    let before = gpu.counted();
    let t = std::time::Instant::now();
    let found = gpu.minima(&problem, points, Start::Idealized, &Tick::silent()).unwrap();
    let on_gpu = t.elapsed().as_secs_f64();
    let c = gpu.counted() - before;
    let s = points.len() as f64;
    println!(
        "N {n} L {l} K {k}: {} states, {on_gpu:.2} s; a state: {:.3e} madds, {:.3e} B, {:.1} turns, handed {}, host {:.3} ms; dispatches {}",
        points.len(),
        c.multiply_adds as f64 / s,
        c.weight_bytes as f64 / s,
        c.turns as f64 / s,
        c.handed,
        1e3 * c.host_seconds / s,
        c.dispatches
    );
    let it: Vec<u32> = found.certificates.iter().map(|c| c.iterations).collect();
    println!("iterations mean {:.1} max {}", it.iter().sum::<u32>() as f64 / s, it.iter().max().unwrap());
    if a.len() > 5 {
        let t = std::time::Instant::now();
        let cpu = Cpu.minima(&problem, points, Start::Idealized, &Tick::silent()).unwrap();
        println!("cpu {:.2} s", t.elapsed().as_secs_f64());
        let d: Vec<f64> =
            found.energies.iter().zip(&cpu.energies).map(|(a, b)| a - b).filter(|d| d.abs() > 1e-4).collect();
        println!("{} elsewhere, mean {:.3}", d.len(), d.iter().sum::<f64>() / d.len().max(1) as f64);
    }
}
