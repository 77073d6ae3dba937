//! Writes the rows of a span from its values.

use super::program::{DialectProgram, RowPlan, Source};
use super::span::{Facts, SpanRun};
use super::value::{Clean, Texts};
use crate::batch::RowWriter;
use crate::schema::Tier;

impl SpanRun<'_, '_> {
    /// Writes one row. One of the shared tier is written if consent is proven and it has content.
    pub(super) fn row(&mut self, dialect: &DialectProgram, plan: &RowPlan) {
        let Self {
            slots,
            texts,
            writer,
            facts,
            receipt,
            refusals,
            ..
        } = self;
        let has_content = |slot: &u16| slots[usize::from(*slot)] != Clean::Absent;
        if plan.tier == Tier::Shared && !(facts.proven && plan.evidence.iter().any(has_content)) {
            return;
        }
        let mut traced = refusals.trace.as_ref().map(|_| Vec::new());
        writer.row(plan.table, |row| {
            row.timestamp(plan.envelope.time, facts.start_us);
            let framework = facts.framework.unwrap_or(&dialect.framework);
            row.text(plan.envelope.framework, framework);
            if let Some(version) = facts.version.as_str() {
                row.text(plan.envelope.framework_version, version);
            }
            if let Some(runtime) = facts.runtime.or(dialect.runtime.as_deref()) {
                row.text(plan.envelope.runtime, runtime);
            }
            if let Some(version) = facts.runtime_version.as_str() {
                row.text(plan.envelope.runtime_version, version);
            }
            if let (Some(column), Some(receipt)) = (plan.envelope.receipt, receipt) {
                row.text(column, receipt.imprint(&plan.name).as_str());
            }
            let mut written = None;
            for (column, source) in &plan.columns {
                if written != Some(*column) && write_cell(row, *column, source, slots, texts, facts)
                {
                    written = Some(*column);
                    if let (Some(traced), Source::Slot(slot)) = (&mut traced, source) {
                        traced.push((*column, *slot));
                    }
                }
            }
        });
        if let (Some(trace), Some(sources)) = (&mut refusals.trace, traced) {
            trace.row(writer.last_row(plan.table), &sources);
        }
    }
}

/// Whether there was a value to write.
fn write_cell(
    row: &mut RowWriter<'_>,
    column: usize,
    source: &Source,
    slots: &[Clean<'_>],
    texts: &Texts<'_>,
    facts: &Facts<'_>,
) -> bool {
    match source {
        Source::Slot(slot) => match &slots[usize::from(*slot)] {
            Clean::Absent => return false,
            Clean::Boolean(value) => row.boolean(column, *value),
            Clean::Integer(value) => row.integer(column, *value),
            Clean::Double(value) => row.double(column, *value),
            Clean::Text(text) => row.text(column, text),
            Clean::Hash(hash) => row.text(column, hash.as_str()),
            Clean::List(range) => {
                let list = texts.clean[range.clone()].iter();
                row.text_list(column, list.map(AsRef::as_ref));
            }
        },
        Source::Constant(text) => row.text(column, text),
        Source::Start => row.timestamp(column, facts.start_us),
        Source::End => match facts.end_us {
            Some(end_us) => row.timestamp(column, end_us),
            None => return false,
        },
        Source::Duration { min, max } => {
            let duration = facts.duration_ns.map(|duration| duration as f64 / 1e9);
            match duration.filter(|duration| (*min..=*max).contains(duration)) {
                Some(duration) => row.double(column, duration),
                None => return false,
            }
        }
        Source::Outcome { completed, failed } => match facts.failed {
            Some(true) => row.text(column, failed),
            Some(false) => row.text(column, completed),
            None => return false,
        },
        Source::Trace => match &facts.trace {
            Some(trace) => row.text(column, trace.as_str()),
            None => return false,
        },
    }
    true
}
