//! The one call that waits.

use std::time::{Duration, Instant};

use headcount as client;
use pyo3::prelude::*;

use crate::boundary::contain_panic;
use crate::reading::{Given, Reader};

/// How often it checks for signals.
const CHECK_SIGNALS_EVERY: Duration = Duration::from_millis(50);
/// The longest timeout.
const MAX_TIMEOUT: Duration = Duration::from_secs(86_400);
/// The default timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeout that the caller gave in seconds; a negative one counts as zero.
pub(crate) fn timeout(reader: &mut Reader, given: Given<'_, '_>) -> Duration {
    let Some(seconds) = reader.number(given) else {
        return DEFAULT_TIMEOUT;
    };
    if seconds.is_nan() {
        reader.refuse(1);
        return DEFAULT_TIMEOUT;
    }
    let timeout = Duration::try_from_secs_f64(seconds.max(0.0));
    timeout.map_or(MAX_TIMEOUT, |timeout| timeout.min(MAX_TIMEOUT))
}

/// Waits without the interpreter's lock.
///
/// # Errors
/// An exception that a signal handler raised.
pub(crate) fn flush(
    py: Python<'_>,
    telemetry: &client::Telemetry,
    timeout: Duration,
) -> PyResult<bool> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let slice = left.min(CHECK_SIGNALS_EVERY);
        if py.detach(|| contain_panic(|| telemetry.flush(slice))) {
            return Ok(true);
        }
        py.check_signals()?;
        let is_pointless = telemetry.mode() != client::Mode::On;
        if is_pointless || Instant::now() >= deadline {
            return Ok(false);
        }
    }
}
