//! A report as one statement that runs wherever SQL over the tables is answered.
//!
//! A report's file reads views that already hold the selected records. Here these views are written out as common table
//! expressions, so that someone can take a report, run it as it is, and change it. The text of the report's file stays
//! as its author formatted it: the parser says where to insert and what to leave out.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::logical_expr::{Expr, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{self, SelectItem, SetExpr, Spanned};
use datafusion::sql::sqlparser::tokenizer::Location;
use datafusion::sql::unparser::Unparser;
use datafusion::sql::unparser::dialect::CustomDialectBuilder;
use headcount_catalog::{Catalog, Table};
use headcount_lake::arrow_schema;

use crate::error::ReportError;
use crate::filters::{conditions, derived_columns, literal, period};
use crate::header::{Holder, ReportHeader};
use crate::parameters::{ReportParameters, Selection};

/// A comment in the statement of a report that groups rare values.
const UNGROUPED: &str = "-- every value is a row here; the report groups values from few crews\n";

/// The report as a statement over the catalog's tables, with the columns of its answer. The statement shows rare free
/// text that the report groups.
///
/// # Errors
/// [`ReportError::Parameter`]: a parameter cannot be read.
pub fn statement(
    header: &ReportHeader,
    parameters: &ReportParameters,
    now: DateTime<Utc>,
) -> Result<String, ReportError> {
    let selection = parameters.resolve_for(header, now)?;
    let sql = write(header, &selection).map_err(|error| engine_error(&error))?;
    let ungrouped = match &header.free_text {
        Some(free_text) if free_text.holder != Holder::NoCrew => UNGROUPED,
        _ => "",
    };
    Ok(format!(
        "-- {}: {}\n{ungrouped}{sql}",
        header.title, header.question
    ))
}

/// The conditions that `parameters` set for records of the catalog's table `table`, as SQL.
///
/// # Errors
/// [`ReportError::Parameter`]: a parameter cannot be read. [`ReportError::Refused`]: there is no such table.
pub fn filter_conditions(
    table: &str,
    parameters: &ReportParameters,
    now: DateTime<Utc>,
) -> Result<Vec<String>, ReportError> {
    let selection = parameters.resolve(now)?;
    let mut tables = Catalog::in_force().schema().tables.iter();
    let known = tables.find(|known| known.name == table);
    let known =
        known.ok_or_else(|| ReportError::Refused(format!("there is no table {table:?}")))?;
    let conditions = conditions(table, &arrow_schema(known), &selection, literal);
    let texts: EngineResult<Vec<String>> = conditions.into_iter().map(sql_of).collect();
    texts.map_err(|error| engine_error(&error))
}

fn engine_error(error: &DataFusionError) -> ReportError {
    ReportError::Engine(error.strip_backtrace())
}

fn write(header: &ReportHeader, selection: &Selection) -> EngineResult<String> {
    let sql = selection
        .own
        .all_written_into(header.sql.trim())
        .replace("$min_crews", &selection.min_crews.to_string());
    let parsed = Parsed::of(&sql)?;
    let tables = Catalog::in_force().schema().tables.iter();
    let read = tables.filter(|table| parsed.tables.contains(&table.name));
    let views: EngineResult<Vec<String>> = read.map(|table| view(table, selection, &sql)).collect();
    let mut views = views?;
    if parsed.tables.contains("periods") {
        views.push(periods(selection)?);
    }
    let mut body = sql.clone();
    // From the end to the beginning, so that the earlier position stays true.
    if let (None, Some(column)) = (selection.by, &parsed.period) {
        body.replace_range(column.clone(), "");
    }
    let views = views.join(", ");
    Ok(match body.strip_prefix("WITH ") {
        Some(rest) => format!("WITH {views}, {rest}"),
        None => format!("WITH {views}\n{body}"),
    })
}

/// The parts of a report's SQL that the parser finds.
struct Parsed {
    /// The tables that it reads, without its own common table expressions.
    tables: BTreeSet<String>,
    /// Where the outermost `SELECT` names the column `period`, with the comma after it.
    period: Option<std::ops::Range<usize>>,
}

impl Parsed {
    fn of(sql: &str) -> EngineResult<Self> {
        let not_a_query = || DataFusionError::Plan("a report is one query".to_owned());
        let mut statements = DFParser::parse_sql(sql)?;
        let statement = statements.pop_front().ok_or_else(not_a_query)?;
        let (tables, _) = resolve_table_references(&statement, true)?;
        let Statement::Statement(statement) = statement else {
            return Err(not_a_query());
        };
        let ast::Statement::Query(query) = *statement else {
            return Err(not_a_query());
        };
        Ok(Self {
            tables: tables
                .iter()
                .map(|table| table.table().to_owned())
                .collect(),
            period: period_column(&query, sql),
        })
    }
}

/// The first column of `query`, if it is the period and others follow.
fn period_column(query: &ast::Query, sql: &str) -> Option<std::ops::Range<usize>> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let SelectItem::UnnamedExpr(column) = select.projection.first()? else {
        return None;
    };
    let name = match column {
        ast::Expr::Identifier(name) => name,
        ast::Expr::CompoundIdentifier(names) => names.last()?,
        _ => return None,
    };
    if name.value != "period" {
        return None;
    }
    let span = column.span();
    let (start, end) = (offset(sql, span.start)?, offset(sql, span.end)?);
    let after = sql.get(end..)?.strip_prefix(',')?;
    Some(start..sql.len() - after.trim_start().len())
}

/// The byte at a position of the parser, which counts lines and characters from one.
fn offset(sql: &str, location: Location) -> Option<usize> {
    let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(location.column).ok()?.checked_sub(1)?;
    let before: usize = sql.split_inclusive('\n').take(line).map(str::len).sum();
    let text = sql.get(before..)?;
    let characters = text.char_indices().map(|(index, _)| index);
    let column = characters.chain([text.len()]).nth(column)?;
    Some(before + column)
}

/// The view of `table` for `selection` as a common table expression, with the derived columns that `sql` may name.
fn view(table: &Table, selection: &Selection, sql: &str) -> EngineResult<String> {
    let schema = arrow_schema(table);
    let mut columns = String::from("*");
    let derived = derived_columns(&schema, selection).into_iter();
    for (name, column) in derived.filter(|(name, _)| sql.contains(name)) {
        columns.push_str(&format!(", {} AS {name}", sql_of(column)?));
    }
    let conditions: EngineResult<Vec<String>> =
        conditions(&table.name, &schema, selection, literal)
            .into_iter()
            .map(sql_of)
            .collect();
    let conditions = conditions?;
    let condition = if conditions.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", conditions.join(" AND "))
    };
    let name = &table.name;
    Ok(format!(
        "{name} AS (\n  SELECT {columns} FROM {name}{condition}\n)"
    ))
}

/// The table `periods` as a common table expression.
fn periods(selection: &Selection) -> EngineResult<String> {
    let condition = match selection.by {
        None => "",
        Some(_) => " WHERE false",
    };
    let fixed = sql_of(period(None))?;
    Ok(format!(
        "periods AS (\n  SELECT {fixed} AS period{condition}\n)"
    ))
}

/// The expression as SQL.
fn sql_of(expr: Expr) -> EngineResult<String> {
    let expr = expr.transform(|expr| Ok(moment_as_text(expr)))?.data;
    let dialect = CustomDialectBuilder::new().build();
    let unparser = Unparser::new(&dialect).with_pretty(true);
    Ok(unparser.expr_to_sql(&expr)?.to_string())
}

/// A moment as text, which takes the type of the column that it is compared with: in SQL it would have that of a
/// timestamp in nanoseconds, which spans fewer years.
fn moment_as_text(expr: Expr) -> Transformed<Expr> {
    let Expr::Literal(ScalarValue::TimestampMicrosecond(Some(micros), _), _) = &expr else {
        return Transformed::no(expr);
    };
    let moment = DateTime::from_timestamp_micros(*micros).unwrap_or_default();
    Transformed::yes(lit(moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_period(sql: &str) -> String {
        let mut text = sql.to_owned();
        if let Some(range) = Parsed::of(sql).unwrap().period {
            text.replace_range(range, "");
        }
        text
    }

    #[test]
    fn only_the_outermost_select_loses_its_period() {
        for (sql, expected) in [
            ("SELECT period, a FROM t", "SELECT a FROM t"),
            (
                "WITH x AS (SELECT period, 'ä' AS a FROM t)\nSELECT x.period, a\nFROM x",
                "WITH x AS (SELECT period, 'ä' AS a FROM t)\nSELECT a\nFROM x",
            ),
            (
                "SELECT 'ä',\n a FROM (SELECT period, b FROM t)",
                "SELECT 'ä',\n a FROM (SELECT period, b FROM t)",
            ),
            ("SELECT period FROM t", "SELECT period FROM t"),
        ] {
            assert_eq!(without_period(sql), expected);
        }
    }

    #[test]
    fn a_table_is_read_where_the_query_names_it_and_not_its_own_expression() {
        let parsed = Parsed::of("WITH own AS (SELECT 'FROM tasks' FROM crews) SELECT 1 FROM own");
        assert_eq!(parsed.unwrap().tables, BTreeSet::from(["crews".to_owned()]));
    }

    #[test]
    fn conditions_are_sql_and_values_are_quoted() {
        let parameters = ReportParameters {
            since: Some("2026-11-01".to_owned()),
            until: Some("2026-11-02".to_owned()),
            framework: Some("o'hara".to_owned()),
            version: Some("1.*".to_owned()),
            environment: Some("cpu_band:1-2".to_owned()),
            ..ReportParameters::default()
        };
        let conditions = filter_conditions("crews", &parameters, Utc::now()).unwrap();
        assert_eq!(
            conditions[..4],
            [
                "time >= '2026-11-01T00:00:00Z'",
                "time < '2026-11-03T00:00:00Z'",
                "framework = 'o''hara'",
                "starts_with(framework_version, '1.')",
            ]
        );
        let shared = filter_conditions("shared_agents", &parameters, Utc::now()).unwrap();
        assert_eq!(
            shared,
            conditions[..4],
            "the shared tier names no environment"
        );
        let refused = filter_conditions("refusals", &parameters, Utc::now()).unwrap();
        assert_eq!(refused[4], "false");
        assert!(filter_conditions("nonsense", &parameters, Utc::now()).is_err());
    }
}
