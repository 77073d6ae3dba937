//! Parameters select records.

use super::*;
use crate::Period;

fn runs(parameters: &ReportParameters) -> Vec<(Value, Value)> {
    let answer = ask(&reports(), "overview", parameters);
    let columns = ["metric", "value"].map(|name| answer.column_index(name).unwrap());
    let first = answer.rows.iter().filter(|row| row[columns[0]] == "runs");
    first
        .map(|row| (row[0].clone(), row[columns[1]].clone()))
        .collect()
}

fn runs_in_all(parameters: &ReportParameters) -> i64 {
    runs(parameters)[0].1.as_i64().unwrap()
}

#[test]
fn since_and_until_bound_the_time() {
    let between = |since: &str, until: &str| ReportParameters {
        since: Some(since.to_owned()),
        until: Some(until.to_owned()),
        ..ReportParameters::default()
    };
    assert_eq!(runs_in_all(&ReportParameters::default()), 10);
    assert_eq!(runs_in_all(&between("2026-11-03", "2026-11-03")), 2);
    assert_eq!(
        runs_in_all(&between("2026-11-03T09:00:00Z", "2026-11-04T09:00:00Z")),
        2
    );
    assert_eq!(runs_in_all(&between("2027-01-01", "2027-02-01")), 0);
}

#[test]
fn a_version_is_exact_or_a_prefix() {
    let of = |version: &str| ReportParameters {
        version: Some(version.to_owned()),
        ..ReportParameters::default()
    };
    assert_eq!(runs_in_all(&of("0.134.0")), 1);
    assert_eq!(runs_in_all(&of("1.15.*")), 7);
    assert_eq!(runs_in_all(&of("1.15")), 0);
    assert_eq!(runs_in_all(&of("%")), 0);
    assert_eq!(runs_in_all(&of("' OR 1 = 1 --")), 0);
}

#[test]
fn a_framework_is_exact() {
    let of = |framework: &str| ReportParameters {
        framework: Some(framework.to_owned()),
        ..ReportParameters::default()
    };
    assert_eq!(runs_in_all(&of("crewai")), 10);
    assert_eq!(runs_in_all(&of("headcount")), 0);
}

#[test]
fn periods_begin_at_midnight_on_monday_and_on_the_first() {
    let by = |period| {
        let parameters = ReportParameters {
            by: Some(period),
            ..ReportParameters::default()
        };
        let rows = runs(&parameters).into_iter();
        rows.map(|(period, runs)| (period.as_str().unwrap().to_owned(), runs.as_i64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(by(Period::Month), [("2026-11-01".to_owned(), 10)]);
    let weeks = by(Period::Week);
    assert_eq!(weeks.iter().map(|(_, runs)| runs).sum::<i64>(), 10);
    assert_eq!(weeks.last().unwrap().0, "2026-11-09");
    let days = by(Period::Day);
    assert_eq!(days[0].0, "2026-11-02");
    assert_eq!(days[1], ("2026-11-03".to_owned(), 2));
}

#[test]
fn parameters_are_read_from_json() {
    let read = serde_json::from_str::<ReportParameters>;
    let parameters = read(r#"{"by": "week", "since": "7d", "min_crews": 1}"#).unwrap();
    assert_eq!(parameters.by, Some(Period::Week));
    // Whether it is one of a report's own is known when the report is.
    let misspelt = read(r#"{"sinse": "7d"}"#).unwrap();
    let error = misspelt.check(crate::find_report("tools").unwrap());
    assert!(error.unwrap_err().to_string().contains("sinse"));
    assert!(read(r#"{"min_crews": "many"}"#).is_err());
}
