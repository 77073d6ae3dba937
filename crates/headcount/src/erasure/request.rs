//! Erasure requests to the collectors that this installation sent events to (`docs/formats/client.md`).

use std::path::Path;

use headcount_wire::MAX_ERASURE_TOKENS;

use super::receipt::{SentTo, token};
use super::secret::SECRET;
use crate::platform::{clock, files};

/// The outcome of an erasure request to one collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureOutcome {
    /// The collector's address.
    pub endpoint: String,
    /// The start of the first hour that the request covers, as `2026-03-02T09:00:00Z`.
    pub since: String,
    /// Its answer.
    pub answer: ErasureAnswer,
}

/// A collector's answer to an erasure request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErasureAnswer {
    /// It will erase the events.
    Accepted,
    /// It could not be reached, or it did not respond.
    Unreachable,
    /// It responded with this HTTP status.
    Refused(u16),
    /// The address responded with this success status and a page that is not from a collector.
    NotACollector(u16),
}

/// Requests erasure from each collector. A collector that accepted is not asked again.
///
/// `post` sends one body to the erasure path of an endpoint. The caller makes sure that no upload is under way: it may be
/// the first request to a collector.
pub(crate) fn request(
    folder: &Path,
    post: impl Fn(&str, &[u8]) -> ErasureAnswer,
) -> Vec<ErasureOutcome> {
    let mut sent_to = SentTo::read(folder);
    let secret = files::read(&folder.join(SECRET), 64);
    let Ok(secret) = <[u8; 32]>::try_from(secret.unwrap_or_default()) else {
        return Vec::new();
    };
    let mut outcomes = Vec::new();
    for (endpoint, hours) in sent_to.hours(clock::now_millis()) {
        let since = clock::utc(*hours.start() * 3_600_000);
        let tokens: Vec<String> = hours.map(|hour| token(&secret, hour).reveal()).collect();
        let answer = send_tokens(&tokens, |body| post(&endpoint, body));
        if answer == ErasureAnswer::Accepted {
            sent_to.remove(&endpoint);
            // If this fails, the collector is asked twice.
            let _best_effort = sent_to.write(folder);
        }
        outcomes.push(ErasureOutcome {
            endpoint,
            since,
            answer,
        });
    }
    outcomes
}

/// Sends the tokens, as many in a request as a collector accepts.
fn send_tokens(tokens: &[String], post: impl Fn(&[u8]) -> ErasureAnswer) -> ErasureAnswer {
    for chunk in tokens.chunks(MAX_ERASURE_TOKENS) {
        let body = format!("{{\"tokens\":[\"{}\"]}}", chunk.join("\",\""));
        match post(body.as_bytes()) {
            ErasureAnswer::Accepted => {}
            refusal => return refusal,
        }
    }
    ErasureAnswer::Accepted
}
