//! The threads that do the work, of this process: they do not survive a fork.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::errors::kinds;
use crate::lock::hold;

/// The pool, the process that it belongs to, and the number of threads that was asked for.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
static THREADS: Mutex<usize> = Mutex::new(0);

/// The threads of this process. A child of a fork has none of its parent's and starts its own.
pub fn pool() -> PyResult<Arc<ThreadPool>> {
    let mut held = hold(&POOL);
    let process = std::process::id();
    if let Some((owner, pool)) = held.as_ref()
        && *owner == process
    {
        return Ok(pool.clone());
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(*hold(&THREADS))
        .thread_name(|i| format!("flatscape {i}"))
        .build()
        .map_err(|e| kinds::RunError::new_err(format!("cannot start threads: {e}")))?;
    let pool = Arc::new(pool);
    if let Some((_, orphan)) = held.replace((process, pool.clone())) {
        // Its threads are not in this process: ending them would wait for ever.
        std::mem::forget(orphan);
    }
    Ok(pool)
}

/// Number of threads that do the work; 0: one for each core. Results do not depend on it.
#[pyfunction]
pub fn set_threads(count: usize) {
    *hold(&THREADS) = count;
    let mut held = hold(&POOL);
    match held.take() {
        // Work that is under way keeps its own.
        Some((owner, pool)) if owner == std::process::id() => drop(pool),
        Some((_, orphan)) => std::mem::forget(orphan),
        None => {}
    }
}

/// Number of threads that do the work.
#[pyfunction]
pub fn threads() -> PyResult<usize> {
    Ok(pool()?.current_num_threads())
}
