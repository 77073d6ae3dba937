//! Counts of refusals: one row of the table `refusals` for each span, key, reason and version of a request.

use hashbrown::HashMap;

use super::program::{NameId, Programs};
use super::trace::Trace;
use super::window::VersionText;
use crate::batch::BatchWriter;
use crate::dialect::RefusalReason;
use crate::record::Fingerprint;

const HOUR_US: i64 = 3_600_000_000;

/// The counts of one request.
#[derive(Debug, Default)]
pub(super) struct Refusals<'a> {
    counts: HashMap<(NameId, RefusalReason, VersionText, SenderId), u64>,
    /// Each sender once, in the order of their first spans.
    senders: Vec<Sender<'a>>,
    ids: HashMap<Sender<'a>, SenderId>,
    /// The sender whose spans are counted now.
    sender: SenderId,
    /// Whoever wants to know what becomes of each attribute: what is counted here, and what is stored.
    pub(super) trace: Option<Box<Trace<'a>>>,
}

/// The framework and the runtime that a span names instead of its dialect's; both are values that the catalog allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Sender<'a> {
    framework: Option<&'a str>,
    runtime: Option<&'a str>,
}

/// 0: the dialect's framework and runtime; else one more than a position in [`Refusals::senders`].
type SenderId = u32;

impl<'a> Refusals<'a> {
    /// Sets the sender whose spans are counted from now on.
    pub(super) fn set_sender(&mut self, framework: Option<&'a str>, runtime: Option<&'a str>) {
        let sender = Sender { framework, runtime };
        if sender == self.sender(self.sender) {
            return;
        }
        if sender == Sender::default() {
            self.sender = 0;
            return;
        }
        self.sender = *self.ids.entry(sender).or_insert_with(|| {
            self.senders.push(sender);
            self.senders.len() as SenderId
        });
    }

    fn sender(&self, id: SenderId) -> Sender<'a> {
        let position = (id as usize).checked_sub(1);
        let sender = position.and_then(|position| self.senders.get(position));
        sender.copied().unwrap_or_default()
    }

    /// Counts `count` more.
    pub(super) fn add(
        &mut self,
        name: NameId,
        reason: RefusalReason,
        version: VersionText,
        count: u64,
    ) {
        if count > 0 {
            let key = (name, reason, version, self.sender);
            *self.counts.entry(key).or_insert(0) += count;
            if let Some(trace) = &mut self.trace {
                trace.refused(name, reason, count);
            }
        }
    }

    /// Writes the entry of the request's counts; `fingerprint` stands for all of the request's spans.
    pub(super) fn write(
        &self,
        programs: &Programs,
        fingerprint: Fingerprint,
        received_us: i64,
        writer: &mut BatchWriter,
    ) {
        // The same request gives the same bytes, independent of the order of a hash map.
        let mut counts: Vec<_> = self.counts.iter().collect();
        counts.sort_unstable_by_key(|((name, reason, version, sender), _)| {
            (name.0, *reason, *version, *sender)
        });
        let columns = &programs.refusals;
        let hour = received_us.div_euclid(HOUR_US).saturating_mul(HOUR_US);
        writer.begin_counts(fingerprint);
        for ((name, reason, version, sender), count) in counts {
            let name = &programs.names[usize::from(name.0)];
            let sender = self.sender(*sender);
            writer.row(columns.table, |row| {
                row.timestamp(columns.envelope.time, hour);
                let framework = sender.framework.unwrap_or(&name.framework);
                row.text(columns.envelope.framework, framework);
                if let Some(version) = version.as_str() {
                    row.text(columns.envelope.framework_version, version);
                }
                if let Some(runtime) = sender.runtime.or(name.runtime.as_deref()) {
                    row.text(columns.envelope.runtime, runtime);
                }
                row.text(columns.span, &name.span);
                row.text(columns.key, &name.key);
                row.text(columns.reason, reason.name());
                row.integer(columns.count, i64::try_from(*count).unwrap_or(i64::MAX));
            });
        }
        writer.end_entry();
    }

    /// How many spans and values were refused, for each reason.
    pub(super) fn totals(&self) -> [u64; RefusalReason::ALL.len()] {
        let mut totals = [0; RefusalReason::ALL.len()];
        for ((_, reason, ..), count) in &self.counts {
            totals[*reason as usize] += count;
        }
        totals
    }

    /// A sentence for the sender, without any of its own text: how many spans were rejected, how many values of other spans
    /// were dropped, and why. Empty if there is nothing to report.
    pub(super) fn message(&self, rejected: &[u64; RefusalReason::ALL.len()]) -> String {
        let mut dropped = [0_u64; RefusalReason::ALL.len()];
        for ((_, reason, ..), count) in &self.counts {
            if reason.is_told() {
                dropped[*reason as usize] += count;
            }
        }
        // A span that was rejected is counted as a whole, and not among the values.
        for (dropped, rejected) in dropped.iter_mut().zip(rejected) {
            *dropped = dropped.saturating_sub(*rejected);
        }
        let mut message = String::new();
        for (verb, counts) in [("rejected spans", rejected), ("dropped values", &dropped)] {
            let mut gap = if message.is_empty() { "" } else { "; " };
            let mut lead = verb;
            for reason in RefusalReason::ALL {
                let count = counts[reason as usize];
                if count > 0 {
                    let colon = if lead.is_empty() { "" } else { ": " };
                    message.push_str(&format!("{gap}{lead}{colon}{count} {reason}"));
                    (gap, lead) = (", ", "");
                }
            }
        }
        message
    }
}
