//! `headcount preview`: the bytes that wait to be sent, decoded.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use headcount::{Installation, Pending};
use headcount_wire::{SpanGroup, TraceRequest, Value};
use serde_json::json;

use crate::exit::Code;
use crate::output;

/// Show what waits to be sent: the very bytes, decoded
///
/// A request's body is kept on disk as it will leave. Nothing is sent by looking.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Preview {
    /// Only this framework
    framework: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value = "text")]
    format: PreviewFormat,
}

/// How the bytes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PreviewFormat {
    /// One block a span.
    Text,
    /// An array of objects: framework, segment, resource, name, start, end, attributes.
    Json,
    /// The bytes themselves: one OTLP request (protobuf).
    Otlp,
}

const EXAMPLES: &str = "\
Examples:
  headcount preview
  headcount preview my-framework --format json | jq '.[].name'
  headcount preview --format otlp | sha256sum

Exit codes:
  0  done
  1  what waits cannot be read
  2  the command line is wrong";

impl Preview {
    /// Prints what waits.
    pub fn run(self) -> anyhow::Result<Code> {
        let installations: Vec<Installation> = Installation::all()
            .into_iter()
            .filter(|installation| {
                let wanted = self.framework.as_deref();
                wanted.is_none_or(|wanted| wanted == installation.framework())
            })
            .collect();
        let mut spans = Vec::new();
        let mut text = String::new();
        for installation in &installations {
            let pending = installation.pending();
            let events: u64 = pending.iter().map(|pending| pending.events).sum();
            let framework = installation.framework();
            match installation.endpoint() {
                "none" => writeln!(
                    text,
                    "{framework}: {events} events, and no endpoint to send them to"
                )?,
                endpoint => writeln!(text, "{framework}: {events} events wait for {endpoint}")?,
            }
            for pending in &pending {
                match self.format {
                    PreviewFormat::Otlp => {
                        std::io::stdout().lock().write_all(&pending.body)?;
                    }
                    _ => spans.extend(decode(installation.framework(), pending)?),
                }
            }
        }
        match self.format {
            PreviewFormat::Otlp => {}
            PreviewFormat::Json => {
                output::print(&(serde_json::to_string_pretty(&spans)? + "\n"))?;
            }
            PreviewFormat::Text => {
                let mut last = None;
                for span in &spans {
                    let group = (&span["framework"], &span["segment"], &span["resource"]);
                    if last.replace(group) != Some(group) {
                        writeln!(text, "\n== {} {}", word(group.0), word(group.1))?;
                        members(&mut text, group.2)?;
                    }
                    writeln!(text, "\n{}", word(&span["name"]))?;
                    members(&mut text, &span["attributes"])?;
                }
                if installations.is_empty() {
                    text.push_str("nothing waits to be sent\n");
                }
                output::print(&text)?;
            }
        }
        Ok(Code::Done)
    }
}

/// One line a key and its value.
fn members(text: &mut String, object: &serde_json::Value) -> anyhow::Result<()> {
    for (key, value) in object.as_object().into_iter().flatten() {
        writeln!(text, "  {key:<40} {}", word(value))?;
    }
    Ok(())
}

/// A value as people read it.
fn word(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => output::on_one_line(text),
        other => other.to_string(),
    }
}

/// The spans of one body, as they would be read by anybody.
fn decode(framework: &str, pending: &Pending) -> anyhow::Result<Vec<serde_json::Value>> {
    let request = TraceRequest::parse(&pending.body)
        .with_context(|| format!("segment {} of {framework} cannot be read", pending.segment))?;
    let mut spans = Vec::new();
    for group in request.groups() {
        let resource = resource(&group);
        for raw in group.spans() {
            let mut scratch = Vec::new();
            let span = raw.parse(&mut scratch).with_context(|| {
                format!(
                    "a span of segment {} of {framework} cannot be read",
                    pending.segment
                )
            })?;
            let attributes: serde_json::Map<String, serde_json::Value> = span
                .attributes
                .iter()
                .map(|attribute| (attribute.key.to_owned(), plain(attribute.value)))
                .collect();
            spans.push(json!({
                "framework": framework,
                "segment": pending.segment,
                "resource": resource,
                "name": span.name,
                "start_unix_nano": span.start_unix_nano,
                "end_unix_nano": span.end_unix_nano,
                "trace_id": hex(span.trace_id),
                "span_id": hex(span.span_id),
                "attributes": attributes,
            }));
        }
    }
    Ok(spans)
}

fn resource(group: &SpanGroup<'_>) -> serde_json::Value {
    let attributes = group.resource_attributes().iter();
    attributes
        .map(|attribute| (attribute.key.to_owned(), plain(attribute.value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn plain(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Empty => serde_json::Value::Null,
        Value::Boolean(value) => value.into(),
        Value::Integer(value) => value.into(),
        Value::Double(value) => value.into(),
        Value::String(text) => text.into(),
        Value::Array(values) => values.iter().map(plain).collect(),
        // The client writes none of these.
        Value::Bytes(_) | Value::KeyValueList(_) => "(not shown)".into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
