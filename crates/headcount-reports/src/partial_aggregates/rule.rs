//! Replaces reading a file by its cached partial aggregate.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::branches::{Branch, branches, over_input};
use super::cache::{FileKey, PartialAggregateCache};
use super::exec::{CachedPartialsExec, Work};
use super::plan_key::PlanKey;

/// The rule. It belongs at the end: the cache goes by the final plan.
#[derive(Debug)]
pub(crate) struct CachePartialAggregates {
    cache: PartialAggregateCache,
}

impl CachePartialAggregates {
    pub(crate) fn new(cache: PartialAggregateCache) -> Self {
        Self { cache }
    }
}

impl PhysicalOptimizerRule for CachePartialAggregates {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rewritten = plan.transform_up(|node| {
            let aggregate = node
                .downcast_ref::<AggregateExec>()
                .filter(|aggregate| is_mergeable(aggregate));
            let replaced = match aggregate {
                Some(aggregate) => self.replace(&node, aggregate)?,
                None => None,
            };
            Ok(replaced.map_or(Transformed::no(node), Transformed::yes))
        })?;
        Ok(rewritten.data)
    }

    fn name(&self) -> &'static str {
        "cache_partial_aggregates"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether the step after the aggregate can merge states that were computed apart from each other.
fn is_mergeable(aggregate: &AggregateExec) -> bool {
    let mut functions = aggregate.aggr_expr().iter();
    *aggregate.mode() == AggregateMode::Partial
        && aggregate.limit_options().is_none()
        && functions.all(|function| function.order_bys().is_empty())
}

impl CachePartialAggregates {
    /// An operator with the same states, those of known files from the cache; none where no file is read.
    fn replace(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        aggregate: &AggregateExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let branches = branches(aggregate.input());
        if !branches.iter().any(Branch::reads_files) {
            return Ok(None);
        }
        let count = node.output_partitioning().partition_count();
        let mut partitions = Partitions::new(count);
        for branch in &branches {
            if branch.reads_files() {
                self.plan_files(node, aggregate, branch, &mut partitions)?;
            } else {
                let plan = over_input(node, branch.over(Vec::new(), None)?)?;
                for partition in 0..branch.partitions() {
                    let plan = Arc::clone(&plan);
                    partitions.add(Work::Uncached { plan, partition }, 0);
                }
            }
        }
        let exec = CachedPartialsExec::new(node, partitions.works, self.cache.clone());
        Ok(Some(Arc::new(exec)))
    }

    fn plan_files(
        &self,
        node: &Arc<dyn ExecutionPlan>,
        aggregate: &AggregateExec,
        branch: &Branch,
        partitions: &mut Partitions,
    ) -> Result<()> {
        let mut files = branch.files();
        // The largest first, so that the partitions end together.
        files.sort_by_key(|file| std::cmp::Reverse(file.object_meta.size));
        // Most files lie wholly inside the time range: their keys share one plan.
        let mut plans: HashMap<PlanKey, Arc<PlanKey>> = HashMap::new();
        for file in files {
            let bounds = branch.bounds(&file);
            let size = file.object_meta.size;
            let key = if is_read_whole(&file) {
                let without_file = branch.over(Vec::new(), bounds)?;
                PlanKey::of(aggregate, &without_file)
            } else {
                None
            };
            let key = key.map(|plan| FileKey {
                plan: self.shared(&mut plans, plan),
                file: Arc::from(file.object_meta.location.as_ref()),
            });
            let cached = key.as_ref().and_then(|key| self.cache.get(key));
            let work = match (cached, key) {
                (Some(batch), _) => Work::Cached(batch),
                (None, key) => {
                    let plan = over_input(node, branch.over(vec![file], bounds)?)?;
                    match key {
                        Some(key) => Work::File { plan, key },
                        None => Work::Uncached { plan, partition: 0 },
                    }
                }
            };
            partitions.add(work, size);
        }
        Ok(())
    }

    /// The one key of a structure. `plans` are those of this query, whose expressions are compared by their addresses.
    fn shared(&self, plans: &mut HashMap<PlanKey, Arc<PlanKey>>, plan: PlanKey) -> Arc<PlanKey> {
        if let Some(known) = plans.get(&plan) {
            return Arc::clone(known);
        }
        let known = self.cache.intern(plan.clone());
        plans.insert(plan, Arc::clone(&known));
        known
    }
}

/// Whether the whole file is read: an extension may select some of its rows.
fn is_read_whole(file: &PartitionedFile) -> bool {
    file.extensions.is_empty()
}

/// Work, dealt out to partitions.
struct Partitions {
    works: Vec<Vec<Work>>,
    loads: Vec<u64>,
}

impl Partitions {
    fn new(count: usize) -> Self {
        let count = count.max(1);
        Self {
            works: vec![Vec::new(); count],
            loads: vec![0; count],
        }
    }

    /// Gives `work`, which reads a file of this many bytes, to the partition that has the least to do.
    fn add(&mut self, work: Work, bytes: u64) {
        // A cached state costs next to nothing, and a file more than its bytes.
        let load = match &work {
            Work::Cached(_) => 1,
            Work::File { .. } | Work::Uncached { .. } => bytes + 100_000,
        };
        let least = (0..self.loads.len()).min_by_key(|&index| self.loads[index]);
        if let Some(index) = least {
            self.loads[index] += load;
            self.works[index].push(work);
        }
    }
}
