//! The states that aggregates have after one file, by file and plan.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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

/// Plans whose results are kept at a time. Headcount's reports have some hundred, with each filter that somebody chooses as
/// many again; a plan takes some kilobytes, which the entries' own sizes do not count.
const PLANS: usize = 1024;

/// Cached partial aggregates of the files of one store, shared by its queries. Cheap to clone.
///
/// The least recently used entries go when there is no room left.
#[derive(Clone)]
pub struct PartialAggregateCache(Arc<Shared>);

struct Shared {
    entries: DefaultCache<FileKey, PartialAggregate>,
    /// The plans of the entries, each once: so that their structure is compared once a query, and not once a file.
    plans: Mutex<HashSet<Arc<PlanKey>>>,
    plan_limit: usize,
}

impl PartialAggregateCache {
    /// A cache of at most this many bytes.
    pub fn new(bytes: usize) -> Self {
        Self::with_plan_limit(bytes, PLANS)
    }

    pub(super) fn with_plan_limit(bytes: usize, plan_limit: usize) -> Self {
        Self(Arc::new(Shared {
            entries: DefaultCache::new_with_ttl(bytes, Some(TIME_TO_LIVE)),
            plans: Mutex::default(),
            plan_limit,
        }))
    }

    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        self.0.entries.memory_used()
    }

    /// Removes the entries of files that `snapshot` does not have: they were merged, expired or erased from.
    pub fn retain_files_of(&self, snapshot: &LakeSnapshot) {
        self.retain(&snapshot.file_locations());
    }

    pub(super) fn retain(&self, files: &HashSet<String>) {
        let now = Instant::now();
        for (key, entry) in self.0.entries.list_entries() {
            let is_expired = entry.expires.is_some_and(|expires| expires <= now);
            if is_expired || !files.contains(&*key.file) {
                self.0.entries.remove(&key);
            }
        }
        self.plans().retain(|plan| Arc::strong_count(plan) > 1);
    }

    /// The one key of this structure.
    pub(super) fn intern(&self, plan: PlanKey) -> Arc<PlanKey> {
        let mut plans = self.plans();
        if let Some(known) = plans.get(&plan) {
            return Arc::clone(known);
        }
        if plans.len() >= self.0.plan_limit {
            plans.retain(|plan| Arc::strong_count(plan) > 1);
        }
        if plans.len() >= self.0.plan_limit {
            // Without a place in this set, an entry is never found again.
            self.0.entries.clear();
            plans.clear();
        }
        let plan = Arc::new(plan);
        plans.insert(Arc::clone(&plan));
        plan
    }

    fn plans(&self) -> std::sync::MutexGuard<'_, HashSet<Arc<PlanKey>>> {
        // A panic elsewhere leaves a set that is whole.
        self.0.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &FileKey) -> Option<RecordBatch> {
        self.0.entries.get(key).map(|entry| entry.0)
    }

    /// Keeps the states of one file, unless they would take up much of the room: then reading the file again costs
    /// little more than merging them.
    pub(super) fn put(&self, key: &FileKey, schema: &SchemaRef, batches: &[RecordBatch]) {
        // One batch, so that the entry holds on to no larger buffers.
        let Ok(batch) = concat_batches(schema, batches) else {
            return;
        };
        let entry = PartialAggregate(batch);
        if entry.size() <= self.0.entries.cache_limit() / 8 {
            self.0.entries.put(key, entry);
        }
    }

    #[cfg(test)]
    pub(super) fn plan_count(&self) -> usize {
        self.plans().len()
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<FileKey> {
        self.0.entries.list_entries().into_keys().collect()
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
#[derive(Debug, Clone)]
pub(super) struct FileKey {
    /// The aggregate and everything below it but the file; of [`PartialAggregateCache::intern`].
    pub(super) plan: Arc<PlanKey>,
    /// The file's location.
    pub(super) file: Arc<str>,
}

impl PartialEq for FileKey {
    fn eq(&self, other: &Self) -> bool {
        // Equal plans are one and the same.
        Arc::ptr_eq(&self.plan, &other.plan) && self.file == other.file
    }
}

impl Eq for FileKey {}

impl Hash for FileKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.plan.hash(state);
        self.file.hash(state);
    }
}

impl CacheKey for FileKey {
    fn size(&self) -> usize {
        size_of::<Self>() + self.file.len()
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
