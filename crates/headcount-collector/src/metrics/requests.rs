//! What senders sent, and what became of it.

use headcount_catalog::RefusalReason;
use headcount_observe::Page;

use crate::counters::{Counters, RejectionReason};
use crate::request_durations::{Endpoint, RequestOutcome};

impl RejectionReason {
    /// The value of the label `reason`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthenticated => "no_token",
            Self::Forbidden => "wrong_token",
            Self::RateLimited => "rate_limited",
            Self::UnknownMethod => "unknown_method",
            Self::Timeout => "late",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia => "unknown_media",
            Self::MemoryExhausted => "no_room",
            Self::TooSlow => "slow",
            Self::Crowded => "crowded",
            Self::DiskFull => "disk_full",
            Self::Overloaded => "overloaded",
            Self::StoreFailed => "store_failed",
            Self::Internal => "defect",
        }
    }
}

pub(super) fn write(page: &mut Page, counters: &Counters) {
    page.counter(
        "headcount_requests_total",
        "Acknowledged requests: their admitted rows are on disk.",
    )
    .value(counters.requests());
    page.counter(
        "headcount_request_bytes_total",
        "Bytes of acknowledged requests after decompression.",
    )
    .value(counters.bytes());
    page.counter(
        "headcount_spans_total",
        "Accepted spans in acknowledged requests.",
    )
    .value(counters.spans_accepted());
    page.counter(
        "headcount_spans_rejected_total",
        "Rejected spans in acknowledged requests.",
    )
    .value(counters.spans_rejected());
    page.counter(
        "headcount_spans_duplicate_total",
        "Spans in acknowledged requests that were already stored.",
    )
    .value(counters.spans_duplicate());
    let mut refused = page.counter(
        "headcount_requests_refused_total",
        "Rejected requests, by reason.",
    );
    for reason in RejectionReason::ALL {
        let count = counters.rejections(reason);
        refused.labelled(&[("reason", reason.label())], count);
    }
    let mut refusals = page.counter(
        "headcount_refusals_total",
        "Spans and values in acknowledged requests that admission refused, by the catalog's reason.",
    );
    for reason in RefusalReason::ALL {
        refusals.labelled(&[("reason", reason.name())], counters.refusals(reason));
    }
    let mut durations = page.histogram(
        "headcount_request_duration_seconds",
        "From the head of a request to the head of its response, without probes.",
    );
    for endpoint in Endpoint::ALL {
        for outcome in RequestOutcome::ALL {
            let labels = [("endpoint", endpoint.label()), ("outcome", outcome.label())];
            durations.durations(&labels, counters.durations().of(endpoint, outcome));
        }
    }
}
