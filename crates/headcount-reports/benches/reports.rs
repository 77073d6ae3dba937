//! Each report over the records of ten million spans, as Parquet files: `cargo bench -p headcount-reports [-- NAME…]`.
//!
//! The aim: each below 300 ms warm on two cores. `HEADCOUNT_BENCH_RUNS` (kickoffs, 400,000 if unset) scales it.
//! The values are generated: a quarter of the kickoffs are of crews not seen before, ids are random, roles and
//! tools are many. Prints one line a report: the best and the median of five warm answers.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, RecordBatch,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use headcount_catalog::{Catalog, Column, ColumnType, Table};
use headcount_lake::arrow_schema;
use headcount_reports::{QueryLimits, ReportParameters, Reports, Source, catalog_of_reports};

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let runs = std::env::var("HEADCOUNT_BENCH_RUNS").map_or(400_000, |runs| runs.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("headcount-reports-bench-{runs}"));
    std::fs::create_dir_all(&folder).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let schema = Catalog::embedded().schema();
    let sources = schema.tables.iter().map(|table| {
        let rows = rows_of(&table.name, runs);
        let file = folder.join(format!("{}.parquet", table.name));
        if !file.exists() {
            write(table, rows, runs, &file);
        }
        let context = SessionContext::new();
        let read = context.read_parquet(file.to_str().unwrap(), ParquetReadOptions::default());
        Source {
            name: table.name.clone(),
            tier: table.tier,
            rows: Some(rows),
            provider: runtime.block_on(read).unwrap().into_view(),
        }
    });
    let reports = Reports::over(sources.collect(), QueryLimits::default());
    for report in catalog_of_reports() {
        if wanted.is_empty() || wanted.contains(&report.name) {
            measure(&runtime, &reports, &report.name);
        }
    }
}

fn measure(runtime: &tokio::runtime::Runtime, reports: &Reports, name: &str) {
    let ask = || {
        let start = Instant::now();
        let answer = runtime.block_on(reports.report(name, &ReportParameters::default()));
        (start.elapsed().as_millis(), answer.unwrap().rows.len())
    };
    let (cold, rows) = ask();
    let mut warm: Vec<u128> = (0..5).map(|_| ask().0).collect();
    warm.sort_unstable();
    println!(
        "{name:14} best {:5} ms  median {:5} ms  cold {cold:5} ms  {rows:6} rows",
        warm[0], warm[2]
    );
}

/// How many records of a table `runs` kickoffs leave: together 25 spans a kickoff.
fn rows_of(table: &str, runs: u64) -> u64 {
    match table {
        "crews" | "crew_completions" => runs,
        "agents" => runs * 2,
        "tasks" => runs * 3,
        "task_runs" | "flow_events" => runs * 6,
        "tool_uses" => runs * 5,
        "feature_uses" => runs * 4,
        "environments" | "human_feedback" => runs / 4,
        "tests" | "deployments" | "projects" => runs / 20,
        "refusals" => 5_000,
        _ => runs / 1_000,
    }
}

/// A generator of even noise (splitmix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Like words of people: few are frequent, many are rare.
    fn skewed(&mut self, limit: u64) -> u64 {
        let most = self.below(limit).max(1);
        self.below(most)
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    fn key(&mut self, domain: u64, different: u64) -> String {
        let number = self.below(different);
        format!("{:016x}", Noise(number ^ domain << 40).next())
    }
}

fn write(table: &Table, rows: u64, runs: u64, file: &Path) {
    let schema = arrow_schema(table);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
        .set_max_row_group_row_count(Some(128 * 1024))
        .build();
    let unfinished: PathBuf = file.with_extension("unfinished");
    let mut writer = ArrowWriter::try_new(
        File::create(&unfinished).unwrap(),
        Arc::clone(&schema),
        Some(properties),
    )
    .unwrap();
    let mut noise = Noise(rows ^ runs);
    let mut left = rows;
    while left > 0 {
        let count = left.min(64 * 1024);
        let columns = table
            .columns
            .iter()
            .map(|column| values(&table.name, column, count, runs, &mut noise));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
        writer.write(&batch).unwrap();
        left -= count;
    }
    writer.close().unwrap();
    std::fs::rename(unfinished, file).unwrap();
}

fn values(table: &str, column: &Column, count: u64, runs: u64, noise: &mut Noise) -> ArrayRef {
    match column.column_type {
        ColumnType::Boolean => {
            let mut builder = BooleanBuilder::new();
            (0..count).for_each(|_| builder.append_value(noise.below(4) == 0));
            Arc::new(builder.finish())
        }
        ColumnType::Integer => {
            let mut builder = Int64Builder::new();
            (0..count).for_each(|_| builder.append_value(noise.skewed(30) as i64));
            Arc::new(builder.finish())
        }
        ColumnType::Double => {
            let mut builder = Float64Builder::new();
            // Releases from 0.60 send neither top_k nor temperature.
            let seldom = column.name.starts_with("llm_");
            (0..count).for_each(|_| {
                builder.append_option((!seldom).then(|| noise.skewed(100_000) as f64 / 1000.0))
            });
            Arc::new(builder.finish())
        }
        ColumnType::Timestamp => {
            let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            let week = 7 * 86_400_000_000;
            (0..count).for_each(|_| {
                builder.append_value(1_793_000_000_000_000 + noise.below(week) as i64)
            });
            Arc::new(builder.finish())
        }
        ColumnType::Text => {
            let mut builder = StringBuilder::new();
            (0..count).for_each(|_| builder.append_option(text(table, &column.name, runs, noise)));
            Arc::new(builder.finish())
        }
        ColumnType::TextList => {
            let item = Field::new("element", DataType::Utf8, true);
            let mut builder = ListBuilder::new(StringBuilder::new()).with_field(Arc::new(item));
            for _ in 0..count {
                for _ in 0..noise.below(4) {
                    builder
                        .values()
                        .append_value(format!("Some Tool {}", noise.skewed(2_000)));
                }
                builder.append(true);
            }
            Arc::new(builder.finish())
        }
    }
}

fn text(table: &str, column: &str, runs: u64, noise: &mut Noise) -> Option<String> {
    let crews = (runs / 4).max(1);
    let of = |choices: &[&str], noise: &mut Noise| {
        choices[noise.below(choices.len() as u64) as usize].to_owned()
    };
    Some(match column {
        "framework" => "crewai".to_owned(),
        "framework_version" if table == "task_runs" && noise.below(2) == 0 => return None,
        "framework_version" => format!("1.{}.0", noise.skewed(60)),
        "runtime" => "python".to_owned(),
        "runtime_version" => format!("3.1{}.1", noise.below(4)),
        "coding_agent" => of(&["claude_code", "codex", "unknown"], noise),
        "runtime_context" => of(&["ci", "container", "interactive", "unknown"], noise),
        "cpu_band" => of(&["1-2", "3-4", "5-8"], noise),
        "project_id" => noise.key(5, crews),
        "crew_key" => noise.key(1, crews),
        "agent_key" => noise.key(2, crews * 2),
        "task_key" => noise.key(3, crews * 3),
        "key" if table == "refusals" => format!("attribute_{}", noise.below(50)),
        "key" => noise.key(table.len() as u64, crews * 2),
        "id" | "crew_id" | "task_id" => noise.uuid(),
        "process" => of(&["sequential", "hierarchical"], noise),
        "role" | "agent_role" => format!("Role of kind {}", noise.skewed(50_000)),
        "tool_name" => format!("Some Tool {}", noise.skewed(2_000)),
        "llm_model" | "function_calling_llm" | "model_name" => {
            format!("model-{}", noise.skewed(200))
        }
        "llm_name" | "llm_model_name" | "llm_class_name" | "models" => return None,
        "outcome" if table == "tool_uses" => of(&["used", "error", "repeated"], noise),
        "outcome" => of(&["completed", "failed"], noise),
        "error_type" => format!("Error{}", noise.skewed(100)),
        "event" => of(&["created", "started", "completed", "method_failed"], noise),
        "origin" => of(&["user", "internal"], noise),
        "flow_name" => format!("Flow{}", noise.skewed(20_000)),
        "step" => of(
            &[
                "execution",
                "result",
                "start",
                "create",
                "created",
                "failed",
            ],
            noise,
        ),
        "feature" => format!("memory:kind_{}", noise.skewed(40)),
        _ => format!("value {}", noise.skewed(10)),
    })
}
