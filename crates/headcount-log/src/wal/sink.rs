//! The receiver of durable rows.

use std::time::Duration;

use super::segment::Frame;

/// Makes rows visible once the log holds them: the memtable. The log's thread calls it, and nobody else writes to it.
pub trait RowSink: Send + Sync + 'static {
    /// Waits until there is room for more rows; `false` if there still is none after `timeout`.
    fn wait_for_room(&self, timeout: Duration) -> bool;

    /// Takes the rows of a frame that is durable now.
    fn push(&self, frame: Frame);

    /// Separates the rows pushed so far, whose last frame is `last`, from later ones, so that they can be flushed.
    fn freeze(&self, last: u64);
}
