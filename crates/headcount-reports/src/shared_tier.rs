//! Which tables are of the shared tier.

use headcount_catalog::{Catalog, Tier};

/// Whether the table `name` is of the shared tier.
pub(crate) fn is_shared(name: &str) -> bool {
    let mut tables = Catalog::in_force().schema().tables.iter();
    tables.any(|table| table.tier == Tier::Shared && table.name == name)
}
