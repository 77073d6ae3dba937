//! The page for whoever asks what may be collected: the catalog with live counts, and what was refused.

use askama::Template;
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use headcount_catalog::{Catalog, Category, Field, Place, Tier};

use super::chrome::Chrome;
use super::desk::Desk;
use super::panel::Panel;
use super::{Page, turned_away, write};
use crate::access::Reader;
use crate::answers::Question;
use crate::api::PUBLIC_MIN_CREWS;
use crate::site::Site;
use headcount_charts::format_count;

/// The page of the policy.
#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    chrome: Chrome,
    question: &'static str,
    tiers: Vec<TierSection>,
    panels: Vec<Panel>,
}

/// What is collected under one promise.
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
    /// The table, or every table.
    place: String,
    fields: Vec<FieldRow>,
}

/// A field, and how often it was sent.
struct FieldRow {
    name: String,
    kind: String,
    unit: String,
    limits: String,
    example: String,
    is_personal: bool,
    why: String,
    /// Rows with a value, and their share of the table's rows; empty where that is not counted.
    count: String,
}

pub(crate) async fn show(
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let desk = match Desk::open(site, reader, &query, Page::Policy).await {
        Ok(desk) => desk,
        Err(problem) => return turned_away::page(&problem),
    };
    let (refusals, losses, tiers) =
        futures::join!(desk.report("refusals"), desk.report("losses"), tiers(&desk));
    let panels = vec![
        Panel::of(&desk, &refusals, Some("count"))
            .titled(
                "refused",
                "Refused",
                "What was sent and not stored, by release and reason?",
            )
            .wide(),
        Panel::of(&desk, &losses, None)
            .titled(
                "lost",
                "Lost",
                "What did clients record and could not send?",
            )
            .wide(),
    ];
    let chrome = Chrome::of(&desk);
    let question = Page::Policy.question();
    write(
        reader,
        &PolicyPage {
            chrome,
            question,
            tiers,
            panels,
        },
    )
}

async fn tiers(desk: &Desk) -> Vec<TierSection> {
    let mut sections = vec![
        TierSection {
            id: "collected-by-default",
            title: "Collected by default",
            promise: "Anonymous. On unless a switch says no; OTEL_SDK_DISABLED=true is one.",
            categories: Vec::new(),
        },
        TierSection {
            id: "collected-with-share-crew",
            title: "Collected only with share_crew",
            promise: "Content. Only from a crew whose configuration says share_crew; kept in tables of its own.",
            categories: Vec::new(),
        },
    ];
    for category in Catalog::embedded().categories() {
        let section = &mut sections[usize::from(category.tier == Tier::Shared)];
        section
            .categories
            .push(category_section(desk, category).await);
    }
    sections
}

async fn category_section(desk: &Desk, category: &Category) -> CategorySection {
    let mut fields = Vec::new();
    for field in &category.fields {
        let count = count_of(desk, category.tier, field).await;
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

/// How many rows have a value, of how many. The public is not told about the shared tier.
async fn count_of(desk: &Desk, tier: Tier, field: &Field) -> String {
    let Place::Table(table) = &field.place else {
        return String::new();
    };
    if tier == Tier::Shared && !desk.reader.is_owner() {
        return String::new();
    }
    let counts = desk.filled(table).await;
    let found = counts.iter().find(|(name, _)| *name == field.name);
    let rows = counts.first().map_or(0.0, |(_, rows)| *rows);
    match found {
        Some((_, filled)) if !desk.reader.is_owner() && is_of_few(*filled, rows) => {
            "few, or all but few".to_owned()
        }
        Some((_, filled)) if rows > 0.0 => {
            format!("{} of {}", format_count(*filled), format_count(rows))
        }
        Some(_) => "0".to_owned(),
        None => String::new(),
    }
}

/// Whether the rows with a value, or those without, are too few to be published.
fn is_of_few(filled: f64, rows: f64) -> bool {
    let are_few = |count: f64| count > 0.0 && count < PUBLIC_MIN_CREWS as f64;
    are_few(filled) || are_few(rows - filled)
}

impl Desk {
    /// The rows of a table under an empty name, then how many of them have a value in each column.
    async fn filled(&self, table: &str) -> Vec<(String, f64)> {
        let Some(columns) = Catalog::embedded()
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
        let Ok(answer) = self.answer(Question::Sql(query)).await else {
            return Vec::new();
        };
        let row = answer.rows.first().cloned().unwrap_or_default();
        let names = answer.column_names().map(str::to_owned);
        names
            .zip(row)
            .map(|(name, value)| (name, value.as_f64().unwrap_or(0.0)))
            .collect()
    }
}

fn place(place: &Place) -> String {
    match place {
        Place::EveryTable => "in every table".to_owned(),
        Place::EveryEventTable => "in every table of events".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_few_rows_nor_all_but_few_are_published() {
        for (filled, rows, expected) in [
            (0.0, 200.0, false),
            (200.0, 200.0, false),
            (5.0, 10.0, false),
            (4.0, 200.0, true),
            (196.0, 200.0, true),
            (3.0, 3.0, true),
        ] {
            assert_eq!(is_of_few(filled, rows), expected, "{filled} of {rows}");
        }
    }
}
