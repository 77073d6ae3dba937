//! The parameters of a report: a time range, a period, a framework, a version, an environment, a threshold.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::error::ReportError;
use crate::header::ReportHeader;
use crate::own_values::OwnValues;

/// Free text is shown when at least this many different crews sent it, unless the parameters say otherwise.
pub const DEFAULT_MIN_CREWS: u64 = 5;

/// The columns that say where a record comes from (catalog category `execution_environment`).
pub const ENVIRONMENTS: [&str; 3] = ["runtime_context", "coding_agent", "cpu_band"];

/// The length of a period that a report is grouped by. Periods begin at midnight UTC; weeks on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A day.
    Day,
    /// A week from Monday.
    Week,
    /// A calendar month.
    Month,
}

impl Period {
    /// The period's name as a parameter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => Err("expected day, week or month".to_owned()),
        }
    }
}

/// The parameters of a report, as people and query strings write them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportParameters {
    /// Only records at or after this moment: a date (`2026-11-01`, from its midnight UTC), a moment (RFC 3339), hours before
    /// now (`36h`), or a number of days in UTC of which today is the last (`7d`, `4w`).
    pub since: Option<String>,
    /// Only records before this moment, in the same forms; a date counts to its end, and `7d` ends where a `since` of `7d`
    /// begins.
    pub until: Option<String>,
    /// One set of rows for each period, with a column `period` (its first day) before the others.
    pub by: Option<Period>,
    /// Only records of this framework.
    pub framework: Option<String>,
    /// Only records of this release of it; `1.15.*` means every release that begins with `1.15.`.
    pub version: Option<String>,
    /// Only records from this environment: one of [`ENVIRONMENTS`], a colon and its value, such as `runtime_context:ci`.
    pub environment: Option<String>,
    /// Free text from fewer crews is grouped into one row; 1 shows everything. [`DEFAULT_MIN_CREWS`] if `None`.
    pub min_crews: Option<u64>,
    /// The parameters that the report declares for itself ([`crate::ReportHeader::parameters`]), by name. Any other name is
    /// refused when the report is asked.
    #[serde(flatten)]
    pub own: BTreeMap<String, String>,
}

/// The parsed parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// Microseconds since 1970 UTC, inclusive.
    pub(crate) since: Option<i64>,
    /// Microseconds since 1970 UTC, exclusive.
    pub(crate) until: Option<i64>,
    pub(crate) by: Option<Period>,
    pub(crate) framework: Option<String>,
    pub(crate) version: Option<VersionFilter>,
    /// The column and its value.
    pub(crate) environment: Option<(&'static str, String)>,
    pub(crate) min_crews: u64,
    /// The report's own parameters.
    pub(crate) own: OwnValues,
}

impl Selection {
    /// The selection without its values: those of one shape differ in values alone.
    pub(crate) fn shape(&self) -> Self {
        Self {
            since: self.since.map(|_| 0),
            until: self.until.map(|_| 0),
            by: self.by,
            framework: self.framework.as_ref().map(|_| String::new()),
            version: self.version.as_ref().map(|version| match version {
                VersionFilter::Exact(_) => VersionFilter::Exact(String::new()),
                VersionFilter::Prefix(_) => VersionFilter::Prefix(String::new()),
            }),
            environment: self
                .environment
                .as_ref()
                .map(|(column, _)| (*column, String::new())),
            min_crews: 0,
            // Those that are part of the SQL make another plan by its text.
            own: OwnValues::default(),
        }
    }
}

/// The selected releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionFilter {
    Exact(String),
    Prefix(String),
}

impl ReportParameters {
    /// Checks that the parameters can be read for `report`, without a store.
    ///
    /// # Errors
    /// [`ReportError::Parameter`]: a moment cannot be read, no time is between them, or the report has no such parameter.
    pub fn check(&self, report: &ReportHeader) -> Result<(), ReportError> {
        self.resolve_for(report, Utc::now()).map(|_| ())
    }

    /// The crews from which free text is shown: `min_crews`, or [`DEFAULT_MIN_CREWS`].
    pub fn threshold(&self) -> u64 {
        self.min_crews.unwrap_or(DEFAULT_MIN_CREWS)
    }

    /// Reads the parameters, with those of `report`.
    pub(crate) fn resolve_for(
        &self,
        report: &ReportHeader,
        now: DateTime<Utc>,
    ) -> Result<Selection, ReportError> {
        let selection = self.resolve(now)?;
        if selection.by.is_some() && report.counts_from_today() {
            let reason = format!(
                "the report {} counts its days and weeks back from the last day of the answer, so that it has no rows by \
                 period; leave `by` out, and move that day with `until`",
                report.name
            );
            return Err(unreadable("by", reason));
        }
        let own = OwnValues::resolve(&report.parameters, &self.own, selection.until, now)?;
        Ok(Selection { own, ..selection })
    }

    /// Reads the parameters that every report has; relative times such as `36h` and `7d` count back from `now`.
    pub(crate) fn resolve(&self, now: DateTime<Utc>) -> Result<Selection, ReportError> {
        let moment = |parameter, text: &Option<String>, end_of_day| {
            let read = |text: &String| read_moment(text, now, end_of_day);
            text.as_ref()
                .map(read)
                .transpose()
                .map_err(|reason| unreadable(parameter, reason))
        };
        let since = moment("since", &self.since, false)?;
        let until = moment("until", &self.until, true)?;
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            return Err(unreadable("until", "must be after since".to_owned()));
        }
        let version = self
            .version
            .as_ref()
            .map(|version| match version.strip_suffix('*') {
                Some(prefix) => VersionFilter::Prefix(prefix.to_owned()),
                None => VersionFilter::Exact(version.clone()),
            });
        let environment = self.environment.as_deref().map(read_environment);
        Ok(Selection {
            environment: environment.transpose()?,
            since: since.map(|since| since.timestamp_micros()),
            until: until.map(|until| until.timestamp_micros()),
            by: self.by,
            framework: self.framework.clone(),
            version,
            min_crews: self.threshold(),
            own: OwnValues::default(),
        })
    }
}

fn unreadable(parameter: &str, reason: String) -> ReportError {
    ReportError::Parameter {
        parameter: parameter.to_owned(),
        reason,
    }
}

fn read_environment(text: &str) -> Result<(&'static str, String), ReportError> {
    let known = text.split_once(':').and_then(|(column, value)| {
        let column = ENVIRONMENTS.into_iter().find(|known| *known == column)?;
        (!value.is_empty()).then(|| (column, value.to_owned()))
    });
    known.ok_or_else(|| {
        let reason = format!(
            "{text:?} is not one of {}, a colon and a value, as runtime_context:ci",
            ENVIRONMENTS.join(", ")
        );
        unreadable("environment", reason)
    })
}

fn read_moment(text: &str, now: DateTime<Utc>, end_of_day: bool) -> Result<DateTime<Utc>, String> {
    let expected = || {
        format!(
            "{text:?} is not a date (2026-11-01), a moment (2026-11-01T08:00:00Z), hours before now (36h) or days up to today \
             (7d, 4w)"
        )
    };
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let day = if end_of_day {
            date.checked_add_days(Days::new(1))
        } else {
            Some(date)
        };
        let day = day.ok_or_else(expected)?;
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.with_timezone(&Utc));
    }
    let unit = text.chars().next_back().ok_or_else(expected)?;
    let number = text.strip_suffix(unit).unwrap_or_default();
    let number: u32 = number.parse().map_err(|_| expected())?;
    let days = match unit {
        'h' => {
            let ago = TimeDelta::hours(i64::from(number));
            return now.checked_sub_signed(ago).ok_or_else(expected);
        }
        'd' => u64::from(number),
        'w' => 7 * u64::from(number),
        _ => return Err(expected()),
    };
    // Whole days, as on the pages of the dashboard: today is one of them.
    let before_today = days.checked_sub(1).ok_or_else(expected)?;
    let first = now.date_naive().checked_sub_days(Days::new(before_today));
    let first = first.ok_or_else(expected)?;
    Ok(first.and_time(NaiveTime::MIN).and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn moment(text: &str, end_of_day: bool) -> String {
        let moment = read_moment(text, now(), end_of_day).unwrap();
        moment.format("%Y-%m-%dT%H:%M").to_string()
    }

    #[test]
    fn a_moment_is_a_date_an_instant_or_a_time_ago() {
        assert_eq!(moment("2026-11-01", false), "2026-11-01T00:00");
        assert_eq!(moment("2026-11-01", true), "2026-11-02T00:00");
        assert_eq!(
            moment("2026-11-01T08:30:00+02:00", true),
            "2026-11-01T06:30"
        );
        assert_eq!(moment("36h", false), "2026-11-22T00:00");
    }

    /// Seven days are those that the dashboard shows as seven days, whatever the time of day.
    #[test]
    fn days_before_now_are_whole_days_and_today_is_one_of_them() {
        assert_eq!(moment("1d", false), "2026-11-23T00:00");
        assert_eq!(moment("7d", false), "2026-11-17T00:00");
        assert_eq!(moment("4w", false), "2026-10-27T00:00");
        assert_eq!(
            moment("7d", true),
            "2026-11-17T00:00",
            "where `since 7d` begins"
        );
    }

    #[test]
    fn anything_else_is_refused_and_named() {
        let texts = [
            "",
            "d",
            "yesterday",
            "-7d",
            "7m",
            "0d",
            "0w",
            "2026-13-01",
            "99999999999d",
            "7д",
            "4294967295w",
        ];
        for text in texts {
            let parameters = ReportParameters {
                since: Some(text.to_owned()),
                ..ReportParameters::default()
            };
            let error = parameters.resolve(now()).unwrap_err().to_string();
            assert!(error.contains("since"), "{text}: {error}");
        }
    }

    #[test]
    fn an_environment_is_a_column_and_its_value() {
        let resolve = |text: &str| {
            let parameters = ReportParameters {
                environment: Some(text.to_owned()),
                ..ReportParameters::default()
            };
            parameters
                .resolve(now())
                .map(|selection| selection.environment)
        };
        assert_eq!(
            resolve("cpu_band:1-2").unwrap(),
            Some(("cpu_band", "1-2".to_owned()))
        );
        for text in ["", "ci", "runtime_context:", "tool:default_env", "time:x"] {
            let error = resolve(text).unwrap_err().to_string();
            assert!(error.contains("environment"), "{text}: {error}");
        }
    }

    /// A window that ends on the last day of the answer is not one of a month.
    #[test]
    fn a_report_with_windows_of_its_own_has_no_periods() {
        let parameters = ReportParameters {
            by: Some(Period::Month),
            ..ReportParameters::default()
        };
        let mut refused = Vec::new();
        for report in crate::catalog_of_reports() {
            match parameters.check(report) {
                Ok(()) => {}
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("by") && text.contains("until"), "{text}");
                    refused.push(report.name.as_str());
                }
            }
        }
        let expected = [
            "removal",
            "adoption",
            "retention",
            "lifecycle",
            "stickiness",
            "release-health",
            "new-values",
            "installations",
            "installation-retention",
            "installation-lag",
        ];
        assert_eq!(refused, expected);
    }

    #[test]
    fn an_empty_span_of_time_is_refused() {
        let parameters = ReportParameters {
            since: Some("1d".to_owned()),
            until: Some("2d".to_owned()),
            ..ReportParameters::default()
        };
        assert!(parameters.resolve(now()).is_err());
    }
}
