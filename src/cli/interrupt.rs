//! Ctrl-C and SIGTERM: finish the current piece of work, write what is done, and end.

use std::sync::atomic::{AtomicU32, Ordering};

use super::bars;
use crate::error::{Error, Result};

static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// Starts to listen. The first signal asks for an orderly end, the third ends the program at once. A signal that was
/// ignored when the program started, as `nohup` does with SIGHUP, stays ignored.
///
/// # Errors
/// If the operating system refuses.
pub fn listen() -> Result<()> {
    on_signal(|| match REQUESTS.fetch_add(1, Ordering::SeqCst) {
        0 => bars::say("stopping after this piece of work; twice more ends at once, unsaved"),
        1 => {}
        _ => {
            bars::clear();
            std::process::exit(i32::from(Error::Interrupted.exit_code()))
        }
    })
    .map_err(|what| Error::Run(format!("cannot listen for signals: {what}")))
}

#[cfg(unix)]
fn on_signal(act: fn()) -> std::result::Result<(), String> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = vec![SIGINT, SIGTERM];
    // Where the ignored signals cannot be read, SIGHUP keeps its default: it ends the program, or does nothing after
    // `nohup`.
    let ignored = match ignored_signals() {
        Some(ignored) => {
            signals.push(SIGHUP);
            ignored
        }
        None => 0,
    };
    signals.retain(|signal| ignored & (1 << (signal - 1)) == 0);
    let mut signals = signal_hook::iterator::Signals::new(signals).map_err(|e| e.to_string())?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || signals.forever().for_each(|_| act()))
        .map(|_| ())
        .map_err(|e| e.to_string())
}

/// The signals that this process ignores, bit `n − 1` for signal `n`, where Linux tells.
#[cfg(unix)]
fn ignored_signals() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(not(unix))]
fn on_signal(act: fn()) -> std::result::Result<(), String> {
    ctrlc::set_handler(act).map_err(|e| e.to_string())
}

/// Whether the work is to stop.
pub fn requested() -> bool {
    REQUESTS.load(Ordering::SeqCst) > 0
}
