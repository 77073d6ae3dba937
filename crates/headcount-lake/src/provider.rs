//! A table as DataFusion scans it: a plain Parquet scan over the active files, and the rows in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{
    ColumnStatistics, DFSchema, DataFusionError, Result, ScalarValue, Statistics,
};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::cache::cache_manager::CachedFileMetadataEntry;
use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;

use crate::delta::log::{ActiveFile, Files};
use crate::error::LakeError;
use crate::unreadable_files::UnreadableFiles;
use crate::verified_store::{ScannedFile, VerifiedStore};

/// Bytes of Parquet footers kept between queries.
const FOOTER_BYTES: usize = 32 << 20;

/// Parquet footers, so that a second query does not read them again. Files never change under their names.
pub(crate) struct FooterCache(Arc<DefaultCache<object_store::path::Path, CachedFileMetadataEntry>>);

impl Default for FooterCache {
    fn default() -> Self {
        Self(Arc::new(DefaultCache::new(FOOTER_BYTES)))
    }
}

impl std::fmt::Debug for FooterCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FooterCache")
    }
}

/// One table of a snapshot.
#[derive(Debug)]
pub(crate) struct LakeTable {
    schema: SchemaRef,
    folder: PathBuf,
    files: Files,
    /// Why the files cannot be read.
    refusal: Option<Arc<LakeError>>,
    batches: Vec<RecordBatch>,
    footers: Arc<FooterCache>,
    /// Damaged files of it are left out of scans.
    unreadable: Arc<UnreadableFiles>,
}

/// The parts of a table.
#[derive(Debug)]
pub(crate) struct TableParts {
    pub(crate) folder: PathBuf,
    pub(crate) files: Files,
    /// Why the files cannot be read.
    pub(crate) refusal: Option<Arc<LakeError>>,
    /// The rows that are in no file yet.
    pub(crate) batches: Vec<RecordBatch>,
}

/// The files of one scan.
#[derive(Debug, Default)]
struct Scanned {
    files: Vec<PartitionedFile>,
    /// Those of them that are verified while they are read.
    verified: HashMap<object_store::path::Path, ScannedFile>,
}

impl LakeTable {
    pub(crate) fn new(
        stored: &SchemaRef,
        parts: TableParts,
        footers: Arc<FooterCache>,
        unreadable: Arc<UnreadableFiles>,
    ) -> Self {
        let TableParts {
            folder,
            files,
            refusal,
            batches,
        } = parts;
        Self {
            schema: query_schema(stored),
            folder,
            files,
            refusal,
            batches,
            footers,
            unreadable,
        }
    }

    /// The Parquet scan, or `None` where no file can hold a row that the predicate lets through.
    fn scan_files(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        predicate: Option<&Arc<dyn PhysicalExpr>>,
        limit: Option<usize>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        self.refuse_deletion_vectors()?;
        let Scanned { files, verified } = self.files_for(predicate)?;
        if files.is_empty() {
            return Ok(None);
        }
        let url = ObjectStoreUrl::local_filesystem();
        let store = state.runtime_env().object_store(&url)?;
        let store = VerifiedStore::new(store, verified, Arc::clone(&self.unreadable));
        let footers: Arc<DefaultCache<_, _>> = Arc::clone(&self.footers.0);
        let readers = CachedParquetFileReaderFactory::new(Arc::new(store), footers);
        let mut source = ParquetSource::new(Arc::clone(&self.schema))
            .with_table_parquet_options(state.default_table_options().parquet)
            .with_parquet_file_reader_factory(Arc::new(readers));
        if let Some(predicate) = predicate {
            source = source.with_predicate(Arc::clone(predicate));
        }
        let statistics = total(&files, &self.schema);
        let partitions = state.config().target_partitions().max(1);
        let groups = groups(files, partitions);
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(Some(DataSourceExec::from_data_source(config)))
    }

    /// The files without the damaged ones.
    fn undamaged(&self) -> Vec<&ActiveFile> {
        let damaged = self.unreadable.damaged();
        let is_kept = |file: &&ActiveFile| {
            damaged.is_empty() || !damaged.contains_key(&self.folder.join(&file.path))
        };
        self.files.iter().filter(is_kept).collect()
    }

    /// Fails if rows of a file do not belong to the table any more: the scan cannot leave them out.
    fn refuse_deletion_vectors(&self) -> Result<()> {
        let mut files = self.files.iter();
        let Some(file) = files.find(|file| file.deletion_vector.is_some()) else {
            return Ok(());
        };
        let error = LakeError::DeletionVector {
            path: self.folder.join(&file.path),
        };
        Err(DataFusionError::External(Box::new(error)))
    }

    /// The files whose bounds of `time` agree with the predicate.
    fn files_for(&self, predicate: Option<&Arc<dyn PhysicalExpr>>) -> Result<Scanned> {
        let files = self.undamaged();
        let mut statistics = Vec::with_capacity(files.len());
        for file in &files {
            statistics.push(Arc::new(file_statistics(file, &self.schema)));
        }
        let mut kept = vec![true; statistics.len()];
        if let Some(predicate) = predicate {
            let bounds = files
                .iter()
                .map(|file| Arc::new(bounds(file, &self.schema)));
            let bounds = PrunableStatistics::new(bounds.collect(), Arc::clone(&self.schema));
            let pruning = PruningPredicateBuilder::new()
                .with_file_schema(Arc::clone(&self.schema))
                .build(Arc::clone(predicate));
            // A predicate that says nothing about the bounds keeps every file.
            if let Some(Ok(pruned)) = pruning.map(|pruning| pruning.prune(&bounds)) {
                kept = pruned;
            }
        }
        let mut scanned = Scanned::default();
        let files = files.into_iter().zip(statistics).zip(kept);
        for ((file, statistics), _) in files.filter(|(_, kept)| *kept) {
            let location = location(&self.folder, file)
                .map_err(|error| DataFusionError::External(Box::new(error)))?;
            if let Some(checksums) = file.checksums.clone() {
                let verified = ScannedFile {
                    path: self.folder.join(&file.path),
                    size: file.size,
                    checksums,
                };
                scanned.verified.insert(location.clone(), verified);
            }
            let mut partitioned = PartitionedFile::new(String::new(), file.size);
            partitioned.object_meta.location = location;
            scanned.files.push(partitioned.with_statistics(statistics));
        }
        Ok(scanned)
    }

    fn scan_memory(
        &self,
        projection: Option<&Vec<usize>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if self.batches.is_empty() {
            return Ok(None);
        }
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(columns)?);
        let batches: Result<Vec<_>> = self
            .batches
            .iter()
            .map(|batch| as_queried(&batch.project(columns)?, &schema))
            .collect();
        let plan = MemorySourceConfig::try_new_exec(&[batches?], schema, None)?;
        Ok(Some(plan))
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let predicate = match conjunction(filters.to_vec()) {
            Some(filter) => {
                let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
                Some(state.create_physical_expr(filter, &schema)?)
            }
            None => None,
        };
        if let Some(refusal) = &self.refusal {
            return Err(DataFusionError::External(Box::new(Arc::clone(refusal))));
        }
        let files = self.scan_files(state, projection, predicate.as_ref(), limit)?;
        let memory = self.scan_memory(projection)?;
        match (files, memory) {
            (Some(files), Some(memory)) => UnionExec::try_new(vec![files, memory]),
            (Some(plan), None) | (None, Some(plan)) => Ok(plan),
            (None, None) => {
                let schema = datafusion::common::project_schema(&self.schema, projection)?;
                Ok(Arc::new(EmptyExec::new(schema)))
            }
        }
    }

    fn statistics(&self) -> Option<Statistics> {
        if self.refusal.is_some() {
            return None;
        }
        let rows: Option<u64> = self.undamaged().iter().map(|file| file.rows).sum();
        let memory: usize = self.batches.iter().map(RecordBatch::num_rows).sum();
        let mut statistics = Statistics::new_unknown(&self.schema);
        if let Some(rows) = rows {
            statistics.num_rows = Precision::Exact(rows as usize + memory);
        }
        Some(statistics)
    }
}

/// The location at which a query finds a file of the table in `folder`.
pub(crate) fn location(
    folder: &Path,
    file: &ActiveFile,
) -> std::result::Result<object_store::path::Path, object_store::path::Error> {
    object_store::path::Path::from_absolute_path(folder.join(&file.path))
}

/// The schema of a query: texts as views, which group, compare and filter faster.
fn query_schema(stored: &SchemaRef) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Field::new(field.name(), DataType::Utf8View, true),
        other => Field::new(field.name(), other.clone(), true),
    };
    Arc::new(ArrowSchema::new(
        stored.fields().iter().map(field).collect::<Vec<_>>(),
    ))
}

fn as_queried(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

/// Statistics of a file, for planning: a row count is exact.
fn file_statistics(file: &ActiveFile, schema: &SchemaRef) -> Statistics {
    let mut statistics = bounds(file, schema);
    if let Some(rows) = file.rows {
        statistics.num_rows = Precision::Exact(rows as usize);
    }
    // The bounds were rounded outwards in the log: good for leaving files out, not for answering min() and max().
    for column in &mut statistics.column_statistics {
        column.min_value = std::mem::take(&mut column.min_value).to_inexact();
        column.max_value = std::mem::take(&mut column.max_value).to_inexact();
    }
    statistics
}

/// No row of the file is outside of these.
fn bounds(file: &ActiveFile, schema: &SchemaRef) -> Statistics {
    let mut statistics = Statistics::new_unknown(schema);
    if let (Some((least, greatest)), Ok(time)) = (file.time, schema.index_of("time")) {
        let value = |time| ScalarValue::TimestampMicrosecond(Some(time), Some("UTC".into()));
        statistics.column_statistics[time] = ColumnStatistics::new_unknown()
            .with_min_value(Precision::Exact(value(least)))
            .with_max_value(Precision::Exact(value(greatest)));
    }
    statistics
}

fn total(files: &[PartitionedFile], schema: &SchemaRef) -> Statistics {
    let mut total = Statistics::new_unknown(schema);
    let rows = files
        .iter()
        .map(|file| file.statistics.as_ref().map(|all| all.num_rows));
    let rows = rows.map(|rows| rows.and_then(|rows| rows.get_value().copied()));
    if let Some(rows) = rows.sum::<Option<usize>>() {
        total.num_rows = Precision::Exact(rows);
    }
    total
}

/// Deals the files out by size, the largest first, so that the partitions end together.
fn groups(mut files: Vec<PartitionedFile>, partitions: usize) -> Vec<FileGroup> {
    files.sort_by_key(|file| std::cmp::Reverse(file.object_meta.size));
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = Vec::new();
    groups.resize_with(partitions.min(files.len()), Default::default);
    for file in files {
        if let Some((size, group)) = groups.iter_mut().min_by_key(|(size, _)| *size) {
            *size += file.object_meta.size;
            group.push(file);
        }
    }
    groups
        .into_iter()
        .map(|(_, group)| FileGroup::new(group))
        .collect()
}
