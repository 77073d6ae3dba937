//! Explanations as text for a terminal of 80 columns.

use std::collections::{BTreeSet, HashMap};

use headcount_catalog::{
    AttributeFate, ExplainedAttribute, ExplainedRefusal, ExplainedResource, ExplainedSpan,
    ExplanationSink, RefusalReason, SentAttribute, StoredForm, StoredValue, Tier, ValueKind,
};

use crate::shape::shape;
use crate::wrap::{grouped, on_one_line, wrap};

/// The most different spans that are shown of a request.
const MAX_SHAPES: usize = 1_000;
/// The most numbers of spans that a heading names.
const MAX_NUMBERS: usize = 8;

/// Collects the explanation of one request, and writes it as text. Spans that differ in nothing but sizes are shown once.
#[derive(Debug, Default)]
pub struct TextSink {
    resources: Vec<ExplainedResource>,
    spans: Vec<Alike>,
    /// By what they look like, the place in `spans`.
    known: HashMap<ExplainedSpan, usize>,
    /// Spans beyond [`MAX_SHAPES`].
    left_out: u64,
    /// Whether each span is shown.
    shows_each: bool,
    reasons: BTreeSet<RefusalReason>,
}

/// Spans that are shown once.
#[derive(Debug)]
struct Alike {
    first: ExplainedSpan,
    numbers: Vec<u64>,
    count: u64,
}

impl TextSink {
    /// Shows spans that look alike once, or each of them.
    pub fn new(shows_each: bool) -> Self {
        Self {
            shows_each,
            ..Self::default()
        }
    }

    /// The text, for a request that was read from `place`. [`crate::Summary`] explains the reasons in it.
    pub fn text(&self, place: &str) -> String {
        let spans: u64 = self.spans.iter().map(|alike| alike.count).sum();
        let spans = grouped(spans + self.left_out);
        let mut text = wrap(0, 2, &format!("{}: {spans} spans", on_one_line(place)));
        for resource in &self.resources {
            write_resource(resource, &mut text);
        }
        for alike in &self.spans {
            write_span(alike, &mut text);
        }
        if self.left_out > 0 {
            let left_out = grouped(self.left_out);
            text.push_str(&format!(
                "\n{left_out} more spans, of other kinds, are not shown; --format json has each\n"
            ));
        }
        text
    }

    /// The reasons that the text names.
    pub fn reasons(&self) -> impl Iterator<Item = RefusalReason> {
        self.reasons.iter().copied()
    }
}

impl ExplanationSink for TextSink {
    fn resource(&mut self, resource: ExplainedResource) {
        if self.resources.len() < MAX_SHAPES {
            self.resources.push(resource);
        }
    }

    fn span(&mut self, span: ExplainedSpan) {
        let of_attributes = span
            .attributes
            .iter()
            .flat_map(|attribute| &attribute.refusals);
        let named = of_attributes
            .chain(&span.refusals)
            .map(|refusal| refusal.reason);
        self.reasons.extend(named.chain(span.refused));
        let known = match self.shows_each {
            true => None,
            false => self.known.get(&shape(&span)).copied(),
        };
        if let Some(index) = known {
            let alike = &mut self.spans[index];
            alike.count += 1;
            if alike.numbers.len() < MAX_NUMBERS {
                alike.numbers.push(span.number);
            }
            return;
        }
        if self.spans.len() == MAX_SHAPES && !self.shows_each {
            self.left_out += 1;
            return;
        }
        if !self.shows_each {
            let _none = self.known.insert(shape(&span), self.spans.len());
        }
        self.spans.push(Alike {
            numbers: vec![span.number],
            count: 1,
            first: span,
        });
    }
}

fn write_resource(resource: &ExplainedResource, text: &mut String) {
    text.push_str(&format!("\nResource {}\n", grouped(resource.number)));
    if resource.attributes.is_empty() {
        text.push_str("  no attributes\n");
    }
    for SentAttribute { key, kind, value } in &resource.attributes {
        let value = value.as_deref().map(shown_value).unwrap_or_default();
        let line = format!("{} ({}){value}", on_one_line(key), kind_text(*kind));
        text.push_str(&wrap(2, 6, &line));
    }
}

fn write_span(alike: &Alike, text: &mut String) {
    let span = &alike.first;
    text.push('\n');
    text.push_str(&wrap(0, 2, &heading(alike)));
    text.push_str(&wrap(2, 4, &origin(span)));
    if let Some(reason) = span.refused {
        let verb = match reason {
            RefusalReason::Repeated => "not stored",
            _ => "refused whole",
        };
        text.push_str(&wrap(2, 4, &format!("{verb}: {reason}")));
    }
    if let Some(fault) = &span.fault {
        text.push_str(&wrap(2, 4, fault));
    }
    if !span.rows.is_empty() {
        let rows = span.rows.iter().map(|row| {
            let tier = match row.tier {
                Tier::Default => "",
                Tier::Shared => " (shared tier)",
            };
            let noun = if row.rows == 1 { "row" } else { "rows" };
            format!("{} {noun} of {}{tier}", grouped(row.rows), row.table)
        });
        let rows: Vec<String> = rows.collect();
        text.push_str(&wrap(2, 4, &format!("stored: {}", rows.join(", "))));
    }
    // Of a span that is refused whole it would be the same again.
    for refusal in span.refusals.iter().filter(|_| span.refused.is_none()) {
        let refusal = refusal_text(refusal);
        text.push_str(&wrap(2, 4, &format!("refused: {refusal}")));
    }
    let beside = beside_text(span);
    if !beside.is_empty() {
        text.push_str(&wrap(2, 4, &format!("not stored: {beside}")));
    }
    for attribute in &span.attributes {
        write_attribute(attribute, text);
    }
    if !span.of_itself.is_empty() {
        text.push_str("  of the span itself, or of its dialect\n");
        for stored in &span.of_itself {
            text.push_str(&wrap(4, 8, &stored_text(stored, "")));
        }
    }
}

fn heading(alike: &Alike) -> String {
    let name = match &alike.first.name {
        Some(name) => on_one_line(name),
        None if alike.first.name_withheld => {
            "its name may hold what people wrote; --values shows it".to_owned()
        }
        None => "a span whose name cannot be read".to_owned(),
    };
    let numbers: Vec<String> = alike
        .numbers
        .iter()
        .map(|&number| grouped(number))
        .collect();
    let numbers = numbers.join(", ");
    match alike.count {
        1 => format!("Span {numbers}: {name}"),
        count => {
            let more = if count as usize > alike.numbers.len() {
                ", …"
            } else {
                ""
            };
            format!("Spans {numbers}{more} ({} alike): {name}", grouped(count))
        }
    }
}

fn origin(span: &ExplainedSpan) -> String {
    let dialect = match &span.dialect {
        Some(dialect) => format!("dialect {dialect}"),
        None => "no dialect knows the service or the scope".to_owned(),
    };
    let release = span.framework_version.as_ref();
    let release = release.map(|release| format!(", release {}", on_one_line(release)));
    let scope = match span.scope.as_str() {
        "" => "without a name".to_owned(),
        scope => on_one_line(scope),
    };
    let content = match span.shares_content {
        true => "; its crew shares content",
        false => "",
    };
    format!(
        "{dialect}{}; scope {scope}{content}",
        release.unwrap_or_default()
    )
}

fn write_attribute(attribute: &ExplainedAttribute, text: &mut String) {
    let of_resource = match attribute.of_resource {
        true => ", of the resource",
        false => "",
    };
    let value = attribute.value.as_deref().map(shown_value);
    let line = format!(
        "{} ({}{of_resource}){}",
        on_one_line(&attribute.key),
        kind_text(attribute.kind),
        value.unwrap_or_default()
    );
    text.push_str(&wrap(2, 6, &line));
    for stored in &attribute.stored {
        text.push_str(&wrap(4, 8, &stored_text(stored, &attribute.key)));
    }
    for refusal in &attribute.refusals {
        let refusal = match refusal.key == attribute.key || refusal.key == "(unknown)" {
            true => times(refusal),
            false => refusal_text(refusal),
        };
        text.push_str(&wrap(4, 8, &format!("refused: {refusal}")));
    }
    for member in &attribute.unknown_members {
        let member = on_one_line(member);
        text.push_str(&wrap(4, 8, &format!("unknown member: {member}")));
    }
    let fate = match attribute.fate {
        AttributeFate::Mark => "read as a mark of consent, not stored",
        AttributeFate::Nothing => "no value, or one that stands for none",
        AttributeFate::Superseded => "not stored: another attribute fills its columns",
        AttributeFate::PassedOver => "not stored: no row of this span has its column",
        AttributeFate::NotRead => "not read",
        AttributeFate::Stored | AttributeFate::PartlyStored | AttributeFate::Refused => return,
    };
    text.push_str(&wrap(4, 8, fate));
}

/// Where a value is stored and as what; `key` is of the attribute that it comes from.
fn stored_text(stored: &StoredValue, key: &str) -> String {
    let from = stored.from.as_deref().filter(|from| *from != key);
    let from = from.map(|from| format!("{from} ")).unwrap_or_default();
    let kind = match stored.form {
        StoredForm::KeyedHash => "keyed hash".to_owned(),
        StoredForm::Changed => format!("{}, changed", kind_name(&stored.kind)),
        StoredForm::AsSent | StoredForm::Derived => kind_name(&stored.kind),
    };
    let rows = match stored.rows {
        1 => String::new(),
        rows => format!(", {} rows", grouped(rows)),
    };
    let value = stored.value.as_deref().map(shown_value).unwrap_or_default();
    format!(
        "stored: {from}in {}.{} as {kind}{rows}{value}",
        stored.table, stored.column
    )
}

fn kind_name(kind: &str) -> String {
    match kind {
        "free_text" => "free text, scrubbed".to_owned(),
        kind => kind.replace('_', " "),
    }
}

fn refusal_text(refusal: &ExplainedRefusal) -> String {
    format!("{}: {}", on_one_line(&refusal.key), times(refusal))
}

fn times(refusal: &ExplainedRefusal) -> String {
    match refusal.count {
        1 => refusal.reason.to_string(),
        count => format!("{}, {} times", refusal.reason, grouped(count)),
    }
}

fn beside_text(span: &ExplainedSpan) -> String {
    let beside = span.beside;
    let count = |count: usize, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        count => Some(format!("{} {noun}s", grouped(count as u64))),
    };
    let text = |bytes: usize, name: &str| {
        (bytes > 0).then(|| format!("{name} of {} bytes", grouped(bytes as u64)))
    };
    let parts = [
        count(beside.events, "event"),
        count(beside.links, "link"),
        text(beside.status_message_bytes, "a status message"),
        text(beside.trace_state_bytes, "a trace state"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

pub(crate) fn kind_text(kind: ValueKind) -> String {
    let sized = |noun: &str, size: usize, unit: &str| {
        let plural = if size == 1 { "" } else { "s" };
        format!("{noun}, {} {unit}{plural}", grouped(size as u64))
    };
    match kind {
        ValueKind::Empty => "no value".to_owned(),
        ValueKind::Text { bytes } => sized("text", bytes, "byte"),
        ValueKind::Boolean => "boolean".to_owned(),
        ValueKind::Integer => "integer".to_owned(),
        ValueKind::Double => "double".to_owned(),
        ValueKind::Bytes { bytes } => sized("bytes", bytes, "byte"),
        ValueKind::List { items } => sized("list", items, "item"),
        ValueKind::Map { keys } => sized("map", keys, "key"),
    }
}

fn shown_value(value: &str) -> String {
    format!(" = {}", on_one_line(value))
}
