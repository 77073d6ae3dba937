//! Export: everything that is stored about some crews, as JSON.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::str::FromStr;

use arrow::array::RecordBatch;
use headcount_catalog::Table;
use headcount_lake::{CrewRows, LakeError};
use serde_json::{Map, Value};

use crate::damage::notes;
use crate::json::rows_of;
use crate::parameters::Selection;

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExportFormat {
    /// An object a line.
    #[default]
    Jsonl,
    /// An array of the same objects.
    Json,
}

impl ExportFormat {
    /// Its name: on the command line and in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Json => "json",
        }
    }
}

impl FromStr for ExportFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "jsonl" => Ok(Self::Jsonl),
            "json" => Ok(Self::Json),
            _ => Err(format!(
                "`{name}` is no format of an export; the formats are jsonl and json"
            )),
        }
    }
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] LakeError),
    /// The rows cannot be written.
    #[error("cannot write the export")]
    Write(#[from] io::Error),
}

/// Writes the crews' rows of every table, in the catalog's order and each in the order of their times, to `output`: objects with `table`, `tier`
/// and the table's columns, of which each is there, as null where the row has no value. Returns their number. Blocks, and keeps in
/// memory what the crews sent to one table on one day.
///
/// # Errors
/// The operating system refuses to read a file, or `output` fails. A damaged file is left out: see [`missing_from`].
pub fn export_crews(
    crews: &CrewRows,
    format: ExportFormat,
    output: &mut dyn Write,
) -> Result<u64, ExportError> {
    let mut rows = 0;
    if format == ExportFormat::Json {
        output.write_all(b"[")?;
    }
    let schema = crews.snapshot().schema();
    for id in crews.tables() {
        let Some(table) = schema.table(id) else {
            continue;
        };
        crews.each_day(id, |day| {
            for object in objects(table, day) {
                let separator: &[u8] = match (format, rows) {
                    (ExportFormat::Jsonl, _) => b"",
                    (ExportFormat::Json, 0) => b"\n",
                    (ExportFormat::Json, _) => b",\n",
                };
                output.write_all(separator)?;
                serde_json::to_writer(&mut *output, &object).map_err(io::Error::from)?;
                if format == ExportFormat::Jsonl {
                    output.write_all(b"\n")?;
                }
                rows += 1;
            }
            Ok::<(), ExportError>(())
        })?;
    }
    if format == ExportFormat::Json {
        output.write_all(b"\n]\n")?;
    }
    output.flush()?;
    Ok(rows)
}

/// A sentence for each table of the export of which files are known to be damaged, or commits lost.
pub fn missing_from(crews: &CrewRows) -> Vec<String> {
    let schema = crews.snapshot().schema();
    let tables = crews.tables().into_iter();
    let tables = tables.filter_map(|id| schema.table(id));
    let names: BTreeSet<String> = tables.map(|table| table.name.clone()).collect();
    notes(crews.snapshot(), &names, &Selection::default())
}

fn objects(table: &Table, batch: &RecordBatch) -> impl Iterator<Item = Value> {
    let schema = batch.schema();
    let table = (table.name.clone(), table.tier.name());
    rows_of(batch).into_iter().map(move |row| {
        let mut object = Map::new();
        object.insert("table".to_owned(), table.0.clone().into());
        object.insert("tier".to_owned(), table.1.into());
        let names = schema.fields().iter().map(|field| field.name().clone());
        object.extend(names.zip(row));
        Value::Object(object)
    })
}
