//! The tables that queries read.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use headcount_catalog::Tier;

/// A table that queries can read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in SQL.
    pub name: String,
    /// The tier of its rows.
    pub tier: Tier,
    /// How many rows it has; `None` if unknown.
    pub rows: Option<u64>,
    /// Its rows.
    pub provider: Arc<dyn TableProvider>,
}
