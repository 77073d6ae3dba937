//! The outcome of an upload.

use crate::spool::Removed;

/// The outcome of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UploadOutcome {
    /// Events that were acknowledged.
    pub(crate) delivered: u64,
    /// Events that were removed without being delivered.
    pub(crate) removed: Removed,
    /// Events that are left to be sent.
    pub(crate) left: Left,
    /// The collector no longer accepts this version.
    pub(crate) is_gone: bool,
}

/// Whether events are left after an upload, and when to send them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Left {
    /// None that may be sent.
    #[default]
    Nothing,
    /// Some that another process holds or is sending.
    Soon,
    /// Some, to be sent not before this time in milliseconds since 1970 UTC.
    At(u64),
}
