//! From the spool to the collector: one process at a time, one segment a request, a ledger line for each.

mod answer;
mod endpoint;
mod http;
mod policy;
mod run;
mod settle;
#[cfg(feature = "tls")]
mod tls;

pub use endpoint::EndpointError;

pub(crate) use answer::{Answer, is_refusal};
pub(crate) use endpoint::Endpoint;
pub(crate) use policy::{Circuit, FIRST_UPLOAD, UPLOAD_EVERY, jittered};
pub(crate) use run::{GivenUp, Left, Run};
pub(crate) use settle::{empty, give_up_before, give_up_for, settled, tend};

use std::path::{Path, PathBuf};

use crate::ledger::{Entry, Fate, Ledger, sha256};
use crate::spool::{self, Found, Held};
use crate::{clock, folders, receipt};

/// Bodies shorter than this gain nothing by compression.
#[cfg(feature = "tls")]
const WORTH_COMPRESSING: usize = 256;

/// What spans are sent as.
const SPANS: &str = "application/x-protobuf";

/// A segment without a record that is younger than this was just begun, in milliseconds.
const YOUNG_MILLIS: u64 = 60_000;

/// Certificate authorities beside the Mozilla ones, as the framework names them (DER).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trust(pub(crate) Vec<Vec<u8>>);

impl Trust {
    /// Its name in a framework's folder.
    pub(crate) const FILE: &str = "trust";

    /// Keeps the certificates for `headcount forget`, which does not run in the framework's program: each behind its length.
    pub(crate) fn keep(&self, folder: &Path) -> std::io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for certificate in &self.0 {
            let length = u32::try_from(certificate.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(certificate);
        }
        folders::replace_durably(&folder.join(Self::FILE), &bytes)
    }

    /// The certificates that were kept, as far as they can be read.
    pub(crate) fn kept(folder: &Path) -> Self {
        let bytes = folders::read(&folder.join(Self::FILE), 1 << 20).unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut certificates = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some((certificate, after)) = after.split_at_checked(length) else {
                break;
            };
            certificates.push(certificate.to_vec());
            rest = after;
        }
        Self(certificates)
    }
}

/// Sends what one framework's folder holds.
#[derive(Debug, Clone)]
pub(crate) struct Uploader {
    pub(crate) folder: PathBuf,
    pub(crate) endpoint: Endpoint,
    pub(crate) trust: Trust,
    /// The framework's version, which a 410 silences.
    pub(crate) version: String,
}

/// The folder of segments within a framework's folder.
pub(crate) fn spool_folder(folder: &Path) -> PathBuf {
    folder.join("spool")
}

/// Shows tokens of receipts to a collector, in JSON.
pub(crate) fn post_tokens(endpoint: &Endpoint, trust: &Trust, body: &[u8]) -> Answer {
    let post = http::Post {
        endpoint,
        path: &endpoint.erase_path(),
        content_type: "application/json",
        body,
        encoding: None,
        idempotency_key: "",
        receipt: None,
    };
    post.send(trust)
}

/// In a framework's folder: locked by the uploader, and changed when it began.
const LOCK: &str = "uploader.lock";

/// The lock that makes one process the uploader. It is let go of when dropped, or with the process's life.
pub(crate) fn lock(folder: &Path) -> Option<Held> {
    folders::create(folder).ok()?;
    let file = folders::open_shared(
        &folder.join(LOCK),
        folders::private_file()
            .write(true)
            .create(true)
            .truncate(false),
    )
    .ok()?;
    Held::lock(file).ok()
}

/// Whether somebody began to send less than ten seconds ago, and may have ended before the answer came.
pub(crate) fn was_tried_just_now(folder: &Path) -> bool {
    let lock = std::fs::metadata(folder.join(LOCK));
    let age = lock
        .and_then(|lock| lock.modified())
        .map(|begun| begun.elapsed());
    matches!(age, Ok(Ok(age)) if age < policy::FIRST_PAUSE)
}

impl Uploader {
    /// Whether `found` is for this collector: what was recorded for another one waits for that. Nor is anybody
    /// waited for who does not come: what another user left in the folder cannot be opened, now or later.
    fn may_send(&self, found: &Found) -> bool {
        found.is_for(Some(&self.endpoint.mark())) && found.is_allowed()
    }

    /// Deals with one segment, which is locked; `None` where nothing was sent.
    fn segment(
        &self,
        ledger: &Ledger,
        found: &Found,
        bytes: &[u8],
        run: &mut Run,
    ) -> Option<Answer> {
        let content = spool::read(bytes);
        let mut entry = settle::entry(found, &content, Fate::Unreadable);
        if content.records.is_empty() {
            // A segment that was just begun, or one whose writer was killed at once.
            let age = clock::now_millis().saturating_sub(found.created_millis);
            if age > YOUNG_MILLIS && settle::settle(ledger, found, &entry) {
                run.given_up
                    .push((Fate::Unreadable, content.spoiled_events));
            }
            return None;
        }
        let body = content.body();
        let answer = self.post(&found.name, &body, &mut entry);
        match answer {
            Answer::NotSent => return Some(answer),
            Answer::Unanswered => entry.fate = Fate::Unanswered,
            Answer::Status(status, _) => {
                entry.status = status;
                entry.fate = match status {
                    200..=299 => Fate::Delivered,
                    410 => Fate::Gone,
                    _ if is_refusal(status) => Fate::Refused,
                    _ => Fate::Postponed,
                };
            }
        }
        if !entry.fate.is_final() {
            let _best_effort = ledger.append(&entry);
            return Some(answer);
        }
        let mut rejected = 0;
        if entry.fate == Fate::Delivered {
            // Of a request that was taken, what was not.
            (entry.events, rejected) = answer.shares(entry.events);
            entry.dropped += rejected;
        }
        if !settle::settle(ledger, found, &entry) {
            // It will be sent again, with the same ids; but not at once, and not again and again.
            return Some(Answer::Unanswered);
        }
        match entry.fate {
            Fate::Delivered => {
                run.delivered += entry.events;
                run.given_up.push((Fate::Refused, rejected));
            }
            fate => run.given_up.push((fate, entry.events)),
        }
        if content.spoiled_events > 0 {
            run.given_up
                .push((Fate::Unreadable, content.spoiled_events));
        }
        Some(answer)
    }

    /// Sends `body`, and notes in `entry` what left.
    fn post(&self, name: &str, body: &[u8], entry: &mut Entry) -> Answer {
        let receipt = receipt::issue(
            &self.folder,
            &self.endpoint,
            &self.trust,
            clock::now_millis(),
        );
        let compressed = compress(body);
        let (sent, encoding) = match &compressed {
            Some(compressed) => (compressed.as_slice(), Some("gzip")),
            None => (body, None),
        };
        entry.bytes = body.len() as u64;
        entry.sent_bytes = sent.len() as u64;
        entry.sha256 = sha256(body);
        entry.receipt = receipt.map_or_else(|| "-".to_owned(), |receipt| receipt.to_string());
        let post = http::Post {
            endpoint: &self.endpoint,
            path: &self.endpoint.path,
            content_type: SPANS,
            body: sent,
            encoding,
            idempotency_key: name,
            receipt,
        };
        post.send(&self.trust)
    }

    /// Sends what a process without a disk holds, under a name that stays the same while it does.
    pub(crate) fn send_from_memory(&self, name: &str, body: &[u8]) -> Answer {
        let compressed = compress(body);
        let post = http::Post {
            endpoint: &self.endpoint,
            path: &self.endpoint.path,
            content_type: SPANS,
            body: compressed.as_deref().unwrap_or(body),
            encoding: compressed.as_ref().map(|_| "gzip"),
            idempotency_key: name,
            // A machine that keeps nothing could not redeem it.
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

/// Reads what claims to be an address; one that is read says of itself what it is.
pub fn fuzz_endpoint(text: &str) {
    if let Ok(endpoint) = Endpoint::parse(text) {
        assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
    }
}

/// Reads what claims to be an answer.
pub fn fuzz_answer(bytes: &[u8]) {
    let _answer = Answer::read(&mut &*bytes, || {});
}
