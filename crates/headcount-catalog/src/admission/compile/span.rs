//! One span of a dialect: its rows, its constants and facts, its proofs of consent.

use std::collections::BTreeMap;

use super::envelope::EnvelopeFields;
use super::lookup::{Fault, Problem, WHOLE_SPAN, add_name, column_of, envelope_columns, table_of};
use crate::admission::program::{
    Action, ConsentPlan, Field, Members, Name, NameId, RepeatPlan, RowPlan, Source, SpanProgram,
    StatedFields,
};
use crate::catalog::Catalog;
use crate::dialect::{Attribute, Consent, Detailed, Dialect, Fact, Span};
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
        self.program(span, None)
    }

    /// A span of a kind: `name` is where the name of what it did goes, `looked` the attributes that tell kinds apart.
    pub(super) fn kind<'l>(
        &mut self,
        span: &Span,
        name: &[String],
        looked: impl Iterator<Item = &'l str>,
    ) -> Result<SpanProgram, Fault> {
        let looked = looked.collect();
        self.program(span, Some(OfKind { name, looked }))
    }

    fn program(&mut self, span: &Span, kind: Option<OfKind<'_>>) -> Result<SpanProgram, Fault> {
        let rows: Vec<&str> = span
            .row
            .iter()
            .chain(&span.rows)
            .map(String::as_str)
            .collect();
        self.add_tables(&rows, &span.content_rows, None)?;
        for (key, attribute) in &span.attributes {
            if let Attribute::Detailed(detailed) = attribute
                && let Some(each) = &detailed.each
            {
                let rows: Vec<&str> = each.row.as_deref().into_iter().collect();
                self.add_tables(&rows, &each.content_rows, Some(key))?;
            }
        }
        let mut stated: BTreeMap<Stated, Vec<String>> = BTreeMap::new();
        for (target, text) in &span.constants {
            self.constant(target, text)
                .map_err(|problem| (target.clone(), problem))?;
        }
        for (target, fact) in &span.facts {
            if let Some(fact) = fact.stated() {
                if kind.is_none() {
                    let problem = "only a span of a kind can say this".to_owned();
                    return Err((target.clone(), problem));
                }
                let targets: &mut Vec<_> = stated.entry(fact).or_default();
                targets.push(target.clone());
                continue;
            }
            for target in self.expand(std::slice::from_ref(target)) {
                self.fact(&target, *fact)
                    .map_err(|problem| (target.clone(), problem))?;
            }
        }
        let common = self.dialect.file.common.iter();
        let own = |key: &str| span.attributes.iter().any(|(own, _)| own == key);
        let attributes: Vec<&(String, Attribute)> = span
            .attributes
            .iter()
            .chain(common.filter(|(key, _)| !own(key)))
            .collect();
        let mut members = self.members(&attributes, "", None)?;
        let mut fields = StatedFields::default();
        if let Some(kind) = kind {
            self.pass_over(&mut members, &kind.looked)?;
            if !kind.name.is_empty() {
                let _none: Option<Vec<String>> = stated.insert(Stated::Name, kind.name.to_vec());
            }
            fields = self.stated_fields(&mut members, &stated)?;
        }
        let resource_from = members.fields.len();
        let of_resource = self.resource_fields(&self.dialect.file.resource, &members.keys)?;
        members.fields.extend(of_resource);
        self.finish(span, members, fields, resource_from)
    }

    /// Attributes that tell kinds apart, and go nowhere, are known.
    fn pass_over(&mut self, members: &mut Members, looked: &[&str]) -> Result<(), Fault> {
        for &key in looked {
            let is_known = members.keys.contains_key(key)
                || members
                    .patterns
                    .iter()
                    .any(|(pattern, _)| pattern.matches(key));
            if !is_known {
                let at = members.fields.len() as u16;
                let _none: Option<u16> = members.keys.insert(key.into(), at);
                members.fields.push(Field {
                    name: self.name(key)?,
                    only: None,
                    action: Action::PassOver,
                });
            }
        }
        Ok(())
    }

    /// A field for each of what the span as a whole states.
    fn stated_fields(
        &mut self,
        members: &mut Members,
        stated: &BTreeMap<Stated, Vec<String>>,
    ) -> Result<StatedFields, Fault> {
        let mut fields = StatedFields::default();
        for (fact, targets) in stated {
            let key = fact.name();
            let detailed = Detailed {
                to: targets.clone(),
                of_service: matches!(fact, Stated::Name | Stated::Agent),
                ..Detailed::default()
            };
            let take = self
                .take(&detailed, None)
                .map_err(|problem| (key.to_owned(), problem))?;
            *fact.place(&mut fields) = Some(members.fields.len());
            members.fields.push(Field {
                name: self.name(key)?,
                only: None,
                action: Action::Take(take),
            });
        }
        Ok(fields)
    }

    fn finish(
        &mut self,
        span: &Span,
        mut members: Members,
        stated: StatedFields,
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
        let of_trace = |(_, source): &(usize, Source)| matches!(source, Source::Trace);
        Ok(SpanProgram {
            members,
            stated,
            has_trace: rows.iter().any(|row| row.columns.iter().any(of_trace)),
            resource_from,
            span_name,
            slot_count: self.slot_count,
            rows,
            crew,
            framework: envelope.framework,
            version: envelope.version,
            runtime: envelope.runtime,
            runtime_version: envelope.runtime_version,
            borrows_versions: self.dialect.file.kinds.is_empty()
                && envelope.borrow_versions(resource_from),
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
        rows: &[&str],
        content_rows: &[String],
        each: Option<&String>,
    ) -> Result<(), Fault> {
        let wanted = rows.iter().map(|row| (*row, Tier::Default));
        let content = content_rows.iter().map(|row| (row.as_str(), Tier::Shared));
        for (name, tier) in wanted.chain(content) {
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
            (Fact::Outcome, Rule::Enum(words)) => {
                let has = |word: &str| words.iter().any(|known| known == word);
                let pairs = [("completed", "failed"), ("used", "error")];
                let mut fitting = pairs
                    .into_iter()
                    .filter(|(good, bad)| has(good) && has(bad));
                let (completed, failed) = fitting
                    .next()
                    .ok_or("the column has no words for the two outcomes")?;
                Source::Outcome {
                    completed: completed.into(),
                    failed: failed.into(),
                }
            }
            (Fact::Trace, Rule::Id) if !self.dialect.file.kinds.is_empty() => Source::Trace,
            _ => return Err(format!("the column cannot hold the span's {fact:?}")),
        };
        self.tables[table].plan.columns.push((column, source));
        Ok(())
    }
}

/// What else is known of a span of a kind.
struct OfKind<'k> {
    name: &'k [String],
    looked: Vec<&'k str>,
}

/// What a span of a kind states as a whole, as the value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stated {
    Name,
    Agent,
    Error,
    Instrumentation,
    InstrumentationVersion,
}

impl Stated {
    /// The name under which refusals count it.
    fn name(self) -> &'static str {
        match self {
            Stated::Name => "(name)",
            Stated::Agent => "(agent)",
            Stated::Error => "(error)",
            Stated::Instrumentation => "(scope name)",
            Stated::InstrumentationVersion => "(scope version)",
        }
    }

    fn place(self, fields: &mut StatedFields) -> &mut Option<usize> {
        match self {
            Stated::Name => &mut fields.name,
            Stated::Agent => &mut fields.agent,
            Stated::Error => &mut fields.error,
            Stated::Instrumentation => &mut fields.instrumentation,
            Stated::InstrumentationVersion => &mut fields.instrumentation_version,
        }
    }
}

impl Fact {
    fn stated(self) -> Option<Stated> {
        match self {
            Fact::Agent => Some(Stated::Agent),
            Fact::Error => Some(Stated::Error),
            Fact::Instrumentation => Some(Stated::Instrumentation),
            Fact::InstrumentationVersion => Some(Stated::InstrumentationVersion),
            Fact::Start | Fact::End | Fact::Duration | Fact::Outcome | Fact::Trace => None,
        }
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
