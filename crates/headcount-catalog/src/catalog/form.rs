//! The form of `catalog/crew.yaml`, as it is deserialised.

use serde::Deserialize;

use super::error::{CatalogError, FieldRule};
use super::field::{self, Limits, Place};
use super::history::Revision;
use super::switch::Switch;
use crate::retention::Retention;
use crate::rule::{KeyDomain, Kind, Rule, TextLimit};
use crate::schema::{self, TableKind};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) version: u32,
    #[serde(default)]
    pub(super) retention: Retention,
    #[serde(default)]
    pub(super) history: Vec<Revision>,
    #[serde(default)]
    pub(super) switches: Vec<Switch>,
    pub(super) envelope: Envelope,
    pub(super) categories: Vec<Category>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    pub(super) title: String,
    pub(super) why: String,
    pub(super) fields: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Category {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) tier: Tier,
    pub(super) table: String,
    #[serde(default)]
    pub(super) rows: Rows,
    #[serde(default)]
    pub(super) why: String,
    pub(super) fields: Vec<Field>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tier {
    Default,
    Shared,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rows {
    #[default]
    Events,
    Counts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    name: String,
    kind: Kind,
    table: Option<String>,
    unit: Option<String>,
    max_length: Option<u32>,
    max_items: Option<u32>,
    min: Option<Number>,
    max: Option<Number>,
    #[serde(default)]
    values: Vec<String>,
    domain: Option<KeyDomain>,
    personal: Option<bool>,
    example: Option<serde_json::Value>,
    why: Option<String>,
    read_by: Option<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
pub(super) enum Number {
    Integer(i64),
    Double(f64),
}

impl Number {
    fn as_f64(self) -> f64 {
        match self {
            Number::Integer(value) => value as f64,
            Number::Double(value) => value,
        }
    }

    fn as_i64(self) -> Result<i64, FieldRule> {
        match self {
            Number::Integer(value) => Ok(value),
            Number::Double(_) => Err(FieldRule::IntegerLimits),
        }
    }
}

impl Category {
    pub(super) fn read(self) -> Result<field::Category, CatalogError> {
        let place = Place::read(&self.table);
        let fields = self
            .fields
            .into_iter()
            .map(|field| field.read(&self.id, &place))
            .collect::<Result<_, _>>()?;
        Ok(field::Category {
            id: self.id,
            title: self.title,
            tier: match self.tier {
                Tier::Default => schema::Tier::Default,
                Tier::Shared => schema::Tier::Shared,
            },
            place,
            rows: match self.rows {
                Rows::Events => TableKind::Event,
                Rows::Counts => TableKind::Counter,
            },
            why: self.why.trim().to_owned(),
            fields,
        })
    }
}

impl Field {
    fn read(self, category: &str, place: &Place) -> Result<field::Field, CatalogError> {
        let rule = self.rule().map_err(|rule| CatalogError::Field {
            category: category.to_owned(),
            field: self.name.clone(),
            rule,
        })?;
        Ok(field::Field {
            place: self
                .table
                .as_deref()
                .map_or_else(|| place.clone(), Place::read),
            limits: Limits {
                max_length: self.max_length,
                max_items: self.max_items,
                min: self.min.map(Number::as_f64),
                max: self.max.map(Number::as_f64),
            },
            name: self.name,
            kind: self.kind,
            unit: self.unit,
            values: self.values,
            domain: self.domain,
            personal: self.personal,
            example: self.example,
            why: self.why,
            read_by: self.read_by,
            rule,
        })
    }

    fn rule(&self) -> Result<Rule, FieldRule> {
        // Default-deny: a text whose length the catalog does not state admits no text.
        let max_length = self.max_length.unwrap_or(0) as usize;
        let limit = TextLimit {
            max_length,
            max_items: self.max_items.map(|items| items as usize),
        };
        Ok(match self.kind {
            Kind::Boolean => Rule::Boolean,
            Kind::Integer => Rule::Integer {
                min: self.min.map_or(Ok(i64::MIN), Number::as_i64)?,
                max: self.max.map_or(Ok(i64::MAX), Number::as_i64)?,
            },
            Kind::Double | Kind::Duration => Rule::Double {
                min: self.min.map_or(f64::MIN, Number::as_f64),
                max: self.max.map_or(f64::MAX, Number::as_f64),
            },
            Kind::Timestamp => Rule::Timestamp,
            Kind::Id => Rule::Id,
            Kind::Key => Rule::Key(self.domain.ok_or(FieldRule::KeyWithoutDomain)?),
            Kind::Version => Rule::Version { max_length },
            Kind::Enum if self.values.is_empty() => return Err(FieldRule::EnumWithoutValues),
            Kind::Enum => Rule::Enum(self.values.clone()),
            Kind::Token => Rule::Token(limit),
            Kind::OwnWord => Rule::OwnWord(limit),
            Kind::FreeText => Rule::FreeText(limit),
            Kind::Content => Rule::Content(limit),
            Kind::Receipt => Rule::Receipt,
        })
    }
}
