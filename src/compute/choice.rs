//! Which device does the work.

use std::path::Path;
use std::sync::Arc;

use crate::compute::backend::Backend;
use crate::compute::cpu::Cpu;
#[cfg(feature = "gpu")]
use crate::compute::{auto::automatic, gpu::Gpu};
use crate::error::Result;
use crate::files::cache_folder;

/// Where measured speeds are kept, in the program's folder among the user's caches.
const SPEEDS: &str = "speeds.json";

/// Which device is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Choice {
    /// For each stage the CPU, or a hardware GPU that passes its self-test and is predicted to be faster.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU, or an error.
    Gpu,
}

/// The backend that was asked for, and a sentence on which it is and why. `adapter` is part of a name; naming one means
/// that it is wanted, so `auto` then does not fall back either.
///
/// # Errors
/// [`Error::Device`](crate::Error::Device) if a GPU is wanted and none can be used.
pub fn choose(choice: Choice, adapter: Option<&str>) -> Result<(Arc<dyn Backend>, String)> {
    choose_telling(choice, adapter, Box::new(|_| {}))
}

/// As [`choose`]; `told` hears where `auto` does each stage.
///
/// # Errors
/// As [`choose`].
pub fn choose_telling(
    choice: Choice,
    adapter: Option<&str>,
    told: Box<dyn Fn(&str) + Send + Sync>,
) -> Result<(Arc<dyn Backend>, String)> {
    let kept = cache_folder().map(|folder| folder.join(SPEEDS));
    choose_keeping(choice, adapter, told, kept.as_deref())
}

/// As [`choose_telling`]; what `auto` measures is kept in the file `kept`, and found there at the next start. Without a file it
/// measures each time.
///
/// # Errors
/// As [`choose`].
pub fn choose_keeping(
    choice: Choice,
    adapter: Option<&str>,
    told: Box<dyn Fn(&str) + Send + Sync>,
    kept: Option<&Path>,
) -> Result<(Arc<dyn Backend>, String)> {
    match (choice, adapter) {
        (Choice::Cpu, _) => Ok((Arc::new(Cpu), format!("{}: asked for", Cpu.describe()))),
        (Choice::Gpu, _) | (Choice::Auto, Some(_)) => wanted(adapter),
        (Choice::Auto, None) => Ok(best(told, kept)),
    }
}

#[cfg(feature = "gpu")]
fn wanted(adapter: Option<&str>) -> Result<(Arc<dyn Backend>, String)> {
    let gpu = Gpu::new(adapter)?;
    let reason = format!("{}: asked for, passed its self-test", gpu.describe());
    Ok((Arc::new(gpu), reason))
}

#[cfg(feature = "gpu")]
fn best(told: Box<dyn Fn(&str) + Send + Sync>, kept: Option<&Path>) -> (Arc<dyn Backend>, String) {
    match Gpu::new(None) {
        Ok(gpu) if gpu.report().kind.is_hardware() => automatic(gpu, told, kept),
        // Why each was refused is what `flatscape devices` shows.
        _ => (Arc::new(Cpu), format!("{}: no usable GPU (flatscape devices says why)", Cpu.describe())),
    }
}

#[cfg(not(feature = "gpu"))]
fn wanted(_: Option<&str>) -> Result<(Arc<dyn Backend>, String)> {
    Err(crate::error::Error::Device(
        "this program was built without GPU support; build it with the feature gpu, or choose the CPU backend"
            .to_owned(),
    ))
}

#[cfg(not(feature = "gpu"))]
fn best(_: Box<dyn Fn(&str) + Send + Sync>, _: Option<&Path>) -> (Arc<dyn Backend>, String) {
    (Arc::new(Cpu), format!("{}: built without GPU support", Cpu.describe()))
}
