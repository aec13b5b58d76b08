//! Long calls. The work is done on a thread of its own, which never touches Python; the calling thread lets others run
//! meanwhile, shows progress, and looks for Ctrl-C.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use flatscape::progress::Monitor;
use flatscape::{Error, Model, Progress, Watcher};
use pyo3::prelude::*;

use crate::errors::{exception, kinds};
use crate::lock::hold;
use crate::threads::pool;

/// How long the interpreter is released at a time: Ctrl-C is noticed at most this much later.
const POLL: Duration = Duration::from_millis(20);

/// How long stopped work is waited for. What takes longer ends by itself, and its result is dropped.
const GRACE: Duration = Duration::from_millis(100);

/// Shortest time between two reports of progress.
const REPORT: Duration = Duration::from_millis(100);

/// What the work is given: whether to stop, and whom to tell how far it is.
#[derive(Clone)]
pub struct Control {
    stop: Arc<AtomicBool>,
    latest: Arc<Latest>,
}

impl Control {
    /// Whether the caller has stopped the work.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// A monitor of a job of one stage, which the caller is shown.
    pub fn monitor(&self) -> Monitor {
        Monitor::new(self.latest.clone(), 1.0)
    }

    /// A model whose long calls are watched and stopped by the caller.
    pub fn over(&self, model: &Model) -> Model {
        let stop = self.stop.clone();
        model.clone().watched_by(self.latest.clone()).stopped_by(move || stop.load(Ordering::Relaxed))
    }
}

/// The last thing that was told.
#[derive(Default)]
struct Latest(Mutex<Option<Shown>>);

/// An owned [`Progress`].
#[derive(Clone, PartialEq)]
struct Shown {
    stage: String,
    of_stage: f64,
    of_job: f64,
    seconds_left: f64,
}

impl Watcher for Latest {
    fn show(&self, progress: &Progress<'_>) {
        let Progress { stage, of_stage, of_job, seconds_left } = *progress;
        let mut latest = hold(&self.0);
        match latest.as_mut() {
            Some(shown) if shown.stage == stage => {
                (shown.of_stage, shown.of_job, shown.seconds_left) = (of_stage, of_job, seconds_left);
            }
            _ => *latest = Some(Shown { stage: stage.to_owned(), of_stage, of_job, seconds_left }),
        }
    }
}

/// Does `work` and waits for it. `progress(stage, of_stage, of_job, seconds_left)` is called a few times a second.
///
/// # Errors
/// What the work ends in, as an exception; `KeyboardInterrupt`, or whatever else a signal handler raises;
/// `InternalError` if the work panics.
pub fn wait_for<R: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Control) -> flatscape::Result<R> + Send + 'static,
) -> PyResult<R> {
    let pool = pool()?;
    let control = Control { stop: Arc::default(), latest: Arc::default() };
    let (sender, mut receiver) = mpsc::channel();
    let own = control.clone();
    let running = Running::begin();
    let spawned = std::thread::Builder::new().name("flatscape".to_owned()).spawn(move || {
        let done = catch_unwind(AssertUnwindSafe(|| pool.install(|| work(&own))));
        // Nobody listens any more after Ctrl-C.
        let _ = sender.send(done);
        drop(running);
    });
    spawned.map_err(|e| kinds::RunError::new_err(format!("cannot start a thread: {e}")))?;
    let mut reported = Instant::now();
    loop {
        let answer;
        (answer, receiver) = py.detach(move || (receiver.recv_timeout(POLL), receiver));
        match answer {
            Ok(Ok(done)) => {
                report(&control, progress)?;
                return done.map_err(exception);
            }
            Ok(Err(panic)) => return Err(kinds::InternalError::new_err(told_by(panic.as_ref()))),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(kinds::InternalError::new_err("the thread that did the work is gone"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let seen = py.check_signals().and_then(|()| {
            if reported.elapsed() < REPORT {
                return Ok(());
            }
            reported = Instant::now();
            report(&control, progress)
        });
        if let Err(raised) = seen {
            control.stop.store(true, Ordering::Relaxed);
            let _ = py.detach(move || receiver.recv_timeout(GRACE));
            return Err(raised);
        }
    }
}

fn report(control: &Control, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let (Some(progress), Some(shown)) = (progress, hold(&control.latest.0).clone()) else { return Ok(()) };
    progress.call1((shown.stage, shown.of_stage, shown.of_job, shown.seconds_left)).map(|_| ())
}

/// What a panic says.
fn told_by(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("this is an error in flatscape itself; please report it: {said}")
}

/// Work in progress, counted from beginning to end.
struct Running;

/// The process, and how much of its work is in progress; a child of a fork has none of its parent's.
static RUNNING: (Mutex<(u32, usize)>, Condvar) = (Mutex::new((0, 0)), Condvar::new());

impl Running {
    fn begin() -> Self {
        let (mut running, process) = (hold(&RUNNING.0), std::process::id());
        *running = (process, 1 + if running.0 == process { running.1 } else { 0 });
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        hold(&RUNNING.0).1 -= 1;
        RUNNING.1.notify_all();
    }
}

/// Waits until stopped work has ended, so that nothing is cut off in the middle of a file when the interpreter exits; no
/// longer than so many seconds.
#[pyfunction]
pub fn settle(py: Python<'_>, seconds: f64) {
    let patience = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    py.detach(|| {
        let own = |running: &mut (u32, usize)| running.0 == std::process::id() && running.1 > 0;
        let _ = RUNNING.1.wait_timeout_while(hold(&RUNNING.0), patience, own);
    });
}

/// Panics on a worker, for tests of what becomes of it.
#[pyfunction]
pub fn panic_for_tests(py: Python<'_>) -> PyResult<()> {
    wait_for(py, None, |_| -> flatscape::Result<()> { panic!("on purpose") })
}

/// The error of a call that was stopped before it wrote anything for good.
pub fn go_on(control: &Control) -> flatscape::Result<()> {
    if control.stopped() { Err(Error::Interrupted) } else { Ok(()) }
}
