//! The write-ahead log of a data folder that is being opened.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use headcount_catalog::TallyLayout;
use headcount_log::dedup::{DedupFiles, DedupIndex};
use headcount_log::disk::Disk;
use headcount_log::erasure::Orders;
use headcount_log::wal::{
    RowSink, SealedSegments, Trimmer, WalConfig, WalHandle, format, newest_segment, quarantine,
    replay,
};
use parking_lot::Mutex;

use crate::activity::milliseconds;
use crate::error::LakeError;
use crate::memtable::{chunks, tallies};
use crate::options::LakeOptions;
use crate::view::View;

/// The write-ahead log, replayed and running.
pub(crate) struct OpenedLog {
    pub(crate) missing_groups: u64,
    replayed_segments: usize,
    replayed_groups: usize,
    pub(crate) handle: WalHandle,
    pub(crate) thread: JoinHandle<()>,
    pub(crate) trimmer: Trimmer,
}

impl OpenedLog {
    /// Replays the log into `view` and starts its thread; the tables hold the rows up to `applied`.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        root: &Path,
        options: &LakeOptions,
        view: &Arc<View>,
        orders: &Orders,
        applied: u64,
    ) -> Result<Self, LakeError> {
        let (folder, seen) = (root.join("wal"), root.join("seen"));
        let limit = options.remembered_spans;
        let mut dedup = DedupIndex::new(limit);
        let dedup_files = DedupFiles::load(Arc::clone(disk), seen, limit, &mut dedup)?;
        let segments = replay::read_all(&**disk, &folder)?;
        let missing_groups =
            replay::missing_groups(newest_segment(&**disk, root), &segments, applied);
        // Before anything is removed.
        quarantine::keep(&**disk, &folder, &segments)?;
        let sealed = replay::index_fingerprints(&segments, &mut dedup)?;
        orders.seen().note_replayed(&segments);
        let sealed = SealedSegments::new(Mutex::new(sealed));
        let schema = view.schema();
        for (sequence, tally) in tallies(&segments, schema) {
            view.count(sequence, &tally);
        }
        for chunk in chunks(&segments, schema) {
            view.push_chunk(chunk);
        }
        let (handle, thread) = WalHandle::start(WalConfig {
            disk: Arc::clone(disk),
            folder: folder.clone(),
            header: format::header(schema),
            tally: TallyLayout::new(schema),
            next_sequence: replay::next_sequence(&segments, applied),
            dedup,
            sink: Arc::clone(view) as Arc<dyn RowSink>,
            sealed: Arc::clone(&sealed),
            append_timeout: options.append_timeout,
            erased: orders.erased(),
        })?;
        Ok(Self {
            missing_groups,
            replayed_segments: segments.len(),
            replayed_groups: segments.iter().map(|segment| segment.frames.len()).sum(),
            handle,
            thread,
            trimmer: Trimmer::new(Arc::clone(disk), folder, sealed, dedup_files),
        })
    }

    /// Tells the program's log what was found in the folder, whose tables `view` knows.
    pub(crate) fn report(&self, view: &View, began: Instant) {
        let files = view.files();
        let (mut count, mut rows, mut bytes) = (0_u64, 0, 0);
        for file in files.iter().flat_map(|files| files.iter()) {
            count += 1;
            rows += file.rows.unwrap_or_default();
            bytes += file.size;
        }
        tracing::info!(
            table_files = count,
            table_rows = rows,
            table_bytes = bytes,
            replayed_segments = self.replayed_segments,
            replayed_groups = self.replayed_groups,
            replayed_bytes = view.unflushed().0,
            ms = milliseconds(began),
            "opened the data folder and replayed the write-ahead log"
        );
    }
}
