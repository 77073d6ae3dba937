//! What crews shared: those whose configuration says `share_crew`, and nobody else. Owners only.

use askama::Template;
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;

use super::chrome::Chrome;
use super::desk::Desk;
use super::panel::Panel;
use super::table::Table;
use super::{Page, turned_away, welcome, write};
use crate::access::Reader;
use crate::answers::Question;
use crate::site::Site;

/// The list of the crews that shared.
#[derive(Template)]
#[template(path = "panels.html")]
struct ListPage {
    chrome: Chrome,
    question: &'static str,
    tiles: Vec<super::Tile>,
    panels: Vec<Panel>,
}

pub(crate) async fn list(
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let desk = match Desk::open(site, reader, &query, Page::Shared).await {
        Ok(desk) => desk,
        Err(problem) => return turned_away::page(&problem),
    };
    if desk.is_empty {
        return welcome::page(&desk);
    }
    let (report, crews) = futures::join!(desk.report("shared"), crews(&desk));
    let panels = vec![
        crews,
        Panel::of(&desk, &report, Some("crews"))
            .titled("counts", "What was shared", &report.header.question)
            .wide(),
    ];
    let page = ListPage {
        chrome: Chrome::of(&desk),
        question: Page::Shared.question(),
        tiles: Vec::new(),
        panels,
    };
    write(reader, &page)
}

/// The crews that shared in the span, the latest first.
async fn crews(desk: &Desk) -> Panel {
    let conditions = conditions(desk);
    let query = format!(
        "SELECT crew_id AS crew, max(framework) AS framework, max(framework_version) AS version,\n       \
         count(DISTINCT id) AS agents, string_agg(DISTINCT role, ', ') AS roles, min(time) AS first_seen, max(time) AS last_seen\n\
         FROM shared_agents\nWHERE crew_id IS NOT NULL{conditions}\nGROUP BY crew_id\nORDER BY last_seen DESC\nLIMIT 500"
    );
    let mut panel = Panel {
        id: "crews".to_owned(),
        title: "Crews".to_owned(),
        question: "Which crews share themselves?".to_owned(),
        is_wide: true,
        is_table_open: true,
        links: vec![super::panel::Link {
            label: "SQL".to_owned(),
            href: sql_address(&query),
            file: String::new(),
        }],
        ..Panel::default()
    };
    match desk.answer(Question::Sql(query.clone())).await {
        Err(error) => panel.failure = error.to_string(),
        Ok(answer) if answer.rows.is_empty() => {
            panel.nothing =
                "No crew shared itself in this time. A crew does when its configuration says share_crew."
                    .to_owned();
        }
        Ok(answer) => {
            let mut table = Table::plain("Crews that share themselves", &answer);
            for row in &mut table.rows {
                if let Some(cell) = row.first_mut() {
                    cell.href = format!("/shared/{}", cell.sort);
                }
            }
            panel.table = table;
            panel.saved_query = query;
        }
    }
    panel
}

/// The filters as SQL. The values are quoted; the address's own text reaches no other place.
fn conditions(desk: &Desk) -> String {
    let filters = &desk.filters;
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut conditions = String::new();
    let mut add = |condition: String| {
        conditions.push_str("\n  AND ");
        conditions.push_str(&condition);
    };
    if let Some(first) = filters.first {
        add(format!("time >= '{first}T00:00:00Z'"));
    }
    if let Some(after) = filters.last.and_then(|last| last.succ_opt()) {
        add(format!("time < '{after}T00:00:00Z'"));
    }
    if !filters.framework.is_empty() {
        add(format!("framework = {}", quoted(&filters.framework)));
    }
    match filters.version.strip_suffix('*') {
        Some(prefix) => add(format!(
            "starts_with(framework_version, {})",
            quoted(prefix)
        )),
        None if filters.version.is_empty() => {}
        None => add(format!("framework_version = {}", quoted(&filters.version))),
    }
    conditions
}

pub(crate) fn sql_address(query: &str) -> String {
    let mut address = url::form_urlencoded::Serializer::new(String::from("/sql?"));
    address.append_pair("query", query).finish()
}
