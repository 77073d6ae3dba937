//! Tracks the requests of a connection, so that an idle one can be closed.
//!
//! A connection is busy while a handler runs (handlers have limits of their own), and every part of a response that the
//! peer reads counts as progress. Other bytes do not: neither a slow request head nor HTTP/2 pings keep a connection
//! open. How fast a response must be read is another matter ([`crate::delivery`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::time::Instant;

/// The requests of one connection.
#[derive(Debug)]
pub(crate) struct IdleTracker {
    opened: Instant,
    running: AtomicUsize,
    /// Whether a request came.
    has_begun: AtomicBool,
    /// Milliseconds from `opened` to the last progress.
    last_progress: AtomicU64,
}

impl IdleTracker {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            running: AtomicUsize::new(0),
            has_begun: AtomicBool::new(false),
            last_progress: AtomicU64::new(0),
        })
    }

    /// Since when the connection is idle; `None` while a handler runs.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let milliseconds = self.last_progress.load(Ordering::Acquire);
        let is_idle = self.running.load(Ordering::Acquire) == 0;
        is_idle.then(|| self.opened + std::time::Duration::from_millis(milliseconds))
    }

    /// Whether no request came yet.
    pub(crate) fn is_new(&self) -> bool {
        !self.has_begun.load(Ordering::Acquire)
    }

    /// Marks the connection as busy until the guard is dropped.
    pub(crate) fn start_request(self: &Arc<Self>) -> RequestGuard {
        self.running.fetch_add(1, Ordering::AcqRel);
        self.has_begun.store(true, Ordering::Release);
        RequestGuard(Arc::clone(self))
    }

    pub(crate) fn record_progress(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_progress.fetch_max(elapsed, Ordering::AcqRel);
    }
}

/// A handler is running.
#[derive(Debug)]
pub(crate) struct RequestGuard(Arc<IdleTracker>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.record_progress();
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_idle_only_while_no_handler_runs() {
        let tracker = IdleTracker::new();
        assert!(tracker.idle_since().is_some());
        let request = tracker.start_request();
        assert_eq!(tracker.idle_since(), None);
        drop(request);
        assert!(tracker.idle_since().is_some());
    }
}
