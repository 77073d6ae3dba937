//! Sends one segment.

use std::path::PathBuf;

use headcount_wire::Receipt;

use super::answer::{Answer, PROTOBUF, is_refusal};
use super::endpoint::Endpoint;
use super::http::Post;
use super::ingest_token::IngestToken;
use super::outcome::UploadOutcome;
use super::trust::Trust;
use crate::erasure;
use crate::platform::clock;
use crate::spool::{self, DeliveryStatus, Entry, Found, Ledger, ledger_line, retire, sha256};

/// Shorter bodies gain nothing by compression.
#[cfg(feature = "tls")]
const WORTH_COMPRESSING: usize = 256;

/// The age up to which a segment without a record counts as just begun, in milliseconds.
const YOUNG_MILLIS: u64 = 60_000;

/// Sends the segments of one framework's folder.
#[derive(Debug, Clone)]
pub(crate) struct Uploader {
    pub(crate) folder: PathBuf,
    pub(crate) endpoint: Endpoint,
    pub(crate) ingest_token: Option<IngestToken>,
    pub(crate) trust: Trust,
    /// The framework's version, to which a 410 applies.
    pub(crate) version: String,
}

impl Uploader {
    /// Whether `found` is for this collector and may be opened. Segments for other collectors stay; segments of another user
    /// can never be opened, and must not delay the others.
    pub(super) fn may_send(&self, found: &Found) -> bool {
        found.is_for(Some(&self.endpoint.mark())) && found.is_allowed()
    }

    /// Sends one segment, which is locked; `None` if nothing was sent.
    pub(super) fn send_segment(
        &self,
        ledger: &Ledger,
        found: &Found,
        bytes: &[u8],
        outcome: &mut UploadOutcome,
    ) -> Option<Answer> {
        let content = spool::read(bytes);
        let mut entry = ledger_line(found, &content, DeliveryStatus::Unreadable);
        if content.records.is_empty() {
            // A segment that was just begun, or whose writer was killed before its first record.
            let age = clock::now_millis().saturating_sub(found.created_millis);
            if age > YOUNG_MILLIS && retire(ledger, found, &entry) {
                outcome
                    .removed
                    .push((DeliveryStatus::Unreadable, content.damaged_events));
            }
            return None;
        }
        let body = content.body();
        let answer = self.post(&found.name, &body, &mut entry);
        match answer {
            Answer::NotSent(_) => return Some(answer),
            Answer::Unanswered => entry.delivery_status = DeliveryStatus::Unanswered,
            Answer::NotACollector(status) => {
                entry.http_status = status;
                entry.delivery_status = DeliveryStatus::Postponed;
            }
            Answer::Status(status, _) => {
                entry.http_status = status;
                entry.delivery_status = match status {
                    200..=299 => DeliveryStatus::Delivered,
                    410 => DeliveryStatus::Gone,
                    _ if is_refusal(status) => DeliveryStatus::Refused,
                    _ => DeliveryStatus::Postponed,
                };
            }
        }
        if !entry.delivery_status.is_final() {
            let _best_effort = ledger.append(&entry);
            return Some(answer);
        }
        let mut rejected = 0;
        if entry.delivery_status == DeliveryStatus::Delivered {
            // The collector may reject some events of a request that it accepts.
            (entry.events, rejected) = answer.shares(entry.events);
            entry.dropped += rejected;
        }
        if !retire(ledger, found, &entry) {
            if !found.path.exists() {
                // Without locks another process may have sent it too: with the same ids, so that it counts once.
                return Some(answer);
            }
            // It will be sent again with the same ids, after the usual pause for failures.
            return Some(Answer::Unanswered);
        }
        match entry.delivery_status {
            DeliveryStatus::Delivered => {
                outcome.delivered += entry.events;
                outcome.removed.push((DeliveryStatus::Refused, rejected));
            }
            status => outcome.removed.push((status, entry.events)),
        }
        if content.damaged_events > 0 {
            outcome
                .removed
                .push((DeliveryStatus::Unreadable, content.damaged_events));
        }
        Some(answer)
    }

    /// A receipt for a request that is sent now; `None` if the files that are needed to redeem it cannot be saved.
    fn receipt(&self) -> Option<Receipt> {
        let endpoint = self.endpoint.to_string();
        let receipt = erasure::issue(&self.folder, &endpoint, clock::now_millis())?;
        self.trust.save_if_changed(&self.folder).ok()?;
        Some(receipt)
    }

    /// Sends `body`, and notes in `entry` what was sent.
    fn post(&self, name: &str, body: &[u8], entry: &mut Entry) -> Answer {
        let receipt = self.receipt();
        let compressed = compress(body);
        let (sent, encoding) = match &compressed {
            Some(compressed) => (compressed.as_slice(), Some("gzip")),
            None => (body, None),
        };
        entry.bytes = body.len() as u64;
        entry.sent_bytes = sent.len() as u64;
        entry.sha256 = sha256(body);
        entry.receipt = receipt.map_or_else(|| "-".to_owned(), |receipt| receipt.to_string());
        let post = Post {
            endpoint: &self.endpoint,
            path: &self.endpoint.path,
            token: self.ingest_token.as_ref(),
            content_type: PROTOBUF,
            body: sent,
            encoding,
            idempotency_key: name,
            receipt,
        };
        post.send(&self.trust)
    }

    /// Sends a batch from memory. Its name stays the same for every attempt.
    pub(crate) fn send_from_memory(&self, name: &str, body: &[u8]) -> Answer {
        let compressed = compress(body);
        let post = Post {
            endpoint: &self.endpoint,
            path: &self.endpoint.path,
            token: self.ingest_token.as_ref(),
            content_type: PROTOBUF,
            body: compressed.as_deref().unwrap_or(body),
            encoding: compressed.as_ref().map(|_| "gzip"),
            idempotency_key: name,
            // Without a folder there is nothing to redeem a receipt with.
            receipt: None,
        };
        post.send(&self.trust)
    }
}

#[cfg(feature = "tls")]
fn compress(body: &[u8]) -> Option<Vec<u8>> {
    use std::io::Write as _;
    if body.len() < WORTH_COMPRESSING {
        return None;
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(body).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < body.len()).then_some(compressed)
}

#[cfg(not(feature = "tls"))]
fn compress(_body: &[u8]) -> Option<Vec<u8>> {
    None
}
