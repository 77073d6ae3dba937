//! The OTLP/HTTP door of a running collector, from the sender's side: one body in, what became of its spans out.

use std::borrow::Cow;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use headcount_collector::Notation;
use headcount_wire::{ExportResponse, RpcStatus};
use ureq::Agent;
use ureq::http::header::{CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{HeaderMap, Response, Uri};

/// Answers larger than this are not an OTLP answer.
const ANSWER_LIMIT: u64 = 64 * 1024;

/// How often a body is sent again when the collector says that it is busy (OTLP 1.x §OTLP/HTTP Throttling).
const ATTEMPTS: u32 = 6;

/// The longest that a collector's `Retry-After` is obeyed for one attempt.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// An HTTP client for `url` (`http://HOST:PORT`), and the address without a trailing slash.
pub(crate) fn client(url: &str) -> anyhow::Result<(Agent, String)> {
    let usage = |why: &str| {
        headcount_commands::exit::usage(format!(
            "`{url}` {why}; write it like http://127.0.0.1:4318"
        ))
    };
    let uri: Uri = url.parse().map_err(|_| usage("is not a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(usage("does not begin with http:// or https://"));
    }
    let host = uri.host().ok_or_else(|| usage("has no host"))?;
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_global(Some(Duration::from_secs(120)));
    // A proxy of the user's environment cannot reach a collector on this machine.
    if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        config = config.proxy(None);
    }
    let address = url.trim_end_matches('/').to_owned();
    Ok((Agent::new_with_config(config.build()), address))
}

/// What the collector said about one body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Spans that the collector refused; the others are on its disk.
    pub(crate) rejected_spans: u64,
    /// Why, in the collector's words; empty where it has nothing to say.
    pub(crate) message: String,
}

/// The OTLP/HTTP door of one collector.
#[derive(Debug)]
pub(crate) struct Door {
    agent: Agent,
    traces: String,
    address: String,
}

impl Door {
    /// The door at `url` (`http://HOST:PORT`, without the path).
    pub(crate) fn at(url: &str) -> anyhow::Result<Door> {
        let (agent, address) = client(url)?;
        let traces = format!("{address}/v1/traces");
        Ok(Door {
            agent,
            traces,
            address,
        })
    }

    /// Sends one body and waits until the collector has acknowledged it. A busy collector (429, 503) is asked again.
    ///
    /// # Errors
    /// [`SendError::Refused`] where the fault is the body's, [`SendError::Failed`] where the next body would fail too.
    pub(crate) fn send(&self, body: &[u8], notation: Notation) -> Result<Answer, SendError> {
        let mut attempt = 1;
        loop {
            let request = self
                .agent
                .post(&self.traces)
                .header(CONTENT_TYPE, notation.content_type());
            let mut response = request.send(body).with_context(|| {
                format!(
                    "no collector answers at {}; start one with `headcount serve` or give another --url",
                    self.address
                )
            })?;
            let status = response.status().as_u16();
            if matches!(status, 429 | 503) && attempt < ATTEMPTS {
                thread::sleep(pause(response.headers(), attempt));
                attempt += 1;
                continue;
            }
            let answer = read_answer(&mut response)?;
            return match status {
                200 => Ok(accepted(&answer, notation)?),
                // The body's own fault: the next body may be better.
                400 | 413 | 415 => Err(SendError::Refused(refusal(&answer).into_owned())),
                _ => Err(SendError::Failed(anyhow::anyhow!(
                    "the collector at {} answered with status {status}: {}",
                    self.address,
                    refusal(&answer)
                ))),
            };
        }
    }
}

/// Why a body was not acknowledged.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The collector will never take this body.
    Refused(String),
    /// The collector cannot take any body now.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for SendError {
    fn from(error: anyhow::Error) -> Self {
        SendError::Failed(error)
    }
}

/// How long to wait before attempt `attempt + 1`: what the collector asks for, or 100 ms doubled each time.
fn pause(headers: &HeaderMap, attempt: u32) -> Duration {
    let asked = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    asked
        .unwrap_or(Duration::from_millis(100 << attempt.min(8)))
        .min(LONGEST_WAIT)
}

fn read_answer(response: &mut Response<ureq::Body>) -> anyhow::Result<Vec<u8>> {
    response
        .body_mut()
        .with_config()
        .limit(ANSWER_LIMIT)
        .read_to_vec()
        .context("cannot read the collector's answer")
}

/// The message of a `google.rpc.Status` body, or the body itself where it is something else.
fn refusal(body: &[u8]) -> Cow<'_, str> {
    if let Some(status) = RpcStatus::parse_json(body) {
        return status.message;
    }
    match RpcStatus::parse(body) {
        Ok(status) if status != RpcStatus::default() => status.message,
        _ => String::from_utf8_lossy(body),
    }
}

/// Reads an `ExportTraceServiceResponse`.
fn accepted(body: &[u8], notation: Notation) -> anyhow::Result<Answer> {
    let response = match notation {
        Notation::Protobuf => ExportResponse::parse(body).ok(),
        Notation::Json => ExportResponse::parse_json(body),
    };
    let response = response
        .context("the response is not an OTLP response; is --url the collector's OTLP/HTTP address?")?;
    Ok(Answer {
        rejected_spans: u64::try_from(response.rejected_spans).unwrap_or_default(),
        message: response.message.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_success_is_read_in_both_notations() {
        let expected = Answer {
            rejected_spans: 3,
            message: String::from("no"),
        };
        let protobuf = [0x0a, 6, 0x08, 3, 0x12, 2, b'n', b'o'];
        let json = br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#;
        let read = accepted(&protobuf, Notation::Protobuf).expect("an answer");
        assert_eq!(read, expected);
        let read = accepted(json, Notation::Json).expect("an answer");
        assert_eq!(read, expected);
    }

    #[test]
    fn an_empty_answer_says_that_everything_was_kept() {
        let read = accepted(b"", Notation::Protobuf).expect("an answer");
        assert_eq!(read, Answer::default());
        let read = accepted(b"{}", Notation::Json).expect("an answer");
        assert_eq!(read, Answer::default());
    }

    #[test]
    fn an_answer_of_something_else_is_an_error() {
        assert!(accepted(b"<html>", Notation::Protobuf).is_err());
        assert!(accepted(b"<html>", Notation::Json).is_err());
    }

    #[test]
    fn a_refusal_is_read_in_both_notations() {
        assert_eq!(refusal(br#"{"code":3,"message":"cut"}"#), "cut");
        assert_eq!(refusal(&[0x08, 3, 0x12, 3, b'c', b'u', b't']), "cut");
        assert_eq!(refusal(b"plain words"), "plain words");
    }

    #[test]
    fn a_url_without_a_scheme_is_a_usage_error() {
        for wrong in ["127.0.0.1:4318", "ftp://host", "http://", "not a url"] {
            let error = client(wrong).expect_err(wrong);
            assert_eq!(
                headcount_commands::exit::code_of(&error),
                headcount_commands::exit::Code::Usage
            );
        }
    }
}
