//! Limits of the spool, and why a record may not fit.

/// How much all processes together may keep, in bytes: 8 MiB less a margin for records that several processes append at
/// the same moment without seeing each other.
pub(crate) const SPOOL_LIMIT: u64 = 7 * 1_024 * 1_024;
/// How much of a full spool is reserved for loss reports of processes that end, in bytes: about six hundred reports.
const RESERVE: u64 = 256 * 1_024;
/// How long a segment may wait: 30 days, in milliseconds.
pub(crate) const AGE_LIMIT_MILLIS: u64 = 30 * 86_400_000;
/// Nothing is appended to a segment of this many bytes. One segment is one request.
pub(crate) const SEGMENT_LIMIT: u64 = 256 * 1_024;
/// How much may wait in memory where there is no disk to write to.
pub(crate) const MEMORY_LIMIT: usize = 256 * 1_024;

/// Why a record was not stored.
#[derive(Debug)]
pub(crate) enum SpoolError {
    /// The limit is reached.
    Full,
    /// The disk refuses: full, read-only or gone.
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
    pub(super) fn limit(self) -> u64 {
        match self {
            Room::Ordinary => SPOOL_LIMIT - RESERVE,
            Room::Reserved => SPOOL_LIMIT,
        }
    }
}
