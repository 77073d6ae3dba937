//! The rows of the pack's tables, made of the catalog and the statement.

use headcount_catalog::{Catalog, Category, Field, Place, Revision, Switch, Tier};

use crate::nature::Nature;
use crate::statement::Recipient;
use crate::text::{Own, Plain, Stated};

/// A category's purpose.
pub(crate) struct PurposeRow {
    pub(crate) id: String,
    pub(crate) title: Own,
    pub(crate) tier: &'static str,
    pub(crate) why: Own,
}

/// A tier with its categories.
pub(crate) struct TierSection {
    pub(crate) title: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) categories: Vec<CategorySection>,
}

/// A category with its fields.
pub(crate) struct CategorySection {
    pub(crate) id: String,
    pub(crate) title: Own,
    pub(crate) why: String,
    pub(crate) fields: Vec<FieldRow>,
}

/// A field as the reviewer reads it.
pub(crate) struct FieldRow {
    pub(crate) name: String,
    pub(crate) kind: Own,
    pub(crate) nature: &'static str,
    pub(crate) example: Own,
    pub(crate) why: Own,
}

/// Somebody who gets data.
pub(crate) struct RecipientRow<'p> {
    pub(crate) name: Plain<'p>,
    pub(crate) role: Stated<'p>,
    pub(crate) purpose: Stated<'p>,
    pub(crate) country: Stated<'p>,
}

/// A switch.
pub(crate) struct SwitchRow {
    pub(crate) name: Own,
    pub(crate) what: Own,
}

/// A revision of the catalog.
pub(crate) struct ChangeRow {
    pub(crate) number: u32,
    pub(crate) date: String,
    pub(crate) what: Own,
    pub(crate) fingerprint: String,
}

impl<'p> RecipientRow<'p> {
    pub(crate) fn of(recipient: &'p Recipient) -> Self {
        Self {
            name: Plain(&recipient.name),
            role: Stated::of(&recipient.role),
            purpose: Stated::of(&recipient.purpose),
            country: Stated::of(&recipient.country),
        }
    }
}

pub(crate) fn fields_of(catalog: &Catalog, tier: Tier) -> usize {
    let categories = catalog.categories().iter();
    categories
        .filter(|category| category.tier == tier)
        .map(|category| category.fields.len())
        .sum()
}

pub(crate) fn titles(catalog: &Catalog, tier: Tier) -> String {
    let categories = catalog.categories().iter();
    let titles: Vec<&str> = categories
        .filter(|category| category.tier == tier)
        .map(|category| category.title.as_str())
        .collect();
    Own(titles.join(", ")).to_string()
}

pub(crate) fn tiers(catalog: &Catalog) -> Vec<TierSection> {
    let section = |tier, title, promise| TierSection {
        title,
        promise,
        categories: catalog
            .categories()
            .iter()
            .filter(|category| category.tier == tier)
            .map(category)
            .collect(),
    };
    vec![
        section(
            Tier::Default,
            "Default tier",
            "Collected unless telemetry is off. Other pages call it the anonymous tier, because no field names anybody.",
        ),
        section(
            Tier::Shared,
            "Shared tier",
            "Collected only from a crew whose own configuration says `share_crew`. Not scrubbed.",
        ),
    ]
}

pub(crate) fn purpose(category: &Category) -> PurposeRow {
    PurposeRow {
        id: category.id.clone(),
        title: Own(category.title.clone()),
        tier: category.tier.name(),
        why: Own(category.why.clone()),
    }
}

fn category(category: &Category) -> CategorySection {
    let place = match &category.place {
        Place::EveryTable => "In every table.".to_owned(),
        Place::EveryEventTable => "In every table of events.".to_owned(),
        Place::EveryDefaultTable => "In every table of events of the default tier.".to_owned(),
        Place::Table(table) => format!("In the table `{table}`."),
    };
    let fields = category.fields.iter();
    CategorySection {
        id: category.id.clone(),
        title: Own(category.title.clone()),
        why: format!("{} {place}", category.why),
        fields: fields.map(|field| row(category, field)).collect(),
    }
}

fn row(category: &Category, field: &Field) -> FieldRow {
    let mut kind = field.kind_text();
    if let Some(unit) = &field.unit {
        kind += &format!(", in {unit}");
    }
    let limits = field.limits_text();
    if !limits.is_empty() {
        kind += &format!(": {limits}");
    }
    FieldRow {
        name: field.name.clone(),
        kind: Own(kind),
        nature: Nature::of(category, field).words(),
        example: Own(field.example_text()),
        // Not left to the category's paragraph: a reviewer reads the row alone.
        why: Own(field
            .why
            .clone()
            .unwrap_or_else(|| "as its category".to_owned())),
    }
}

pub(crate) fn switch(switch: &Switch) -> SwitchRow {
    SwitchRow {
        name: Own(switch.name_text()),
        what: Own(switch.what.clone()),
    }
}

pub(crate) fn change(revision: &Revision) -> ChangeRow {
    ChangeRow {
        number: revision.revision,
        date: revision.date.clone(),
        what: Own(revision.what.clone()),
        fingerprint: revision
            .fingerprint
            .as_ref()
            .map_or("–".to_owned(), |print| format!("`{print}`")),
    }
}
