//! What was done, counted: by the kernels themselves where only they know it, by the host elsewhere.

use std::ops::{AddAssign, Sub};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// Work that kernels and host counted. Sums since a device was opened; the difference of two is what came between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Counted {
    /// Multiply-adds of f32 with W.
    pub multiply_adds: u64,
    /// Bytes of W that workgroups asked for, from whatever cache they came.
    pub weight_bytes: u64,
    /// Kernels started.
    pub dispatches: u64,
    /// Their workgroups.
    pub workgroups: u64,
    /// Turns of a loop: steps of groups of trajectories, each of which waits for the one before; turns of the conjugate gradients
    /// of minima.
    pub turns: u64,
    /// Rounds of the two kernels of minima, each of which waits for the one before.
    pub rounds: u64,
    /// Minima that were sought.
    pub states: u64,
    /// Those of them that the host had to search for.
    pub handed: u64,
    /// Multiply-adds of f64 that weight solves left to the host: preconditioner, and what has to be exact.
    pub host_multiply_adds: u64,
    /// What the host spent on minima, summed over its threads (s): their own time, as far as the system tells it.
    pub host_seconds: f64,
}

impl AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.multiply_adds += other.multiply_adds;
        self.weight_bytes += other.weight_bytes;
        self.dispatches += other.dispatches;
        self.workgroups += other.workgroups;
        self.turns += other.turns;
        self.rounds += other.rounds;
        self.states += other.states;
        self.handed += other.handed;
        self.host_multiply_adds += other.host_multiply_adds;
        self.host_seconds += other.host_seconds;
    }
}

impl Sub for Counted {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            multiply_adds: self.multiply_adds - earlier.multiply_adds,
            weight_bytes: self.weight_bytes - earlier.weight_bytes,
            dispatches: self.dispatches - earlier.dispatches,
            workgroups: self.workgroups - earlier.workgroups,
            turns: self.turns - earlier.turns,
            rounds: self.rounds - earlier.rounds,
            states: self.states - earlier.states,
            handed: self.handed - earlier.handed,
            host_multiply_adds: self.host_multiply_adds - earlier.host_multiply_adds,
            host_seconds: self.host_seconds - earlier.host_seconds,
        }
    }
}

/// How long this thread has been at work; its waits for other threads do not count.
#[cfg(unix)]
pub(super) fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How long the program has been running: what a thread works this system does not tell.
#[cfg(not(unix))]
pub(super) fn thread_time() -> Duration {
    static BEGAN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGAN.elapsed()
}

/// The sums of a device, and of those that replace it.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<Counted>);

impl Counts {
    pub(super) fn add(&self, more: Counted) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += more;
    }

    pub(super) fn sum(&self) -> Counted {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
