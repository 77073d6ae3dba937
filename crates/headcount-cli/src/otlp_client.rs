//! A client of OTLP/HTTP: sends one request body and returns how many of its spans the collector rejected.

use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use headcount_collector::PayloadFormat;
use headcount_commands::output::on_one_line;
use headcount_wire::{ExportResponse, RpcStatus};
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{HeaderMap, Response};

use crate::connection::Connection;

/// OTLP responses are smaller than this.
const RESPONSE_LIMIT: u64 = 64 * 1024;

/// How often a body is sent while the collector answers with 429 or 503 (OTLP 1.x §OTLP/HTTP Throttling).
const ATTEMPTS: u32 = 6;

/// The longest `Retry-After` that is honoured.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The most characters shown of a response that no collector would send, such as a proxy's page.
const MAX_FOREIGN_TEXT: usize = 300;

/// The collector's response to a request that it accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ExportOutcome {
    /// Spans that the collector rejected; the others are on its disk.
    pub(crate) rejected_spans: u64,
    /// The collector's reason; empty if it gave none.
    pub(crate) message: String,
}

/// A client for one collector.
#[derive(Debug)]
pub(crate) struct OtlpClient {
    connection: Connection,
    traces: String,
}

impl OtlpClient {
    /// A client for the collector behind `connection`.
    pub(crate) fn new(connection: Connection) -> OtlpClient {
        let traces = format!("{}/v1/traces", connection.address);
        OtlpClient { connection, traces }
    }

    /// Sends one body and waits for the acknowledgement. Retries while the collector is busy (429, 503).
    ///
    /// # Errors
    /// [`SendError::Rejected`] if the body is at fault, [`SendError::Failed`] if the next body would fail, too.
    pub(crate) fn send(
        &self,
        body: &[u8],
        format: PayloadFormat,
    ) -> Result<ExportOutcome, SendError> {
        let mut attempt = 1;
        loop {
            let mut request = self
                .connection
                .agent
                .post(&self.traces)
                .header(CONTENT_TYPE, format.content_type());
            if let Some(authorization) = &self.connection.authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            let mut response = request.send(body).with_context(|| {
                format!(
                    "no collector responds at {}; start one with `headcount serve` or give another --url",
                    self.connection.address
                )
            })?;
            let status = response.status().as_u16();
            if matches!(status, 429 | 503) && attempt < ATTEMPTS {
                thread::sleep(pause(response.headers(), attempt));
                attempt += 1;
                continue;
            }
            let body = read_body(&mut response)?;
            return match status {
                200 => Ok(accepted(&body, format)?),
                // The body is at fault: the next one may be accepted.
                400 | 413 | 415 => Err(SendError::Rejected(error_message(&body))),
                _ => Err(SendError::Failed(anyhow::anyhow!(
                    "the collector at {} responded with status {status}: {}",
                    self.connection.address,
                    error_message(&body)
                ))),
            };
        }
    }
}

/// Why a body was not acknowledged.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The collector will never accept this body.
    Rejected(String),
    /// The collector cannot accept any body now.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for SendError {
    fn from(error: anyhow::Error) -> Self {
        SendError::Failed(error)
    }
}

/// How long to wait before attempt `attempt + 1`: the collector's `Retry-After`, or 100 ms doubled each time.
fn pause(headers: &HeaderMap, attempt: u32) -> Duration {
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    retry_after
        .unwrap_or(Duration::from_millis(100 << attempt.min(8)))
        .min(MAX_WAIT)
}

fn read_body(response: &mut Response<ureq::Body>) -> anyhow::Result<Vec<u8>> {
    response
        .body_mut()
        .with_config()
        .limit(RESPONSE_LIMIT)
        .read_to_vec()
        .context("cannot read the collector's response")
}

/// The message of a `google.rpc.Status` body, or the beginning of the body where it is something else; for a terminal.
fn error_message(body: &[u8]) -> String {
    if let Some(status) = RpcStatus::parse_json(body) {
        return on_one_line(&status.message);
    }
    match RpcStatus::parse(body) {
        Ok(status) if status != RpcStatus::default() => on_one_line(&status.message),
        _ => {
            let text = String::from_utf8_lossy(body);
            let beginning: String = text.chars().take(MAX_FOREIGN_TEXT).collect();
            on_one_line(&beginning)
        }
    }
}

/// Reads an `ExportTraceServiceResponse`.
fn accepted(body: &[u8], format: PayloadFormat) -> anyhow::Result<ExportOutcome> {
    let response = match format {
        PayloadFormat::Protobuf => ExportResponse::parse(body).ok(),
        PayloadFormat::Json => ExportResponse::parse_json(body),
    };
    let response = response.context(
        "the response is not an OTLP response; is --url the collector's OTLP/HTTP address?",
    )?;
    Ok(ExportOutcome {
        rejected_spans: u64::try_from(response.rejected_spans).unwrap_or_default(),
        message: on_one_line(&response.message),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_success_is_read_in_both_formats() {
        let expected = ExportOutcome {
            rejected_spans: 3,
            message: String::from("no"),
        };
        let protobuf = [0x0a, 6, 0x08, 3, 0x12, 2, b'n', b'o'];
        let json = br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#;
        let read = accepted(&protobuf, PayloadFormat::Protobuf).expect("a response");
        assert_eq!(read, expected);
        let read = accepted(json, PayloadFormat::Json).expect("a response");
        assert_eq!(read, expected);
    }

    #[test]
    fn an_empty_response_is_a_full_success() {
        let read = accepted(b"", PayloadFormat::Protobuf).expect("a response");
        assert_eq!(read, ExportOutcome::default());
        let read = accepted(b"{}", PayloadFormat::Json).expect("a response");
        assert_eq!(read, ExportOutcome::default());
    }

    #[test]
    fn a_response_of_another_server_is_an_error() {
        assert!(accepted(b"<html>", PayloadFormat::Protobuf).is_err());
        assert!(accepted(b"<html>", PayloadFormat::Json).is_err());
    }

    #[test]
    fn an_error_message_is_read_in_both_formats() {
        assert_eq!(error_message(br#"{"code":3,"message":"cut"}"#), "cut");
        assert_eq!(error_message(&[0x08, 3, 0x12, 3, b'c', b'u', b't']), "cut");
        assert_eq!(error_message(b"plain words"), "plain words");
    }

    #[test]
    fn a_message_in_another_encoding_is_shown_and_the_count_beside_it_kept() {
        // Latin-1 and a terminal's escape sequence.
        let message = *b"f\xfcr\x1b[31m";
        let status = [&[0x08, 3, 0x12, 8][..], &message].concat();
        assert_eq!(error_message(&status), "f\u{fffd}r\u{fffd}[31m");
        let response = [&[0x0a, 12, 0x08, 3, 0x12, 8][..], &message].concat();
        let read = accepted(&response, PayloadFormat::Protobuf).expect("a response");
        assert_eq!(
            (read.rejected_spans, read.message.as_str()),
            (3, "f\u{fffd}r\u{fffd}[31m")
        );
        let page = format!("<html>{}", "x".repeat(5000));
        assert_eq!(error_message(page.as_bytes()).len(), MAX_FOREIGN_TEXT);
    }
}
