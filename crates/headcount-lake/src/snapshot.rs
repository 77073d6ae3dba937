//! Every table as it was at one moment: its active files, and the rows that are not in them yet.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema as ArrowSchema;
use datafusion::catalog::TableProvider;
use datafusion::datasource::empty::EmptyTable;
use headcount_catalog::{Schema, TableId};
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::folder::check_format;
use headcount_log::wal::{quarantine, replay};
use tokio::task::spawn_blocking;

use crate::delta::log::{Files, TableLog, table_folder};
use crate::error::LakeError;
use crate::follow::follow;
use crate::lost_rows::LostRows;
use crate::memtable::{Layout, TableBatches, chunks, decode};
use crate::provider::{FooterCache, LakeTable, TableParts, location};
use crate::state::LakeState;
use crate::unreadable_files::UnreadableFiles;
use crate::view::Captured;
use crate::watermark::{LostCommits, Watermark};

/// Every table as it was at one moment. Cheap to keep; the files that it names stay for
/// [`LakeOptions::vacuum_grace`](crate::LakeOptions::vacuum_grace) after they were replaced.
#[derive(Debug, Clone)]
pub struct LakeSnapshot {
    pub(crate) root: PathBuf,
    pub(crate) layout: Arc<Layout>,
    pub(crate) files: Vec<Files>,
    /// By table: why it cannot be read.
    pub(crate) refusals: Vec<Option<Arc<LakeError>>>,
    pub(crate) batches: TableBatches,
    pub(crate) footers: Arc<FooterCache>,
    pub(crate) unreadable: Arc<UnreadableFiles>,
    pub(crate) lost_commits: Arc<LostCommits>,
    pub(crate) lost_rows: Arc<LostRows>,
}

impl LakeSnapshot {
    /// Everything that is visible in a running store, with what other programs committed so far.
    pub(crate) fn capture(state: &LakeState) -> Result<Self, LakeError> {
        follow(state);
        let Captured {
            files,
            refusals,
            batches,
        } = state.view.capture()?;
        Ok(Self {
            root: state.root.clone(),
            layout: Arc::clone(&state.layout),
            files,
            refusals,
            batches,
            footers: Arc::clone(&state.footers),
            unreadable: Arc::clone(&state.unreadable),
            lost_commits: Arc::clone(&state.lost_commits),
            lost_rows: Arc::clone(&state.lost_rows),
        })
    }

    /// Reads a data folder from its files alone, also beside a running collector: nothing is locked or written.
    ///
    /// # Errors
    ///
    /// A file cannot be read or is damaged.
    pub async fn read(dir: &Path, schema: Arc<Schema>) -> Result<LakeSnapshot, LakeError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
        let root = disk.canonical(dir).map_err(LakeError::io("open", dir))?;
        let _version = check_format(&*disk, &root)?;
        // The log first and the tables second: rows that are flushed in between are in the tables, whose
        // transaction numbers say so, and are not taken from the log as well.
        let (reading, wal) = (Arc::clone(&disk), root.join("wal"));
        let read = spawn_blocking(move || replay::read_beside_writer(&*reading, &wal));
        let segments = read.await.map_err(|_| LakeError::Closed)??;
        quarantine::report(&segments);
        // Before the tables: it must not be ahead of what is read of them.
        let watermark = Watermark::read(&*disk, &root)?.unwrap_or_default();
        let lost_rows = LostRows::read(&*disk, &root)?;
        let (tables, of) = (root.clone(), Arc::clone(&schema));
        let opened = spawn_blocking(move || open_logs(&disk, &tables, &of));
        let logs = opened.await.map_err(|_| LakeError::Closed)??;
        let lost_commits = watermark.lost_commits(&logs);
        let applied = logs.iter().map(TableLog::applied).collect();
        let files: Vec<Files> = logs.iter().map(TableLog::files).collect();
        let layout = Layout::new(schema, applied);
        let decoding = Arc::clone(&layout);
        let decoded =
            spawn_blocking(move || decode(&decoding, &chunks(&segments, &decoding.schema)));
        let batches = decoded.await.map_err(|_| LakeError::Closed)??;
        Ok(LakeSnapshot {
            root,
            layout,
            refusals: logs.iter().map(|log| log.broken().cloned()).collect(),
            files,
            batches,
            footers: Arc::new(FooterCache::default()),
            unreadable: Arc::new(UnreadableFiles::new(Arc::new(RealDisk::default()))),
            lost_commits: Arc::new(lost_commits),
            lost_rows: Arc::new(lost_rows),
        })
    }

    /// The tables and columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.layout.schema
    }

    /// The table as DataFusion reads it. The columns are the catalog's; the files' partition column `day` is not among them.
    ///
    /// A position that the schema does not have gives a table without columns and rows.
    pub fn provider(&self, table: TableId) -> Arc<dyn TableProvider> {
        let index = usize::from(table.0);
        let Some(definition) = self.layout.schema.table(table) else {
            return Arc::new(EmptyTable::new(Arc::new(ArrowSchema::empty())));
        };
        let parts = TableParts {
            folder: table_folder(&self.root, definition),
            files: Arc::clone(&self.files[index]),
            refusal: self.refusals[index].clone(),
            batches: self.batches[index].clone(),
        };
        let (footers, unreadable) = (Arc::clone(&self.footers), Arc::clone(&self.unreadable));
        Arc::new(LakeTable::new(
            &self.layout.arrow[index],
            parts,
            footers,
            unreadable,
        ))
    }

    /// How many rows the table has, with those of damaged files. A counter table's number depends on what has been merged; its
    /// sums do not.
    ///
    /// `None` where it is not known: another program wrote a file whose rows neither the log nor the file's footer counts, or
    /// made the table unreadable.
    pub fn row_count(&self, table: TableId) -> Option<u64> {
        let index = usize::from(table.0);
        if self.refusals.get(index)?.is_some() {
            return None;
        }
        let in_files: Option<u64> = self.files.get(index)?.iter().map(|file| file.rows).sum();
        let batches = self.batches.get(index)?;
        let in_memory: usize = batches.iter().map(RecordBatch::num_rows).sum();
        Some(in_files? + in_memory as u64)
    }

    /// The locations of the active files of all tables, as queries name them (object store locations of a local file system).
    pub fn file_locations(&self) -> HashSet<String> {
        let mut locations = HashSet::new();
        for (table, files) in self.layout.schema.tables.iter().zip(&self.files) {
            let folder = table_folder(&self.root, table);
            let of_table = files.iter().filter_map(|file| location(&folder, file).ok());
            locations.extend(of_table.map(String::from));
        }
        locations
    }

    /// Bytes of the table's active files.
    pub fn file_bytes(&self, table: TableId) -> u64 {
        let files = self.files.get(usize::from(table.0));
        files.map_or(0, |files| files.iter().map(|file| file.size).sum())
    }

    /// How many active files the table has.
    pub fn file_count(&self, table: TableId) -> usize {
        self.files
            .get(usize::from(table.0))
            .map_or(0, |files| files.len())
    }
}

/// Every table's log, for reading alone.
fn open_logs(
    disk: &Arc<dyn Disk>,
    root: &Path,
    schema: &Schema,
) -> Result<Vec<TableLog>, LakeError> {
    let collector = disk.read_text(&root.join("collector")).unwrap_or_default();
    let mut logs = Vec::with_capacity(schema.tables.len());
    for table in &schema.tables {
        let folder = table_folder(root, table);
        logs.push(TableLog::open_or_broken(
            disk,
            &folder,
            table,
            collector.trim(),
        )?);
    }
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    use crate::Lake;
    use crate::tests::support::{batch, by_hand, schema};

    /// Readers cache data of files under these names, so a plan must have the same ones.
    #[tokio::test]
    async fn files_are_where_a_plan_reads_them_and_gone_when_they_are_merged() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path(), schema(), by_hand()).await.unwrap();
        for number in 0..3 {
            lake.append(batch(number * 9..number * 9 + 9))
                .await
                .unwrap();
            lake.flush().await.unwrap();
        }
        let before = lake.snapshot().await.unwrap();
        let locations = before.file_locations();
        assert!(locations.len() >= 9, "{locations:?}");
        let mut plans = String::new();
        for (id, _) in before.schema().iter() {
            let state = SessionContext::new().state();
            let table = before.provider(id);
            let scan = table.scan(&state, None, &[], None).await.unwrap();
            plans += &displayable(scan.as_ref()).indent(true).to_string();
        }
        for location in &locations {
            assert!(plans.contains(location), "{location} in {plans}");
        }
        lake.compact().await.unwrap();
        let after = lake.snapshot().await.unwrap().file_locations();
        assert!(after.is_disjoint(&locations) && !after.is_empty());
    }
}
