//! What a page is asked to show, as its address says: the span of time, the framework, the release, the environment.
//!
//! The names are those of the reports' parameters, so that an address of a page, of the API and a command say the same.

use chrono::{DateTime, Days, NaiveDate, Utc};
use headcount_reports::{DEFAULT_MIN_CREWS, Period, ReportParameters};

use crate::access::Reader;
use crate::problem::Problem;

/// The spans of time that a page offers: value, name, days.
pub(crate) const SPANS: [(&str, &str, u64); 5] = [
    ("7d", "7 days", 7),
    ("30d", "30 days", 30),
    ("90d", "90 days", 90),
    ("365d", "12 months", 365),
    ("all", "All time", 0),
];

/// What a page shows where its address says nothing.
const USUAL_SPAN: &str = "30d";

/// The names that an address of a page may carry.
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
const LONGEST: usize = 128;

/// What the public is told that asks about a part.
pub(crate) const NOT_SINGLED_OUT: &str =
    "frameworks, releases and environments cannot be singled out here";

/// The filters of a page. Days are UTC days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filters {
    /// The span's value in the address: one of [`SPANS`], or empty where days are given.
    pub(crate) span: String,
    /// The first day shown; all time where there is none.
    pub(crate) first: Option<NaiveDate>,
    /// The last day shown; today where there is none.
    pub(crate) last: Option<NaiveDate>,
    /// The period that time series are cut into.
    pub(crate) by: Period,
    /// Whether the address names the period.
    pub(crate) by_is_chosen: bool,
    pub(crate) framework: String,
    pub(crate) version: String,
    pub(crate) environment: String,
    /// The threshold for free text.
    pub(crate) min_crews: u64,
    /// Whether the span before is shown beside this one.
    pub(crate) compare: bool,
}

impl Filters {
    /// Reads the query of an address; empty values say nothing.
    ///
    /// # Errors
    /// A name is not known, a value cannot be read, or the reader may not ask for it.
    pub(crate) fn read(query: &str, reader: Reader, now: DateTime<Utc>) -> Result<Self, Problem> {
        let today = now.date_naive();
        let mut given = Given::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            given.take(&name, value.trim())?;
        }
        let (mut first, mut last) = (None, None);
        let mut span = given.since.clone();
        if let Some(first_day) = read_day("since", &given.since)? {
            (first, span) = (Some(first_day), String::new());
        } else {
            if span.is_empty() {
                USUAL_SPAN.clone_into(&mut span);
            }
            let known = SPANS.iter().find(|(value, ..)| *value == span);
            let days = known.map(|(.., days)| *days).ok_or_else(|| {
                unreadable(
                    "since",
                    &span,
                    "7d, 30d, 90d, 365d, all, or a day as 2026-11-01",
                )
            })?;
            if days > 0 {
                first = today.checked_sub_days(Days::new(days - 1));
            }
        }
        if let Some(last_day) = read_day("until", &given.until)? {
            last = Some(last_day);
            if first.is_some_and(|first| first > last_day) {
                return Err(unreadable(
                    "until",
                    &given.until,
                    "a day that is not before since",
                ));
            }
        }
        let by = match given.by.as_str() {
            "" => usual_period(first, last.unwrap_or(today)),
            by => by
                .parse()
                .map_err(|expected: String| unreadable("by", by, &expected))?,
        };
        let min_crews = match given.min_crews.as_str() {
            "" => DEFAULT_MIN_CREWS,
            number => number
                .parse()
                .map_err(|_| unreadable("min_crews", number, "a whole number"))?,
        };
        if reader == Reader::Public {
            given.check_public(min_crews)?;
        }
        let compare = match given.compare.as_str() {
            "" => true,
            "none" => false,
            other => return Err(unreadable("compare", other, "none, or nothing")),
        };
        Ok(Self {
            span,
            first,
            last,
            by,
            by_is_chosen: !given.by.is_empty(),
            framework: given.framework,
            version: given.version,
            environment: given.environment,
            min_crews,
            compare,
        })
    }

    /// The parameters of a report over the span.
    pub(crate) fn parameters(&self) -> ReportParameters {
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        ReportParameters {
            since: self.first.map(|day| day.to_string()),
            until: self.last.map(|day| day.to_string()),
            by: None,
            framework: filled(&self.framework),
            version: filled(&self.version),
            environment: filled(&self.environment),
            min_crews: (self.min_crews != DEFAULT_MIN_CREWS).then_some(self.min_crews),
        }
    }

    /// As [`Self::parameters`], for each period of the span.
    pub(crate) fn parameters_by_period(&self) -> ReportParameters {
        ReportParameters {
            by: Some(self.by),
            ..self.parameters()
        }
    }

    /// As [`Self::parameters`], for the span of equal length before this one; none before all time.
    pub(crate) fn parameters_before(&self, today: NaiveDate) -> Option<ReportParameters> {
        let (first, last) = self.span_before(today)?;
        Some(ReportParameters {
            since: Some(first.to_string()),
            until: Some(last.to_string()),
            ..self.parameters()
        })
    }

    /// The first and the last day of the span before this one, if it is to be compared with.
    pub(crate) fn span_before(&self, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let first = self.first.filter(|_| self.compare)?;
        let days = (self.last.unwrap_or(today) - first).num_days() + 1;
        let days = Days::new(u64::try_from(days).ok()?);
        Some((first.checked_sub_days(days)?, first.pred_opt()?))
    }

    /// The filters as the query of an address, those left out that say what is usual.
    pub(crate) fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let mut pair = |name: &str, value: &str, usual: &str| {
            if value != usual {
                let _query = query.append_pair(name, value);
            }
        };
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
        if self.span.is_empty() {
            pair("since", &day(self.first), "");
        } else {
            pair("since", &self.span, USUAL_SPAN);
        }
        pair("until", &day(self.last), "");
        if self.by_is_chosen {
            pair("by", self.by.name(), "");
        }
        pair("framework", &self.framework, "");
        pair("version", &self.version, "");
        pair("environment", &self.environment, "");
        let (min_crews, usual) = (self.min_crews.to_string(), DEFAULT_MIN_CREWS.to_string());
        pair("min_crews", &min_crews, &usual);
        pair("compare", if self.compare { "" } else { "none" }, "");
        query.finish()
    }
}

/// The values as the address gives them.
#[derive(Debug, Default)]
struct Given {
    since: String,
    until: String,
    by: String,
    framework: String,
    version: String,
    environment: String,
    min_crews: String,
    compare: String,
}

impl Given {
    /// What the public may not ask for.
    fn check_public(&self, min_crews: u64) -> Result<(), Problem> {
        if min_crews < DEFAULT_MIN_CREWS {
            let expected = format!("at least {DEFAULT_MIN_CREWS} here");
            return Err(unreadable("min_crews", &self.min_crews, &expected));
        }
        let singled_out = [&self.framework, &self.version, &self.environment];
        if singled_out.into_iter().any(|text| !text.is_empty()) {
            // Answers about a part could be subtracted from those about all.
            return Err(Problem::bad("a filter is not offered", NOT_SINGLED_OUT));
        }
        Ok(())
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        if value.len() > LONGEST {
            return Err(unreadable(name, "…", "at most 128 characters"));
        }
        let place = match name {
            "since" => &mut self.since,
            "until" => &mut self.until,
            "by" => &mut self.by,
            "framework" => &mut self.framework,
            "version" => &mut self.version,
            "environment" => &mut self.environment,
            "min_crews" => &mut self.min_crews,
            "compare" => &mut self.compare,
            _ => {
                let detail = format!("{name:?} is not known; a page knows {}", NAMES.join(", "));
                return Err(Problem::bad("a filter is not known", detail));
            }
        };
        value.clone_into(place);
        Ok(())
    }
}

fn read_day(name: &str, text: &str) -> Result<Option<NaiveDate>, Problem> {
    if !text.contains('-') {
        return match text {
            "" => Ok(None),
            text if name == "until" => Err(unreadable(name, text, "a day as 2026-11-01")),
            _ => Ok(None),
        };
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map(Some)
        .map_err(|_| unreadable(name, text, "a day as 2026-11-01"))
}

fn usual_period(first: Option<NaiveDate>, last: NaiveDate) -> Period {
    match first.map(|first| (last - first).num_days()) {
        Some(..=45) => Period::Day,
        Some(..=200) => Period::Week,
        Some(_) | None => Period::Month,
    }
}

fn unreadable(name: &str, value: &str, expected: &str) -> Problem {
    let detail = format!("{name} is {value:?}; expected {expected}");
    Problem::bad("a filter cannot be read", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Filters, Problem> {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        Filters::read(query, Reader::Owner, now)
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn thirty_days_end_today_and_follow_thirty_others() {
        let filters = read("").unwrap();
        assert_eq!(filters.first, Some(day("2026-10-25")));
        assert_eq!(filters.by, Period::Day);
        let before = filters.span_before(day("2026-11-23"));
        assert_eq!(before, Some((day("2026-09-25"), day("2026-10-24"))));
        assert_eq!(filters.query(), "");
    }

    #[test]
    fn an_address_says_again_what_it_was_read_from() {
        for query in [
            "since=7d",
            "since=all",
            "since=2026-01-01&until=2026-01-31&by=week",
            "framework=crewai&version=1.15.*&environment=runtime_context%3Aci",
            "min_crews=1&compare=none",
        ] {
            assert_eq!(read(query).unwrap().query(), query);
        }
        assert_eq!(read("since=&until=&framework=&by=").unwrap().query(), "");
    }

    #[test]
    fn all_time_has_nothing_before_it() {
        let filters = read("since=all").unwrap();
        assert_eq!(filters.first, None);
        assert_eq!(filters.span_before(day("2026-11-23")), None);
        assert_eq!(filters.parameters().since, None);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
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
            let problem = read(query).unwrap_err();
            assert!(
                problem.detail.contains(named),
                "{query}: {}",
                problem.detail
            );
        }
    }

    #[test]
    fn the_public_cannot_single_out_few() {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        for query in [
            "min_crews=1",
            "framework=crewai",
            "version=1.2.3",
            "environment=cpu_band:1-2",
        ] {
            assert!(
                Filters::read(query, Reader::Public, now).is_err(),
                "{query}"
            );
        }
        assert!(Filters::read("since=7d&by=week", Reader::Public, now).is_ok());
    }
}
