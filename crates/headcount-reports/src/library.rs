//! The reports that ship with the project: the files in `reports/`, built in.

use std::sync::LazyLock;

use crate::header::ReportHeader;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../reports/", $name, ".sql")))),*]
    };
}

/// Every file of `reports/`, in the order in which they are listed to people. A test compares it with the folder.
const FILES: &[(&str, &str)] = files![
    "overview",
    "versions",
    "runtimes",
    "crews",
    "completions",
    "features",
    "agents",
    "roles",
    "tasks",
    "failures",
    "tools",
    "tool-errors",
    "models",
    "model-calls",
    "agent-runs",
    "instrumentations",
    "tests",
    "deployments",
    "flows",
    "feedback",
    "environment",
    "projects",
    "shared",
    "losses",
    "refusals",
    "removal",
    "adoption",
    "retention",
    "lifecycle",
    "stickiness",
    "crosstab",
    "release-health",
    "failing",
    "new-values",
    "shapes",
    "scores",
    "completeness",
    "installations",
    "installation-retention",
    "installation-lag",
];

static REPORTS: LazyLock<Vec<ReportHeader>> = LazyLock::new(|| {
    let parsed = FILES
        .iter()
        .map(|(name, text)| ReportHeader::parse(name, text));
    #[expect(
        clippy::expect_used,
        reason = "the files are built in, and a test reads them"
    )]
    parsed
        .collect::<Result<_, _>>()
        .expect("a built-in report has a sound header")
});

/// All reports, in the order in which they are listed to people.
pub fn catalog_of_reports() -> &'static [ReportHeader] {
    &REPORTS
}

/// The report `name`.
pub fn find_report(name: &str) -> Option<&'static ReportHeader> {
    REPORTS.iter().find(|report| report.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own_values::{LAST_FULL_DAY, TODAY, names_in};

    #[test]
    fn every_file_in_the_folder_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../reports");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".sql").map(str::to_owned)
            })
            .collect();
        let mut listed: Vec<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        found.sort();
        listed.sort();
        assert_eq!(found, listed);
    }

    #[test]
    fn every_header_is_sound_and_names_columns_that_exist() {
        for report in catalog_of_reports() {
            let has = |name: &str| report.columns.iter().any(|column| column.name == name);
            for (column, _) in &report.when_null {
                assert!(has(column), "{}: {column}", report.name);
            }
            let held_back = report.held_back.iter();
            let held_back = held_back.flat_map(|held| held.with.iter().chain([&held.column]));
            let named = report.published_by.iter().chain(&report.tells_the_whole);
            let named = named.chain(&report.not_a_count);
            let summed = report.sums.iter().flat_map(|sum| sum.columns());
            for column in named
                .chain(held_back)
                .chain(&report.said_first)
                .chain(&report.in_brief)
                .chain(summed)
            {
                assert!(has(column), "{}: {column}", report.name);
            }
            let is_shared = report.name == "shared";
            assert_eq!(report.is_publishable(), !is_shared, "{}", report.name);
            if let Some(free_text) = &report.free_text {
                assert!(has(&free_text.column), "{}", report.name);
                match &free_text.holder {
                    crate::Holder::Column(column) => assert!(has(column), "{}", report.name),
                    crate::Holder::NoCrew => assert!(has("names"), "{}", report.name),
                }
            }
        }
    }

    /// Those of every report are named by the report's planner, not by its SQL.
    #[test]
    fn every_parameter_is_declared_and_used() {
        let common = [
            "since",
            "until",
            "by",
            "framework",
            "version",
            "environment",
        ];
        let every_reports = [TODAY, LAST_FULL_DAY, "min_crews"];
        for report in catalog_of_reports() {
            let used = names_in(report.sql);
            for parameter in &report.parameters {
                let name = parameter.name.as_str();
                assert!(used.contains(&name), "{}: {name} is not used", report.name);
                let is_common = common.contains(&name) || every_reports.contains(&name);
                assert!(!is_common, "{}: {name} is every report's", report.name);
            }
            for name in used {
                let mut declared = report.parameters.iter();
                let is_known = every_reports.contains(&name);
                assert!(
                    is_known || declared.any(|parameter| parameter.name == name),
                    "{}: ${name} is not declared",
                    report.name
                );
            }
        }
    }

    #[test]
    fn a_header_without_its_question_is_refused() {
        let error = ReportHeader::parse("x", "-- title: X\nSELECT 1").unwrap_err();
        assert!(error.contains("question"), "{error}");
        let error = ReportHeader::parse("x", "-- nonsense: X\nSELECT 1").unwrap_err();
        assert!(error.contains("nonsense"), "{error}");
        let error = ReportHeader::parse("x", "--   weeks: number 1 to 2 = 1: x\n").unwrap_err();
        assert!(error.contains("no list"), "{error}");
    }
}
