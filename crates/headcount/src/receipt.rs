//! Receipts: what goes with each request so that whoever holds this installation's secret, and nobody else, can have it
//! erased later (`docs/decisions/0011`).
//!
//! A token is made from the secret for each hour, so that nothing has to be kept of what was sent but where to and since
//! when. A machine that could not make a token again sends no receipt.

use std::path::Path;

use headcount_wire::{Receipt, Token};

use crate::upload::{Endpoint, Trust};
use crate::{folders, installation};

/// How far back is asked for what was sent: longer than any collector keeps it, 400 days.
const LONGEST_HOURS: u64 = 400 * 24;
/// An hour, in milliseconds.
const HOUR_MILLIS: u64 = 3_600_000;

/// The token of the hour that begins `hour` hours after 1970 UTC.
pub(crate) fn token(secret: &[u8; 32], hour: u64) -> Token {
    const PURPOSE: &[u8; 18] = b"headcount erase v1";
    let mut message = [0; PURPOSE.len() + 8];
    message[..PURPOSE.len()].copy_from_slice(PURPOSE);
    message[PURPOSE.len()..].copy_from_slice(&hour.to_le_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(&hmac_sha256::HMAC::mac(message, secret)[..16]);
    Token::new(half)
}

/// The receipt for a request that leaves for `endpoint` now; `None` where what is needed to redeem it cannot be kept.
pub(crate) fn issue(
    folder: &Path,
    endpoint: &Endpoint,
    trust: &Trust,
    now_millis: u64,
) -> Option<Receipt> {
    let hour = now_millis / HOUR_MILLIS;
    // Read each time: whoever forgot the last one wants nothing sent under it.
    let secret = installation::kept_secret(folder)?;
    let mut sent_to = SentTo::read(folder);
    if sent_to.note(&endpoint.to_string(), hour) {
        // Before anything leaves that nobody could have erased after a power cut.
        let secret_file = folders::private_file()
            .write(true)
            .open(folder.join(installation::SECRET));
        secret_file.ok()?.sync_all().ok()?;
        sent_to.write(folder).ok()?;
    }
    if !trust.0.is_empty() && Trust::kept(folder) != *trust {
        trust.keep(folder).ok()?;
    }
    Some(token(&secret, hour).receipt())
}

/// The collectors that something was sent to with a receipt, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SentTo(Vec<(String, u64)>);

impl SentTo {
    /// Its name in a framework's folder.
    pub(crate) const FILE: &str = "sent-to";

    /// Reads the file: a line each, the first hour and the endpoint. What is not understood is passed over.
    pub(crate) fn read(folder: &Path) -> Self {
        let bytes = folders::read(&folder.join(Self::FILE), 64 * 1_024).unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap_or_default();
        let line = |line: &str| {
            let (hour, endpoint) = line.split_once(' ')?;
            Some((endpoint.to_owned(), hour.parse().ok()?))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// Writes the file, durably; removes it where nothing is left to say.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        let path = folder.join(Self::FILE);
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
        folders::replace_durably(&path, text.as_bytes())
    }

    /// Notes that something is sent in `hour`; says whether that is news.
    fn note(&mut self, endpoint: &str, hour: u64) -> bool {
        match self.0.iter_mut().find(|(known, _)| known == endpoint) {
            // A clock that was set back does not hide what is sent now.
            Some((_, first)) if hour < *first => *first = hour,
            Some(_) => return false,
            None => self.0.push((endpoint.to_owned(), hour)),
        }
        true
    }

    /// Each endpoint and the hours that may have been sent in, up to one from now: clocks differ.
    pub(crate) fn hours(&self, now_millis: u64) -> Vec<(String, std::ops::RangeInclusive<u64>)> {
        let last = now_millis / HOUR_MILLIS + 1;
        let since = |first: u64| first.max(last.saturating_sub(LONGEST_HOURS));
        let all = self.0.iter();
        all.map(|(endpoint, first)| (endpoint.clone(), since(*first)..=last))
            .collect()
    }

    /// What was sent to `endpoint` so far is going to be erased.
    pub(crate) fn strike(&mut self, endpoint: &str) {
        self.0.retain(|(known, _)| known != endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now_millis;

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
    fn where_something_was_sent_is_noted_before_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("rig");
        let endpoint = Endpoint::parse("http://127.0.0.1:4318").unwrap();
        let trust = Trust::default();
        let now = now_millis();
        let issue = |millis| issue(&inner, &endpoint, &trust, millis).unwrap();
        let first = issue(now);
        assert_eq!(issue(now), first);
        assert_ne!(issue(now + 2 * HOUR_MILLIS), first);
        let sent_to = SentTo::read(&inner);
        assert_eq!(
            sent_to,
            SentTo(vec![(endpoint.to_string(), now / HOUR_MILLIS)])
        );
        // A clock that is set back.
        let _earlier = issue(now - 9 * HOUR_MILLIS);
        let hours = SentTo::read(&inner).hours(now);
        let hour = now / HOUR_MILLIS;
        assert_eq!(hours, [(endpoint.to_string(), hour - 9..=hour + 1)]);
        // A secret that was forgotten is not used again.
        std::fs::remove_file(inner.join(installation::SECRET)).unwrap();
        assert_ne!(issue(now), first);
    }

    #[test]
    fn a_year_and_a_month_is_the_most_that_is_asked_for() {
        let sent_to = SentTo(vec![("e".to_owned(), 3)]);
        let (_, hours) = sent_to.hours(494_000 * HOUR_MILLIS).remove(0);
        assert_eq!(hours.clone().count() as u64, LONGEST_HOURS + 1);
        assert_eq!(*hours.end(), 494_001);
        assert!(hours.count() <= headcount_wire::MOST_TOKENS);
    }

    #[test]
    fn a_machine_that_can_keep_nothing_sends_no_receipt() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let endpoint = Endpoint::parse("http://127.0.0.1:4318").unwrap();
        let nowhere = file.join("rig");
        assert_eq!(issue(&nowhere, &endpoint, &Trust::default(), 0), None);
    }
}
