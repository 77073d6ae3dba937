//! The values of a report's own parameters, and how they come into its SQL.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use datafusion::scalar::ScalarValue;

use crate::error::ReportError;
use crate::own_parameters::{OwnParameter, OwnValue};

/// The values of the report's own parameters, with `today`, the last day that the answer covers, and `last_full_day`, the
/// last of them that is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnValues {
    values: BTreeMap<String, OwnValue>,
}

impl OwnValues {
    /// The values that `given` and the defaults of `parameters` have.
    ///
    /// # Errors
    /// [`ReportError::Parameter`]: one is unknown or cannot be read.
    pub(crate) fn resolve(
        parameters: &[OwnParameter],
        given: &BTreeMap<String, String>,
        until: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Self, ReportError> {
        if let Some(unknown) = given
            .keys()
            .find(|name| parameters.iter().all(|known| known.name != **name))
        {
            return Err(ReportError::Parameter {
                parameter: unknown.clone(),
                reason: unknown_parameter(parameters),
            });
        }
        let mut values = BTreeMap::new();
        for parameter in parameters {
            let text = given.get(&parameter.name).map(String::as_str);
            let value = parameter
                .value(text)
                .map_err(|reason| ReportError::Parameter {
                    parameter: parameter.name.clone(),
                    reason,
                })?;
            values.insert(parameter.name.clone(), value);
        }
        let today = last_day(until, now);
        for (name, day) in [(TODAY, today), (LAST_FULL_DAY, today.min(day_of(now) - 1))] {
            values.insert(name.to_owned(), OwnValue::Written(day.to_string()));
        }
        Ok(Self { values })
    }

    /// `sql` with the values that are part of its text.
    pub(crate) fn written_into(&self, sql: &str) -> String {
        replace(sql, |name| match self.values.get(name)? {
            OwnValue::Written(text) => Some(text.clone()),
            // The planner has to know the type before the value is bound.
            OwnValue::Bound(_) => Some(format!("CAST(${name} AS VARCHAR)")),
        })
    }

    /// `sql` with all values as literals, for a statement that people run themselves.
    pub(crate) fn all_written_into(&self, sql: &str) -> String {
        replace(sql, |name| {
            Some(match self.values.get(name)? {
                OwnValue::Written(text) => text.clone(),
                OwnValue::Bound(None) => "CAST(NULL AS VARCHAR)".to_owned(),
                OwnValue::Bound(Some(text)) => format!("'{}'", text.replace('\'', "''")),
            })
        })
    }

    /// The values of placeholders.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (String, ScalarValue)> + '_ {
        self.values.iter().filter_map(|(name, value)| match value {
            OwnValue::Bound(text) => Some((name.clone(), ScalarValue::Utf8(text.clone()))),
            OwnValue::Written(_) => None,
        })
    }
}

/// The name of the parameter that every report may use: the last day that its answer covers.
pub(crate) const TODAY: &str = "today";

/// The name of the other one: the last day that its answer covers and that is over. A week or a window that ends later
/// still grows.
pub(crate) const LAST_FULL_DAY: &str = "last_full_day";

fn unknown_parameter(parameters: &[OwnParameter]) -> String {
    let names: Vec<&str> = parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    let common = "every report has since, until, by, framework, version, environment and min_crews";
    match names.is_empty() {
        true => format!("there is no such parameter; {common}"),
        false => format!(
            "there is no such parameter; {common}, and this one has {}",
            names.join(", ")
        ),
    }
}

/// The last day before `until`, which is in microseconds since 1970 UTC, or today: as the number of days since 1970, like the
/// column `day` of every table.
fn last_day(until: Option<i64>, now: DateTime<Utc>) -> i64 {
    let last = until
        .and_then(|until| until.checked_sub(1))
        .and_then(DateTime::from_timestamp_micros);
    day_of(last.unwrap_or(now))
}

/// The day as the number of days since 1970.
fn day_of(moment: DateTime<Utc>) -> i64 {
    let since = moment
        .date_naive()
        .signed_duration_since(NaiveDate::default());
    since.num_days()
}

/// The names after `$` in `sql`.
#[cfg(test)]
pub(crate) fn names_in(sql: &str) -> Vec<&str> {
    let mut parts = sql.split('$');
    let _before = parts.next();
    parts.map(|part| &part[..name_length(part)]).collect()
}

fn name_length(text: &str) -> usize {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.find(|letter| !is_name(letter)).unwrap_or(text.len())
}

/// `sql` with each `$name` replaced for which there is a text.
fn replace(sql: &str, text_of: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = sql.split('$');
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_at(name_length(part));
        match text_of(name) {
            Some(text) => replaced.push_str(&text),
            None => {
                replaced.push('$');
                replaced.push_str(name);
            }
        }
        replaced.push_str(rest);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Vec<OwnParameter> {
        [
            "kind: one of tool, model = tool: which kind",
            "weeks: number 1 to 52 = 12: how many",
            "unused_for: days 1 to 400 = 90: how long",
            "value: text: which one",
        ]
        .map(|line| OwnParameter::parse(line).unwrap())
        .into()
    }

    fn resolve(given: &[(&str, &str)]) -> Result<OwnValues, ReportError> {
        let given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        OwnValues::resolve(&parameters(), &given.collect(), None, now)
    }

    #[test]
    fn a_choice_and_a_number_are_written_and_a_text_is_bound() {
        let sql = "SELECT $kind, $weeks, $unused_for, $value, $today, $values, $min_crews";
        let values = resolve(&[("unused_for", "12w"), ("value", "it's")]).unwrap();
        assert_eq!(
            values.written_into(sql),
            "SELECT 'tool', 12, 84, CAST($value AS VARCHAR), 20780, $values, $min_crews"
        );
        assert_eq!(
            values.all_written_into(sql),
            "SELECT 'tool', 12, 84, 'it''s', 20780, $values, $min_crews"
        );
        let bound: Vec<_> = values.bound().collect();
        assert_eq!(bound, [("value".to_owned(), ScalarValue::from("it's"))]);
    }

    #[test]
    fn what_is_not_allowed_is_refused_and_named() {
        for (name, value, says) in [
            ("kind", "role' OR true", "not one of tool, model"),
            ("weeks", "53", "from 1 to 52"),
            ("weeks", "1; DROP", "a whole number"),
            ("unused_for", "0d", "from 1 to 400"),
            ("unused_for", "9223372036854775807w", "from 1 to 400"),
            ("kinds", "tool", "no such parameter"),
        ] {
            let error = resolve(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains(name), "{error}");
        }
        let long = "x".repeat(1025);
        assert!(resolve(&[("value", &long)]).is_err());
    }

    #[test]
    fn the_running_day_is_not_a_full_one() {
        let now: DateTime<Utc> = "2026-11-23T12:00:00Z".parse().unwrap();
        let full = |until: Option<&str>| {
            let until = until.map(|text| text.parse::<DateTime<Utc>>().unwrap().timestamp_micros());
            let values = OwnValues::resolve(&[], &BTreeMap::new(), until, now).unwrap();
            values
                .written_into("$last_full_day")
                .parse::<i64>()
                .unwrap()
        };
        let running = day_of(now);
        assert_eq!(full(None), running - 1);
        assert_eq!(full(Some("2026-11-24T00:00:00Z")), running - 1);
        assert_eq!(full(Some("2027-01-01T00:00:00Z")), running - 1);
        assert_eq!(full(Some("2026-11-23T00:00:00Z")), running - 1);
        assert_eq!(full(Some("2026-11-22T00:00:00Z")), running - 2);
    }

    #[test]
    fn today_is_the_last_day_that_is_covered() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let until = |text: &str| {
            let until: DateTime<Utc> = text.parse().unwrap();
            let days = last_day(Some(until.timestamp_micros()), now);
            (NaiveDate::default() + chrono::TimeDelta::days(days)).to_string()
        };
        assert_eq!(until("2026-11-10T00:00:00Z"), "2026-11-09");
        assert_eq!(until("2026-11-10T00:00:01Z"), "2026-11-10");
        assert_eq!(until("2027-11-10T00:00:00Z"), "2027-11-09");
        let today = NaiveDate::default() + chrono::TimeDelta::days(last_day(None, now));
        assert_eq!(today.to_string(), "2026-11-23");
    }
}
