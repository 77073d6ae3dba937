//! Dialects and the catalog, compiled into [`Programs`]. Whatever a dialect names that the catalog lacks is an error
//! here, at start-up, and not a surprise later.

use hashbrown::HashMap;

use super::program::{
    Action, ConsentPlan, DialectProgram, EachPlan, EnvelopeColumns, Field, Members, Name, NameId,
    Programs, RefusalTable, RepeatPlan, RowPlan, Slot, SlotRule, Source, SpanProgram, Take,
};
use super::value::ListLimit;
use crate::catalog::Catalog;
use crate::dialect::{Attribute, Detailed, Dialect, DialectError, Each, Fact, Reason, Span, Unit};
use crate::rule::{Rule, TextLimit, is_token};
use crate::schema::{TableId, Tier};

/// What stands for a name that is not ours to repeat.
pub(super) const UNKNOWN: &str = "(unknown)";
/// What stands for a span as a whole.
const WHOLE_SPAN: &str = "(span)";
const EVERY_ROW: &str = "every_row";

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
            let mut compiler = SpanCompiler {
                catalog,
                dialect,
                span_name,
                names: &mut names,
                tables: Vec::new(),
                slot_count: 0,
                has_consent: span.consent.is_some(),
            };
            let program = compiler
                .span(span)
                .map_err(|(key, problem)| rule(&file.framework, span_name, &key, problem))?;
            let _none: Option<usize> = spans.insert(span_name.as_str().into(), programs.len());
            programs.push(program);
        }
        let unknown_span = add_name(&mut names, dialect, UNKNOWN, WHOLE_SPAN)
            .map_err(|problem| rule(&file.framework, UNKNOWN, WHOLE_SPAN, problem))?;
        compiled.push(DialectProgram {
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

/// One row that the span gives, or that each element of one of its arrays gives.
struct TablePlan {
    name: String,
    /// The attribute whose elements give it; `None` for the span's own rows.
    each: Option<String>,
    plan: RowPlan,
}

struct SpanCompiler<'c> {
    catalog: &'c Catalog,
    dialect: &'c Dialect,
    span_name: &'c str,
    names: &'c mut Vec<Name>,
    tables: Vec<TablePlan>,
    slot_count: usize,
    has_consent: bool,
}

/// The key and what is wrong with it.
type Fault = (String, Problem);

impl SpanCompiler<'_> {
    fn span(&mut self, span: &Span) -> Result<SpanProgram, Fault> {
        self.add_tables(span.row.as_deref(), &span.content_rows, None)?;
        for (key, attribute) in &span.attributes {
            if let Attribute::Detailed(detailed) = attribute {
                if let Some(each) = &detailed.each {
                    self.add_tables(each.row.as_deref(), &each.content_rows, Some(key))?;
                }
            }
        }
        for (target, text) in &span.constants {
            self.constant(target, text)
                .map_err(|problem| (target.clone(), problem))?;
        }
        for (target, fact) in &span.facts {
            self.fact(target, *fact)
                .map_err(|problem| (target.clone(), problem))?;
        }
        let common = self.dialect.file.common.iter();
        let own = |key: &str| span.attributes.iter().any(|(own, _)| own == key);
        let attributes: Vec<&(String, Attribute)> = span
            .attributes
            .iter()
            .chain(common.filter(|(key, _)| !own(key)))
            .collect();
        let members = self.members(&attributes, "", None)?;
        self.finish(span, members)
    }

    fn finish(&mut self, span: &Span, mut members: Members) -> Result<SpanProgram, Fault> {
        let position = |keys: &[String]| -> Vec<usize> {
            keys.iter()
                .filter_map(|key| {
                    members
                        .keys
                        .get(key.as_str())
                        .map(|&field| usize::from(field))
                })
                .collect()
        };
        let every = |keys: &[String]| -> Result<Vec<usize>, Fault> {
            let found = position(keys);
            if found.len() != keys.len() {
                let problem = "names an attribute that the span does not have".to_owned();
                return Err((keys.join(", "), problem));
            }
            Ok(found)
        };
        let crew = position(&self.dialect.file.crew_keys);
        let consent = match &span.consent {
            None => None,
            Some(consent) => Some(ConsentPlan {
                releases: consent.releases.clone(),
                marked_by: every(&consent.marked_by)?,
                vouches: consent.vouches_for_crew,
                vouched: consent.vouched_by_crew,
            }),
        };
        let repeats = match &span.repeats {
            None => None,
            Some(repeats) => Some(RepeatPlan {
                releases: repeats.releases.clone(),
                same: every(&repeats.same)?,
                within_us: i64::from(repeats.within_seconds) * 1_000_000,
            }),
        };
        let find = |wanted: fn(&Action) -> bool| {
            members
                .fields
                .iter()
                .position(|field| wanted(&field.action))
        };
        let version = find(|action| matches!(action, Action::FrameworkVersion));
        let runtime_version = find(|action| matches!(action, Action::RuntimeVersion));
        let mut rows = Vec::new();
        for mut table in std::mem::take(&mut self.tables) {
            table.plan.columns.sort_by_key(|(column, _)| *column);
            let Some(key) = table.each else {
                rows.push(table.plan);
                continue;
            };
            let field = members
                .keys
                .get(key.as_str())
                .map(|&field| usize::from(field));
            if let Some(Action::Each(each)) = field.map(|field| &mut members.fields[field].action) {
                each.rows.push(table.plan);
            }
        }
        let span_name = self.name(WHOLE_SPAN)?;
        Ok(SpanProgram {
            members,
            span_name,
            slot_count: self.slot_count,
            rows,
            crew,
            version,
            runtime_version,
            consent,
            repeats,
        })
    }

    fn name(&mut self, key: &str) -> Result<NameId, Fault> {
        add_name(self.names, self.dialect, self.span_name, key)
            .map_err(|problem| (key.to_owned(), problem))
    }

    fn add_tables(
        &mut self,
        row: Option<&str>,
        content_rows: &[String],
        each: Option<&String>,
    ) -> Result<(), Fault> {
        let wanted = row.map(|row| (row, Tier::Default));
        let content = content_rows.iter().map(|row| (row.as_str(), Tier::Shared));
        for (name, tier) in wanted.into_iter().chain(content) {
            let plan = self
                .row_plan(name, tier)
                .map_err(|problem| (name.to_owned(), problem))?;
            if self.tables.iter().any(|table| table.name == name) {
                return Err((name.to_owned(), "the span gives this row twice".to_owned()));
            }
            self.tables.push(TablePlan {
                name: name.to_owned(),
                each: each.cloned(),
                plan,
            });
        }
        Ok(())
    }

    fn row_plan(&self, name: &str, tier: Tier) -> Result<RowPlan, Problem> {
        let table = table_of(self.catalog, name)?;
        let found = self.catalog.schema().table(table).map(|table| table.tier);
        if found != Some(tier) {
            return Err(format!("a table of the {tier} tier is wanted here"));
        }
        if tier == Tier::Shared && !self.has_consent {
            return Err("the span has content rows and no `consent`".to_owned());
        }
        Ok(RowPlan {
            table,
            tier,
            envelope: envelope_columns(self.catalog, table)?,
            columns: Vec::new(),
            evidence: Vec::new(),
        })
    }

    /// The position in `tables`, the column and its rule, of a target `table.column`.
    fn target(&self, target: &str) -> Result<(usize, usize, &Rule), Problem> {
        let (table_name, column_name) = target
            .split_once('.')
            .ok_or("a target is written `table.column`")?;
        let index = self
            .tables
            .iter()
            .position(|table| table.name == table_name)
            .ok_or_else(|| format!("the span gives no row of `{table_name}`"))?;
        let table = self.tables[index].plan.table;
        let column = column_of(self.catalog, table, column_name)?;
        let rule = self.catalog.rule(table, column).ok_or("no rule")?;
        Ok((index, column, rule))
    }

    fn constant(&mut self, target: &str, text: &str) -> Result<(), Problem> {
        let (table, column, rule) = self.target(target)?;
        let allowed = match rule {
            Rule::Enum(words) => words.iter().any(|word| word == text),
            Rule::Token(limit) => limit.max_items.is_none() && is_token(text),
            _ => false,
        };
        if !allowed {
            return Err(format!("the catalog does not allow the constant `{text}`"));
        }
        let source = Source::Constant(text.into());
        self.tables[table].plan.columns.push((column, source));
        Ok(())
    }

    fn fact(&mut self, target: &str, fact: Fact) -> Result<(), Problem> {
        let (table, column, rule) = self.target(target)?;
        let source = match (fact, rule) {
            (Fact::Start, Rule::Timestamp) => Source::Start,
            (Fact::End, Rule::Timestamp) => Source::End,
            (Fact::Duration, &Rule::Double { min, max }) => Source::Duration { min, max },
            (Fact::Outcome, Rule::Enum(words))
                if ["completed", "failed"]
                    .iter()
                    .all(|word| words.iter().any(|w| w == word)) =>
            {
                Source::Outcome
            }
            _ => return Err(format!("the column cannot hold the span's {fact:?}")),
        };
        self.tables[table].plan.columns.push((column, source));
        Ok(())
    }

    fn members(
        &mut self,
        attributes: &[&(String, Attribute)],
        path: &str,
        each: Option<&str>,
    ) -> Result<Members, Fault> {
        let mut keys = HashMap::new();
        let mut fields = Vec::with_capacity(attributes.len());
        if attributes.len() > 128 {
            return Err((path.to_owned(), "more than 128 attributes".to_owned()));
        }
        for (key, attribute) in attributes {
            let full = format!("{path}{key}");
            let to;
            let simple;
            let detailed = match attribute {
                Attribute::Detailed(detailed) => detailed.as_ref(),
                Attribute::To(targets) => {
                    to = targets.clone();
                    simple = Detailed {
                        to,
                        ..Detailed::default()
                    };
                    &simple
                }
            };
            let action = self.action(&full, detailed, each)?;
            let only = match (&detailed.only, detailed.otherwise) {
                (Some(range), Some(reason)) => Some((range.clone(), reason)),
                (Some(_), None) => {
                    return Err((full, "`only` needs `otherwise`".to_owned()));
                }
                (None, _) => None,
            };
            let name = self.name(&full)?;
            let _none: Option<u16> = keys.insert(key.as_str().into(), fields.len() as u16);
            fields.push(Field { name, only, action });
        }
        let unknown = self.name(&format!("{path}{UNKNOWN}"))?;
        Ok(Members {
            keys,
            fields,
            unknown,
        })
    }

    fn action(
        &mut self,
        key: &str,
        detailed: &Detailed,
        each: Option<&str>,
    ) -> Result<Action, Fault> {
        let fault = |problem: &str| (key.to_owned(), problem.to_owned());
        if let Some(reason) = detailed.drop {
            let unproven = detailed.unproven.unwrap_or(reason);
            if !detailed.to.is_empty() || detailed.each.is_some() || detailed.object.is_some() {
                return Err(fault("is dropped and kept"));
            }
            return Ok(Action::Drop {
                proven: reason,
                unproven,
            });
        }
        if let Some(plan) = &detailed.each {
            if each.is_some() || !detailed.to.is_empty() || detailed.object.is_some() {
                return Err(fault("`each` stands alone and not inside another"));
            }
            return self.each(key, plan).map(Action::Each);
        }
        match detailed.to.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["every_row.framework_version"] => return Ok(Action::FrameworkVersion),
            ["every_row.runtime_version"] => return Ok(Action::RuntimeVersion),
            _ => {}
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
    fn take(&mut self, detailed: &Detailed, each: Option<&str>) -> Result<Take, Problem> {
        let mut targets = Vec::new();
        for target in &detailed.to {
            match target.split_once('.') {
                Some((EVERY_ROW, column)) => targets.extend(self.every_row(column)),
                _ => targets.push(target.clone()),
            }
        }
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
            content: is_content.then(|| detailed.unproven.unwrap_or(Reason::WithoutConsent)),
            list,
        })
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
