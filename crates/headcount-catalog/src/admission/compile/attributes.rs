//! The actions for a span's attributes and for the members of JSON in them.

use hashbrown::HashMap;

use super::lookup::{Fault, Problem, UNKNOWN, column_of, table_of};
use super::span::{SpanCompiler, TablePlan};
use crate::admission::program::{
    Action, EachPlan, Field, ListLimit, Members, Slot, SlotRule, Source, Take,
};
use crate::catalog::Catalog;
use crate::dialect::{Attribute, Detailed, Each, Pattern, RefusalReason, Unit};
use crate::rule::{Rule, TextLimit, is_token};
use crate::schema::Tier;

/// Stands in a target for each row of the span that has the column.
pub(super) const EVERY_ROW: &str = "every_row";

impl SpanCompiler<'_> {
    pub(super) fn members(
        &mut self,
        attributes: &[&(String, Attribute)],
        path: &str,
        each: Option<&str>,
    ) -> Result<Members, Fault> {
        let mut keys = HashMap::new();
        let mut patterns = Vec::new();
        let mut fields = Vec::with_capacity(attributes.len());
        if attributes.len() > 128 {
            return Err((path.to_owned(), "more than 128 attributes".to_owned()));
        }
        for (key, attribute) in attributes {
            let field = self.field(&format!("{path}{key}"), attribute, each)?;
            let pattern = Pattern::new(key);
            let at = fields.len() as u16;
            if pattern.is_exact() || !path.is_empty() {
                let _none: Option<u16> = keys.insert(key.as_str().into(), at);
            } else {
                check_pattern(&pattern, &field).map_err(|problem| (key.clone(), problem))?;
                patterns.push((pattern, at));
            }
            fields.push(field);
        }
        let unknown = self.name(&format!("{path}{UNKNOWN}"))?;
        Ok(Members {
            keys,
            patterns,
            fields,
            unknown,
        })
    }

    /// `key` is the attribute's, with the keys of the JSON around it.
    pub(super) fn field(
        &mut self,
        key: &str,
        attribute: &Attribute,
        each: Option<&str>,
    ) -> Result<Field, Fault> {
        let simple;
        let detailed = match attribute {
            Attribute::Detailed(detailed) => detailed.as_ref(),
            Attribute::To(targets) => {
                simple = Detailed {
                    to: targets.clone(),
                    ..Detailed::default()
                };
                &simple
            }
        };
        let action = self.action(key, detailed, each)?;
        let only = match (&detailed.only, detailed.otherwise) {
            (Some(range), Some(reason)) => Some((range.clone(), reason)),
            (Some(_), None) => {
                return Err((key.to_owned(), "`only` needs `otherwise`".to_owned()));
            }
            (None, _) => None,
        };
        let name = self.name(key)?;
        Ok(Field { name, only, action })
    }

    fn action(
        &mut self,
        key: &str,
        detailed: &Detailed,
        each: Option<&str>,
    ) -> Result<Action, Fault> {
        let fault = |problem: &str| (key.to_owned(), problem.to_owned());
        if detailed.mark {
            return mark(detailed, each).map_err(fault);
        }
        if let Some(reason) = detailed.drop {
            return dropped(detailed, reason).map_err(fault);
        }
        if let Some(plan) = &detailed.each {
            if each.is_some() || !detailed.to.is_empty() || detailed.object.is_some() {
                return Err(fault("`each` stands alone and not inside another"));
            }
            return self.each(key, plan).map(Action::Each);
        }
        if let [target] = &detailed.to[..]
            && let Some(action) = self
                .envelope_action(target)
                .map_err(|problem| (key.to_owned(), problem))?
        {
            if each.is_some() || detailed.object.is_some() {
                return Err(fault("only an attribute can say this of each row"));
            }
            return Ok(action);
        }
        let take = self
            .take(detailed, each)
            .map_err(|problem| (key.to_owned(), problem))?;
        if let Some(nested) = &detailed.object {
            let members: Vec<_> = nested.0.iter().collect();
            let members = self.members(&members, &format!("{key}."), each.or(Some("")))?;
            return Ok(Action::Object {
                plain: take,
                members,
            });
        }
        if take.slots.is_empty() {
            let Some(reason) = detailed.otherwise else {
                return Err(fault(
                    "goes to no column of this span and has no `otherwise`",
                ));
            };
            return Ok(Action::Drop {
                proven: reason,
                unproven: reason,
            });
        }
        Ok(Action::Take(take))
    }

    fn each(&mut self, key: &str, plan: &Each) -> Result<EachPlan, Fault> {
        let first = self.slot_count;
        let members: Vec<_> = plan.members.iter().collect();
        let members = self.members(&members, &format!("{key}."), Some(key))?;
        Ok(EachPlan {
            members,
            slots: first..self.slot_count,
            rows: Vec::new(),
        })
    }

    /// `each` is the array whose elements the value belongs to: it can only go to their rows.
    pub(super) fn take(
        &mut self,
        detailed: &Detailed,
        each: Option<&str>,
    ) -> Result<Take, Problem> {
        let targets = self.expand(&detailed.to);
        let mut slots: Vec<SlotRule> = Vec::new();
        // Every target is shared, and one of them is more than a link to other rows.
        let mut all_shared = !targets.is_empty();
        let mut some_content = false;
        let mut filled = Vec::new();
        for target in &targets {
            let (table, column, rule) = self.target(target)?;
            let inside = self.tables[table].each.as_deref();
            if each.is_some_and(|each| !each.is_empty() && inside != Some(each)) {
                return Err("a member can only go to the rows of its own array".to_owned());
            }
            let is_shared = self.tables[table].plan.tier == Tier::Shared;
            all_shared &= is_shared;
            some_content |= !matches!(rule, Rule::Id | Rule::Key(_) | Rule::Enum(_));
            let rule = rule.clone();
            let slot = match slots.iter_mut().find(|known| known.rule == rule) {
                Some(known) => {
                    known.shared &= is_shared;
                    known.slot
                }
                None => {
                    let slot = Slot::try_from(self.slot_count).map_err(|_| "too many values")?;
                    self.slot_count += 1;
                    slots.push(SlotRule {
                        slot,
                        rule,
                        shared: is_shared,
                    });
                    slot
                }
            };
            self.tables[table]
                .plan
                .columns
                .push((column, Source::Slot(slot)));
            filled.push((table, slot));
        }
        let is_content = all_shared && some_content;
        if is_content {
            for (table, slot) in filled {
                self.tables[table].plan.evidence.push(slot);
            }
        }
        let list = slots.iter().filter_map(|slot| list_limit(&slot.rule)).max();
        Ok(Take {
            slots,
            milliseconds: matches!(detailed.unit, Some(Unit::Milliseconds)),
            absent_if: detailed.absent_if.clone(),
            aliases: detailed.aliases.clone(),
            content: is_content.then(|| detailed.unproven.unwrap_or(RefusalReason::WithoutConsent)),
            list,
            single: detailed.single,
            of_service: detailed.of_service,
        })
    }

    /// The targets with `every_row` spelled out.
    pub(super) fn expand(&self, targets: &[String]) -> Vec<String> {
        let mut expanded = Vec::new();
        for target in targets {
            match target.split_once('.') {
                Some((EVERY_ROW, column)) => expanded.extend(self.every_row(column)),
                _ => expanded.push(target.clone()),
            }
        }
        expanded
    }

    fn every_row(&self, column: &str) -> Vec<String> {
        let schema = self.catalog.schema();
        let has = |table: &&TablePlan| {
            let table = schema.table(table.plan.table);
            table.is_some_and(|table| table.column_index(column).is_some())
        };
        let tables = self.tables.iter().filter(has);
        tables
            .map(|table| format!("{}.{column}", table.name))
            .collect()
    }
}

impl SpanCompiler<'_> {
    /// The action for an attribute whose only target is `target`; `None` unless admission writes that column itself.
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
        name_rule(self.catalog, column)
    }
}

/// Whether every row may say `name` in the column.
pub(super) fn check_name(catalog: &Catalog, column: &str, name: &str) -> Result<(), Problem> {
    let allows = match name_rule(catalog, column)? {
        Rule::Enum(words) => words.iter().any(|word| word == name),
        Rule::Token(limit) => is_token(name) && name.len() <= limit.max_length,
        _ => false,
    };
    match allows {
        true => Ok(()),
        false => Err(format!("the catalog does not allow the {column} `{name}`")),
    }
}

fn name_rule(catalog: &Catalog, column: &str) -> Result<Rule, Problem> {
    let table = table_of(catalog, "refusals")?;
    let index = column_of(catalog, table, column)?;
    match catalog.rule(table, index) {
        Some(rule @ Rule::Enum(_)) => Ok(rule.clone()),
        Some(rule @ Rule::Token(limit)) if limit.max_items.is_none() => Ok(rule.clone()),
        _ => Err(format!(
            "the catalog's `{column}` is neither a token nor an enum"
        )),
    }
}

/// Many attributes may match a pattern: they are dropped, or become a list.
fn check_pattern(pattern: &Pattern, field: &Field) -> Result<(), Problem> {
    if pattern.is_any() {
        return Err("matches every key: name those that are meant".to_owned());
    }
    match &field.action {
        Action::Drop { .. } | Action::PassOver => Ok(()),
        Action::Take(take) if take.list.is_some() => Ok(()),
        _ => Err("a key with `*` can only be dropped, or go to a list".to_owned()),
    }
}

fn mark(detailed: &Detailed, each: Option<&str>) -> Result<Action, &'static str> {
    let alone = Detailed {
        mark: true,
        ..Detailed::default()
    };
    match each {
        None if *detailed == alone => Ok(Action::Mark),
        None => Err("a mark goes nowhere: `mark` stands alone"),
        Some(_) => Err("only an attribute of the span can be a mark"),
    }
}

fn dropped(detailed: &Detailed, reason: RefusalReason) -> Result<Action, &'static str> {
    if !detailed.to.is_empty() || detailed.each.is_some() || detailed.object.is_some() {
        return Err("is dropped and kept");
    }
    Ok(Action::Drop {
        proven: reason,
        unproven: detailed.unproven.unwrap_or(reason),
    })
}

fn list_limit(rule: &Rule) -> Option<ListLimit> {
    match rule {
        Rule::Token(limit)
        | Rule::OwnWord(limit)
        | Rule::FreeText(limit)
        | Rule::Content(limit) => {
            let TextLimit { max_items, .. } = *limit;
            max_items.map(ListLimit)
        }
        _ => None,
    }
}
