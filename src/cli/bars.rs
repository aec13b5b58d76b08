//! What a person sees of a job in progress: a progress bar on a terminal, and elsewhere an occasional line.

use std::io::{IsTerminal, Result};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::progress::{Monitor, Progress, Watcher};
use crate::text;

const BAR_STEPS: u64 = 1000;

/// Without a terminal, a stage that ends sooner gets no line.
const SHORT: Duration = Duration::from_secs(2);

/// Without a terminal, a long stage gets a line this often.
const OFTEN: Duration = Duration::from_secs(60);

/// The bar on the terminal now. Everybody else who writes there has to use [`say`], or half a bar stays behind.
static LIVE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// The monitor of a job estimated at `seconds`; it shows nothing unless `visible`.
pub(super) fn monitor(visible: bool, seconds: f64) -> Monitor {
    if !visible {
        return Monitor::silent();
    }
    if std::io::stderr().is_terminal() {
        let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), terminal());
        Monitor::new(Bar::new(bar, "{bar:16} {percent:>3} %  {elapsed:>3}  {msg}", 44), seconds)
    } else {
        Monitor::new(Lines::new(OFTEN, text::say), seconds)
    }
}

/// A line that is rewritten, for work whose parts have no estimates; none without a terminal.
pub(super) fn spinner(visible: bool) -> Option<Bar> {
    (visible && std::io::stderr().is_terminal()).then(|| {
        Bar::new(ProgressBar::with_draw_target(None, terminal()), "{spinner} {elapsed:>3}  {msg}", 66)
    })
}

/// Writes a line to stderr, above the bar if there is one.
pub(super) fn say(line: &str) {
    match live().as_ref() {
        Some(bar) => bar.suspend(|| text::say(line)),
        None => text::say(line),
    }
}

/// Takes the bar away, for a program that ends at once.
pub(super) fn clear() {
    if let Some(bar) = live().take() {
        bar.finish_and_clear();
    }
}

fn live() -> MutexGuard<'static, Option<ProgressBar>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Columns that a bar leaves free. indicatif fills the line with blanks, and the terminal writes `^C` after them: on a
/// line that is full, that begins the next one, and the bar could not be removed again.
const MARGIN: u16 = 4;

/// The terminal behind stderr, without its last columns.
#[derive(Debug)]
struct Narrow(Term);

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(MARGIN)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, s: &str) -> Result<()> {
        self.0.write_line(s)
    }

    fn write_str(&self, s: &str) -> Result<()> {
        self.0.write_str(s)
    }

    fn clear_line(&self) -> Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> Result<()> {
        self.0.flush()
    }
}

/// Where bars are drawn, twenty times a second at most.
fn terminal() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Narrow(Term::buffered_stderr())), 20)
}

/// A bar on the terminal. It goes when it is dropped: a job that fails leaves none behind.
pub(super) struct Bar {
    bar: ProgressBar,
    /// How many letters fit beside it in 80 columns less [`MARGIN`].
    room: usize,
}

impl Bar {
    fn new(bar: ProgressBar, template: &str, room: usize) -> Self {
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.enable_steady_tick(Duration::from_millis(250));
        *live() = Some(bar.clone());
        Self { bar, room }
    }

    /// The text beside it.
    pub(super) fn message(&self, text: &str) {
        self.bar.set_message(text.chars().take(self.room).collect::<String>());
    }
}

impl Watcher for Bar {
    fn show(&self, progress: &Progress<'_>) {
        self.bar.set_position((BAR_STEPS as f64 * progress.of_job) as u64);
        let left = text::duration(progress.seconds_left);
        self.message(&format!("{}, about {left} left", progress.stage));
    }

    fn finish(&self) {
        clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        clear();
    }
}

/// Lines for a log: one when a stage begins and one a minute within it, even while nothing is reported.
struct Lines {
    log: Arc<Log>,
    /// Ends with the job.
    timer: Option<JoinHandle<()>>,
}

/// What the timer shares with those who report.
struct Log {
    started: Instant,
    said: Mutex<Said>,
    /// The job is done, or there is something new to wait for.
    changed: Condvar,
    say: Box<dyn Fn(&str) + Send + Sync>,
    often: Duration,
}

/// The last line, and what is known since. Times are since the start.
#[derive(Default)]
struct Said {
    stage: String,
    at: Duration,
    latest: Option<Latest>,
    ended: bool,
}

/// How far the job was when that was last told.
struct Latest {
    stage: String,
    of_job: f64,
    seconds_left: f64,
    at: Duration,
}

impl Lines {
    /// A line at least every `often`, written by `say`.
    fn new(often: Duration, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let (said, changed) = (Mutex::default(), Condvar::new());
        let log = Arc::new(Log { started: Instant::now(), said, changed, say: Box::new(say), often });
        let own = log.clone();
        // Without a timer there are still lines whenever something is reported.
        let timer =
            std::thread::Builder::new().name("progress".to_owned()).spawn(move || own.keep_time()).ok();
        Self { log, timer }
    }
}

impl Log {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the line that is due, if one is.
    fn write(&self, said: &mut Said) {
        let now = self.started.elapsed();
        if let Some(latest) =
            said.latest.as_ref().filter(|latest| said.wait(latest, now, self.often).is_zero())
        {
            (self.say)(&latest.line(now));
            (said.stage, said.at) = (latest.stage.clone(), now);
        }
    }

    /// Writes lines as they fall due, until the job ends.
    fn keep_time(&self) {
        let mut said = self.said();
        while !said.ended {
            self.write(&mut said);
            let now = self.started.elapsed();
            let wait = said.latest.as_ref().map_or(self.often, |latest| said.wait(latest, now, self.often));
            said = self.changed.wait_timeout(said, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn end(&self) {
        self.said().ended = true;
        self.changed.notify_all();
    }
}

impl Said {
    /// How long it is until a line is due.
    fn wait(&self, latest: &Latest, now: Duration, often: Duration) -> Duration {
        let pause = if latest.stage == self.stage { often } else { SHORT.min(often) };
        (self.at + pause).saturating_sub(now)
    }
}

impl Latest {
    fn line(&self, now: Duration) -> String {
        let percent = (100.0 * self.of_job).floor();
        let left = self.seconds_left - now.saturating_sub(self.at).as_secs_f64();
        let left = match left > 0.0 || self.seconds_left == 0.0 {
            true => format!("about {} left", text::duration(left.max(0.0))),
            false => "longer than planned".to_owned(),
        };
        format!("{percent:>3} %  {}, {left}", self.stage)
    }
}

impl Watcher for Lines {
    fn show(&self, progress: &Progress<'_>) {
        let Progress { stage, of_job, seconds_left, .. } = *progress;
        let mut said = self.log.said();
        let at = self.log.started.elapsed();
        let is_new = match said.latest.as_mut() {
            Some(latest) if latest.stage == stage => {
                (latest.of_job, latest.seconds_left, latest.at) = (of_job, seconds_left, at);
                false
            }
            _ => {
                said.latest = Some(Latest { stage: stage.to_owned(), of_job, seconds_left, at });
                true
            }
        };
        self.log.write(&mut said);
        if is_new {
            self.log.changed.notify_all();
        }
    }

    fn finish(&self) {
        self.log.end();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.log.end();
        if let Some(timer) = self.timer.take() {
            // It only writes lines: should it have panicked, the job has not.
            let _ = timer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn latest(stage: &str, seconds_left: f64) -> Latest {
        Latest { stage: stage.to_owned(), of_job: 0.429, seconds_left, at: Duration::from_secs(10) }
    }

    #[test]
    fn a_log_gets_a_line_a_stage_and_one_a_minute() {
        let said =
            |at: u64| Said { stage: "minima".to_owned(), at: Duration::from_secs(at), ..Said::default() };
        let wait = |said: Said, stage: &str, now: u64| {
            said.wait(&latest(stage, 1.0), Duration::from_secs(now), OFTEN).as_secs()
        };
        assert_eq!(wait(Said::default(), "minima", 0), 2, "a short job says nothing");
        assert_eq!(wait(said(2), "minima", 50), 12, "the stage is known, the minute is not over");
        assert_eq!(wait(said(2), "minima", 62), 0);
        assert_eq!(wait(said(62), "weights", 63), 1, "a stage of a second is not worth a line");
        assert_eq!(wait(said(62), "weights", 65), 0);
    }

    #[test]
    fn a_line_says_how_far_and_how_long() {
        let after = |seconds: u64| Duration::from_secs(10 + seconds);
        let latest = latest("minima", 200.0);
        assert_eq!(latest.line(after(0)), " 42 %  minima, about 3 min left");
        assert_eq!(latest.line(after(150)), " 42 %  minima, about 50 s left");
        assert_eq!(latest.line(after(201)), " 42 %  minima, longer than planned");
    }

    #[test]
    fn a_stage_that_reports_nothing_gets_lines_all_the_same() {
        let (sender, receiver) = mpsc::channel();
        let lines = Lines::new(Duration::from_millis(5), move |line| sender.send(line.to_owned()).unwrap());
        let monitor = Monitor::new(lines, 3600.0);
        monitor.stage("Gram matrix", 1, 3600.0, |_| {
            // Nothing is told in here; the lines come from the timer. A minute is for a machine that is very busy.
            for _ in 0..3 {
                let line = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
                assert!(line.starts_with("  0 %  Gram matrix, about"), "{line}");
            }
        });
        drop(monitor);
        while receiver.try_recv().is_ok() {}
        assert_eq!(
            receiver.try_recv(),
            Err(mpsc::TryRecvError::Disconnected),
            "the timer ends with the monitor"
        );
    }
}
