//! What the collector has done since its start, as numbers alone.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a request was not acknowledged: a fixed list, so that nothing of a request can become a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The body is not a request, or not what its envelope says.
    Malformed,
    /// The door does not know the method.
    UnknownMethod,
    /// The body did not arrive in time.
    Late,
    /// The body is too large, as it arrives or decompressed.
    TooLarge,
    /// The door does not know the content type or the encoding.
    UnknownMedia,
    /// The memory for bodies is in use.
    NoRoom,
    /// The disk is full.
    DiskFull,
    /// The store lags behind.
    Overloaded,
    /// The log cannot be written, or the store is closed.
    StoreFailed,
    /// The collector failed where it never should.
    Defect,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::UnknownMethod,
        Self::Late,
        Self::TooLarge,
        Self::UnknownMedia,
        Self::NoRoom,
        Self::DiskFull,
        Self::Overloaded,
        Self::StoreFailed,
        Self::Defect,
    ];

    /// The status that OTLP/HTTP answers with.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::UnknownMethod => 405,
            Self::Late => 408,
            Self::TooLarge => 413,
            Self::UnknownMedia => 415,
            Self::Defect => 500,
            Self::NoRoom | Self::DiskFull | Self::Overloaded | Self::StoreFailed => 503,
        }
    }

    /// Whether the sender is told to come back later.
    pub fn is_passing(self) -> bool {
        self.http_status() == 503
    }
}

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    refusals: [AtomicU64; Reason::ALL.len()],
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

    /// Requests that were not acknowledged for this reason.
    pub fn refusals(&self, reason: Reason) -> u64 {
        self.refusals[reason as usize].load(Ordering::Relaxed)
    }

    /// Requests that were not acknowledged, by the status of OTLP/HTTP; gRPC's count as the one of the same meaning.
    pub fn refusals_by_status(&self, status: u16) -> u64 {
        let reasons = Reason::ALL.into_iter();
        let of_status = reasons.filter(|reason| reason.http_status() == status);
        of_status.map(|reason| self.refusals(reason)).sum()
    }

    /// Requests that were refused for a fault of their own.
    pub fn requests_refused(&self) -> u64 {
        let reasons = Reason::ALL.into_iter();
        let own = reasons.filter(|reason| !reason.is_passing());
        own.map(|reason| self.refusals(reason)).sum()
    }

    /// Requests that were told to come back later.
    pub fn requests_put_off(&self) -> u64 {
        self.refusals_by_status(503)
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

    pub(crate) fn refused(&self, reason: Reason) {
        add(&self.refusals[reason as usize], 1);
    }
}

fn add(counter: &AtomicU64, count: u64) {
    let _before = counter.fetch_add(count, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_count_of_its_own() {
        let counters = Counters::default();
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            counters.refused(reason);
        }
        assert_eq!(counters.requests_put_off(), 4);
        assert_eq!(counters.requests_refused(), 6);
        assert_eq!(counters.refusals_by_status(413), 1);
    }
}
