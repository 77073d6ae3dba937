//! Rows that were written under another catalog.

use std::sync::Arc;

use headcount_catalog::{Schema, TableId};

/// Maps the table and column numbers of another catalog's rows to ours.
#[derive(Debug)]
pub struct Renumbering(Vec<Option<RenumberedTable>>);

/// A table of the other catalog that ours has too.
#[derive(Debug)]
pub struct RenumberedTable {
    /// Its number in our catalog.
    pub id: TableId,
    columns: Vec<Option<usize>>,
}

impl RenumberedTable {
    /// Our number of one of its columns, if our catalog has it.
    pub fn column(&self, theirs: usize) -> Option<usize> {
        self.columns.get(theirs).copied().flatten()
    }
}

impl Renumbering {
    /// From `theirs` to `ours`, by name; `None` where they are the same. Rows and cells that ours no longer has are dropped.
    pub fn between(theirs: &Schema, ours: &Schema) -> Option<Arc<Self>> {
        if theirs == ours {
            return None;
        }
        let tables = theirs.tables.iter().map(|table| {
            let id = ours.table_id(&table.name)?;
            let our = ours.table(id).filter(|our| our.tier == table.tier)?;
            let columns = table.columns.iter();
            let columns = columns.map(|theirs| our.column_index(&theirs.name));
            Some(RenumberedTable {
                id,
                columns: columns.collect(),
            })
        });
        Some(Arc::new(Self(tables.collect())))
    }

    /// The table that has the number `theirs` in the other catalog, if our catalog has it.
    pub fn table(&self, theirs: TableId) -> Option<&RenumberedTable> {
        self.0.get(usize::from(theirs.0))?.as_ref()
    }
}
