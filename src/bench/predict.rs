//! What a stage would take on devices that are not here, from counted work: an estimate to be confirmed or refuted by them.
//!
//! A stage takes the longest of three times on the device, and then the host's time:
//!
//! | bound | time |
//! |---|---|
//! | arithmetic | 2·multiply-adds / (½ · FP32 rate) |
//! | memory | bytes of W and its copies / (½ · bandwidth), of the cache that holds what the workgroups at work read, else of the memory |
//! | latency | turns / workgroups at work · 2 µs, where a turn waits for the one before at barriers; 30 µs for each round of the two kernels of minima |
//! | host | the host's seconds, summed over threads, on 8 cores like those here; its multiply-adds in weight updates at 10 GFLOP/s a core |
//!
//! For minima host and device work side by side, so that the longer of both counts; else the host's time is added.
//!
//! Beside that each dispatch takes 20 µs: one every 50 ms, and one for each round of the workgroups that a device gets at once.
//!
//! Half of a peak is what kernels like these reach on devices that were measured; 2 µs is a loop of some hundred dependent
//! instructions with four barriers; a round is two starts of kernels and a sum over some hundred rows. As many workgroups are at work on a core as its threads and its workgroup memory allow,
//! and no more than it gets at once. Nothing here depends on how small the dispatches were that the counting device got.

use serde::Serialize;

use crate::compute::gpu::{Counted, Footprint};

/// A kernel as predictions see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernel {
    /// What a workgroup takes of a core.
    pub footprint: Footprint,
    /// Workgroups that a device gets at once, if it is fast enough for it.
    pub together: f64,
    /// What workgroups read again and again (bytes).
    pub reads: f64,
}

/// A device by its maker's figures.
struct Model {
    name: &'static str,
    /// FP32 rate (FLOP/s).
    flops: f64,
    /// Bandwidth of its memory (B/s).
    bandwidth: f64,
    /// Its largest cache (B), and that one's bandwidth (B/s), an estimate where the maker says nothing.
    cache: f64,
    cache_bandwidth: f64,
    /// Cores, and what each has for workgroups: threads, and memory (B).
    cores: f64,
    threads: f64,
    workgroup_memory: f64,
}

const MODELS: [Model; 5] = [
    Model {
        name: "H200",
        flops: 67e12,
        bandwidth: 4.8e12,
        cache: 50e6,
        cache_bandwidth: 5.5e12,
        cores: 132.0,
        threads: 2048.0,
        workgroup_memory: 228e3,
    },
    Model {
        name: "RTX 4070",
        flops: 29e12,
        bandwidth: 504e9,
        cache: 36e6,
        cache_bandwidth: 2.5e12,
        cores: 46.0,
        threads: 1536.0,
        workgroup_memory: 100e3,
    },
    Model {
        name: "RTX 3060",
        flops: 12.7e12,
        bandwidth: 360e9,
        cache: 3e6,
        cache_bandwidth: 1.2e12,
        cores: 28.0,
        threads: 1536.0,
        workgroup_memory: 100e3,
    },
    Model {
        name: "Radeon 780M",
        flops: 4.1e12,
        bandwidth: 90e9,
        cache: 2e6,
        cache_bandwidth: 5e11,
        cores: 12.0,
        threads: 2048.0,
        workgroup_memory: 64e3,
    },
    Model {
        name: "Apple M3",
        flops: 3.5e12,
        bandwidth: 100e9,
        cache: 8e6,
        cache_bandwidth: 4e11,
        cores: 10.0,
        threads: 1024.0,
        workgroup_memory: 60e3,
    },
];

/// Share of a peak that a kernel reaches.
const SHARE: f64 = 0.5;

/// A turn of a kernel's loop, and the start of a kernel (s).
const TURN_SECONDS: f64 = 2e-6;
const DISPATCH_SECONDS: f64 = 20e-6;

/// A round of the kernels of minima (s).
const ROUND_SECONDS: f64 = 30e-6;

/// How long dispatches are (s).
const PACE_SECONDS: f64 = 0.05;

/// What a core of the host does in small matrices of f64 (FLOP/s).
const HOST_FLOPS: f64 = 1e10;

/// Cores of the host that a prediction is for.
pub const HOST_CORES: f64 = 8.0;

/// What a device is predicted to take for a stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The device.
    pub device: &'static str,
    /// Device and host together (s).
    pub seconds: f64,
    /// What takes longest: arithmetic, memory, latency or the host.
    pub bound: &'static str,
}

/// What all devices are predicted to take for counted work of a kernel.
pub(super) fn predictions(counted: &Counted, kernel: &Kernel) -> Vec<Prediction> {
    MODELS.iter().map(|model| model.predict(counted, kernel)).collect()
}

impl Model {
    fn predict(&self, counted: &Counted, kernel: &Kernel) -> Prediction {
        let room = (self.threads / kernel.footprint.threads as f64)
            .min(self.workgroup_memory / kernel.footprint.memory as f64)
            .floor()
            .max(1.0);
        let at_work = (self.cores * room).min(kernel.together).max(1.0);
        let bandwidth = if kernel.reads <= self.cache { self.cache_bandwidth } else { self.bandwidth };
        // Turns of minima are made in rounds.
        let latency = if counted.rounds > 0 {
            counted.rounds as f64 * ROUND_SECONDS
        } else {
            counted.turns as f64 / at_work * TURN_SECONDS
        };
        let bounds = [
            ("arithmetic", 2.0 * counted.multiply_adds as f64 / (SHARE * self.flops)),
            ("memory", counted.weight_bytes as f64 / (SHARE * bandwidth)),
            ("latency", latency),
        ];
        let (bound, longest) =
            bounds.into_iter().fold(("", 0.0), |most, own| if own.1 > most.1 { own } else { most });
        let rounds = counted.workgroups as f64 / counted.dispatches.max(1) as f64 / kernel.together;
        let device = longest + ((longest / PACE_SECONDS).ceil() + rounds.ceil()) * DISPATCH_SECONDS;
        let seconds = counted.host_seconds + 2.0 * counted.host_multiply_adds as f64 / HOST_FLOPS;
        let host = seconds / HOST_CORES;
        Prediction {
            device: self.name,
            seconds: if counted.rounds > 0 { device.max(host) } else { device + host },
            bound: if host > device { "host" } else { bound },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With so many workgroups at once, which read so much.
    fn of(device: &str, counted: Counted, together: f64, reads: f64) -> Prediction {
        let footprint = Footprint { threads: 64, memory: 32_000 };
        let all = predictions(&counted, &Kernel { footprint, together, reads });
        *all.iter().find(|own| own.device == device).unwrap()
    }

    #[test]
    fn what_takes_longest_bounds() {
        let near = |found: Prediction, seconds: f64| (found.seconds / seconds - 1.0).abs() < 1e-3;
        // 67e12 / 4 multiply-adds take a second at half the rate.
        let sums = Counted { multiply_adds: 16_750_000_000_000, ..Counted::default() };
        let found = of("H200", sums, 1e4, 1e3);
        assert!(found.bound == "arithmetic" && near(found, 1.0), "{found:?}");
        // What is read fits the cache, or does not.
        let bytes = Counted { weight_bytes: 2_400_000_000_000, ..Counted::default() };
        let found = of("H200", bytes, 1e4, 6e7);
        assert!(found.bound == "memory" && near(found, 1.0), "{found:?}");
        assert!(near(of("H200", bytes, 1e4, 4e7), 4.8 / 5.5));
        // It does not matter in how many dispatches the counting device did it.
        let paced = Counted { dispatches: 1000, workgroups: 2000, ..bytes };
        assert_eq!(of("H200", paced, 1e4, 6e4), of("H200", Counted { dispatches: 1, ..paced }, 1e4, 6e4));
        let alone = Counted { turns: 1_000_000, ..Counted::default() };
        let found = of("Apple M3", alone, 1.0, 1e3);
        assert!(found.bound == "latency" && near(found, 2.0), "{found:?}");
        let host = of(
            "RTX 3060",
            Counted { host_seconds: 8.0, host_multiply_adds: 40_000_000_000, ..alone },
            1.0,
            1e3,
        );
        assert!(host.bound == "latency" && near(host, 4.0), "{host:?}");
        // Rounds, beside which the host works.
        let minima = Counted { rounds: 100_000, turns: 1_000_000, host_seconds: 8.0, ..Counted::default() };
        let found = of("RTX 4070", minima, 1e4, 1e3);
        assert!(found.bound == "latency" && near(found, 3.0), "{found:?}");
        let found = of("RTX 4070", Counted { host_seconds: 40.0, ..minima }, 1e4, 1e3);
        assert!(found.bound == "host" && near(found, 5.0), "{found:?}");
    }
}
