//! The tables as a report sees them: the selected records, with the columns that every report may read.
//!
//! A view is built from expressions, never from text: a parameter's value cannot become SQL.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, ident, lit};
use datafusion::prelude::SessionContext;

use crate::filters::{WriteValue, conditions, derived_columns, period};
use crate::parameters::Selection;

/// The view of the table `name` for `selection`, whose values `write` writes.
pub(crate) fn view(
    context: &SessionContext,
    name: &str,
    provider: Arc<dyn TableProvider>,
    selection: &Selection,
    write: WriteValue,
) -> Result<Arc<dyn TableProvider>> {
    let schema = provider.schema();
    let scan = LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?.build()?;
    let mut frame = DataFrame::new(context.state(), scan);
    for condition in conditions(name, &schema, selection, write) {
        frame = frame.filter(condition)?;
    }
    let own = schema.fields().iter().map(|field| ident(field.name()));
    let derived = derived_columns(&schema, selection).into_iter();
    let columns: Vec<Expr> = own
        .chain(derived.map(|(name, column)| column.alias(name)))
        .collect();
    Ok(frame.select(columns)?.into_view())
}

/// The table `periods`: one row with the fixed period when no period is asked for, none otherwise. Reports join it to
/// show a count of zero.
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
