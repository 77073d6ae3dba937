//! The spool of a machine that lets us write nowhere: a few hundred kilobytes, gone with the process.

use std::collections::VecDeque;

use super::segment::Record;
use super::{MEMORY_LIMIT, SpoolError};
use crate::random::{self, Text};

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
    /// What is being sent: its name, and how many records it has. The same until it was dealt with, so that a collector
    /// that took it and could not say so counts it once.
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

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// What is to be sent next: its name, one body, and its number of records, which stay until [`sent`](Self::sent) or
    /// [`clear`](Self::clear). All that there is, or the same as before.
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

    /// Removes the first `count` records, which were dealt with; says how many events they held.
    pub(crate) fn sent(&mut self, count: usize) -> u64 {
        self.batch = None;
        let mut events = 0;
        for record in self.records.drain(..count.min(self.records.len())) {
            self.bytes -= record.payload.len();
            events += u64::from(record.events);
        }
        events
    }

    /// Forgets everything; says how many events that were.
    pub(crate) fn clear(&mut self) -> u64 {
        self.sent(self.records.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_what_was_sent_makes_room() {
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
    fn what_is_sent_again_is_the_same_under_the_same_name() {
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
