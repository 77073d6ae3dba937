//! Asking collectors to erase what this installation sent to them (`docs/formats/client.md`).

use std::path::Path;
use std::time::{Duration, Instant};

use headcount_wire::MOST_TOKENS;

use crate::receipt::{SentTo, token};
use crate::spool::Held;
use crate::upload::{Answer, Endpoint, Trust, post_tokens};
use crate::{clock, folders, installation, upload};

/// How long an upload that is under way is waited for: as long as one may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of asking one collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The collector's address, as events were sent to it.
    pub endpoint: String,
    /// When the first hour began that is asked for, as `2026-03-02T09:00:00Z`.
    pub since: String,
    /// What it said.
    pub answer: ErasureAnswer,
}

/// What a collector said to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErasureAnswer {
    /// It will erase whatever it has.
    Accepted,
    /// It could not be reached, or it did not answer.
    Unreachable,
    /// It answered with this HTTP status: it will not, or not now.
    Refused(u16),
}

/// Asks each of them; one that accepted is not asked again.
pub(crate) fn ask(folder: &Path) -> Vec<Asked> {
    // What is on its way may be the first that a collector gets, and is to be asked for too.
    let _no_upload = no_upload(folder);
    let mut sent_to = SentTo::read(folder);
    let secret = folders::read(&folder.join(installation::SECRET), 64);
    let Ok(secret) = <[u8; 32]>::try_from(secret.unwrap_or_default()) else {
        return Vec::new();
    };
    let trust = Trust::kept(folder);
    let mut all = Vec::new();
    for (endpoint, hours) in sent_to.hours(clock::now_millis()) {
        let since = clock::utc(*hours.start() * 3_600_000);
        let tokens: Vec<String> = hours.map(|hour| token(&secret, hour).reveal()).collect();
        let answer = match Endpoint::parse(&endpoint) {
            Ok(collector) => show(&collector, &trust, &tokens),
            Err(_) => ErasureAnswer::Unreachable,
        };
        if answer == ErasureAnswer::Accepted {
            sent_to.strike(&endpoint);
            // At worst it is asked twice.
            let _best_effort = sent_to.write(folder);
        }
        all.push(Asked {
            endpoint,
            since,
            answer,
        });
    }
    all
}

/// Shows the tokens, as many in a request as a collector takes.
fn show(collector: &Endpoint, trust: &Trust, tokens: &[String]) -> ErasureAnswer {
    for tokens in tokens.chunks(MOST_TOKENS) {
        let body = format!("{{\"tokens\":[\"{}\"]}}", tokens.join("\",\""));
        match post_tokens(collector, trust, body.as_bytes()) {
            Answer::Status(200..=299, _) => {}
            Answer::Status(status, _) => return ErasureAnswer::Refused(status),
            Answer::NotSent | Answer::Unanswered => return ErasureAnswer::Unreachable,
        }
    }
    ErasureAnswer::Accepted
}

fn no_upload(folder: &Path) -> Option<Held> {
    let deadline = Instant::now() + PATIENCE;
    while folder.exists() && Instant::now() < deadline {
        if let Some(held) = upload::lock(folder) {
            return Some(held);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
