//! The refusals of requests as the table `refusals`, and so the page Policy, counts them.

use std::collections::BTreeMap;

use headcount_catalog::{Catalog, Cell, Outcome};
use serde::Serialize;

/// Refusals by release, span, key and reason.
#[derive(Debug, Clone, Default)]
pub struct PolicyCounts(BTreeMap<Counted, i64>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    framework: String,
    version: Option<String>,
    span: String,
    key: String,
    reason: String,
}

/// One line of the page Policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyCount {
    /// The framework that sent it; `(unknown)` where no dialect knows the sender.
    pub framework: String,
    /// Its release; `None` where no span states it.
    pub version: Option<String>,
    /// The span's name, or `(unknown)`.
    pub span: String,
    /// The attribute's key, `(unknown)`, or `(span)` where the whole span was refused.
    pub key: String,
    /// The reason.
    pub reason: String,
    /// How often.
    pub count: i64,
}

impl PolicyCounts {
    /// Adds the refusals of an outcome whose rows are of `catalog`'s tables.
    pub fn add(&mut self, catalog: &Catalog, outcome: &Outcome) {
        let schema = catalog.schema();
        let Some((id, table)) = schema.iter().find(|(_, table)| table.name == "refusals") else {
            return;
        };
        let entries = outcome.batch.entries().map_while(Result::ok);
        let rows = entries.flat_map(|entry| entry.rows().map_while(Result::ok));
        for row in rows.filter(|row| row.table == id) {
            let text = |wanted: &str| {
                let column = table.column_index(wanted)?;
                row.cells()
                    .map_while(Result::ok)
                    .find_map(|cell| match cell {
                        (index, Cell::Text(text)) if index == column => Some(text.to_owned()),
                        _ => None,
                    })
            };
            let counted = Counted {
                framework: text("framework").unwrap_or_default(),
                version: text("framework_version"),
                span: text("span").unwrap_or_default(),
                key: text("key").unwrap_or_default(),
                reason: text("reason").unwrap_or_default(),
            };
            let count = row
                .cells()
                .map_while(Result::ok)
                .find_map(|cell| match cell {
                    (index, Cell::Integer(count)) if Some(index) == table.column_index("count") => {
                        Some(count)
                    }
                    _ => None,
                });
            *self.0.entry(counted).or_default() += count.unwrap_or_default();
        }
    }

    /// The lines, those with the greatest counts first.
    pub fn lines(&self) -> Vec<PolicyCount> {
        let mut lines: Vec<PolicyCount> = self
            .0
            .iter()
            .map(|(counted, count)| PolicyCount {
                framework: counted.framework.clone(),
                version: counted.version.clone(),
                span: counted.span.clone(),
                key: counted.key.clone(),
                reason: counted.reason.clone(),
                count: *count,
            })
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.count));
        lines
    }
}
