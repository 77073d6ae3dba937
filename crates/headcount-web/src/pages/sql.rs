//! The page for free questions: an editor, the tables' dictionary, the answer as table and chart. Owners only.

use askama::Template;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use headcount_catalog::{Catalog, ColumnType};
use headcount_reports::{
    Answer, ColumnKind, ReportParameters, catalog_of_reports, find_report, statement,
};

use super::chrome::Chrome;
use super::desk::Desk;
use super::figures::{Figure, Line, ranked_rows, trend};
use super::table::Table;
use super::{Page, turned_away, write};
use crate::access::Reader;
use crate::answers::Question;
use crate::api::receive;
use crate::problem::Problem;
use crate::site::Site;

/// What the editor holds at first.
const FIRST_QUERY: &str = "SELECT process, count(DISTINCT key) AS crews, count(*) AS runs\nFROM crews\nGROUP BY process\nORDER BY runs DESC";

/// The most rows that a chart ranks.
const MOST_BARS: usize = 20;

/// The page.
#[derive(Template)]
#[template(path = "sql.html")]
struct SqlPage {
    chrome: Chrome,
    question: &'static str,
    query: String,
    /// The address of this page with the query.
    address: String,
    /// Whether a query was run.
    was_run: bool,
    rows: usize,
    seconds: String,
    table: Table,
    figure: Figure,
    failure: String,
    dictionary: Vec<TableEntry>,
    reports: Vec<(&'static str, &'static str)>,
}

/// A table of the store.
struct TableEntry {
    name: String,
    tier: &'static str,
    rows: String,
    columns: Vec<(String, &'static str)>,
}

pub(crate) async fn show(
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    page(site, reader, query.as_bytes())
        .await
        .unwrap_or_else(|problem| turned_away::page(&problem))
}

/// As [`show`], for queries that are too long for an address.
pub(crate) async fn answer(
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
    request: Request,
) -> Response {
    let body = match receive(request, site.patience).await {
        Ok(body) => body,
        Err(problem) => return turned_away::page(&problem),
    };
    page(site, reader, &body)
        .await
        .unwrap_or_else(|problem| turned_away::page(&problem))
}

async fn page(site: Site, reader: Reader, form: &[u8]) -> Result<Response, Problem> {
    let desk = Desk::open(site, reader, "", Page::Sql).await?;
    let asked = query_of(form)?;
    let mut page = SqlPage {
        chrome: Chrome::plain(&desk, Page::Sql.title()),
        question: Page::Sql.question(),
        address: super::shared::sql_address(asked.as_deref().unwrap_or(FIRST_QUERY)),
        query: asked.clone().unwrap_or_else(|| FIRST_QUERY.to_owned()),
        was_run: false,
        rows: 0,
        seconds: String::new(),
        table: Table::default(),
        figure: Figure::default(),
        failure: String::new(),
        dictionary: dictionary(&desk).await?,
        reports: catalog_of_reports()
            .iter()
            .map(|report| (report.name.as_str(), report.title.as_str()))
            .collect(),
    };
    if let Some(query) = asked {
        page.was_run = true;
        let began = std::time::Instant::now();
        match desk.site.answers.exact(Question::Sql(query)).await {
            Err(error) => page.failure = error.to_string(),
            Ok(known) => {
                page.rows = known.answer.rows.len();
                page.table = Table::plain("The answer", &known.answer);
                page.figure = chart(&known.answer);
            }
        }
        page.seconds = format!("{:.2} s", began.elapsed().as_secs_f64());
    }
    Ok(write(reader, &page))
}

/// The query that an address or a form names: its own, or that of a report. `None` where it names none.
fn query_of(form: &[u8]) -> Result<Option<String>, Problem> {
    let mut fields = serde_json::Map::new();
    let (mut query, mut report) = (None, None);
    for (name, value) in url::form_urlencoded::parse(form) {
        match (name.as_ref(), value.parse::<u64>()) {
            ("query", _) => {
                query = Some(value.into_owned()).filter(|query| !query.trim().is_empty())
            }
            ("report", _) => report = Some(value.into_owned()).filter(|report| !report.is_empty()),
            ("min_crews", Ok(number)) => {
                let _before = fields.insert("min_crews".to_owned(), number.into());
            }
            (name, _) => {
                let _before = fields.insert(name.to_owned(), value.into_owned().into());
            }
        }
    }
    let Some(report) = report else {
        if let Some((name, _)) = fields.iter().next() {
            let detail =
                format!("{name:?} is not known; expected query, or report with its parameters");
            return Err(Problem::bad("a parameter is not known", detail));
        }
        return Ok(query);
    };
    let header = find_report(&report)
        .ok_or_else(|| Problem::not_found(format!("there is no report {report:?}")))?;
    let parameters: ReportParameters = serde_json::from_value(fields.into())
        .map_err(|error| Problem::bad("a parameter cannot be read", error.to_string()))?;
    let statement = statement(header, &parameters, Utc::now());
    statement.map(Some).map_err(|error| Problem::from(&error))
}

async fn dictionary(desk: &Desk) -> Result<Vec<TableEntry>, Problem> {
    let reports = desk.site.answers.reports(desk.reader).await;
    let tables = reports.map_err(|error| Problem::from(&error))?.tables();
    let rows_of = |name: &str| {
        let row = tables.rows.iter().find(|row| row[0] == name);
        row.and_then(|row| row[2].as_f64()).unwrap_or(0.0)
    };
    let schema = Catalog::embedded().schema();
    let entry = |table: &headcount_catalog::Table| TableEntry {
        name: table.name.clone(),
        tier: table.tier.name(),
        rows: headcount_charts::format_count(rows_of(&table.name)),
        columns: table
            .columns
            .iter()
            .map(|column| (column.name.clone(), type_name(column.column_type)))
            .collect(),
    };
    Ok(schema.tables.iter().map(entry).collect())
}

fn type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::Double => "double",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Text => "text",
        ColumnType::TextList => "list of texts",
    }
}

/// The first number by the first moment or text, where the answer has the form of a series or a ranking.
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
        let name = super::table::text_of(&row[name], "");
        row[value].as_f64().map(|value| (name, value))
    };
    let pairs: Vec<(String, f64)> = answer
        .rows
        .iter()
        .take(MOST_BARS)
        .filter_map(pair)
        .collect();
    ranked_rows(&title, &pairs)
}

/// Each number by the moment in the first column, where moments are days and differ.
fn trend_of_days(answer: &Answer, title: &str) -> Figure {
    let day = |row: &Vec<serde_json::Value>| -> Option<NaiveDate> {
        let text = row[0].as_str()?;
        let moment = || {
            DateTime::parse_from_rfc3339(text)
                .ok()
                .map(|moment| moment.date_naive())
        };
        text.parse().ok().or_else(moment)
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
    trend(title, &days, &lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_asked_for_as_its_sql() {
        let query = query_of(b"report=tools&since=2026-11-01&framework=o%27brien&min_crews=1")
            .unwrap()
            .unwrap();
        assert!(query.starts_with("-- Tools: "), "{query}");
        assert!(query.contains("framework = 'o''brien'"), "{query}");
    }

    #[test]
    fn what_is_no_query_is_named() {
        assert_eq!(query_of(b"").unwrap(), None);
        assert_eq!(query_of(b"query=+").unwrap(), None);
        assert!(query_of(b"since=7d").is_err());
        assert!(query_of(b"report=nonsense").is_err());
        assert!(query_of(b"report=tools&since=whenever").is_err());
    }
}
