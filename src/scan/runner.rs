//! Working through the trials: several small ones at once, or a large one on all cores.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::{Failure, Lookup, Shard, ShardStatus, Store, Timing, Trial, TrialOutcome, run_trial};
use crate::compute::backend::Backend;
use crate::error::{Error, Result};
use crate::setup::config::Config;
use crate::setup::memory::available_memory;

/// Fraction of the free memory that a scan may plan to use.
const MEMORY_SHARE: f64 = 0.85;

/// How often signals are looked for.
const POLL: Duration = Duration::from_millis(100);

/// How often memory is looked at while a trial waits for it.
const MEMORY_POLL: Duration = Duration::from_secs(1);

/// A trial and the configuration that it is a part of.
pub type Work = (Trial, Arc<Config>);

/// A shard's work.
pub struct Runner {
    shard: Shard,
    queue: VecDeque<Task>,
    /// Trials of the shard, with those that have records already.
    pub total: usize,
    /// Trials that have records already.
    pub done: usize,
    workers: usize,
    threads_per_worker: usize,
    /// Estimated work left (s on one worker).
    left: f64,
    /// Memory that trials may take together (bytes).
    budget: u64,
    /// Whether the landscapes of trials are kept.
    keeps_landscapes: bool,
}

/// A trial to be done.
#[derive(Clone)]
struct Task {
    trial: Trial,
    scan: Arc<Config>,
    hash: String,
    /// Estimate (s).
    seconds: f64,
    /// Memory at its peak (bytes).
    peak: u64,
}

/// Trials that wait, and the memory of those in hand: a trial begins when there is room for it, or when none is in hand.
struct Queue {
    state: Mutex<QueueState>,
    /// Told when a trial ends.
    ended: Condvar,
    /// Memory that all trials in hand may take together (bytes).
    budget: u64,
}

struct QueueState {
    waiting: VecDeque<Task>,
    /// Trials in hand.
    running: usize,
    /// Their memory at their peaks together (bytes).
    in_use: u64,
}

impl Queue {
    fn new(waiting: VecDeque<Task>, budget: u64) -> Self {
        let state = QueueState { waiting, running: 0, in_use: 0 };
        Self { state: Mutex::new(state), ended: Condvar::new(), budget }
    }

    /// The next trial, once there is memory for it; `None` when all are begun.
    fn next(&self, available: impl Fn() -> u64) -> Option<Task> {
        let mut state = self.state();
        loop {
            let peak = state.waiting.front()?.peak;
            if state.running == 0 || (state.in_use + peak <= self.budget && peak <= available()) {
                state.running += 1;
                state.in_use += peak;
                return state.waiting.pop_front();
            }
            let waited = self.ended.wait_timeout(state, MEMORY_POLL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn end(&self, task: &Task) {
        let mut state = self.state();
        state.running -= 1;
        state.in_use -= task.peak;
        self.ended.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time (s on all cores) and memory (bytes) of trials. Those of all realizations cost the same.
#[derive(Default)]
struct Costs(BTreeMap<(Trial, *const Config), (f64, u64)>);

impl Costs {
    fn of(&mut self, (trial, scan): &Work) -> Result<(f64, u64)> {
        let key = (Trial { realization: 0, ..trial.clone() }, Arc::as_ptr(scan));
        if let Some(&known) = self.0.get(&key) {
            return Ok(known);
        }
        let cost = trial.plan(scan)?.cost;
        self.0.insert(key, (cost.total_seconds, cost.peak_bytes));
        Ok((cost.total_seconds, cost.peak_bytes))
    }
}

/// What happened, for the person who watches.
pub enum Event<'a> {
    /// A record that could not be trusted is done again.
    Damaged {
        /// The trial.
        id: &'a str,
        /// What is wrong with it.
        what: &'a str,
    },
    /// A trial ended.
    Finished {
        /// The trial.
        id: &'a str,
        /// Why it failed, if it did.
        error: Option<&'a str>,
        /// How long it took (s).
        seconds: f64,
        /// How far everything is.
        status: &'a ShardStatus,
    },
}

/// How a scan ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every trial was tried; these failed.
    Finished(Vec<String>),
    /// Stopped on request; records of finished trials are on disk.
    Interrupted,
}

/// From a worker to the person who watches.
enum Report {
    Started(String),
    Finished {
        task: Task,
        seconds: f64,
        error: Option<String>,
    },
    /// The store cannot be written: there is no use in going on.
    Broken(Error),
}

impl Runner {
    /// Whether all trials are possible on this machine, before anything is written for them.
    ///
    /// # Errors
    /// What is wrong with the first that is not.
    pub fn check(work: &[Work]) -> Result<()> {
        let mut costs = Costs::default();
        work.iter().try_for_each(|work| costs.of(work).map(|_| ()))
    }

    /// Finds out what is left to do, and orders it: realization after realization, so that what a scan has when it is
    /// stopped is balanced; in each what takes longest first, so that cores finish together.
    ///
    /// # Errors
    /// If a trial is impossible on this machine, or the store cannot be read.
    pub fn new(
        store: &Store,
        work: &[Work],
        shard: Shard,
        threads: usize,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<Self> {
        let (mut queue, mut total, mut done, mut largest) = (Vec::new(), 0, 0, 1);
        let mut costs = Costs::default();
        for work in work.iter().enumerate().filter(|(place, _)| shard.owns(*place)).map(|(_, work)| work) {
            let (trial, scan) = work;
            total += 1;
            let hash = trial.content_hash(scan)?;
            match store.look_up(&hash, trial, scan)? {
                Lookup::Done(_) => {
                    done += 1;
                    continue;
                }
                Lookup::Missing => {}
                Lookup::Damaged(what) => {
                    watch(Event::Damaged { id: &trial.id(), what: &what });
                    store.set_aside(&hash)?;
                }
            }
            let (seconds, peak) = costs.of(work)?;
            largest = largest.max(peak);
            let seconds = seconds * threads as f64;
            queue.push(Task { trial: trial.clone(), scan: scan.clone(), hash, seconds, peak });
        }
        queue.sort_by(|a, b| {
            let realizations = a.trial.realization.cmp(&b.trial.realization);
            realizations.then(b.seconds.total_cmp(&a.seconds))
        });
        let budget = (MEMORY_SHARE * available_memory() as f64) as u64;
        let workers = threads.min((budget / largest) as usize).min(queue.len()).max(1);
        let left = queue.iter().map(|task| task.seconds).sum();
        Ok(Self {
            shard,
            queue: queue.into(),
            total,
            done,
            workers,
            threads_per_worker: (threads / workers).max(1),
            left,
            budget,
            keeps_landscapes: false,
        })
    }

    /// With the landscapes of trials kept, or not.
    pub fn keeping_landscapes(self, keeps_landscapes: bool) -> Self {
        Self { keeps_landscapes, ..self }
    }

    /// Works until nothing is left, or `stop`. Trials in hand are then given up: their files appear whole or not at
    /// all, and the process is expected to end.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn run(
        mut self,
        store: &Arc<Store>,
        backend: &Arc<dyn Backend>,
        stop: &dyn Fn() -> bool,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome> {
        let mut status = ShardStatus {
            shard: self.shard,
            total: self.total,
            done: self.done,
            failed: 0,
            running: Vec::new(),
            seconds_left: self.left / (self.workers * self.threads_per_worker) as f64,
        };
        store.save_status(&status)?;
        let (sender, reports) = mpsc::channel();
        let queue = Arc::new(Queue::new(std::mem::take(&mut self.queue), self.budget));
        for _ in 0..self.workers {
            self.start_worker(store, backend, &queue, sender.clone())?;
        }
        drop(sender);
        let started = Instant::now();
        let (mut estimated, mut failed) = (0.0, Vec::new());
        loop {
            let report = match reports.recv_timeout(POLL) {
                Ok(report) => report,
                Err(mpsc::RecvTimeoutError::Timeout) if stop() => return Ok(Outcome::Interrupted),
                Err(mpsc::RecvTimeoutError::Timeout) => continue,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(Outcome::Finished(failed)),
            };
            match report {
                Report::Broken(error) => return Err(error),
                Report::Started(id) => status.running.push(id),
                Report::Finished { task, seconds, error } => {
                    let id = task.trial.id();
                    status.running.retain(|running| *running != id);
                    estimated += task.seconds;
                    status.seconds_left = self.seconds_left(started.elapsed().as_secs_f64(), estimated);
                    match &error {
                        None => status.done += 1,
                        Some(_) => {
                            status.failed += 1;
                            failed.push(id.clone());
                        }
                    }
                    watch(Event::Finished { id: &id, error: error.as_deref(), seconds, status: &status });
                }
            }
            store.save_status(&status)?;
            if stop() {
                return Ok(Outcome::Interrupted);
            }
        }
    }

    /// Estimate of the time left from the estimates of what is done and what it really took.
    fn seconds_left(&self, elapsed: f64, estimated: f64) -> f64 {
        (self.left - estimated).max(0.0) * elapsed / estimated.max(1e-9)
    }

    fn start_worker(
        &self,
        store: &Arc<Store>,
        backend: &Arc<dyn Backend>,
        queue: &Arc<Queue>,
        sender: mpsc::Sender<Report>,
    ) -> Result<()> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads_per_worker)
            .build()
            .map_err(|e| Error::Run(format!("cannot start {} threads: {e}", self.threads_per_worker)))?;
        let (store, backend, queue) = (store.clone(), backend.clone(), queue.clone());
        let keeps_landscapes = self.keeps_landscapes;
        std::thread::spawn(move || {
            pool.install(|| {
                while let Some(task) = queue.next(available_memory) {
                    // Nobody listens any more when the scan was stopped.
                    let _ = sender.send(Report::Started(task.trial.id()));
                    let result = work(&task, &store, backend.as_ref(), keeps_landscapes);
                    queue.end(&task);
                    let report = match result {
                        Ok((seconds, error)) => Report::Finished { task, seconds, error },
                        Err(error) => Report::Broken(error),
                    };
                    let broken = matches!(report, Report::Broken(_));
                    if sender.send(report).is_err() || broken {
                        return;
                    }
                }
            });
        });
        Ok(())
    }
}

/// Does one trial and writes its record, or why there is none. An error of the trial is recorded, an error of the
/// store is returned.
fn work(
    task: &Task,
    store: &Store,
    backend: &dyn Backend,
    keeps_landscapes: bool,
) -> Result<(f64, Option<String>)> {
    let started = Instant::now();
    let run = || run_trial(&task.trial, &task.scan, backend, &|| false);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    let result =
        result.unwrap_or_else(|_| Err(Error::Run("the trial panicked; please report it".to_owned())));
    let seconds = started.elapsed().as_secs_f64();
    match result {
        Ok(TrialOutcome { record, landscape, landscape_seconds }) => {
            // Before the record: a trial that counts as done has what was to be kept of it.
            if let Some(landscape) = landscape.filter(|_| keeps_landscapes) {
                store.save_landscape(&task.hash, &landscape)?;
            }
            let timing = Timing {
                id: task.trial.id(),
                seed: record.seed,
                seconds,
                landscape_seconds,
                threads: rayon::current_num_threads(),
                device: backend.describe(),
            };
            store.save(&task.hash, &record, &timing)?;
            Ok((seconds, None))
        }
        Err(error) => {
            let error = error.to_string();
            store.save_failure(&task.hash, &Failure { id: task.trial.id(), error: error.clone() })?;
            Ok((seconds, Some(error)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_wait_for_memory_and_one_always_runs() {
        let task = |peak| Task {
            trial: Trial {
                neurons: 60,
                maps: 1,
                realization: 0,
                method: "none".to_owned(),
                varied: Vec::new(),
            },
            scan: Arc::new(Config::default()),
            hash: String::new(),
            seconds: 1.0,
            peak,
        };
        let queue = Queue::new([900, 60, 60, 30].map(task).into(), 100);
        // Too large for the budget, and begun nevertheless: alone.
        let large = queue.next(|| 0).unwrap();
        assert_eq!((large.peak, queue.state().running), (900, 1));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.next(|| 1000).unwrap());
            std::thread::sleep(Duration::from_millis(50));
            assert!(!waiting.is_finished());
            queue.end(&large);
            assert_eq!(waiting.join().unwrap().peak, 60);
        });
        queue.end(&task(60));
        // Two of 60 are more than 100 together: only 40 bytes are free.
        let first = queue.next(|| 1000).unwrap();
        queue.end(&first);
        assert_eq!(queue.next(|| 40).unwrap().peak, 30);
        assert!(queue.next(|| 1000).is_none());
    }
}
