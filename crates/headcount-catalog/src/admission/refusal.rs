//! What was not kept, counted: one row of the table `refusals` for each span, key, reason and version of a request.

use hashbrown::HashMap;

use super::program::{NameId, Programs};
use super::window::VersionText;
use crate::batch::BatchWriter;
use crate::dialect::Reason;
use crate::record::Fingerprint;

const HOUR_US: i64 = 3_600_000_000;

/// The counts of one request.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: HashMap<(NameId, Reason, VersionText), u64>,
}

impl Refusals {
    /// Counts `count` more.
    pub(super) fn add(&mut self, name: NameId, reason: Reason, version: VersionText, count: u64) {
        if count > 0 {
            *self.counts.entry((name, reason, version)).or_insert(0) += count;
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
        // The same request gives the same bytes, whatever the order of a hash map.
        let mut counts: Vec<_> = self.counts.iter().collect();
        counts.sort_unstable_by_key(|((name, reason, version), _)| (name.0, *reason, *version));
        let columns = &programs.refusals;
        let hour = received_us.div_euclid(HOUR_US).saturating_mul(HOUR_US);
        writer.begin_entry(fingerprint);
        for ((name, reason, version), count) in counts {
            let name = &programs.names[usize::from(name.0)];
            writer.row(columns.table, |row| {
                row.timestamp(columns.envelope.time, hour);
                row.text(columns.envelope.framework, &name.framework);
                if let Some(version) = version.as_str() {
                    row.text(columns.envelope.framework_version, version);
                }
                if let Some(runtime) = &name.runtime {
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

    /// A sentence for the sender, in our words alone: how many spans were rejected and what must not be sent. Empty if
    /// there is nothing of that kind.
    pub(super) fn message(&self, rejected: &[u64; Reason::ALL.len()]) -> String {
        let mut forbidden = [0_u64; Reason::ALL.len()];
        for ((_, reason, _), count) in &self.counts {
            if reason.is_forbidden() {
                forbidden[*reason as usize] += count;
            }
        }
        let mut message = String::new();
        for (verb, counts) in [("rejected spans", rejected), ("dropped values", &forbidden)] {
            let mut gap = if message.is_empty() { "" } else { "; " };
            let mut lead = verb;
            for reason in Reason::ALL {
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
