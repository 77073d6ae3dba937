//! A table's columns as its log names them.

use headcount_catalog::{Column, ColumnType, Table};
use serde_json::{Map, Value, json};

use crate::error::LakeError;

/// The column by which an older layout apportioned files to folders: the UTC day of `time`.
const PARTITION: &str = "day";

/// The `metaData` action of a new table.
pub(crate) fn metadata(table: &Table, now_ms: i64) -> Value {
    let fields: Vec<Value> = table.columns.iter().map(field).collect();
    json!({
        "id": uuid::Uuid::new_v4().to_string(),
        "name": table.name,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema_string(fields),
        "partitionColumns": [],
        "configuration": {
            "delta.dataSkippingNumIndexedCols": "1",
            "delta.logRetentionDuration": "interval 1 hours",
            "delta.checkpointInterval": "50",
        },
        "createdTime": now_ms,
    })
}

/// The `metaData` action that adds the catalog's new columns to `stored`, or `None` if there are none. A column that the catalog
/// no longer has stays: it reads as null in new rows.
pub(crate) fn grown(stored: &Value, table: &Table) -> Result<Option<Value>, LakeError> {
    let unreadable = || LakeError::delta(&table.name, "its schema cannot be read");
    let schema = stored["schemaString"].as_str().ok_or_else(unreadable)?;
    let schema: Value = serde_json::from_str(schema).map_err(|_| unreadable())?;
    let mut fields = schema["fields"].as_array().ok_or_else(unreadable)?.clone();
    let mut grew = false;
    for column in &table.columns {
        match fields.iter().find(|field| field["name"] == column.name) {
            Some(field) if field["type"] == delta_type(column.column_type) => {}
            Some(field) => {
                return Err(LakeError::ColumnType {
                    table: table.name.clone(),
                    column: column.name.clone(),
                    stored: field["type"].to_string(),
                    wanted: delta_type(column.column_type).to_string(),
                });
            }
            None => {
                fields.push(field(column));
                grew = true;
            }
        }
    }
    if !grew {
        return Ok(None);
    }
    let mut metadata = stored.clone();
    metadata["schemaString"] = Value::String(schema_string(fields));
    Ok(Some(metadata))
}

/// Whether the table `stored` is partitioned by day.
pub(crate) fn is_partitioned(stored: &Value) -> bool {
    stored["partitionColumns"] == json!([PARTITION])
}

/// What an `add` or `remove` action of the table `stored` says of a file's partition. A file of ours has none: in a table that is still
/// partitioned, its column `day` is null.
pub(crate) fn partition_values(stored: &Value, day: &str) -> Value {
    match (is_partitioned(stored), day) {
        (true, "") => json!({ PARTITION: null }),
        (_, "") => json!({}),
        (_, day) => json!({ PARTITION: day }),
    }
}

/// The `metaData` action that makes the table `stored` one without partitions, and without the column `day`. `None` where it is one, or
/// where another program added a constraint, which may be one of that column.
pub(crate) fn unpartitioned(stored: &Value, table: &str) -> Result<Option<Value>, LakeError> {
    let settings = stored["configuration"].as_object().into_iter().flatten();
    let mut settings = settings.map(|(name, _)| name);
    if !is_partitioned(stored) || settings.any(|name| name.starts_with("delta.constraints.")) {
        return Ok(None);
    }
    let unreadable = || LakeError::delta(table, "its schema cannot be read");
    let schema = stored["schemaString"].as_str().ok_or_else(unreadable)?;
    let schema: Value = serde_json::from_str(schema).map_err(|_| unreadable())?;
    let mut fields = schema["fields"].as_array().ok_or_else(unreadable)?.clone();
    fields.retain(|field| field["name"] != PARTITION);
    let mut metadata = stored.clone();
    metadata["schemaString"] = Value::String(schema_string(fields));
    metadata["partitionColumns"] = json!([]);
    Ok(Some(metadata))
}

fn schema_string(fields: Vec<Value>) -> String {
    json!({"type": "struct", "fields": fields}).to_string()
}

fn field(column: &Column) -> Value {
    let mut field = Map::new();
    field.insert("name".to_owned(), json!(column.name));
    field.insert("type".to_owned(), delta_type(column.column_type));
    field.insert("nullable".to_owned(), json!(true));
    field.insert("metadata".to_owned(), json!({}));
    Value::Object(field)
}

fn delta_type(column_type: ColumnType) -> Value {
    match column_type {
        ColumnType::Boolean => json!("boolean"),
        ColumnType::Integer => json!("long"),
        ColumnType::Double => json!("double"),
        ColumnType::Timestamp => json!("timestamp"),
        ColumnType::Text => json!("string"),
        ColumnType::TextList => {
            json!({"type": "array", "elementType": "string", "containsNull": true})
        }
    }
}
