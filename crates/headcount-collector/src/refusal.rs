//! Why a request is not acknowledged, and how each protocol says so.

use std::time::Duration;

use headcount_lake::AppendError;
use headcount_wire::RpcStatus;
use http::StatusCode;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::arrival::ArrivalError;
use crate::body::BodyError;
use crate::counters::Reason;
use crate::intake::IntakeError;

/// How long a sender should wait before it repeats a request that was refused for now.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A request that is not acknowledged: why, and what to tell the sender. The message holds nothing of the request.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn no_room() -> Self {
        Self::new(
            Reason::NoRoom,
            "the collector holds as many requests as it can; send again later",
        )
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("the body is larger than {limit} bytes; send fewer spans at a time");
        Self::new(Reason::TooLarge, message)
    }

    /// The status of OTLP/HTTP (OTLP 1.x §OTLP/HTTP Response).
    pub(crate) fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.reason.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The `google.rpc.Code` that stands in the body of an answer over HTTP.
    pub(crate) fn code(&self) -> Code {
        match self.reason {
            Reason::Malformed | Reason::UnknownMedia => Code::InvalidArgument,
            Reason::UnknownMethod => Code::Unimplemented,
            Reason::Late => Code::DeadlineExceeded,
            Reason::TooLarge => Code::ResourceExhausted,
            Reason::NoRoom | Reason::DiskFull | Reason::Overloaded | Reason::StoreFailed => {
                Code::Unavailable
            }
            Reason::Defect => Code::Internal,
        }
    }

    /// As gRPC says it. Without `RetryInfo` a sender must not repeat `RESOURCE_EXHAUSTED`
    /// (OTLP 1.x §OTLP/gRPC Throttling): so it is for what is too large, and not for a full disk.
    pub(crate) fn into_status(self) -> Status {
        let code = match self.reason {
            Reason::UnknownMedia => Code::Unimplemented,
            Reason::DiskFull => Code::ResourceExhausted,
            _ => self.code(),
        };
        if !self.reason.is_passing() {
            return Status::new(code, self.message);
        }
        let details = RpcStatus {
            code: code as i32,
            message: self.message.as_str().into(),
        }
        .to_protobuf_with_retry(RETRY_AFTER);
        let mut status = Status::with_details(code, self.message, details.into());
        if let Ok(value) = MetadataValue::try_from(RETRY_AFTER.as_millis().to_string()) {
            status
                .metadata_mut()
                .insert("grpc-retry-pushback-ms", value);
        }
        status
    }
}

impl From<ArrivalError> for Refusal {
    fn from(error: ArrivalError) -> Self {
        match error {
            ArrivalError::TooLarge(limit) => Self::too_large(limit),
            ArrivalError::NoRoom => Self::no_room(),
            ArrivalError::Late(_) => Self::new(Reason::Late, error.to_string()),
            ArrivalError::Cut => Self::new(Reason::Malformed, error.to_string()),
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(limit) => Self::too_large(limit),
            BodyError::NoRoom => Self::no_room(),
            BodyError::Corrupt(_) => Self::new(Reason::Malformed, error.to_string()),
        }
    }
}

impl From<IntakeError> for Refusal {
    fn from(error: IntakeError) -> Self {
        let reason = match &error {
            IntakeError::Protobuf(_) | IntakeError::Json(_) => Reason::Malformed,
            IntakeError::Store(AppendError::TooLarge(_)) => Reason::TooLarge,
            IntakeError::Store(AppendError::DiskFull) => Reason::DiskFull,
            IntakeError::Store(AppendError::Overloaded) => Reason::Overloaded,
            IntakeError::Store(_) => Reason::StoreFailed,
            IntakeError::Broken => Reason::Defect,
        };
        Self::new(reason, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_when_to_come_back_and_what_is_too_large_does_not() {
        let full = Refusal::from(IntakeError::Store(AppendError::DiskFull));
        assert_eq!(full.http_status(), StatusCode::SERVICE_UNAVAILABLE);
        let full = full.into_status();
        assert_eq!(full.code(), Code::ResourceExhausted);
        assert!(!full.details().is_empty());
        let large = Refusal::too_large(7).into_status();
        assert_eq!(large.code(), Code::ResourceExhausted);
        assert!(large.details().is_empty());
    }
}
