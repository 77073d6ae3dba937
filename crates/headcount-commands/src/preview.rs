//! `headcount preview`: the queued bytes, decoded.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use headcount::{Installation, Pending};
use headcount_wire::{SpanGroup, StatusCode, TraceRequest, Value, hex};
use serde_json::json;

use crate::exit::Code;
use crate::output;

/// Show exactly what is queued, decoded
///
/// Request bodies are on disk as they will be sent. This command sends nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Preview {
    /// Only this framework
    framework: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: PreviewFormat,
}

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PreviewFormat {
    /// One block per span.
    Text,
    /// An array of objects: framework, segment, resource, scope, name, start, end, status, ids, attributes.
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
  1  the queue cannot be read
  2  the command line is wrong";

impl Preview {
    /// Prints the queue.
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
                "none" => writeln!(text, "{framework}: {events} events queued, no endpoint")?,
                endpoint => writeln!(text, "{framework}: {events} events queued for {endpoint}")?,
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
                    let of = ["framework", "segment", "resource", "scope"];
                    let group = of.map(|part| &span[part]);
                    if last.replace(group) != Some(group) {
                        begin_group(&mut text, group)?;
                    }
                    write_span(&mut text, span)?;
                }
                if installations.is_empty() {
                    text.push_str("nothing is queued\n");
                }
                output::print(&text)?;
            }
        }
        Ok(Code::Done)
    }
}

/// Writes the header of a group of spans: their framework, segment, resource and scope.
fn begin_group(
    text: &mut String,
    [framework, segment, resource, scope]: [&serde_json::Value; 4],
) -> anyhow::Result<()> {
    writeln!(text, "\n== {} {}", text_of(framework), text_of(segment))?;
    members(text, resource)?;
    let scope = format!("{} {}", text_of(&scope["name"]), text_of(&scope["version"]));
    Ok(writeln!(text, "  {:<40} {scope}", "(scope)")?)
}

/// Writes everything that is sent of a span. Names in parentheses are not attributes.
fn write_span(text: &mut String, span: &serde_json::Value) -> anyhow::Result<()> {
    writeln!(text, "\n{}", text_of(&span["name"]))?;
    let nanos = |key: &str| span[key].as_u64().unwrap_or_default();
    let (start, end) = (nanos("start_unix_nano"), nanos("end_unix_nano"));
    let seconds = Duration::from_nanos(end.saturating_sub(start)).as_secs_f64();
    writeln!(text, "  {:<40} {}", "(start)", moment(start))?;
    writeln!(text, "  {:<40} {} ({seconds} s)", "(end)", moment(end))?;
    for key in ["status", "trace_id", "span_id"] {
        let name = format!("({key})");
        writeln!(text, "  {name:<40} {}", text_of(&span[key]))?;
    }
    members(text, &span["attributes"])
}

/// Nanoseconds since 1970 UTC, for people, with all digits.
fn moment(nanos: u64) -> String {
    let seconds = headcount::utc(nanos / 1_000_000);
    format!(
        "{}.{:09}Z",
        seconds.trim_end_matches('Z'),
        nanos % 1_000_000_000
    )
}

/// Writes one line per key.
fn members(text: &mut String, object: &serde_json::Value) -> anyhow::Result<()> {
    for (key, value) in object.as_object().into_iter().flatten() {
        writeln!(text, "  {key:<40} {}", text_of(value))?;
    }
    Ok(())
}

/// A value for people.
fn text_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => output::on_one_line(text),
        other => other.to_string(),
    }
}

/// Decodes the spans of one body.
fn decode(framework: &str, pending: &Pending) -> anyhow::Result<Vec<serde_json::Value>> {
    let request = TraceRequest::parse(&pending.body)
        .with_context(|| format!("cannot read segment {} of {framework}", pending.segment))?;
    let mut spans = Vec::new();
    for group in request.groups() {
        let resource = resource(&group);
        for raw in group.spans() {
            let mut scratch = Vec::new();
            let span = raw.parse(&mut scratch).with_context(|| {
                format!(
                    "cannot read a span of segment {} of {framework}",
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
                "scope": { "name": group.scope_name(), "version": group.scope_version() },
                "name": span.name,
                "start_unix_nano": span.start_unix_nano,
                "end_unix_nano": span.end_unix_nano,
                "status": match span.status {
                    StatusCode::Unset => "unset",
                    StatusCode::Ok => "ok",
                    StatusCode::Error => "error",
                    StatusCode::Other(_) => "(unknown)",
                },
                "trace_id": hex::encode(span.trace_id),
                "span_id": hex::encode(span.span_id),
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

#[cfg(test)]
mod tests {
    use headcount_wire::{RequestEncoder, SpanHeader, write_span as encode_span};

    use super::*;

    /// Promise 6: the preview hides nothing that is sent.
    #[test]
    fn everything_that_is_sent_is_shown() {
        let mut spans = Vec::new();
        let header = SpanHeader {
            trace_id: [0xab; 16],
            span_id: [0xcd; 8],
            name: "Task Execution",
            start_unix_nano: 1_772_442_904_000_000_005,
            end_unix_nano: 1_772_442_905_500_000_005,
            status: StatusCode::Error,
        };
        encode_span(&mut spans, &header, |attributes| {
            attributes.string("task_lifecycle.error_type", "ValueError");
        });
        let mut request = RequestEncoder::new();
        let _ = request
            .resource(|attributes| attributes.string("service.name", "headcount"))
            .scope("headcount", "1.2.3");
        let body = std::mem::take(request.spans(&spans, 1)).finish();
        let pending = Pending {
            segment: "1772442904000-0011223344556677".to_owned(),
            events: 1,
            body,
        };
        let decoded = decode("rig", &pending).expect("our own bytes");
        let json = serde_json::to_string(&decoded).expect("JSON");
        let mut text = String::new();
        let of = ["framework", "segment", "resource", "scope"];
        begin_group(&mut text, of.map(|part| &decoded[0][part])).expect("text");
        write_span(&mut text, &decoded[0]).expect("text");
        let (trace, span) = ("ab".repeat(16), "cd".repeat(8));
        for shown in [&json, &text] {
            for part in ["error", "1.2.3", "headcount", "ValueError", &trace, &span] {
                assert!(shown.contains(part), "{part}: {shown}");
            }
        }
        assert!(text.contains("2026-03-02T09:15:04.000000005Z"), "{text}");
        assert!(text.contains("09:15:05.500000005Z (1.5 s)"), "{text}");
    }
}
