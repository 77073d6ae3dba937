//! Dialects and the catalog, compiled into [`Programs`]. Whatever a dialect names that the catalog lacks is an error
//! here, at start-up, and not a surprise later.

mod attributes;
mod envelope;
mod kind;
mod lookup;
mod resource;
mod span;

use hashbrown::HashMap;

use super::program::{DialectProgram, Name, NameId, Programs, RefusalTable};
use crate::catalog::Catalog;
use crate::dialect::{Dialect, DialectError};
use lookup::{Problem, UNKNOWN, WHOLE_SPAN, add_name, column_of, envelope_columns, table_of};
use span::SpanCompiler;

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
    let mut compiled: Vec<DialectProgram> = Vec::with_capacity(dialects.len());
    let mut of_kinds = Vec::new();
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
        let kinds = kind::kinds(catalog, dialect, &mut names, &mut programs)
            .map_err(|(kind, (key, problem))| rule(&file.framework, &kind, &key, problem))?;
        if kinds.is_some() {
            of_kinds.push(compiled.len());
        }
        let unknown_span = add_name(&mut names, dialect, UNKNOWN, WHOLE_SPAN)
            .map_err(|problem| rule(&file.framework, UNKNOWN, WHOLE_SPAN, problem))?;
        let keys = file.resource.iter().map(|(key, _)| key.as_str().into());
        compiled.push(DialectProgram {
            resource_keys: keys.zip(0..).collect(),
            framework: file.framework.clone(),
            runtime: file.runtime.clone(),
            service_names: file.matching.service_names.clone(),
            scope_names: match kinds {
                None => file.matching.scope_names.clone(),
                Some(_) => Vec::new(),
            },
            kinds,
            spans,
            programs,
            unknown_span,
        });
    }
    Ok(Programs {
        dialects: compiled,
        of_kinds,
        names,
        refusals,
        unknown_framework: NameId(0),
    })
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
