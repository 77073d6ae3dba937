//! From a report to a plan.
//!
//! To parse, analyse and optimise a report's SQL takes longer than to run it over what is cached. Only the values of the parameters and
//! the tables' rows differ from one time to the next: so a report is optimised once for each shape of a selection, over tables without
//! rows and with placeholders, and that plan is bound to the rest each time.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ParamValues;
use datafusion::common::tree_node::Transformed;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;

use crate::constant_period::without_constant_period;
use crate::filters::{WriteValue, literal, period, placeholder, values};
use crate::header::ReportHeader;
use crate::parameters::Selection;
use crate::source::Source;
use crate::views::{periods, view};

/// Optimised plans that are kept: a few shapes of each report. When there are more, all are made anew.
const MAX_TEMPLATES: usize = 1024;

/// The optimised plans with placeholders.
static TEMPLATES: LazyLock<Mutex<HashMap<Key, Arc<LogicalPlan>>>> = LazyLock::new(Mutex::default);

/// The report, the shape of the selection, and a hash of the tables' schemas and of the SQL.
type Key = (&'static str, String, u64);

/// The report's plan over views of `sources`, not optimised.
pub(crate) async fn logical_plan(
    context: &SessionContext,
    sources: &[Source],
    report: &ReportHeader,
    selection: &Selection,
) -> Result<LogicalPlan> {
    let plan = plan(context, sources, report, selection, literal).await?;
    plan.with_param_values(own_values(selection))
}

/// The report's optimised plan over `sources`.
pub(crate) async fn optimized_plan(
    context: &SessionContext,
    sources: &[Source],
    report: &'static ReportHeader,
    selection: &Selection,
) -> Result<LogicalPlan> {
    let key = key(sources, report, selection);
    let known = templates().get(&key).cloned();
    let template = match known {
        Some(template) => template,
        None => {
            let slots: Vec<Source> = sources.iter().map(Slot::of).collect();
            let plan = plan(context, &slots, report, selection, placeholder).await?;
            let template = Arc::new(context.state().optimize(&plan)?);
            let mut templates = templates();
            if templates.len() >= MAX_TEMPLATES {
                templates.clear();
            }
            templates.insert(key, Arc::clone(&template));
            template
        }
    };
    bind(&template, sources, selection)
}

/// The physical plan of an optimised plan, which is not optimised again.
pub(crate) async fn physical_plan(
    context: &SessionContext,
    optimized: &LogicalPlan,
) -> Result<Arc<dyn ExecutionPlan>> {
    let state = context.state();
    let planner = Arc::clone(state.query_planner());
    planner.create_physical_plan(optimized, &state).await
}

fn templates() -> std::sync::MutexGuard<'static, HashMap<Key, Arc<LogicalPlan>>> {
    TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn plan(
    context: &SessionContext,
    sources: &[Source],
    report: &ReportHeader,
    selection: &Selection,
    write: WriteValue,
) -> Result<LogicalPlan> {
    // A view costs about as much as the planning of a small report, and a report reads two of thirty tables.
    for source in named_in(report, sources) {
        let provider = Arc::clone(&source.provider);
        let provider = view(context, &source.name, provider, selection, write)?;
        context.register_table(source.name.as_str(), provider)?;
    }
    context.register_table("periods", periods(context, selection)?)?;
    // The planner has to know the type before the value is bound.
    let sql = selection.own.written_into(report.sql);
    let sql = sql.replace("$min_crews", "CAST($min_crews AS BIGINT)");
    let frame: DataFrame = context.sql(&sql).await?;
    let plan = frame.into_unoptimized_plan();
    match selection.by {
        None => without_constant_period(plan, &period(None)),
        Some(_) => Ok(plan),
    }
}

/// The sources that the report may read.
fn named_in<'a>(report: &ReportHeader, sources: &'a [Source]) -> impl Iterator<Item = &'a Source> {
    let sql = report.sql;
    sources
        .iter()
        .filter(move |source| sql.contains(&source.name))
}

fn key(sources: &[Source], report: &'static ReportHeader, selection: &Selection) -> Key {
    let mut schemas = DefaultHasher::new();
    for source in named_in(report, sources) {
        (&source.name, source.provider.schema()).hash(&mut schemas);
    }
    selection.own.written_into(report.sql).hash(&mut schemas);
    let shape = format!("{:?}", selection.shape());
    (report.name.as_str(), shape, schemas.finish())
}

/// The plan over the sources' rows, with the values of the selection.
fn bind(template: &LogicalPlan, sources: &[Source], selection: &Selection) -> Result<LogicalPlan> {
    let bound = template.clone().transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else {
            return Ok(Transformed::no(node));
        };
        let name = scan.table_name.table();
        let Some(source) = sources.iter().find(|source| source.name == name) else {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        };
        scan.source = provider_as_source(Arc::clone(&source.provider));
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    let values = values(selection)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let values = values.chain(named_values(selection));
    bound.data.with_param_values(values.collect::<Vec<_>>())
}

/// The values that a report's own SQL names: of its parameters, and the threshold.
fn own_values(selection: &Selection) -> ParamValues {
    named_values(selection).collect::<Vec<_>>().into()
}

fn named_values(selection: &Selection) -> impl Iterator<Item = (String, ScalarValue)> + '_ {
    let crews = i64::try_from(selection.min_crews).unwrap_or(i64::MAX);
    let threshold = ("min_crews".to_owned(), ScalarValue::Int64(Some(crews)));
    selection.own.bound().chain([threshold])
}

/// A table in a plan that is not bound to rows yet.
#[derive(Debug)]
struct Slot(SchemaRef);

impl Slot {
    fn of(source: &Source) -> Source {
        Source {
            provider: Arc::new(Self(source.provider.schema())),
            ..source.clone()
        }
    }
}

#[async_trait]
impl TableProvider for Slot {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// A scan may use any filter to leave out rows early; the plan filters as well.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(DataFusionError::Internal(
            "a plan was not bound to its tables".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{QueryLimits, session};
    use crate::library::find_report;
    use crate::tests::{dataset, source_of, wait};

    /// Both are bound to the plan of their shape, and each to its own values.
    #[test]
    fn selections_of_one_shape_share_a_plan_and_no_value() {
        let dataset = dataset();
        let schema = headcount_catalog::Catalog::embedded().schema();
        let tables = schema.tables.iter();
        let sources: Vec<Source> = tables.map(|table| source_of(table, &dataset).0).collect();
        let report = find_report("tools").unwrap();
        let plan_of = |framework: &str, since| {
            let selection = Selection {
                framework: Some(framework.to_owned()),
                since: Some(since),
                min_crews: 1,
                ..Selection::default()
            };
            let context = session(&QueryLimits::default(), None).unwrap();
            let plan = wait(optimized_plan(&context, &sources, report, &selection)).unwrap();
            (
                key(&sources, report, &selection),
                plan.display_indent().to_string(),
            )
        };
        let (first, second) = (plan_of("crewai", 17), plan_of("langgraph", 23));
        assert_eq!(first.0, second.0);
        for (mine, other) in [(&first.1, "langgraph"), (&second.1, "crewai")] {
            assert!(!mine.contains('$'), "every placeholder is bound: {mine}");
            assert!(!mine.contains(other), "{mine}");
        }
        assert!(first.1.contains("crewai") && second.1.contains("langgraph"));
    }
}
