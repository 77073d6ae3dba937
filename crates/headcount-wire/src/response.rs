//! What a collector answers (OTLP specification, "OTLP/HTTP Response").

use crate::cursor::{Cursor, LENGTH, VARINT, key};
use crate::fault::Fault;
use crate::writer::Writer;

/// `ExportTraceServiceResponse`: the request was taken, maybe in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportResponse<'a> {
    /// How many spans were not taken.
    pub rejected_spans: i64,
    /// Why, for a person; empty if there is nothing to say.
    pub message: &'a str,
}

impl<'a> ExportResponse<'a> {
    /// Reads one that came as `application/x-protobuf`. Of what occurs twice the last counts.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        const PARTIAL_SUCCESS: u32 = key(1, LENGTH);
        const REJECTED_SPANS: u32 = key(1, VARINT);
        const ERROR_MESSAGE: u32 = key(2, LENGTH);
        let mut response = Self::default();
        let mut outer = Cursor::new(bytes);
        while let Some(key) = outer.next_key()? {
            if key != PARTIAL_SUCCESS {
                outer.skip_unless(key, &[1])?;
                continue;
            }
            let mut inner = Cursor::new(outer.bytes()?);
            while let Some(key) = inner.next_key()? {
                match key {
                    REJECTED_SPANS => response.rejected_spans = inner.varint()?.cast_signed(),
                    ERROR_MESSAGE => response.message = inner.text()?,
                    _ => inner.skip_unless(key, &[1, 2])?,
                }
            }
        }
        Ok(response)
    }
}

impl ExportResponse<'_> {
    fn is_full_success(&self) -> bool {
        self.rejected_spans == 0 && self.message.is_empty()
    }

    /// As `application/x-protobuf`: no bytes at all when there is nothing to say.
    pub fn to_protobuf(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        if !self.is_full_success() {
            let partial_success = writer.open(1);
            if self.rejected_spans != 0 {
                writer.varint(1, self.rejected_spans.cast_unsigned());
            }
            if !self.message.is_empty() {
                writer.bytes(2, self.message.as_bytes());
            }
            writer.close(partial_success);
        }
        writer.into_bytes()
    }

    /// As `application/json`: `{}` when there is nothing to say. The count is a string, as protobuf's JSON mapping
    /// prescribes for 64-bit integers.
    #[cfg(feature = "json")]
    pub fn to_json(&self) -> Vec<u8> {
        if self.is_full_success() {
            return b"{}".to_vec();
        }
        let mut partial_success = serde_json::Map::new();
        if self.rejected_spans != 0 {
            let count = self.rejected_spans.to_string();
            let _ = partial_success.insert("rejectedSpans".to_owned(), count.into());
        }
        if !self.message.is_empty() {
            let _ = partial_success.insert("errorMessage".to_owned(), self.message.into());
        }
        serde_json::json!({ "partialSuccess": partial_success })
            .to_string()
            .into_bytes()
    }
}

/// `google.rpc.Status`: the body of every HTTP answer that is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RpcStatus<'a> {
    /// A gRPC status code, e.g. 3 for an invalid argument.
    pub code: i32,
    /// What went wrong, for a developer.
    pub message: &'a str,
}

impl RpcStatus<'_> {
    /// As `application/x-protobuf`.
    pub fn to_protobuf(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        if self.code != 0 {
            writer.varint(1, i64::from(self.code).cast_unsigned());
        }
        if !self.message.is_empty() {
            writer.bytes(2, self.message.as_bytes());
        }
        writer.into_bytes()
    }

    /// As `application/json`.
    #[cfg(feature = "json")]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::json!({ "code": self.code, "message": self.message })
            .to_string()
            .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
    use prost::Message;

    use super::*;

    #[test]
    fn a_full_success_is_zero_bytes_or_an_empty_object() {
        assert_eq!(ExportResponse::default().to_protobuf(), b"");
        assert_eq!(ExportResponse::default().to_json(), b"{}");
    }

    #[test]
    fn a_partial_success_is_read_by_opentelemetry_proto() {
        let response = ExportResponse {
            rejected_spans: 300,
            message: "two \"kinds\" of refusal",
        };
        let read = ExportTraceServiceResponse::decode(response.to_protobuf().as_slice()).unwrap();
        let partial_success = read.partial_success.unwrap();
        assert_eq!(partial_success.rejected_spans, 300);
        assert_eq!(partial_success.error_message, response.message);
        assert_eq!(
            String::from_utf8(response.to_json()).unwrap(),
            r#"{"partialSuccess":{"rejectedSpans":"300","errorMessage":"two \"kinds\" of refusal"}}"#
        );
    }

    #[test]
    fn what_opentelemetry_proto_writes_is_read() {
        use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;
        for (rejected_spans, error_message) in [(0, ""), (7, ""), (i64::MAX, "old"), (-1, "odd")] {
            let written = ExportTraceServiceResponse {
                partial_success: Some(ExportTracePartialSuccess {
                    rejected_spans,
                    error_message: error_message.to_owned(),
                }),
            };
            let bytes = written.encode_to_vec();
            let read = ExportResponse::parse(&bytes).unwrap();
            assert_eq!(read.rejected_spans, rejected_spans);
            assert_eq!(read.message, error_message);
            assert!(bytes.len() < 4 || ExportResponse::parse(&bytes[..bytes.len() - 1]).is_err());
        }
        assert_eq!(ExportResponse::parse(b""), Ok(ExportResponse::default()));
        // A field that is yet to come is passed over.
        let later = ExportResponse::parse(b"\x0a\x04\x18\x01\x08\x02\x12\x00").unwrap();
        assert_eq!(later.rejected_spans, 2);
        for malformed in [&b"\x08\x01"[..], b"{}", b"\x0a\x02\x0a\x00", b"<html>"] {
            assert!(ExportResponse::parse(malformed).is_err(), "{malformed:?}");
        }
    }

    #[test]
    fn a_warning_without_refusals_carries_its_text_alone() {
        let response = ExportResponse {
            rejected_spans: 0,
            message: "old",
        };
        assert_eq!(response.to_protobuf(), b"\x0a\x05\x12\x03old");
        assert_eq!(
            response.to_json(),
            br#"{"partialSuccess":{"errorMessage":"old"}}"#
        );
    }

    #[test]
    fn a_status_has_code_and_message() {
        let status = RpcStatus {
            code: 3,
            message: "bad",
        };
        assert_eq!(status.to_protobuf(), b"\x08\x03\x12\x03bad");
        assert_eq!(status.to_json(), br#"{"code":3,"message":"bad"}"#);
    }
}
