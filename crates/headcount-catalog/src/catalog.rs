//! `catalog/crew.yaml` as parsed: categories, fields, and the schema and rules that follow from them.

mod form;

use std::sync::{Arc, LazyLock};

use crate::rule::{KeyDomain, Kind, Rule, TextLimit};
use crate::schema::{Column, Schema, Table, TableId, TableKind, Tier};

/// The catalog's text as it is built into this program.
const EMBEDDED: &str = include_str!("../../../catalog/crew.yaml");

/// The format of the file that this code reads.
const VERSION: u32 = 1;

/// The destination of a category's or a field's values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// Columns that every table begins with.
    EveryTable,
    /// Columns that the event tables of both tiers carry after those.
    EveryEventTable,
    /// Columns that the event tables of the default tier carry after those.
    EveryDefaultTable,
    /// One table.
    Table(String),
}

impl Place {
    fn read(word: &str) -> Self {
        match word {
            "every_table" => Place::EveryTable,
            "every_event_table" => Place::EveryEventTable,
            "every_default_table" => Place::EveryDefaultTable,
            table => Place::Table(table.to_owned()),
        }
    }

    /// The place's name in the catalog.
    pub fn name(&self) -> &str {
        match self {
            Place::EveryTable => "every_table",
            Place::EveryEventTable => "every_event_table",
            Place::EveryDefaultTable => "every_default_table",
            Place::Table(table) => table,
        }
    }
}

/// A group of fields that are collected for one purpose.
#[derive(Debug, Clone, PartialEq)]
pub struct Category {
    /// Its name in the catalog; `envelope` for the fields of every record.
    pub id: String,
    /// Its name on the published page.
    pub title: String,
    /// Its tier.
    pub tier: Tier,
    /// The destination of its fields unless they state another.
    pub place: Place,
    /// The kind of the rows of its table.
    pub rows: TableKind,
    /// The purpose of the values. Empty only in a catalog that the lint refuses.
    pub why: String,
    /// Its fields in the catalog's order.
    pub fields: Vec<Field>,
}

/// One value that may be collected: one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// Its destination: the category's, or its own.
    pub place: Place,
    /// The kind of its value.
    pub kind: Kind,
    /// The unit of a number.
    pub unit: Option<String>,
    /// The limits as the catalog states them.
    pub limits: Limits,
    /// The values of an [`Kind::Enum`], else empty.
    pub values: Vec<String>,
    /// The kind of thing that a [`Kind::Key`] names.
    pub domain: Option<KeyDomain>,
    /// Whether the text may name a person by accident.
    pub personal: Option<bool>,
    /// A value as it is stored.
    pub example: Option<serde_json::Value>,
    /// The field's purpose, where the category does not state it.
    pub why: Option<String>,
    /// The rule that admission checks values against.
    pub rule: Rule,
}

/// The limits that a field states; `None` where the catalog states none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// The longest text, in characters.
    pub max_length: Option<u32>,
    /// The longest list; makes the field a list.
    pub max_items: Option<u32>,
    /// The least number.
    pub min: Option<f64>,
    /// The greatest number.
    pub max: Option<f64>,
}

/// The reasons why a text is not a catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Not YAML, or not of the shape that the file's header describes. The cause names the line.
    #[error("the catalog cannot be read; see the header of catalog/crew.yaml for its form")]
    Form(#[from] Box<serde_saphyr::Error>),
    /// A format that this program does not know.
    #[error("the catalog has version {found}; this program reads version {VERSION}")]
    Version {
        /// The version that the file states.
        found: u32,
    },
    /// A field whose kind cannot be enforced as it is written.
    #[error("catalog category `{category}`, field `{field}`: {rule}")]
    Field {
        /// The category's id.
        category: String,
        /// The field's name.
        field: String,
        /// The rule that it breaks.
        rule: FieldRule,
    },
    /// More tables, or more columns in a table, than a row can name.
    #[error("the catalog has more than 256 tables, or a table of more than 256 columns")]
    TooLarge,
}

/// Rules without which a field's values cannot be checked. A catalog that breaks one is not read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldRule {
    /// An `enum` without values admits nothing.
    #[error("an enum names its `values`")]
    EnumWithoutValues,
    /// A `key` without a domain would compare equal to keys of other things.
    #[error("a key names its `domain`: crew, agent, task or project")]
    KeyWithoutDomain,
    /// A number's limits are not numbers that the column can hold.
    #[error("`min` and `max` of an integer are whole numbers of 64 bits")]
    IntegerLimits,
}

/// Everything that may be collected.
#[derive(Debug, Clone)]
pub struct Catalog {
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
            categories,
            schema: Arc::new(schema),
            sources,
        })
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
    if schema.tables.len() > 256 {
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
