//! Spans with the same explanation, which are shown once.

use headcount_catalog::{Beside, ExplainedSpan, ValueKind};

/// The explanation without what differs between two spans of the same program: its number, sizes, and how many rows an array gives.
pub(crate) fn shape(span: &ExplainedSpan) -> ExplainedSpan {
    let mut shape = span.clone();
    (shape.number, shape.resource) = (0, 0);
    for row in &mut shape.rows {
        row.rows = row.rows.min(2);
    }
    for attribute in &mut shape.attributes {
        attribute.kind = unsized_kind(attribute.kind);
        for stored in &mut attribute.stored {
            stored.rows = stored.rows.min(2);
        }
        for refusal in &mut attribute.refusals {
            refusal.count = refusal.count.min(2);
        }
    }
    let is_there = |count: usize| count.min(1);
    shape.beside = Beside {
        events: is_there(span.beside.events),
        links: is_there(span.beside.links),
        status_message_bytes: is_there(span.beside.status_message_bytes),
        trace_state_bytes: is_there(span.beside.trace_state_bytes),
    };
    shape
}

fn unsized_kind(kind: ValueKind) -> ValueKind {
    match kind {
        ValueKind::Text { .. } => ValueKind::Text { bytes: 0 },
        ValueKind::Bytes { .. } => ValueKind::Bytes { bytes: 0 },
        ValueKind::List { .. } => ValueKind::List { items: 0 },
        ValueKind::Map { .. } => ValueKind::Map { keys: 0 },
        kind => kind,
    }
}
