//! Hands on what is known of files, and works out what is not.

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
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};

use super::{FilePartials, Key};

/// One piece of what an aggregate adds up.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// What a file is known to contribute.
    Known(RecordBatch),
    /// What a file contributes, to be worked out and kept.
    File {
        plan: Arc<dyn ExecutionPlan>,
        key: Key,
    },
    /// What something else contributes, which may be another thing the next time.
    Other {
        plan: Arc<dyn ExecutionPlan>,
        partition: usize,
    },
}

impl Work {
    fn begin(
        self,
        context: Arc<TaskContext>,
        schema: &SchemaRef,
        partials: FilePartials,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        Ok(match self {
            Self::Known(batch) => stream::iter([Ok(batch)]).boxed(),
            Self::Other { plan, partition } => plan.execute(partition, context)?.boxed(),
            Self::File { plan, key } => {
                let read = plan.execute(0, context)?;
                kept(read, key, Arc::clone(schema), partials).boxed()
            }
        })
    }
}

/// The first step of an aggregate, of each file by itself.
#[derive(Debug)]
pub(super) struct KeptPartialsExec {
    schema: SchemaRef,
    works: Vec<Vec<Work>>,
    partials: FilePartials,
    properties: Arc<PlanProperties>,
}

impl KeptPartialsExec {
    /// In the place of `aggregate`: one partition for each list of works.
    pub(super) fn new(
        aggregate: &Arc<dyn ExecutionPlan>,
        works: Vec<Vec<Work>>,
        partials: FilePartials,
    ) -> Self {
        let properties = PlanProperties::new(
            // Files come in no order, so whatever is known to be in order is constant.
            aggregate.equivalence_properties().clone(),
            Partitioning::UnknownPartitioning(works.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            schema: aggregate.schema(),
            works,
            partials,
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for KeptPartialsExec {
    fn fmt_as(&self, _: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |is: fn(&Work) -> bool| {
            let works = self.works.iter().flatten();
            works.filter(|work| is(work)).count()
        };
        let known = count(|work| matches!(work, Work::Known(_)));
        let files = count(|work| matches!(work, Work::File { .. }));
        let others = count(|work| matches!(work, Work::Other { .. }));
        write!(
            formatter,
            "KeptPartialsExec: known={known}, files={files}, others={others}"
        )
    }
}

impl ExecutionPlan for KeptPartialsExec {
    fn name(&self) -> &'static str {
        "KeptPartialsExec"
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
        let (schema, partials) = (Arc::clone(&self.schema), self.partials.clone());
        // One after the other: each begins when the one before it has ended.
        let streams = stream::iter(works)
            .map(move |work| work.begin(Arc::clone(&context), &schema, partials.clone()));
        let schema = Arc::clone(&self.schema);
        let all = RecordBatchStreamAdapter::new(schema, streams.try_flatten());
        Ok(Box::pin(all))
    }
}

/// The batches of `read`; when all of them have come, they are kept.
fn kept(
    read: SendableRecordBatchStream,
    key: Key,
    schema: SchemaRef,
    partials: FilePartials,
) -> impl Stream<Item = Result<RecordBatch>> {
    let begun = (read, Vec::new());
    stream::unfold(Some(begun), move |state| {
        let (key, schema, partials) = (key.clone(), Arc::clone(&schema), partials.clone());
        async move {
            let (mut read, mut batches) = state?;
            match read.next().await {
                Some(Ok(batch)) => {
                    batches.push(batch.clone());
                    Some((Ok(batch), Some((read, batches))))
                }
                Some(Err(error)) => Some((Err(error), None)),
                None => {
                    partials.put(&key, &schema, &batches);
                    None
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use datafusion::common::DataFusionError;

    use super::*;

    /// What is kept of a stream of these batches, of which the reader takes so many.
    fn kept_of(batches: Vec<Result<RecordBatch>>, taken: usize) -> Option<usize> {
        let schema = batch().schema();
        let read = RecordBatchStreamAdapter::new(Arc::clone(&schema), stream::iter(batches));
        let key = Key {
            work: Arc::from("work"),
            file: Arc::from("file"),
        };
        let partials = FilePartials::default();
        let read = kept(Box::pin(read), key.clone(), schema, partials.clone());
        let _results: Vec<_> = futures::executor::block_on(read.take(taken).collect());
        partials.get(&key).map(|batch| batch.num_rows())
    }

    fn batch() -> RecordBatch {
        let column = Arc::new(Int64Array::from(vec![1, 2])) as _;
        RecordBatch::try_from_iter([("count", column)]).unwrap()
    }

    #[test]
    fn only_a_whole_contribution_is_kept() {
        let two = || vec![Ok(batch()), Ok(batch())];
        assert_eq!(kept_of(two(), 3), Some(4));
        assert_eq!(kept_of(Vec::new(), 1), Some(0));
        assert_eq!(kept_of(two(), 1), None);
        let mut failing = two();
        failing.push(Err(DataFusionError::Execution("lost".to_owned())));
        assert_eq!(kept_of(failing, 5), None);
    }
}
