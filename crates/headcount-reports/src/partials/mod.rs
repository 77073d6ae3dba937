//! What each file contributes to the aggregates of a report, kept from one question to the next.
//!
//! A file of the store never changes under its name. The first step of an aggregate (counts, sums, sets, buckets of each
//! group) over one file is therefore the same each time that a report is computed, and is kept; only files that came
//! since, and the rows in memory, are read again. What is kept does not depend on the span of time that a question asks
//! for, unless its edge lies inside the file ([`bounds`]).
//!
//! ```text
//!  Final                          Final
//!    Partial                        KeptPartialsExec
//!      Projection, Filter, …   →      what is known of files a, b
//!        files a, b, c                Partial, Projection, Filter, … of file c
//!        rows in memory               Partial, Projection, Filter, … of the rows in memory
//! ```
//!
//! Only the reports that ship with Headcount are computed so: their expressions depend on nothing but the rows.

mod bounds;
mod branches;
mod exec;
mod rule;

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

pub(crate) use rule::KeepPartials;

/// Memory for what is kept unless told otherwise, in bytes.
const DEFAULT_BYTES: usize = 64 << 20;

/// How long a contribution is kept. What somebody had erased goes as soon as its files do ([`FilePartials::keep_only`]);
/// this bounds the rest.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// What files contribute to reports, shared by the questions of one store. Cheap to clone.
///
/// The least recently used contributions go when there is no room left.
#[derive(Clone)]
pub struct FilePartials(Arc<DefaultCache<Key, Partial>>);

impl FilePartials {
    /// Keeps at most so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(DefaultCache::new_with_ttl(bytes, Some(KEPT))))
    }

    /// Bytes of what is kept.
    pub fn bytes(&self) -> usize {
        self.0.memory_used()
    }

    /// Lets go of what files contributed that `snapshot` does not have: they were merged, expired or erased from.
    pub fn keep_only(&self, snapshot: &LakeSnapshot) {
        if !self.0.is_empty() {
            self.retain(&snapshot.file_locations());
        }
    }

    fn retain(&self, files: &HashSet<String>) {
        for key in self.0.list_entries().keys() {
            if !files.contains(&*key.file) {
                let _gone = self.0.remove(key);
            }
        }
    }

    fn get(&self, key: &Key) -> Option<RecordBatch> {
        self.0.get(key).map(|partial| partial.0)
    }

    /// Keeps what a file contributed. Where it takes up much of the room it is not kept: reading it again costs little
    /// more than adding it up.
    fn put(&self, key: &Key, schema: &SchemaRef, batches: &[RecordBatch]) {
        // One batch, so that what is kept holds on to no larger buffers.
        let Ok(batch) = concat_batches(schema, batches) else {
            return;
        };
        let partial = Partial(batch);
        if partial.size() <= self.0.cache_limit() / 8 {
            let _before = self.0.put(key, partial);
        }
    }
}

impl Default for FilePartials {
    /// 64 MiB.
    fn default() -> Self {
        Self::new(DEFAULT_BYTES)
    }
}

impl std::fmt::Debug for FilePartials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "FilePartials({} bytes)", self.bytes())
    }
}

/// One file's contribution to one aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// What was asked for, the aggregate, and everything below it but the file, as text.
    work: Arc<str>,
    /// Where the file is.
    file: Arc<str>,
}

impl CacheKey for Key {
    fn size(&self) -> usize {
        self.work.len() + self.file.len()
    }

    fn table_ref(&self) -> Option<&TableReference> {
        None
    }
}

/// The states of an aggregate's groups.
#[derive(Debug, Clone)]
struct Partial(RecordBatch);

impl CacheValue for Partial {
    fn size(&self) -> usize {
        // A file that contributes nothing takes up room, too: without it, it would not be kept.
        self.0.get_array_memory_size() + size_of::<RecordBatch>()
    }
}

#[cfg(test)]
mod tests;
