//! The policy page: the catalog with live counts, and what was rejected.

use askama::Template;
use axum::response::Response;
use headcount_access::Right;
use headcount_catalog::{Catalog, Category, Field, Place, Tier};
use headcount_charts::format_count;

use super::context::PageContext;
use super::layout::Layout;
use super::page::Page;
use super::panel::Panel;
use super::render::render;
use super::visitor::Visitor;
use crate::answer_cache::QueryKey;
use crate::role::Visibility as _;

/// The policy page.
#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    layout: Layout,
    question: &'static str,
    tiers: Vec<TierSection>,
    panels: Vec<Panel>,
    /// Whether the reader may have captured telemetry explained.
    may_explain: bool,
}

/// A tier of the catalog.
struct TierSection {
    id: &'static str,
    title: &'static str,
    promise: &'static str,
    categories: Vec<CategorySection>,
}

/// A category with its fields.
struct CategorySection {
    id: String,
    title: String,
    why: String,
    /// Where its fields are stored.
    place: String,
    fields: Vec<FieldRow>,
}

/// A field, and how often it has a value.
struct FieldRow {
    name: String,
    kind: String,
    unit: String,
    limits: String,
    example: String,
    is_personal: bool,
    why: String,
    /// Rows with a value, of all rows; empty where they are not counted.
    count: String,
}

pub(crate) async fn show(visitor: Visitor) -> Result<Response, Response> {
    let role = visitor.role;
    let context = visitor.open(Page::Policy).await?;
    let (refusals, losses, tiers) = futures::join!(
        context.report("refusals"),
        context.report("losses"),
        tiers(&context)
    );
    let panels = vec![
        Panel::of(&context, &refusals, Some("count"))
            .titled(
                "refused",
                "Rejected",
                "What was received and not stored, by release and reason?",
            )
            .wide(),
        Panel::of(&context, &losses, None)
            .titled("lost", "Lost", "What did clients record and fail to send?")
            .wide(),
    ];
    let page = PolicyPage {
        layout: Layout::with_filters(&context),
        question: Page::Policy.question(),
        tiers,
        panels,
        may_explain: role.may(Right::ExplainTelemetry),
    };
    Ok(render(role, &page))
}

async fn tiers(context: &PageContext) -> Vec<TierSection> {
    let mut sections = vec![
        TierSection {
            id: "collected-by-default",
            title: "Collected by default",
            promise: "Anonymous. Enabled by default; headcount off, HEADCOUNT_DISABLED, DO_NOT_TRACK and other switches disable it (see Privacy).",
            categories: Vec::new(),
        },
        TierSection {
            id: "collected-with-share-crew",
            title: "Collected only with share_crew",
            promise: "Content. Only from crews with share_crew on; stored in separate tables.",
            categories: Vec::new(),
        },
    ];
    for category in Catalog::in_force().categories() {
        let section = &mut sections[usize::from(category.tier == Tier::Shared)];
        section
            .categories
            .push(category_section(context, category).await);
    }
    sections
}

async fn category_section(context: &PageContext, category: &Category) -> CategorySection {
    let mut fields = Vec::new();
    for field in &category.fields {
        let count = count_of(context, category.tier, field).await;
        fields.push(FieldRow {
            name: field.name.clone(),
            kind: field.kind_text(),
            unit: field.unit.clone().unwrap_or_default(),
            limits: field.limits_text().replace('`', ""),
            example: field.example.as_ref().map(example).unwrap_or_default(),
            is_personal: field.personal == Some(true),
            why: field.why.clone().unwrap_or_default(),
            count,
        });
    }
    CategorySection {
        id: category.id.clone(),
        title: category.title.clone(),
        why: category.why.clone(),
        place: place(&category.place),
        fields,
    }
}

/// How many rows have a value, of how many; who may not read the shared tier sees no counts of it.
async fn count_of(context: &PageContext, tier: Tier, field: &Field) -> String {
    let Place::Table(table) = &field.place else {
        return String::new();
    };
    if tier == Tier::Shared && !context.role.may(Right::ReadSharedTier) {
        return String::new();
    }
    let counts = filled_rows(context, table).await;
    let found = counts.iter().find(|(name, _)| *name == field.name);
    let rows = counts.first().map_or(0.0, |(_, rows)| *rows);
    match found {
        Some((_, filled)) if !context.role.may_read_count(*filled, rows) => {
            "few, or almost all".to_owned()
        }
        Some((_, filled)) if rows > 0.0 => {
            format!("{} of {}", format_count(*filled), format_count(rows))
        }
        Some(_) => "0".to_owned(),
        None => String::new(),
    }
}

/// The number of rows of a table under an empty name, then the number with a value by column.
async fn filled_rows(context: &PageContext, table: &str) -> Vec<(String, f64)> {
    let Some(columns) = Catalog::in_force()
        .schema()
        .tables
        .iter()
        .find(|known| known.name == table)
    else {
        return Vec::new();
    };
    let counted = columns
        .columns
        .iter()
        .map(|column| format!(", count(\"{0}\") AS \"{0}\"", column.name));
    let query = format!(
        "SELECT count(*) AS \"\"{} FROM \"{table}\"",
        counted.collect::<String>()
    );
    let Ok(answer) = context.answer(QueryKey::Fixed(query)).await else {
        return Vec::new();
    };
    let row = answer.rows.first().cloned().unwrap_or_default();
    let names = answer.column_names().map(str::to_owned);
    names
        .zip(row)
        .map(|(name, value)| (name, value.as_f64().unwrap_or(0.0)))
        .collect()
}

fn place(place: &Place) -> String {
    match place {
        Place::EveryTable => "in every table".to_owned(),
        Place::EveryEventTable => "in every event table".to_owned(),
        Place::EveryDefaultTable => "in every table of the default tier".to_owned(),
        Place::Table(table) => format!("in the table {table}"),
    }
}

fn example(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
