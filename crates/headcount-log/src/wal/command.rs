//! The work of the log's thread.

use std::io;

use headcount_catalog::AdmittedBatch;
use tokio::sync::oneshot;

use crate::error::AppendError;

/// The outcome of an appended batch's spans. Both kinds are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Spans that were stored now.
    pub stored: u64,
    /// Spans that had been stored before.
    pub duplicates: u64,
    /// Whether anything of the batch was written: a span, or the counts of what was refused.
    pub written: bool,
}

/// A request to the log's thread.
pub(super) enum Command {
    /// Store a batch; answered after its fsync.
    Append(PendingAppend),
    /// Seal the segment and freeze the sink; answered when both have happened, and with whether the log was cleared of bytes
    /// that do not count.
    Rotate(oneshot::Sender<io::Result<()>>),
    /// Answer, and do nothing else: a sign of life.
    Ping(oneshot::Sender<()>),
}

/// A batch whose sender waits, or has gone away meanwhile.
pub(super) struct PendingAppend {
    pub(super) batch: AdmittedBatch,
    pub(super) reply: oneshot::Sender<Result<Appended, AppendError>>,
    /// The memory reserved for the batch, here and by the caller: released when the log no longer holds the batch.
    pub(super) reservation: Box<dyn Send>,
}
