//! The catalog's fields that the reports read. A field that no report reads should not be collected.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Utc;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use futures::future::{BoxFuture, FutureExt};
use headcount_catalog::{Schema, Table};
use headcount_lake::arrow_schema;

use crate::engine::{QueryLimits, session};
use crate::error::ReportError;
use crate::library::catalog_of_reports;
use crate::parameters::{ReportParameters, Selection, VersionFilter};
use crate::report_plan::logical_plan;
use crate::source::Source;

/// A column of a table: (table, column).
pub type Field = (String, String);

/// The fields that some report of the project reads, found by planning each over the tables of `schema`.
///
/// # Errors
/// If a report does not fit the schema; the text names the report and the missing column.
pub async fn fields_used(schema: &Schema) -> Result<BTreeSet<Field>, ReportError> {
    plan_all(schema).await
}

// Not async: an async function would compile the planner's futures in every crate that awaits it.
fn plan_all(schema: &Schema) -> BoxFuture<'_, Result<BTreeSet<Field>, ReportError>> {
    read_fields(schema).boxed()
}

async fn read_fields(schema: &Schema) -> Result<BTreeSet<Field>, ReportError> {
    let limits = QueryLimits::default();
    let sources: Vec<Source> = schema.tables.iter().map(empty_source).collect();
    let mut fields = BTreeSet::new();
    for report in catalog_of_reports() {
        let named = |error: DataFusionError| {
            ReportError::Engine(format!(
                "report {}: {}",
                report.name,
                error.strip_backtrace()
            ))
        };
        let context = session(&limits, None)?;
        // Filters read fields too: of a table that a report reads, not of every table.
        let selection = Selection {
            since: Some(0),
            framework: Some("crewai".to_owned()),
            version: Some(VersionFilter::Exact("1".to_owned())),
            min_crews: 1,
            ..ReportParameters::default().resolve_for(report, Utc::now())?
        };
        let plan = logical_plan(&context, &sources, report, &selection).await;
        let optimized = plan.and_then(|plan| context.state().optimize(&plan));
        add_scanned(&optimized.map_err(named)?, &mut fields).map_err(named)?;
    }
    Ok(fields)
}

fn add_scanned(plan: &LogicalPlan, fields: &mut BTreeSet<Field>) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let read = scan.projected_schema.fields().iter();
            let filtered = scan.filters.iter().flat_map(|filter| filter.column_refs());
            let names = read
                .map(|field| field.name().clone())
                .chain(filtered.map(|column| column.name.clone()));
            fields.extend(names.map(|name| (scan.table_name.table().to_owned(), name)));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn empty_source(table: &Table) -> Source {
    Source {
        name: table.name.clone(),
        tier: table.tier,
        rows: Some(0),
        provider: Arc::new(EmptyTable::new(arrow_schema(table))),
    }
}
