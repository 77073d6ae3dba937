//! The attributes for the columns that every row begins with: the framework, the runtime and their versions.

use super::lookup::Fault;
use crate::admission::program::{Action, Field};

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
