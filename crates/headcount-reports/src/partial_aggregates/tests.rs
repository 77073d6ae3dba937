//! Reports over Parquet files, with and without the cache.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use headcount_catalog::Catalog;

use super::{CachePartialAggregates, PartialAggregateCache};
use crate::engine::session;
use crate::header::ReportHeader;
use crate::parameters::Selection;
use crate::report_plan::{optimized_plan, physical_plan};
use crate::tests::{dataset, source_of, wait};
use crate::{
    Period, QueryLimits, ReportParameters, Reports, Source, catalog_of_reports, find_report,
};

/// Each table of the dataset as two files or more, one row after the other.
fn sources(folder: &Path, files: usize) -> Vec<Source> {
    let rows = dataset();
    let tables = Catalog::embedded().schema().tables.iter();
    let sources = tables.map(|table| {
        let (source, batches) = source_of(table, &rows);
        let folder = folder.join(&table.name);
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..files {
            let path = folder.join(format!("{file}.parquet"));
            let mut writer =
                ArrowWriter::try_new(File::create(path).unwrap(), source.provider.schema(), None)
                    .unwrap();
            for batch in &batches {
                let own = (0..batch.num_rows()).filter(|row| row % files == file);
                for row in own {
                    writer.write(&batch.slice(row, 1)).unwrap();
                }
            }
            writer.close().unwrap();
        }
        let read = async {
            let context = SessionContext::new();
            let options = ParquetReadOptions::default();
            context
                .read_parquet(folder.to_str().unwrap(), options)
                .await
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let provider = runtime.block_on(read).unwrap().into_view();
        Source { provider, ..source }
    });
    sources.collect()
}

/// All records, periods, time ranges with an edge inside of files, one release.
fn selections() -> Vec<ReportParameters> {
    let text = |text: &str| Some(text.to_owned());
    let all = ReportParameters {
        min_crews: Some(1),
        ..ReportParameters::default()
    };
    let by_day = ReportParameters {
        by: Some(Period::Day),
        ..all.clone()
    };
    let long_ago = ReportParameters {
        since: text("2020-01-01"),
        ..all.clone()
    };
    let within = ReportParameters {
        since: text("2026-11-03"),
        until: text("2026-11-11"),
        ..all.clone()
    };
    let release = ReportParameters {
        version: text("1.15.*"),
        ..all.clone()
    };
    vec![all, by_day, long_ago, within, release]
}

#[test]
fn every_report_is_the_same_with_and_without_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 3);
    let plain = Reports::over(sources.clone(), QueryLimits::default());
    let caching = plain
        .clone()
        .with_partial_aggregates(PartialAggregateCache::default());
    for parameters in selections() {
        let with_periods =
            |report: &&ReportHeader| parameters.by.is_none() || !report.counts_from_today();
        for report in catalog_of_reports().iter().filter(with_periods) {
            let ask = |reports: &Reports| wait(reports.report(&report.name, &parameters)).unwrap();
            let expected = ask(&plain);
            assert_eq!(ask(&caching), expected, "{} at first", report.name);
            assert_eq!(ask(&caching), expected, "{} again", report.name);
        }
    }
}

/// The plan of a report for `selection`, as it would be run now.
fn plan_of(
    sources: &[Source],
    cache: &PartialAggregateCache,
    name: &str,
    selection: &Selection,
) -> Arc<dyn ExecutionPlan> {
    let rule = CachePartialAggregates::new(cache.clone());
    let context = session(&QueryLimits::default(), Some(rule)).unwrap();
    let report = find_report(name).unwrap();
    let planned = async {
        let plan = optimized_plan(&context, sources, report, selection)
            .await
            .unwrap();
        physical_plan(&context, &plan).await.unwrap()
    };
    tokio::runtime::Runtime::new().unwrap().block_on(planned)
}

/// That plan for all records since a moment, as text.
fn planned(
    sources: &[Source],
    cache: &PartialAggregateCache,
    name: &str,
    since: Option<i64>,
) -> String {
    let report = find_report(name).unwrap();
    let all = ReportParameters::default().resolve_for(report, chrono::Utc::now());
    let selection = Selection {
        since,
        ..all.unwrap()
    };
    let plan = plan_of(sources, cache, name, &selection);
    displayable(plan.as_ref()).indent(false).to_string()
}

fn ask(sources: &[Source], cache: &PartialAggregateCache, name: &str) {
    let reports = Reports::over(sources.to_vec(), QueryLimits::default());
    let reports = reports.with_partial_aggregates(cache.clone());
    wait(reports.report(name, &ReportParameters::default())).unwrap();
}

/// How many times `word` stands in a plan with the number that follows it, added up.
fn total(plan: &str, word: &str) -> usize {
    let numbers = plan.split(word).skip(1);
    let digits = |text: &str| {
        text.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    };
    numbers
        .map(|text| digits(text).parse::<usize>().unwrap())
        .sum()
}

#[test]
fn a_report_that_is_computed_again_reads_no_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 3);
    let cache = PartialAggregateCache::default();
    for report in catalog_of_reports() {
        let before = planned(&sources, &cache, &report.name, None);
        ask(&sources, &cache, &report.name);
        let after = planned(&sources, &cache, &report.name, None);
        assert!(
            total(&before, "cached=") + total(&before, "files=") > 0,
            "{before}"
        );
        assert!(
            !before.contains(".parquet"),
            "a scan that is not cached: {before}"
        );
        assert_eq!(total(&after, "files="), 0, "{after}");
        assert_eq!(
            total(&after, "cached="),
            total(&before, "cached=") + total(&before, "files=")
        );
    }
}

#[test]
fn an_entry_serves_every_time_range_that_holds_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 3);
    let cache = PartialAggregateCache::default();
    // Asked for with an edge before everything, since a span has conditions and all time has none.
    let since = |micros| planned(&sources, &cache, "crews", Some(micros));
    let reports = Reports::over(sources.clone(), QueryLimits::default());
    let long_ago = ReportParameters {
        since: Some("2020-01-01".to_owned()),
        ..ReportParameters::default()
    };
    let caching = reports.with_partial_aggregates(cache.clone());
    wait(caching.report("crews", &long_ago)).unwrap();
    let year = 365 * 86_400_000_000;
    assert_eq!(
        total(&since(51 * year), "files="),
        0,
        "another edge before everything"
    );
    let inside = since(1_794_000_000_000_000);
    assert!(total(&inside, "files=") > 0, "an edge inside: {inside}");
}

/// A plan shows texts without quotes: conditions that read the same may differ.
#[test]
fn plans_that_only_look_alike_have_entries_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 2);
    let cache = PartialAggregateCache::default();
    let of_both = ReportParameters {
        framework: Some("crewai".to_owned()),
        version: Some("1.15.30".to_owned()),
        ..ReportParameters::default()
    };
    let of_one_name = ReportParameters {
        framework: Some("crewai AND framework_version@1 = 1.15.30".to_owned()),
        ..ReportParameters::default()
    };
    let plan = |parameters: &ReportParameters| {
        let selection = parameters.resolve(chrono::Utc::now()).unwrap();
        let plan = plan_of(&sources, &cache, "crews", &selection);
        displayable(plan.as_ref()).indent(false).to_string()
    };
    let reports = Reports::over(sources.clone(), QueryLimits::default());
    let reports = reports.with_partial_aggregates(cache.clone());
    wait(reports.report("crews", &of_both)).unwrap();
    assert!(total(&plan(&of_both), "cached=") > 0);
    assert_eq!(total(&plan(&of_one_name), "cached="), 0);
}

#[test]
fn a_plan_with_a_volatile_function_is_not_cached() {
    let folder = tempfile::tempdir().unwrap();
    let cache = PartialAggregateCache::default();
    let query = "SELECT sum(CASE WHEN random() < 2 THEN value END) FROM rows";
    for _ in 0..2 {
        let answer = asked_of(folder.path(), &cache, &[1, 2, 3], query);
        assert!(answer.contains(" 6 "), "{answer}");
    }
    assert_eq!(cache.keys().len(), 0);
}

/// Answers `query` over Parquet files of one row each, whose values are these, with the cache.
fn asked_of(folder: &Path, cache: &PartialAggregateCache, files: &[usize], query: &str) -> String {
    let schema = Arc::new(Schema::new(vec![
        Field::new("value", DataType::Int64, true),
        Field::new("weight", DataType::Int64, true),
    ]));
    let paths: Vec<String> = files
        .iter()
        .map(|file| folder.join(format!("{file}.parquet")).display().to_string())
        .collect();
    for (path, file) in paths.iter().zip(files) {
        let value = *file as i64;
        let columns: [ArrayRef; 2] = [
            Arc::new(Int64Array::from(vec![value])),
            Arc::new(Int64Array::from(vec![value % 3])),
        ];
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns.to_vec()).unwrap();
        let file = File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
    }
    let rule = CachePartialAggregates::new(cache.clone());
    let context = session(&QueryLimits::default(), Some(rule)).unwrap();
    let answer = async {
        let options = ParquetReadOptions::default();
        let rows = SessionContext::new().read_parquet(paths, options).await;
        context
            .register_table("rows", rows.unwrap().into_view())
            .unwrap();
        let frame = context.sql(query).await.unwrap();
        frame.collect().await.unwrap()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let batches = runtime.block_on(answer);
    pretty_format_batches(&batches).unwrap().to_string()
}

#[test]
fn different_aggregates_of_the_same_rows_have_entries_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let cache = PartialAggregateCache::default();
    let files = [1, 2, 3, 4, 5];
    for (aggregates, expected) in [
        ("sum(value)", "15"),
        ("avg(value)", "3.0"),
        ("sum(value) FILTER (WHERE weight = 1)", "5"),
        ("sum(value) FILTER (WHERE weight = 2)", "7"),
        ("sum(DISTINCT value / 3)", "1"),
        ("sum(value / 3)", "3"),
    ] {
        let query = format!("SELECT {aggregates} FROM rows WHERE weight >= 0");
        for _ in 0..2 {
            let answer = asked_of(folder.path(), &cache, &files, &query);
            assert!(
                answer.contains(&format!(" {expected} ")),
                "{query}: {answer}"
            );
        }
    }
}

/// While a plan runs, DataFusion skips files that cannot change the answer. The cache needs their states all the same.
#[test]
fn the_state_of_a_file_does_not_depend_on_the_files_read_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = PartialAggregateCache::default();
    let query = "SELECT max(value) FROM rows WHERE weight >= 0";
    let files = [9, 1, 2, 3, 4, 5, 6, 7, 8];
    let answer = asked_of(folder.path(), &cache, &files, query);
    assert!(answer.contains(" 9 "), "{answer}");
    for pair in [[1, 2], [3, 4], [5, 6], [7, 8]] {
        let answer = asked_of(folder.path(), &cache, &pair, query);
        assert!(answer.contains(&format!(" {} ", pair[1])), "{answer}");
    }
}

#[test]
fn the_entries_of_a_file_go_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 2);
    let cache = PartialAggregateCache::default();
    ask(&sources, &cache, "crews");
    let all = cache.keys().len();
    assert!(all > 1 && cache.bytes() > 0);
    let one = cache.keys().into_iter().next().unwrap().file;
    cache.retain(&HashSet::from([one.to_string()]));
    assert!((1..all).contains(&cache.keys().len()));
    assert_eq!(
        total(&planned(&sources, &cache, "crews", None), "files="),
        1
    );
    cache.retain(&HashSet::new());
    assert_eq!((cache.keys().len(), cache.bytes()), (0, 0));
}

#[test]
fn a_full_cache_does_not_change_reports() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 2);
    let cache = PartialAggregateCache::new(1);
    let plain = Reports::over(sources.clone(), QueryLimits::default());
    let caching = plain.clone().with_partial_aggregates(cache.clone());
    for report in catalog_of_reports() {
        let ask = |reports: &Reports| {
            let all = ReportParameters::default();
            wait(reports.report(&report.name, &all)).unwrap()
        };
        assert_eq!(ask(&caching), ask(&plain));
    }
    assert_eq!(cache.bytes(), 0);
}

/// Whoever may choose filters can make any number of plans, and each takes memory.
#[test]
fn the_cache_keeps_a_bounded_number_of_plans() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 2);
    let cache = PartialAggregateCache::with_plan_limit(64 << 20, 24);
    let plain = Reports::over(sources, QueryLimits::default());
    let caching = plain.clone().with_partial_aggregates(cache.clone());
    for minor in 0..30 {
        let parameters = ReportParameters {
            version: Some(format!("1.{minor}.*")),
            ..ReportParameters::default()
        };
        let ask = |reports: &Reports| wait(reports.report("overview", &parameters)).unwrap();
        let expected = ask(&plain);
        assert_eq!(ask(&caching), expected);
        assert_eq!(ask(&caching), expected);
        assert!(cache.plan_count() <= 24, "{}", cache.plan_count());
    }
    cache.retain(&HashSet::new());
    assert_eq!((cache.plan_count(), cache.keys().len()), (0, 0));
}
