//! Damaged files of the store: a query answers without them, and its answer says which rows are missing.

use std::collections::BTreeSet;

use chrono::DateTime;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use headcount_catalog::TableId;
use headcount_lake::{LakeSnapshot, MissingRows};
use tokio::task::spawn_blocking;

use crate::error::ReportError;
use crate::parameters::Selection;

/// How often a query is run again because it met a damaged file. Each time all files that may be damaged are looked for.
pub(crate) const ATTEMPTS: usize = 4;

/// Ends the part of a note on missing rows that everybody may read.
pub(crate) const MISSING: &str = " are missing from this answer";

/// The tables that a plan reads.
pub(crate) fn tables_read(plan: &LogicalPlan) -> Result<BTreeSet<String>> {
    let mut tables = BTreeSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.insert(scan.table_name.table().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(tables)
}

/// Whether files turned out to be damaged since `revision`, so that another attempt would leave them out. `text` is the query:
/// only files of tables that it names are looked at.
pub(crate) async fn is_damage_new(snapshot: &LakeSnapshot, revision: u64, text: &str) -> bool {
    if snapshot.damage_revision() != revision {
        return true;
    }
    let text = text.to_ascii_lowercase();
    let named = snapshot.schema().iter();
    let named = named.filter(|(_, table)| text.contains(&table.name.to_ascii_lowercase()));
    let named: Vec<TableId> = named.map(|(id, _)| id).collect();
    let snapshot = snapshot.clone();
    let looking = spawn_blocking(move || snapshot.find_damage(&named));
    looking.await.unwrap_or(false)
}

/// A note for each of `tables` whose damaged files hold rows that `selection` asks for.
pub(crate) fn notes(
    snapshot: &LakeSnapshot,
    tables: &BTreeSet<String>,
    selection: &Selection,
) -> Vec<String> {
    let read = snapshot.schema().iter();
    let read = read.filter(|(_, table)| tables.contains(&table.name));
    let mut notes = Vec::new();
    for (id, table) in read {
        let Some(missing) = snapshot.missing_rows(id) else {
            continue;
        };
        if missing.commits > 0 {
            notes.push(format!(
                "rows of the table {}{MISSING}: the last {} commits of its log are lost; restore its folder from a backup",
                table.name, missing.commits
            ));
        }
        if missing.files > 0 && is_asked_for(&missing, selection) {
            notes.push(note(&table.name, &missing));
        }
    }
    notes
}

fn is_asked_for(missing: &MissingRows, selection: &Selection) -> bool {
    missing.time.is_none_or(|(least, greatest)| {
        selection.since.is_none_or(|since| greatest >= since)
            && selection.until.is_none_or(|until| least < until)
    })
}

fn note(table: &str, missing: &MissingRows) -> String {
    let rows = match missing.rows {
        Some(rows) => format!("{rows} rows"),
        None => "an unknown number of rows".to_owned(),
    };
    let files = match missing.files {
        1 => "1 damaged file".to_owned(),
        files => format!("{files} damaged files"),
    };
    format!(
        "rows of the table {table}{MISSING}: {rows}{} in {files}, which `headcount check` names",
        days(missing).unwrap_or_default()
    )
}

/// The days of the rows.
fn days(missing: &MissingRows) -> Option<String> {
    let (least, greatest) = missing.time?;
    let day = |micros| DateTime::from_timestamp_micros(micros).map(|time| time.date_naive());
    let (first, last) = (day(least)?, day(greatest)?);
    Some(match first == last {
        true => format!(" of {first}"),
        false => format!(" of {first} to {last}"),
    })
}

/// Whether a note of an answer says that rows are missing, which a reader must not overlook.
pub fn is_about_missing_rows(note: &str) -> bool {
    note.contains(MISSING)
}

/// Whether another attempt may succeed.
pub(crate) fn may_be_damage(error: &ReportError) -> bool {
    matches!(error, ReportError::Unreadable(_))
}
