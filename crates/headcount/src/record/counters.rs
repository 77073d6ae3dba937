//! Counters of one process.

/// Counters of the events of this process: `recorded` is always `written + waiting + dropped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Calls that recorded an event.
    pub recorded: u64,
    /// Events that were written to the spool.
    pub written: u64,
    /// Events that wait in memory.
    pub waiting: u64,
    /// Events that were lost before they reached the spool.
    pub dropped: u64,
    /// Values that were outside the catalog's limits and were left out of their event. Identifiers that look like a secret,
    /// an address or a path are among them; those are counted when their event is written to the spool.
    pub values_refused: u64,
}
