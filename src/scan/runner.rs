//! Working through the trials: several small ones at once, or a large one on all cores.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::{Failure, Lookup, Shard, ShardStatus, Store, Timing, Trial, run_trial};
use crate::compute::backend::Backend;
use crate::error::{Error, Result};
use crate::setup::config::Config;
use crate::setup::plan::available_memory;

/// Fraction of the free memory that a scan may plan to use.
const MEMORY_SHARE: f64 = 0.85;

/// How often signals are looked for.
const POLL: Duration = Duration::from_millis(100);

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
}

/// A trial to be done.
#[derive(Clone)]
struct Task {
    trial: Trial,
    hash: String,
    /// Estimate (s).
    seconds: f64,
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
    /// Finds out what is left to do, and orders it: what takes longest first, so that cores finish together.
    ///
    /// # Errors
    /// If a trial is impossible on this machine, or the store cannot be read.
    pub fn new(
        store: &Store,
        config: &Config,
        trials: &[Trial],
        shard: Shard,
        threads: usize,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<Self> {
        let (mut queue, mut total, mut done, mut largest) = (Vec::new(), 0, 0, 1);
        for trial in trials.iter().enumerate().filter(|(place, _)| shard.owns(*place)).map(|(_, trial)| trial)
        {
            total += 1;
            let hash = trial.content_hash(config);
            match store.look_up(&hash, trial, config)? {
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
            let cost = trial.plan(config)?.cost;
            largest = largest.max(cost.peak_bytes);
            queue.push(Task { trial: trial.clone(), hash, seconds: cost.total_seconds * threads as f64 });
        }
        queue.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        let fit = (MEMORY_SHARE * available_memory() as f64 / largest as f64) as usize;
        let workers = threads.min(fit).min(queue.len()).max(1);
        let left = queue.iter().map(|task| task.seconds).sum();
        Ok(Self {
            shard,
            queue: queue.into(),
            total,
            done,
            workers,
            threads_per_worker: (threads / workers).max(1),
            left,
        })
    }

    /// Works until nothing is left, or `stop`. Trials in hand are then given up: their files appear whole or not at
    /// all, and the process is expected to end.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn run(
        mut self,
        store: &Arc<Store>,
        config: &Arc<Config>,
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
        let queue = Arc::new(Mutex::new(std::mem::take(&mut self.queue)));
        for _ in 0..self.workers {
            self.start_worker(store, config, backend, &queue, sender.clone())?;
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
        config: &Arc<Config>,
        backend: &Arc<dyn Backend>,
        queue: &Arc<Mutex<VecDeque<Task>>>,
        sender: mpsc::Sender<Report>,
    ) -> Result<()> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads_per_worker)
            .build()
            .map_err(|e| Error::Run(format!("cannot start {} threads: {e}", self.threads_per_worker)))?;
        let (store, config, backend, queue) = (store.clone(), config.clone(), backend.clone(), queue.clone());
        std::thread::spawn(move || {
            pool.install(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(task) = next else { return };
                    // Nobody listens any more when the scan was stopped.
                    let _ = sender.send(Report::Started(task.trial.id()));
                    let report = match work(&task, &store, &config, backend.as_ref()) {
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
fn work(task: &Task, store: &Store, config: &Config, backend: &dyn Backend) -> Result<(f64, Option<String>)> {
    let started = Instant::now();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run_trial(&task.trial, config, backend, &|| false)
    }));
    let result =
        result.unwrap_or_else(|_| Err(Error::Run("the trial panicked; please report it".to_owned())));
    let seconds = started.elapsed().as_secs_f64();
    match result {
        Ok((record, landscape_seconds)) => {
            let timing = Timing {
                id: task.trial.id(),
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
