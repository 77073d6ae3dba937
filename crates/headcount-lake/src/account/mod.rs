//! The account of every table: what was taken in, and what became of it, by day (decision 0031).
//!
//! ```text
//! log's thread: each frame has a tally ─▶ flush: the commit's account says what was taken ─┐
//!                                        expiry, erasure: it says what was removed, and why ─┴▶ Ledger: the sums up to a version
//! what the files and the log really hold is measured ([`measure`]), and the audit compares the two ([`audit`])
//! ```
//!
//! A count is durable in the same step as what it counts: in the frame, and later in the commit. The two sides never take a number from
//! each other, so that a row that is lost or doubled on its way makes a difference.

pub(crate) mod audit;
pub(crate) mod ledger;
pub(crate) mod measure;
pub(crate) mod outcome;
pub(crate) mod retention;

use std::collections::BTreeMap;

use headcount_catalog::{NO_DAY, TableId, Tally};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::day::{counted_day, day_name};
use crate::delta::log::DayUnits;

/// The field of our commits' `commitInfo` with their account: an object by day.
const FIELD: &str = "headcount.account";
/// The CRC-32 of the account's text, as eight hexadecimal digits. The checksum of the commit is of the other lines.
const CHECKSUM: &str = "headcount.account.crc32";

/// What a commit did to the rows of each [day](counted_day). The unit is a row, and in a counter table one of what it counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Account {
    days: BTreeMap<String, DayAccount>,
}

/// What became of the rows of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DayAccount {
    /// Rows that were acknowledged, whatever became of them.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) taken: u64,
    /// Of those: stored before.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) duplicate: u64,
    /// Rows that were removed because they were too old.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) expired: u64,
    /// Rows that were removed, or never stored, because their erasure was ordered.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) erased: u64,
    /// Rows of damaged files that a repair gave up.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) unreadable: u64,
    /// Whether a repair gave up a file of which nobody knows how many rows it had.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unknown: bool,
    /// Rows that count under this day from now on, less those that no longer do: an older layout counted rows under the day of their
    /// partition, which was that of a month or of a bound for some.
    #[serde(skip_serializing_if = "is_zero_sum")]
    pub(crate) moved: i64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_zero_sum(sum: &i64) -> bool {
    *sum == 0
}

impl Account {
    /// Of a flush: what the tally of its frames says of `table`.
    pub(crate) fn of_flush(tally: &Tally, table: TableId) -> Self {
        let mut account = Self::default();
        for (_, day, arrivals) in tally.iter().filter(|(of, _, _)| *of == table) {
            let day = counted_day(Some(day).filter(|day| *day != NO_DAY));
            let of_day = account.day(&day_name(day));
            of_day.taken += arrivals.kept + arrivals.duplicate + arrivals.erased;
            of_day.duplicate += arrivals.duplicate;
            of_day.erased += arrivals.erased;
        }
        account
    }

    /// Notes that rows which counted under `partition` count under their own days from now on.
    pub(crate) fn move_from(&mut self, partition: &str, units: &DayUnits) {
        let signed = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        for (day, units) in units.iter().filter(|(day, _)| *day != partition) {
            self.day(partition).moved -= signed(*units);
            self.day(day).moved += signed(*units);
        }
    }

    /// What it says of a day, to be added to.
    pub(crate) fn day(&mut self, day: &str) -> &mut DayAccount {
        self.days.entry(day.to_owned()).or_default()
    }

    /// What it says of each day, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &DayAccount)> {
        self.days
            .iter()
            .map(|(day, account)| (day.as_str(), account))
    }

    /// Adds what another account says.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (day, more) in &other.days {
            self.day(day).add(more);
        }
    }

    /// Writes it into the `commitInfo` of a commit.
    pub(crate) fn write_into(&self, commit_info: &mut Value) {
        let account = json!(self);
        let text = account.to_string();
        commit_info[CHECKSUM] = json!(format!("{:08x}", crc32fast::hash(text.as_bytes())));
        commit_info[FIELD] = account;
    }

    /// The account of the commit with these actions; `None` if it has none, or a damaged one: then another program wrote it, or an
    /// older version of this one.
    pub(crate) fn of_commit(actions: &[Value]) -> Option<Self> {
        let commit_info = actions.iter().find_map(|action| action.get("commitInfo"))?;
        let account = commit_info.get(FIELD)?;
        let text = account.to_string();
        let is_whole = commit_info[CHECKSUM] == format!("{:08x}", crc32fast::hash(text.as_bytes()));
        serde_json::from_value(account.clone())
            .ok()
            .filter(|_| is_whole)
    }
}

impl DayAccount {
    fn add(&mut self, more: &Self) {
        self.taken += more.taken;
        self.duplicate += more.duplicate;
        self.expired += more.expired;
        self.erased += more.erased;
        self.unreadable += more.unreadable;
        self.unknown |= more.unknown;
        self.moved += more.moved;
    }
}

#[cfg(test)]
mod tests {
    use headcount_catalog::Arrivals;

    use super::*;

    #[test]
    fn an_account_is_read_as_it_was_written_and_a_flipped_digit_is_noticed() {
        let mut account = Account::default();
        account.day("2026-11-30").taken = 5;
        account.day("2026-11-29").expired = 7;
        let mut commit_info = json!({"operation": "WRITE"});
        account.write_into(&mut commit_info);
        let read = |commit_info: &Value| Account::of_commit(&[json!({"commitInfo": commit_info})]);
        assert_eq!(read(&commit_info), Some(account));
        commit_info[FIELD]["2026-11-30"]["taken"] = json!(4);
        assert_eq!(read(&commit_info), None);
    }

    #[test]
    fn a_flush_takes_each_row_under_its_own_day() {
        let today = 20_787;
        let mut tally = Tally::default();
        let table = TableId(0);
        for age in 0..500 {
            let arrivals = Arrivals {
                kept: 1,
                ..Arrivals::default()
            };
            tally.add(table, today - age, arrivals);
        }
        let dropped = Arrivals {
            duplicate: 2,
            erased: 3,
            ..Arrivals::default()
        };
        tally.add(table, today, dropped);
        tally.add(table, NO_DAY, dropped);
        tally.add(table, i64::MAX, dropped);
        tally.add(TableId(1), today, dropped);
        let mut account = Account::of_flush(&tally, table);
        assert_eq!(account.days.len(), 502);
        let of = |taken, dropped: Arrivals| DayAccount {
            taken,
            duplicate: dropped.duplicate,
            erased: dropped.erased,
            ..DayAccount::default()
        };
        assert_eq!(*account.day("2026-11-30"), of(6, dropped));
        assert_eq!(*account.day("2025-10-01"), of(1, Arrivals::default()));
        assert_eq!(*account.day("1970-01-01"), of(5, dropped));
        assert_eq!(*account.day("2100-01-01"), of(5, dropped));
    }

    #[test]
    fn rows_that_move_from_a_partition_to_their_days_add_up_to_nothing() {
        let mut account = Account::default();
        let units = ["2025-10-01", "2025-10-02", "2025-10-03"].map(|day| (day.to_owned(), 4));
        account.move_from("2025-10-01", &units.into());
        let moved: Vec<i64> = account.days.values().map(|day| day.moved).collect();
        assert_eq!(moved, [-8, 4, 4]);
    }
}
