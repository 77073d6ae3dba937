//! The OpenAPI 3.1 description, generated from the reports' headers and plans, so that it cannot drift from them.

use headcount_reports::{
    AnswerColumn, AuditView, ColumnKind, DEFAULT_MIN_CREWS, OwnKind, OwnParameter, ReportHeader,
};
use serde_json::{Map, Value, json};

use super::format::Format;
use crate::base::Base;

const ABOUT: &str = "\
Statistics about how AI-agent crews are built and run. A report is a named query; `GET /api/v1/reports` lists them. \
Answers are available as JSON rows, JSON with column kinds, CSV, an Arrow IPC stream or Parquet, chosen by `Accept` or `format`. \
Errors are problem details (RFC 9457). But for orders to erase crews, the API is read-only.";

/// The description of the API with these reports and their columns. `needs_token` says whether every request needs the
/// access token.
pub(super) fn document(
    reports: &[(&ReportHeader, Vec<AnswerColumn>)],
    needs_token: bool,
    base: &Base,
) -> Value {
    let security = match needs_token {
        true => json!([{ "token": [] }]),
        false => json!([{}, { "token": [] }]),
    };
    let mut paths = Map::new();
    let mut schemas = shared_schemas();
    for (header, columns) in reports {
        let schema = format!("report_{}", header.name);
        let path = format!("/api/v1/reports/{}", header.name);
        paths.insert(path, report_path(header, &schema));
        schemas.insert(schema, rows_schema(header, columns));
    }
    paths.extend(fixed_paths());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Headcount",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Statistics about AI-agent crews",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": format!("{base}/") }],
        "security": security,
        "tags": [
            { "name": "reports", "description": "Named queries" },
            { "name": "store", "description": "Tables, SQL and the catalog" },
        ],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": "A token of the collector: `headcount token new` makes one" } },
            "parameters": parameters(),
            "responses": responses(),
            "schemas": schemas,
        },
    })
}

fn report_path(header: &ReportHeader, schema: &str) -> Value {
    let names = [
        "since",
        "until",
        "by",
        "framework",
        "version",
        "environment",
        "min_crews",
        "format",
    ];
    let common = names.map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
    let own = header.parameters.iter().map(own_parameter);
    let parameters: Vec<Value> = common.into_iter().chain(own).collect();
    let rows = format!("#/components/schemas/{schema}");
    json!({ "get": {
        "operationId": format!("report_{}", header.name),
        "tags": ["reports"],
        "summary": header.title,
        "description": header.question,
        "parameters": parameters,
        "responses": responses_with(json!({ "200": answer(&rows), "304": { "$ref": "#/components/responses/unchanged" } }),
                            &["400", "401", "403", "406", "500"]),
    }})
}

/// A parameter that the report declares for itself.
fn own_parameter(parameter: &OwnParameter) -> Value {
    let schema = match &parameter.kind {
        OwnKind::Choice { choices, default } => {
            json!({ "type": "string", "enum": choices, "default": default })
        }
        OwnKind::Number { min, max, default } => {
            json!({ "type": "integer", "minimum": min, "maximum": max, "default": default })
        }
        OwnKind::Days { default, .. } => {
            json!({ "type": "string", "pattern": r"^\d{1,4}[dw]?$", "default": format!("{default}d") })
        }
        OwnKind::Text => json!({ "type": "string" }),
    };
    json!({ "name": parameter.name, "in": "query", "required": false, "description": parameter.meaning, "schema": schema })
}

fn fixed_paths() -> Map<String, Value> {
    let headers = json!({ "type": "array", "items": { "$ref": "#/components/schemas/report" } });
    let object = json!({ "type": "object" });
    let paths = [
        (
            "/api/v1/reports",
            json_path("reports", "reports", "The available reports", &headers),
        ),
        (
            "/api/v1/catalog",
            json_path(
                "catalog",
                "store",
                "The data that may be collected",
                &object,
            ),
        ),
        ("/api/v1/tables", tables_path()),
        ("/api/v1/sql", sql_path()),
        ("/api/v1/audit", audit_path()),
        ("/api/v1/audit-log", audit_log_path()),
        ("/api/v1/erasures", erasures_path()),
        ("/api/v1/export", export_path()),
        (
            "/api/openapi.json",
            json_path("description", "store", "This description", &object),
        ),
        ("/metrics", metrics_path()),
    ];
    paths
        .map(|(path, item)| (path.to_owned(), item))
        .into_iter()
        .collect()
}

/// A path with one JSON representation.
fn json_path(id: &str, tag: &str, summary: &str, schema: &Value) -> Value {
    let responses = json!({
        "200": { "description": "The current content", "content": { "application/json": { "schema": schema } } },
        "304": { "$ref": "#/components/responses/unchanged" },
    });
    json!({ "get": {
        "operationId": id, "tags": [tag], "summary": summary,
        "responses": responses_with(responses, &["401", "403"]),
    }})
}

fn tables_path() -> Value {
    let responses = json!({
        "200": answer("#/components/schemas/tables"),
        "304": { "$ref": "#/components/responses/unchanged" },
    });
    json!({ "get": {
        "operationId": "tables", "tags": ["store"], "summary": "The tables with their numbers of rows",
        "parameters": [{ "$ref": "#/components/parameters/format" }],
        "responses": responses_with(responses, &["400", "401", "403", "406", "500"]),
    }})
}

fn sql_path() -> Value {
    let responses = json!({ "200": answer("#/components/schemas/rows") });
    json!({ "post": {
        "operationId": "sql", "tags": ["store"], "summary": "Runs a read-only SQL query",
        "parameters": [{ "$ref": "#/components/parameters/format" }],
        "requestBody": { "required": true, "content": {
            "application/json": { "schema": { "$ref": "#/components/schemas/query" } },
            "text/plain": { "schema": { "type": "string", "examples": ["SELECT count(*) FROM crews"] } },
        }},
        "responses": responses_with(responses, &["400", "401", "403", "406", "408", "413", "500", "503"]),
    }})
}

fn audit_path() -> Value {
    let responses = json!({ "200": answer("#/components/schemas/rows") });
    let views = AuditView::ALL.map(AuditView::name);
    json!({ "get": {
        "operationId": "audit", "tags": ["store"],
        "summary": "What was taken in and what became of it, by table and day; requires a token with the role analyst or admin",
        "parameters": [
            { "name": "view", "in": "query", "required": false, "schema": { "type": "string", "enum": views, "default": "tables" },
              "description": "A row for each table, for each table and day, or for each table with the age of its rows" },
            { "$ref": "#/components/parameters/format" },
        ],
        "responses": responses_with(responses, &["400", "401", "403", "406", "500"]),
    }})
}

fn audit_log_path() -> Value {
    let responses = json!({ "200": answer("#/components/schemas/rows") });
    let parameter = |name: &str, about: &str, schema: Value| json!({ "name": name, "in": "query", "required": false, "description": about, "schema": schema });
    json!({ "get": {
        "operationId": "audit_log", "tags": ["store"],
        "summary": "Who read the shared tier, erased and changed tokens; requires a token with the role admin",
        "parameters": [
            parameter("since", "Only events since this day, in UTC", json!({ "type": "string", "format": "date" })),
            parameter("limit", "Only so many events, the latest", json!({ "type": "integer", "minimum": 1, "default": 1000 })),
            { "$ref": "#/components/parameters/format" },
        ],
        "responses": responses_with(responses, &["400", "401", "403", "404", "406", "500"]),
    }})
}

fn erasures_path() -> Value {
    let ordered = json!({
        "200": answer("#/components/schemas/tables"),
        "202": { "description": "The order is on disk", "content": { "application/json": { "schema": {
            "type": "object", "required": ["order"], "properties": { "order": { "type": "integer" } } } } } },
    });
    let dry_run = json!({ "type": "boolean", "default": false, "description": "Only count the rows that would be erased" });
    json!({
        "get": {
            "operationId": "erasures", "tags": ["store"],
            "summary": "The orders to erase crews; requires a token with the role admin",
            "parameters": [{ "$ref": "#/components/parameters/format" }],
            "responses": responses_with(json!({ "200": answer("#/components/schemas/rows") }), &["400", "401", "403", "404", "406", "500"]),
        },
        "post": {
            "operationId": "order_erasure", "tags": ["store"],
            "summary": "Orders the erasure of crews, or counts what it would erase; requires a token with the role admin",
            "parameters": [{ "$ref": "#/components/parameters/format" }],
            "requestBody": crews_body("dry_run", &dry_run),
            "responses": responses_with(ordered, &["400", "401", "403", "404", "406", "408", "413", "415", "500", "503"]),
        },
    })
}

fn export_path() -> Value {
    let objects = json!({ "type": "array", "items": { "type": "object" } });
    let responses = json!({ "200": {
        "description": "Every row that is stored about the crews, with its table",
        "headers": { "headcount-note": { "description": "Rows that are missing", "schema": { "type": "string" } } },
        "content": { "application/jsonl": { "schema": { "type": "string" } }, "application/json": { "schema": objects } },
    }});
    let format = json!({ "type": "string", "enum": ["jsonl", "json"], "default": "jsonl" });
    json!({ "post": {
        "operationId": "export", "tags": ["store"],
        "summary": "Everything that is stored about crews, of both tiers; requires a token with the role analyst or admin",
        "requestBody": crews_body("format", &format),
        "responses": responses_with(responses, &["400", "401", "403", "408", "413", "415", "500", "503"]),
    }})
}

/// A body that names crews, and has one further field.
fn crews_body(field: &str, schema: &Value) -> Value {
    let hash =
        json!({ "type": "array", "items": { "type": "string", "pattern": "^[0-9a-fA-F]{16}$" } });
    let id = json!({ "type": "array", "items": { "type": "string", "pattern": "^[0-9a-fA-F]{16}$|^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$" } });
    json!({ "required": true, "content": { "application/json": { "schema": {
        "type": "object", "minProperties": 1,
        "properties": { "crew_keys": hash, "crew_ids": id, "projects": hash, field: schema },
    } } } })
}

fn metrics_path() -> Value {
    let responses = json!({ "200": {
        "description": "Counters since the start of the collector",
        "content": { "text/plain": { "schema": { "type": "string" } } },
    }});
    json!({ "get": {
        "operationId": "metrics", "tags": ["store"], "summary": "The collector's metrics in Prometheus' text format",
        "responses": responses_with(responses, &["401", "403"]),
    }})
}

/// A response with the answer in every format; `rows` is the schema of its JSON rows.
fn answer(rows: &str) -> Value {
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

fn responses_with(mut responses: Value, problems: &[&str]) -> Value {
    if let Value::Object(responses) = &mut responses {
        for status in problems {
            let problem = json!({ "$ref": "#/components/responses/problem" });
            responses.insert((*status).to_owned(), problem);
        }
    }
    responses
}

fn rows_schema(header: &ReportHeader, columns: &[AnswerColumn]) -> Value {
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

fn parameters() -> Value {
    let time = r"^(\d{4}-\d{2}-\d{2}|\d{1,4}[hdw])$";
    let query = |name: &str, about: &str, schema: Value| json!({ "name": name, "in": "query", "required": false, "description": about, "schema": schema });
    json!({
        "since": query("since", "Only records at or after this day or time (RFC 3339), or within this duration (36h, 7d, 4w)",
                       json!({ "type": "string", "pattern": time, "examples": ["30d"] })),
        "until": query("until", "Only records before this time; a day is included",
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

fn responses() -> Value {
    json!({
        "unchanged": { "description": "Not modified (If-None-Match)" },
        "problem": { "description": "The problem and how to fix it", "content": {
            "application/problem+json": { "schema": { "$ref": "#/components/schemas/problem" } } } },
    })
}

fn shared_schemas() -> Map<String, Value> {
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
