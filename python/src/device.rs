//! The device that does the work, of this process: a GPU does not survive a fork.

use std::sync::{Arc, Mutex};

use flatscape::compute::choice::{Choice, choose};
use flatscape::compute::device::ComputeDevice;
use flatscape::{Backend, Error};
use pyo3::prelude::*;

use crate::errors::usage;
use crate::lock::hold;
use crate::work::wait_for;

/// The devices that were found when one was first looked for.
static DEVICES: Mutex<Devices> = Mutex::new(Devices { auto: None, gpu: None });

/// What `auto` takes, and the GPU that was asked for: `auto` never takes a driver in software.
struct Devices {
    auto: Option<Opened>,
    gpu: Option<Opened>,
}

/// A device in use.
#[derive(Clone)]
pub struct Opened {
    /// The process that opened it.
    process: u32,
    /// What does the work.
    pub backend: Arc<dyn Backend>,
    is_gpu: bool,
    /// Which it is and why: a sentence.
    pub reason: String,
}

/// What `backend="auto"` and its like mean.
pub fn choice(name: &str) -> PyResult<Choice> {
    match name {
        "cpu" => Ok(Choice::Cpu),
        "auto" => Ok(Choice::Auto),
        "gpu" => Ok(Choice::Gpu),
        other => {
            Err(usage(format!("backend = {other:?} is not allowed; it is \"auto\", \"cpu\" or \"gpu\"")))
        }
    }
}

/// The device that `name` asks for, and why: a sentence.
#[pyfunction]
pub fn device(py: Python<'_>, name: &str) -> PyResult<String> {
    let choice = choice(name)?;
    wait_for(py, None, move |_| Ok(open(choice)?.reason))
}

/// The device that was asked for. A GPU is opened when it is first asked for, and kept.
///
/// # Errors
/// [`Error::Device`] if a GPU is wanted and none can be used.
pub fn open(choice: Choice) -> flatscape::Result<Opened> {
    if choice == Choice::Cpu {
        let (backend, reason) = choose(choice, None)?;
        return Ok(Opened { process: std::process::id(), backend, is_gpu: false, reason });
    }
    let mut held = hold(&DEVICES);
    let process = std::process::id();
    // The driver's threads and handles are the parent's.
    let is_forked = [&held.auto, &held.gpu].into_iter().flatten().any(|o| o.is_gpu && o.process != process);
    match choice {
        Choice::Auto if is_forked => {
            let (backend, cpu) = choose(Choice::Cpu, None)?;
            let reason = format!("{cpu}; the GPU belongs to the process that this one was forked from");
            return Ok(Opened { process, backend, is_gpu: false, reason });
        }
        _ if is_forked => {
            return Err(Error::Device(
                "the GPU belongs to the process that this one was forked from; start processes by multiprocessing's \"spawn\", or choose backend=\"cpu\"".to_owned(),
            ));
        }
        _ => {}
    }
    let found = match choice {
        Choice::Auto => held.auto.clone(),
        _ => held.gpu.clone().or_else(|| held.auto.clone().filter(|opened| opened.is_gpu)),
    };
    if let Some(opened) = found {
        return Ok(opened);
    }
    let (backend, reason) = choose(choice, None)?;
    let is_gpu = matches!(backend.describe(), ComputeDevice::Gpu(_));
    let opened = Opened { process, backend, is_gpu, reason };
    let slot = if choice == Choice::Auto { &mut held.auto } else { &mut held.gpu };
    *slot = Some(opened.clone());
    Ok(opened)
}
