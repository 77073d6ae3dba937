//! The one call that waits.

use std::time::{Duration, Instant};

use headcount as client;
use pyo3::prelude::*;

use crate::boundary::quiet;
use crate::reading::{Given, Reader};

/// How long it waits before it looks whether a signal has come.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);
/// A longer patience means the same.
const LONGEST_PATIENCE: Duration = Duration::from_secs(86_400);
/// The patience if nothing is said.
const PATIENCE: Duration = Duration::from_secs(5);

/// The patience that was asked for, in seconds; less than none is none.
pub(crate) fn patience(reader: &mut Reader, given: Given<'_, '_>) -> Duration {
    let Some(seconds) = reader.number(given) else {
        return PATIENCE;
    };
    if seconds.is_nan() {
        reader.refuse(1);
        return PATIENCE;
    }
    let patience = Duration::try_from_secs_f64(seconds.max(0.0));
    patience.map_or(LONGEST_PATIENCE, |patience| patience.min(LONGEST_PATIENCE))
}

/// Waits without the interpreter's lock.
///
/// # Errors
/// A signal's handler raised something, which goes on.
pub(crate) fn flush(
    py: Python<'_>,
    telemetry: &client::Telemetry,
    patience: Duration,
) -> PyResult<bool> {
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let slice = left.min(SIGNALS_EVERY);
        if py.detach(|| quiet(|| telemetry.flush(slice))) {
            return Ok(true);
        }
        py.check_signals()?;
        let is_in_vain = telemetry.mode() != client::Mode::On;
        if is_in_vain || Instant::now() >= deadline {
            return Ok(false);
        }
    }
}
