//! The attributes that spans take from their resource.

use hashbrown::HashMap;

use super::attributes::EVERY_ROW;
use super::lookup::{Fault, Problem};
use super::span::SpanCompiler;
use crate::admission::program::{Action, Field};
use crate::dialect::Attribute;
use crate::rule::Rule;

impl SpanCompiler<'_> {
    /// A field for each of `attributes`, in their order; `own` are the keys of the span's own attributes.
    pub(super) fn resource_fields(
        &mut self,
        attributes: &[(String, Attribute)],
        own: &HashMap<Box<str>, u16>,
    ) -> Result<Vec<Field>, Fault> {
        let mut fields = Vec::with_capacity(attributes.len());
        for (key, attribute) in attributes {
            if own.contains_key(key.as_str()) {
                let problem = "is an attribute of the span and of its resource: name it once";
                return Err((key.clone(), problem.to_owned()));
            }
            let field = match self.is_passed_over(attribute) {
                Ok(true) => Field {
                    name: self.name(key)?,
                    only: None,
                    action: Action::PassOver,
                },
                Ok(false) => self.field(key, attribute, None)?,
                Err(problem) => return Err((key.clone(), problem)),
            };
            check(&field.action).map_err(|problem| (key.clone(), problem))?;
            fields.push(field);
        }
        Ok(fields)
    }

    /// Whether the rows of this span lack the columns that the attribute goes to. It was not sent with the span, so that
    /// nothing is counted, unless the dialect names a reason.
    fn is_passed_over(&self, attribute: &Attribute) -> Result<bool, Problem> {
        let targets = match attribute {
            Attribute::To(targets) => targets,
            Attribute::Detailed(detailed) if detailed.otherwise.is_some() => return Ok(false),
            Attribute::Detailed(detailed) => &detailed.to,
        };
        let tables = &self.catalog.schema().tables;
        for target in targets {
            let Some((EVERY_ROW, column)) = target.split_once('.') else {
                return Ok(false);
            };
            if tables
                .iter()
                .all(|table| table.column_index(column).is_none())
            {
                return Err(format!("the catalog has no column `{column}` in any table"));
            }
        }
        Ok(!targets.is_empty() && self.expand(targets).is_empty())
    }
}

/// A resource's value is checked again for each of its spans, of which there may be a million: only such kinds are allowed
/// whose check, and whose cell in a row, has a length of its own and not the text's.
fn check(action: &Action) -> Result<(), Problem> {
    let is_short = |rule: &Rule| match rule {
        Rule::Boolean | Rule::Enum(_) | Rule::Version { .. } => true,
        Rule::Token(limit) => limit.max_items.is_none(),
        _ => false,
    };
    let allowed = match action {
        Action::Take(take) => take.slots.iter().all(|slot| is_short(&slot.rule)),
        // A process is not a crew: its attributes are not a crew's consent.
        Action::Mark | Action::Each(_) | Action::Object { .. } => false,
        Action::Drop { .. }
        | Action::FrameworkVersion
        | Action::RuntimeVersion
        | Action::Framework(_)
        | Action::Runtime(_)
        | Action::PassOver => true,
    };
    if allowed {
        return Ok(());
    }
    Err(
        "an attribute of a resource can only be a version, a boolean, an enum or a token"
            .to_owned(),
    )
}
