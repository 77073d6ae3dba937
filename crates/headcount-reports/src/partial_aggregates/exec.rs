//! Emits cached partial aggregates of files, and computes and caches the others.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::cache::{FileKey, PartialAggregateCache};

/// A part of the input of an aggregate's last step.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// The cached states of a file.
    Cached(RecordBatch),
    /// A plan for the states of a file, which are then cached.
    File {
        plan: Arc<dyn ExecutionPlan>,
        key: FileKey,
    },
    /// A plan whose states may differ the next time.
    Uncached {
        plan: Arc<dyn ExecutionPlan>,
        partition: usize,
    },
}

impl Work {
    fn begin(
        self,
        context: Arc<TaskContext>,
        schema: &SchemaRef,
        cache: PartialAggregateCache,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        Ok(match self {
            Self::Cached(batch) => stream::iter([Ok(batch)]).boxed(),
            Self::Uncached { plan, partition } => plan.execute(partition, context)?.boxed(),
            Self::File { plan, key } => {
                let read = plan.execute(0, context)?;
                cached(read, key, Arc::clone(schema), cache)
            }
        })
    }
}

/// The first step of an aggregate, for each file by itself.
#[derive(Debug)]
pub(super) struct CachedPartialsExec {
    schema: SchemaRef,
    works: Vec<Vec<Work>>,
    cache: PartialAggregateCache,
    properties: Arc<PlanProperties>,
}

impl CachedPartialsExec {
    /// Replaces `aggregate`: one partition for each list of works.
    pub(super) fn new(
        aggregate: &Arc<dyn ExecutionPlan>,
        works: Vec<Vec<Work>>,
        cache: PartialAggregateCache,
    ) -> Self {
        let properties = PlanProperties::new(
            // Files have no order, so every column that is known to be ordered is constant.
            aggregate.equivalence_properties().clone(),
            Partitioning::UnknownPartitioning(works.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            schema: aggregate.schema(),
            works,
            cache,
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for CachedPartialsExec {
    fn fmt_as(&self, _: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |is: fn(&Work) -> bool| {
            let works = self.works.iter().flatten();
            works.filter(|work| is(work)).count()
        };
        let cached = count(|work| matches!(work, Work::Cached(_)));
        let files = count(|work| matches!(work, Work::File { .. }));
        let uncached = count(|work| matches!(work, Work::Uncached { .. }));
        write!(
            formatter,
            "CachedPartialsExec: cached={cached}, files={files}, uncached={uncached}"
        )
    }
}

impl ExecutionPlan for CachedPartialsExec {
    fn name(&self) -> &'static str {
        "CachedPartialsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let works = self.works.get(partition).cloned().unwrap_or_default();
        let (schema, cache) = (Arc::clone(&self.schema), self.cache.clone());
        // Sequential: each begins when the one before it has ended.
        let streams = stream::iter(works)
            .map(move |work| work.begin(Arc::clone(&context), &schema, cache.clone()));
        let schema = Arc::clone(&self.schema);
        let all = RecordBatchStreamAdapter::new(schema, streams.try_flatten());
        Ok(Box::pin(all))
    }
}

/// The batches of `read`; once all of them have come, they are cached.
fn cached(
    read: SendableRecordBatchStream,
    key: FileKey,
    schema: SchemaRef,
    cache: PartialAggregateCache,
) -> BoxStream<'static, Result<RecordBatch>> {
    let begun = (read, Vec::new());
    stream::unfold(Some(begun), move |state| {
        let (key, schema, cache) = (key.clone(), Arc::clone(&schema), cache.clone());
        async move {
            let (mut read, mut batches) = state?;
            match read.next().await {
                Some(Ok(batch)) => {
                    batches.push(batch.clone());
                    Some((Ok(batch), Some((read, batches))))
                }
                Some(Err(error)) => Some((Err(error), None)),
                None => {
                    cache.put(&key, &schema, &batches);
                    None
                }
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use datafusion::common::DataFusionError;

    use super::super::plan_key::PlanKey;
    use super::*;

    /// How many rows are cached after a reader took the first `taken` of these batches.
    fn cached_rows(batches: Vec<Result<RecordBatch>>, taken: usize) -> Option<usize> {
        let schema = batch().schema();
        let read = RecordBatchStreamAdapter::new(Arc::clone(&schema), stream::iter(batches));
        let key = FileKey {
            plan: Arc::new(PlanKey::empty()),
            file: Arc::from("file"),
        };
        let cache = PartialAggregateCache::default();
        let read = cached(Box::pin(read), key.clone(), schema, cache.clone());
        futures::executor::block_on(read.take(taken).for_each(|_| std::future::ready(())));
        cache.get(&key).map(|batch| batch.num_rows())
    }

    fn batch() -> RecordBatch {
        let column = Arc::new(Int64Array::from(vec![1, 2])) as _;
        RecordBatch::try_from_iter([("count", column)]).unwrap()
    }

    #[test]
    fn only_a_complete_result_is_cached() {
        let two = || vec![Ok(batch()), Ok(batch())];
        assert_eq!(cached_rows(two(), 3), Some(4));
        assert_eq!(cached_rows(Vec::new(), 1), Some(0));
        assert_eq!(cached_rows(two(), 1), None);
        let mut failing = two();
        failing.push(Err(DataFusionError::Execution("lost".to_owned())));
        assert_eq!(cached_rows(failing, 5), None);
    }
}
