//! The boundary to the interpreter: a panic on this side never becomes an exception on the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs `call`; a panic gives the default value, and is not raised into the host program (promise 4).
#[inline]
pub(crate) fn contain_panic<R: Default>(call: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_default()
}

/// Locks the state of a run. The lock is held for single operations that run none of the host's code and create no Python
/// object (which may collect garbage, whose finalizers are the host's code), so that no thread waits for it while it holds
/// the interpreter.
pub(crate) fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
