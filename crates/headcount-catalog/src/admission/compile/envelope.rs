//! The attributes that say what every row begins with: the framework, the runtime and their versions.

use super::span::{Fault, SpanCompiler};
use super::{Problem, column_of, table_of};
use crate::admission::program::{Action, Field};
use crate::rule::Rule;

/// Where a span states them, as positions of its fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct EnvelopeFields {
    pub(super) framework: Option<usize>,
    pub(super) version: Option<usize>,
    pub(super) runtime: Option<usize>,
    pub(super) runtime_version: Option<usize>,
}

impl EnvelopeFields {
    pub(super) fn find(fields: &[Field]) -> Result<Self, Fault> {
        let only = |column: &str, wanted: fn(&Action) -> bool| {
            let fields = fields.iter().enumerate();
            let mut found = fields.filter(|(_, field)| wanted(&field.action));
            let first = found.next().map(|(index, _)| index);
            match found.next() {
                None => Ok(first),
                Some(_) => Err((
                    format!("every_row.{column}"),
                    "two attributes go there".to_owned(),
                )),
            }
        };
        Ok(Self {
            framework: only("framework", |action| matches!(action, Action::Framework(_)))?,
            version: only("framework_version", |action| {
                matches!(action, Action::FrameworkVersion)
            })?,
            runtime: only("runtime", |action| matches!(action, Action::Runtime(_)))?,
            runtime_version: only("runtime_version", |action| {
                matches!(action, Action::RuntimeVersion)
            })?,
        })
    }

    /// Whether a version that a span does not state may be that of the request's other spans; the fields of the resource
    /// begin at `resource_from`.
    pub(super) fn borrow_versions(&self, resource_from: usize) -> bool {
        let of_span = |field: Option<usize>| field.is_none_or(|field| field < resource_from);
        self.framework.is_none() && of_span(self.version) && of_span(self.runtime_version)
    }
}

impl SpanCompiler<'_> {
    /// What becomes of an attribute that goes to `target` alone; `None` where that is no column that admission writes itself.
    pub(super) fn envelope_action(&self, target: &str) -> Result<Option<Action>, Problem> {
        Ok(match target {
            "every_row.framework" => Some(Action::Framework(self.name_rule("framework")?)),
            "every_row.framework_version" => Some(Action::FrameworkVersion),
            "every_row.runtime" => Some(Action::Runtime(self.name_rule("runtime")?)),
            "every_row.runtime_version" => Some(Action::RuntimeVersion),
            _ => None,
        })
    }

    fn name_rule(&self, column: &str) -> Result<Rule, Problem> {
        let table = table_of(self.catalog, "refusals")?;
        let index = column_of(self.catalog, table, column)?;
        match self.catalog.rule(table, index) {
            Some(rule @ Rule::Enum(_)) => Ok(rule.clone()),
            Some(rule @ Rule::Token(limit)) if limit.max_items.is_none() => Ok(rule.clone()),
            _ => Err(format!(
                "the catalog's `{column}` is neither a token nor an enum"
            )),
        }
    }
}
