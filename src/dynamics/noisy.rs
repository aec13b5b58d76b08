//! Trajectories under noise or drive: the same equation as [`crate::dynamics::trajectories`], with spikes in place of rates, a
//! noise current, a velocity input, a cue. Energies may rise here, so nothing is claimed of them.
//!
//! Under Poisson noise few neurons send a spike in a step (one or two in ten steps from a bump of the paper's network, at
//! F = 1), and only their rows of W are read.

use pulp::Arch;
use rayon::prelude::*;

use crate::connectivity::field::field;
use crate::dynamics::drive::Drive;
use crate::dynamics::noise::{
    CURRENT_STREAM, Noise, NoiseKind, POISSON_STREAM, STEPS_PER_BLOCK, normals, philox, poisson,
};
use crate::dynamics::trajectories::{Dynamics, Trajectory};
use crate::error::Result;
use crate::landscape::states::StateBuf;
use crate::progress::Tick;

/// Where a trajectory starts, and which random numbers are its own.
#[derive(Clone, Copy, Debug)]
pub struct NoisyStart<'a> {
    /// Currents `[neurons]` (Hz²).
    pub current: &'a [f64],
    /// Number of the trajectory, a word of the generator's counter.
    pub trajectory: u32,
}

/// Steps between two reports of progress.
const REPORT_EVERY: usize = 500;

/// Runs every start under noise and keeps the rates after each of `at` steps (ascending). `tick` is told of finished steps,
/// summed over starts.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted) if `tick` stops it.
pub fn noisy_trajectories(
    dynamics: &Dynamics<'_>,
    noise: &Noise,
    starts: &[NoisyStart<'_>],
    at: &[usize],
    tick: &Tick<'_>,
) -> Result<Vec<Trajectory>> {
    let run = |start: &NoisyStart<'_>| Walker::new(dynamics, Some(noise), None, *start).run(at, tick);
    starts.par_iter().map(run).collect()
}

/// As [`noisy_trajectories`], with a drive, and with noise or without.
///
/// # Errors
/// As [`noisy_trajectories`].
pub fn driven_trajectories(
    dynamics: &Dynamics<'_>,
    noise: Option<&Noise>,
    drive: &Drive<'_>,
    starts: &[NoisyStart<'_>],
    at: &[usize],
    tick: &Tick<'_>,
) -> Result<Vec<Trajectory>> {
    let run = |start: &NoisyStart<'_>| Walker::new(dynamics, noise, Some(drive), *start).run(at, tick);
    starts.par_iter().map(run).collect()
}

/// One state that steps.
struct Walker<'a> {
    dynamics: &'a Dynamics<'a>,
    noise: Option<&'a Noise>,
    drive: Option<&'a Drive<'a>>,
    trajectory: u32,
    /// I, padded to `[stride]`.
    current: Vec<f64>,
    /// h, padded to `[stride]`.
    external_current: Vec<f64>,
    field: Vec<f64>,
    /// D·s; empty without a drive.
    pull: Vec<f64>,
    /// Neurons whose input the others see in this step, ascending, and what they see (Hz).
    sending: Vec<u32>,
    sent: Vec<f64>,
    /// For each neuron, the last block of random bits that was drawn, and its number.
    blocks: Vec<(u32, [u32; STEPS_PER_BLOCK])>,
}

/// The number of a block that was never drawn.
const NO_BLOCK: u32 = u32::MAX;

impl<'a> Walker<'a> {
    fn new(
        dynamics: &'a Dynamics<'a>,
        noise: Option<&'a Noise>,
        drive: Option<&'a Drive<'a>>,
        start: NoisyStart<'_>,
    ) -> Self {
        let (neurons, stride) = (dynamics.weights.neurons(), dynamics.weights.stride());
        let padded = |values: &[f64], filler: f64| {
            let mut padded = values.to_vec();
            padded.resize(stride, filler);
            padded
        };
        Self {
            dynamics,
            noise,
            drive,
            trajectory: start.trajectory,
            current: padded(start.current, -1.0),
            external_current: padded(dynamics.external_current, 0.0),
            field: vec![0.0; stride],
            pull: vec![0.0; if drive.is_some() { stride } else { 0 }],
            sending: Vec::with_capacity(neurons),
            sent: Vec::with_capacity(neurons),
            blocks: vec![(NO_BLOCK, [0; STEPS_PER_BLOCK]); neurons],
        }
    }

    fn run(mut self, at: &[usize], tick: &Tick<'_>) -> Result<Trajectory> {
        let mut run =
            Trajectory { snapshots: Vec::new(), energies: Vec::new(), energy_rises: 0, largest_rise: 0.0 };
        let last = at.last().copied().unwrap_or(0);
        tick.go_on()?;
        for step in 0..=last {
            for _ in at.iter().filter(|&&t| t == step) {
                self.snapshot(&mut run);
            }
            if step < last {
                self.step(step);
            }
            if (step + 1) % REPORT_EVERY == 0 {
                tick.go_on()?;
                tick.add(REPORT_EVERY as u64);
            }
        }
        tick.add((last % REPORT_EVERY) as u64);
        Ok(run)
    }

    fn step(&mut self, step: usize) {
        match self.noise {
            Some(noise @ Noise { kind: NoiseKind::Poisson { fano }, .. }) => {
                self.send_spikes(step, noise, *fano)
            }
            _ => self.send_rates(),
        }
        field(Arch::new(), self.dynamics.weights, &self.sending, &self.sent, &mut self.field);
        if let Some(drive) = self.drive {
            self.push(step, drive);
        }
        self.update_currents();
        if let Some(noise @ Noise { kind: NoiseKind::Current { sd }, .. }) = self.noise {
            self.add_noise_current(step, noise, sd * self.dynamics.step.sqrt());
        }
    }

    /// `f += −τ·v·D·s`, and the cue.
    fn push(&mut self, step: usize, drive: &Drive<'_>) {
        let velocity = drive.velocities.get(step).copied().unwrap_or(0.0);
        if velocity != 0.0 {
            field(Arch::new(), drive.slopes, &self.sending, &self.sent, &mut self.pull);
            let factor = -drive.tau_seconds * velocity;
            self.field.iter_mut().zip(&self.pull).for_each(|(f, pull)| *f += factor * pull);
        }
        if let Some(cue) = drive.cue.filter(|cue| step < cue.steps) {
            self.field.iter_mut().zip(cue.current).for_each(|(f, cue)| *f += cue);
        }
    }

    /// `s_j = F·Poisson(r_j·Δt/F)/Δt`.
    fn send_spikes(&mut self, step: usize, noise: &Noise, fano: f64) {
        let (dt, key) = (noise.dt_seconds, noise.key());
        let (mean_per_rate, size) = ((dt / fano) as f32, fano / dt);
        let (block, word) = ((step / STEPS_PER_BLOCK) as u32, step % STEPS_PER_BLOCK);
        self.sending.clear();
        self.sent.clear();
        for (i, &current) in self.current[..self.blocks.len()].iter().enumerate() {
            if !(current > 0.0) {
                continue;
            }
            let (drawn, bits) = &mut self.blocks[i];
            if *drawn != block {
                *bits = philox([block, i as u32, self.trajectory, POISSON_STREAM], key);
                *drawn = block;
            }
            let rate = self.dynamics.transfer.rate(current) as f32;
            let count = poisson(rate * mean_per_rate, bits[word]);
            if count > 0 {
                self.sending.push(i as u32);
                self.sent.push(f64::from(count) * size);
            }
        }
    }

    /// `s_j = r_j`.
    fn send_rates(&mut self) {
        let state = self.state();
        (self.sending, self.sent) = (state.active, state.rates);
    }

    /// `I += (Δt/τ)·(−I + h + W·s)`.
    fn update_currents(&mut self) {
        let k = self.dynamics.step;
        let (current, field, h) = (&mut self.current, &self.field, &self.external_current);
        Arch::new().dispatch(|| {
            for ((i, f), h) in current.iter_mut().zip(field).zip(h) {
                *i += k * (h - *i + f);
            }
        });
    }

    /// `I += s·√(Δt/τ)·ξ`, ξ normal.
    fn add_noise_current(&mut self, step: usize, noise: &Noise, size: f64) {
        let neurons = self.blocks.len();
        for (quad, currents) in self.current[..neurons].chunks_mut(4).enumerate() {
            let bits = philox([step as u32, quad as u32, self.trajectory, CURRENT_STREAM], noise.key());
            currents.iter_mut().zip(normals(bits)).for_each(|(i, x)| *i += size * x);
        }
    }

    fn state(&self) -> StateBuf {
        let transfer = self.dynamics.transfer;
        let rates: Vec<f64> = self.current[..self.blocks.len()].iter().map(|&i| transfer.rate(i)).collect();
        StateBuf::from_dense(&rates)
    }

    /// Keeps the present rates, which no spike has reached yet, and their energy.
    fn snapshot(&mut self, run: &mut Trajectory) {
        let state = self.state();
        field(Arch::new(), self.dynamics.weights, &state.active, &state.rates, &mut self.field);
        run.energies.push(if self.dynamics.symmetric {
            self.dynamics.energy().from_field(state.view(), &self.field)
        } else {
            f64::NAN
        });
        let mut dense = vec![0.0; self.blocks.len()];
        state.view().scatter(&mut dense);
        run.snapshots.push(dense);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectivity::Kernel;
    use crate::dynamics::trajectories::trajectories;
    use crate::manifold::{Maps, Point};
    use crate::network::Network;

    fn network() -> Network {
        Network::new(Maps::random(120, 2, 3, 0), Kernel::PAPER.scaled_to(120), 10.0).unwrap()
    }

    fn start(network: &Network, base: i64) -> Vec<f64> {
        let mut current = vec![0.0; 120];
        let point = Point::on_lattice(0, &network.maps.group(0).lattice, [base, 0], [0.0; 2]);
        network.bumps.current_at(&network.maps, &point, &mut current);
        current
    }

    fn noise(kind: NoiseKind) -> Noise {
        Noise { kind, seed: 0x1234_5678_9abc, dt_seconds: 2e-4 }
    }

    fn run(network: &Network, noise: &Noise, starts: &[NoisyStart<'_>], at: &[usize]) -> Vec<Trajectory> {
        let dynamics = network.dynamics(&network.weights, 0.2 / 15.0);
        noisy_trajectories(&dynamics, noise, starts, at, &Tick::silent()).unwrap()
    }

    #[test]
    fn neither_company_nor_threads_nor_the_times_kept_change_a_bit() {
        let network = network();
        let current = [start(&network, 10), start(&network, 70)];
        for kind in [NoiseKind::Poisson { fano: 0.1 }, NoiseKind::Current { sd: 1.0 }] {
            let noise = noise(kind);
            let of = |k: usize| NoisyStart { current: &current[k % 2], trajectory: k as u32 };
            let together: Vec<_> = (0..6).map(of).collect();
            let expected = run(&network, &noise, &together, &[0, 100, 400]);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
            assert_eq!(pool.install(|| run(&network, &noise, &together, &[0, 100, 400])), expected);
            let alone = run(&network, &noise, &[of(4)], &[400]);
            assert_eq!(alone[0].snapshots[0], expected[4].snapshots[2]);
            assert_ne!(
                expected[0].snapshots[2], expected[2].snapshots[2],
                "{kind:?}: the same numbers twice"
            );
        }
    }

    #[test]
    fn little_noise_is_none() {
        let network = network();
        let current = start(&network, 10);
        let starts = [NoisyStart { current: &current, trajectory: 0 }];
        let dynamics = network.dynamics(&network.weights, 0.2 / 15.0);
        let quiet = trajectories(&dynamics, std::slice::from_ref(&current), &[300], &Tick::silent()).unwrap();
        // A standard deviation of 1e-9 Hz² moves no current by more than a few times that.
        let noisy = run(&network, &noise(NoiseKind::Current { sd: 1e-9 }), &starts, &[300]);
        for (a, b) in noisy[0].snapshots[0].iter().zip(&quiet[0].snapshots[0]) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    /// A neuron without input follows `τ dI = −I dt + s√τ dB`: variance s²/2, and the Euler step adds half of Δt/τ of it.
    #[test]
    fn a_lonely_neuron_has_the_variance_of_its_equation() {
        let weights = crate::connectivity::matrix::WeightMatrix::zeros(40);
        let (step, sd) = (0.2 / 15.0, 3.0);
        let network = network();
        let dynamics = Dynamics::new(&weights, &[100.0; 40], network.transfer, step);
        let current = vec![100.0; 40];
        let starts: Vec<_> = (0..50).map(|trajectory| NoisyStart { current: &current, trajectory }).collect();
        let noise = noise(NoiseKind::Current { sd });
        let at: Vec<usize> = (1..=10).map(|k| 600 * k).collect();
        let runs = noisy_trajectories(&dynamics, &noise, &starts, &at, &Tick::silent()).unwrap();
        let deviations: Vec<f64> = runs
            .iter()
            .flat_map(|run| run.snapshots.iter().flatten().map(|r| (r * r - 100.0).powi(2)))
            .collect();
        let (found, count) = (deviations.iter().sum::<f64>() / deviations.len() as f64, deviations.len());
        let expected = sd * sd / 2.0 / (1.0 - step / 2.0);
        // 20,000 values 8 τ apart are independent: the standard error of a variance is √(2/count) of it.
        let error = expected * (2.0 / count as f64).sqrt();
        assert!((found - expected).abs() < 4.0 * error, "{found} {expected} +- {error}");
    }
}
