//! `catalog/crew.yaml` as parsed: categories, fields, and the schema and rules that follow from them.

mod error;
mod field;
mod form;
mod history;
mod switch;

use std::sync::{Arc, LazyLock};

use crate::retention::Retention;
use crate::rule::Rule;
use crate::schema::{Column, Schema, Table, TableId, TableKind, Tier};
use error::VERSION;

pub use error::{CatalogError, FieldRule};
pub use field::{Category, Field, Limits, Place};
pub use history::Revision;
pub use switch::{Switch, SwitchKind};

/// The catalog's text as it is built into this program.
const EMBEDDED: &str = include_str!("../../../catalog/crew.yaml");

/// Everything that may be collected.
#[derive(Debug, Clone)]
pub struct Catalog {
    retention: Retention,
    history: Vec<Revision>,
    switches: Vec<Switch>,
    categories: Vec<Category>,
    schema: Arc<Schema>,
    /// For each table and column of the schema: the category and the field it came from.
    sources: Vec<Vec<(usize, usize)>>,
}

impl Catalog {
    /// The catalog that is built into this program: `catalog/crew.yaml`.
    pub fn embedded() -> &'static Catalog {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
            Catalog::parse(EMBEDDED)
                .expect("catalog/crew.yaml is part of this program and its tests read it")
        });
        &CATALOG
    }

    /// The text of that catalog.
    pub fn embedded_text() -> &'static str {
        EMBEDDED
    }

    /// Reads a catalog. It may still break rules that [`Catalog::lint`] knows; a text field without a
    /// length limit, for example, admits nothing until the limit is stated.
    ///
    /// # Errors
    /// Not YAML of the form that the header of `catalog/crew.yaml` describes, or a field that cannot be enforced.
    pub fn parse(yaml: &str) -> Result<Catalog, CatalogError> {
        let file: form::File =
            serde_saphyr::from_str(yaml).map_err(|error| CatalogError::Form(Box::new(error)))?;
        if file.version != VERSION {
            return Err(CatalogError::Version {
                found: file.version,
            });
        }
        let envelope = form::Category {
            id: "envelope".to_owned(),
            title: file.envelope.title,
            tier: form::Tier::Default,
            table: Place::EveryTable.name().to_owned(),
            rows: form::Rows::Events,
            why: file.envelope.why,
            fields: file.envelope.fields,
        };
        let categories = std::iter::once(envelope)
            .chain(file.categories)
            .map(form::Category::read)
            .collect::<Result<Vec<_>, _>>()?;
        let (schema, sources) = lay_out(&categories)?;
        Ok(Catalog {
            retention: file.retention,
            history: file.history,
            switches: file.switches,
            categories,
            schema: Arc::new(schema),
            sources,
        })
    }

    /// For how long a row is kept at most.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// What changed in what may be collected, oldest first.
    pub fn history(&self) -> &[Revision] {
        &self.history
    }

    /// What turns a client off, in the order in which the client asks; the first that says off decides.
    pub fn switches(&self) -> &[Switch] {
        &self.switches
    }

    /// The categories in the file's order; the first is the envelope.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The tables and columns that follow from the catalog.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The category and field that the column at `column` of `table` comes from.
    pub fn source(&self, table: TableId, column: usize) -> Option<(&Category, &Field)> {
        let (category, field) = self.source_index(table, column)?;
        let category = self.categories.get(category)?;
        Some((category, category.fields.get(field)?))
    }

    /// The positions of that category and field.
    pub(crate) fn source_index(&self, table: TableId, column: usize) -> Option<(usize, usize)> {
        self.sources.get(usize::from(table.0))?.get(column).copied()
    }

    /// The rule that admission checks the values of the column at `column` of `table` against.
    pub fn rule(&self, table: TableId, column: usize) -> Option<&Rule> {
        self.source(table, column).map(|(_, field)| &field.rule)
    }
}

type Layout = (Schema, Vec<Vec<(usize, usize)>>);

/// Tables in the order in which categories name them; columns: of every table, of every event table, of every default table,
/// its own.
fn lay_out(categories: &[Category]) -> Result<Layout, CatalogError> {
    let mut schema = Schema::default();
    for category in categories {
        let places = category.fields.iter().map(|field| &field.place);
        for place in std::iter::once(&category.place).chain(places) {
            let Place::Table(name) = place else { continue };
            match schema.tables.iter_mut().find(|table| table.name == *name) {
                // A table of both tiers is an error that the lint reports; until then it counts as the stricter one.
                Some(table) => table.tier = table.tier.max(category.tier),
                None => schema.tables.push(Table {
                    name: name.clone(),
                    tier: category.tier,
                    kind: category.rows,
                    columns: Vec::new(),
                }),
            }
        }
    }
    let mut sources = Vec::with_capacity(schema.tables.len());
    for table in &mut schema.tables {
        let mut columns = Vec::new();
        for wanted in [
            Place::EveryTable,
            Place::EveryEventTable,
            Place::EveryDefaultTable,
            Place::Table(table.name.clone()),
        ] {
            let is_event = table.kind == TableKind::Event;
            let is_carried = match wanted {
                Place::EveryTable | Place::Table(_) => true,
                Place::EveryEventTable => is_event,
                Place::EveryDefaultTable => is_event && table.tier == Tier::Default,
            };
            if is_carried {
                add_columns(categories, &wanted, table, &mut columns);
            }
        }
        if table.columns.len() > 256 {
            return Err(CatalogError::TooLarge);
        }
        sources.push(columns);
    }
    if schema.tables.len() > 255 {
        return Err(CatalogError::TooLarge);
    }
    Ok((schema, sources))
}

fn add_columns(
    categories: &[Category],
    wanted: &Place,
    table: &mut Table,
    sources: &mut Vec<(usize, usize)>,
) {
    for (category_index, category) in categories.iter().enumerate() {
        for (field_index, field) in category.fields.iter().enumerate() {
            // A second field of the same name is an error that the lint reports; the first one counts.
            if field.place == *wanted && table.column_index(&field.name).is_none() {
                table.columns.push(Column {
                    name: field.name.clone(),
                    column_type: field.rule.column_type(),
                });
                sources.push((category_index, field_index));
            }
        }
    }
}
