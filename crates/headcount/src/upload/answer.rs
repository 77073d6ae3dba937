//! What a collector answers: its status, and the little beside it that changes what becomes of a segment.

use std::io::Read;
use std::time::Duration;

use headcount_wire::ExportResponse;

use super::SPANS;

/// How long the head of an answer may be, in bytes.
const HEAD_LIMIT: usize = 16 * 1_024;
/// How long its body may be, in bytes: a number, and a sentence for people.
const BODY_LIMIT: usize = 16 * 1_024;

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The collector's status, and what it said beside that.
    Status(u16, Remarks),
    /// Nothing left this machine.
    NotSent,
    /// Something left, and no whole answer came.
    Unanswered,
}

/// What a collector says beside its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Remarks {
    /// For how long it asks not to be asked again.
    pub(crate) retry_after: Option<Duration>,
    /// How many of the spans it will never take, although it took the request.
    pub(crate) rejected_spans: u64,
}

impl Answer {
    /// Reads one. `hurry` is called when the head is there and only the body may still come.
    pub(super) fn read(stream: &mut impl Read, hurry: impl FnOnce()) -> Self {
        let mut bytes = Vec::new();
        while bytes.len() < HEAD_LIMIT {
            if !read_some(stream, &mut bytes) {
                return Answer::Unanswered;
            }
            match Head::read(&bytes) {
                Ok(Some(head)) => {
                    hurry();
                    return Answer::Status(head.status, head.remarks(stream, bytes));
                }
                Ok(None) => {}
                Err(()) => return Answer::Unanswered,
            }
        }
        Answer::Unanswered
    }

    /// Whether the same bytes may be taken later.
    pub(crate) fn is_failure(self) -> bool {
        match self {
            Answer::NotSent | Answer::Unanswered => true,
            Answer::Status(200..=299 | 410, _) => false,
            Answer::Status(status, _) => !is_refusal(status),
        }
    }

    /// For how long the collector asks to be left alone.
    pub(crate) fn retry_after(self) -> Option<Duration> {
        self.remarks().retry_after
    }

    /// How many of `events` that were sent the collector took, and how many it will never take. It counts spans: each event
    /// is one, and a report of losses, which is no event, is one too. Which of them it means it does not say: events first.
    pub(crate) fn shares(self, events: u64) -> (u64, u64) {
        let rejected = self.remarks().rejected_spans.min(events);
        (events - rejected, rejected)
    }

    fn remarks(self) -> Remarks {
        match self {
            Answer::Status(_, remarks) => remarks,
            Answer::NotSent | Answer::Unanswered => Remarks::default(),
        }
    }
}

/// Answers after which the same bytes will never be taken. Others may come from a gateway in front of the collector, or
/// from a collector that is being set up, and pass.
pub(crate) fn is_refusal(status: u16) -> bool {
    matches!(status, 400 | 413 | 415 | 422)
}

/// Adds what comes next to `bytes`; `false` if nothing does.
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

/// A whole head that is not an interim answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    retry_after: Option<Duration>,
    /// How many bytes it takes, those of interim answers before it among them.
    length: usize,
    /// What follows is in protobuf, as what was sent, and not compressed, which nobody asked for.
    has_response: bool,
    framing: Framing,
}

/// How a body's end is known (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilTheEnd,
}

impl Head {
    /// `None` until it is there.
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
                // A length that is no number is longer than what is read of it.
                Some(length) => Framing::Length(length.parse().unwrap_or(usize::MAX)),
                None => Framing::UntilTheEnd,
            };
            return Ok(Some(Self {
                status,
                retry_after: value("retry-after").and_then(retry_after),
                length: start,
                has_response: is("content-type", SPANS) && value("content-encoding").is_none(),
                framing,
            }));
        }
    }

    /// What is said beside the status. Of a request that was taken that is in the body, of which the beginning may be in
    /// `bytes` behind the head; one that does not come, or cannot be read, says nothing.
    fn remarks(&self, stream: &mut impl Read, mut bytes: Vec<u8>) -> Remarks {
        let mut remarks = Remarks {
            retry_after: self.retry_after,
            rejected_spans: 0,
        };
        if !matches!(self.status, 200..=203 | 206..=299) || !self.has_response {
            return remarks;
        }
        let begun = bytes.split_off(self.length);
        let body = self.framing.body(stream, begun);
        let response = body.as_deref().map(ExportResponse::parse);
        if let Some(Ok(response)) = response {
            remarks.rejected_spans = u64::try_from(response.rejected_spans).unwrap_or(0);
        }
        remarks
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

/// The content of all chunks (RFC 9112 §7.1); `None` until the last one is there. What may follow that is not looked at.
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
        // More of them than a number holds is as long as anybody may ask for.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = crate::clock::from_http_date(value)?;
    Some(Duration::from_millis(
        until.saturating_sub(crate::clock::now_millis()),
    ))
}

#[cfg(test)]
mod tests;
