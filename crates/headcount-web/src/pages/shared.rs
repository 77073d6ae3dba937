//! The list of crews with `share_crew` on. Analysts only.

use axum::response::Response;
use chrono::Utc;
use headcount_reports::filter_conditions;

use super::context::PageContext;
use super::layout::Layout;
use super::links::{Link, sql_address};
use super::page::Page;
use super::panel::Panel;
use super::panels_page::PanelsPage;
use super::render::render;
use super::table::Table;
use super::visitor::Visitor;
use super::welcome;
use crate::answer_cache::QueryKey;

pub(crate) async fn list(visitor: Visitor) -> Result<Response, Response> {
    let role = visitor.role;
    let context = visitor.open(Page::Shared).await?;
    if context.is_empty {
        return Ok(welcome::page(&context));
    }
    let (report, crews) = futures::join!(context.report("shared"), crews(&context));
    let panels = vec![
        crews,
        Panel::of(&context, &report, Some("crews"))
            .titled("counts", "Shared content", &report.header.question)
            .wide(),
    ];
    let page = PanelsPage {
        layout: Layout::with_filters(&context),
        question: Page::Shared.question(),
        tiles: Vec::new(),
        panels,
    };
    Ok(render(role, &page))
}

/// The crews that shared in the range, latest first.
async fn crews(context: &PageContext) -> Panel {
    let mut panel = Panel {
        id: "crews".to_owned(),
        title: "Crews".to_owned(),
        question: "Which crews have share_crew on?".to_owned(),
        is_wide: true,
        is_table_open: true,
        ..Panel::default()
    };
    let parameters = context.filters.parameters();
    let conditions = match filter_conditions("shared_agents", &parameters, Utc::now()) {
        Ok(conditions) => conditions,
        Err(error) => {
            panel.failure = error.to_string();
            return panel;
        }
    };
    let conditions: String = conditions
        .iter()
        .map(|condition| format!("\n  AND {condition}"))
        .collect();
    let query = format!(
        "SELECT crew_id AS crew, max(framework) AS framework, max(framework_version) AS version,\n       \
         count(DISTINCT id) AS agents, string_agg(DISTINCT role, ', ') AS roles, min(time) AS first_seen, max(time) AS last_seen\n\
         FROM shared_agents\nWHERE crew_id IS NOT NULL{conditions}\nGROUP BY crew_id\nORDER BY last_seen DESC\nLIMIT 500"
    );
    panel.links = vec![Link {
        label: "SQL".to_owned(),
        href: sql_address(&query),
        file: String::new(),
    }];
    match context.answer(QueryKey::Fixed(query.clone())).await {
        Err(error) => panel.failure = error.to_string(),
        Ok(answer) if answer.rows.is_empty() => {
            panel.empty_message = "No crew with share_crew on sent data in this range.".to_owned();
        }
        Ok(answer) => {
            let mut table = Table::plain("Crews with share_crew on", &answer);
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
