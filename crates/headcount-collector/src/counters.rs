//! Counters since the start of the process.

use headcount_catalog::RefusalReason;
use headcount_observe::Counter;

use crate::request_durations::RequestDurations;

/// Why a request was rejected: a fixed list, so that no text of a request can become a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionReason {
    /// The body is not an OTLP request, or does not match its headers.
    Malformed,
    /// There is no valid token, and the collector requires one.
    Unauthenticated,
    /// The token is not for sending.
    Forbidden,
    /// The sender asked too often.
    RateLimited,
    /// The endpoint does not support the method.
    UnknownMethod,
    /// The body did not arrive in time.
    Timeout,
    /// The body is too large, compressed or decompressed.
    TooLarge,
    /// The endpoint does not support the content type or the content coding.
    UnsupportedMedia,
    /// The memory budget for bodies is exhausted.
    MemoryExhausted,
    /// The body arrived slowly while others waited for its memory.
    TooSlow,
    /// All connections are in use.
    Crowded,
    /// The disk is full.
    DiskFull,
    /// The store cannot keep up.
    Overloaded,
    /// The write-ahead log cannot be written, or the store is closed.
    StoreFailed,
    /// An internal error of the collector.
    Internal,
}

impl RejectionReason {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::RateLimited,
        Self::UnknownMethod,
        Self::Timeout,
        Self::TooLarge,
        Self::UnsupportedMedia,
        Self::MemoryExhausted,
        Self::TooSlow,
        Self::Crowded,
        Self::DiskFull,
        Self::Overloaded,
        Self::StoreFailed,
        Self::Internal,
    ];

    /// The status code of OTLP/HTTP.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::UnknownMethod => 405,
            Self::Timeout => 408,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::MemoryExhausted
            | Self::TooSlow
            | Self::Crowded
            | Self::DiskFull
            | Self::Overloaded
            | Self::StoreFailed => 503,
        }
    }

    /// Whether the sender may retry.
    pub fn is_retryable(self) -> bool {
        matches!(self.http_status(), 429 | 503)
    }
}

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Counters {
    requests: Counter,
    rejections: [Counter; RejectionReason::ALL.len()],
    spans_accepted: Counter,
    spans_rejected: Counter,
    spans_duplicate: Counter,
    bytes: Counter,
    refusals: [Counter; RefusalReason::ALL.len()],
    durations: RequestDurations,
}

impl Counters {
    /// Requests that were acknowledged.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Requests that were rejected for this reason.
    pub fn rejections(&self, reason: RejectionReason) -> u64 {
        self.rejections[reason as usize].get()
    }

    /// Rejected requests by the status code of OTLP/HTTP; those over gRPC count under the code of the same meaning.
    pub fn rejections_by_status(&self, status: u16) -> u64 {
        let reasons = RejectionReason::ALL.into_iter();
        let of_status = reasons.filter(|reason| reason.http_status() == status);
        of_status.map(|reason| self.rejections(reason)).sum()
    }

    /// Requests that were rejected for good: a retry would fail, too.
    pub fn requests_rejected(&self) -> u64 {
        let reasons = RejectionReason::ALL.into_iter();
        let permanent = reasons.filter(|reason| !reason.is_retryable());
        permanent.map(|reason| self.rejections(reason)).sum()
    }

    /// Requests that were rejected for now: the sender may retry.
    pub fn requests_retryable(&self) -> u64 {
        self.rejections_by_status(503) + self.rejections_by_status(429)
    }

    /// Spans in acknowledged requests that were read.
    pub fn spans_accepted(&self) -> u64 {
        self.spans_accepted.get()
    }

    /// Spans in acknowledged requests that were rejected as a whole.
    pub fn spans_rejected(&self) -> u64 {
        self.spans_rejected.get()
    }

    /// Spans in acknowledged requests that had been stored before.
    pub fn spans_duplicate(&self) -> u64 {
        self.spans_duplicate.get()
    }

    /// Bytes of acknowledged requests, after decompression.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Spans and values in acknowledged requests that were refused for this reason.
    pub fn refusals(&self, reason: RefusalReason) -> u64 {
        self.refusals[reason as usize].get()
    }

    /// How long requests took.
    pub(crate) fn durations(&self) -> &RequestDurations {
        &self.durations
    }

    pub(crate) fn acknowledged(&self, bytes: usize, accepted: u64, rejected: u64, duplicates: u64) {
        self.requests.add(1);
        self.bytes.add(bytes as u64);
        self.spans_accepted.add(accepted);
        self.spans_rejected.add(rejected);
        self.spans_duplicate.add(duplicates);
    }

    pub(crate) fn refused(&self, refusals: &[u64; RefusalReason::ALL.len()]) {
        let refusals = self.refusals.iter().zip(refusals);
        for (counter, count) in refusals.filter(|(_, count)| **count > 0) {
            counter.add(*count);
        }
    }

    pub(crate) fn rejected(&self, reason: RejectionReason) {
        self.rejections[reason as usize].add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let counters = Counters::default();
        for (index, reason) in RejectionReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            counters.rejected(reason);
        }
        assert_eq!(counters.requests_retryable(), 7);
        assert_eq!(counters.requests_rejected(), 8);
        assert_eq!(counters.rejections_by_status(413), 1);
    }
}
