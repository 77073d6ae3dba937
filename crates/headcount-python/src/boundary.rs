//! The boundary to the interpreter: nothing that goes wrong on our side of it becomes an exception on the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs `call`; a fault of ours gives what stands for nothing, and is not raised into the host (promise 4).
#[inline]
pub(crate) fn quiet<R: Default>(call: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_default()
}

/// Locks what a run keeps. It is held for single operations that run none of the host's code and make no Python object (which
/// might collect garbage, whose finalizers are the host's code), so that no thread waits while it holds the interpreter.
pub(crate) fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
