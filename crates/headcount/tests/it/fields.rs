//! `src/fields.rs` follows from the catalog: a client can record no field that the catalog does not list.

use std::fmt::Write as _;

use headcount_catalog::{Catalog, Category, Field, Kind, Place, Rule};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/fields.rs");

/// Written by a collector, or filled by the spans of other frameworks' instrumentations, not by this client.
const NOT_RECORDED: [&str; 5] = ["envelope", "refusal", "agent_run", "model_call", "handoff"];
/// The same of fields.
const FIELDS_NOT_RECORDED: [&str; 4] = [
    "tool_usage.duration",
    "tool_usage.error_type",
    "execution_environment.instrumentation",
    "execution_environment.instrumentation_version",
];
/// Filled by a dialect of older clients only: where a crew runs is on every event of this one.
const OTHER_TABLES: [&str; 1] = ["environments"];

/// `UPDATE_FIELDS=1 cargo test --release -p headcount --test it fields` writes the file.
#[test]
fn a_client_can_record_what_the_catalog_lists_and_nothing_else() {
    let wanted = module(Catalog::embedded());
    if std::env::var_os("UPDATE_FIELDS").is_some() {
        std::fs::write(PATH, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        found == wanted,
        "src/fields.rs differs from catalog/crew.yaml; run this test with UPDATE_FIELDS=1 to write it"
    );
}

fn module(catalog: &Catalog) -> String {
    let mut text = String::from(
        "//! The fields that a client may record, one module a category of `catalog/crew.yaml`.\n\
         //!\n\
         //! Generated; `tests/it/fields.rs` writes it and fails when it and the catalog differ.\n\
         \n\
         /// Marks a span whose crew shares its content (see `catalog/dialects/headcount.yaml`).\n\
         pub(crate) const SHARING_MARK: &str = \"consent.share_crew\";\n",
    );
    let mut scrubbed = Vec::new();
    let mut identifiers = Vec::new();
    for category in catalog.categories() {
        if NOT_RECORDED.contains(&category.id.as_str()) {
            continue;
        }
        let fields: Vec<String> = category
            .fields
            .iter()
            .filter(|field| {
                !matches!(&field.place, Place::Table(table) if OTHER_TABLES.contains(&table.as_str()))
            })
            .filter_map(|field| constant(category, field, &mut scrubbed, &mut identifiers))
            .collect();
        let mut seen = Vec::new();
        let unique: Vec<&String> = fields
            .iter()
            .filter(|line| {
                let is_new = !seen.contains(line);
                seen.push(line);
                is_new
            })
            .collect();
        if unique.is_empty() {
            continue;
        }
        write!(
            text,
            "\n/// {}.\npub(crate) mod {} {{\n    use crate::field::*;\n",
            category.title, category.id
        )
        .unwrap();
        for line in unique {
            write!(text, "\n{line}").unwrap();
        }
        text.push_str("}\n");
    }
    text.push_str(
        "\n/// Texts of the default tier that are scrubbed before they reach a disk.\n\
         pub(crate) const SCRUBBED: &[crate::field::Scrubbing] = &[\n",
    );
    scrubbed.dedup();
    for (key, max_length) in scrubbed {
        writeln!(
            text,
            "    crate::field::Scrubbing {{ key: {key:?}, max_length: {max_length} }},"
        )
        .unwrap();
    }
    text.push_str("];\n");
    text.push_str(
        "\n/// Identifiers, which are left out where they look like personal data.\n\
         pub(crate) const IDENTIFIERS: &[&str] = &[\n",
    );
    identifiers.dedup();
    for key in identifiers {
        writeln!(text, "    {key:?},").unwrap();
    }
    text.push_str("];\n");
    text
}

fn constant(
    category: &Category,
    field: &Field,
    scrubbed: &mut Vec<(String, usize)>,
    identifiers: &mut Vec<String>,
) -> Option<String> {
    let key = format!("{}.{}", category.id, field.name);
    if FIELDS_NOT_RECORDED.contains(&key.as_str()) {
        return None;
    }
    let (kind, limits) = match &field.rule {
        Rule::Boolean => ("Boolean", String::new()),
        Rule::Integer { min, max } => ("Integer", format!(", min: {min}, max: {max}")),
        Rule::Double { min, max } => ("Double", format!(", min: {min:?}, max: {max:?}")),
        Rule::Timestamp | Rule::Receipt => return None,
        Rule::Id => ("RandomId", String::new()),
        Rule::Key(_) => ("KeyedHash", String::new()),
        Rule::Enum(values) => ("Enum", format!(", values: &{values:?}")),
        Rule::Version { max_length } => ("Identifier", format!(", max_length: {max_length}")),
        Rule::Token(limit) | Rule::OwnWord(limit) => {
            identifiers.push(key.clone());
            ("Identifier", format!(", max_length: {}", limit.max_length))
        }
        Rule::FreeText(limit) => {
            scrubbed.push((key.clone(), limit.max_length));
            match limit.max_items {
                None => ("FreeText", format!(", max_length: {}", limit.max_length)),
                Some(items) => (
                    "FreeTexts",
                    format!(", max_length: {}, max_items: {items}", limit.max_length),
                ),
            }
        }
        Rule::Content(limit) => match limit.max_items {
            None => ("SharedText", format!(", max_length: {}", limit.max_length)),
            Some(items) => (
                "SharedTexts",
                format!(", max_length: {}, max_items: {items}", limit.max_length),
            ),
        },
    };
    // A span's times and its status say these.
    if field.kind == Kind::Duration
        && matches!(category.id.as_str(), "task_lifecycle" | "crew_completion")
        || field.name == "outcome"
            && matches!(category.id.as_str(), "task_lifecycle" | "crew_completion")
    {
        return None;
    }
    let name = field.name.to_uppercase();
    Some(format!(
        "    pub(crate) const {name}: {kind} = {kind} {{ key: {key:?}{limits} }};\n"
    ))
}
