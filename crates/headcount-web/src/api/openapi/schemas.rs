//! The components that descriptions of addresses refer to: parameters, responses, and the forms of rows.

use headcount_reports::{AnswerColumn, ColumnKind, DEFAULT_MIN_CREWS, ReportHeader};
use serde_json::{Map, Value, json};

use crate::api::format::Format;

/// A response with the answer in every format; `rows` is the schema of its JSON rows.
pub(super) fn answer(rows: &str) -> Value {
    let mut content = Map::new();
    for format in Format::ALL {
        let schema = match format {
            Format::Rows => json!({ "$ref": rows }),
            Format::Answer => json!({ "$ref": "#/components/schemas/answer" }),
            Format::Csv => json!({ "type": "string" }),
            Format::Arrow | Format::Parquet => json!({}),
        };
        content.insert(format.media_type().to_owned(), json!({ "schema": schema }));
    }
    json!({
        "description": "The answer",
        "headers": {
            "ETag": { "schema": { "type": "string" } },
            "headcount-note": { "description": "A note about the answer; one header for each note", "schema": { "type": "string" } },
        },
        "content": content,
    })
}

pub(super) fn responses_with(mut responses: Value, problems: &[&str]) -> Value {
    if let Value::Object(responses) = &mut responses {
        for status in problems {
            let problem = json!({ "$ref": "#/components/responses/problem" });
            responses.insert((*status).to_owned(), problem);
        }
    }
    responses
}

pub(super) fn rows_schema(header: &ReportHeader, columns: &[AnswerColumn]) -> Value {
    let mut properties = Map::new();
    let period = json!({ "type": "string", "format": "date", "description": "the first day of the period, where `by` is given" });
    properties.insert("period".to_owned(), period);
    for column in columns {
        let mut schema = kind_schema(column.kind);
        let meaning = header
            .columns
            .iter()
            .find(|named| named.name == column.name);
        if let (Value::Object(schema), Some(meaning)) = (&mut schema, meaning) {
            schema.insert("description".to_owned(), meaning.meaning.clone().into());
        }
        properties.insert(column.name.clone(), schema);
    }
    let required: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    json!({ "type": "array", "items": {
        "type": "object", "properties": properties, "required": required, "additionalProperties": false } })
}

fn kind_schema(kind: ColumnKind) -> Value {
    match kind {
        ColumnKind::Boolean => json!({ "type": ["boolean", "null"] }),
        ColumnKind::Integer => json!({ "type": ["integer", "null"] }),
        ColumnKind::Number => json!({ "type": ["number", "null"] }),
        ColumnKind::Text | ColumnKind::Moment => json!({ "type": ["string", "null"] }),
        ColumnKind::List => json!({ "type": ["array", "null"] }),
        ColumnKind::Other => json!({}),
    }
}

pub(super) fn parameters() -> Value {
    let time = r"^(\d{4}-\d{2}-\d{2}|\d{1,4}[hdw])$";
    let query = |name: &str, about: &str, schema: Value| json!({ "name": name, "in": "query", "required": false, "description": about, "schema": schema });
    json!({
        "since": query("since", "Only records at or after this day or time (RFC 3339), of the last hours (36h), or of the last days in UTC, today included (7d, 4w)",
                       json!({ "type": "string", "pattern": time, "examples": ["30d"] })),
        "until": query("until", "Only records before this time; a day is included; 7d ends where a `since` of 7d begins",
                       json!({ "type": "string", "pattern": time, "examples": ["2026-11-30"] })),
        "by": query("by", "Groups rows by period", json!({ "type": "string", "enum": ["day", "week", "month"] })),
        "framework": query("framework", "Only records of this framework", json!({ "type": "string", "examples": ["crewai"] })),
        "version": query("version", "Only records of this release; 1.15.* matches by prefix",
                         json!({ "type": "string", "examples": ["1.15.*"] })),
        "environment": query("environment", "Only records of crews that run in this environment, such as runtime_context:ci",
                             json!({ "type": "string", "pattern": "^(coding_agent|runtime_context|cpu_band):[a-z0-9_+-]{1,32}$" })),
        "min_crews": query("min_crews", "Free text from fewer crews is grouped into one row",
                           json!({ "type": "integer", "minimum": 0, "default": DEFAULT_MIN_CREWS })),
        "format": query("format", "The format of the answer; overrides Accept",
                        json!({ "type": "string", "enum": Format::ALL.map(Format::name) })),
    })
}

pub(super) fn responses() -> Value {
    json!({
        "unchanged": { "description": "Not modified (If-None-Match)" },
        "problem": { "description": "The problem and how to fix it", "content": {
            "application/problem+json": { "schema": { "$ref": "#/components/schemas/problem" } } } },
    })
}

pub(super) fn shared_schemas() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let schemas = [
        (
            "problem",
            json!({
                "type": "object", "required": ["type", "title", "status", "detail"],
                "properties": { "type": text, "title": text, "status": { "type": "integer" }, "detail": text },
            }),
        ),
        (
            "query",
            json!({
                "type": "object", "required": ["query"], "additionalProperties": false,
                "properties": { "query": text, "format": { "type": "string", "enum": Format::ALL.map(Format::name) } },
            }),
        ),
        (
            "rows",
            json!({ "type": "array", "items": { "type": "object" } }),
        ),
        (
            "tables",
            json!({ "type": "array", "items": {
            "type": "object", "required": ["table_name", "tier", "rows"],
            "properties": { "table_name": text, "tier": { "enum": ["default", "shared"] }, "rows": { "type": "integer" } } } }),
        ),
        (
            "answer",
            json!({
                "type": "object", "required": ["columns", "rows", "notes"],
                "properties": {
                    "columns": { "type": "array", "items": {
                        "type": "object", "required": ["name", "kind"],
                        "properties": { "name": text, "kind": text } } },
                    "rows": { "type": "array", "items": { "type": "array" } },
                    "notes": { "type": "array", "items": text },
                },
            }),
        ),
        (
            "report",
            json!({
                "type": "object", "required": ["name", "title", "question", "columns"],
                "properties": { "name": text, "title": text, "question": text, "parameters": { "type": "array", "items": { "type": "object" } }, "columns": { "type": "array", "items": {
                    "type": "object", "required": ["name", "meaning"], "properties": { "name": text, "meaning": text } } } },
            }),
        ),
    ];
    schemas
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}
