//! The beginning of a dialect, and of a catalog with another category.

use std::collections::BTreeMap;

use headcount_catalog::{
    Catalog, Dialect, ExplainedResource, ExplainedSpan, ExplanationSink, ValueKind,
};

use crate::wrap::on_one_line;

/// The most spans and attributes that a template lists.
const MOST: usize = 120;

/// The names in captured requests: of services, scopes, spans and attributes, in the order in which they came.
#[derive(Debug, Default)]
pub struct SeenSpans {
    services: Vec<String>,
    scopes: Vec<String>,
    of_resources: Vec<(String, &'static str)>,
    spans: Vec<SeenSpan>,
}

#[derive(Debug)]
struct SeenSpan {
    name: String,
    count: u64,
    attributes: Vec<(String, &'static str)>,
}

impl ExplanationSink for SeenSpans {
    fn resource(&mut self, resource: ExplainedResource) {
        for attribute in resource.attributes {
            if attribute.key == "service.name" {
                // A service's name decides which dialect reads a span, so it is a name here and not a value.
                let service = attribute.value.unwrap_or_default();
                add(&mut self.services, service);
            } else {
                let known = |(key, _): &(String, _)| *key == attribute.key;
                if !self.of_resources.iter().any(known) && self.of_resources.len() < MOST {
                    let kind = kind_word(attribute.kind);
                    self.of_resources.push((attribute.key, kind));
                }
            }
        }
    }

    fn span(&mut self, span: ExplainedSpan) {
        if span.dialect.is_some() && span.refused.is_none() {
            return;
        }
        if !span.scope.is_empty() {
            add(&mut self.scopes, span.scope);
        }
        let Some(name) = span.name else { return };
        let index = match self.spans.iter().position(|seen| seen.name == name) {
            Some(index) => index,
            None if self.spans.len() < MOST => {
                self.spans.push(SeenSpan {
                    name,
                    count: 0,
                    attributes: Vec::new(),
                });
                self.spans.len() - 1
            }
            None => return,
        };
        let seen = &mut self.spans[index];
        seen.count += 1;
        for attribute in span.attributes {
            let is_new = !seen.attributes.iter().any(|(key, _)| *key == attribute.key);
            if is_new && seen.attributes.len() < MOST && !attribute.of_resource {
                let kind = kind_word(attribute.kind);
                seen.attributes.push((attribute.key, kind));
            }
        }
    }
}

fn add(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) && names.len() < MOST {
        names.push(name);
    }
}

fn kind_word(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Empty => "no value",
        ValueKind::Text { .. } => "text",
        ValueKind::Boolean => "boolean",
        ValueKind::Integer => "integer",
        ValueKind::Double => "double",
        ValueKind::Bytes { .. } => "bytes",
        ValueKind::List { .. } => "list",
        ValueKind::Map { .. } => "map",
    }
}

/// A dialect for the framework `name` that stores nothing yet: each span and attribute of `seen` is known and dropped, and comments
/// say how to keep one.
pub fn dialect_template(name: &str, seen: &SeenSpans) -> String {
    let mut text = format!(
        "# How the spans of {name} map to the tables of the catalog (`headcount catalog` prints them).\n#\n\
         # As it stands it stores nothing. To keep a value: say which row its span gives (`row: tool_uses`), and put the column\n\
         # (`tool_uses.tool_name`) in the place of `{{drop: not_needed}}`. What holds content goes to `{{drop: content}}`. Then\n\
         # `headcount catalog --lint --dialects DIR` checks it, and `headcount explain FILE --dialects DIR` shows what it does.\n#\n"
    );
    text.push_str(&form());
    let services: Vec<String> = match seen.services.is_empty() && seen.scopes.is_empty() {
        true => vec![quoted(name)],
        false => seen
            .services
            .iter()
            .map(|service| quoted(service))
            .collect(),
    };
    let scopes: Vec<String> = seen.scopes.iter().map(|scope| quoted(scope)).collect();
    text.push_str(&format!(
        "\nframework: {name}\nruntime: python # or rust\n\n\
         match: # one of these is enough: keep what is {name}'s alone\n  service_names: [{}]\n  scope_names: [{}]\n\n",
        services.join(", "),
        scopes.join(", ")
    ));
    text.push_str("# Attributes that spans take from their resource.\n");
    match seen.of_resources.is_empty() {
        true => text.push_str("resource: {}\n  # service.version: every_row.framework_version\n"),
        false => {
            text.push_str("resource: {}\n");
            for (key, kind) in &seen.of_resources {
                text.push_str(&format!("  # {}: … # {kind}\n", quoted(key)));
            }
        }
    }
    text.push_str("\nspans:\n");
    if seen.spans.is_empty() {
        text.push_str(&format!(
            "  {}: # the span's name\n    row: tool_uses\n    constants:\n      tool_uses.outcome: used\n    attributes:\n      {}: tool_uses.tool_name\n",
            quoted(&format!("{name}.tool")),
            quoted(&format!("{name}.tool.name"))
        ));
    }
    for span in &seen.spans {
        let times = match span.count {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        text.push_str(&format!(
            "  {}: # seen {times}\n    # row: tool_uses\n",
            quoted(&span.name)
        ));
        if !span.attributes.is_empty() {
            text.push_str("    attributes:\n");
        }
        for (key, kind) in &span.attributes {
            text.push_str(&format!(
                "      {}: {{drop: not_needed}} # {kind}\n",
                quoted(key)
            ));
        }
        if span.attributes.is_empty() {
            text.push_str("    attributes: {}\n");
        }
    }
    text
}

/// The explanation of the form, which the head of a built-in dialect has.
fn form() -> String {
    let files: BTreeMap<&str, &str> = Dialect::embedded_files().iter().copied().collect();
    let head = files.get("crewai").copied().unwrap_or_default().lines();
    let head = head
        .skip_while(|line| *line != "# How to read it")
        .take_while(|line| line.starts_with('#'));
    head.map(|line| format!("{line}\n")).collect()
}

/// The built-in catalog, with the beginning of another category in comments.
pub fn catalog_template(name: &str) -> String {
    const SHARED: &str =
        "  # ------------------------------------------------------------------ shared tier";
    let category = format!(
        "  # A category of your own. Take the `#` away, and fill in what is in capitals; the head of this file explains each word. A field\n  \
         # that none of the built-in reports reads says in `read_by` who reads it. Then add a revision to `history`:\n  \
         # `headcount catalog --lint --catalog FILE` names its fingerprint.\n  \
         # - id: {name}\n  \
         #   title: TITLE\n  \
         #   tier: default\n  \
         #   table: {name}_events\n  \
         #   why: PURPOSE\n  \
         #   fields:\n  \
         #     - {{name: kind, kind: enum, values: [WORD], example: WORD, read_by: WHO READS IT, AND FOR WHAT}}\n\n"
    );
    let text = Catalog::embedded_text();
    match text.find(SHARED) {
        Some(at) => format!("{}{category}{}", &text[..at], &text[at..]),
        None => format!("{text}\n{category}"),
    }
}

/// A name as YAML writes it wherever it stands.
fn quoted(name: &str) -> String {
    serde_json::Value::String(on_one_line(name)).to_string()
}
