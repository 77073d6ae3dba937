//! The states that aggregates have after one file, by file and plan.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::cache::{Cache as _, CacheKey, CacheValue};
use headcount_lake::LakeSnapshot;

use super::plan_key::PlanKey;

/// Memory of the cache unless told otherwise, in bytes.
const DEFAULT_BYTES: usize = 64 << 20;

/// How long an entry stays. Erased records go as soon as their files do ([`PartialAggregateCache::retain_files_of`]); this
/// bounds the rest.
const TIME_TO_LIVE: Duration = Duration::from_secs(60 * 60);

/// Cached partial aggregates of the files of one store, shared by its queries. Cheap to clone.
///
/// The least recently used entries go when there is no room left.
#[derive(Clone)]
pub struct PartialAggregateCache(Arc<DefaultCache<FileKey, PartialAggregate>>);

impl PartialAggregateCache {
    /// A cache of at most this many bytes.
    pub fn new(bytes: usize) -> Self {
        let cache = DefaultCache::new_with_ttl(bytes, Some(TIME_TO_LIVE));
        Self(Arc::new(cache))
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.0.memory_used()
    }

    /// Removes the entries of files that `snapshot` does not have: they were merged, expired or erased from.
    pub fn retain_files_of(&self, snapshot: &LakeSnapshot) {
        if !self.0.is_empty() {
            self.retain(&snapshot.file_locations());
        }
    }

    pub(super) fn retain(&self, files: &HashSet<String>) {
        for key in self.0.list_entries().keys() {
            if !files.contains(&*key.file) {
                self.0.remove(key);
            }
        }
    }

    pub(super) fn get(&self, key: &FileKey) -> Option<RecordBatch> {
        self.0.get(key).map(|entry| entry.0)
    }

    /// Keeps the states of one file, unless they would take up much of the room: then reading the file again costs
    /// little more than merging them.
    pub(super) fn put(&self, key: &FileKey, schema: &SchemaRef, batches: &[RecordBatch]) {
        // One batch, so that the entry holds on to no larger buffers.
        let Ok(batch) = concat_batches(schema, batches) else {
            return;
        };
        let entry = PartialAggregate(batch);
        if entry.size() <= self.0.cache_limit() / 8 {
            self.0.put(key, entry);
        }
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<FileKey> {
        self.0.list_entries().into_keys().collect()
    }
}

impl Default for PartialAggregateCache {
    /// 64 MiB.
    fn default() -> Self {
        Self::new(DEFAULT_BYTES)
    }
}

impl std::fmt::Debug for PartialAggregateCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PartialAggregateCache({} bytes)", self.bytes())
    }
}

/// One file under one aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FileKey {
    /// The aggregate and everything below it but the file.
    pub(super) plan: Arc<PlanKey>,
    /// The file's location.
    pub(super) file: Arc<str>,
}

impl CacheKey for FileKey {
    fn size(&self) -> usize {
        self.plan.size() + self.file.len()
    }

    fn table_ref(&self) -> Option<&TableReference> {
        None
    }
}

/// The states of an aggregate's groups.
#[derive(Debug, Clone)]
struct PartialAggregate(RecordBatch);

impl CacheValue for PartialAggregate {
    fn size(&self) -> usize {
        // An empty batch takes up room, too. Without a size the cache would not keep it.
        self.0.get_array_memory_size() + size_of::<RecordBatch>()
    }
}
