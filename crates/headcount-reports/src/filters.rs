//! The meaning of a report's parameters for a table: which of its records count, and the columns derived from them.
//!
//! This is the only definition. The planner takes these expressions as they are (`views`); a statement that is shown to
//! people writes the same expressions as SQL (`statement`).
//!
//! | derived column | on | is |
//! |---|---|---|
//! | `period` | every table | the first day of the record's period; one fixed day when no period is asked for |
//! | `day` | every table | the record's day, as the number of days since 1970 in UTC |
//! | `crew` | tables that name a crew | the crew's key, or its id where the release sends no key |
//! | `model` | `agents` | the model's name, from whichever of the LLM's fields the release fills |
//! | `python` | tables with a runtime | the minor release of Python, such as `3.12`; null for another runtime |
//! | `size` | `crews` | the number of tasks in bands |
//! | `features` | `crews`, `agents`, `tasks` | the settings that are on, one per line |
//! | `features_reported` | `crews`, `agents`, `tasks` | the settings that the record states, on or off, one per line |

use std::sync::Arc;

use crate::parameters::{Period, Selection, VersionFilter};
use crate::shared_tier::is_shared;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::functions::expr_fn::{
    coalesce, concat, concat_ws, date_trunc, nullif, split_part, starts_with,
};
use datafusion::logical_expr::expr::{Case, Placeholder};
use datafusion::logical_expr::{Expr, cast, ident, lit};
use datafusion::scalar::ScalarValue;

/// How a condition writes the value of a parameter, which is given by its name.
pub(crate) type WriteValue = fn(&'static str, ScalarValue) -> Expr;

/// The value itself.
pub(crate) fn literal(_: &'static str, value: ScalarValue) -> Expr {
    lit(value)
}

/// A placeholder of the value's type, `$name`.
pub(crate) fn placeholder(name: &'static str, value: ScalarValue) -> Expr {
    let field = Field::new(name, value.data_type(), true);
    Expr::Placeholder(Placeholder::new_with_field(
        format!("${name}"),
        Some(Arc::new(field)),
    ))
}

/// The conditions that a record of the table `name`, with this schema, meets to be selected. An environment selects
/// nothing in the shared tier, whose records name none: there it is ignored.
pub(crate) fn conditions(
    name: &str,
    schema: &Schema,
    selection: &Selection,
    write: WriteValue,
) -> Vec<Expr> {
    let since = selection
        .since
        .map(|since| ident("time").gt_eq(write(SINCE, moment(since))));
    let until = selection
        .until
        .map(|until| ident("time").lt(write(UNTIL, moment(until))));
    let framework = selection.framework.as_deref();
    let framework = framework.map(|name| ident("framework").eq(write(FRAMEWORK, name.into())));
    let version = selection.version.as_ref().map(|version| match version {
        VersionFilter::Exact(version) => {
            ident("framework_version").eq(write(VERSION, version.as_str().into()))
        }
        VersionFilter::Prefix(prefix) => starts_with(
            ident("framework_version"),
            write(VERSION, prefix.as_str().into()),
        ),
    });
    let environment = selection.environment.as_ref().filter(|_| !is_shared(name));
    let environment = environment.map(|(column, value)| {
        // A table without the column has no record that is known to come from this environment.
        if schema.column_with_name(column).is_some() {
            ident(*column).eq(write(ENVIRONMENT, value.as_str().into()))
        } else {
            lit(false)
        }
    });
    [since, until, framework, version, environment]
        .into_iter()
        .flatten()
        .collect()
}

const SINCE: &str = "since";
const UNTIL: &str = "until";
const FRAMEWORK: &str = "framework";
const VERSION: &str = "version";
const ENVIRONMENT: &str = "environment";

/// The values of a selection's parameters, by the names of their placeholders.
pub(crate) fn values(selection: &Selection) -> Vec<(&'static str, ScalarValue)> {
    let version = selection.version.as_ref().map(|version| match version {
        VersionFilter::Exact(version) | VersionFilter::Prefix(version) => version.as_str().into(),
    });
    let environment = selection.environment.as_ref();
    let values = [
        (SINCE, selection.since.map(moment)),
        (UNTIL, selection.until.map(moment)),
        (
            FRAMEWORK,
            selection.framework.as_deref().map(ScalarValue::from),
        ),
        (VERSION, version),
        (
            ENVIRONMENT,
            environment.map(|(_, value)| value.as_str().into()),
        ),
    ];
    values
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// A time of a record, as the tables have it.
fn moment(micros: i64) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))
}

/// The columns that reports read beside the table's own: name and expression.
pub(crate) fn derived_columns(schema: &Schema, selection: &Selection) -> Vec<(&'static str, Expr)> {
    // Of the tables without a crew's id only `crews` has a key: its own.
    let crew = match schema.column_with_name("crew_id") {
        Some(_) => ["crew_key", "crew_id"],
        None => ["key", "id"],
    };
    let model = ["llm_model", "llm_model_name", "llm_name"];
    let day = cast(cast(ident("time"), DataType::Date32), DataType::Int32);
    let mut columns = vec![("period", period(selection.by)), ("day", day)];
    columns.extend(first_filled(schema, &crew).map(|crew| ("crew", crew)));
    columns.extend(first_filled(schema, &model).map(|model| ("model", model)));
    columns.extend(python(schema).map(|python| ("python", python)));
    columns.extend(size(schema).map(|size| ("size", size)));
    columns.extend(settings(schema, |on| on).map(|on| ("features", on)));
    columns.extend(settings(schema, Expr::is_not_null).map(|said| ("features_reported", said)));
    columns
}

/// The settings of crews, agents and tasks that are features: the column, and the feature's name in reports.
const SETTINGS: [(&str, &str); 7] = [
    ("memory", "memory"),
    ("inputs_present", "kickoff inputs"),
    ("delegation_enabled", "delegation"),
    ("code_execution_allowed", "code execution"),
    ("verbose", "verbose"),
    ("async_execution", "async execution"),
    ("human_input", "human input"),
];

/// The names of the settings of which `is_named` is true, one per line; `None` if the table has none of them.
fn settings(schema: &Schema, is_named: impl Fn(Expr) -> Expr) -> Option<Expr> {
    let known = SETTINGS.iter();
    let known = known.filter(|(column, _)| schema.column_with_name(column).is_some());
    let named = known.map(|(column, name)| either(is_named(ident(*column)), lit(*name), None));
    let named: Vec<Expr> = named.collect();
    (!named.is_empty()).then(|| concat_ws(lit("\n"), named))
}

/// The minor release of Python.
fn python(schema: &Schema) -> Option<Expr> {
    let runtime = schema.column_with_name("runtime").map(|_| ident("runtime"));
    let version = schema
        .column_with_name("runtime_version")
        .map(|_| ident("runtime_version"));
    let (runtime, version) = runtime.zip(version)?;
    let part = |number: i64| split_part(version.clone(), lit("."), lit(number));
    let minor = concat(vec![part(1), lit("."), part(2)]);
    let is_python = runtime
        .eq(lit("python"))
        .and(version.clone().not_eq(lit("")));
    Some(either(is_python, minor, None))
}

/// The number of tasks of a crew in bands.
fn size(schema: &Schema) -> Option<Expr> {
    let (_, _) = schema.column_with_name("task_count")?;
    let up_to = |most: i64| ident("task_count").lt_eq(lit(most));
    let more = either(
        ident("task_count").gt(lit(7_i64)),
        lit("8 tasks or more"),
        None,
    );
    let some = either(up_to(7), lit("4 to 7 tasks"), Some(more));
    let few = either(up_to(3), lit("2 to 3 tasks"), Some(some));
    Some(either(
        ident("task_count").eq(lit(1_i64)),
        lit("1 task"),
        Some(few),
    ))
}

/// `CASE WHEN condition THEN value ELSE otherwise END`.
fn either(condition: Expr, value: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case(Case::new(
        None,
        vec![(Box::new(condition), Box::new(value))],
        otherwise.map(Box::new),
    ))
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
