//! Dialects and the catalog, compiled into [`Programs`]. Whatever a dialect names that the catalog lacks is an error
//! here, at start-up, and not a surprise later.

mod attributes;
mod envelope;
mod resource;
mod span;

use hashbrown::HashMap;

use super::program::{DialectProgram, EnvelopeColumns, Name, NameId, Programs, RefusalTable};
use crate::catalog::Catalog;
use crate::dialect::{Dialect, DialectError};
use crate::schema::{RECEIPT_COLUMN, TableId};
use span::SpanCompiler;

/// What stands for a name that is not ours to repeat.
const UNKNOWN: &str = "(unknown)";
/// What stands for a span as a whole.
const WHOLE_SPAN: &str = "(span)";

type Problem = String;

/// Compiles `dialects` for `catalog`.
pub(super) fn compile(catalog: &Catalog, dialects: &[Dialect]) -> Result<Programs, DialectError> {
    let rule = |framework: &str, span: &str, key: &str, problem: Problem| DialectError::Rule {
        framework: framework.to_owned(),
        span: span.to_owned(),
        key: key.to_owned(),
        problem,
    };
    let mut names = vec![Name {
        framework: UNKNOWN.to_owned(),
        runtime: None,
        span: UNKNOWN.to_owned(),
        key: WHOLE_SPAN.to_owned(),
    }];
    let refusals =
        refusal_table(catalog).map_err(|problem| rule(UNKNOWN, UNKNOWN, "refusals", problem))?;
    let mut compiled = Vec::with_capacity(dialects.len());
    for dialect in dialects {
        let file = &dialect.file;
        let mut spans = HashMap::new();
        let mut programs = Vec::with_capacity(file.spans.len());
        for (span_name, span) in &file.spans {
            let program = SpanCompiler::new(catalog, dialect, span_name, span, &mut names)
                .span(span)
                .map_err(|(key, problem)| rule(&file.framework, span_name, &key, problem))?;
            let _none: Option<usize> = spans.insert(span_name.as_str().into(), programs.len());
            programs.push(program);
        }
        let unknown_span = add_name(&mut names, dialect, UNKNOWN, WHOLE_SPAN)
            .map_err(|problem| rule(&file.framework, UNKNOWN, WHOLE_SPAN, problem))?;
        let keys = file.resource.iter().map(|(key, _)| key.as_str().into());
        compiled.push(DialectProgram {
            resource_keys: keys.zip(0..).collect(),
            framework: file.framework.clone(),
            runtime: file.runtime.clone(),
            service_names: file.matching.service_names.clone(),
            scope_names: file.matching.scope_names.clone(),
            spans,
            programs,
            unknown_span,
        });
    }
    Ok(Programs {
        dialects: compiled,
        names,
        refusals,
        unknown_framework: NameId(0),
    })
}

fn add_name(
    names: &mut Vec<Name>,
    dialect: &Dialect,
    span: &str,
    key: &str,
) -> Result<NameId, Problem> {
    let id = u16::try_from(names.len()).map_err(|_| "more than 65,536 names in all dialects")?;
    names.push(Name {
        framework: dialect.file.framework.clone(),
        runtime: Some(dialect.file.runtime.clone()),
        span: span.to_owned(),
        key: key.to_owned(),
    });
    Ok(NameId(id))
}

fn column_of(catalog: &Catalog, table: TableId, column: &str) -> Result<usize, Problem> {
    let table = catalog.schema().table(table);
    table
        .and_then(|table| table.column_index(column))
        .ok_or_else(|| format!("the catalog has no such column `{column}`"))
}

fn envelope_columns(catalog: &Catalog, table: TableId) -> Result<EnvelopeColumns, Problem> {
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

fn table_of(catalog: &Catalog, name: &str) -> Result<TableId, Problem> {
    catalog
        .schema()
        .table_id(name)
        .ok_or_else(|| format!("the catalog has no table `{name}`"))
}

fn refusal_table(catalog: &Catalog) -> Result<RefusalTable, Problem> {
    let table = table_of(catalog, "refusals")?;
    let column = |name| column_of(catalog, table, name);
    Ok(RefusalTable {
        table,
        envelope: envelope_columns(catalog, table)?,
        span: column("span")?,
        key: column("key")?,
        reason: column("reason")?,
        count: column("count")?,
    })
}
