//! Explanations: what the trace of a span says, in the names of the sender, the dialect and the catalog.

use std::collections::HashMap;

use headcount_wire::{RawSpan, SpanGroup};

use super::program::{DialectProgram, Name, NameId, Programs};
use super::trace::{Filled, Part, Seen, Trace, kind, shown};
use crate::catalog::Catalog;
use crate::dialect::RefusalReason;
use crate::explanation::{
    AttributeFate, Beside, ExplainedAttribute, ExplainedRefusal, ExplainedResource, ExplainedRows,
    ExplainedSpan, ExplanationSink, SentAttribute, StoredForm, StoredValue, ValueKind,
};

/// Hands what becomes of each span to a sink.
pub(super) struct Explainer<'s, 'p> {
    catalog: &'p Catalog,
    programs: &'p Programs,
    sink: &'s mut dyn ExplanationSink,
    resource: Option<usize>,
    resources: u64,
    spans: u64,
}

impl<'s, 'p> Explainer<'s, 'p> {
    pub(super) fn new(
        catalog: &'p Catalog,
        programs: &'p Programs,
        sink: &'s mut dyn ExplanationSink,
    ) -> Self {
        Self {
            catalog,
            programs,
            sink,
            resource: None,
            resources: 0,
            spans: 0,
        }
    }

    /// A group whose spans follow.
    pub(super) fn group(&mut self, group: &SpanGroup<'_>, wants_values: bool) {
        if self.resource == Some(group.resource_index()) {
            return;
        }
        self.resource = Some(group.resource_index());
        self.resources += 1;
        let attributes = group.resource_attributes().iter();
        self.sink.resource(ExplainedResource {
            number: self.resources,
            attributes: attributes
                .map(|attribute| SentAttribute {
                    key: attribute.key.to_owned(),
                    kind: kind(attribute.value),
                    value: wants_values.then(|| shown(attribute.value)),
                })
                .collect(),
        });
    }

    /// A span that was read, and what was seen of it.
    pub(super) fn span(
        &mut self,
        group: &SpanGroup<'_>,
        dialect: Option<&DialectProgram>,
        raw: &RawSpan<'_>,
        trace: &Trace<'_>,
    ) {
        self.spans += 1;
        let unread = raw.unread();
        let name = raw.name().ok();
        let shown = name.filter(|name| trace.wants_values || is_fixed(name, dialect));
        let mut span = ExplainedSpan {
            number: self.spans,
            resource: self.resources,
            name: shown.map(str::to_owned),
            name_withheld: name.is_some() && shown.is_none(),
            scope: group.scope_name().to_owned(),
            dialect: dialect.map(|dialect| dialect.framework.clone()),
            framework_version: trace.version.as_str().map(str::to_owned),
            shares_content: trace.shares_content,
            refused: trace.whole,
            fault: None,
            rows: self.rows(trace),
            of_itself: Vec::new(),
            refusals: Vec::new(),
            attributes: Vec::new(),
            beside: Beside {
                events: unread.events,
                links: unread.links,
                status_message_bytes: unread.status_message_bytes,
                trace_state_bytes: unread.trace_state_bytes,
            },
        };
        if trace.attributes.is_empty() {
            self.unread_attributes(raw, trace.wants_values, &mut span);
        } else {
            let seen = trace.attributes.iter();
            span.attributes = seen
                .map(|seen| self.attribute(seen, trace.wants_values))
                .collect();
        }
        Distribution::new(self, trace).into_span(&mut span);
        self.sink.span(span);
    }

    /// Names the attributes of a span that was refused whole.
    fn unread_attributes(&self, raw: &RawSpan<'_>, wants_values: bool, span: &mut ExplainedSpan) {
        let mut attributes = Vec::new();
        match raw.parse(&mut attributes) {
            Ok(parsed) => {
                let parsed = parsed.attributes.iter();
                span.attributes = parsed
                    .map(|attribute| ExplainedAttribute {
                        fate: AttributeFate::NotRead,
                        ..explained(
                            attribute.key,
                            kind(attribute.value),
                            wants_values.then(|| shown(attribute.value)),
                        )
                    })
                    .collect();
            }
            Err(fault) => span.fault = Some(fault.to_string()),
        }
    }

    fn attribute(&self, seen: &Seen<'_>, wants_values: bool) -> ExplainedAttribute {
        let of_resource = seen.key.is_none();
        let named = seen.name.map_or("", |name| self.name(name).key.as_str());
        let value = wants_values.then(|| shown(seen.value));
        ExplainedAttribute {
            of_resource,
            ..explained(seen.key.unwrap_or(named), kind(seen.value), value)
        }
    }

    fn rows(&self, trace: &Trace<'_>) -> Vec<ExplainedRows> {
        let schema = self.catalog.schema();
        let rows = trace.rows.iter();
        rows.filter_map(|&(table, rows)| {
            let table = schema.table(table)?;
            Some(ExplainedRows {
                table: table.name.clone(),
                tier: table.tier,
                rows,
            })
        })
        .collect()
    }

    fn name(&self, name: NameId) -> &'p Name {
        &self.programs.names[usize::from(name.0)]
    }

    fn stored(&self, filled: &Filled) -> Option<StoredValue> {
        let place = filled.place;
        let table = self.catalog.schema().table(place.table)?;
        let (_, field) = self.catalog.source(place.table, place.column)?;
        Some(StoredValue {
            from: place.origin.map(|name| self.name(name).key.clone()),
            table: table.name.clone(),
            column: field.name.clone(),
            kind: field.kind.name().to_owned(),
            form: place.form,
            rows: filled.rows,
            value: filled.value.clone(),
        })
    }
}

fn explained(key: &str, kind: ValueKind, value: Option<String>) -> ExplainedAttribute {
    ExplainedAttribute {
        key: key.to_owned(),
        of_resource: false,
        kind,
        value,
        fate: AttributeFate::Nothing,
        stored: Vec::new(),
        refusals: Vec::new(),
        unknown_members: Vec::new(),
    }
}

/// The longest name that is shown though no dialect knows it, in bytes.
const MAX_UNKNOWN_NAME: usize = 64;

/// Whether a span's name is one that its program fixes, and holds nothing that people wrote. Where a dialect tells spans apart by what they
/// say, names are made of questions, agents and paths. Where no dialect knows the span, only one that looks like an identifier is taken for
/// fixed.
fn is_fixed(name: &str, dialect: Option<&DialectProgram>) -> bool {
    let is_of = |more: &[char]| {
        name.len() <= MAX_UNKNOWN_NAME
            && name
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || more.contains(&letter))
    };
    match dialect {
        Some(dialect) if dialect.kinds.is_some() => false,
        Some(dialect) => dialect.spans.contains_key(name) || is_of(&['_', '.', ':', ' ']),
        None => is_of(&['_', '.', ':']),
    }
}

/// Finds the attribute that each cell and each refusal belongs to.
struct Distribution<'e, 's, 'p, 't, 'a> {
    explainer: &'e Explainer<'s, 'p>,
    trace: &'t Trace<'a>,
    /// By the key that the dialect names, the first attribute of the span with it.
    by_key: HashMap<&'p str, usize>,
}

impl<'e, 's, 'p, 't, 'a> Distribution<'e, 's, 'p, 't, 'a> {
    fn new(explainer: &'e Explainer<'s, 'p>, trace: &'t Trace<'a>) -> Self {
        let mut by_key = HashMap::new();
        for (index, seen) in trace.attributes.iter().enumerate() {
            if let Some(name) = seen.name {
                let key = explainer.name(name).key.as_str();
                let _first: &mut usize = by_key.entry(key).or_insert(index);
            }
        }
        Self {
            explainer,
            trace,
            by_key,
        }
    }

    fn into_span(self, span: &mut ExplainedSpan) {
        for filled in &self.trace.cells {
            let Some(stored) = self.explainer.stored(filled) else {
                continue;
            };
            match self.owner(filled, &stored) {
                Some(index) => {
                    let form = match stored.form {
                        StoredForm::Derived => StoredForm::AsSent,
                        form => form,
                    };
                    let stored = StoredValue { form, ..stored };
                    span.attributes[index].stored.push(stored);
                }
                None => span.of_itself.push(stored),
            }
        }
        for &(name, reason, count) in &self.trace.refused {
            let key = &self.explainer.name(name).key;
            let refusal = ExplainedRefusal {
                key: key.clone(),
                reason,
                count,
            };
            self.refuse(refusal, span);
        }
        for (name, key) in &self.trace.unknown_members {
            let path = self.explainer.name(*name).key.as_str();
            if let Some(index) = self.attribute_of(path) {
                let path = path.strip_suffix(UNKNOWN).unwrap_or(path);
                let of = &mut span.attributes[index].unknown_members;
                of.push(format!("{path}{key}"));
            }
        }
        for (explained, seen) in span.attributes.iter_mut().zip(&self.trace.attributes) {
            explained.fate = fate(explained, seen, self.trace);
        }
    }

    /// The attribute whose value a cell holds.
    fn owner(&self, filled: &Filled, stored: &StoredValue) -> Option<usize> {
        if let Some(name) = filled.place.origin {
            return self.attribute_of(&self.explainer.name(name).key);
        }
        // Columns that every row begins with are written without a slot.
        let mut seen = self.trace.attributes.iter();
        seen.position(|seen| {
            let is_refused = |name| self.trace.refused.iter().any(|refused| refused.0 == name);
            matches!(seen.part, Part::EveryRow(column) if column == stored.column)
                && kind(seen.value) != ValueKind::Empty
                && !seen.name.is_some_and(is_refused)
        })
    }

    /// The attribute with this key, or the one whose member has it: `crew_agents` of `crew_agents.llm.model`.
    fn attribute_of(&self, key: &str) -> Option<usize> {
        let mut path = key;
        loop {
            if let Some(index) = self.by_key.get(path) {
                return Some(*index);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    fn refuse(&self, refusal: ExplainedRefusal, span: &mut ExplainedSpan) {
        let attributes = &self.trace.attributes;
        if refusal.key == UNKNOWN && refusal.reason == RefusalReason::UnknownAttribute {
            // One for each attribute that the dialect does not know.
            let mut left = refusal.count;
            for (explained, seen) in span.attributes.iter_mut().zip(attributes) {
                if seen.name.is_none() && left > 0 {
                    left -= 1;
                    let refusal = ExplainedRefusal {
                        count: 1,
                        ..refusal.clone()
                    };
                    explained.refusals.push(refusal);
                }
            }
            if left > 0 {
                let count = left;
                span.refusals.push(ExplainedRefusal { count, ..refusal });
            }
            return;
        }
        let Some(first) = self.attribute_of(&refusal.key) else {
            span.refusals.push(refusal);
            return;
        };
        let mut left = refusal.count;
        let from = match refusal.reason {
            // The later ones of those that have the same key; a member's duplicates are of the first.
            RefusalReason::DuplicateKey => first + 1,
            // One for each attribute that matches the same pattern.
            _ if self.by_key.contains_key(refusal.key.as_str()) => first,
            _ => attributes.len(),
        };
        for later in from..attributes.len() {
            if attributes[later].name == attributes[first].name && left > 0 {
                left -= 1;
                let refusal = ExplainedRefusal {
                    count: 1,
                    ..refusal.clone()
                };
                span.attributes[later].refusals.push(refusal);
            }
        }
        if left > 0 {
            let refusals = &mut span.attributes[first].refusals;
            refusals.push(ExplainedRefusal {
                count: left,
                ..refusal
            });
        }
    }
}

/// Stands for names that the table `refusals` does not repeat.
const UNKNOWN: &str = "(unknown)";

fn fate(explained: &ExplainedAttribute, seen: &Seen<'_>, trace: &Trace<'_>) -> AttributeFate {
    match (explained.stored.is_empty(), explained.refusals.is_empty()) {
        _ if trace.whole.is_some() => AttributeFate::NotRead,
        (false, true) => AttributeFate::Stored,
        (false, false) => AttributeFate::PartlyStored,
        (true, false) => AttributeFate::Refused,
        (true, true) if explained.kind == ValueKind::Empty => AttributeFate::Nothing,
        (true, true) if seen.part == Part::Mark => AttributeFate::Mark,
        (true, true) if seen.part == Part::PassedOver => AttributeFate::PassedOver,
        (true, true) => match seen.name.is_some_and(|name| trace.taken.contains(&name)) {
            true => AttributeFate::Superseded,
            false => AttributeFate::Nothing,
        },
    }
}
