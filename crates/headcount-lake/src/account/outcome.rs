//! The outcome of an audit.

use headcount_catalog::Tier;

use super::retention::TableRetention;

/// The account of a data folder beside what it holds.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// The tables, in the order of the catalog.
    pub tables: Vec<TableAudit>,
    /// What is known to be lost, or cannot be known: each a sentence. The account is not whole unless there are none.
    pub problems: Vec<String>,
}

/// The account of one table.
#[derive(Debug, Clone)]
pub struct TableAudit {
    /// Its name.
    pub table: String,
    /// Its tier.
    pub tier: Tier,
    /// When counting began, milliseconds since 1970 UTC; `None` for a table without rows so far.
    pub since: Option<i64>,
    /// Its days, in order.
    pub days: Vec<DayAudit>,
    /// How old its rows are.
    pub retention: TableRetention,
}

/// The account of one table and day. The unit is a row; in a counter table, one of what it counts.
///
/// The day is the UTC day of the rows' `time`, within fixed bounds (`docs/formats/tables.md`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayAudit {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// What the table held when counting began.
    pub opening: u64,
    /// What was acknowledged since then, whatever became of it.
    pub taken: u64,
    /// Measured: what the table's files and the log hold.
    pub stored: u64,
    /// Measured: the same of the table of refusals, which holds what was refused in the place of what came.
    pub refused: u64,
    /// What was acknowledged and had been stored before.
    pub duplicate: u64,
    /// What was removed because it was too old.
    pub expired: u64,
    /// What was removed, or never stored, because its erasure was ordered.
    pub erased: u64,
    /// What damaged files hold, or held before a repair gave them up, by the table's log.
    pub unreadable: u64,
    /// What commits without an account removed, less what they added: those of other programs, or of older versions of this one. Also rows
    /// that an older layout counted under another day, less those that it counted under this one.
    pub others: i64,
    /// Whether a part cannot be known, such as the content of a damaged file of another program.
    pub is_unknown: bool,
    /// What clients say that they lost before it came here: the sum of the rows' counts in the table `losses`, `None` in any other.
    pub claimed_lost: Option<u64>,
}

impl DayAudit {
    /// What was taken, less what is known to have become of it: 0, or something was lost (positive) or doubled (negative). `None` where
    /// it cannot be known.
    pub fn difference(&self) -> Option<i128> {
        let came = i128::from(self.opening) + i128::from(self.taken);
        let parts = [
            self.stored,
            self.refused,
            self.duplicate,
            self.expired,
            self.erased,
            self.unreadable,
        ];
        let known: i128 = parts.into_iter().map(i128::from).sum();
        (!self.is_unknown).then(|| came - known - i128::from(self.others))
    }
}

impl Audit {
    /// Whether every difference is 0, nothing is known to be lost, and no row is kept too long.
    pub fn is_whole(&self) -> bool {
        let mut days = self.tables.iter().flat_map(|table| &table.days);
        let mut tables = self.tables.iter();
        self.problems.is_empty()
            && days.all(|day| day.difference() == Some(0))
            && tables.all(|table| table.retention.kept_too_long == 0)
    }
}
