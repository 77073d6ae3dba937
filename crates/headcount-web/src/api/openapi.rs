//! The OpenAPI 3.1 description, generated from the reports' headers and plans, so that it cannot drift from them.

mod paths;
mod schemas;

use headcount_reports::{AnswerColumn, OwnKind, OwnParameter, ReportHeader};
use serde_json::{Map, Value, json};

use self::paths::fixed_paths;
use self::schemas::{answer, parameters, responses, responses_with, rows_schema, shared_schemas};
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
    let is_offered = |name: &&str| *name != "by" || !header.counts_from_today();
    let names = names.into_iter().filter(is_offered);
    let common = names.map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
    let own = header.parameters.iter().map(own_parameter);
    let parameters: Vec<Value> = common.chain(own).collect();
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
