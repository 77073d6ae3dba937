//! The first page: how much crews are used, and what changed.

use headcount_charts::format_count;
use headcount_reports::{Answer, changes};
use serde_json::Value;

use super::desk::{Desk, Shown};
use super::figures::{Line, ranked, shares, sparkline, trend};
use super::panel::{Link, Panel, Tile, change, links};
use super::table::{Cell, Column, Table};

/// The numbers that stand at the top: the report's metric, its name, the page that says more.
const METRICS: [(&str, &str, &str); 8] = [
    ("crews", "crews", "/features"),
    ("runs", "runs", "/features"),
    ("agents", "agents", "/features"),
    ("tasks", "tasks", "/tasks"),
    ("tool_uses", "tool uses", "/tools"),
    ("tools", "tools", "/tools"),
    ("models", "models", "/models"),
    ("versions", "releases", "/versions"),
];

/// What is looked at for changes: the report, its column of names, the noun.
const CHANGING: [(&str, &str, &str); 4] = [
    ("tools", "tool", "tool"),
    ("models", "model", "model"),
    ("features", "feature", "feature"),
    ("versions", "version", "release"),
];

/// The most changes that are shown.
const MOST_CHANGES: usize = 12;

/// Its tiles and panels.
pub(crate) async fn show(desk: &Desk) -> (Vec<Tile>, Vec<Panel>) {
    let (now, before, by_period, earlier, versions, tools, models) = futures::join!(
        desk.report("overview"),
        desk.before("overview"),
        desk.by_period("overview"),
        desk.before_by_period("overview"),
        desk.by_period("versions"),
        desk.report("tools"),
        desk.report("models"),
    );
    let mut panels = vec![
        activity(desk, &by_period, earlier.as_ref()),
        Panel::of(desk, &versions, None)
            .titled(
                "releases",
                "Releases over time",
                "Which share of the runs is on which release?",
            )
            .with(shares(
                desk,
                &versions,
                "version",
                "runs",
                "Share of runs by release",
            )),
        Panel::of(desk, &tools, Some("crews"))
            .titled(
                "tools",
                "Leading tools",
                "Which tools are most crews equipped with?",
            )
            .with(ranked(&tools, "tool", "crews", 10, "Crews by tool")),
        Panel::of(desk, &models, Some("crews"))
            .titled(
                "models",
                "Leading models",
                "Which models do most crews use?",
            )
            .with(ranked(&models, "model", "crews", 10, "Crews by model")),
    ];
    // Where nothing was counted before, everything is new and nothing can be compared.
    let value = |shown: &Shown| shown.number_where("metric", "runs", "value");
    let before = before.filter(|before| value(before).is_some_and(|runs| runs > 0.0));
    if before.is_some() {
        panels.push(changed(desk).await);
    }
    (tiles(desk, &now, before.as_ref(), &by_period), panels)
}

fn tiles(desk: &Desk, now: &Shown, before: Option<&Shown>, by_period: &Shown) -> Vec<Tile> {
    let periods = desk.periods(by_period);
    let series = by_period.series(Some("metric"), "value", &periods);
    let value = |shown: &Shown, metric: &str| shown.number_where("metric", metric, "value");
    let query = desk.filters.query();
    let tile = |(metric, label, page): (&str, &str, &str)| {
        let old = before.and_then(|before| value(before, metric));
        let mut tile = Tile::of(label, value(now, metric), old, format_count);
        let line = series.iter().find(|(name, _)| name == metric);
        if let Some((_, values)) = line {
            let counted: Vec<Option<f64>> =
                values.iter().map(|value| value.or(Some(0.0))).collect();
            tile.spark = sparkline(&counted);
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

/// Runs and crews over time, and over the time before.
fn activity(desk: &Desk, by_period: &Shown, earlier: Option<&Shown>) -> Panel {
    let periods = desk.periods(by_period);
    let find = |shown: &Shown, periods: &[chrono::NaiveDate], metric: &str| {
        let mut series = shown.series(Some("metric"), "value", periods);
        let position = series.iter().position(|(name, _)| name == metric)?;
        Some(series.swap_remove(position).1)
    };
    let mut lines = Vec::new();
    for metric in ["runs", "crews"] {
        let values = find(by_period, &periods, metric).unwrap_or_default();
        let mut line = Line::new(metric, values).counted();
        let old = earlier.and_then(|earlier| find(earlier, &desk.periods_before(), metric));
        if let Some(old) = old {
            line = line.with_before(old);
        }
        lines.push(line);
    }
    Panel::of(desk, by_period, None)
        .titled(
            "activity",
            "Runs and crews",
            "How often do crews run, and how many different ones?",
        )
        .with(trend("Runs and crews", &periods, &lines))
}

/// What gained and lost the most crews since the span before.
async fn changed(desk: &Desk) -> Panel {
    let asked = CHANGING.map(|(report, column, noun)| async move {
        let (now, before) = futures::join!(desk.report(report), desk.before(report));
        (now, before, column, noun)
    });
    let mut sources = Vec::new();
    let mut rows: Vec<(f64, Vec<Cell>)> = Vec::new();
    for (now, before, column, noun) in futures::future::join_all(asked).await {
        let (Ok(now_answer), Some(Ok(before))) = (&now.answer, before.map(|before| before.answer))
        else {
            continue;
        };
        let answer = changes(now_answer, &before, column, "crews");
        sources.extend(links_of_source(desk, &now));
        rows.extend(
            answer
                .rows
                .iter()
                .filter_map(|row| row_of(&answer, row, noun)),
        );
    }
    rows.sort_by(|left, right| right.0.total_cmp(&left.0));
    rows.truncate(MOST_CHANGES);
    let column = |label: &str, is_number| Column {
        label: label.to_owned(),
        meaning: String::new(),
        is_number,
    };
    let nothing = if rows.is_empty() {
        desk.nothing()
    } else {
        String::new()
    };
    Panel {
        id: "changes".to_owned(),
        title: "What changed".to_owned(),
        question: "What gained or lost the most crews since the time before?".to_owned(),
        is_table_open: true,
        nothing,
        table: Table {
            caption: "What changed".to_owned(),
            columns: vec![
                column("what", false),
                column("name", false),
                column("crews", true),
                column("before", true),
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

/// Where one report's numbers of now can be had: the same links as its own panel's, with its name.
fn links_of_source(desk: &Desk, shown: &Shown) -> impl Iterator<Item = Link> {
    let title = &shown.header.title;
    links(desk, shown.header, &shown.parameters)
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
    let now = value("now")?.as_f64().unwrap_or(0.0);
    let before = value("before")?.as_f64().unwrap_or(0.0);
    let difference = now - before;
    if difference == 0.0 {
        return None;
    }
    let (text, _) = change(now, before);
    let cells = vec![
        Cell::text(noun),
        Cell::text(name),
        Cell::number(now, format_count(now)),
        Cell::number(before, format_count(before)),
        Cell::number(difference, text),
    ];
    Some((difference.abs(), cells))
}
