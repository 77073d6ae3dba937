//! The overview: how much crews are used, and what changed.

use headcount_charts::format_count;
use headcount_reports::{Answer, compare_answers};
use serde_json::Value;

use super::context::PageContext;
use super::figures::{Line, ranked, shares, sparkline, trend};
use super::links::{Link, links};
use super::panel::{Panel, Tile, change};
use super::report_view::ReportView;
use super::table::{Cell, Column, Table};

/// The tiles: the report's metric, the label, the page with details.
const METRICS: [(&str, &str, &str); 8] = [
    ("crews", "crews", "/features"),
    ("runs", "runs", "/features"),
    ("agents", "agents", "/agents"),
    ("tasks", "tasks", "/tasks"),
    ("tool_uses", "tool uses", "/tools"),
    ("tools", "tools", "/tools"),
    ("models", "models", "/models"),
    ("versions", "releases", "/versions"),
];

/// Where changes are looked for: the report, its column of names, the noun.
const CHANGE_SOURCES: [(&str, &str, &str); 4] = [
    ("tools", "tool", "tool"),
    ("models", "model", "model"),
    ("features", "feature", "feature"),
    ("versions", "version", "release"),
];

/// The most changes in the table.
const MAX_CHANGES: usize = 12;

/// The tiles and panels.
pub(crate) async fn show(context: &PageContext) -> (Vec<Tile>, Vec<Panel>) {
    let (current, previous, by_period, previous_by_period, versions, tools, models) = futures::join!(
        context.report("overview"),
        context.previous("overview"),
        context.by_period("overview"),
        context.previous_by_period("overview"),
        context.by_period("versions"),
        context.report("tools"),
        context.report("models"),
    );
    let mut panels = vec![
        activity(context, &by_period, previous_by_period.as_ref()),
        Panel::of(context, &versions, None)
            .titled(
                "releases",
                "Releases over time",
                "What share of runs uses each release?",
            )
            .with_figure(shares(
                context,
                &versions,
                "version",
                "runs",
                "Share of runs by release",
            )),
        Panel::of(context, &tools, Some("crews"))
            .titled("tools", "Top tools", "Which tools do most crews have?")
            .with_figure(ranked(&tools, "tool", "crews", 10, "Crews by tool")),
        Panel::of(context, &models, Some("crews"))
            .titled("models", "Top models", "Which models do most crews use?")
            .with_figure(ranked(&models, "model", "crews", 10, "Crews by model")),
    ];
    // Without previous runs everything is new.
    let value = |view: &ReportView| view.number_where("metric", "runs", "value");
    let previous = previous.filter(|previous| value(previous).is_some_and(|runs| runs > 0.0));
    if previous.is_some() {
        panels.push(changes_panel(context).await);
    }
    (
        tiles(context, &current, previous.as_ref(), &by_period),
        panels,
    )
}

fn tiles(
    context: &PageContext,
    current: &ReportView,
    previous: Option<&ReportView>,
    by_period: &ReportView,
) -> Vec<Tile> {
    let periods = context.periods(by_period);
    let series = by_period.counts(Some("metric"), "value", &periods);
    let value = |view: &ReportView, metric: &str| view.number_where("metric", metric, "value");
    let query = context.filters.query();
    let tile = |(metric, label, page): (&str, &str, &str)| {
        let old = previous.and_then(|previous| value(previous, metric));
        let mut tile = Tile::of(label, value(current, metric), old, format_count);
        let line = series.iter().find(|(name, _)| name == metric);
        if let Some((_, values)) = line {
            let over = values.len() - usize::from(context.is_last_running(&periods));
            tile.spark = sparkline(&values[..over]);
        }
        tile.href = if query.is_empty() {
            page.to_owned()
        } else {
            format!("{page}?{query}")
        };
        tile
    };
    METRICS.into_iter().map(tile).collect()
}

/// Runs and crews over time, with the previous range.
fn activity(
    context: &PageContext,
    by_period: &ReportView,
    previous_by_period: Option<&ReportView>,
) -> Panel {
    let periods = context.periods(by_period);
    let find = |view: &ReportView, periods: &[chrono::NaiveDate], metric: &str| {
        let mut series = view.counts(Some("metric"), "value", periods);
        let position = series.iter().position(|(name, _)| name == metric)?;
        Some(series.swap_remove(position).1)
    };
    let mut lines = Vec::new();
    for metric in ["runs", "crews"] {
        let values = find(by_period, &periods, metric).unwrap_or_default();
        let mut line = Line::new(metric, values);
        let old = previous_by_period.and_then(|previous_by_period| {
            find(previous_by_period, &context.previous_periods(), metric)
        });
        if let Some(old) = old {
            line = line.with_previous(old);
        }
        lines.push(line);
    }
    Panel::of(context, by_period, None)
        .titled(
            "activity",
            "Runs and crews",
            "How many runs were there, of how many crews?",
        )
        .with_figure(trend(
            "Runs and crews",
            context.periods_of(&periods, &context.few()),
            &lines,
        ))
}

/// The names that gained or lost the most crews since the previous range.
async fn changes_panel(context: &PageContext) -> Panel {
    let queries = CHANGE_SOURCES.map(|(report, column, noun)| async move {
        let (current, previous) = futures::join!(context.report(report), context.previous(report));
        (current, previous, column, noun)
    });
    let mut sources = Vec::new();
    let mut rows: Vec<(f64, Vec<Cell>)> = Vec::new();
    for (current, previous, column, noun) in futures::future::join_all(queries).await {
        let previous = previous.map(|previous| previous.answer);
        let (Ok(current_answer), Some(Ok(previous))) = (&current.answer, previous) else {
            continue;
        };
        let answer = compare_answers(current_answer, &previous, column, "crews");
        sources.extend(links_of_source(context, &current));
        rows.extend(
            answer
                .rows
                .iter()
                .filter_map(|row| row_of(&answer, row, noun)),
        );
    }
    rows.sort_by(|left, right| right.0.total_cmp(&left.0));
    rows.truncate(MAX_CHANGES);
    let column = |label: &str, is_number| Column {
        label: label.to_owned(),
        meaning: String::new(),
        is_number,
    };
    let empty_message = if rows.is_empty() {
        context.empty_message()
    } else {
        String::new()
    };
    Panel {
        id: "changes".to_owned(),
        title: "What changed".to_owned(),
        question: "What gained or lost the most crews since the previous period?".to_owned(),
        is_table_open: true,
        empty_message,
        table: Table {
            caption: "What changed".to_owned(),
            columns: vec![
                column("what", false),
                column("name", false),
                column("crews", true),
                column("previous", true),
                column("change", true),
            ],
            rows: rows.into_iter().map(|(_, cells)| cells).collect(),
            more: 0,
        },
        links: sources,
        is_wide: true,
        ..Panel::default()
    }
}

/// The links of a report's own panel, labelled with its title.
fn links_of_source(context: &PageContext, view: &ReportView) -> impl Iterator<Item = Link> {
    let title = &view.header.title;
    links(context, view.header, &view.parameters)
        .into_iter()
        .filter(|link| link.label != "JSON")
        .map(move |link| Link {
            label: format!("{title}: {}", link.label),
            ..link
        })
}

fn row_of(answer: &Answer, row: &[Value], noun: &str) -> Option<(f64, Vec<Cell>)> {
    let value = |name: &str| answer.column_index(name).map(|index| &row[index]);
    let name = value("name")?.as_str()?;
    let current = value("now")?.as_f64().unwrap_or(0.0);
    let previous = value("before")?.as_f64().unwrap_or(0.0);
    let difference = current - previous;
    if difference == 0.0 {
        return None;
    }
    let (text, _) = change(current, previous);
    let cells = vec![
        Cell::text(noun),
        Cell::text(name),
        Cell::number(current, format_count(current)),
        Cell::number(previous, format_count(previous)),
        Cell::number(difference, text),
    ];
    Some((difference.abs(), cells))
}
