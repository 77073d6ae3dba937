//! Facts about an installation, as `headcount status` and `headcount preview` show them.

use crate::upload::UploadFailure;

/// The body of one request that is queued, exactly as it will be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The segment's name, as in the ledger.
    pub segment: String,
    /// How many events it holds.
    pub events: u64,
    /// An `ExportTraceServiceRequest` in protobuf (OTLP).
    pub body: Vec<u8>,
}

/// The counters of all events that reached the disk: `recorded` is `delivered + pending + dropped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Events that a collector acknowledged.
    pub delivered: u64,
    /// Events that wait.
    pub pending: u64,
    /// Events that were lost or removed, for any reason.
    pub dropped: u64,
}

/// The last failed attempt to send, and when the next one may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastFailure {
    /// Why it failed.
    pub failure: UploadFailure,
    /// When, in milliseconds since 1970 UTC.
    pub time_millis: u64,
    /// Nothing is sent before this, in milliseconds since 1970 UTC.
    pub next_attempt_millis: u64,
}

impl Totals {
    /// All events.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.delivered + self.pending + self.dropped
    }
}
