//! Filters that select nothing because no stored record has such a value: a misspelt one looks like an answer otherwise.

use headcount_answer::Answer;
use serde_json::Value;

use crate::parameters::ReportParameters;
use crate::suggestion::did_you_mean;

/// The most values that are listed where none is near.
const MOST_LISTED: usize = 5;

/// The report that lists the frameworks and their releases, and the one that lists the environments.
pub const REPORTS_OF_FILTER_VALUES: [&str; 2] = ["versions", "environment"];

/// The parameters of these two reports: every value, however rare.
pub fn every_filter_value() -> ReportParameters {
    ReportParameters {
        min_crews: Some(0),
        ..ReportParameters::default()
    }
}

/// Whether an answer to `parameters` may be empty because of a misspelt filter: it selects a part, and there is nothing in it.
pub fn may_be_unmatched(parameters: &ReportParameters, answer: &Answer) -> bool {
    let selects_part = parameters.framework.is_some()
        || parameters.version.is_some()
        || parameters.environment.is_some();
    selects_part && answer.rows.iter().flatten().all(is_nothing)
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

/// Notes on the filters of `parameters` that no stored record meets, by the answers of [`REPORTS_OF_FILTER_VALUES`].
pub fn unmatched_filters(
    parameters: &ReportParameters,
    versions: &Answer,
    environments: &Answer,
) -> Vec<String> {
    let mut notes = Vec::new();
    let pairs = pairs(versions, "framework", "version");
    let framework = parameters.framework.as_deref();
    let frameworks = distinct(pairs.iter().map(|(framework, _)| *framework));
    let is_known = framework.is_none_or(|framework| frameworks.contains(&framework));
    if let Some(given) = framework.filter(|_| !is_known) {
        notes.push(note("framework", given, &frameworks));
    }
    let of_framework = pairs.iter().filter(|(name, _)| {
        let wanted = framework.filter(|_| is_known);
        wanted.is_none_or(|wanted| wanted == *name)
    });
    let releases = distinct(of_framework.map(|(_, version)| *version));
    if let Some(given) = parameters.version.as_deref() {
        match given.strip_suffix('*') {
            Some(start) if !releases.iter().any(|release| release.starts_with(start)) => {
                notes.push(format!(
                    "no stored record has a release that begins with {start:?}"
                ));
            }
            None if !releases.contains(&given) => notes.push(note("release", given, &releases)),
            _ => {}
        }
    }
    if let Some(given) = parameters.environment.as_deref() {
        let known = self::pairs(environments, "aspect", "value").into_iter();
        let known: Vec<String> = known
            .filter(|(aspect, _)| *aspect != "tool")
            .map(|(aspect, value)| format!("{aspect}:{value}"))
            .collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        if !known.contains(&given) {
            notes.push(note("environment", given, &known));
        }
    }
    notes
}

fn note(what: &str, given: &str, known: &[&str]) -> String {
    let hint = did_you_mean(given, known.iter().copied()).unwrap_or_else(|| {
        let listed: Vec<String> = known
            .iter()
            .take(MOST_LISTED)
            .map(|name| format!("{name:?}"))
            .collect();
        match known.len() {
            0 => String::new(),
            count if count > MOST_LISTED => format!("; stored are {} and more", listed.join(", ")),
            _ => format!("; stored are {}", listed.join(", ")),
        }
    });
    format!("no stored record has the {what} {given:?}{hint}")
}

/// The texts of two columns, row by row.
fn pairs<'a>(answer: &'a Answer, first: &str, second: &str) -> Vec<(&'a str, &'a str)> {
    let position = |name: &str| answer.columns.iter().position(|column| column.name == name);
    let (Some(first), Some(second)) = (position(first), position(second)) else {
        return Vec::new();
    };
    let rows = answer.rows.iter();
    rows.filter_map(|row| Some((row.get(first)?.as_str()?, row.get(second)?.as_str()?)))
        .collect()
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut distinct = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use headcount_answer::{AnswerColumn, ColumnKind};
    use serde_json::json;

    use super::*;

    fn answer(columns: [&str; 2], rows: &[[&str; 2]]) -> Answer {
        let column = |name: &str| AnswerColumn {
            name: name.to_owned(),
            kind: ColumnKind::Text,
        };
        Answer {
            columns: columns.map(column).into(),
            rows: rows.iter().map(|row| row.map(Value::from).into()).collect(),
            notes: Vec::new(),
        }
    }

    fn notes(framework: &str, version: &str, environment: &str) -> Vec<String> {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let parameters = ReportParameters {
            framework: given(framework),
            version: given(version),
            environment: given(environment),
            ..ReportParameters::default()
        };
        let versions = [
            ["crewai", "1.15.30"],
            ["crewai", "1.14.6"],
            ["mine", "0.1.0"],
        ];
        let environments = [["runtime_context", "ci"], ["tool", "cursor"]];
        unmatched_filters(
            &parameters,
            &answer(["framework", "version"], &versions),
            &answer(["aspect", "value"], &environments),
        )
    }

    #[test]
    fn a_value_that_nobody_sent_is_named_with_the_one_that_was_probably_meant() {
        for (given, expected) in [
            (
                ["CrewAI", "", ""],
                "no stored record has the framework \"CrewAI\"; did you mean \"crewai\"?",
            ),
            (
                ["langgraph", "", ""],
                "no stored record has the framework \"langgraph\"; stored are \"crewai\", \"mine\"",
            ),
            (
                ["", "v1.15.30", ""],
                "no stored record has the release \"v1.15.30\"; did you mean \"1.15.30\"?",
            ),
            (
                ["mine", "1.15.30", ""],
                "no stored record has the release \"1.15.30\"; stored are \"0.1.0\"",
            ),
            (
                ["", "1.16.*", ""],
                "no stored record has a release that begins with \"1.16.\"",
            ),
            (
                ["", "", "runtime_context:CI"],
                "no stored record has the environment \"runtime_context:CI\"; did you mean \"runtime_context:ci\"?",
            ),
        ] {
            assert_eq!(notes(given[0], given[1], given[2]), [expected]);
        }
        assert!(notes("crewai", "1.15.*", "runtime_context:ci").is_empty());
        assert!(notes("crewai", "1.14.6", "").is_empty());
    }

    #[test]
    fn only_an_answer_without_anything_is_looked_into() {
        let selecting = ReportParameters {
            framework: Some("CrewAI".to_owned()),
            ..ReportParameters::default()
        };
        let mut answer = answer(["name", "runs"], &[]);
        assert!(may_be_unmatched(&selecting, &answer));
        assert!(!may_be_unmatched(&ReportParameters::default(), &answer));
        answer.rows = vec![vec![Value::Null, json!(0)]];
        assert!(may_be_unmatched(&selecting, &answer));
        answer.rows = vec![vec![json!("x"), json!(1)]];
        assert!(!may_be_unmatched(&selecting, &answer));
    }
}
