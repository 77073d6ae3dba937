//! The names of tables, columns and refused keys, and the error where the catalog lacks one.

use crate::admission::program::{EnvelopeColumns, Name, NameId};
use crate::catalog::Catalog;
use crate::dialect::Dialect;
use crate::schema::{RECEIPT_COLUMN, TableId};

/// Stands for a name that must not be repeated.
pub(super) const UNKNOWN: &str = "(unknown)";
/// Stands for a span as a whole.
pub(super) const WHOLE_SPAN: &str = "(span)";

pub(super) type Problem = String;

/// The key and the problem with it.
pub(super) type Fault = (String, Problem);

pub(super) fn add_name(
    names: &mut Vec<Name>,
    dialect: &Dialect,
    span: &str,
    key: &str,
) -> Result<NameId, Problem> {
    let id = u16::try_from(names.len()).map_err(|_| "more than 65,536 names in all dialects")?;
    names.push(Name {
        framework: dialect.file.framework.clone(),
        runtime: dialect.file.runtime.clone(),
        span: span.to_owned(),
        key: key.to_owned(),
    });
    Ok(NameId(id))
}

pub(super) fn column_of(catalog: &Catalog, table: TableId, column: &str) -> Result<usize, Problem> {
    let table = catalog.schema().table(table);
    table
        .and_then(|table| table.column_index(column))
        .ok_or_else(|| format!("the catalog has no such column `{column}`"))
}

pub(super) fn envelope_columns(
    catalog: &Catalog,
    table: TableId,
) -> Result<EnvelopeColumns, Problem> {
    let column = |name| column_of(catalog, table, name);
    Ok(EnvelopeColumns {
        time: column("time")?,
        framework: column("framework")?,
        framework_version: column("framework_version")?,
        runtime: column("runtime")?,
        runtime_version: column("runtime_version")?,
        receipt: column(RECEIPT_COLUMN).ok(),
    })
}

pub(super) fn table_of(catalog: &Catalog, name: &str) -> Result<TableId, Problem> {
    catalog
        .schema()
        .table_id(name)
        .ok_or_else(|| format!("the catalog has no table `{name}`"))
}
