//! The account of a store as an answer: `headcount audit`, and `/api/v1/audit`.

use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use headcount_answer::{Answer, AnswerColumn, ColumnKind};
use headcount_lake::{Audit, DayAudit, TableAudit};
use serde_json::Value;

/// How a note begins that says why the account is not whole.
const NOT_WHOLE: &str = "the account is not whole: ";
/// Differences of which each gets a note.
const NAMED: usize = 20;

/// What of the account is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditView {
    /// A row for each table, and for each of its days with a difference.
    #[default]
    Tables,
    /// A row for each table and day.
    Days,
    /// For each table, how old its rows are and may be.
    Retention,
}

impl AuditView {
    /// Every view.
    pub const ALL: [Self; 3] = [Self::Tables, Self::Days, Self::Retention];

    /// Its name in parameters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tables => "tables",
            Self::Days => "days",
            Self::Retention => "retention",
        }
    }
}

impl FromStr for AuditView {
    type Err = String;

    /// The view by its name.
    fn from_str(name: &str) -> Result<Self, String> {
        let mut views = Self::ALL.into_iter();
        let view = views.find(|view| view.name() == name);
        view.ok_or_else(|| format!("`{name}` is no view; the views are tables, days and retention"))
    }
}

/// The account as rows, with notes on what is wrong, and since when it counts.
pub fn audit_answer(audit: &Audit, view: AuditView) -> Answer {
    let tables = audit.tables.iter();
    let (columns, rows): (&[_], Vec<Vec<Value>>) = match view {
        AuditView::Tables => (&ACCOUNT, tables.flat_map(totals_and_differences).collect()),
        AuditView::Days => (&ACCOUNT, tables.flat_map(days).collect()),
        AuditView::Retention => (&RETENTION, tables.map(retention).collect()),
    };
    let column = |(name, kind): &(&str, ColumnKind)| AnswerColumn {
        name: (*name).to_owned(),
        kind: *kind,
    };
    Answer {
        columns: columns.iter().map(column).collect(),
        rows,
        notes: notes(audit),
    }
}

/// Whether the account in an answer is whole: every difference is 0, nothing is known to be lost, no row is kept too long.
pub fn is_account_whole(answer: &Answer) -> bool {
    !answer.notes.iter().any(|note| note.starts_with(NOT_WHOLE))
}

const ACCOUNT: [(&str, ColumnKind); 13] = [
    ("table_name", ColumnKind::Text),
    ("day", ColumnKind::Moment),
    ("opening", ColumnKind::Integer),
    ("taken", ColumnKind::Integer),
    ("stored", ColumnKind::Integer),
    ("refused", ColumnKind::Integer),
    ("duplicate", ColumnKind::Integer),
    ("expired", ColumnKind::Integer),
    ("erased", ColumnKind::Integer),
    ("unreadable", ColumnKind::Integer),
    ("by_others", ColumnKind::Integer),
    ("difference", ColumnKind::Integer),
    ("claimed_lost", ColumnKind::Integer),
];

const RETENTION: [(&str, ColumnKind); 6] = [
    ("table_name", ColumnKind::Text),
    ("tier", ColumnKind::Text),
    ("days_allowed", ColumnKind::Integer),
    ("oldest", ColumnKind::Moment),
    ("expired", ColumnKind::Integer),
    ("kept_too_long", ColumnKind::Integer),
];

fn totals_and_differences(table: &TableAudit) -> Vec<Vec<Value>> {
    let mut total = DayAudit::default();
    let mut difference = Some(0);
    for day in &table.days {
        add(&mut total, day);
        difference = difference.zip(day.difference()).map(|(sum, day)| sum + day);
    }
    let mut rows = vec![account(table, &total, Value::Null, difference)];
    let wrong = table.days.iter().filter(|day| day.difference() != Some(0));
    rows.extend(wrong.map(|day| day_row(table, day)));
    rows
}

fn add(total: &mut DayAudit, day: &DayAudit) {
    total.opening += day.opening;
    total.taken += day.taken;
    total.stored += day.stored;
    total.refused += day.refused;
    total.duplicate += day.duplicate;
    total.expired += day.expired;
    total.erased += day.erased;
    total.unreadable += day.unreadable;
    total.others += day.others;
    if let Some(lost) = day.claimed_lost {
        *total.claimed_lost.get_or_insert_default() += lost;
    }
}

fn days(table: &TableAudit) -> Vec<Vec<Value>> {
    table.days.iter().map(|day| day_row(table, day)).collect()
}

fn day_row(table: &TableAudit, day: &DayAudit) -> Vec<Value> {
    account(table, day, Value::from(day.day.as_str()), day.difference())
}

fn account(
    table: &TableAudit,
    sums: &DayAudit,
    day: Value,
    difference: Option<i128>,
) -> Vec<Value> {
    let difference = difference.map(|difference| {
        let clamped = difference.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        clamped as i64
    });
    vec![
        Value::from(table.table.as_str()),
        day,
        Value::from(sums.opening),
        Value::from(sums.taken),
        Value::from(sums.stored),
        Value::from(sums.refused),
        Value::from(sums.duplicate),
        Value::from(sums.expired),
        Value::from(sums.erased),
        Value::from(sums.unreadable),
        Value::from(sums.others),
        Value::from(difference),
        Value::from(sums.claimed_lost),
    ]
}

fn retention(table: &TableAudit) -> Vec<Value> {
    let oldest = table.retention.oldest;
    let oldest = oldest.and_then(DateTime::<Utc>::from_timestamp_micros);
    let expired: u64 = table.days.iter().map(|day| day.expired).sum();
    vec![
        Value::from(table.table.as_str()),
        Value::from(table.tier.name()),
        Value::from(table.retention.days),
        Value::from(oldest.map(in_seconds)),
        Value::from(expired),
        Value::from(table.retention.kept_too_long),
    ]
}

fn in_seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn notes(audit: &Audit) -> Vec<String> {
    let mut wrong: Vec<String> = Vec::new();
    for table in &audit.tables {
        let name = &table.table;
        for day in &table.days {
            match day.difference() {
                Some(0) => {}
                Some(lost) if lost > 0 => {
                    wrong.push(format!("{lost} of the table {name} on {} are missing", day.day));
                }
                Some(more) => wrong.push(format!(
                    "{} of the table {name} on {} are more than came",
                    more.unsigned_abs(),
                    day.day
                )),
                None => wrong.push(format!(
                    "it is not known what the table {name} holds of {}, because a file cannot be read and its rows were never counted",
                    day.day
                )),
            }
        }
        let late = table.retention.kept_too_long;
        if late > 0 {
            wrong.push(format!("{late} rows of the table {name} are kept too long"));
        }
    }
    let unnamed = wrong.len().saturating_sub(NAMED);
    wrong.truncate(NAMED);
    if unnamed > 0 {
        wrong.push(format!("and {unnamed} more; see the view of days"));
    }
    let problems = audit.problems.iter().cloned().chain(wrong);
    let mut notes: Vec<String> = problems
        .map(|problem| format!("{NOT_WHOLE}{problem}"))
        .collect();
    let since = audit.tables.iter().filter_map(|table| table.since).min();
    if let Some(since) = since.and_then(DateTime::<Utc>::from_timestamp_millis) {
        notes.push(format!(
            "counted since {}; what a table held before that is its opening",
            in_seconds(since)
        ));
    }
    let claimed = audit.tables.iter().flat_map(|table| &table.days);
    if claimed.filter_map(|day| day.claimed_lost).sum::<u64>() > 0 {
        notes.push(
            "claimed_lost is what clients of Headcount say that they lost before it came here: a claim; other clients say nothing"
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use headcount_catalog::Tier;
    use headcount_lake::TableRetention;
    use serde_json::json;

    use super::*;

    fn audit(stored: [u64; 2]) -> Audit {
        let day = |day: &str, stored| DayAudit {
            day: day.to_owned(),
            taken: 7,
            duplicate: 2,
            stored,
            ..DayAudit::default()
        };
        let table = TableAudit {
            table: "crews".to_owned(),
            tier: Tier::Default,
            since: Some(0),
            days: vec![day("2026-11-30", stored[0]), day("2026-12-01", stored[1])],
            retention: TableRetention {
                days: Some(400),
                oldest: Some(0),
                kept_too_long: 0,
            },
        };
        Audit {
            tables: vec![table],
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_difference_is_a_row_and_a_note_even_if_another_day_makes_up_for_it() {
        let whole = audit_answer(&audit([5, 5]), AuditView::Tables);
        assert!(is_account_whole(&whole));
        assert_eq!(whole.rows.len(), 1);
        assert_eq!(
            whole.rows[0][..5],
            [json!("crews"), json!(null), json!(0), json!(14), json!(10)]
        );
        assert_eq!(audit_answer(&audit([5, 5]), AuditView::Days).rows.len(), 2);
        let wrong = audit_answer(&audit([4, 6]), AuditView::Tables);
        assert!(!is_account_whole(&wrong));
        let shown: Vec<(&Value, &Value)> =
            wrong.rows.iter().map(|row| (&row[1], &row[11])).collect();
        let expected = [
            (&json!(null), &json!(0)),
            (&json!("2026-11-30"), &json!(1)),
            (&json!("2026-12-01"), &json!(-1)),
        ];
        assert_eq!(shown, expected);
        assert!(wrong.notes[0].ends_with("1 of the table crews on 2026-11-30 are missing"));
        let retention = audit_answer(&audit([4, 6]), AuditView::Retention);
        assert!(!is_account_whole(&retention), "whatever is shown");
        assert_eq!(retention.rows[0][3], json!("1970-01-01T00:00:00Z"));
    }

    #[test]
    fn what_is_known_to_be_lost_or_kept_too_long_is_not_whole() {
        let mut lost = audit([5, 5]);
        lost.problems.push("2 groups are missing".to_owned());
        assert!(!is_account_whole(&audit_answer(&lost, AuditView::Days)));
        let mut late = audit([5, 5]);
        late.tables[0].retention.kept_too_long = 1;
        assert!(!is_account_whole(&audit_answer(&late, AuditView::Days)));
    }
}
