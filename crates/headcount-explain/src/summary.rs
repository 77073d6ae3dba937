//! The end of an explanation: what the page Policy would count, and what its reasons mean.

use std::collections::BTreeSet;

use headcount_catalog::{Catalog, Outcome, RefusalReason};

use crate::policy_counts::PolicyCounts;
use crate::text::TextSink;
use crate::wrap::{grouped, on_one_line, wrap};

/// Totals over requests.
#[derive(Debug, Default)]
pub struct Summary {
    counts: PolicyCounts,
    reasons: BTreeSet<RefusalReason>,
    kept: u64,
    refused: u64,
}

impl Summary {
    /// Adds a request that `sink` shows; its rows are of `catalog`'s tables.
    pub fn add(&mut self, catalog: &Catalog, outcome: &Outcome, sink: &TextSink) {
        self.counts.add(catalog, outcome);
        self.reasons.extend(sink.reasons());
        self.kept += outcome.spans_accepted;
        self.refused += outcome.spans_rejected;
    }

    /// The totals as text of 80 columns.
    pub fn text(&self) -> String {
        let refused_whole = match self.refused {
            0 => String::new(),
            refused => format!(", {} refused whole", grouped(refused)),
        };
        let mut text = format!(
            "In all: {} spans read{refused_whole}.\n",
            grouped(self.kept)
        );
        let lines = self.counts.lines();
        if lines.is_empty() {
            text.push_str("Nothing was refused.\n");
            return text;
        }
        text.push_str("Refused, as the page Policy counts it:\n");
        for line in lines {
            let release = line.version.map(|version| format!(" {version}"));
            let entry = format!(
                "{}: {}{}, {}, {}: {}",
                grouped(line.count.unsigned_abs()),
                line.framework,
                release.unwrap_or_default(),
                line.span,
                line.key,
                line.reason
            );
            text.push_str(&wrap(2, 6, &on_one_line(&entry)));
        }
        text.push_str("The reasons:\n");
        for reason in &self.reasons {
            let line = format!("{reason}: {}", reason.description());
            text.push_str(&wrap(2, 6, &line));
        }
        text
    }
}
