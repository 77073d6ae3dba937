//! The form of a dialect whose spans are told apart by what they say instead of by their names, as it is deserialised.

use serde::Deserialize;
use serde::de::Deserializer;

use super::form::{Attribute, Fact, Span, ordered};
use super::pattern::{Pattern, Template};
use super::refusal_reason::RefusalReason;

/// One kind of span.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kind {
    pub(crate) role: Option<Role>,
    /// One of these must hold.
    pub(crate) when: Vec<When>,
    pub(crate) name: Option<NameForm>,
    /// The first that holds says what the span is instead.
    #[serde(default)]
    pub(crate) unless: Vec<Relation>,
    pub(crate) drop: Option<RefusalReason>,
    #[serde(default)]
    rows: Vec<String>,
    #[serde(default, deserialize_with = "ordered")]
    constants: Vec<(String, String)>,
    #[serde(default, deserialize_with = "ordered")]
    facts: Vec<(String, Fact)>,
    #[serde(default, deserialize_with = "ordered")]
    attributes: Vec<(String, Attribute)>,
}

impl Kind {
    pub(crate) fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Its rows. Content is not among them: there is no way to say that such a span's crew shares itself.
    pub(crate) fn span(&self) -> Span {
        Span {
            rows: self.rows.clone(),
            constants: self.constants.clone(),
            facts: self.facts.clone(),
            attributes: self.attributes.clone(),
            ..Span::default()
        }
    }
}

/// The part that a span plays among the spans of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub(crate) enum Role {
    /// Of a crew, a workflow, a graph or a pipeline.
    Run,
    Agent,
    Task,
    Tool,
    Model,
}

impl Role {
    /// Whether what is inside a span of the role is not inside what is around it.
    pub(crate) fn is_border(self) -> bool {
        matches!(self, Role::Agent | Role::Tool)
    }
}

/// All of what is stated must hold.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct When {
    /// Attributes with one of these values.
    #[serde(default, deserialize_with = "ordered_patterns")]
    pub(crate) attributes: Vec<(String, Patterns)>,
    /// Attributes that the span does not have.
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
    pub(crate) scope_name: Option<Patterns>,
    pub(crate) span_name: Option<Patterns>,
    /// The span's name is the value of this attribute.
    pub(crate) named_as: Option<String>,
    /// Whether the span has no parent.
    pub(crate) root: Option<bool>,
}

/// One pattern or several, of which one must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Patterns(pub(crate) Vec<Pattern>);

impl Patterns {
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(text))
    }
}

/// Where a span's name for what it did stands, and where the name goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameForm {
    /// The first place that has a name counts.
    pub(crate) from: Vec<NamePlace>,
    #[serde(default, deserialize_with = "super::form::one_or_many")]
    pub(crate) to: Vec<String>,
}

/// A place of a name: an attribute, or the span's name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamePlace {
    /// `None`: the span's name.
    pub(crate) attribute: Option<String>,
    #[serde(default, deserialize_with = "some_template")]
    pub(crate) pattern: Option<Template>,
}

/// What the spans around or inside make of a span.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Relation {
    /// It is inside a span of this role.
    pub(crate) inside: Option<Role>,
    /// A span of this role is inside it.
    pub(crate) around: Option<Role>,
    /// Whether that span's name is the same.
    pub(crate) same_name: Option<bool>,
    /// No span of this role is inside it.
    pub(crate) without: Option<Role>,
    /// Then it is of this kind,
    pub(crate) is: Option<String>,
    /// or it is not kept.
    pub(crate) drop: Option<RefusalReason>,
}

/// The framework and the instrumentation that name their scope so.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sender {
    pub(crate) scope_name: Patterns,
    pub(crate) framework: Option<String>,
    pub(crate) instrumentation: Option<String>,
    pub(crate) version: Option<VersionOf>,
    /// A library that other frameworks call: its spans belong to the framework whose span they are inside.
    #[serde(default)]
    pub(crate) called_by_frameworks: bool,
    /// Roles of which the sender does not say when they fail.
    #[serde(default)]
    pub(crate) hides_failures_of: Vec<Role>,
}

/// Whose version a scope's version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VersionOf {
    Framework,
    Instrumentation,
    /// The framework makes its spans itself.
    Both,
}

/// How spans name the errors that end them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Errors {
    /// Attributes that name the error's class; the first one that is there counts. Else it is the span's first exception event that does.
    #[serde(default)]
    pub(crate) class: Vec<String>,
    /// Attributes that say with one of these values that the span failed, whatever its status.
    #[serde(default, deserialize_with = "ordered_patterns")]
    pub(crate) failed: Vec<(String, Patterns)>,
    /// Classes by which a framework passes control on: no errors.
    #[serde(default)]
    pub(crate) harmless: Option<Patterns>,
    /// Words that stand in the place of a class and name none.
    #[serde(default)]
    pub(crate) unnamed: Option<Patterns>,
}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = super::form::one_or_many(deserializer)?;
        Ok(Self(texts.iter().map(|text| Pattern::new(text)).collect()))
    }
}

fn ordered_patterns<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, Patterns)>, D::Error> {
    ordered(deserializer)
}

fn some_template<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Template>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Template::parse(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}
