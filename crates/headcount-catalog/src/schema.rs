//! The tables and columns that follow from the catalog. The store holds nothing else.

use std::fmt;

/// When a value is collected: by default, or only from a crew with `share_crew` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Anonymous usage data, collected unless telemetry is off.
    Default,
    /// Content, collected only for a crew whose configuration says `share_crew`.
    Shared,
}

impl Tier {
    /// The tier's name in the catalog, in `headcount tables` and in the store's folder names.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Default => "default",
            Tier::Shared => "shared",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The type of a column. Every column is nullable: absent is distinct from `false`, `0` and `""` (promise 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `true` or `false`.
    Boolean,
    /// A signed 64-bit integer.
    Integer,
    /// A 64-bit IEEE 754 number.
    Double,
    /// Microseconds since 1970-01-01T00:00:00 UTC.
    Timestamp,
    /// UTF-8 text.
    Text,
    /// A list of UTF-8 texts.
    TextList,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The catalog's field name.
    pub name: String,
    /// The column's type.
    pub column_type: ColumnType,
}

/// The column that holds a row's [`crate::KeyedReceipt::imprint`], in every table that has one.
pub const RECEIPT_COLUMN: &str = "receipt";

/// The kind of a table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// A row is one thing that happened; rows are never merged.
    Event,
    /// A row is a count of like things: rows that agree in every column but `count` may be replaced by one with the sum.
    Counter,
}

/// A position in [`Schema::tables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u8);

/// One table of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The table's name in SQL and in the store's folders.
    pub name: String,
    /// The one tier whose values the table may hold (promise 2: the tiers never share a table).
    pub tier: Tier,
    /// The kind of its rows.
    pub kind: TableKind,
    /// The columns, the envelope's first. At most 256.
    pub columns: Vec<Column>,
}

impl Table {
    /// The position of the column `name`.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The columns that tell whose a row is. In the table of crews these are the crew's own, and elsewhere those that refer to it.
    pub fn crew_columns(&self) -> CrewColumns {
        let has = |name: &'static str| self.column_index(name).map(|_| name);
        let is_of_crews = self.name == "crews";
        let own = |name| has(name).filter(|_| is_of_crews);
        CrewColumns {
            key: has("crew_key").or_else(|| own("key")),
            id: has("crew_id").or_else(|| own("id")),
            project: has("project_id"),
        }
    }
}

/// The names of the columns that tell whose a row is. A table without any of them holds nothing that could be traced to one crew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CrewColumns {
    /// The crew's key: the same in every run.
    pub key: Option<&'static str>,
    /// The crew's id: that of one crew object in one process.
    pub id: Option<&'static str>,
    /// The project's key.
    pub project: Option<&'static str>,
}

impl CrewColumns {
    /// Each of them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [self.key, self.id, self.project].into_iter().flatten()
    }
}

/// All tables of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// The tables; at most 255, because the last number is that of tallies in the write-ahead log.
    pub tables: Vec<Table>,
}

impl Schema {
    /// The table at `id`, or `None` where the schema has no such table.
    pub fn table(&self, id: TableId) -> Option<&Table> {
        self.tables.get(usize::from(id.0))
    }

    /// The position of the table `name`.
    pub fn table_id(&self, name: &str) -> Option<TableId> {
        let index = self.tables.iter().position(|table| table.name == name)?;
        u8::try_from(index).ok().map(TableId)
    }

    /// Every table with its position.
    pub fn iter(&self) -> impl Iterator<Item = (TableId, &Table)> {
        self.tables
            .iter()
            .enumerate()
            .filter_map(|(index, table)| Some((TableId(u8::try_from(index).ok()?), table)))
    }
}
