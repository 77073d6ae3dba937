//! The columns of a checkpoint file (Delta protocol, "Checkpoint Schema").

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Schema};

use crate::error::LakeError;

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn text(name: &str) -> Field {
    field(name, DataType::Utf8)
}

fn long(name: &str) -> Field {
    field(name, DataType::Int64)
}

fn int(name: &str) -> Field {
    field(name, DataType::Int32)
}

fn boolean(name: &str) -> Field {
    field(name, DataType::Boolean)
}

fn texts(name: &str) -> Field {
    field(name, DataType::List(Arc::new(text("element"))))
}

/// A map from text to text.
fn map(name: &str) -> Field {
    let entries = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        text("value"),
    ]);
    let entries = Field::new("key_value", DataType::Struct(entries), false);
    field(name, DataType::Map(Arc::new(entries), false))
}

fn structure(name: &str, fields: Vec<Field>) -> Field {
    field(name, DataType::Struct(Fields::from(fields)))
}

/// The columns of a V1 checkpoint: one for each kind of action, exactly one of them set in a row.
pub(super) fn v1() -> Schema {
    let deletion_vector = || {
        structure(
            "deletionVector",
            vec![
                text("storageType"),
                text("pathOrInlineDv"),
                int("offset"),
                int("sizeInBytes"),
                long("cardinality"),
            ],
        )
    };
    Schema::new(vec![
        structure(
            "txn",
            vec![text("appId"), long("version"), long("lastUpdated")],
        ),
        structure(
            "add",
            vec![
                text("path"),
                map("partitionValues"),
                long("size"),
                long("modificationTime"),
                boolean("dataChange"),
                map("tags"),
                text("stats"),
                deletion_vector(),
                long("baseRowId"),
                long("defaultRowCommitVersion"),
                text("clusteringProvider"),
            ],
        ),
        structure(
            "remove",
            vec![
                text("path"),
                long("deletionTimestamp"),
                boolean("dataChange"),
                boolean("extendedFileMetadata"),
                map("partitionValues"),
                long("size"),
                map("tags"),
                deletion_vector(),
                long("baseRowId"),
                long("defaultRowCommitVersion"),
            ],
        ),
        structure(
            "metaData",
            vec![
                text("id"),
                text("name"),
                text("description"),
                structure("format", vec![text("provider"), map("options")]),
                text("schemaString"),
                texts("partitionColumns"),
                map("configuration"),
                long("createdTime"),
            ],
        ),
        structure(
            "protocol",
            vec![
                int("minReaderVersion"),
                int("minWriterVersion"),
                texts("readerFeatures"),
                texts("writerFeatures"),
            ],
        ),
        structure(
            "domainMetadata",
            vec![text("domain"), text("configuration"), boolean("removed")],
        ),
    ])
}

/// The batch without the columns that repeat partition values and statistics in a typed form: the texts say the same, and
/// their types could be any.
pub(super) fn without_parsed_columns(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let Some(structure) = column.as_struct_opt() else {
            continue;
        };
        let kept: Vec<(Arc<Field>, ArrayRef)> = structure
            .fields()
            .iter()
            .zip(structure.columns())
            .filter(|(field, _)| !field.name().ends_with("_parsed"))
            .map(|(field, column)| (Arc::clone(field), Arc::clone(column)))
            .collect();
        let (inner, arrays): (Vec<Arc<Field>>, Vec<ArrayRef>) = kept.into_iter().unzip();
        let inner = Fields::from(inner);
        let kept = StructArray::try_new(inner.clone(), arrays, structure.nulls().cloned())?;
        fields.push(Field::new(
            field.name(),
            DataType::Struct(inner),
            field.is_nullable(),
        ));
        columns.push(Arc::new(kept));
    }
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}
