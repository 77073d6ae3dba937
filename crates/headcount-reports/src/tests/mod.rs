//! Tests over a small store whose rows are written out in `dataset.json`.

mod free_sql;
mod limits;
mod parameters;
mod presentation;
mod publishing;
mod questions;
mod rare_values;
mod shipped;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::json::ReaderBuilder;
use datafusion::datasource::MemTable;
use headcount_catalog::{Catalog, Table};
use headcount_lake::arrow_schema;
use serde_json::{Map, Value};

use crate::{Answer, QueryLimits, ReportError, ReportParameters, Reports, Source};

/// Rows by table, each an object with the columns it fills.
pub(crate) type Dataset = Map<String, Value>;

pub(crate) fn dataset() -> Dataset {
    serde_json::from_str(include_str!("dataset.json")).unwrap()
}

fn reports_over(dataset: &Dataset) -> Reports {
    let schema = Catalog::embedded().schema();
    let sources = schema.tables.iter().map(|table| source(table, dataset));
    Reports::over(sources.collect(), QueryLimits::default())
}

fn source(table: &Table, dataset: &Dataset) -> Source {
    source_of(table, dataset).0
}

/// A table of the dataset, and its rows.
pub(crate) fn source_of(table: &Table, dataset: &Dataset) -> (Source, Vec<RecordBatch>) {
    let schema = arrow_schema(table);
    let none = Vec::new();
    let rows = dataset
        .get(&table.name)
        .map_or(&none, |rows| rows.as_array().unwrap());
    let mut decoder = ReaderBuilder::new(Arc::clone(&schema))
        .with_strict_mode(true)
        .build_decoder()
        .unwrap();
    decoder.serialize(rows).unwrap();
    let batches: Vec<RecordBatch> = decoder.flush().unwrap().into_iter().collect();
    let source = Source {
        name: table.name.clone(),
        tier: table.tier,
        rows: Some(rows.len() as u64),
        provider: Arc::new(MemTable::try_new(schema, vec![batches.clone()]).unwrap()),
    };
    (source, batches)
}

fn reports() -> Reports {
    reports_over(&dataset())
}

fn ask(reports: &Reports, name: &str, parameters: &ReportParameters) -> Answer {
    wait(reports.report(name, parameters)).unwrap()
}

fn sql(reports: &Reports, query: &str) -> Result<Answer, ReportError> {
    wait(reports.sql(query))
}

/// Waits without a runtime of the caller's own: questions need none.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    futures::executor::block_on(work)
}

fn parameters(min_crews: u64) -> ReportParameters {
    ReportParameters {
        min_crews: Some(min_crews),
        ..ReportParameters::default()
    }
}
