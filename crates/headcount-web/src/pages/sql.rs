//! The SQL page: an editor, the schema, and the answer as table and chart. Analysts only.
//!
//! An address fills the editor and runs nothing, because any page may link to it. Only the form runs a query, and only from
//! this site (`cross_site.rs`).

use askama::Template;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use headcount_catalog::{Catalog, ColumnType};
use headcount_problem::Problem;
use headcount_reports::{
    Answer, ColumnKind, ReportParameters, catalog_of_reports, find_report, statement,
};

use super::context::PageContext;
use super::error_page;
use super::figures::{Figure, Line, ranked_rows, trend};
use super::layout::Layout;
use super::links::sql_address;
use super::page::Page;
use super::periods::Periods;
use super::render::render;
use super::table::{Table, text_of};
use crate::answer_cache::QueryKey;
use crate::problem::report_problem;
use crate::request_body::read_body;
use crate::role::Role;
use crate::state::SiteState;

/// The initial query of the editor.
const INITIAL_QUERY: &str = "SELECT process, count(DISTINCT key) AS crews, count(*) AS runs\nFROM crews\nGROUP BY process\nORDER BY runs DESC";

/// The most bars of a chart.
const MAX_BARS: usize = 20;

/// The page.
#[derive(Template)]
#[template(path = "sql.html")]
struct SqlPage {
    layout: Layout,
    question: &'static str,
    query: String,
    /// The address of this page with this query.
    address: String,
    /// Whether the query comes from the address, and was not run.
    is_linked: bool,
    /// Whether a query was run.
    was_run: bool,
    rows: usize,
    seconds: String,
    table: Table,
    figure: Figure,
    failure: String,
    schema: Vec<TableEntry>,
    reports: Vec<(&'static str, &'static str)>,
}

/// A table of the schema.
struct TableEntry {
    name: String,
    tier: &'static str,
    rows: String,
    columns: Vec<(String, &'static str)>,
}

pub(crate) async fn show(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let base = state.base.clone();
    page(state, role, query.as_bytes(), Runs::Nothing)
        .await
        .unwrap_or_else(|problem| error_page::response(&base, &problem))
}

/// Runs the query of the form.
pub(crate) async fn run(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    request: Request,
) -> Response {
    let base = state.base.clone();
    let body = match read_body(request, state.timeout).await {
        Ok(body) => body,
        Err(problem) => return error_page::response(&base, &problem),
    };
    page(state, role, &body, Runs::Query)
        .await
        .unwrap_or_else(|problem| error_page::response(&base, &problem))
}

/// Whether the page runs its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runs {
    Nothing,
    Query,
}

async fn page(state: SiteState, role: Role, form: &[u8], runs: Runs) -> Result<Response, Problem> {
    let context = PageContext::open(state, role, "", Page::Sql).await?;
    let requested = parse_form(form)?;
    let mut page = SqlPage {
        layout: Layout::titled(&context, Page::Sql.title()),
        question: Page::Sql.question(),
        address: sql_address(requested.as_deref().unwrap_or(INITIAL_QUERY)),
        query: requested
            .clone()
            .unwrap_or_else(|| INITIAL_QUERY.to_owned()),
        is_linked: requested.is_some() && runs == Runs::Nothing,
        was_run: false,
        rows: 0,
        seconds: String::new(),
        table: Table::default(),
        figure: Figure::default(),
        failure: String::new(),
        schema: schema(&context).await?,
        reports: catalog_of_reports()
            .iter()
            .map(|report| (report.name.as_str(), report.title.as_str()))
            .collect(),
    };
    if let Some(query) = requested.filter(|_| runs == Runs::Query) {
        page.was_run = true;
        let start = std::time::Instant::now();
        match context.state.answers.fresh(QueryKey::Sql(query)).await {
            Err(error) => page.failure = error.to_string(),
            Ok(cached) => {
                page.rows = cached.answer.rows.len();
                page.table = Table::plain("Answer", &cached.answer);
                page.figure = chart(&cached.answer);
            }
        }
        page.seconds = format!("{:.2} s", start.elapsed().as_secs_f64());
    }
    Ok(render(role, &page))
}

/// The query of a form or a query string: its `query`, or the SQL of its `report`. `None` without either.
fn parse_form(form: &[u8]) -> Result<Option<String>, Problem> {
    let mut fields = serde_json::Map::new();
    let (mut query, mut report) = (None, None);
    for (name, value) in url::form_urlencoded::parse(form) {
        match (name.as_ref(), value.parse::<u64>()) {
            ("query", _) => {
                query = Some(value.into_owned()).filter(|query| !query.trim().is_empty())
            }
            ("report", _) => report = Some(value.into_owned()).filter(|report| !report.is_empty()),
            ("min_crews", Ok(number)) => {
                fields.insert("min_crews".to_owned(), number.into());
            }
            (name, _) => {
                fields.insert(name.to_owned(), value.into_owned().into());
            }
        }
    }
    let Some(report) = report else {
        if let Some((name, _)) = fields.iter().next() {
            let detail = format!(
                "{name:?} is not a parameter; expected query, or report with its parameters"
            );
            return Err(Problem::bad_request("unknown parameter", detail));
        }
        return Ok(query);
    };
    let header = find_report(&report)
        .ok_or_else(|| Problem::not_found(format!("unknown report {report:?}")))?;
    let parameters: ReportParameters = serde_json::from_value(fields.into())
        .map_err(|error| Problem::bad_request("invalid parameter", error.to_string()))?;
    let statement = statement(header, &parameters, Utc::now());
    statement
        .map(Some)
        .map_err(|error| report_problem(&error, Role::Analyst))
}

async fn schema(context: &PageContext) -> Result<Vec<TableEntry>, Problem> {
    let reports = context.state.answers.reports(context.role).await;
    let tables = reports
        .map_err(|error| report_problem(&error, context.role))?
        .tables();
    let rows_of = |name: &str| {
        let row = tables.rows.iter().find(|row| row[0] == name);
        let rows = row.and_then(|row| row[2].as_f64());
        rows.map_or("unknown".to_owned(), headcount_charts::format_count)
    };
    let catalog_schema = Catalog::in_force().schema();
    let entry = |table: &headcount_catalog::Table| TableEntry {
        name: table.name.clone(),
        tier: table.tier.name(),
        rows: rows_of(&table.name),
        columns: table
            .columns
            .iter()
            .map(|column| (column.name.clone(), type_name(column.column_type)))
            .collect(),
    };
    Ok(catalog_schema.tables.iter().map(entry).collect())
}

fn type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::Double => "double",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Text => "text",
        ColumnType::TextList => "list of text",
    }
}

/// A chart of the first number by the first time or text, for an answer that is a time series or a ranking.
fn chart(answer: &Answer) -> Figure {
    let kind_at = |index: usize| answer.columns.get(index).map(|column| column.kind);
    let position = |wanted: &[ColumnKind]| {
        answer
            .columns
            .iter()
            .position(|column| wanted.contains(&column.kind))
    };
    let Some(value) = position(&[ColumnKind::Integer, ColumnKind::Number]) else {
        return Figure::default();
    };
    if answer.rows.len() < 2 {
        return Figure::default();
    }
    let title = answer.columns[value].name.clone();
    if kind_at(0) == Some(ColumnKind::Moment) {
        return trend_of_days(answer, &title);
    }
    let Some(name) = position(&[ColumnKind::Text]) else {
        return Figure::default();
    };
    let pair = |row: &Vec<serde_json::Value>| {
        let name = text_of(&row[name], "");
        row[value].as_f64().map(|value| (name, value))
    };
    let pairs: Vec<(String, f64)> = answer.rows.iter().take(MAX_BARS).filter_map(pair).collect();
    ranked_rows(&title, &pairs)
}

/// Each number by the day in the first column, where the days are distinct.
fn trend_of_days(answer: &Answer, title: &str) -> Figure {
    let day = |row: &Vec<serde_json::Value>| -> Option<NaiveDate> {
        let text = row[0].as_str()?;
        let day_of_time = || {
            DateTime::parse_from_rfc3339(text)
                .ok()
                .map(|time| time.date_naive())
        };
        text.parse().ok().or_else(day_of_time)
    };
    let mut rows: Vec<(NaiveDate, &Vec<serde_json::Value>)> = answer
        .rows
        .iter()
        .filter_map(|row| Some((day(row)?, row)))
        .collect();
    rows.sort_by_key(|(day, _)| *day);
    let days: Vec<NaiveDate> = rows.iter().map(|(day, _)| *day).collect();
    if days.windows(2).any(|pair| pair[0] == pair[1]) || days.len() < 2 {
        return Figure::default();
    }
    let numbers = answer
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| matches!(column.kind, ColumnKind::Integer | ColumnKind::Number));
    let lines: Vec<Line> = numbers
        .take(8)
        .map(|(index, column)| {
            let values = rows.iter().map(|(_, row)| row[index].as_f64()).collect();
            Line::new(&column.name, values)
        })
        .collect();
    let periods = Periods {
        days: &days,
        is_last_running: false,
        unknown: "–",
    };
    trend(title, periods, &lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_opens_as_its_sql() {
        let query = parse_form(b"report=tools&since=2026-11-01&framework=o%27brien&min_crews=1")
            .unwrap()
            .unwrap();
        assert!(query.starts_with("-- Tools: "), "{query}");
        assert!(query.contains("framework = 'o''brien'"), "{query}");
    }

    #[test]
    fn an_invalid_form_is_rejected() {
        assert_eq!(parse_form(b"").unwrap(), None);
        assert_eq!(parse_form(b"query=+").unwrap(), None);
        assert!(parse_form(b"since=7d").is_err());
        assert!(parse_form(b"report=nonsense").is_err());
        assert!(parse_form(b"report=tools&since=whenever").is_err());
    }
}
