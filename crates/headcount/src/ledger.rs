//! What left this machine, and what was given up: one line for each request and each removal, for people and for the
//! books (`docs/formats/spool.md`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::spool::Held;
use crate::{clock, folders};

/// Lines older than this are summed up: 90 days, in milliseconds.
const KEPT_MILLIS: u64 = 90 * 86_400_000;
/// A ledger of this many bytes is looked through for lines to sum up.
const LIMIT: u64 = 512 * 1_024;
/// How many lines stay when many are young.
const KEPT_LINES: usize = 2_000;
const CARRIED: &str = "carried";

/// What became of a segment, or of an attempt to send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fate {
    /// The collector acknowledged it.
    Delivered,
    /// It left, and no answer came; it will be sent again, and counts once.
    Unanswered,
    /// The collector asked to try later; it will be sent again.
    Postponed,
    /// The collector will never take it.
    Refused,
    /// The collector wants no more of this version of the framework.
    Gone,
    /// It waited for 30 days.
    TooOld,
    /// It could not be read.
    Unreadable,
    /// Telemetry was turned off.
    TurnedOff,
}

impl Fate {
    pub(crate) const ALL: [Fate; 8] = [
        Fate::Delivered,
        Fate::Unanswered,
        Fate::Postponed,
        Fate::Refused,
        Fate::Gone,
        Fate::TooOld,
        Fate::Unreadable,
        Fate::TurnedOff,
    ];

    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Delivered => "delivered",
            Fate::Unanswered => "unanswered",
            Fate::Postponed => "postponed",
            Fate::Refused => "refused",
            Fate::Gone => "gone",
            Fate::TooOld => "too_old",
            Fate::Unreadable => "unreadable",
            Fate::TurnedOff => "turned_off",
        }
    }

    fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.as_str() == word)
    }

    /// Whether the segment was removed with it.
    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Fate::Unanswered | Fate::Postponed)
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, in milliseconds since 1970 UTC.
    pub time_millis: u64,
    /// The segment's name, or `carried` for the sum of older lines.
    pub segment: String,
    /// What became of it.
    pub fate: Fate,
    /// The HTTP status; 0 where there was none.
    pub status: u16,
    /// How many events.
    pub events: u64,
    /// How many other events were lost: before they reached the segment or within it, as it says; or because the collector, which
    /// took the request, rejected them.
    pub dropped: u64,
    /// How long the request's body is, uncompressed: what `headcount preview` shows. 0 where nothing left.
    pub bytes: u64,
    /// How many bytes of it went over the network.
    pub sent_bytes: u64,
    /// SHA-256 of the uncompressed body, in hexadecimal; `-` where nothing left.
    pub sha256: String,
    /// The receipt that went with the request, in hexadecimal; `-` where none did, or it is not known any more.
    pub receipt: String,
}

impl Entry {
    /// When, as `2026-03-02T09:15:04Z`.
    #[must_use]
    pub fn time(&self) -> String {
        clock::utc(self.time_millis)
    }

    fn write(&self, text: &mut String) {
        let _infallible = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            clock::utc(self.time_millis),
            self.segment,
            self.fate.as_str(),
            self.status,
            self.events,
            self.dropped,
            self.bytes,
            self.sent_bytes,
            self.sha256,
            self.receipt,
        );
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.split('\t');
        let entry = Self {
            time_millis: clock::from_utc(words.next()?)?,
            segment: words.next()?.to_owned(),
            fate: Fate::read(words.next()?)?,
            status: words.next()?.parse().ok()?,
            events: words.next()?.parse().ok()?,
            dropped: words.next()?.parse().ok()?,
            bytes: words.next()?.parse().ok()?,
            sent_bytes: words.next()?.parse().ok()?,
            sha256: words.next()?.to_owned(),
            // Lines of before receipts were sent have no such word.
            receipt: words.next().unwrap_or("-").to_owned(),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_hex = |text: &str, digits: usize| {
            text == "-" || text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let is_ours = is_hex(&entry.sha256, 64)
            && is_hex(&entry.receipt, 32)
            && entry.segment.bytes().all(is_name);
        (is_ours && words.next().is_none()).then_some(entry)
    }
}

/// SHA-256 of `body`, in hexadecimal.
pub(crate) fn sha256(body: &[u8]) -> String {
    let hash = hmac_sha256::Hash::hash(body);
    let text: crate::random::Text<64> = crate::random::hex(hash);
    text.as_str().to_owned()
}

/// How long somebody who wants to write a line waits for somebody who writes one.
const PATIENCE: Duration = Duration::from_millis(500);

/// The ledger of one framework. It has a lock of its own, held for the writing of one line.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    path: PathBuf,
}

impl Ledger {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join("ledger.tsv"),
        }
    }

    /// Every line that can be read; a torn last line cannot.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let text = folders::read(&self.path, 16 * LIMIT).unwrap_or_default();
        String::from_utf8_lossy(&text)
            .lines()
            .filter_map(Entry::read)
            .collect()
    }

    /// Adds a line.
    pub(crate) fn append(&self, entry: &Entry) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            folders::create(folder)?;
        }
        let _lock = self.lock()?;
        let mut text = String::new();
        let mut file = folders::open_shared(
            &self.path,
            folders::private_file().append(true).create(true),
        )?;
        // A torn line of a process that was killed must not swallow this one.
        text.push('\n');
        entry.write(&mut text);
        file.write_all(text.as_bytes())?;
        if file.metadata()?.len() > LIMIT {
            self.sum_up()?;
        }
        Ok(())
    }

    fn lock(&self) -> std::io::Result<Held> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let file = folders::open_shared(
                &self.path.with_extension("lock"),
                folders::private_file()
                    .write(true)
                    .create(true)
                    .truncate(false),
            )?;
            match Held::lock(file) {
                Err(error)
                    if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline =>
                {
                    std::thread::sleep(Duration::from_millis(1));
                }
                result => return result,
            }
        }
    }

    /// The fate of a segment that is still there although a line says that it was dealt with: its process was killed
    /// between the line and the removal.
    pub(crate) fn final_fate(entries: &[Entry], segment: &str) -> Option<Fate> {
        entries
            .iter()
            .rev()
            .find(|entry| entry.segment == segment && entry.fate.is_final())
            .map(|entry| entry.fate)
    }

    /// Replaces old lines by their sums, one for each fate.
    fn sum_up(&self) -> std::io::Result<()> {
        let now = clock::now_millis();
        let entries = self.entries();
        let surplus = entries.len().saturating_sub(KEPT_LINES);
        let mut sums: BTreeMap<Fate, Entry> = BTreeMap::new();
        let mut text = String::new();
        let mut young = String::new();
        for (index, entry) in entries.iter().enumerate() {
            let is_old = now.saturating_sub(entry.time_millis) > KEPT_MILLIS;
            if index < surplus || is_old || entry.segment == CARRIED {
                let sum = sums.entry(entry.fate).or_insert_with(|| Entry {
                    segment: CARRIED.to_owned(),
                    status: 0,
                    events: 0,
                    dropped: 0,
                    bytes: 0,
                    sent_bytes: 0,
                    sha256: "-".to_owned(),
                    receipt: "-".to_owned(),
                    ..entry.clone()
                });
                sum.time_millis = sum.time_millis.max(entry.time_millis);
                sum.events += entry.events;
                sum.dropped += entry.dropped;
                sum.bytes += entry.bytes;
                sum.sent_bytes += entry.sent_bytes;
            } else {
                entry.write(&mut young);
            }
        }
        for sum in sums.values() {
            sum.write(&mut text);
        }
        text.push_str(&young);
        folders::replace(&self.path, text.as_bytes())
    }
}

/// Reads what claims to be a line; one that is read is written as it was.
pub fn fuzz(line: &str) {
    if let Some(entry) = Entry::read(line) {
        let mut text = String::new();
        entry.write(&mut text);
        assert_eq!(Entry::read(text.trim_end()), Some(entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(segment: &str, fate: Fate, time_millis: u64) -> Entry {
        Entry {
            time_millis,
            segment: segment.to_owned(),
            fate,
            status: 200,
            events: 3,
            dropped: 1,
            bytes: 900,
            sent_bytes: 400,
            sha256: sha256(b""),
            receipt: "7".repeat(32),
        }
    }

    #[test]
    fn what_was_written_is_read_and_a_torn_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path());
        let first = entry("a", Fate::Unanswered, 1_772_442_904_000);
        ledger.append(&first).unwrap();
        let mut file = std::fs::File::options()
            .append(true)
            .open(&ledger.path)
            .unwrap();
        file.write_all(b"2026-03-02T09:15:04Z\ta\tdeliv").unwrap();
        let second = entry("a", Fate::Delivered, 1_772_442_905_000);
        ledger.append(&second).unwrap();
        let entries = ledger.entries();
        assert_eq!(entries, [first, second]);
        assert_eq!(Ledger::final_fate(&entries, "a"), Some(Fate::Delivered));
        assert_eq!(Ledger::final_fate(&entries, "b"), None);
    }

    #[test]
    fn summing_up_keeps_the_totals_and_the_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path());
        let now = clock::now_millis();
        let mut text = String::new();
        for index in 0..(KEPT_LINES + 500) {
            let fate = if index % 2 == 0 {
                Fate::Delivered
            } else {
                Fate::Unanswered
            };
            entry(&format!("s{index}"), fate, now).write(&mut text);
        }
        std::fs::write(&ledger.path, &text).unwrap();
        let total = |entries: &[Entry]| entries.iter().map(|entry| entry.events).sum::<u64>();
        let before = total(&ledger.entries());
        ledger.sum_up().unwrap();
        ledger.sum_up().unwrap();
        let entries = ledger.entries();
        assert_eq!(total(&entries), before);
        assert!(entries.len() <= KEPT_LINES + 2, "{}", entries.len());
        assert_eq!(
            entries.last().unwrap().segment,
            format!("s{}", KEPT_LINES + 499)
        );
    }

    #[test]
    fn a_line_that_we_would_not_write_is_passed_over() {
        let line = "2026-03-02T09:15:04Z\ta\tdelivered\t200\t3\t1\t900\t400\t-";
        assert_eq!(Entry::read(line).unwrap().receipt, "-");
        assert!(Entry::read(&format!("{line}\t-")).is_some());
        assert_eq!(Entry::read(&format!("{line}\tx")), None);
        for (from, to) in [
            ("\t-", "\t- 02\r\n"),
            ("\ta\t", "\t\u{1b}[2J\t"),
            ("\t-", "\tabc"),
            ("200", "x"),
        ] {
            assert_eq!(Entry::read(&line.replace(from, to)), None, "{to:?}");
        }
    }

    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
