//! The filters of a page, parsed from its query string: the range, the framework, the release, the environment.
//!
//! The names are those of the reports' parameters, so that pages, the API and the command line use the same ones.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use headcount_problem::Problem;
use headcount_reports::{DEFAULT_MIN_CREWS, Period, ReportParameters};

use crate::role::{Role, Visibility as _};

/// The ranges that a page offers: value, label, days.
pub(crate) const RANGES: [(&str, &str, u64); 5] = [
    ("7d", "7 days", 7),
    ("30d", "30 days", 30),
    ("90d", "90 days", 90),
    ("365d", "12 months", 365),
    ("all", "All time", 0),
];

/// The range of a page without `since`.
pub(crate) const DEFAULT_RANGE: &str = "30d";

/// The names of the parameters.
const NAMES: [&str; 8] = [
    "since",
    "until",
    "by",
    "framework",
    "version",
    "environment",
    "min_crews",
    "compare",
];

/// The longest value of a filter, in bytes.
const MAX_BYTES: usize = 128;

/// The filters of a page. Days are UTC days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) range: Range,
    /// The period of time series.
    pub(crate) by: Period,
    /// Whether the query string names the period.
    pub(crate) by_is_explicit: bool,
    pub(crate) framework: String,
    pub(crate) version: String,
    pub(crate) environment: String,
    /// The range where none is chosen.
    default_range: &'static str,
    /// The threshold for free text.
    pub(crate) min_crews: u64,
    /// Whether the previous range is shown as well.
    pub(crate) compare: bool,
}

/// The range of days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Range {
    /// One of [`RANGES`]; empty for a custom range.
    pub(crate) name: String,
    /// The first day; all time if `None`.
    pub(crate) first: Option<NaiveDate>,
    /// The last day; today if `None`.
    pub(crate) last: Option<NaiveDate>,
}

impl Filters {
    /// Parses a query string; empty values count as absent. `default_range` is one of [`RANGES`].
    ///
    /// # Errors
    /// A parameter is unknown or invalid, or `role` may not use it.
    pub(crate) fn parse(
        query: &str,
        default_range: &'static str,
        role: Role,
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        let today = now.date_naive();
        let mut raw = RawFilters::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            raw.set(&name, value.trim())?;
        }
        if raw.since.is_empty() {
            default_range.clone_into(&mut raw.since);
        }
        let range = Range::parse(&raw.since, &raw.until, today)?;
        let by = match raw.by.as_str() {
            "" => default_period(range.first, range.last.unwrap_or(today)),
            by => by
                .parse()
                .map_err(|expected: String| invalid("by", by, &expected))?,
        };
        let min_crews = match raw.min_crews.as_str() {
            "" => DEFAULT_MIN_CREWS,
            number => number
                .parse()
                .map_err(|_| invalid("min_crews", number, "a whole number"))?,
        };
        let compare = match raw.compare.as_str() {
            "" => true,
            "none" => false,
            other => return Err(invalid("compare", other, "none, or no value")),
        };
        let filters = Self {
            range,
            by,
            by_is_explicit: !raw.by.is_empty(),
            framework: raw.framework,
            version: raw.version,
            environment: raw.environment,
            default_range,
            min_crews,
            compare,
        };
        role.check(&filters.parameters())?;
        Ok(filters)
    }

    /// The parameters of a report over the range.
    pub(crate) fn parameters(&self) -> ReportParameters {
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        ReportParameters {
            since: self.range.first.map(|day| day.to_string()),
            until: self.range.last.map(|day| day.to_string()),
            by: None,
            framework: filled(&self.framework),
            version: filled(&self.version),
            environment: filled(&self.environment),
            min_crews: (self.min_crews != DEFAULT_MIN_CREWS).then_some(self.min_crews),
            own: BTreeMap::new(),
        }
    }

    /// As [`Self::parameters`], by period.
    pub(crate) fn parameters_by_period(&self) -> ReportParameters {
        ReportParameters {
            by: Some(self.by),
            ..self.parameters()
        }
    }

    /// As [`Self::parameters`], from one day to another.
    pub(crate) fn parameters_between(&self, first: NaiveDate, last: NaiveDate) -> ReportParameters {
        ReportParameters {
            since: Some(first.to_string()),
            until: Some(last.to_string()),
            ..self.parameters()
        }
    }

    /// The first and last day of the equally long range before this one; `None` if the page does not compare.
    pub(crate) fn previous_range(&self, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let first = self.range.first.filter(|_| self.compare)?;
        let days = (self.range.last.unwrap_or(today) - first).num_days() + 1;
        let days = Days::new(u64::try_from(days).ok()?);
        Some((first.checked_sub_days(days)?, first.pred_opt()?))
    }

    /// The filters beside the range: name and value, without those that have their default.
    pub(crate) fn beside_range(&self) -> Vec<(String, String)> {
        let query = self.query();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        pairs
            .filter(|(name, _)| name != "since" && name != "until")
            .collect()
    }

    /// The filters as a query string, without those that have their default.
    pub(crate) fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let mut pair = |name: &str, value: &str, default: &str| {
            if value != default {
                query.append_pair(name, value);
            }
        };
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
        if self.range.name.is_empty() {
            pair("since", &day(self.range.first), "");
        } else {
            pair("since", &self.range.name, self.default_range);
        }
        pair("until", &day(self.range.last), "");
        if self.by_is_explicit {
            pair("by", self.by.name(), "");
        }
        pair("framework", &self.framework, "");
        pair("version", &self.version, "");
        pair("environment", &self.environment, "");
        let (min_crews, default) = (self.min_crews.to_string(), DEFAULT_MIN_CREWS.to_string());
        pair("min_crews", &min_crews, &default);
        pair("compare", if self.compare { "" } else { "none" }, "");
        query.finish()
    }
}

impl Range {
    /// Whether it is none of those that are offered.
    pub(crate) fn is_custom(&self) -> bool {
        self.name.is_empty() || self.last.is_some()
    }

    fn parse(since: &str, until: &str, today: NaiveDate) -> Result<Self, Problem> {
        let mut range = Self::default();
        if since.contains('-') {
            range.first = Some(parse_day("since", since)?);
        } else {
            let known = RANGES.iter().find(|(value, ..)| *value == since);
            let (.., days) = known.ok_or_else(|| {
                let expected = "7d, 30d, 90d, 365d, all, or a day such as 2026-11-01";
                invalid("since", since, expected)
            })?;
            if *days > 0 {
                range.first = today.checked_sub_days(Days::new(days - 1));
            }
            since.clone_into(&mut range.name);
        }
        if !until.is_empty() {
            let last = parse_day("until", until)?;
            let is_before = range.first.is_some_and(|first| first > last);
            if is_before && range.name.is_empty() {
                return Err(invalid("until", until, "a day that is not before since"));
            }
            // Without a script, the form sends the end of the range that was shown with the range that is chosen now.
            range.last = (!is_before).then_some(last);
        }
        Ok(range)
    }
}

/// The values as given.
#[derive(Debug, Default)]
struct RawFilters {
    since: String,
    until: String,
    by: String,
    framework: String,
    version: String,
    environment: String,
    min_crews: String,
    compare: String,
}

impl RawFilters {
    fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        if value.len() > MAX_BYTES {
            return Err(invalid(name, "…", "at most 128 characters"));
        }
        let field = match name {
            "since" => &mut self.since,
            "until" => &mut self.until,
            "by" => &mut self.by,
            "framework" => &mut self.framework,
            "version" => &mut self.version,
            "environment" => &mut self.environment,
            "min_crews" => &mut self.min_crews,
            "compare" => &mut self.compare,
            _ => {
                let detail = format!("{name:?} is not a filter; expected {}", NAMES.join(", "));
                return Err(Problem::bad_request("unknown filter", detail));
            }
        };
        value.clone_into(field);
        Ok(())
    }
}

fn parse_day(name: &str, text: &str) -> Result<NaiveDate, Problem> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map_err(|_| invalid(name, text, "a day such as 2026-11-01"))
}

fn default_period(first: Option<NaiveDate>, last: NaiveDate) -> Period {
    match first.map(|first| (last - first).num_days()) {
        Some(..=45) => Period::Day,
        Some(..=200) => Period::Week,
        Some(_) | None => Period::Month,
    }
}

fn invalid(name: &str, value: &str, expected: &str) -> Problem {
    let detail = format!("{name} is {value:?}; expected {expected}");
    Problem::bad_request("invalid filter", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Filters, Problem> {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        Filters::parse(query, DEFAULT_RANGE, Role::Viewer, now)
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_range_is_thirty_days_after_thirty_others() {
        let filters = parse("").unwrap();
        assert_eq!(filters.range.first, Some(day("2026-10-25")));
        assert_eq!(filters.by, Period::Day);
        let previous = filters.previous_range(day("2026-11-23"));
        assert_eq!(previous, Some((day("2026-09-25"), day("2026-10-24"))));
        assert_eq!(filters.query(), "");
    }

    #[test]
    fn a_query_string_round_trips() {
        for query in [
            "since=7d",
            "since=all",
            "since=2026-01-01&until=2026-01-31&by=week",
            "framework=crewai&version=1.15.*&environment=runtime_context%3Aci",
            "min_crews=1&compare=none",
        ] {
            assert_eq!(parse(query).unwrap().query(), query);
        }
        assert_eq!(parse("since=&until=&framework=&by=").unwrap().query(), "");
    }

    #[test]
    fn a_range_that_is_chosen_beside_an_older_end_has_no_end() {
        let filters = parse("since=7d&until=2026-01-31&framework=crewai").unwrap();
        assert_eq!(filters.range.first, Some(day("2026-11-17")));
        assert_eq!(filters.range.last, None);
        assert_eq!(filters.query(), "since=7d&framework=crewai");
        let beside = filters.beside_range();
        assert_eq!(beside, [("framework".to_owned(), "crewai".to_owned())]);
    }

    /// Seven days are the same days here, in the API and on the command line.
    #[test]
    fn days_of_a_range_are_those_of_the_reports() {
        for (name, _, days) in RANGES.iter().filter(|(_, _, days)| *days > 0) {
            let filters = parse(&format!("since={name}")).unwrap();
            let own = filters.parameters().since;
            let first = day("2026-11-23") - chrono::TimeDelta::days(*days as i64 - 1);
            assert_eq!(own, Some(first.to_string()), "{name}");
        }
    }

    #[test]
    fn all_time_has_no_previous_range() {
        let filters = parse("since=all").unwrap();
        assert_eq!(filters.range.first, None);
        assert_eq!(filters.previous_range(day("2026-11-23")), None);
        assert_eq!(filters.parameters().since, None);
    }

    #[test]
    fn an_invalid_filter_is_named() {
        for (query, named) in [
            ("since=yesterday", "since"),
            ("until=7d", "until"),
            ("since=2026-13-01", "since"),
            ("since=2026-02-01&until=2026-01-01", "until"),
            ("by=hour", "by"),
            ("min_crews=few", "min_crews"),
            ("sort=up", "sort"),
            ("compare=xx", "compare"),
        ] {
            let problem = parse(query).unwrap_err();
            assert!(
                problem.detail.contains(named),
                "{query}: {}",
                problem.detail
            );
        }
    }

    #[test]
    fn the_public_cannot_select_a_part() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        for query in [
            "min_crews=1",
            "framework=crewai",
            "version=1.2.3",
            "environment=cpu_band:1-2",
        ] {
            let parsed = Filters::parse(query, DEFAULT_RANGE, Role::Public, now);
            assert!(parsed.is_err(), "{query}");
        }
        assert!(Filters::parse("since=7d&by=week", DEFAULT_RANGE, Role::Public, now).is_ok());
    }
}
