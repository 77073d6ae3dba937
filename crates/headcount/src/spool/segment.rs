//! One segment's bytes (`docs/formats/spool.md`).

/// Magic, version, length of the header, time of creation.
pub(crate) const SEGMENT_HEADER: usize = 24;
const MAGIC: [u8; 8] = *b"HEADCSPL";
const VERSION: u32 = 1;
/// Length of the payload, checksum, time, events, dropped.
pub(crate) const RECORD_HEADER: usize = 24;
/// Ids, times and a name.
const SMALLEST_SPAN: usize = 32;
/// No record is longer: what a checksum does not cover must not make a reader take a gigabyte.
const MAX_PAYLOAD: usize = 4 * 1_024 * 1_024;

/// Some events, encoded as they will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// When they were written, in milliseconds since 1970 UTC.
    pub(crate) time_millis: u64,
    /// How many events the payload holds, those that report losses not among them.
    pub(crate) events: u32,
    /// How many events were lost before this record and never reached a segment.
    pub(crate) dropped: u32,
    /// An `ExportTraceServiceRequest`. Several of them, one after the other, are one (protobuf, "Merging").
    pub(crate) payload: &'a [u8],
}

/// What is left of a segment that was not written to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Its writer was killed in the middle of a record, which so was never there.
    Torn,
    /// Bytes that no writer leaves behind.
    Spoiled,
    /// Not a segment of this version.
    Foreign,
}

/// A segment, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    /// When it was begun, in milliseconds since 1970 UTC.
    pub(crate) created_millis: u64,
    /// The whole records.
    pub(crate) records: Vec<Record<'a>>,
    /// How many bytes the header and the whole records take, up to the first damage.
    pub(crate) length: usize,
    /// What follows that, if anything does.
    pub(crate) damage: Option<Damage>,
    /// How many events records held that cannot be read, as far as their own headers tell.
    pub(crate) spoiled_events: u64,
}

impl Content<'_> {
    pub(crate) fn events(&self) -> u64 {
        self.records
            .iter()
            .map(|record| u64::from(record.events))
            .sum()
    }

    /// Events that were lost: before they reached the segment, or within it.
    pub(crate) fn dropped(&self) -> u64 {
        let before = self.records.iter().map(|record| u64::from(record.dropped));
        before.sum::<u64>() + self.spoiled_events
    }

    /// The body of the request that sends it: the payloads as they stand in the file.
    pub(crate) fn body(&self) -> Vec<u8> {
        let payloads: Vec<&[u8]> = self.records.iter().map(|record| record.payload).collect();
        payloads.concat()
    }
}

/// The first bytes of a segment.
pub(crate) fn header(created_millis: u64) -> [u8; SEGMENT_HEADER] {
    let mut header = [0; SEGMENT_HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&(SEGMENT_HEADER as u32).to_le_bytes());
    header[16..].copy_from_slice(&created_millis.to_le_bytes());
    header
}

impl Record<'_> {
    /// Appends the record's bytes; `false` if it is longer than a reader would take.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) -> bool {
        if self.payload.len() > MAX_PAYLOAD {
            return false;
        }
        let start = bytes.len();
        bytes.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.time_millis.to_le_bytes());
        bytes.extend_from_slice(&self.events.to_le_bytes());
        bytes.extend_from_slice(&self.dropped.to_le_bytes());
        bytes.extend_from_slice(self.payload);
        let checksum = crc32fast::hash(&bytes[start + 8..]);
        bytes[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
        true
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Reads a segment as far as it is whole.
pub(crate) fn read(bytes: &[u8]) -> Content<'_> {
    let mut content = Content {
        created_millis: 0,
        records: Vec::new(),
        length: 0,
        damage: None,
        spoiled_events: 0,
    };
    let is_ours = bytes.get(..8) == Some(&MAGIC)
        && u32_at(bytes, 8) == Some(VERSION)
        && u32_at(bytes, 12) == Some(SEGMENT_HEADER as u32);
    let Some(created_millis) = u64_at(bytes, 16).filter(|_| is_ours) else {
        let is_torn = header(0).get(..16.min(bytes.len())) == bytes.get(..16.min(bytes.len()));
        content.damage = Some(if is_torn {
            Damage::Torn
        } else {
            Damage::Foreign
        });
        return content;
    };
    content.created_millis = created_millis;
    content.length = SEGMENT_HEADER;
    let mut at = SEGMENT_HEADER;
    while at < bytes.len() {
        match read_record(&bytes[at..]) {
            Ok((record, length)) => {
                content.records.push(record);
                at += length;
                if content.damage.is_none() {
                    content.length = at;
                }
            }
            Err(damage) => {
                let Some((events, length)) = step_over(&bytes[at..]) else {
                    content.damage = Some(content.damage.unwrap_or(damage));
                    break;
                };
                content.damage = Some(Damage::Spoiled);
                content.spoiled_events += events;
                at += length;
            }
        }
    }
    content
}

/// How many events a spoiled record says that it held, and where reading goes on: at the next whole record, or at the
/// segment's end if its length leads there. `None` if nothing follows, as after a torn one.
fn step_over(bytes: &[u8]) -> Option<(u64, usize)> {
    let length = u32_at(bytes, 0)? as usize;
    // Its length may be what was spoiled, and lead past others: the next one is looked for.
    let next = (RECORD_HEADER..bytes.len()).find(|at| bytes.get(*at..).is_some_and(is_record));
    let is_last = RECORD_HEADER.checked_add(length) == Some(bytes.len());
    let end = next.or_else(|| is_last.then_some(bytes.len()))?;
    // The number may be what was spoiled: no span is encoded in fewer than these bytes.
    let most = ((end - RECORD_HEADER) / SMALLEST_SPAN) as u64;
    Some((u64::from(u32_at(bytes, 16)?).min(most), end))
}

/// Whether a whole record begins here. Its header is looked at first: a checksum over whatever may follow takes its time.
fn is_record(bytes: &[u8]) -> bool {
    // Of a time before the year 2500.
    let has_time = u64_at(bytes, 8).is_some_and(|millis| millis < 1 << 44);
    let has_events = u32_at(bytes, 16).is_some_and(|events| events as usize <= MAX_PAYLOAD);
    has_time && has_events && read_record(bytes).is_ok()
}

fn read_record(bytes: &[u8]) -> Result<(Record<'_>, usize), Damage> {
    let length = u32_at(bytes, 0).ok_or(Damage::Torn)? as usize;
    if length > MAX_PAYLOAD {
        return Err(Damage::Spoiled);
    }
    let end = RECORD_HEADER + length;
    let checked = bytes.get(8..end).ok_or(Damage::Torn)?;
    if u32_at(bytes, 4) != Some(crc32fast::hash(checked)) {
        return Err(Damage::Spoiled);
    }
    let record = Record {
        time_millis: u64_at(bytes, 8).ok_or(Damage::Torn)?,
        events: u32_at(bytes, 16).ok_or(Damage::Torn)?,
        dropped: u32_at(bytes, 20).ok_or(Damage::Torn)?,
        payload: &bytes[RECORD_HEADER..end],
    };
    Ok((record, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = header(7).to_vec();
        for (index, payload) in payloads.iter().enumerate() {
            let record = Record {
                time_millis: index as u64,
                events: index as u32 + 1,
                dropped: 2,
                payload,
            };
            assert!(record.write(&mut bytes));
        }
        bytes
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8)) {
            let bytes = segment(&payloads);
            let content = read(&bytes);
            prop_assert_eq!(content.damage, None);
            prop_assert_eq!(content.created_millis, 7);
            prop_assert_eq!(content.length, bytes.len());
            prop_assert_eq!(content.body(), payloads.concat());
            prop_assert_eq!(content.dropped(), 2 * payloads.len() as u64);
        }

        #[test]
        fn a_torn_segment_keeps_its_whole_records(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..5), cut in any::<prop::sample::Index>()) {
            let bytes = segment(&payloads);
            let end = cut.index(bytes.len());
            let content = read(&bytes[..end]);
            prop_assert!(content.length <= end);
            prop_assert!(content.length == end || content.damage == Some(Damage::Torn));
            let whole = payloads.concat();
            prop_assert_eq!(content.body(), &whole[..content.body().len()]);
        }

        #[test]
        fn a_changed_byte_never_gives_a_changed_record(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..5), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut bytes = segment(&payloads);
            let original = bytes.clone();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let before = read(&original);
            for record in &read(&bytes).records {
                prop_assert!(before.records.contains(record));
            }
        }

        #[test]
        fn a_spoiled_payload_costs_its_own_record_and_no_other(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 400..500), 1..5), which in any::<prop::sample::Index>(), at in 0..400_usize) {
            let mut bytes = segment(&payloads);
            let which = which.index(payloads.len());
            let before: usize = payloads[..which].iter().map(|payload| payload.len() + RECORD_HEADER).sum();
            bytes[SEGMENT_HEADER + before + RECORD_HEADER + at] ^= 1;
            let content = read(&bytes);
            prop_assert_eq!(content.damage, Some(Damage::Spoiled));
            prop_assert_eq!(content.length, SEGMENT_HEADER + before);
            prop_assert_eq!(content.records.len(), payloads.len() - 1);
            prop_assert_eq!(content.spoiled_events, which as u64 + 1);
            prop_assert_eq!(content.dropped(), 2 * (payloads.len() as u64 - 1) + which as u64 + 1);
        }

        #[test]
        fn a_spoiled_length_costs_its_own_record_and_no_other(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 400..500), 2..5), bit in 0..32_usize) {
            let mut bytes = segment(&payloads);
            bytes[SEGMENT_HEADER + bit / 8] ^= 1 << (bit % 8);
            let content = read(&bytes);
            prop_assert_eq!(content.damage, Some(Damage::Spoiled));
            prop_assert_eq!(content.records.len(), payloads.len() - 1);
            prop_assert_eq!(content.spoiled_events, 1);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let content = read(&bytes);
            prop_assert!(content.length <= bytes.len());
        }
    }
}
