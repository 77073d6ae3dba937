//! The form of spans and attributes in a dialect's file, as it is deserialised.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor, value};

use super::refusal_reason::RefusalReason;
use super::version::VersionRange;

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Span {
    pub(crate) row: Option<String>,
    /// Several rows of the default tier, instead of `row`.
    #[serde(default)]
    pub(crate) rows: Vec<String>,
    #[serde(default)]
    pub(crate) content_rows: Vec<String>,
    pub(crate) consent: Option<Consent>,
    pub(crate) repeats: Option<Repeats>,
    #[serde(default, deserialize_with = "ordered")]
    pub(crate) constants: Vec<(String, String)>,
    #[serde(default, deserialize_with = "ordered")]
    pub(crate) facts: Vec<(String, Fact)>,
    #[serde(default, deserialize_with = "ordered")]
    pub(crate) attributes: Vec<(String, Attribute)>,
}

/// The proof that a span's crew shares its content.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consent {
    /// `None`: any release.
    #[serde(default, deserialize_with = "some_ranges")]
    pub(crate) releases: Option<Vec<VersionRange>>,
    #[serde(default)]
    pub(crate) marked_by: Vec<String>,
    #[serde(default)]
    pub(crate) vouches_for_crew: bool,
    #[serde(default)]
    pub(crate) vouched_by_crew: bool,
}

/// Releases that report the same event twice.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Repeats {
    #[serde(deserialize_with = "range")]
    pub(crate) releases: VersionRange,
    pub(crate) same: Vec<String>,
    pub(crate) within_seconds: u32,
}

/// A property of the span itself, as a column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fact {
    Start,
    End,
    Duration,
    Outcome,
    /// The class of the error that ended the span. For spans of a kind, as all that follow.
    Error,
    /// The trace's id.
    Trace,
    /// The name of the agent around the span.
    Agent,
    Instrumentation,
    InstrumentationVersion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub(crate) enum Unit {
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "s")]
    Seconds,
}

/// The use of an attribute: one target, several, or more detail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attribute {
    To(Vec<String>),
    Detailed(Box<Detailed>),
}

#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Detailed {
    #[serde(default, deserialize_with = "one_or_many")]
    pub(crate) to: Vec<String>,
    pub(crate) drop: Option<RefusalReason>,
    #[serde(default)]
    pub(crate) mark: bool,
    pub(crate) unit: Option<Unit>,
    /// A text is a list of one, where the column is a list.
    #[serde(default)]
    pub(crate) single: bool,
    /// A key made of it is another one for another service.
    #[serde(default)]
    pub(crate) of_service: bool,
    #[serde(default)]
    pub(crate) absent_if: Vec<String>,
    /// Other words for the catalog's: the text, and the word that is kept in its place.
    #[serde(default, deserialize_with = "ordered")]
    pub(crate) aliases: Vec<(String, String)>,
    #[serde(default, deserialize_with = "some_range")]
    pub(crate) only: Option<VersionRange>,
    pub(crate) otherwise: Option<RefusalReason>,
    pub(crate) unproven: Option<RefusalReason>,
    pub(crate) each: Option<Each>,
    pub(crate) object: Option<Nested>,
}

/// A JSON array of objects: each gives a row.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Each {
    pub(crate) row: Option<String>,
    #[serde(default)]
    pub(crate) content_rows: Vec<String>,
    #[serde(deserialize_with = "ordered")]
    pub(crate) members: Vec<(String, Attribute)>,
}

/// A JSON object: its members.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nested(pub(crate) Vec<(String, Attribute)>);

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ordered(deserializer).map(Nested)
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AttributeVisitor;
        impl<'de> Visitor<'de> for AttributeVisitor {
            type Value = Attribute;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a target `table.column`, a list of them, or a mapping")
            }

            fn visit_str<E>(self, target: &str) -> Result<Attribute, E> {
                Ok(Attribute::To(vec![target.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Attribute, A::Error> {
                Vec::deserialize(value::SeqAccessDeserializer::new(seq)).map(Attribute::To)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Attribute, A::Error> {
                let detailed = Detailed::deserialize(value::MapAccessDeserializer::new(map))?;
                Ok(Attribute::Detailed(Box::new(detailed)))
            }
        }
        deserializer.deserialize_any(AttributeVisitor)
    }
}

/// A mapping in the file's order.
pub(super) fn ordered<'de, D, T>(deserializer: D) -> Result<Vec<(String, T)>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Ordered<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Ordered<T> {
        type Value = Vec<(String, T)>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a mapping")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members: Vec<(String, T)> = Vec::new();
            while let Some((key, value)) = map.next_entry::<String, T>()? {
                if members.iter().any(|(known, _)| *known == key) {
                    let message = format!("`{key}` occurs twice");
                    return Err(serde::de::Error::custom(message));
                }
                members.push((key, value));
            }
            Ok(members)
        }
    }
    deserializer.deserialize_map(Ordered(std::marker::PhantomData))
}

pub(super) fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    match Attribute::deserialize(deserializer)? {
        Attribute::To(targets) => Ok(targets),
        Attribute::Detailed(_) => Err(serde::de::Error::custom(
            "expected a target `table.column` or a list of them",
        )),
    }
}

fn range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VersionRange, D::Error> {
    let text = String::deserialize(deserializer)?;
    VersionRange::parse(&text).map_err(serde::de::Error::custom)
}

fn some_range<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<VersionRange>, D::Error> {
    range(deserializer).map(Some)
}

fn some_ranges<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<VersionRange>>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.is_empty() {
        let message = "`releases` names none; leave it out where any release will do";
        return Err(serde::de::Error::custom(message));
    }
    let ranges = texts.iter().map(|text| VersionRange::parse(text));
    let ranges: Result<Vec<_>, _> = ranges.collect();
    ranges.map(Some).map_err(serde::de::Error::custom)
}
