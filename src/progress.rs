//! Telling a person how far the work is, and hearing that they want it to stop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::text;

/// Receives one call for every finished item of a stage, from any thread.
#[derive(Clone, Copy)]
pub struct Tick<'a>(&'a (dyn Fn(u64) + Sync));

impl<'a> Tick<'a> {
    /// Calls `f` with the number of items finished.
    pub fn new(f: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self(f)
    }

    /// Nobody listens.
    pub fn silent() -> Self {
        Self(&|_| {})
    }

    /// One more item is done.
    pub fn one(&self) {
        (self.0)(1);
    }

    /// `count` more items are done.
    pub fn add(&self, count: u64) {
        (self.0)(count);
    }
}

/// A progress line for a job whose stages have estimated durations.
///
/// The time left is the estimate for the stages that are left, corrected by how long the finished ones really took
/// against their own estimates.
pub struct Monitor {
    bar: ProgressBar,
    started: Instant,
    account: Mutex<Account>,
}

/// Estimated seconds.
struct Account {
    total: f64,
    done: f64,
}

const BAR_STEPS: u64 = 1000;

impl Monitor {
    /// For a job estimated at `total` seconds; draws on stderr if `visible` and stderr is a terminal.
    pub fn new(visible: bool, total: f64) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), target);
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {elapsed}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self { bar, started: Instant::now(), account: Mutex::new(Account { total, done: 0.0 }) }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self::new(false, 0.0)
    }

    /// Does one stage of `items` items, estimated at `seconds`.
    pub fn stage<R>(&self, label: &str, items: usize, seconds: f64, work: impl FnOnce(&Tick<'_>) -> R) -> R {
        let finished = AtomicU64::new(0);
        let items = items.max(1) as f64;
        let on_tick = |count| {
            let share = (finished.fetch_add(count, Ordering::Relaxed) + count) as f64 / items;
            if !self.bar.is_hidden() {
                self.draw(label, seconds * share.min(1.0));
            }
        };
        self.draw(label, 0.0);
        let result = work(&Tick::new(&on_tick));
        self.account().done += seconds;
        result
    }

    /// Work that was estimated and is not needed after all.
    pub fn skip(&self, seconds: f64) {
        self.account().done += seconds;
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn draw(&self, label: &str, done_in_stage: f64) {
        let account = self.account();
        let done = account.done + done_in_stage;
        let total = account.total.max(done);
        self.bar.set_position((BAR_STEPS as f64 * done / total.max(1e-9)) as u64);
        let left = time_left(self.started.elapsed().as_secs_f64(), done, total);
        self.bar.set_message(format!("{label}, about {} left", text::duration(left)));
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds left of a job of `total` estimated seconds, of which `done` took `elapsed`. The estimate itself counts
/// until a twentieth of the job is done.
fn time_left(elapsed: f64, done: f64, total: f64) -> f64 {
    let weight = (20.0 * done / total.max(1e-9)).min(1.0);
    let observed = if done > 0.0 { elapsed / done } else { 1.0 };
    (total - done) * (weight * observed + (1.0 - weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_learns_from_what_was_done() {
        assert_eq!(time_left(0.0, 0.0, 100.0), 100.0);
        // Twice as slow as estimated.
        assert!((time_left(20.0, 10.0, 100.0) - 180.0).abs() < 1e-9);
        assert_eq!(time_left(50.0, 100.0, 100.0), 0.0);
    }

    #[test]
    fn a_stage_returns_what_its_work_returns() {
        let monitor = Monitor::new(false, 10.0);
        let total = monitor.stage("adding", 3, 5.0, |tick| {
            tick.one();
            tick.add(2);
            7
        });
        assert_eq!(total, 7);
        assert_eq!(monitor.account().done, 5.0);
    }
}
