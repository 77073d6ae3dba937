//! One span of a dialect: its rows, its constants and facts, its proofs of consent.

use super::envelope::EnvelopeFields;
use super::lookup::{Fault, Problem, WHOLE_SPAN, add_name, column_of, envelope_columns, table_of};
use crate::admission::program::{
    Action, ConsentPlan, Members, Name, NameId, RepeatPlan, RowPlan, Source, SpanProgram,
};
use crate::catalog::Catalog;
use crate::dialect::{Attribute, Consent, Dialect, Fact, Span};
use crate::rule::{Rule, is_token};
use crate::schema::Tier;

/// One row that the span gives, or that each element of one of its arrays gives.
pub(super) struct TablePlan {
    pub(super) name: String,
    /// The attribute whose elements give it; `None` for the span's own rows.
    pub(super) each: Option<String>,
    pub(super) plan: RowPlan,
}

/// Compiles one span.
pub(super) struct SpanCompiler<'c> {
    pub(super) catalog: &'c Catalog,
    dialect: &'c Dialect,
    span_name: &'c str,
    names: &'c mut Vec<Name>,
    pub(super) tables: Vec<TablePlan>,
    pub(super) slot_count: usize,
    has_consent: bool,
}

impl<'c> SpanCompiler<'c> {
    pub(super) fn new(
        catalog: &'c Catalog,
        dialect: &'c Dialect,
        span_name: &'c str,
        span: &Span,
        names: &'c mut Vec<Name>,
    ) -> Self {
        Self {
            catalog,
            dialect,
            span_name,
            names,
            tables: Vec::new(),
            slot_count: 0,
            has_consent: span.consent.is_some(),
        }
    }

    pub(super) fn span(&mut self, span: &Span) -> Result<SpanProgram, Fault> {
        self.add_tables(span.row.as_deref(), &span.content_rows, None)?;
        for (key, attribute) in &span.attributes {
            if let Attribute::Detailed(detailed) = attribute
                && let Some(each) = &detailed.each
            {
                self.add_tables(each.row.as_deref(), &each.content_rows, Some(key))?;
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
        let mut members = self.members(&attributes, "", None)?;
        let resource_from = members.fields.len();
        let of_resource = self.resource_fields(&self.dialect.file.resource, &members.keys)?;
        members.fields.extend(of_resource);
        self.finish(span, members, resource_from)
    }

    fn finish(
        &mut self,
        span: &Span,
        mut members: Members,
        resource_from: usize,
    ) -> Result<SpanProgram, Fault> {
        let crew = positions(&members, &self.dialect.file.crew_keys);
        let consent = match &span.consent {
            None => None,
            Some(consent) => Some(consent_plan(consent, &members)?),
        };
        let repeats = match &span.repeats {
            None => None,
            Some(repeats) => Some(RepeatPlan {
                releases: repeats.releases.clone(),
                same: all_positions(&members, &repeats.same)?,
                within_us: i64::from(repeats.within_seconds) * 1_000_000,
            }),
        };
        let envelope = EnvelopeFields::find(&members.fields)?;
        let rows = self.hand_out_rows(&mut members);
        let span_name = self.name(WHOLE_SPAN)?;
        Ok(SpanProgram {
            members,
            resource_from,
            span_name,
            slot_count: self.slot_count,
            rows,
            crew,
            framework: envelope.framework,
            version: envelope.version,
            runtime: envelope.runtime,
            runtime_version: envelope.runtime_version,
            borrows_versions: envelope.borrow_versions(resource_from),
            consent,
            repeats,
        })
    }

    /// Gives each row to the span or to the array whose elements it belongs to.
    fn hand_out_rows(&mut self, members: &mut Members) -> Vec<RowPlan> {
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
        rows
    }

    pub(super) fn name(&mut self, key: &str) -> Result<NameId, Fault> {
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
            name: name.into(),
            tier,
            envelope: envelope_columns(self.catalog, table)?,
            columns: Vec::new(),
            evidence: Vec::new(),
        })
    }

    /// The position in `tables`, the column and its rule, of a target `table.column`.
    pub(super) fn target(&self, target: &str) -> Result<(usize, usize, &Rule), Problem> {
        let (table_name, column_name) = target
            .split_once('.')
            .ok_or("a target is written `table.column`")?;
        let index = self
            .tables
            .iter()
            .position(|table| table.name == table_name)
            .ok_or_else(|| format!("the span gives no row of `{table_name}`"))?;
        let plan = &self.tables[index].plan;
        let table = plan.table;
        let column = column_of(self.catalog, table, column_name)?;
        if plan.envelope.contains(column) {
            return Err(format!(
                "every row has this column: only `every_row.{column_name}` can go there, and alone"
            ));
        }
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
}

fn consent_plan(consent: &Consent, members: &Members) -> Result<ConsentPlan, Fault> {
    if consent.releases.is_none() && consent.marked_by.is_empty() {
        let problem = "needs `releases` or `marked_by`: without either any span would prove it";
        return Err(("consent".to_owned(), problem.to_owned()));
    }
    Ok(ConsentPlan {
        releases: consent.releases.clone(),
        marked_by: all_positions(members, &consent.marked_by)?,
        vouches: consent.vouches_for_crew,
        vouched: consent.vouched_by_crew,
    })
}

/// The fields of those of `keys` that the span has.
fn positions(members: &Members, keys: &[String]) -> Vec<usize> {
    let fields = keys.iter().filter_map(|key| members.keys.get(key.as_str()));
    fields.map(|&field| usize::from(field)).collect()
}

/// The fields of `keys`, all of which the span has.
fn all_positions(members: &Members, keys: &[String]) -> Result<Vec<usize>, Fault> {
    let found = positions(members, keys);
    if found.len() != keys.len() {
        let problem = "names an attribute that the span does not have".to_owned();
        return Err((keys.join(", "), problem));
    }
    Ok(found)
}
