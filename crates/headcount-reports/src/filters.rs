//! The meaning of a report's parameters for a table: which of its records count, and the columns derived from them.
//!
//! This is the only definition. The planner takes these expressions as they are (`views`); a statement that is shown to
//! people writes the same expressions as SQL (`statement`).
//!
//! | derived column | on | is |
//! |---|---|---|
//! | `period` | every table | the first day of the record's period; one fixed day when no period is asked for |
//! | `crew` | tables that name a crew | the crew's key, or its id where the release sends no key |
//! | `model` | `agents` | the model's name, from whichever of the LLM's fields the release fills |

use arrow::datatypes::{DataType, Schema};
use datafusion::functions::expr_fn::{coalesce, date_trunc, nullif, starts_with};
use datafusion::logical_expr::{Expr, cast, ident, lit};
use datafusion::scalar::ScalarValue;
use headcount_catalog::{Catalog, Tier};

use crate::parameters::{Period, Selection, VersionFilter};

/// The conditions that a record of the table `name`, with this schema, meets to be selected. An environment selects
/// nothing in the shared tier, whose records name none: there it is ignored.
pub(crate) fn conditions(name: &str, schema: &Schema, selection: &Selection) -> Vec<Expr> {
    let zone = match schema
        .field_with_name("time")
        .map(|field| field.data_type())
    {
        Ok(DataType::Timestamp(_, zone)) => zone.clone(),
        _ => None,
    };
    let moment = |micros| {
        let moment = ScalarValue::TimestampMicrosecond(Some(micros), zone.clone());
        lit(moment)
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
    let environment = selection.environment.as_ref().filter(|_| !is_shared(name));
    let environment = environment.map(|(column, value)| {
        // A table without the column has no record that is known to come from this environment.
        if schema.column_with_name(column).is_some() {
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

/// Whether the table `name` is of the shared tier.
pub(crate) fn is_shared(name: &str) -> bool {
    let mut tables = Catalog::embedded().schema().tables.iter();
    tables.any(|table| table.tier == Tier::Shared && table.name == name)
}

/// The columns that reports read beside the table's own: name and expression.
pub(crate) fn derived_columns(schema: &Schema, selection: &Selection) -> Vec<(&'static str, Expr)> {
    // Of the tables without a crew's id only `crews` has a key: its own.
    let crew = match schema.column_with_name("crew_id") {
        Some(_) => ["crew_key", "crew_id"],
        None => ["key", "id"],
    };
    let model = ["llm_model", "llm_model_name", "llm_name"];
    let mut columns = vec![("period", period(selection.by))];
    columns.extend(first_filled(schema, &crew).map(|crew| ("crew", crew)));
    columns.extend(first_filled(schema, &model).map(|model| ("model", model)));
    columns
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

/// The first of `columns` that is neither null nor empty; `None` if the table lacks one of them.
fn first_filled(schema: &Schema, columns: &[&str]) -> Option<Expr> {
    let mut names = columns.iter();
    if !names.all(|column| schema.column_with_name(column).is_some()) {
        return None;
    }
    let filled = |column: &&str| nullif(ident(*column), lit(""));
    Some(coalesce(columns.iter().map(filled).collect()))
}
