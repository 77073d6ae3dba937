//! A snapshot, taken apart for another process of this machine and put together there.
//!
//! The files go as their names, because the other process reads them itself; the rows in memory go as batches, in whatever
//! form the caller transports them.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use headcount_catalog::{Schema, TableId};
use headcount_log::disk::RealDisk;
use serde::{Deserialize, Serialize};

use crate::damage::DamagedFile;
use crate::delta::log::Files;
use crate::error::LakeError;
use crate::lost_rows::LostRows;
use crate::memtable::Layout;
use crate::provider::FooterCache;
use crate::snapshot::LakeSnapshot;
use crate::unreadable_files::UnreadableFiles;
use crate::watermark::LostCommits;

/// The files of a [`LakeSnapshot`], as serde writes them: which files belong to each table, and what planning a query needs
/// to know of them. Only the program that wrote it reads it, so its form is no format.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SnapshotFiles {
    root: PathBuf,
    files: Vec<Files>,
    /// By table: why it cannot be read.
    refusals: Vec<Option<String>>,
    damaged: Vec<DamagedFile>,
    lost_commits: LostCommits,
    lost_rows: Arc<LostRows>,
}

impl LakeSnapshot {
    /// The snapshot's files. They stay readable for as long as the snapshot is kept, and at least for the grace times of
    /// [`LakeOptions`](crate::LakeOptions).
    pub fn files(&self) -> SnapshotFiles {
        let refusals = self.refusals.iter();
        let text =
            |refusal: &Option<Arc<LakeError>>| refusal.as_ref().map(|error| error.to_string());
        SnapshotFiles {
            root: self.root.clone(),
            files: self.files.clone(),
            refusals: refusals.map(text).collect(),
            damaged: self.damaged_files(),
            lost_commits: LostCommits::clone(&self.lost_commits),
            lost_rows: Arc::clone(&self.lost_rows),
        }
    }

    /// The table's rows that are in no file yet, in the columns of [`arrow_schema`](crate::arrow_schema). None for a position
    /// that the schema does not have.
    pub fn rows_in_memory(&self, table: TableId) -> &[RecordBatch] {
        let batches = self.batches.get(usize::from(table.0));
        batches.map_or(&[], Vec::as_slice)
    }

    /// The snapshot with `files`, and for each table of `schema`, in its order, the rows in memory. `schema` is that of the
    /// snapshot that `files` came from.
    pub fn of_parts(
        schema: Arc<Schema>,
        files: SnapshotFiles,
        mut rows_in_memory: Vec<Vec<RecordBatch>>,
    ) -> Self {
        let SnapshotFiles {
            root,
            mut files,
            mut refusals,
            damaged,
            lost_commits,
            lost_rows,
        } = files;
        let unreadable = UnreadableFiles::new(Arc::new(RealDisk::default()));
        for file in damaged {
            unreadable.note_reported(&file.path, file.reason);
        }
        refusals.resize_with(schema.tables.len(), || None);
        let reported = |reason: String| Arc::new(LakeError::Reported { reason });
        files.resize_with(schema.tables.len(), Files::default);
        rows_in_memory.resize_with(schema.tables.len(), Vec::new);
        let layout = Layout::new(Arc::clone(&schema), vec![0; schema.tables.len()]);
        Self {
            root,
            layout,
            files,
            refusals: refusals
                .into_iter()
                .map(|reason| reason.map(reported))
                .collect(),
            batches: rows_in_memory,
            footers: Arc::new(FooterCache::default()),
            unreadable: Arc::new(unreadable),
            lost_commits: Arc::new(lost_commits),
            lost_rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lake;
    use crate::tests::support::{batch, by_hand, schema};

    #[tokio::test]
    async fn a_snapshot_that_was_taken_apart_has_the_same_files_and_rows() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
        lake.append(batch(0..9)).await.unwrap();
        lake.flush().await.unwrap();
        lake.append(batch(9..12)).await.unwrap();
        let before = lake.snapshot().await.unwrap();
        let files = serde_json::to_string(&before.files()).unwrap();
        let of_table = |(id, _)| before.rows_in_memory(id).to_vec();
        let rows = before.schema().iter().map(of_table).collect();
        let after = LakeSnapshot::of_parts(schema(), serde_json::from_str(&files).unwrap(), rows);
        assert_eq!(after.file_locations(), before.file_locations());
        for (id, _) in before.schema().iter() {
            assert!(after.row_count(id).is_some());
            assert_eq!(after.row_count(id), before.row_count(id));
        }
        assert!(!after.file_locations().is_empty());
    }
}
