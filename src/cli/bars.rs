//! A bar on the terminal that shows how far a job is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::{Monitor, Progress, Watcher};
use crate::text;

const BAR_STEPS: u64 = 1000;

/// The monitor of a job estimated at `seconds`; it draws on stderr if `visible` and stderr is a terminal.
pub(super) fn monitor(visible: bool, seconds: f64) -> Monitor {
    let bar = Bar::new(visible);
    // Nobody sees a hidden bar, and many small stages would be told to it.
    if bar.0.is_hidden() { Monitor::silent() } else { Monitor::new(bar, seconds) }
}

struct Bar(ProgressBar);

impl Bar {
    fn new(visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), target);
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {elapsed}  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self(bar)
    }
}

impl Watcher for Bar {
    fn show(&self, progress: &Progress<'_>) {
        self.0.set_position((BAR_STEPS as f64 * progress.of_job) as u64);
        let left = text::duration(progress.seconds_left);
        self.0.set_message(format!("{}, about {left} left", progress.stage));
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Bar {
    /// A job that fails leaves no bar behind either.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
