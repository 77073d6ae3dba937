//! The spool of a machine that lets us write nowhere: a few hundred kilobytes, gone with the process.

use std::collections::VecDeque;

use super::segment::Record;
use super::{MEMORY_LIMIT, SpoolError};

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

    /// All of it, as one body with its number of events; it stays until [`sent`](Self::sent) or
    /// [`clear`](Self::clear).
    pub(crate) fn body(&self) -> (Vec<u8>, u64, usize) {
        let payloads: Vec<&[u8]> = self
            .records
            .iter()
            .map(|record| record.payload.as_slice())
            .collect();
        let events = self
            .records
            .iter()
            .map(|record| u64::from(record.events))
            .sum();
        (payloads.concat(), events, self.records.len())
    }

    /// Removes the first `count` records, which were dealt with; says how many events they held.
    pub(crate) fn sent(&mut self, count: usize) -> u64 {
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
        let (body, events, count) = memory.body();
        assert_eq!((body.len(), events, count), (MEMORY_LIMIT, 6, 2));
        assert_eq!(memory.sent(1), 3);
        memory.append(&record).unwrap();
        assert_eq!(memory.clear(), 6);
    }
}
