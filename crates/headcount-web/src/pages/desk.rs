//! What a page is made at: the reader, the filters, and the answers it asks for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, Utc};
use headcount_reports::{Answer, Period, ReportHeader, ReportParameters, find_report, publish};
use serde_json::Value;

use super::Page;
use crate::access::Reader;
use crate::answers::{Failure, Question};
use crate::api::PUBLIC_MIN_CREWS;
use crate::filters::Filters;
use crate::problem::Problem;
use crate::site::Site;

/// The most periods that a chart shows.
const MOST_PERIODS: usize = 400;

/// What a page is made at.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) site: Site,
    pub(crate) reader: Reader,
    pub(crate) page: Page,
    pub(crate) filters: Filters,
    pub(crate) today: NaiveDate,
    /// Whether nothing was ever stored.
    pub(crate) is_empty: bool,
    /// The frameworks, releases and environments that can be chosen.
    pub(crate) choices: Choices,
    /// The moment of the oldest answer on the page.
    moment: Mutex<DateTime<Utc>>,
    /// Whether newer answers are on their way.
    is_old: AtomicBool,
}

/// What the filters offer.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    pub(crate) frameworks: Vec<String>,
    pub(crate) versions: Vec<String>,
    pub(crate) environments: Vec<String>,
}

/// A report as it is shown: its answer, or why there is none.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) header: &'static ReportHeader,
    pub(crate) answer: Result<Arc<Answer>, String>,
    pub(crate) parameters: ReportParameters,
}

impl Desk {
    /// Reads the address's query, and what there is to choose from.
    ///
    /// # Errors
    /// A filter cannot be read, the page is not for this reader, or the store cannot be read.
    pub(crate) async fn open(
        site: Site,
        reader: Reader,
        query: &str,
        page: Page,
    ) -> Result<Self, Problem> {
        if page.is_for_owners() {
            crate::api::owners_only(reader)?;
        }
        let now = Utc::now();
        let filters = Filters::read(query, reader, now)?;
        let tables = site.answers.reports(reader).await;
        let tables = tables.map_err(|error| Problem::from(&error))?.tables();
        let rows = tables.column_index("rows");
        let count = |row: &Vec<Value>| rows.and_then(|rows| row[rows].as_u64()).unwrap_or(0);
        let is_empty = tables.rows.iter().all(|row| count(row) == 0);
        let mut desk = Self {
            site,
            reader,
            page,
            filters,
            today: now.date_naive(),
            is_empty,
            choices: Choices::default(),
            moment: Mutex::new(now),
            is_old: AtomicBool::new(false),
        };
        if !is_empty {
            desk.choices = desk.choices().await;
        }
        Ok(desk)
    }

    /// The report `name` over the span.
    pub(crate) async fn report(&self, name: &'static str) -> Shown {
        self.ask(name, self.filters.parameters()).await
    }

    /// The report for each period of the span.
    pub(crate) async fn by_period(&self, name: &'static str) -> Shown {
        self.ask(name, self.filters.parameters_by_period()).await
    }

    /// The report over the span before, if it is to be compared with.
    pub(crate) async fn before(&self, name: &'static str) -> Option<Shown> {
        let parameters = self.filters.parameters_before(self.today)?;
        Some(self.ask(name, parameters).await)
    }

    /// The report for each period of the span before, if it is to be compared with.
    pub(crate) async fn before_by_period(&self, name: &'static str) -> Option<Shown> {
        let parameters = ReportParameters {
            by: Some(self.filters.by),
            ..self.filters.parameters_before(self.today)?
        };
        Some(self.ask(name, parameters).await)
    }

    /// The answer as of a moment ago, as owners see it.
    pub(crate) async fn answer(&self, question: Question) -> Result<Arc<Answer>, Failure> {
        let known = self.site.answers.recent(question).await?;
        if known.is_old() {
            self.is_old.store(true, Ordering::Relaxed);
        }
        let mut moment = self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        *moment = known.moment.min(*moment);
        Ok(known.answer)
    }

    /// Whether newer answers than those on the page are on their way.
    pub(crate) fn is_old(&self) -> bool {
        self.is_old.load(Ordering::Relaxed)
    }

    /// The moment of the oldest answer so far.
    pub(crate) fn moment(&self) -> DateTime<Utc> {
        *self.moment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, name: &'static str, parameters: ReportParameters) -> Shown {
        let Some(header) = find_report(name) else {
            // Names are written in this crate, and a test asks for each.
            unreachable!("there is no report {name}");
        };
        let answer = self.answer(Question::report(name, &parameters)).await;
        let seen = |answer: Arc<Answer>| match self.reader {
            Reader::Owner => answer,
            Reader::Public => Arc::new(publish(header, &answer, PUBLIC_MIN_CREWS)),
        };
        Shown {
            header,
            answer: answer.map(seen).map_err(|error| error.to_string()),
            parameters,
        }
    }

    /// The first days of the periods of the span; of all time, from the first that `shown` has a row for.
    pub(crate) fn periods(&self, shown: &Shown) -> Vec<NaiveDate> {
        let rows = shown.answer.iter().flat_map(|answer| &answer.rows);
        let first_seen = rows
            .filter_map(|row| row.first()?.as_str()?.parse().ok())
            .min();
        let last = self.filters.last.unwrap_or(self.today);
        let first = self.filters.first.or(first_seen).unwrap_or(last);
        periods(first, last, self.filters.by)
    }

    /// As [`Self::periods`], for the span before.
    pub(crate) fn periods_before(&self) -> Vec<NaiveDate> {
        let span = self.filters.span_before(self.today);
        span.map(|(first, last)| periods(first, last, self.filters.by))
            .unwrap_or_default()
    }

    async fn choices(&self) -> Choices {
        let mut choices = Choices::default();
        if !self.reader.is_owner() {
            // The public singles out nothing.
            return choices;
        }
        let all = ReportParameters::default();
        let (versions, environments) = futures::join!(
            self.ask("versions", all.clone()),
            self.ask("environment", all)
        );
        let mut take = |shown: &Shown, column: &str, into: fn(&mut Choices) -> &mut Vec<String>| {
            for text in shown.texts(column) {
                let list = into(&mut choices);
                if !list.contains(&text) && list.len() < 200 {
                    list.push(text);
                }
            }
        };
        take(&versions, "framework", |choices| &mut choices.frameworks);
        take(&versions, "version", |choices| &mut choices.versions);
        let (aspects, values) = (environments.texts("aspect"), environments.texts("value"));
        let pairs = aspects.into_iter().zip(values);
        let crews_know = |aspect: &String| aspect != "tool";
        let is_offered = self.page != Page::Shared;
        choices.environments = pairs
            .filter(|_| is_offered)
            .filter(|(aspect, _)| crews_know(aspect))
            .map(|(aspect, value)| format!("{aspect}:{value}"))
            .collect();
        choices
    }
}

impl Shown {
    /// The texts of a column, in the rows' order; empty where there is none.
    pub(crate) fn texts(&self, column: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.column(column).into_iter().map(text).collect()
    }

    /// The numbers of a column, in the rows' order.
    pub(crate) fn numbers(&self, column: &str) -> Vec<Option<f64>> {
        self.column(column).into_iter().map(Value::as_f64).collect()
    }

    /// The number of a column in the only row, or in the row where `key` is `value`.
    pub(crate) fn number_where(&self, key: &str, value: &str, column: &str) -> Option<f64> {
        let position = self.texts(key).iter().position(|text| text == value)?;
        self.numbers(column).get(position).copied().flatten()
    }

    fn column(&self, column: &str) -> Vec<&Value> {
        let Ok(answer) = &self.answer else {
            return Vec::new();
        };
        let Some(index) = answer.column_index(column) else {
            return Vec::new();
        };
        answer.rows.iter().map(|row| &row[index]).collect()
    }

    /// Values of the column `value` by period, for each name in the column `name`: `None` in periods without a row.
    pub(crate) fn series(
        &self,
        name: Option<&str>,
        value: &str,
        periods: &[NaiveDate],
    ) -> Vec<(String, Vec<Option<f64>>)> {
        let names = name.map_or_else(Vec::new, |name| self.texts(name));
        let mut series: Vec<(String, Vec<Option<f64>>)> = Vec::new();
        let days = self.texts("period");
        for (row, (day, value)) in days.iter().zip(self.numbers(value)).enumerate() {
            let name = names.get(row).cloned().unwrap_or_default();
            let Some(place) = day
                .parse()
                .ok()
                .and_then(|day| periods.iter().position(|period| *period == day))
            else {
                continue;
            };
            let known = series.iter().position(|(known, _)| *known == name);
            let index = known.unwrap_or_else(|| {
                series.push((name, vec![None; periods.len()]));
                series.len() - 1
            });
            series[index].1[place] = value;
        }
        series
    }
}

/// The first days of the periods from the one with `first` to the one with `last`, as the reports cut them.
pub(crate) fn periods(first: NaiveDate, last: NaiveDate, by: Period) -> Vec<NaiveDate> {
    let start = match by {
        Period::Day => Some(first),
        Period::Week => {
            let since_monday = first.weekday().num_days_from_monday();
            first.checked_sub_days(Days::new(since_monday.into()))
        }
        Period::Month => first.with_day(1),
    };
    let next = |day: &NaiveDate| match by {
        Period::Day => day.checked_add_days(Days::new(1)),
        Period::Week => day.checked_add_days(Days::new(7)),
        Period::Month => day.checked_add_months(Months::new(1)),
    };
    let all: Vec<NaiveDate> = std::iter::successors(start, next)
        .take_while(|day| *day <= last)
        .take(100 * MOST_PERIODS)
        .collect();
    // The latest, where there are too many.
    all[all.len().saturating_sub(MOST_PERIODS)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(first: &str, last: &str, by: Period) -> Vec<String> {
        let periods = periods(first.parse().unwrap(), last.parse().unwrap(), by);
        periods.iter().map(NaiveDate::to_string).collect()
    }

    #[test]
    fn periods_begin_where_the_reports_cut_them() {
        assert_eq!(
            days("2026-11-21", "2026-11-23", Period::Day),
            ["2026-11-21", "2026-11-22", "2026-11-23"]
        );
        assert_eq!(
            days("2026-11-18", "2026-11-23", Period::Week),
            ["2026-11-16", "2026-11-23"]
        );
        assert_eq!(
            days("2025-12-31", "2026-02-01", Period::Month),
            ["2025-12-01", "2026-01-01", "2026-02-01"]
        );
    }

    #[test]
    fn a_chart_of_a_thousand_years_shows_the_latest_periods() {
        let days = days("1026-01-01", "2026-01-01", Period::Month);
        assert_eq!(days.len(), MOST_PERIODS);
        assert_eq!(days.last().map(String::as_str), Some("2026-01-01"));
    }
}
