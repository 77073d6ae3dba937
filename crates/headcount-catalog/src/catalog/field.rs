//! Categories and fields of the catalog.

use crate::rule::{KeyDomain, Kind, Rule};
use crate::schema::{TableKind, Tier};

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
    pub(super) fn read(word: &str) -> Self {
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
    /// Who reads the field, where no report of this program does.
    pub read_by: Option<String>,
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
