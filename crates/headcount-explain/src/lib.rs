//! Captured requests, and what a policy makes of them: stored where and as what, or refused and why.
//!
//! [`CapturedFile`] reads what people have: bodies as exporters send them and files of the OpenTelemetry Collector's file
//! exporter. [`explain`] admits a request as the collector does ([`headcount_catalog::Admission::explain`]); [`TextSink`] and [`JsonSink`] show
//! what became of it, [`Changes`] what another policy would make of it, and [`dialect_template`] begins a dialect for it.
//!
//! Names and kinds are shown, and no values, unless the caller asks for them.

mod captured;
mod changes;
mod explain;
mod json;
mod policy_counts;
mod shape;
mod summary;
mod template;
mod text;
mod wrap;

pub use captured::{
    CapturedError, CapturedFile, CapturedRequest, Encoding, MAX_REQUEST_BYTES, ProtobufRequest,
};
pub use changes::{Changes, Remembered};
pub use explain::{ExplainError, explain};
pub use json::{JSON_VERSION, JsonSink};
pub use policy_counts::{PolicyCount, PolicyCounts};
pub use summary::Summary;
pub use template::{SeenSpans, catalog_template, dialect_template};
pub use text::TextSink;
