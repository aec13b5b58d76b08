//! Telling somebody how far the work is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};

/// The link between a long call and whoever waits for it: the call reports every finished item and asks whether to go
/// on. Both may happen on any thread.
#[derive(Clone, Copy)]
pub struct Tick<'a> {
    done: &'a (dyn Fn(u64) + Sync),
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Tick<'a> {
    /// Calls `f` with the number of items finished.
    pub fn new(f: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self { done: f, stop: &|| false }
    }

    /// Nobody listens, and nobody stops the call.
    pub fn silent() -> Self {
        Self::new(&|_| {})
    }

    /// Stops the call when `stop` says so; once it has, it must go on saying so.
    pub fn stopped_by(self, stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { stop, ..self }
    }

    /// Is stopped like this one, but reports to somebody else.
    pub fn telling(self, done: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self { done, ..self }
    }

    /// Whether the call is to end without a result.
    pub fn stopped(&self) -> bool {
        (self.stop)()
    }

    /// Has to be called before results are used: a call that was stopped has left some out.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the call is to end.
    pub fn go_on(&self) -> Result<()> {
        if self.stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Does some work, and if it fails what comes in its place; what was told of before is not told again.
    ///
    /// # Errors
    /// That of the second attempt.
    #[cfg(feature = "gpu")]
    pub(crate) fn with_second_attempt<T, E, F>(
        &self,
        first: impl FnOnce(&Tick<'_>) -> std::result::Result<T, E>,
        second: impl FnOnce(E, &Tick<'_>) -> std::result::Result<T, F>,
    ) -> std::result::Result<T, F> {
        let done = AtomicU64::new(0);
        let count = |items| {
            done.fetch_add(items, Ordering::Relaxed);
            self.add(items);
        };
        let failure = match first(&self.telling(&count)) {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let (told, done) = (done.into_inner(), AtomicU64::new(0));
        let count = |items| {
            let before = done.fetch_add(items, Ordering::Relaxed);
            self.add((before + items).max(told) - before.max(told));
        };
        second(failure, &self.telling(&count))
    }

    /// One more item is done.
    pub fn one(&self) {
        (self.done)(1);
    }

    /// `count` more items are done.
    pub fn add(&self, count: u64) {
        (self.done)(count);
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress<'a> {
    /// What is being done, in a few words.
    pub stage: &'a str,
    /// Part of this stage that is done, from 0 (it begins) to 1.
    pub of_stage: f64,
    /// Part of the whole job that is done, by estimated time, from 0 to 1.
    pub of_job: f64,
    /// Estimate of the time left (s).
    pub seconds_left: f64,
}

/// Somebody who shows people how far a job is.
///
/// Calls come from any thread, several thousand a second at times: it is up to the watcher to draw fewer.
pub trait Watcher: Send + Sync {
    /// The job is this far.
    fn show(&self, progress: &Progress<'_>);

    /// The job is done: remove whatever was drawn.
    fn finish(&self) {}
}

impl<W: Watcher + ?Sized> Watcher for Arc<W> {
    fn show(&self, progress: &Progress<'_>) {
        (**self).show(progress);
    }

    fn finish(&self) {
        (**self).finish();
    }
}

/// Keeps the account of a job whose stages have estimated durations, and tells a watcher.
///
/// The time left is the estimate for the stages that are left, corrected by how long the finished ones really took
/// against their own estimates.
pub struct Monitor {
    watcher: Option<Box<dyn Watcher>>,
    started: Instant,
    account: Mutex<Account>,
}

/// Estimated seconds.
struct Account {
    total: f64,
    done: f64,
}

impl Monitor {
    /// For a job estimated at `total` seconds.
    pub fn new(watcher: impl Watcher + 'static, total: f64) -> Self {
        let account = Mutex::new(Account { total, done: 0.0 });
        Self { watcher: Some(Box::new(watcher)), started: Instant::now(), account }
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        let account = Mutex::new(Account { total: 0.0, done: 0.0 });
        Self { watcher: None, started: Instant::now(), account }
    }

    /// Does one stage of `items` items, estimated at `seconds`.
    pub fn stage<R>(&self, label: &str, items: usize, seconds: f64, work: impl FnOnce(&Tick<'_>) -> R) -> R {
        let finished = AtomicU64::new(0);
        let items = items.max(1) as f64;
        let on_tick = |count| {
            let share = (finished.fetch_add(count, Ordering::Relaxed) + count) as f64 / items;
            self.tell(label, share.min(1.0), seconds);
        };
        self.tell(label, 0.0, seconds);
        let result = work(&Tick::new(&on_tick));
        self.account().done += seconds;
        result
    }

    /// Counts work as done that was estimated but turned out not to be needed.
    pub fn skip(&self, seconds: f64) {
        self.account().done += seconds;
    }

    /// The job is done.
    pub fn finish(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.finish();
        }
    }

    /// Tells the watcher that the fraction `of_stage` of a stage estimated at `seconds` is done.
    fn tell(&self, stage: &str, of_stage: f64, seconds: f64) {
        let Some(watcher) = &self.watcher else { return };
        let (done, total) = {
            let account = self.account();
            let done = account.done + of_stage * seconds;
            (done, account.total.max(done))
        };
        let seconds_left = time_left(self.started.elapsed().as_secs_f64(), done, total);
        watcher.show(&Progress { stage, of_stage, of_job: done / total.max(1e-9), seconds_left });
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

    /// Writes down what it is shown.
    struct Diary(Arc<Mutex<Vec<(String, f64, f64)>>>);

    impl Watcher for Diary {
        fn show(&self, p: &Progress<'_>) {
            self.0.lock().unwrap().push((p.stage.to_owned(), p.of_stage, p.of_job));
        }
    }

    #[test]
    fn a_stage_tells_how_far_it_is_and_returns_what_its_work_returns() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let monitor = Monitor::new(Diary(told.clone()), 10.0);
        let total = monitor.stage("adding", 4, 5.0, |tick| {
            tick.one();
            tick.add(3);
            7
        });
        assert_eq!(total, 7);
        monitor.skip(2.0);
        monitor.stage("resting", 1, 3.0, |_| {});
        let told = told.lock().unwrap();
        let expected =
            [("adding", 0.0, 0.0), ("adding", 0.25, 0.125), ("adding", 1.0, 0.5), ("resting", 0.0, 0.7)];
        assert_eq!(*told, expected.map(|(stage, of_stage, of_job)| (stage.to_owned(), of_stage, of_job)));
    }

    #[test]
    fn a_silent_monitor_does_the_work_all_the_same() {
        assert_eq!(
            Monitor::silent().stage("adding", 1, 5.0, |tick| {
                tick.one();
                7
            }),
            7
        );
    }
}
