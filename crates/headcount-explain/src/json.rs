//! Explanations as one JSON document, written as they come; `docs/formats/explain.md` describes it.

use std::io::{self, Write};

use headcount_catalog::{Catalog, ExplainedResource, ExplainedSpan, ExplanationSink, Outcome};
use serde::Serialize;

use crate::policy_counts::PolicyCounts;

/// The version of the document's form.
pub const JSON_VERSION: u32 = 1;

/// Writes the document. An error of writing is kept and given by [`JsonSink::finish`].
pub struct JsonSink<'w> {
    to: &'w mut dyn Write,
    written: io::Result<()>,
    requests: u64,
    /// Spans of the request that is being written.
    spans: u64,
    /// Its resources, which follow its spans.
    resources: Vec<ExplainedResource>,
    counts: PolicyCounts,
    totals: Totals,
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    spans_kept: u64,
    spans_refused: u64,
}

impl<'w> JsonSink<'w> {
    /// Begins a document that is written to `to`.
    pub fn new(to: &'w mut dyn Write) -> Self {
        let written = write!(to, "{{\"version\":{JSON_VERSION},\"requests\":[");
        Self {
            to,
            written,
            requests: 0,
            spans: 0,
            resources: Vec::new(),
            counts: PolicyCounts::default(),
            totals: Totals::default(),
        }
    }

    /// A request that was read from `place` follows.
    pub fn begin(&mut self, place: &str) {
        let comma = if self.requests > 0 { "," } else { "" };
        self.requests += 1;
        self.raw(&format!("{comma}\n{{\"place\":"));
        self.value(&place);
        self.raw(",\"spans\":[");
        self.spans = 0;
        self.resources.clear();
    }

    /// The request was read; its rows are of `catalog`'s tables.
    pub fn end(&mut self, catalog: &Catalog, outcome: &Outcome) {
        self.end_spans();
        self.raw("}");
        self.counts.add(catalog, outcome);
        self.totals.spans_kept += outcome.spans_accepted;
        self.totals.spans_refused += outcome.spans_rejected;
    }

    /// The request would be rejected whole, for this reason.
    pub fn fail(&mut self, error: &str) {
        self.end_spans();
        self.raw(",\"error\":");
        self.value(&error);
        self.raw("}");
    }

    /// Ends the document; `changes` are what another policy would change, if that was asked for.
    ///
    /// # Errors
    /// Something could not be written.
    pub fn finish(mut self, changes: Option<&impl Serialize>) -> io::Result<()> {
        self.raw("\n],\"totals\":");
        let totals = std::mem::take(&mut self.totals);
        self.value(&totals);
        self.raw(",\"refusals\":");
        let lines = self.counts.lines();
        self.value(&lines);
        if let Some(changes) = changes {
            self.raw(",\"changes\":");
            self.value(changes);
        }
        self.raw("}\n");
        self.written.and_then(|()| self.to.flush())
    }

    fn end_spans(&mut self) {
        self.raw("],\"resources\":");
        let resources = std::mem::take(&mut self.resources);
        self.value(&resources);
    }

    fn raw(&mut self, text: &str) {
        if self.written.is_ok() {
            self.written = self.to.write_all(text.as_bytes());
        }
    }

    fn value(&mut self, value: &impl Serialize) {
        if self.written.is_ok() {
            self.written = serde_json::to_writer(&mut *self.to, value).map_err(io::Error::from);
        }
    }
}

impl ExplanationSink for JsonSink<'_> {
    fn resource(&mut self, resource: ExplainedResource) {
        self.resources.push(resource);
    }

    fn span(&mut self, span: ExplainedSpan) {
        let comma = if self.spans > 0 { "," } else { "" };
        self.spans += 1;
        self.raw(&format!("{comma}\n  "));
        self.value(&span);
    }
}
