//! What another policy would change.

use std::collections::{BTreeMap, HashMap};

use headcount_catalog::{
    AttributeFate, ExplainedAttribute, ExplainedRefusal, ExplainedResource, ExplainedSpan,
    ExplanationSink, StoredForm, StoredValue,
};
use serde::Serialize;

use crate::wrap::{grouped, on_one_line, wrap};

/// The outcome of each span of a request in a few words, and passes the explanation on.
pub struct Remembered<'s> {
    next: Option<&'s mut dyn ExplanationSink>,
    /// For each span, its place in `different`.
    spans: Vec<usize>,
    different: Vec<Outcomes>,
    known: HashMap<Outcomes, usize>,
}

/// The span's name, and for each part of it what became of that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Outcomes {
    name: String,
    parts: Vec<(String, String)>,
}

impl<'s> Remembered<'s> {
    /// Remembers, and passes on to `next`.
    pub fn new(next: Option<&'s mut dyn ExplanationSink>) -> Self {
        Self {
            next,
            spans: Vec::new(),
            different: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl ExplanationSink for Remembered<'_> {
    fn resource(&mut self, resource: ExplainedResource) {
        if let Some(next) = &mut self.next {
            next.resource(resource);
        }
    }

    fn span(&mut self, span: ExplainedSpan) {
        let outcomes = outcomes(&span);
        let index = match self.known.get(&outcomes) {
            Some(index) => *index,
            None => {
                self.different.push(outcomes.clone());
                let _none = self.known.insert(outcomes, self.different.len() - 1);
                self.different.len() - 1
            }
        };
        self.spans.push(index);
        if let Some(next) = &mut self.next {
            next.span(span);
        }
    }
}

/// The differences between two policies, over all requests that were compared.
#[derive(Debug, Default)]
pub struct Changes {
    counts: BTreeMap<(String, String, String, String), u64>,
    spans: u64,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The span's name.
    pub span: String,
    /// The attribute's key; `(span)` for the span as a whole.
    pub key: String,
    /// What becomes of it now.
    pub before: String,
    /// What would become of it.
    pub after: String,
    /// In how many spans.
    pub spans: u64,
}

impl Changes {
    /// Compares the explanations of one request.
    pub fn add(&mut self, before: &Remembered<'_>, after: &Remembered<'_>) {
        let mut pairs: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        for pair in before.spans.iter().zip(&after.spans) {
            *pairs.entry((*pair.0, *pair.1)).or_default() += 1;
        }
        for ((old, new), count) in pairs {
            let (old, new) = (&before.different[old], &after.different[new]);
            if old.parts == new.parts {
                continue;
            }
            self.spans += count;
            for (key, was) in &old.parts {
                let becomes = new.parts.iter().find(|(other, _)| other == key);
                let becomes = becomes.map_or("not there", |(_, becomes)| becomes);
                if was != becomes {
                    self.count(&old.name, key, was, becomes, count);
                }
            }
            for (key, becomes) in &new.parts {
                if !old.parts.iter().any(|(other, _)| other == key) {
                    self.count(&old.name, key, "not there", becomes, count);
                }
            }
        }
    }

    fn count(&mut self, span: &str, key: &str, before: &str, after: &str, count: u64) {
        let [span, key, before, after] = [span, key, before, after].map(str::to_owned);
        *self.counts.entry((span, key, before, after)).or_default() += count;
    }

    /// The differences, by span and key.
    pub fn list(&self) -> Vec<Change> {
        let counts = self.counts.iter();
        counts
            .map(|((span, key, before, after), spans)| Change {
                span: span.clone(),
                key: key.clone(),
                before: before.clone(),
                after: after.clone(),
                spans: *spans,
            })
            .collect()
    }

    /// The differences as text.
    pub fn text(&self) -> String {
        let changes = self.list();
        if changes.is_empty() {
            return "The other policy changes nothing for these requests.\n".to_owned();
        }
        let noun = if self.spans == 1 { "span" } else { "spans" };
        let mut text = format!("The other policy changes {} {noun}:\n", grouped(self.spans));
        let mut span = None;
        for change in &changes {
            if span != Some(&change.span) {
                text.push_str(&wrap(2, 4, &on_one_line(&change.span)));
                span = Some(&change.span);
            }
            let key = on_one_line(&change.key);
            let spans = match change.spans {
                1 => String::new(),
                spans => format!(" ({} spans)", grouped(spans)),
            };
            text.push_str(&wrap(4, 6, &format!("{key}{spans}")));
            text.push_str(&wrap(6, 8, &format!("now:  {}", change.before)));
            text.push_str(&wrap(6, 8, &format!("then: {}", change.after)));
        }
        text
    }
}

fn outcomes(span: &ExplainedSpan) -> Outcomes {
    let whole = match (span.refused, &span.dialect) {
        (Some(reason), _) => format!("refused whole: {reason}"),
        (None, Some(dialect)) => {
            let rows: Vec<&str> = span.rows.iter().map(|row| row.table.as_str()).collect();
            match rows.is_empty() {
                true => format!("read by the dialect {dialect}; gives no row"),
                false => format!("read by the dialect {dialect}; rows of {}", rows.join(", ")),
            }
        }
        (None, None) => "no dialect knows it".to_owned(),
    };
    let mut parts = vec![("(span)".to_owned(), whole)];
    let mut itself: Vec<String> = span.of_itself.iter().map(stored).collect();
    if span.refused.is_none() {
        itself.extend(span.refusals.iter().map(refused));
    }
    if !itself.is_empty() {
        parts.push(("(span itself)".to_owned(), itself.join("; ")));
    }
    for attribute in &span.attributes {
        parts.push((attribute.key.clone(), outcome(attribute)));
    }
    let name = span
        .name
        .clone()
        .unwrap_or_else(|| "(unreadable)".to_owned());
    Outcomes { name, parts }
}

fn outcome(attribute: &ExplainedAttribute) -> String {
    let mut parts: Vec<String> = attribute.stored.iter().map(stored).collect();
    parts.extend(attribute.refusals.iter().map(refused));
    if !parts.is_empty() {
        return parts.join("; ");
    }
    match attribute.fate {
        AttributeFate::Mark => "a mark of consent",
        AttributeFate::Superseded => "another attribute fills its columns",
        AttributeFate::PassedOver => "no row has its column",
        AttributeFate::NotRead => "not read",
        _ => "nothing to store",
    }
    .to_owned()
}

fn stored(stored: &StoredValue) -> String {
    let form = match stored.form {
        StoredForm::KeyedHash => "keyed hash".to_owned(),
        _ => stored.kind.replace('_', " "),
    };
    format!("stored in {}.{} as {form}", stored.table, stored.column)
}

fn refused(refusal: &ExplainedRefusal) -> String {
    format!("refused: {} ({})", refusal.reason, refusal.key)
}
