//! What a test says that cannot run here.

use std::io::Write;

/// Says on stderr, past the test harness, which keeps what passing tests print to itself, that this test did not run, and
/// why.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "skipped {}: {}", thread.name().unwrap_or("a test"), why.trim());
}
