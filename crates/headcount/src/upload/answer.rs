//! A collector's response: its status, `Retry-After`, and the number of rejected spans.

use std::io::Read;
use std::time::Duration;

use headcount_wire::ExportResponse;

use super::failure::UploadFailure;
use crate::platform::clock;

/// The media type of OTLP requests and responses in protobuf.
pub(super) const PROTOBUF: &str = "application/x-protobuf";
/// The media type of erasure requests, and of responses in JSON.
pub(super) const JSON: &str = "application/json";

/// How long the head of an answer may be, in bytes.
const HEAD_LIMIT: usize = 16 * 1_024;
/// How long its body may be, in bytes: it holds a number and a message.
const BODY_LIMIT: usize = 16 * 1_024;

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The collector's status, and its remarks.
    Status(u16, Remarks),
    /// A success status with a body that no collector sends: of a captive portal, a proxy or a web site.
    NotACollector(u16),
    /// Nothing was sent.
    NotSent(UploadFailure),
    /// The request was sent at least in part, and no complete response came.
    Unanswered,
}

/// The parts of a response beyond its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Remarks {
    /// The pause that it asks for.
    pub(crate) retry_after: Option<Duration>,
    /// How many spans it rejected although it accepted the request.
    pub(crate) rejected_spans: u64,
}

impl Answer {
    /// Reads a response to a request of this content type. `hurry` is called when the head is complete and only the body may
    /// follow.
    pub(super) fn read(stream: &mut impl Read, request: &str, hurry: impl FnOnce()) -> Self {
        let mut bytes = Vec::new();
        while bytes.len() < HEAD_LIMIT {
            if !read_some(stream, &mut bytes) {
                return Answer::Unanswered;
            }
            match Head::read(&bytes) {
                Ok(Some(head)) => {
                    hurry();
                    return head.answer(request, stream, bytes);
                }
                Ok(None) => {}
                Err(()) => return Answer::Unanswered,
            }
        }
        Answer::Unanswered
    }

    /// Whether the same request may be accepted later.
    pub(crate) fn is_failure(self) -> bool {
        match self {
            Answer::NotSent(_) | Answer::Unanswered | Answer::NotACollector(_) => true,
            Answer::Status(200..=299 | 410, _) => false,
            Answer::Status(status, _) => !is_refusal(status),
        }
    }

    /// The failure, for `headcount status`.
    pub(crate) fn failure(self) -> UploadFailure {
        match self {
            Answer::Status(status, _) => UploadFailure::Status(status),
            Answer::NotACollector(status) => UploadFailure::NotACollector(status),
            Answer::NotSent(failure) => failure,
            Answer::Unanswered => UploadFailure::NoResponse,
        }
    }

    /// The pause that the collector asks for.
    pub(crate) fn retry_after(self) -> Option<Duration> {
        self.remarks().retry_after
    }

    /// How many of `events` the collector accepted, and how many it rejected. The collector counts spans: each event is one,
    /// and each loss report is one. It does not say which spans it rejected, so they count as events first.
    pub(crate) fn shares(self, events: u64) -> (u64, u64) {
        let rejected = self.remarks().rejected_spans.min(events);
        (events - rejected, rejected)
    }

    fn remarks(self) -> Remarks {
        match self {
            Answer::Status(_, remarks) => remarks,
            Answer::NotSent(_) | Answer::Unanswered | Answer::NotACollector(_) => {
                Remarks::default()
            }
        }
    }
}

/// Statuses after which the same request will never be accepted. Others may come from a gateway in front of the collector,
/// or from a collector that is being set up, and are temporary.
pub(crate) fn is_refusal(status: u16) -> bool {
    matches!(status, 400 | 413 | 415 | 422)
}

/// Appends the next bytes; `false` at the end or after an error.
fn read_some(stream: &mut impl Read, bytes: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 1_024];
    match stream.read(&mut chunk) {
        Ok(0) | Err(_) => false,
        Ok(length) => {
            bytes.extend_from_slice(&chunk[..length]);
            true
        }
    }
}

/// A complete head of a final response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    retry_after: Option<Duration>,
    /// Its length in bytes, including interim responses before it.
    length: usize,
    content: ContentType,
    /// It has a `Content-Encoding`, which the request did not ask for.
    is_encoded: bool,
    framing: Framing,
}

/// The body's content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentType {
    Protobuf,
    Json,
    Other,
}

/// How a body's end is known (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilTheEnd,
}

impl Head {
    /// `None` until it is complete.
    fn read(bytes: &[u8]) -> Result<Option<Self>, ()> {
        let mut start = 0;
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&bytes[start..]) {
                Ok(httparse::Status::Complete(length)) => start += length,
                Ok(httparse::Status::Partial) => return Ok(None),
                Err(_) => return Err(()),
            }
            let status = response.code.ok_or(())?;
            if status < 200 {
                continue;
            }
            let value = |name: &str| {
                let mut headers = response.headers.iter();
                let header = headers.find(|header| header.name.eq_ignore_ascii_case(name))?;
                Some(std::str::from_utf8(header.value).ok()?.trim())
            };
            let is = |name: &str, word: &str| {
                let first = value(name).and_then(|value| value.split(';').next());
                first.is_some_and(|first| first.trim().eq_ignore_ascii_case(word))
            };
            let framing = match value("content-length") {
                _ if is("transfer-encoding", "chunked") => Framing::Chunked,
                // A length that is not a number counts as too long.
                Some(length) => Framing::Length(length.parse().unwrap_or(usize::MAX)),
                None => Framing::UntilTheEnd,
            };
            return Ok(Some(Self {
                status,
                retry_after: value("retry-after").and_then(retry_after),
                length: start,
                content: match () {
                    () if is("content-type", PROTOBUF) => ContentType::Protobuf,
                    () if is("content-type", JSON) => ContentType::Json,
                    () => ContentType::Other,
                },
                is_encoded: value("content-encoding").is_some(),
                framing,
            }));
        }
    }

    /// Reads the body after a success status; its beginning may be in `bytes` after the head. The body of other responses is
    /// ignored.
    fn answer(&self, request: &str, stream: &mut impl Read, mut bytes: Vec<u8>) -> Answer {
        let mut remarks = Remarks {
            retry_after: self.retry_after,
            rejected_spans: 0,
        };
        if !matches!(self.status, 200..=299) || self.status == 204 {
            return Answer::Status(self.status, remarks);
        }
        let begun = bytes.split_off(self.length);
        let body = match self.content {
            // A collector's body that does not come, or cannot be read, is ignored: it accepted the request.
            ContentType::Protobuf if self.is_encoded => None,
            ContentType::Protobuf | ContentType::Json => self.framing.body(stream, begun),
            ContentType::Other => self.framing.beginning(stream, begun),
        };
        let is_understood = match (self.content, body.as_deref()) {
            (_, Some([])) => true,
            (ContentType::Protobuf, body) => {
                if let Some(Ok(response)) = body.map(ExportResponse::parse) {
                    remarks.rejected_spans = u64::try_from(response.rejected_spans).unwrap_or(0);
                }
                request == PROTOBUF
            }
            (ContentType::Json, Some(body)) => match super::json::read(body) {
                Some(rejected) => {
                    remarks.rejected_spans = rejected;
                    true
                }
                None => false,
            },
            _ => false,
        };
        match is_understood {
            true => Answer::Status(self.status, remarks),
            false => Answer::NotACollector(self.status),
        }
    }
}

impl Framing {
    /// The whole body, if there is one within [`BODY_LIMIT`].
    fn body(self, stream: &mut impl Read, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        loop {
            match self {
                Framing::Length(length) if bytes.len() >= length => {
                    bytes.truncate(length);
                    return Some(bytes);
                }
                Framing::Chunked => match unchunked(&bytes) {
                    Ok(Some(body)) => return Some(body),
                    Ok(None) => {}
                    Err(()) => return None,
                },
                Framing::Length(_) | Framing::UntilTheEnd => {}
            }
            if bytes.len() > BODY_LIMIT {
                return None;
            }
            if !read_some(stream, &mut bytes) {
                return (self == Framing::UntilTheEnd).then_some(bytes);
            }
        }
    }
}

impl Framing {
    /// At least one byte of the body, or nothing if it is empty; `None` if that cannot be told.
    fn beginning(self, stream: &mut impl Read, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Framing::Length(0) => Some(Vec::new()),
            Framing::Length(_) => None,
            Framing::Chunked => self.body(stream, bytes),
            Framing::UntilTheEnd => {
                if bytes.is_empty() {
                    read_some(stream, &mut bytes);
                }
                Some(bytes)
            }
        }
    }
}

/// The content of all chunks (RFC 9112 §7.1); `None` until the last one is complete. Trailers are ignored.
fn unchunked(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, ()> {
    let mut content = Vec::new();
    loop {
        let (start, length) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(()),
        };
        if length == 0 {
            return Ok(Some(content));
        }
        let length = usize::try_from(length).map_err(|_| ())?;
        let Some((chunk, rest)) = bytes[start..].split_at_checked(length) else {
            return Ok(None);
        };
        content.extend_from_slice(chunk);
        bytes = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Ok(None),
            _ => return Err(()),
        };
    }
}

/// RFC 9110 §10.2.3: seconds, or a date.
fn retry_after(value: &str) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is limited later.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = clock::from_http_date(value)?;
    Some(Duration::from_millis(
        until.saturating_sub(clock::now_millis()),
    ))
}

/// Fuzz target: no bytes make the reader panic.
#[cfg(feature = "fuzzing")]
pub fn fuzz(bytes: &[u8]) {
    let _answer = Answer::read(&mut &*bytes, PROTOBUF, || {});
}

#[cfg(test)]
mod tests;
