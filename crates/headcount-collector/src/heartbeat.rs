//! Signs of life of the write-ahead log: without it nothing is acknowledged, and nothing says so but silence.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The silence after which the log counts as stuck. It waits for room in memory for 5 s at most, and an fsync of a busy disk may take
/// some seconds.
pub(crate) const STUCK_AFTER: Duration = Duration::from_secs(15);

/// When the log last answered. The one who asks runs on the same threads as requests, so an answer is also a sign of theirs.
#[derive(Debug)]
pub(crate) struct Heartbeat(Mutex<Instant>);

impl Default for Heartbeat {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Heartbeat {
    /// For how long the log has not answered.
    pub(crate) fn silence(&self) -> Duration {
        self.0.lock().elapsed()
    }

    /// The log has answered.
    pub(crate) fn beat(&self) {
        *self.0.lock() = Instant::now();
    }
}
