//! Ctrl-C and SIGTERM: finish the piece at hand, write what is done, end.

use std::sync::atomic::{AtomicU32, Ordering};

use super::bars;
use crate::error::{Error, Result};

static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// Starts to listen. The first signal asks for an orderly end, the third ends the program at once.
///
/// # Errors
/// If the operating system refuses.
pub fn listen() -> Result<()> {
    ctrlc::set_handler(|| match REQUESTS.fetch_add(1, Ordering::SeqCst) {
        0 => {
            bars::say("stopping after the current piece of work; twice more ends at once, without saving it")
        }
        1 => {}
        _ => {
            bars::clear();
            std::process::exit(i32::from(Error::Interrupted.exit_code()))
        }
    })
    .map_err(|e| Error::Run(format!("cannot listen for signals: {e}")))
}

/// Whether an end was asked for.
pub fn requested() -> bool {
    REQUESTS.load(Ordering::SeqCst) > 0
}
