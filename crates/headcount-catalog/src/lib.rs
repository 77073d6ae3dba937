//! The catalog of everything that may be collected, and admission, which lets nothing else through.

mod admission;
mod batch;
mod catalog;
mod dialect;
mod difference;
mod explanation;
mod fingerprint;
mod lint;
mod markdown;
mod policy;
mod record;
mod retention;
mod rule;
mod schema;
mod secret;
mod tally;

pub use admission::{Admission, Outcome};
pub use batch::{AdmittedBatch, BatchWriter, RowWriter};
pub use catalog::{
    Catalog, CatalogError, Category, Field, FieldRule, Limits, Place, Revision, Switch, SwitchKind,
};
pub use dialect::{Dialect, DialectError, RangeError, RefusalReason, Version, VersionRange};
pub use difference::{CatalogChange, CatalogDifference};
pub use explanation::{
    AttributeFate, Beside, ExplainedAttribute, ExplainedRefusal, ExplainedResource, ExplainedRows,
    ExplainedSpan, ExplanationSink, SentAttribute, StoredForm, StoredValue, ValueKind,
};
pub use headcount_scrub::{Found, Scrubbed, Scrubber};
pub use lint::{FieldsUsed, LintError};
pub use policy::{Policy, PolicyError, PolicyFault};
pub use record::{Cell, Cells, CodecError, Entries, Entry, Fingerprint, Row, Rows, TextList};
pub use retention::Retention;
pub use rule::{KeyDomain, Kind, Rule, TextLimit, is_token, release_number};
pub use schema::{
    Column, ColumnType, CrewColumns, RECEIPT_COLUMN, Schema, Table, TableId, TableKind, Tier,
};
pub use secret::{KeyHash, KeyedReceipt, Secret};
pub use tally::{Arrivals, Fate, NO_DAY, Tally, TallyLayout};
