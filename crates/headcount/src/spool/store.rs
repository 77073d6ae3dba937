//! Where a process stores its events: on disk, or in memory where no folder is writable.

use super::disk::DiskSpool;
use super::limits::{Room, SpoolError};
use super::memory::MemorySpool;
use super::segment::Record;

/// The store of one process.
#[derive(Debug)]
pub(crate) enum Spool {
    Disk(DiskSpool),
    /// There is no folder that can be written to.
    Memory(MemorySpool),
}

impl Spool {
    /// Adds one record.
    pub(crate) fn append(&mut self, record: &Record<'_>, room: Room) -> Result<(), SpoolError> {
        match self {
            Spool::Memory(memory) => memory.append(record),
            Spool::Disk(disk) => match disk.append(record, room) {
                // A folder that never accepted a record never will: continue in memory.
                Err(SpoolError::Disk) if !disk.has_written() => {
                    let mut memory = MemorySpool::default();
                    let appended = memory.append(record);
                    *self = Spool::Memory(memory);
                    appended
                }
                result => result,
            },
        }
    }

    /// Releases the segment, so that the uploader of any process may send it.
    pub(crate) fn seal(&mut self) {
        if let Spool::Disk(disk) = self {
            disk.seal();
        }
    }

    /// Releases the segment for an upload that is about to begin; the next record starts a new segment.
    pub(crate) fn seal_for_upload(&mut self) {
        if let Spool::Disk(disk) = self {
            disk.seal();
            disk.start_new_segment();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_writable_folder_records_stay_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a-file");
        std::fs::write(&file, b"").unwrap();
        let mut spool = Spool::Disk(DiskSpool::new(file.join("spool")));
        let record = Record {
            time_millis: 1,
            events: 1,
            dropped: 0,
            payload: b"kept",
        };
        spool.append(&record, Room::Ordinary).unwrap();
        let Spool::Memory(mut memory) = spool else {
            panic!("still on disk");
        };
        assert_eq!(memory.batch().unwrap().1, b"kept");
    }
}
