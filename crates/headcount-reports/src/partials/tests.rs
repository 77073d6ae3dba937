//! Reports over Parquet files, with and without what files contribute being kept.

use std::fs::File;
use std::path::Path;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::pretty::pretty_format_batches;
use datafusion::common::config::ConfigOptions;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::physical_optimizer::PhysicalOptimizerRule as _;
use datafusion::physical_plan::{collect, displayable};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use headcount_catalog::Catalog;

use super::*;
use crate::engine::session;
use crate::parameters::{DEFAULT_MIN_CREWS, Selection};
use crate::reports::plan;
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
            let _written = writer.close().unwrap();
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

/// What is asked for: everything, periods, spans of time with an edge inside of files, one release.
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
fn every_report_is_the_same_whether_partials_are_kept_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 3);
    let plain = Reports::over(sources.clone(), QueryLimits::default());
    let keeping = plain.clone().with_partials(FilePartials::default());
    for parameters in selections() {
        for report in catalog_of_reports() {
            let ask = |reports: &Reports| wait(reports.report(&report.name, &parameters)).unwrap();
            let expected = ask(&plain);
            assert_eq!(ask(&keeping), expected, "{} at first", report.name);
            assert_eq!(ask(&keeping), expected, "{} again", report.name);
        }
    }
}

/// The plan of a report, as text, as it would be run now.
fn planned(sources: &[Source], partials: &FilePartials, name: &str, since: Option<i64>) -> String {
    let selection = Selection {
        since,
        min_crews: DEFAULT_MIN_CREWS,
        ..Selection::default()
    };
    let keep = KeepPartials::new(partials.clone(), &selection);
    let context = session(&QueryLimits::default(), Some(keep)).unwrap();
    let report = find_report(name).unwrap();
    let planned = async {
        let frame = plan(&context, sources, report, &selection).await.unwrap();
        frame.create_physical_plan().await.unwrap()
    };
    let plan = tokio::runtime::Runtime::new().unwrap().block_on(planned);
    displayable(plan.as_ref()).indent(false).to_string()
}

fn ask(sources: &[Source], partials: &FilePartials, name: &str) {
    let reports = Reports::over(sources.to_vec(), QueryLimits::default());
    let reports = reports.with_partials(partials.clone());
    let _answer = wait(reports.report(name, &ReportParameters::default())).unwrap();
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
fn a_report_that_is_computed_anew_reads_no_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 3);
    let partials = FilePartials::default();
    for report in catalog_of_reports() {
        let before = planned(&sources, &partials, &report.name, None);
        ask(&sources, &partials, &report.name);
        let after = planned(&sources, &partials, &report.name, None);
        assert!(
            total(&before, "known=") + total(&before, "files=") > 0,
            "{before}"
        );
        assert!(
            !before.contains(".parquet"),
            "a scan that nothing is kept of: {before}"
        );
        assert_eq!(total(&after, "files="), 0, "{after}");
        assert_eq!(
            total(&after, "known="),
            total(&before, "known=") + total(&before, "files=")
        );
    }
}

#[test]
fn what_is_kept_serves_every_span_of_time_that_holds_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 3);
    let partials = FilePartials::default();
    // Asked for with an edge before everything, since a span has conditions and all time has none.
    let since = |micros| planned(&sources, &partials, "crews", Some(micros));
    let reports = Reports::over(sources.clone(), QueryLimits::default());
    let long_ago = ReportParameters {
        since: Some("2020-01-01".to_owned()),
        ..ReportParameters::default()
    };
    let keeping = reports.with_partials(partials.clone());
    let _answer = wait(keeping.report("crews", &long_ago)).unwrap();
    let year = 365 * 86_400_000_000;
    assert_eq!(
        total(&since(51 * year), "files="),
        0,
        "another edge before everything"
    );
    let inside = since(1_794_000_000_000_000);
    assert!(total(&inside, "files=") > 0, "an edge inside: {inside}");
}

/// Plans show texts without quotes: what somebody asks for must not read as the conditions of another question.
#[test]
fn what_was_asked_for_keeps_contributions_apart() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 2);
    let partials = FilePartials::default();
    let asked = |framework: &str| Selection {
        framework: Some(framework.to_owned()),
        ..Selection::default()
    };
    // One plan, as if two questions had the same one.
    let context = session(&QueryLimits::default(), None).unwrap();
    let planned = async {
        let report = find_report("crews").unwrap();
        let frame = plan(&context, &sources, report, &asked("crewai")).await;
        frame.unwrap().create_physical_plan().await.unwrap()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let plan = runtime.block_on(planned);
    let kept = |framework: &str| {
        let rule = KeepPartials::new(partials.clone(), &asked(framework));
        rule.optimize(Arc::clone(&plan), &ConfigOptions::new())
            .unwrap()
    };
    let known = |framework: &str| {
        let plan = kept(framework);
        total(
            &displayable(plan.as_ref()).indent(false).to_string(),
            "known=",
        )
    };
    let _answer = runtime
        .block_on(collect(kept("crewai"), context.task_ctx()))
        .unwrap();
    assert!(known("crewai") > 0);
    assert_eq!(known("crewai AND framework_version@1 = 1.15.30"), 0);
}

/// Answers `query` over Parquet files of one row each, whose values are these; what files contribute is kept.
fn asked_of(folder: &Path, partials: &FilePartials, files: &[usize], query: &str) -> String {
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
        let _written = writer.close().unwrap();
    }
    let keep = KeepPartials::new(partials.clone(), &Selection::default());
    let context = session(&QueryLimits::default(), Some(keep)).unwrap();
    let answer = async {
        let options = ParquetReadOptions::default();
        let rows = SessionContext::new().read_parquet(paths, options).await;
        let _none = context
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
fn different_aggregates_of_the_same_rows_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let partials = FilePartials::default();
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
            let answer = asked_of(folder.path(), &partials, &files, &query);
            assert!(
                answer.contains(&format!(" {expected} ")),
                "{query}: {answer}"
            );
        }
    }
}

/// DataFusion leaves out, while it runs, files that cannot change the answer: what they contribute is needed all the same.
#[test]
fn a_file_contributes_the_same_whatever_is_read_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let partials = FilePartials::default();
    let query = "SELECT max(value) FROM rows WHERE weight >= 0";
    let files = [9, 1, 2, 3, 4, 5, 6, 7, 8];
    let answer = asked_of(folder.path(), &partials, &files, query);
    assert!(answer.contains(" 9 "), "{answer}");
    for pair in [[1, 2], [3, 4], [5, 6], [7, 8]] {
        let answer = asked_of(folder.path(), &partials, &pair, query);
        assert!(answer.contains(&format!(" {} ", pair[1])), "{answer}");
    }
}

#[test]
fn what_files_contributed_goes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 2);
    let partials = FilePartials::default();
    ask(&sources, &partials, "crews");
    let kept = |partials: &FilePartials| partials.0.list_entries().len();
    let all = kept(&partials);
    assert!(all > 1 && partials.bytes() > 0);
    let one = partials.0.list_entries().into_keys().next().unwrap().file;
    partials.retain(&HashSet::from([one.to_string()]));
    assert!(kept(&partials) > 0 && kept(&partials) < all);
    assert_eq!(
        total(&planned(&sources, &partials, "crews", None), "files="),
        1
    );
    partials.retain(&HashSet::new());
    assert_eq!((kept(&partials), partials.bytes()), (0, 0));
}

#[test]
fn without_room_reports_are_computed_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 2);
    let partials = FilePartials::new(1);
    let plain = Reports::over(sources.clone(), QueryLimits::default());
    let keeping = plain.clone().with_partials(partials.clone());
    for report in catalog_of_reports() {
        let ask = |reports: &Reports| {
            let all = ReportParameters::default();
            wait(reports.report(&report.name, &all)).unwrap()
        };
        assert_eq!(ask(&keeping), ask(&plain));
    }
    assert_eq!(partials.bytes(), 0);
}
