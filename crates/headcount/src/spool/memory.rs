//! The spool of a process that may write nowhere: a few hundred kilobytes, lost when the process ends.

use std::collections::VecDeque;

use super::limits::{MEMORY_LIMIT, SpoolError};
use super::segment::Record;
use crate::platform::random::{self, Text};

/// One record in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnedRecord {
    pub(crate) events: u32,
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct MemorySpool {
    records: VecDeque<OwnedRecord>,
    bytes: usize,
    /// The batch that is being sent: its name and its number of records. It stays the same until it is removed, so that a
    /// collector whose acknowledgement was lost counts it once.
    batch: Option<(Text<32>, usize)>,
}

impl MemorySpool {
    pub(crate) fn append(&mut self, record: &Record<'_>) -> Result<(), SpoolError> {
        if self.bytes + record.payload.len() > MEMORY_LIMIT {
            return Err(SpoolError::Full);
        }
        self.bytes += record.payload.len();
        self.records.push_back(OwnedRecord {
            events: record.events,
            payload: record.payload.to_vec(),
        });
        Ok(())
    }

    /// Whether there are no records.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The next batch: its name, its body, and its number of records, which stay until [`sent`](Self::sent) or
    /// [`clear`](Self::clear). All records, or the batch that was not yet removed.
    pub(crate) fn batch(&mut self) -> Option<(Text<32>, Vec<u8>, usize)> {
        if self.is_empty() {
            return None;
        }
        let (name, count) = *self
            .batch
            .get_or_insert_with(|| (random::hex(random::bytes16()), self.records.len()));
        let records = self.records.iter().take(count);
        let payloads: Vec<&[u8]> = records.map(|record| record.payload.as_slice()).collect();
        Some((name, payloads.concat(), count))
    }

    /// Removes the first `count` records; returns how many events they held.
    pub(crate) fn sent(&mut self, count: usize) -> u64 {
        self.batch = None;
        let mut events = 0;
        for record in self.records.drain(..count.min(self.records.len())) {
            self.bytes -= record.payload.len();
            events += u64::from(record.events);
        }
        events
    }

    /// Removes all records; returns how many events they held.
    pub(crate) fn clear(&mut self) -> u64 {
        self.sent(self.records.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_spool_refuses_records_until_some_are_sent() {
        let payload = vec![1; MEMORY_LIMIT / 2];
        let record = Record {
            time_millis: 0,
            events: 3,
            dropped: 0,
            payload: &payload,
        };
        let mut memory = MemorySpool::default();
        memory.append(&record).unwrap();
        memory.append(&record).unwrap();
        assert!(matches!(memory.append(&record), Err(SpoolError::Full)));
        let (_, body, count) = memory.batch().unwrap();
        assert_eq!((body.len(), count), (MEMORY_LIMIT, 2));
        assert_eq!(memory.sent(1), 3);
        memory.append(&record).unwrap();
        assert_eq!(memory.clear(), 6);
        assert_eq!(memory.batch(), None);
    }

    #[test]
    fn a_batch_that_is_sent_again_keeps_its_body_and_its_name() {
        let record = |payload| Record {
            time_millis: 0,
            events: 1,
            dropped: 0,
            payload,
        };
        let mut memory = MemorySpool::default();
        memory.append(&record(b"first")).unwrap();
        let first = memory.batch().unwrap();
        memory.append(&record(b"later")).unwrap();
        assert_eq!(memory.batch().unwrap(), first);
        assert_eq!(memory.sent(first.2), 1);
        let second = memory.batch().unwrap();
        assert_eq!(second.1, b"later");
        assert_ne!(second.0, first.0);
    }
}
