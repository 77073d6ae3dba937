//! The tables as a report sees them: the records that were asked for, with three columns that every report needs.
//!
//! | column | on | is |
//! |---|---|---|
//! | `period` | every table | the first day of the record's period; one fixed day when no period is asked for |
//! | `crew` | tables that name a crew | the crew's key, or its id where the release sends no key |
//! | `model` | `agents` | the model's name, from whichever of the LLM's fields the release fills |
//!
//! A view is built from expressions, never from text: a parameter's value cannot become SQL.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::functions::expr_fn::{coalesce, date_trunc, nullif, starts_with};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident, lit};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;

use crate::parameters::{Period, Selection, VersionFilter};

/// The view of the table `name` for `selection`.
pub(crate) fn view(
    context: &SessionContext,
    name: &str,
    provider: Arc<dyn TableProvider>,
    selection: &Selection,
) -> Result<Arc<dyn TableProvider>> {
    let schema = provider.schema();
    let scan = LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?.build()?;
    let mut frame = DataFrame::new(context.state(), scan);
    for condition in conditions(&schema, selection) {
        frame = frame.filter(condition)?;
    }
    let mut columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| ident(field.name()))
        .collect();
    columns.push(period(selection.by).alias("period"));
    let crew = if schema.column_with_name("crew_id").is_none() {
        // Of the tables without a crew's id only `crews` has a key: its own.
        first_filled(&schema, &["key", "id"], "crew")
    } else {
        first_filled(&schema, &["crew_key", "crew_id"], "crew")
    };
    columns.extend(crew);
    let model = first_filled(
        &schema,
        &["llm_model", "llm_model_name", "llm_name"],
        "model",
    );
    columns.extend(model);
    Ok(frame.select(columns)?.into_view())
}

/// One row with the fixed period when no period is asked for, none otherwise: what a count of nothing hangs on.
pub(crate) fn periods(
    context: &SessionContext,
    selection: &Selection,
) -> Result<Arc<dyn TableProvider>> {
    let one = context
        .read_empty()?
        .select(vec![period(None).alias("period")])?;
    let rows = one.filter(lit(selection.by.is_none()))?;
    Ok(rows.into_view())
}

fn conditions(schema: &SchemaRef, selection: &Selection) -> Vec<Expr> {
    let zone = match schema
        .field_with_name("time")
        .map(|field| field.data_type())
    {
        Ok(DataType::Timestamp(_, zone)) => zone.clone(),
        _ => None,
    };
    let moment = |micros| {
        lit(ScalarValue::TimestampMicrosecond(
            Some(micros),
            zone.clone(),
        ))
    };
    let since = selection
        .since
        .map(|since| ident("time").gt_eq(moment(since)));
    let until = selection.until.map(|until| ident("time").lt(moment(until)));
    let framework = selection.framework.as_ref();
    let framework = framework.map(|name| ident("framework").eq(lit(name.as_str())));
    let version = selection.version.as_ref().map(|version| match version {
        VersionFilter::Exact(version) => ident("framework_version").eq(lit(version.as_str())),
        VersionFilter::Prefix(prefix) => {
            starts_with(ident("framework_version"), lit(prefix.as_str()))
        }
    });
    let environment = selection.environment.as_ref().map(|(column, value)| {
        // A table that does not say where its records come from has none of this environment.
        let says = schema.column_with_name(column).is_some();
        if says {
            ident(*column).eq(lit(value.as_str()))
        } else {
            lit(false)
        }
    });
    [since, until, framework, version, environment]
        .into_iter()
        .flatten()
        .collect()
}

/// The first day of a record's period.
pub(crate) fn period(by: Option<Period>) -> Expr {
    match by {
        None => lit(ScalarValue::Date32(Some(0))),
        Some(Period::Day) => cast(ident("time"), DataType::Date32),
        Some(longer) => cast(
            date_trunc(lit(longer.name()), ident("time")),
            DataType::Date32,
        ),
    }
}

/// Of `columns`, if the table has them all, the first that is neither null nor empty, as one column.
fn first_filled(schema: &SchemaRef, columns: &[&str], name: &str) -> Option<Expr> {
    let mut names = columns.iter();
    if !names.all(|column| schema.column_with_name(column).is_some()) {
        return None;
    }
    let filled = |column: &&str| nullif(ident(*column), lit(""));
    Some(coalesce(columns.iter().map(filled).collect()).alias(name))
}
