//! The tally of a frame of the write-ahead log: how many rows of each table and day came with it, and what became of them.
//!
//! It is an entry like any other, whose rows belong to the table [`TALLY`], which no catalog has: so a program that does not know
//! of tallies skips it. A row of it has the columns 0 table, 1 day, 2 kept, 3 duplicate, 4 erased, all integers; one that is zero
//! is left out (`docs/formats/wal.md`).

use std::collections::BTreeMap;

use crate::batch::BatchWriter;
use crate::record::{Cell, Entries, Entry, Fingerprint, Row};
use crate::schema::{Schema, TableId, TableKind};

/// The table of tallies in encoded rows. Tables of a catalog have lower numbers.
const TALLY: TableId = TableId(u8::MAX);

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The day of rows without a time.
pub const NO_DAY: i64 = i64::MIN;

/// What became of the rows of one table and day that came. The unit is a row, and for a counter table one of what it counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Those that are stored.
    pub kept: u64,
    /// Those that were stored before.
    pub duplicate: u64,
    /// Those that came under a receipt whose rows are to be erased, and were not stored.
    pub erased: u64,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is stored.
    Kept,
    /// It was stored before.
    Duplicate,
    /// It came under a receipt whose rows are to be erased.
    Erased,
}

/// Numbers of rows by table and day: the UTC day of the row's `time`, counted from 1970, or [`NO_DAY`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(TableId, i64), Arrivals>);

impl Tally {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many pairs of a table and a day there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Every table and day with its numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (TableId, i64, Arrivals)> {
        let entries = self.0.iter();
        entries.map(|((table, day), arrivals)| (*table, *day, *arrivals))
    }

    /// Counts the rows of an entry, which are numbered as `layout` says.
    pub fn count(&mut self, entry: &Entry<'_>, layout: &TallyLayout, fate: Fate) {
        for row in entry.rows().map_while(Result::ok) {
            let Some((day, units)) = layout.measure(&row) else {
                continue;
            };
            let arrivals = self.0.entry((row.table, day)).or_default();
            let counted = match fate {
                Fate::Kept => &mut arrivals.kept,
                Fate::Duplicate => &mut arrivals.duplicate,
                Fate::Erased => &mut arrivals.erased,
            };
            *counted = counted.saturating_add(units);
        }
    }

    /// Adds numbers of a table and day.
    pub fn add(&mut self, table: TableId, day: i64, more: Arrivals) {
        let arrivals = self.0.entry((table, day)).or_default();
        arrivals.kept = arrivals.kept.saturating_add(more.kept);
        arrivals.duplicate = arrivals.duplicate.saturating_add(more.duplicate);
        arrivals.erased = arrivals.erased.saturating_add(more.erased);
    }

    /// Adds all numbers of another tally.
    pub fn merge(&mut self, other: &Self) {
        for (table, day, arrivals) in other.iter() {
            self.add(table, day, arrivals);
        }
    }

    /// Appends the tally to encoded entries, as an entry; nothing for an empty one.
    pub fn write(&self, entries: &mut Vec<u8>) {
        let mut writer = BatchWriter::with_capacity(self.0.len() * 16 + 16);
        writer.begin_entry(Fingerprint(0));
        for (table, day, arrivals) in self.iter() {
            let counts = [arrivals.kept, arrivals.duplicate, arrivals.erased];
            writer.row(TALLY, |row| {
                row.integer(0, i64::from(table.0));
                row.integer(1, day);
                for (column, count) in (2..).zip(counts) {
                    if count > 0 {
                        row.integer(column, i64::try_from(count).unwrap_or(i64::MAX));
                    }
                }
            });
        }
        writer.end_entry();
        entries.extend_from_slice(writer.finish().bytes());
    }

    /// The tally in an entry; `None` for an entry of rows.
    pub fn read(entry: &Entry<'_>) -> Option<Self> {
        if !entry.is_tally() {
            return None;
        }
        let mut tally = Self::default();
        for row in entry.rows().map_while(Result::ok) {
            let mut values = [0_i64; 5];
            for (column, cell) in row.cells().map_while(Result::ok) {
                if let (Some(value), Cell::Integer(integer)) = (values.get_mut(column), cell) {
                    *value = integer;
                }
            }
            let [table, day, kept, duplicate, erased] = values;
            let Ok(table) = u8::try_from(table) else {
                continue;
            };
            let arrivals = Arrivals {
                kept: kept.unsigned_abs(),
                duplicate: duplicate.unsigned_abs(),
                erased: erased.unsigned_abs(),
            };
            tally.add(TableId(table), day, arrivals);
        }
        Some(tally)
    }

    /// The tally of a frame's entries, whose rows are numbered as `layout` says. Where an older program wrote it without one, all of
    /// its rows count as kept.
    pub fn of_frame(payload: &[u8], layout: &TallyLayout) -> Self {
        let entries = || Entries::new(payload).map_while(Result::ok);
        if let Some(tally) = entries().find_map(|entry| Self::read(&entry)) {
            return tally;
        }
        let mut tally = Self::default();
        for entry in entries() {
            tally.count(&entry, layout, Fate::Kept);
        }
        tally
    }
}

impl Entry<'_> {
    /// Whether this is the tally of a frame instead of what came from a span. It has no fingerprint.
    pub fn is_tally(&self) -> bool {
        self.rows.first() == Some(&TALLY.0)
    }
}

/// Where rows have what a tally counts them by.
#[derive(Debug, Clone)]
pub struct TallyLayout(Vec<Columns>);

#[derive(Debug, Clone, Copy)]
struct Columns {
    time: Option<usize>,
    /// Of a counter table.
    count: Option<usize>,
}

impl TallyLayout {
    /// Of rows that are numbered as in `schema`.
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.tables.iter().map(|table| Columns {
            time: table.column_index("time"),
            count: match table.kind {
                TableKind::Event => None,
                TableKind::Counter => table.column_index("count"),
            },
        });
        Self(columns.collect())
    }

    /// The day of a row, and how many it counts for; `None` if its table is not known.
    fn measure(&self, row: &Row<'_>) -> Option<(i64, u64)> {
        let columns = self.0.get(usize::from(row.table.0))?;
        let (mut day, mut units) = (NO_DAY, u64::from(columns.count.is_none()));
        for (column, cell) in row.cells().map_while(Result::ok) {
            match cell {
                Cell::Timestamp(time) if columns.time == Some(column) => {
                    day = time.div_euclid(DAY);
                    // It comes first in a row, so that the others need not be read.
                    if columns.count.is_none() {
                        break;
                    }
                }
                Cell::Integer(count) if columns.count == Some(column) => {
                    units = u64::try_from(count).unwrap_or_default();
                }
                _ => {}
            }
        }
        Some((day, units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Column, ColumnType, Table, Tier};

    fn schema() -> Schema {
        let column = |name: &str, column_type| Column {
            name: name.to_owned(),
            column_type,
        };
        let table = |name: &str, kind| Table {
            name: name.to_owned(),
            tier: Tier::Default,
            kind,
            columns: vec![
                column("time", ColumnType::Timestamp),
                column("count", ColumnType::Integer),
            ],
        };
        Schema {
            tables: vec![
                table("losses", TableKind::Event),
                table("refusals", TableKind::Counter),
            ],
        }
    }

    fn batch() -> Vec<u8> {
        let mut writer = BatchWriter::with_capacity(0);
        writer.begin_entry(Fingerprint(7));
        for (table, time) in [
            (0, Some(2 * DAY)),
            (0, Some(3 * DAY - 1)),
            (1, Some(-1)),
            (0, None),
        ] {
            writer.row(TableId(table), |row| {
                if let Some(time) = time {
                    row.timestamp(0, time);
                }
                row.integer(1, 40);
            });
        }
        writer.end_entry();
        writer.finish().bytes().to_vec()
    }

    #[test]
    fn rows_are_counted_by_table_and_day_and_counters_by_their_counts() {
        let layout = TallyLayout::new(&schema());
        let mut frame = batch();
        let counted = Tally::of_frame(&frame, &layout);
        let kept = |kept| Arrivals {
            kept,
            ..Arrivals::default()
        };
        let expected = [
            (TableId(0), NO_DAY, kept(1)),
            (TableId(0), 2, kept(2)),
            (TableId(1), -1, kept(40)),
        ];
        assert_eq!(counted.iter().collect::<Vec<_>>(), expected);
        // What the frame says of itself counts, and not its rows.
        let mut said = Tally::default();
        for fate in [Fate::Kept, Fate::Duplicate, Fate::Duplicate, Fate::Erased] {
            let entries = frame.clone();
            let entry = Entries::new(&entries).next().unwrap().unwrap();
            said.count(&entry, &layout, fate);
        }
        said.write(&mut frame);
        let read = Tally::of_frame(&frame, &layout);
        assert_eq!(read, said);
        let refusals = read.iter().last().unwrap().2;
        let expected = Arrivals {
            kept: 40,
            duplicate: 80,
            erased: 40,
        };
        assert_eq!(refusals, expected);
        let tallies = Entries::new(&frame).filter(|entry| entry.as_ref().unwrap().is_tally());
        assert_eq!(tallies.count(), 1);
    }

    #[test]
    fn an_empty_tally_takes_no_room() {
        let mut frame = batch();
        let before = frame.clone();
        Tally::default().write(&mut frame);
        assert_eq!(frame, before);
    }
}
