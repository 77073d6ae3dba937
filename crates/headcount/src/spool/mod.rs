//! What waits to be sent: `docs/formats/spool.md` describes the files byte by byte, and why many processes may use one
//! folder.
//!
//! A process appends to a segment that it holds locked. A segment that nobody holds locked may be taken: by a process
//! that goes on with it, or by the uploader, which sends it whole and removes it. A process that is killed drops its
//! lock with its life, so that nothing is stuck.

mod disk;
mod found;
mod held;
mod memory;
mod segment;

pub(crate) use disk::DiskSpool;
pub(crate) use found::{Found, list, list_ending};
pub(crate) use held::Held;
pub(crate) use memory::MemorySpool;
pub(crate) use segment::{Content, Record, read};

/// How much may wait, in bytes, over all processes: the design's 8 MiB less what many processes may be adding at the
/// same moment without seeing each other.
pub(crate) const SPOOL_LIMIT: u64 = 7 * 1_024 * 1_024;
/// What is kept free in a full spool for processes that end and say what they lost, in bytes: about six hundred of them.
const RESERVE: u64 = 256 * 1_024;
/// How long anything may wait: 30 days, in milliseconds.
pub(crate) const AGE_LIMIT_MILLIS: u64 = 30 * 86_400_000;
/// A segment that has this many bytes is not appended to any more. One segment is one request.
pub(crate) const SEGMENT_LIMIT: u64 = 256 * 1_024;
/// How much may wait in memory where there is no disk to write to.
pub(crate) const MEMORY_LIMIT: usize = 256 * 1_024;

/// Where a process puts its events.
#[derive(Debug)]
pub(crate) enum Spool {
    Disk(DiskSpool),
    /// There is no folder that can be written to.
    Memory(MemorySpool),
}

/// Why a record was not taken.
#[derive(Debug)]
pub(crate) enum SpoolError {
    /// The limit is reached.
    Full,
    /// The disk says no: full, read-only, gone.
    Disk,
}

/// How much of the spool a record may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Up to the limit.
    Ordinary,
    /// The reserve too.
    Reserved,
}

impl Room {
    fn limit(self) -> u64 {
        match self {
            Room::Ordinary => SPOOL_LIMIT - RESERVE,
            Room::Reserved => SPOOL_LIMIT,
        }
    }
}

impl Spool {
    /// Adds one record.
    pub(crate) fn append(&mut self, record: &Record<'_>, room: Room) -> Result<(), SpoolError> {
        match self {
            Spool::Memory(memory) => memory.append(record),
            Spool::Disk(disk) => match disk.append(record, room) {
                // A folder that never took anything will not: go on without it.
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

    /// Lets the uploader, in whatever process, have what this process wrote.
    pub(crate) fn seal(&mut self) {
        if let Spool::Disk(disk) = self {
            disk.seal();
        }
    }

    /// The same, and leaves it to the uploader, which is about to come for it.
    pub(crate) fn seal_for_upload(&mut self) {
        if let Spool::Disk(disk) = self {
            disk.seal();
            disk.begin_anew();
        }
    }
}

/// Reads what claims to be a segment; what is whole is written again and must read the same.
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
