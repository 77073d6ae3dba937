//! Receipts: each request carries one, so that the holder of this installation's secret, and nobody else, can have its
//! events erased later (`docs/decisions/0011-erasure-by-receipts.md`).
//!
//! Each hour has a token, derived from the secret. So the client keeps nothing about requests but to which collectors it
//! sent, and since when. A machine that cannot save the secret sends no receipt.

use std::path::Path;

use headcount_wire::{ErasureToken, Receipt};

use super::secret::{SECRET, saved_secret};
use crate::platform::files;

/// How far back an erasure request reaches: 400 days, longer than any collector keeps events.
const LONGEST_HOURS: u64 = 400 * 24;
/// An hour, in milliseconds.
const HOUR_MILLIS: u64 = 3_600_000;

/// The token of the hour that begins `hour` hours after 1970 UTC.
pub(crate) fn token(secret: &[u8; 32], hour: u64) -> ErasureToken {
    const PURPOSE: &[u8; 18] = b"headcount erase v1";
    let mut message = [0; PURPOSE.len() + 8];
    message[..PURPOSE.len()].copy_from_slice(PURPOSE);
    message[PURPOSE.len()..].copy_from_slice(&hour.to_le_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hmac_sha256::HMAC::mac(message, secret)[..16]);
    ErasureToken::new(half)
}

/// The receipt for a request to `endpoint`; `None` if the files that are needed to redeem it cannot be saved.
pub(crate) fn issue(folder: &Path, endpoint: &str, now_millis: u64) -> Option<Receipt> {
    let hour = now_millis / HOUR_MILLIS;
    // Read each time: `headcount forget` may have deleted the last one.
    let secret = saved_secret(folder)?;
    let mut sent_to = SentTo::read(folder);
    if sent_to.note(endpoint, hour) {
        // Before anything is sent: after a power cut it could not be erased.
        let secret_file = files::open(&folder.join(SECRET), files::private_file().write(true));
        secret_file.ok()?.get().ok()?.sync_all().ok()?;
        sent_to.write(folder).ok()?;
    }
    Some(token(&secret, hour).receipt())
}

/// The file in a framework's folder that lists the collectors.
pub(crate) const SENT_TO: &str = "sent-to";

/// The collectors that requests with receipts were sent to, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SentTo(Vec<(String, u64)>);

impl SentTo {
    /// Reads the file: one collector per line, the first hour and the endpoint. Other lines are skipped.
    pub(crate) fn read(folder: &Path) -> Self {
        let bytes = files::read(&folder.join(SENT_TO), 64 * 1_024).unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap_or_default();
        let line = |line: &str| {
            let (hour, endpoint) = line.split_once(' ')?;
            Some((endpoint.to_owned(), hour.parse().ok()?))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// Writes the file durably; removes it if there is no collector.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        let path = folder.join(SENT_TO);
        if self.0.is_empty() {
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let lines = self.0.iter();
        let text: String = lines
            .map(|(endpoint, hour)| format!("{hour} {endpoint}\n"))
            .collect();
        files::replace_durably(&path, text.as_bytes())
    }

    /// Notes that a request is sent in `hour`; returns whether the file has to be written.
    fn note(&mut self, endpoint: &str, hour: u64) -> bool {
        match self.0.iter_mut().find(|(known, _)| known == endpoint) {
            // The clock may have been set back.
            Some((_, first)) if hour < *first => *first = hour,
            Some(_) => return false,
            None => self.0.push((endpoint.to_owned(), hour)),
        }
        true
    }

    /// Each endpoint, with the hours in which requests may have been sent. The last is one from now: clocks differ.
    pub(crate) fn hours(&self, now_millis: u64) -> Vec<(String, std::ops::RangeInclusive<u64>)> {
        let last = now_millis / HOUR_MILLIS + 1;
        let since = |first: u64| first.max(last.saturating_sub(LONGEST_HOURS));
        let all = self.0.iter();
        all.map(|(endpoint, first)| (endpoint.clone(), since(*first)..=last))
            .collect()
    }

    /// Removes a collector that accepted the erasure.
    pub(crate) fn remove(&mut self, endpoint: &str) {
        self.0.retain(|(known, _)| known != endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::now_millis;

    #[test]
    fn a_token_is_of_one_secret_and_one_hour() {
        let first = token(&[1; 32], 494_000);
        assert_eq!(first, token(&[1; 32], 494_000));
        assert_ne!(first, token(&[1; 32], 494_001));
        assert_ne!(first, token(&[2; 32], 494_000));
        // printf 'headcount erase v1\xb0\x89\x07\0\0\0\0\0' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01
        assert_eq!(first.reveal(), "15df4a549e2f013db696558c77445b57");
    }

    #[test]
    fn a_collector_is_noted_once_and_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("rig");
        let endpoint = "http://127.0.0.1:4318/v1/traces";
        let now = now_millis();
        let issue = |millis| issue(&inner, endpoint, millis).unwrap();
        let first = issue(now);
        assert_eq!(issue(now), first);
        assert_ne!(issue(now + 2 * HOUR_MILLIS), first);
        let sent_to = SentTo::read(&inner);
        assert_eq!(
            sent_to,
            SentTo(vec![(endpoint.to_string(), now / HOUR_MILLIS)])
        );
        // The clock is set back.
        issue(now - 9 * HOUR_MILLIS);
        let hours = SentTo::read(&inner).hours(now);
        let hour = now / HOUR_MILLIS;
        assert_eq!(hours, [(endpoint.to_string(), hour - 9..=hour + 1)]);
        // A deleted secret is not used again.
        std::fs::remove_file(inner.join(SECRET)).unwrap();
        assert_ne!(issue(now), first);
    }

    #[test]
    fn an_erasure_request_reaches_400_days_back() {
        let sent_to = SentTo(vec![("e".to_owned(), 3)]);
        let (_, hours) = sent_to.hours(494_000 * HOUR_MILLIS).remove(0);
        assert_eq!(hours.clone().count() as u64, LONGEST_HOURS + 1);
        assert_eq!(*hours.end(), 494_001);
        assert!(hours.count() <= headcount_wire::MAX_ERASURE_TOKENS);
    }

    #[test]
    fn a_machine_that_can_save_nothing_sends_no_receipt() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let endpoint = "http://127.0.0.1:4318/v1/traces";
        let nowhere = file.join("rig");
        assert_eq!(issue(&nowhere, endpoint, 0), None);
    }
}
