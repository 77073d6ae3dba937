//! The addresses of the API that are no report.

use headcount_reports::AuditView;
use serde_json::{Map, Value, json};

use super::schemas::{answer, responses_with};

/// The addresses beside those of the reports.
pub(super) fn fixed_paths() -> Map<String, Value> {
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
        "type": "object", "minProperties": 1, "additionalProperties": false,
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
