//! What a person sees of a job in progress: a progress bar on a terminal, and elsewhere an occasional line.

use std::io::{IsTerminal, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
        Monitor::new(Lines::new(), seconds)
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

/// Lines for a log: one when a stage begins, one a minute within a stage.
struct Lines {
    started: Instant,
    said: Mutex<Said>,
}

/// The last line, and when it was written, since the start.
#[derive(Default)]
struct Said {
    stage: String,
    at: Duration,
}

impl Lines {
    fn new() -> Self {
        Self { started: Instant::now(), said: Mutex::default() }
    }
}

impl Said {
    /// Whether a line is due `now`; if so, it counts as said.
    fn due(&mut self, stage: &str, now: Duration) -> bool {
        let since = now.saturating_sub(self.at);
        let due = since >= OFTEN || (stage != self.stage && since >= SHORT);
        if due {
            self.at = now;
            stage.clone_into(&mut self.stage);
        }
        due
    }
}

impl Watcher for Lines {
    fn show(&self, progress: &Progress<'_>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.due(progress.stage, self.started.elapsed()) {
            text::say(&line(progress));
        }
    }
}

fn line(progress: &Progress<'_>) -> String {
    let percent = (100.0 * progress.of_job).floor();
    format!("{percent:>3} %  {}, about {} left", progress.stage, text::duration(progress.seconds_left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_a_stage_and_one_a_minute() {
        let mut said = Said::default();
        let mut due = |stage: &str, seconds: f64| said.due(stage, Duration::from_secs_f64(seconds));
        assert!(!due("trajectories", 0.0) && !due("minima", 1.9), "a short job says nothing");
        assert!(due("minima", 2.1));
        assert!(!due("minima", 60.0), "the stage is known, the minute is not over");
        assert!(due("minima", 62.2));
        assert!(!due("weights", 63.0), "a stage of a second is not worth a line");
        assert!(due("trajectories", 65.0));
    }

    #[test]
    fn a_line_says_how_far_and_how_long() {
        let progress = Progress { stage: "minima", of_stage: 0.5, of_job: 0.429, seconds_left: 200.0 };
        assert_eq!(line(&progress), " 42 %  minima, about 3 min left");
    }
}
