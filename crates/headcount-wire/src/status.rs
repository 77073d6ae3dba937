//! `google.rpc.Status`: the response to a rejected request, in both directions.
//! <https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto>

use std::borrow::Cow;
use std::time::Duration;

use crate::cursor::{Cursor, LENGTH, VARINT, key};
use crate::fault::Fault;
use crate::writer::Writer;

/// The type of the only detail that is ever written.
const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";

/// `google.rpc.Status`: the body of every HTTP response that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RpcStatus<'a> {
    /// A gRPC status code, e.g. 3 for an invalid argument.
    pub code: i32,
    /// The error message, for a developer.
    pub message: Cow<'a, str>,
}

impl<'a> RpcStatus<'a> {
    /// Reads `application/x-protobuf`. Of a field that occurs twice, the last counts; details are skipped. A message that is
    /// not UTF-8 is read with replacement characters.
    ///
    /// # Errors
    /// The bytes are not such a message.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        const CODE: u32 = key(1, VARINT);
        const MESSAGE: u32 = key(2, LENGTH);
        let mut status = Self::default();
        let mut cursor = Cursor::new(bytes);
        while let Some(key) = cursor.next_key()? {
            match key {
                // Protobuf cuts a varint down to the 32 bits of its field.
                CODE => status.code = cursor.varint()? as i32,
                MESSAGE => status.message = String::from_utf8_lossy(cursor.bytes()?),
                _ => cursor.skip_unless(key, &[1, 2])?,
            }
        }
        Ok(status)
    }
}

impl RpcStatus<'_> {
    /// Reads `application/json`; `None` if the text is not a JSON object with a message.
    #[cfg(feature = "json")]
    pub fn parse_json(text: &[u8]) -> Option<RpcStatus<'static>> {
        let status: serde_json::Value = serde_json::from_slice(text).ok()?;
        let code = status["code"].as_i64();
        Some(RpcStatus {
            code: code
                .and_then(|code| code.try_into().ok())
                .unwrap_or_default(),
            message: Cow::Owned(status["message"].as_str()?.to_owned()),
        })
    }

    /// As `application/x-protobuf`.
    pub fn to_protobuf(&self) -> Vec<u8> {
        self.written().into_bytes()
    }

    /// As `application/x-protobuf`, with the detail `google.rpc.RetryInfo`: the sender may repeat the request after
    /// `delay` (OTLP specification, "OTLP/gRPC Throttling").
    pub fn to_protobuf_with_retry(&self, delay: Duration) -> Vec<u8> {
        let mut writer = self.written();
        let any = writer.open(3);
        writer.bytes(1, RETRY_INFO);
        let retry_info = writer.open(2);
        let retry_delay = writer.open(1);
        if delay.as_secs() != 0 {
            writer.varint(1, delay.as_secs());
        }
        if delay.subsec_nanos() != 0 {
            writer.varint(2, delay.subsec_nanos().into());
        }
        writer.close(retry_delay);
        writer.close(retry_info);
        writer.close(any);
        writer.into_bytes()
    }

    fn written(&self) -> Writer {
        let mut writer = Writer::default();
        if self.code != 0 {
            writer.varint(1, i64::from(self.code).cast_unsigned());
        }
        if !self.message.is_empty() {
            writer.bytes(2, self.message.as_bytes());
        }
        writer
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
    use super::*;

    fn status() -> RpcStatus<'static> {
        RpcStatus {
            code: 3,
            message: "bad".into(),
        }
    }

    #[test]
    fn a_status_has_code_and_message() {
        assert_eq!(status().to_protobuf(), b"\x08\x03\x12\x03bad");
        assert_eq!(status().to_json(), br#"{"code":3,"message":"bad"}"#);
    }

    #[test]
    fn a_status_is_read_as_it_was_written() {
        let negative = RpcStatus {
            code: -1,
            message: Cow::Borrowed(""),
        };
        for status in [RpcStatus::default(), status(), negative] {
            assert_eq!(RpcStatus::parse(&status.to_protobuf()), Ok(status.clone()));
            let with_retry = status.to_protobuf_with_retry(Duration::from_secs(1));
            assert_eq!(RpcStatus::parse(&with_retry), Ok(status.clone()));
            assert_eq!(RpcStatus::parse_json(&status.to_json()), Some(status));
        }
        let latin = RpcStatus::parse(b"\x08\x03\x12\x03f\xfcr").unwrap();
        assert_eq!((latin.code, &*latin.message), (3, "f\u{fffd}r"));
        assert!(RpcStatus::parse(b"<html>").is_err());
        for other in [&b"<html>"[..], b"[]", b"{}", br#"{"message":5}"#] {
            assert_eq!(RpcStatus::parse_json(other), None);
        }
    }

    #[test]
    fn the_retry_delay_is_the_only_detail() {
        let mut expected = b"\x08\x03\x12\x03bad\x1a\x30\x0a\x28".to_vec();
        expected.extend_from_slice(RETRY_INFO);
        expected.extend_from_slice(b"\x12\x04\x0a\x02\x08\x01");
        let written = status().to_protobuf_with_retry(Duration::from_secs(1));
        assert_eq!(written, expected);
    }
}
