//! Puts what is known of files in the place of reading them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, displayable};

use super::branches::{Branch, branches, over_input};
use super::exec::{KeptPartialsExec, Work};
use super::{FilePartials, Key};
use crate::parameters::Selection;

/// The rule. It belongs at the end: what is kept goes by the plan's final text.
#[derive(Debug)]
pub(crate) struct KeepPartials {
    partials: FilePartials,
    /// What was asked for but the span of time, quoted: a plan shows texts without quotes, and what somebody asks for could
    /// read as another question's conditions.
    asked: String,
}

impl KeepPartials {
    /// For a plan that answers `selection`.
    pub(crate) fn new(partials: FilePartials, selection: &Selection) -> Self {
        let asked = Selection {
            since: None,
            until: None,
            ..selection.clone()
        };
        Self {
            partials,
            asked: format!("{asked:?} "),
        }
    }
}

impl PhysicalOptimizerRule for KeepPartials {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rewritten = plan.transform_up(|node| {
            let aggregate = node
                .downcast_ref::<AggregateExec>()
                .filter(|aggregate| adds_up(aggregate));
            let replaced = match aggregate {
                Some(aggregate) => self.replace(&node, aggregate)?,
                None => None,
            };
            Ok(replaced.map_or(Transformed::no(node), Transformed::yes))
        })?;
        Ok(rewritten.data)
    }

    fn name(&self) -> &'static str {
        "keep_partials"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether the aggregate over all rows is that over some and that over the others, added up by the step after it.
fn adds_up(aggregate: &AggregateExec) -> bool {
    let mut functions = aggregate.aggr_expr().iter();
    *aggregate.mode() == AggregateMode::Partial
        && aggregate.limit_options().is_none()
        && functions.all(|function| function.order_bys().is_empty())
}

impl KeepPartials {
    /// The same contributions, those of files from what is kept; none where no file is read.
    fn replace(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        aggregate: &AggregateExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let branches = branches(aggregate.input());
        if !branches.iter().any(Branch::reads_files) {
            return Ok(None);
        }
        let partitions = node.output_partitioning().partition_count();
        let mut works = Spread::over(partitions);
        for branch in &branches {
            if branch.reads_files() {
                self.plan_files(node, aggregate, branch, &mut works)?;
            } else {
                let plan = over_input(node, branch.over(Vec::new(), None)?)?;
                for partition in 0..branch.partitions() {
                    let plan = Arc::clone(&plan);
                    works.add(Work::Other { plan, partition }, 0);
                }
            }
        }
        let kept = KeptPartialsExec::new(node, works.partitions, self.partials.clone());
        Ok(Some(Arc::new(kept)))
    }

    fn plan_files(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        aggregate: &AggregateExec,
        branch: &Branch,
        works: &mut Spread,
    ) -> Result<()> {
        let mut files = branch.files();
        // The largest first, so that the partitions end together.
        files.sort_by_key(|file| std::cmp::Reverse(file.object_meta.size));
        // Most files lie wholly inside what is asked for: their work has one name.
        let mut names: HashMap<String, Arc<str>> = HashMap::new();
        for file in files {
            let bounds = branch.bounds(&file);
            let branch_without_files = branch.over(Vec::new(), bounds)?;
            let text = displayable(branch_without_files.as_ref())
                .indent(true)
                .to_string();
            let name = names.entry(text).or_insert_with_key(|text| {
                Arc::from(self.asked.clone() + &name_of(aggregate, text))
            });
            let work = Arc::clone(name);
            let size = file.object_meta.size;
            let key = Key {
                work,
                file: Arc::from(location(&file)),
            };
            let work = match self.partials.get(&key) {
                Some(batch) => Work::Known(batch),
                None => Work::File {
                    plan: over_input(node, branch.over(vec![file], bounds)?)?,
                    key,
                },
            };
            works.add(work, size);
        }
        Ok(())
    }
}

fn location(file: &PartitionedFile) -> &str {
    file.object_meta.location.as_ref()
}

/// Everything that what comes out depends on but the file.
fn name_of(aggregate: &AggregateExec, input: &str) -> String {
    let mut name = String::new();
    for (group, alias) in aggregate.group_expr().expr() {
        let _never = write!(name, "{group} as {alias}, ");
    }
    let _never = write!(name, "{:?} ", aggregate.group_expr().groups());
    let functions = aggregate.aggr_expr().iter().zip(aggregate.filter_expr());
    for (function, filter) in functions {
        let _never = write!(name, "{}(", function.fun().name());
        for argument in function.expressions() {
            let _never = write!(name, "{argument}, ");
        }
        let distinct = function.is_distinct();
        let _never = write!(name, ") {distinct} {}", function.name());
        if let Some(filter) = filter {
            let _never = write!(name, " where {filter}");
        }
        name.push_str(", ");
    }
    for field in aggregate.schema().fields() {
        let _never = write!(name, "{} ", field.data_type());
    }
    name.push_str(input);
    name
}

/// Work, dealt out to partitions.
struct Spread {
    partitions: Vec<Vec<Work>>,
    loads: Vec<u64>,
}

impl Spread {
    fn over(partitions: usize) -> Self {
        let partitions = partitions.max(1);
        Self {
            partitions: vec![Vec::new(); partitions],
            loads: vec![0; partitions],
        }
    }

    /// Gives `work`, which reads a file of so many bytes, to the partition that has least to do.
    fn add(&mut self, work: Work, bytes: u64) {
        // What is known costs next to nothing, and a file more than its bytes.
        let load = match &work {
            Work::Known(_) => 1,
            Work::File { .. } | Work::Other { .. } => bytes + 100_000,
        };
        let least = (0..self.loads.len()).min_by_key(|&index| self.loads[index]);
        if let Some(index) = least {
            self.loads[index] += load;
            self.partitions[index].push(work);
        }
    }
}
