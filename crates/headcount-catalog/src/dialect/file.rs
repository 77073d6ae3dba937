//! The form of a dialect's file as a whole, as it is deserialised.

use super::form::{Attribute, Span, ordered};
use super::kind_form::{Errors, Kind, Sender};

#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) framework: String,
    /// `None`: the resource says it, or nobody knows.
    pub(crate) runtime: Option<String>,
    #[serde(rename = "match")]
    pub(crate) matching: Matching,
    #[serde(default)]
    pub(crate) crew_keys: Vec<String>,
    #[serde(default, deserialize_with = "ordered")]
    pub(crate) common: Vec<(String, Attribute)>,
    #[serde(default, deserialize_with = "ordered")]
    pub(crate) resource: Vec<(String, Attribute)>,
    #[serde(default, deserialize_with = "ordered")]
    pub(crate) spans: Vec<(String, Span)>,
    #[serde(default)]
    pub(crate) senders: Vec<Sender>,
    #[serde(default)]
    pub(crate) errors: Errors,
    #[serde(default, deserialize_with = "ordered")]
    pub(crate) kinds: Vec<(String, Kind)>,
}

/// Any of these names makes the spans this dialect's.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Matching {
    #[serde(default)]
    pub(crate) service_names: Vec<String>,
    /// In a dialect of kinds also patterns.
    #[serde(default)]
    pub(crate) scope_names: Vec<String>,
    /// Patterns of attributes that make a span this dialect's, unless its scope's name makes it another's. For dialects of kinds.
    #[serde(default)]
    pub(crate) attributes: Vec<String>,
    /// Patterns of attributes with which it is not.
    #[serde(default)]
    pub(crate) unless: Vec<String>,
}
