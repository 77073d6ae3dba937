//! A report as one statement that runs wherever SQL over the tables is answered.
//!
//! A report's file reads views that know the span, the framework and the period that were asked for. Here these views
//! are written out, so that someone can take a report, run it as it is, and change it.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use headcount_catalog::{Catalog, Table};

use crate::error::ReportError;
use crate::header::{Holder, ReportHeader};
use crate::parameters::{ReportParameters, Selection, VersionFilter};

/// The period of every record where none is asked for.
const NO_PERIOD: &str = "DATE '1970-01-01'";

/// What somebody should know who runs a statement of a report that folds.
const UNFOLDED: &str = "-- every value is a row here; the report folds those that few crews sent\n";

/// The report as a statement over the catalog's tables, with the columns of its answer. Free text is not folded there.
///
/// # Errors
/// [`ReportError::Parameter`]: a parameter cannot be read.
pub fn statement(
    header: &ReportHeader,
    parameters: &ReportParameters,
    now: DateTime<Utc>,
) -> Result<String, ReportError> {
    let selection = parameters.resolve(now)?;
    let body = header
        .sql
        .trim()
        .replace("$min_crews", &selection.min_crews.to_string());
    let tables = &Catalog::embedded().schema().tables;
    let read = tables.iter().filter(|table| reads(&body, &table.name));
    let mut views: Vec<String> = read.map(|table| view(table, &selection)).collect();
    if reads(&body, "periods") {
        let condition = if selection.by.is_some() {
            " WHERE false"
        } else {
            ""
        };
        views.push(format!(
            "periods AS (\n  SELECT {NO_PERIOD} AS period{condition}\n)"
        ));
    }
    let views = views.join(", ");
    let statement = match body.strip_prefix("WITH ") {
        Some(rest) => format!("WITH {views}, {rest}"),
        None => format!("WITH {views}\n{body}"),
    };
    let statement = match selection.by {
        None => without_period(&statement),
        Some(_) => statement,
    };
    let unfolded = match &header.free_text {
        Some(free_text) if free_text.holder != Holder::NoCrew => UNFOLDED,
        _ => "",
    };
    Ok(format!(
        "-- {}: {}\n{unfolded}{statement}",
        header.title, header.question
    ))
}

/// The statement without the period among what it selects: where none was asked for, the report leaves it out.
fn without_period(statement: &str) -> String {
    // The last SELECT that begins a line is the one that answers.
    let answers = match statement.rfind("\nSELECT ") {
        Some(line) => line + "\nSELECT ".len(),
        None => return statement.to_owned(),
    };
    let (before, selected) = statement.split_at(answers);
    let rest = selected.split_once(", ").filter(|(first, _)| {
        let column = first.rsplit('.').next();
        column == Some("period")
    });
    rest.map_or_else(
        || statement.to_owned(),
        |(_, rest)| format!("{before}{rest}"),
    )
}

/// Whether `sql` names the table, as a word.
fn reads(sql: &str, table: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    sql.match_indices(table).any(|(start, name)| {
        let before = sql[..start].chars().next_back();
        let after = sql[start + name.len()..].chars().next();
        let is_source =
            sql[..start].trim_end().ends_with("FROM") || sql[..start].trim_end().ends_with("JOIN");
        is_source && !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn view(table: &Table, selection: &Selection) -> String {
    let has = |names: &[&str]| {
        let column = |name: &&str| table.columns.iter().any(|column| column.name == *name);
        names.iter().all(column)
    };
    let first_filled = |names: &[&str]| {
        let filled: Vec<String> = names
            .iter()
            .map(|name| format!("nullif({name}, '')"))
            .collect();
        format!("coalesce({})", filled.join(", "))
    };
    let mut columns = String::from("*");
    // Writing to a text cannot fail.
    let mut add =
        |expression: String, name: &str| write!(columns, ", {expression} AS {name}").is_ok();
    let _written = add(period(selection), "period");
    let own = ["key", "id"];
    let named = ["crew_key", "crew_id"];
    let crew = if has(&["crew_id"]) { named } else { own };
    if has(&crew) {
        let _written = add(first_filled(&crew), "crew");
    }
    let model = ["llm_model", "llm_model_name", "llm_name"];
    if has(&model) {
        let _written = add(first_filled(&model), "model");
    }
    let conditions = conditions(table, selection);
    let condition = if conditions.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", conditions.join(" AND "))
    };
    format!(
        "{0} AS (\n  SELECT {columns} FROM {0}{condition}\n)",
        table.name
    )
}

fn conditions(table: &Table, selection: &Selection) -> Vec<String> {
    let moment = |micros: i64| {
        let moment = DateTime::from_timestamp_micros(micros).unwrap_or_default();
        format!("'{}'", moment.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    };
    let since = selection
        .since
        .map(|since| format!("time >= {}", moment(since)));
    let until = selection
        .until
        .map(|until| format!("time < {}", moment(until)));
    let framework = selection.framework.as_ref();
    let framework = framework.map(|name| format!("framework = {}", quoted(name)));
    let version = selection.version.as_ref().map(|version| match version {
        VersionFilter::Exact(version) => format!("framework_version = {}", quoted(version)),
        VersionFilter::Prefix(prefix) => {
            format!("starts_with(framework_version, {})", quoted(prefix))
        }
    });
    let environment = selection.environment.as_ref().map(|(column, value)| {
        let says = table.columns.iter().any(|known| known.name == *column);
        if says {
            format!("{column} = {}", quoted(value))
        } else {
            "false".to_owned()
        }
    });
    [since, until, framework, version, environment]
        .into_iter()
        .flatten()
        .collect()
}

fn period(selection: &Selection) -> String {
    match selection.by {
        None => NO_PERIOD.to_owned(),
        Some(crate::Period::Day) => "CAST(time AS DATE)".to_owned(),
        Some(longer) => format!("CAST(date_trunc('{longer}', time) AS DATE)"),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
