//! The ledger: a line for each request that left this machine and for each removal (`docs/formats/spool.md`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::delivery::DeliveryStatus;
use super::lock::Held;
use crate::platform::{clock, files, random};

/// Older lines are replaced by their sums: 90 days, in milliseconds.
const KEPT_MILLIS: u64 = 90 * 86_400_000;
/// From this size on, in bytes, lines are replaced by their sums.
const LIMIT: u64 = 512 * 1_024;
/// How many lines stay even if all are recent.
const KEPT_LINES: usize = 2_000;
const CARRIED: &str = "carried";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, in milliseconds since 1970 UTC.
    pub time_millis: u64,
    /// The segment's name, or `carried` for the sum of older lines.
    pub segment: String,
    /// The outcome.
    pub delivery_status: DeliveryStatus,
    /// The HTTP status; 0 where there was none.
    pub http_status: u16,
    /// How many events.
    pub events: u64,
    /// How many other events were lost: before they reached the segment, within it, or because the collector accepted the
    /// request and rejected them.
    pub dropped: u64,
    /// The length of the uncompressed body, which `headcount preview` shows. 0 if nothing was sent.
    pub bytes: u64,
    /// The length of the body as it was sent.
    pub sent_bytes: u64,
    /// SHA-256 of the uncompressed body, in hexadecimal; `-` if nothing was sent.
    pub sha256: String,
    /// The receipt of the request, in hexadecimal; `-` if it had none, or it is no longer known.
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
            self.delivery_status.as_str(),
            self.http_status,
            self.events,
            self.dropped,
            self.bytes,
            self.sent_bytes,
            self.sha256,
            self.receipt,
        );
    }

    fn read(line: &str) -> Option<Self> {
        let mut columns = line.split('\t');
        let entry = Self {
            time_millis: clock::from_utc(columns.next()?)?,
            segment: columns.next()?.to_owned(),
            delivery_status: DeliveryStatus::read(columns.next()?)?,
            http_status: columns.next()?.parse().ok()?,
            events: columns.next()?.parse().ok()?,
            dropped: columns.next()?.parse().ok()?,
            bytes: columns.next()?.parse().ok()?,
            sent_bytes: columns.next()?.parse().ok()?,
            sha256: columns.next()?.to_owned(),
            // Lines from before receipts existed have no such column.
            receipt: columns.next().unwrap_or("-").to_owned(),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_hex = |text: &str, digits: usize| {
            text == "-" || text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let is_ours = is_hex(&entry.sha256, 64)
            && is_hex(&entry.receipt, 32)
            && entry.segment.bytes().all(is_name);
        (is_ours && columns.next().is_none()).then_some(entry)
    }
}

/// SHA-256 of `body`, in hexadecimal.
pub(crate) fn sha256(body: &[u8]) -> String {
    let hash = hmac_sha256::Hash::hash(body);
    let text: random::Text<64> = random::hex(hash);
    text.as_str().to_owned()
}

/// How long a process waits for another one that is writing a line.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// The ledger of one framework. Its lock is held while one line is written.
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

    /// Every line that can be read. A torn last line cannot.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let text = files::read(&self.path, 16 * LIMIT).unwrap_or_default();
        String::from_utf8_lossy(&text)
            .lines()
            .filter_map(Entry::read)
            .collect()
    }

    /// Adds a line.
    pub(crate) fn append(&self, entry: &Entry) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            files::create(folder)?;
        }
        let _lock = self.lock()?;
        let mut text = String::new();
        let mut file =
            files::open_shared(&self.path, files::private_file().append(true).create(true))?;
        // The torn line of a process that was killed must not swallow this one.
        text.push('\n');
        entry.write(&mut text);
        file.write_all(text.as_bytes())?;
        if file.get()?.metadata()?.len() > LIMIT {
            self.sum_up()?;
        }
        Ok(())
    }

    fn lock(&self) -> std::io::Result<Held> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            let file = files::open_shared(
                &self.path.with_extension("lock"),
                files::private_file()
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

    /// The final status of a segment. A segment with one may still exist: its process was killed between writing the line
    /// and removing the file.
    pub(crate) fn final_status(entries: &[Entry], segment: &str) -> Option<DeliveryStatus> {
        entries
            .iter()
            .rev()
            .find(|entry| entry.segment == segment && entry.delivery_status.is_final())
            .map(|entry| entry.delivery_status)
    }

    /// Replaces old lines by their sums, one for each delivery status.
    fn sum_up(&self) -> std::io::Result<()> {
        let now = clock::now_millis();
        let entries = self.entries();
        let surplus = entries.len().saturating_sub(KEPT_LINES);
        let mut sums: BTreeMap<DeliveryStatus, Entry> = BTreeMap::new();
        let mut text = String::new();
        let mut young = String::new();
        for (index, entry) in entries.iter().enumerate() {
            let is_old = now.saturating_sub(entry.time_millis) > KEPT_MILLIS;
            if index < surplus || is_old || entry.segment == CARRIED {
                let sum = sums.entry(entry.delivery_status).or_insert_with(|| Entry {
                    segment: CARRIED.to_owned(),
                    http_status: 0,
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
        files::replace(&self.path, text.as_bytes())
    }
}

/// Fuzz target: a line that was read is written as it was.
#[cfg(feature = "fuzzing")]
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

    fn entry(segment: &str, delivery_status: DeliveryStatus, time_millis: u64) -> Entry {
        Entry {
            time_millis,
            segment: segment.to_owned(),
            delivery_status,
            http_status: 200,
            events: 3,
            dropped: 1,
            bytes: 900,
            sent_bytes: 400,
            sha256: sha256(b""),
            receipt: "7".repeat(32),
        }
    }

    #[test]
    fn written_lines_are_read_and_a_torn_line_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path());
        let first = entry("a", DeliveryStatus::Unanswered, 1_772_442_904_000);
        ledger.append(&first).unwrap();
        let mut file = std::fs::File::options()
            .append(true)
            .open(&ledger.path)
            .unwrap();
        file.write_all(b"2026-03-02T09:15:04Z\ta\tdeliv").unwrap();
        let second = entry("a", DeliveryStatus::Delivered, 1_772_442_905_000);
        ledger.append(&second).unwrap();
        let entries = ledger.entries();
        assert_eq!(entries, [first, second]);
        assert_eq!(
            Ledger::final_status(&entries, "a"),
            Some(DeliveryStatus::Delivered)
        );
        assert_eq!(Ledger::final_status(&entries, "b"), None);
    }

    #[test]
    fn summing_up_keeps_the_totals_and_the_latest_lines() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(folder.path());
        let now = clock::now_millis();
        let mut text = String::new();
        for index in 0..(KEPT_LINES + 500) {
            let status = if index % 2 == 0 {
                DeliveryStatus::Delivered
            } else {
                DeliveryStatus::Unanswered
            };
            entry(&format!("s{index}"), status, now).write(&mut text);
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
    fn a_line_that_the_client_would_not_write_is_skipped() {
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
