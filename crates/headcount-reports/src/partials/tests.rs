//! Reports over Parquet files, with and without what files contribute being kept.

use std::fs::File;
use std::path::Path;

use datafusion::parquet::arrow::ArrowWriter;
use datafusion::physical_plan::displayable;
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
fn no_question_leaves_its_answer_to_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path(), 2);
    let plain = Reports::over(sources.clone(), QueryLimits::default());
    let keeping = plain.clone().with_partials(FilePartials::default());
    let ask = |reports: &Reports, framework: &str, version: Option<&str>| {
        let parameters = ReportParameters {
            framework: Some(framework.to_owned()),
            version: version.map(str::to_owned),
            min_crews: Some(1),
            ..ReportParameters::default()
        };
        wait(reports.report("crews", &parameters)).unwrap()
    };
    for column in 0..8 {
        let odd = format!("crewai AND framework_version@{column} = 1.15.30");
        assert!(ask(&keeping, &odd, None).rows.is_empty());
    }
    let expected = ask(&plain, "crewai", Some("1.15.30"));
    assert!(!expected.rows.is_empty());
    assert_eq!(ask(&keeping, "crewai", Some("1.15.30")), expected);
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
