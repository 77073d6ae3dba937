//! What the collector has done since its start, as numbers alone.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    requests_refused: AtomicU64,
    requests_put_off: AtomicU64,
    spans_accepted: AtomicU64,
    spans_rejected: AtomicU64,
    spans_duplicate: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    /// Requests that were acknowledged.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests that were refused for a fault of their own.
    pub fn requests_refused(&self) -> u64 {
        self.requests_refused.load(Ordering::Relaxed)
    }

    /// Requests that were told to come back later.
    pub fn requests_put_off(&self) -> u64 {
        self.requests_put_off.load(Ordering::Relaxed)
    }

    /// Spans in acknowledged requests that were read.
    pub fn spans_accepted(&self) -> u64 {
        self.spans_accepted.load(Ordering::Relaxed)
    }

    /// Spans in acknowledged requests that were refused whole.
    pub fn spans_rejected(&self) -> u64 {
        self.spans_rejected.load(Ordering::Relaxed)
    }

    /// Spans in acknowledged requests that had been stored before.
    pub fn spans_duplicate(&self) -> u64 {
        self.spans_duplicate.load(Ordering::Relaxed)
    }

    /// Bytes of acknowledged requests, after decompression.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn acknowledged(&self, bytes: usize, accepted: u64, rejected: u64, duplicates: u64) {
        add(&self.requests, 1);
        add(&self.bytes, bytes as u64);
        add(&self.spans_accepted, accepted);
        add(&self.spans_rejected, rejected);
        add(&self.spans_duplicate, duplicates);
    }

    pub(crate) fn refused(&self) {
        add(&self.requests_refused, 1);
    }

    pub(crate) fn put_off(&self) {
        add(&self.requests_put_off, 1);
    }
}

fn add(counter: &AtomicU64, count: u64) {
    let _before = counter.fetch_add(count, Ordering::Relaxed);
}
