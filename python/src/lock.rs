//! Locks of values that are whole at any time.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value that is always whole between two accesses, so a panic elsewhere has not broken it.
pub fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
