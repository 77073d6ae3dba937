//! One segment's bytes (`docs/formats/spool.md`).

/// Magic, version, header length, creation time.
pub(crate) const SEGMENT_HEADER: usize = 24;
const MAGIC: [u8; 8] = *b"HEADCSPL";
const VERSION: u32 = 1;
/// Length of the payload, checksum, time, events, dropped.
pub(crate) const RECORD_HEADER: usize = 24;
/// Ids, times and a name.
const SMALLEST_SPAN: usize = 32;
/// The longest payload. A damaged length must not make a reader allocate a gigabyte.
const MAX_PAYLOAD: usize = 4 * 1_024 * 1_024;

/// Some events, encoded as they will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// The time of writing, in milliseconds since 1970 UTC.
    pub(crate) time_millis: u64,
    /// How many events the payload holds, without loss reports.
    pub(crate) events: u32,
    /// How many events were lost before this record and never reached a segment.
    pub(crate) dropped: u32,
    /// An `ExportTraceServiceRequest`. Concatenated requests are one request (protobuf, "Merging").
    pub(crate) payload: &'a [u8],
}

/// Why a segment cannot be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Its writer was killed during a record, which does not count.
    Torn,
    /// Bytes that no writer leaves.
    Corrupt,
    /// Not a segment of this version.
    Foreign,
}

/// A segment that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    /// The creation time, in milliseconds since 1970 UTC.
    pub(crate) created_millis: u64,
    /// The complete records.
    pub(crate) records: Vec<Record<'a>>,
    /// The length of the header and the records before the first damage, in bytes.
    pub(crate) length: usize,
    /// The first damage, if there is any.
    pub(crate) damage: Option<Damage>,
    /// How many events the unreadable records held, according to their headers.
    pub(crate) damaged_events: u64,
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
        before.sum::<u64>() + self.damaged_events
    }

    /// The body of its request: the payloads, concatenated.
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
    /// Appends the record's bytes; `false` if it is longer than readers accept.
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

/// Reads the complete records of a segment.
pub(crate) fn read(bytes: &[u8]) -> Content<'_> {
    let mut content = Content {
        created_millis: 0,
        records: Vec::new(),
        length: 0,
        damage: None,
        damaged_events: 0,
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
                content.damage = Some(Damage::Corrupt);
                content.damaged_events += events;
                at += length;
            }
        }
    }
    content
}

/// The number of events in a damaged record, according to its header, and where reading continues: at the next complete
/// record, or at the segment's end if the record's length leads there. `None` if nothing follows, as after a torn record.
fn step_over(bytes: &[u8]) -> Option<(u64, usize)> {
    let length = u32_at(bytes, 0)? as usize;
    // The length may be damaged and lead past other records, so the next complete record is searched for.
    let next = (RECORD_HEADER..bytes.len()).find(|at| bytes.get(*at..).is_some_and(is_record));
    let is_last = RECORD_HEADER.checked_add(length) == Some(bytes.len());
    let end = next.or_else(|| is_last.then_some(bytes.len()))?;
    // The number may be damaged: no span takes fewer bytes than this.
    let most = ((end - RECORD_HEADER) / SMALLEST_SPAN) as u64;
    Some((u64::from(u32_at(bytes, 16)?).min(most), end))
}

/// Whether a complete record begins here. Its header is checked first, because a checksum over the rest takes time.
fn is_record(bytes: &[u8]) -> bool {
    // A time before the year 2500.
    let has_time = u64_at(bytes, 8).is_some_and(|millis| millis < 1 << 44);
    let has_events = u32_at(bytes, 16).is_some_and(|events| events as usize <= MAX_PAYLOAD);
    has_time && has_events && read_record(bytes).is_ok()
}

fn read_record(bytes: &[u8]) -> Result<(Record<'_>, usize), Damage> {
    let length = u32_at(bytes, 0).ok_or(Damage::Torn)? as usize;
    if length > MAX_PAYLOAD {
        return Err(Damage::Corrupt);
    }
    let end = RECORD_HEADER + length;
    let checked = bytes.get(8..end).ok_or(Damage::Torn)?;
    if u32_at(bytes, 4) != Some(crc32fast::hash(checked)) {
        return Err(Damage::Corrupt);
    }
    let record = Record {
        time_millis: u64_at(bytes, 8).ok_or(Damage::Torn)?,
        events: u32_at(bytes, 16).ok_or(Damage::Torn)?,
        dropped: u32_at(bytes, 20).ok_or(Damage::Torn)?,
        payload: &bytes[RECORD_HEADER..end],
    };
    Ok((record, end))
}

/// Fuzz target: whole records that were read are written again, and must be the same bytes.
#[cfg(feature = "fuzzing")]
pub fn fuzz(bytes: &[u8]) {
    let content = read(bytes);
    assert!(content.length <= bytes.len());
    let mut again = bytes[..content.length.min(24)].to_vec();
    for record in &content.records {
        if again.len() < content.length {
            assert!(record.write(&mut again));
        }
    }
    assert_eq!(again, bytes[..content.length]);
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
        fn written_records_are_read(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8)) {
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
        fn a_damaged_payload_costs_one_record(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 400..500), 1..5), which in any::<prop::sample::Index>(), at in 0..400_usize) {
            let mut bytes = segment(&payloads);
            let which = which.index(payloads.len());
            let before: usize = payloads[..which].iter().map(|payload| payload.len() + RECORD_HEADER).sum();
            bytes[SEGMENT_HEADER + before + RECORD_HEADER + at] ^= 1;
            let content = read(&bytes);
            prop_assert_eq!(content.damage, Some(Damage::Corrupt));
            prop_assert_eq!(content.length, SEGMENT_HEADER + before);
            prop_assert_eq!(content.records.len(), payloads.len() - 1);
            prop_assert_eq!(content.damaged_events, which as u64 + 1);
            prop_assert_eq!(content.dropped(), 2 * (payloads.len() as u64 - 1) + which as u64 + 1);
        }

        #[test]
        fn a_damaged_length_costs_one_record(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 400..500), 2..5), bit in 0..32_usize) {
            let mut bytes = segment(&payloads);
            bytes[SEGMENT_HEADER + bit / 8] ^= 1 << (bit % 8);
            let content = read(&bytes);
            prop_assert_eq!(content.damage, Some(Damage::Corrupt));
            prop_assert_eq!(content.records.len(), payloads.len() - 1);
            prop_assert_eq!(content.damaged_events, 1);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let content = read(&bytes);
            prop_assert!(content.length <= bytes.len());
        }
    }
}
