//! What became of a request: span by span, attribute by attribute. [`crate::Admission::explain`] makes it while it admits the
//! request, so that an explanation cannot differ from what is stored.

use serde::{Serialize, Serializer};

use crate::dialect::RefusalReason;
use crate::schema::Tier;

/// Takes an explanation part by part, so that the parts of a large request need not be in memory together.
pub trait ExplanationSink {
    /// A resource of the request, before the spans under it.
    fn resource(&mut self, resource: ExplainedResource);
    /// A span, in the request's order.
    fn span(&mut self, span: ExplainedSpan);
}

/// A resource: the process that sent the spans after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedResource {
    /// Its position in the request, counted from 1.
    pub number: u64,
    /// Its attributes in the sender's order. What becomes of one that a dialect reads is said with each span.
    pub attributes: Vec<SentAttribute>,
}

/// An attribute as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentAttribute {
    /// Its key: the sender's own text.
    pub key: String,
    /// The kind of its value.
    pub kind: ValueKind,
    /// The value, if values were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A span, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ExplainedSpan {
    /// Its position in the request, counted from 1.
    pub number: u64,
    /// Its resource, by position in the request.
    pub resource: u64,
    /// Its name as it was sent; `None` where it cannot be read, or where it is withheld.
    pub name: Option<String>,
    /// Whether the name is withheld, as a value is: nobody fixed it, and it may hold what people wrote.
    pub name_withheld: bool,
    /// The instrumentation scope's name.
    pub scope: String,
    /// The framework of the dialect that knows the span's service or scope.
    pub dialect: Option<String>,
    /// The release that the row says, stated by the span or known from others.
    pub framework_version: Option<String>,
    /// Whether its crew is proven to share its content (promise 2).
    pub shares_content: bool,
    /// Why it was refused whole, or counted as a repetition; `None` if it was kept.
    #[serde(serialize_with = "reason_name")]
    pub refused: Option<RefusalReason>,
    /// The fault that makes the span unreadable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The rows that it gave.
    pub rows: Vec<ExplainedRows>,
    /// The values that follow from the dialect and the span itself: constants, its times, its outcome.
    pub of_itself: Vec<StoredValue>,
    /// Refusals that concern no single attribute.
    pub refusals: Vec<ExplainedRefusal>,
    /// Its attributes in the sender's order; then those of its resource that the dialect reads.
    pub attributes: Vec<ExplainedAttribute>,
    /// The parts of a span that are no attributes, and are not stored.
    pub beside: Beside,
}

/// How many rows of a table a span gave.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ExplainedRows {
    /// The table's name.
    pub table: String,
    /// Its tier.
    #[serde(serialize_with = "tier_name")]
    pub tier: Tier,
    /// How many rows.
    pub rows: u64,
}

/// An attribute, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ExplainedAttribute {
    /// Its key: the sender's own text.
    pub key: String,
    /// Whether it is the resource's.
    pub of_resource: bool,
    /// The kind of its value.
    pub kind: ValueKind,
    /// The value, if values were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What became of it.
    pub fate: AttributeFate,
    /// Where it, or members of it, are stored.
    pub stored: Vec<StoredValue>,
    /// What of it was refused.
    pub refusals: Vec<ExplainedRefusal>,
    /// Members of JSON in it that the dialect does not know, with the path to them: the sender's own text.
    pub unknown_members: Vec<String>,
}

/// A column that holds a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct StoredValue {
    /// The attribute or member that it comes from, as the dialect names it; `None` where it comes from the dialect itself.
    pub from: Option<String>,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The catalog's kind of the column, such as `free_text`.
    pub kind: String,
    /// How the stored value relates to the one that was sent.
    pub form: StoredForm,
    /// In how many rows.
    pub rows: u64,
    /// The first value, if values were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A refusal: what the table `refusals`, and so the page Policy, counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ExplainedRefusal {
    /// The key as the table `refusals` names it.
    pub key: String,
    /// The reason.
    #[serde(serialize_with = "some_reason_name")]
    pub reason: RefusalReason,
    /// How often.
    pub count: u64,
}

/// The fate of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeFate {
    /// All of it is stored.
    Stored,
    /// A part is stored, and a part refused.
    PartlyStored,
    /// Nothing is stored, and the refusal is counted.
    Refused,
    /// It proves, or denies, that the crew shares content, and is not stored.
    Mark,
    /// It has no value, or one that stands for none.
    Nothing,
    /// Another attribute fills its columns.
    Superseded,
    /// The span gives no row with its column; nothing is counted.
    PassedOver,
    /// The span was refused whole, so nobody looked at it.
    NotRead,
}

/// How a stored value relates to the one that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredForm {
    /// As it was sent, or the same value in the column's type.
    AsSent,
    /// Changed by the catalog's rule: scrubbed, cut, or shortened by items that were refused.
    Changed,
    /// A keyed hash.
    KeyedHash,
    /// Of the dialect, or of the span's times and status.
    Derived,
}

/// The kind of a value as it was sent, with its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ValueKind {
    /// Nothing.
    Empty,
    /// Text.
    Text {
        /// Its length in UTF-8.
        bytes: usize,
    },
    /// True or false.
    Boolean,
    /// An integer.
    Integer,
    /// A floating-point number.
    Double,
    /// Opaque bytes.
    Bytes {
        /// How many.
        bytes: usize,
    },
    /// A list.
    List {
        /// Its length.
        items: usize,
    },
    /// Keys and values.
    Map {
        /// How many keys.
        keys: usize,
    },
}

/// What a span has beside its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Beside {
    /// Events, such as exceptions.
    pub events: usize,
    /// Links to other spans.
    pub links: usize,
    /// The length of the status's message, in bytes.
    pub status_message_bytes: usize,
    /// The length of the trace state, in bytes.
    pub trace_state_bytes: usize,
}

fn some_reason_name<S: Serializer>(reason: &RefusalReason, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(reason.name())
}

fn reason_name<S: Serializer>(reason: &Option<RefusalReason>, to: S) -> Result<S::Ok, S::Error> {
    reason.map(RefusalReason::name).serialize(to)
}

fn tier_name<S: Serializer>(tier: &Tier, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(tier.name())
}
