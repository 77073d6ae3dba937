//! Rejected requests, and how each protocol reports them.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use headcount_access::Challenge;
use headcount_lake::AppendError;
use headcount_wire::RpcStatus;
use http::StatusCode;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::counters::RejectionReason;
use crate::decompress::DecompressError;
use crate::ingest::IngestError;
use crate::memory_budget::BudgetExhausted;
use crate::receive::ReceiveError;

/// How long a sender should wait before it retries: 1 to 4 s, so that those refused together do not come back together.
pub(crate) fn retry_after() -> Duration {
    // The keys of a new `RandomState` differ each time.
    let random = RandomState::new().hash_one(0);
    Duration::from_millis(1_000 + random % 4_000)
}

/// Why a request is rejected, and a message for the sender that contains no text of the request.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) reason: RejectionReason,
    pub(crate) message: String,
}

impl Rejection {
    pub(crate) fn new(reason: RejectionReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn memory_exhausted() -> Self {
        Self::new(
            RejectionReason::MemoryExhausted,
            BudgetExhausted.to_string(),
        )
    }

    /// No connection is left but those that are kept for probes.
    pub(crate) fn crowded() -> Self {
        Self::new(
            RejectionReason::Crowded,
            "the collector has no connection left; retry later",
        )
    }

    /// The sender asks too often.
    pub(crate) fn rate_limited() -> Self {
        Self::new(
            RejectionReason::RateLimited,
            "too many requests from this sender; send more spans in each request, or less often",
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message =
            format!("the body is larger than {limit} bytes; send fewer spans per request");
        Self::new(RejectionReason::TooLarge, message)
    }

    /// The status of OTLP/HTTP (OTLP 1.x §OTLP/HTTP Response).
    pub(crate) fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.reason.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The `google.rpc.Code` in the body of a response over HTTP.
    pub(crate) fn code(&self) -> Code {
        match self.reason {
            RejectionReason::Malformed | RejectionReason::UnsupportedMedia => Code::InvalidArgument,
            RejectionReason::Unauthenticated => Code::Unauthenticated,
            RejectionReason::Forbidden => Code::PermissionDenied,
            RejectionReason::UnknownMethod => Code::Unimplemented,
            RejectionReason::Timeout => Code::DeadlineExceeded,
            RejectionReason::TooLarge | RejectionReason::RateLimited => Code::ResourceExhausted,
            RejectionReason::MemoryExhausted
            | RejectionReason::TooSlow
            | RejectionReason::Crowded
            | RejectionReason::DiskFull
            | RejectionReason::Overloaded
            | RejectionReason::StoreFailed => Code::Unavailable,
            RejectionReason::Internal => Code::Internal,
        }
    }

    /// The status of gRPC. Without `RetryInfo` a sender must not retry `RESOURCE_EXHAUSTED` (OTLP 1.x §OTLP/gRPC
    /// Throttling): so a message that is too large gets it without, and a full disk with `RetryInfo`.
    pub(crate) fn into_status(self) -> Status {
        let code = match self.reason {
            RejectionReason::UnsupportedMedia => Code::Unimplemented,
            RejectionReason::DiskFull => Code::ResourceExhausted,
            _ => self.code(),
        };
        if !self.reason.is_retryable() {
            return Status::new(code, self.message);
        }
        let retry_after = retry_after();
        let details = RpcStatus {
            code: code as i32,
            message: self.message.as_str().into(),
        }
        .to_protobuf_with_retry(retry_after);
        let mut status = Status::with_details(code, self.message, details.into());
        if let Ok(value) = MetadataValue::try_from(retry_after.as_millis().to_string()) {
            status
                .metadata_mut()
                .insert("grpc-retry-pushback-ms", value);
        }
        status
    }
}

impl From<Challenge> for Rejection {
    fn from(challenge: Challenge) -> Self {
        match challenge {
            Challenge::Missing => Self::new(
                RejectionReason::Unauthenticated,
                "this collector requires a token: set OTEL_EXPORTER_OTLP_HEADERS to `authorization=Bearer TOKEN`, with a token of \
                 the role ingest",
            ),
            Challenge::Invalid => Self::new(
                RejectionReason::Unauthenticated,
                "the token is unknown, revoked or expired; ask whoever runs the collector for another one",
            ),
            Challenge::Insufficient => Self::new(
                RejectionReason::Forbidden,
                "the token is for reading; telemetry requires one with the role ingest",
            ),
        }
    }
}

impl From<BudgetExhausted> for Rejection {
    fn from(_: BudgetExhausted) -> Self {
        Self::memory_exhausted()
    }
}

impl From<ReceiveError> for Rejection {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::TooLarge(limit) => Self::too_large(limit),
            ReceiveError::MemoryExhausted => Self::memory_exhausted(),
            ReceiveError::Timeout(_) => Self::new(RejectionReason::Timeout, error.to_string()),
            ReceiveError::TooSlow => Self::new(RejectionReason::TooSlow, error.to_string()),
            ReceiveError::Truncated => Self::new(RejectionReason::Malformed, error.to_string()),
        }
    }
}

impl From<DecompressError> for Rejection {
    fn from(error: DecompressError) -> Self {
        match error {
            DecompressError::TooLarge(limit) => Self::too_large(limit),
            DecompressError::MemoryExhausted => Self::memory_exhausted(),
            DecompressError::Corrupt(_) | DecompressError::Window { .. } => {
                Self::new(RejectionReason::Malformed, error.to_string())
            }
        }
    }
}

impl From<IngestError> for Rejection {
    fn from(error: IngestError) -> Self {
        let reason = match &error {
            IngestError::Protobuf(_) | IngestError::Json(_) => RejectionReason::Malformed,
            IngestError::Store(AppendError::TooLarge(_)) => RejectionReason::TooLarge,
            IngestError::Store(AppendError::DiskFull) => RejectionReason::DiskFull,
            IngestError::Store(AppendError::Overloaded) => RejectionReason::Overloaded,
            IngestError::Store(_) => RejectionReason::StoreFailed,
            IngestError::Panicked => RejectionReason::Internal,
        };
        Self::new(reason, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_retryable_and_a_large_message_is_not() {
        let full = Rejection::from(IngestError::Store(AppendError::DiskFull));
        assert_eq!(full.http_status(), StatusCode::SERVICE_UNAVAILABLE);
        let full = full.into_status();
        assert_eq!(full.code(), Code::ResourceExhausted);
        assert!(!full.details().is_empty());
        let large = Rejection::too_large(7).into_status();
        assert_eq!(large.code(), Code::ResourceExhausted);
        assert!(large.details().is_empty());
    }
}
