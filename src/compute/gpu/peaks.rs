//! What the device can do at best, measured by two small kernels: the scale on which a benchmark's figures mean something.

use serde::{Deserialize, Serialize};

use super::device::{Device, DeviceResult, Failure};
use super::shaders::{self, PeakParams, Shader};
use super::sizes::Pace;

/// Measured peaks of a device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peaks {
    /// f32 operations a second; a multiply-add is two.
    pub flops: f64,
    /// Bytes read from device memory a second.
    pub bandwidth: f64,
}

const THREADS: usize = 256;

/// Enough workgroups to fill the largest devices several times.
const GROUPS: usize = 2048;

/// Multiply-adds of a thread in one turn of `peak_flops.wgsl`: eight chains of vec4.
const CHAINS: usize = 32;

/// Length of the buffer to read (bytes): several times the caches of the largest devices, where it may be so long.
const STREAM: u64 = 256 << 20;

/// Submissions that are timed, with those in which the pace is found. The best counts.
pub(super) const MANY: usize = 12;
pub(super) const FEW: usize = 5;

/// Measures both peaks, and checks that the kernels did what was timed.
pub(super) fn peaks(device: &Device, submissions: usize) -> DeviceResult<Peaks> {
    let results = device.empty("results", (GROUPS * THREADS * 4) as u64)?;
    let shader = shaders::peak_flops(vec![("THREADS", THREADS as u32)]);
    let (turns, turn_seconds) = fastest_turn(device, submissions, &shader, 0, &[&results])?;
    check(device, &results, |thread| chain(thread, turns))?;
    let flops = (2 * CHAINS * GROUPS * THREADS) as f64 / turn_seconds;

    let limits = device.limits();
    let bytes = STREAM.min(limits.max_storage_buffer_binding_size).min(limits.max_buffer_size);
    let quads = bytes as usize / 16 / (GROUPS * THREADS) * (GROUPS * THREADS);
    if quads == 0 {
        return Err(Failure::Refused(format!("it binds only {bytes} bytes, too few to time")));
    }
    let values = device.storage("stream", &vec![1f32; 4 * quads])?;
    let shader = shaders::peak_bandwidth(vec![("THREADS", THREADS as u32)]);
    let (turns, turn_seconds) = fastest_turn(device, submissions, &shader, quads, &[&values, &results])?;
    // Sums of ones are exact up to 2²⁴.
    check(device, &results, |_| (4 * quads / (GROUPS * THREADS) * turns) as f64)?;
    Ok(Peaks { flops, bandwidth: (16 * quads) as f64 / turn_seconds })
}

/// The turns of the last submission, and the shortest time that one turn took (s).
fn fastest_turn(
    device: &Device,
    submissions: usize,
    shader: &Shader,
    length: usize,
    buffers: &[&wgpu::Buffer],
) -> DeviceResult<(usize, f64)> {
    let uniform = device.uniform("peak", &PeakParams { turns: 0, length: length as u32 })?;
    let pipeline = device.pipeline(shader)?;
    let mut bound = vec![&uniform];
    bound.extend(buffers);
    let bindings = device.bind(&pipeline, &bound)?;
    // Sums of the bandwidth kernel stay below 2²⁴ with these many turns.
    let mut pace = Pace::new(1, 1 << 16);
    let (mut turns, mut fastest) = (1, f64::INFINITY);
    for _ in 0..submissions {
        turns = pace.amount();
        device.write(&uniform, &[PeakParams { turns: turns as u32, length: length as u32 }])?;
        let took = device.run(&pipeline, &bindings, [GROUPS as u32, 1, 1])?;
        pace.learn(turns, took);
        fastest = fastest.min(took.as_secs_f64() / turns as f64);
    }
    Ok((turns, fastest))
}

/// What a thread of `peak_flops.wgsl` ends with.
fn chain(thread: usize, turns: usize) -> f64 {
    let start = 0.5 + 0.25 * (thread % 4) as f64;
    let chains = (0..8).map(|k| {
        let from = start + 0.01 * f64::from(k);
        // x ← x/2 + 1/2 takes x − 1 to half of it.
        1.0 + (from - 1.0) * 0.5f64.powi(turns.min(1000) as i32)
    });
    4.0 * chains.sum::<f64>()
}

fn check(device: &Device, results: &wgpu::Buffer, expected: impl Fn(usize) -> f64) -> DeviceResult<()> {
    let found: Vec<f32> = device.read(results, GROUPS * THREADS)?;
    for (thread, &value) in found.iter().enumerate() {
        let expected = expected(thread);
        if !((f64::from(value) - expected).abs() <= 1e-5 * expected.abs()) {
            return Err(Failure::Refused(format!(
                "a kernel that is only timed gave {value} instead of {expected}"
            )));
        }
    }
    Ok(())
}
