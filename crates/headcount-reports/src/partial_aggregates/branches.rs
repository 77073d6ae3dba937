//! Splits the input of an aggregate into branches: one for each scan of files and for each other source, with the
//! operators above it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning};

use super::time_bounds::{TIME, TimeBounds};

/// One source of an aggregate's input.
pub(super) struct Branch {
    /// The operators that rows pass, from the aggregate downwards.
    steps: Vec<Arc<dyn ExecutionPlan>>,
    origin: Origin,
}

/// The source of the rows.
enum Origin {
    Files(Box<FileScanConfig>),
    /// Any other plan.
    Other(Arc<dyn ExecutionPlan>),
}

/// The branches of `plan`: their union is its output.
pub(super) fn branches(plan: &Arc<dyn ExecutionPlan>) -> Vec<Branch> {
    if let Some(files) = scan_of(plan) {
        return vec![Branch {
            steps: Vec::new(),
            origin: Origin::Files(Box::new(files.clone())),
        }];
    }
    if plan.is::<UnionExec>() {
        return plan.children().into_iter().flat_map(branches).collect();
    }
    if let [below] = plan.children().as_slice() {
        if moves_rows_only(plan) {
            return branches(below);
        }
        if treats_rows_alone(plan) {
            let mut branches = branches(below);
            for branch in &mut branches {
                branch.steps.insert(0, Arc::clone(plan));
            }
            return branches;
        }
    }
    vec![Branch {
        steps: Vec::new(),
        origin: Origin::Other(Arc::clone(plan)),
    }]
}

/// The file scan, if `plan` is a scan of Parquet files without a limit and an output order.
fn scan_of(plan: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let source = plan.downcast_ref::<DataSourceExec>()?.data_source();
    let files = source.downcast_ref::<FileScanConfig>()?;
    let parquet = files.file_source().downcast_ref::<ParquetSource>();
    let in_no_order = files.output_ordering.is_empty();
    (parquet.is_some() && files.limit.is_none() && in_no_order).then_some(files)
}

/// Whether the operator only moves rows between partitions. Hash partitioning does not count: an operator above relies
/// on it.
fn moves_rows_only(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let round_robin = plan
        .downcast_ref::<RepartitionExec>()
        .is_some_and(|spread| matches!(spread.partitioning(), Partitioning::RoundRobinBatch(_)));
    let gathered = plan.is::<CoalescePartitionsExec>() && plan.fetch().is_none();
    round_robin || gathered || plan.is::<CooperativeExec>()
}

/// Whether the output for a row depends on that row alone.
fn treats_rows_alone(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let filter = plan.is::<FilterExec>() && plan.fetch().is_none();
    filter || plan.is::<ProjectionExec>() || plan.is::<UnnestExec>()
}

impl Branch {
    /// The scanned files, whole and each once; none where the branch scans no files.
    pub(super) fn files(&self) -> Vec<PartitionedFile> {
        let Origin::Files(scan) = &self.origin else {
            return Vec::new();
        };
        let mut files: Vec<PartitionedFile> = Vec::new();
        for file in scan.file_groups.iter().flat_map(FileGroup::iter) {
            let location = &file.object_meta.location;
            let is_known = |known: &PartitionedFile| known.object_meta.location == *location;
            if !files.iter().any(is_known) {
                let mut whole = file.clone();
                whole.range = None;
                files.push(whole);
            }
        }
        files
    }

    /// The branch over `files` of the same scan, without the conditions on time that `bounds` settle.
    ///
    /// A branch that reads no files stays as it is.
    pub(super) fn over(
        &self,
        files: Vec<PartitionedFile>,
        bounds: Option<TimeBounds>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (mut plan, bounds) = match &self.origin {
            Origin::Other(plan) => (Arc::clone(plan), None),
            Origin::Files(scan) => {
                let bounds = bounds.filter(|_| shows_time(scan));
                (scan_over(scan, files, bounds), bounds)
            }
        };
        for (height, step) in self.steps.iter().rev().enumerate() {
            // Higher up, another column may have the name.
            let filter = step.downcast_ref::<FilterExec>().filter(|_| height == 0);
            plan = match (filter, bounds) {
                (Some(filter), Some(bounds)) => {
                    let settled = bounds.settle(filter.predicate());
                    let filter = FilterExecBuilder::from(filter).with_predicate(settled);
                    Arc::new(filter.with_input(plan).build()?)
                }
                _ => over_input(step, plan)?,
            };
        }
        Ok(plan)
    }

    /// The time bounds of `file`.
    pub(super) fn bounds(&self, file: &PartitionedFile) -> Option<TimeBounds> {
        match &self.origin {
            Origin::Files(scan) => TimeBounds::of(file, time_in(scan.file_schema())?),
            Origin::Other(_) => None,
        }
    }

    /// The number of partitions of a branch that reads no files.
    pub(super) fn partitions(&self) -> usize {
        match &self.origin {
            Origin::Files(_) => 1,
            Origin::Other(plan) => plan.output_partitioning().partition_count(),
        }
    }

    pub(super) fn reads_files(&self) -> bool {
        matches!(self.origin, Origin::Files(_))
    }
}

/// `plan`, which has one input, with another input.
pub(super) fn over_input(
    plan: &Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(plan).replace_children(vec![input], options)
}

fn time_in(schema: &SchemaRef) -> Option<usize> {
    schema.index_of(TIME).ok()
}

/// Whether the output column `time` is the files' own column.
fn shows_time(scan: &FileScanConfig) -> bool {
    let Some(projection) = scan.file_source().projection() else {
        return true;
    };
    let mut named = projection.iter().filter(|shown| shown.alias == TIME);
    named.all(|shown| {
        let column = shown.expr.downcast_ref::<Column>();
        column.is_some_and(|column| column.name() == TIME)
    })
}

fn scan_over(
    scan: &FileScanConfig,
    files: Vec<PartitionedFile>,
    bounds: Option<TimeBounds>,
) -> Arc<dyn ExecutionPlan> {
    let groups = vec![FileGroup::new(files)];
    let mut builder = FileScanConfigBuilder::from(scan.clone()).with_file_groups(groups);
    let source = scan.file_source();
    if let (Some(bounds), Some(predicate), Some(parquet)) = (
        bounds,
        source.filter(),
        source.downcast_ref::<ParquetSource>(),
    ) {
        let settled = parquet.with_predicate(bounds.settle(&predicate));
        builder = builder.with_source(Arc::new(settled));
    }
    DataSourceExec::from_data_source(builder.build())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::Operator;
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::physical_expr::expressions::{binary, col, lit};
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::{ParquetReadOptions, SessionContext};

    use super::*;

    /// A file of `rows` rows, each with a time and an earlier moment.
    fn file_of(rows: usize, path: &Path) {
        let micros = |micros: i64| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(vec![micros; rows]))
        };
        let rows = RecordBatch::try_from_iter([(TIME, micros(10)), ("created", micros(1))]);
        let rows = rows.unwrap();
        let file = File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
    }

    /// The plan of `query` over `rows`, the file at `path`.
    fn planned(path: &Path, query: &str) -> Arc<dyn ExecutionPlan> {
        let context = SessionContext::new();
        let planned = async {
            let path = path.to_str().unwrap();
            let options = ParquetReadOptions::default();
            context
                .register_parquet("rows", path, options)
                .await
                .unwrap();
            let frame = context.sql(query).await.unwrap();
            frame.create_physical_plan().await.unwrap()
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(planned)
    }

    #[test]
    fn a_file_that_is_read_in_parts_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        file_of(2, &path);
        let plan = planned(&path, "SELECT time FROM rows");
        let scan = scan_of(&plan).unwrap();
        let whole = scan.file_groups[0].files()[0].clone();
        let parts = [(0, 100), (100, 1_000)].map(|(start, end)| {
            let part = whole.clone().with_range(start, end);
            FileGroup::new(vec![part])
        });
        let scan = FileScanConfigBuilder::from(scan.clone()).with_file_groups(parts.to_vec());
        let plan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(scan.build());
        let branches = branches(&plan);
        let files: Vec<_> = branches.iter().flat_map(Branch::files).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].range, None, "the file is read whole");
    }

    /// The conditions that stay for a file whose times are all after the moment that is asked for, where the query
    /// calls `column` the time.
    fn conditions_where_time_is(column: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        file_of(1, &path);
        let scan = planned(&path, &format!("SELECT {column} AS time FROM rows"));
        let time = col(TIME, &scan.schema()).unwrap();
        let moment = lit(ScalarValue::TimestampMicrosecond(Some(5), None));
        let after = binary(time, Operator::GtEq, moment, &scan.schema()).unwrap();
        let filter = FilterExecBuilder::new(after, scan).build().unwrap();
        let branches = branches(&(Arc::new(filter) as Arc<dyn ExecutionPlan>));
        let [branch] = branches.as_slice() else {
            panic!("one scan is one branch");
        };
        let [file] = <[_; 1]>::try_from(branch.files()).unwrap();
        let bounds = branch.bounds(&file);
        assert!(bounds.is_some());
        let plan = branch.over(vec![file], bounds).unwrap();
        displayable(plan.as_ref()).indent(false).to_string()
    }

    #[test]
    fn only_conditions_on_the_files_own_time_are_settled() {
        let settled = conditions_where_time_is("time");
        assert!(
            settled.contains("FilterExec: time@0 IS NOT NULL"),
            "{settled}"
        );
        let open = conditions_where_time_is("created");
        assert!(open.contains("FilterExec: time@0 >= "), "{open}");
    }
}
