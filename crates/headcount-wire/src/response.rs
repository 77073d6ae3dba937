//! `ExportTraceServiceResponse`: the response to an accepted request (OTLP specification, "OTLP/HTTP
//! Response"), in both directions.

use std::borrow::Cow;

use crate::cursor::{Cursor, LENGTH, VARINT, key};
use crate::fault::Fault;
use crate::writer::Writer;

/// `ExportTraceServiceResponse`: the request was accepted, maybe in part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportResponse<'a> {
    /// How many spans were rejected.
    pub rejected_spans: i64,
    /// The reason, for a person; empty if there is nothing to report.
    pub message: Cow<'a, str>,
}

impl<'a> ExportResponse<'a> {
    /// Reads `application/x-protobuf`. Of a field that occurs twice, the last counts. A message that is not UTF-8 is read
    /// with replacement characters: the count beside it is what matters.
    ///
    /// # Errors
    /// The bytes are not such a message.
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
                    ERROR_MESSAGE => response.message = String::from_utf8_lossy(inner.bytes()?),
                    _ => inner.skip_unless(key, &[1, 2])?,
                }
            }
        }
        Ok(response)
    }
}

impl ExportResponse<'_> {
    /// Reads `application/json`; `None` if the text is not JSON. The count may be a string, as protobuf's JSON mapping
    /// prescribes for 64-bit integers, or a number.
    #[cfg(feature = "json")]
    pub fn parse_json(text: &[u8]) -> Option<ExportResponse<'static>> {
        use serde_json::Value;
        let response: Value = serde_json::from_slice(text).ok()?;
        let partial_success = &response["partialSuccess"];
        let rejected_spans = match &partial_success["rejectedSpans"] {
            Value::String(text) => text.parse().ok(),
            number => number.as_i64(),
        };
        let message = partial_success["errorMessage"].as_str().unwrap_or_default();
        Some(ExportResponse {
            rejected_spans: rejected_spans.unwrap_or_default(),
            message: Cow::Owned(message.to_owned()),
        })
    }

    fn is_full_success(&self) -> bool {
        self.rejected_spans == 0 && self.message.is_empty()
    }

    /// As `application/x-protobuf`: no bytes if there is nothing to report.
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

    /// As `application/json`: `{}` if there is nothing to report. The count is a string, as protobuf's JSON mapping
    /// prescribes for 64-bit integers.
    #[cfg(feature = "json")]
    pub fn to_json(&self) -> Vec<u8> {
        if self.is_full_success() {
            return b"{}".to_vec();
        }
        let mut partial_success = serde_json::Map::new();
        if self.rejected_spans != 0 {
            let count = self.rejected_spans.to_string();
            partial_success.insert("rejectedSpans".to_owned(), count.into());
        }
        if !self.message.is_empty() {
            partial_success.insert("errorMessage".to_owned(), self.message.as_ref().into());
        }
        serde_json::json!({ "partialSuccess": partial_success })
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
            message: "two \"kinds\" of refusal".into(),
        };
        let read = ExportTraceServiceResponse::decode(response.to_protobuf().as_slice()).unwrap();
        let partial_success = read.partial_success.unwrap();
        assert_eq!(partial_success.rejected_spans, 300);
        assert_eq!(partial_success.error_message, response.message);
        assert_eq!(
            String::from_utf8(response.to_json()).unwrap(),
            r#"{"partialSuccess":{"rejectedSpans":"300","errorMessage":"two \"kinds\" of refusal"}}"#
        );
        assert_eq!(
            ExportResponse::parse_json(&response.to_json()),
            Some(response)
        );
    }

    #[test]
    fn messages_of_opentelemetry_proto_are_parsed() {
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
        // A text in another encoding does not hide the count.
        let latin = ExportResponse::parse(b"\x0a\x07\x08\x02\x12\x03f\xfcr").unwrap();
        assert_eq!((latin.rejected_spans, &*latin.message), (2, "f\u{fffd}r"));
        // Unknown fields are skipped.
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
            message: "old".into(),
        };
        assert_eq!(response.to_protobuf(), b"\x0a\x05\x12\x03old");
        assert_eq!(
            response.to_json(),
            br#"{"partialSuccess":{"errorMessage":"old"}}"#
        );
    }

    #[test]
    fn json_is_read_with_counts_as_strings_or_numbers() {
        for count in ["\"3\"", "3"] {
            let text = format!(r#"{{"partialSuccess":{{"rejectedSpans":{count}}}}}"#);
            let read = ExportResponse::parse_json(text.as_bytes()).unwrap();
            assert_eq!((read.rejected_spans, &*read.message), (3, ""));
        }
        let empty = ExportResponse::parse_json(b"{}");
        assert_eq!(empty, Some(ExportResponse::default()));
        assert_eq!(ExportResponse::parse_json(b"<html>"), None);
    }
}
