//! The context of a page: the role, the filters and the queries behind its panels.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use headcount_problem::Problem;
use headcount_reports::{Answer, ReportParameters, find_report};

use super::filters::Filters;
use super::page::Page;
use super::periods::{Periods, periods};
use super::report_view::ReportView;
use crate::answer_cache::{QueryError, QueryKey};
use crate::problem::report_problem;
use crate::role::{PUBLIC_MIN_CREWS, Role, Visibility as _};
use crate::state::SiteState;

/// The most options of a filter.
const MAX_OPTIONS: usize = 200;

/// The context of a page.
#[derive(Debug)]
pub(crate) struct PageContext {
    pub(crate) state: SiteState,
    pub(crate) role: Role,
    pub(crate) page: Page,
    pub(crate) filters: Filters,
    pub(crate) today: NaiveDate,
    /// Whether no data was ever stored.
    pub(crate) is_empty: bool,
    pub(crate) options: FilterOptions,
    /// The day of the first record that the filters select, of any time; unknown for all time, where nothing depends on it.
    first_record: Option<NaiveDate>,
    /// The previous range, if the page compares and records cover it.
    pub(crate) previous_range: Option<(NaiveDate, NaiveDate)>,
    /// Why a page that would compare does not, or empty.
    pub(crate) why_not_compared: String,
    /// The time of the oldest answer on the page.
    computed_at: Mutex<DateTime<Utc>>,
    is_stale: AtomicBool,
}

/// The values that the filters offer.
#[derive(Debug, Default)]
pub(crate) struct FilterOptions {
    pub(crate) frameworks: Vec<String>,
    pub(crate) versions: Vec<String>,
    pub(crate) environments: Vec<String>,
}

impl PageContext {
    /// Parses the query string, and loads the filters' options.
    ///
    /// # Errors
    /// A filter is invalid, `role` may not see the page, or the store cannot be read.
    pub(crate) async fn open(
        state: SiteState,
        role: Role,
        query: &str,
        page: Page,
    ) -> Result<Self, Problem> {
        if let Some(right) = page.right() {
            role.require(right)?;
        }
        let now = Utc::now();
        let mut filters = Filters::parse(query, page.default_range(), role, now)?;
        if page == Page::Shared {
            // Shared crews name no environment: the page must not look as if it was filtered.
            filters.environment.clear();
        }
        let is_empty = state.answers.is_empty(role).await;
        let is_empty = is_empty.map_err(|error| report_problem(&error, role))?;
        let mut context = Self {
            state,
            role,
            page,
            filters,
            today: now.date_naive(),
            is_empty,
            options: FilterOptions::default(),
            first_record: None,
            previous_range: None,
            why_not_compared: String::new(),
            computed_at: Mutex::new(now),
            is_stale: AtomicBool::new(false),
        };
        // The public cannot select a part ([`Role::check`]).
        if !is_empty && role.sees_all() {
            context.options = context.load_options().await;
        }
        if !is_empty && context.filters.range.first.is_some() {
            context.first_record = context.first_day().await;
            if let Some(range) = context.filters.previous_range(context.today) {
                context.compare_with(range);
            }
        }
        Ok(context)
    }

    /// Compares with the range, unless records begin later: of a part everything has grown.
    fn compare_with(&mut self, range: (NaiveDate, NaiveDate)) {
        match self.first_record {
            Some(first) if first <= range.0 => self.previous_range = Some(range),
            Some(first) if self.role.sees_all() => {
                self.why_not_compared = format!(
                    "Not compared with {} – {}: the first record here is of {first}.",
                    range.0, range.1
                );
            }
            // Who sent the first record is one crew, so that the public is not told the day.
            Some(_) => {
                self.why_not_compared =
                    "Not compared: records do not cover the previous period.".to_owned();
            }
            None => {}
        }
    }

    /// The day of the first record that the filters select, of any time.
    async fn first_day(&self) -> Option<NaiveDate> {
        let parameters = ReportParameters {
            since: None,
            until: None,
            ..self.filters.parameters()
        };
        // Not shown, so that it is not what the role may see.
        let answer = self
            .answer(QueryKey::report("overview", &parameters))
            .await
            .ok()?;
        let column = answer.column_index("first_seen")?;
        let days = answer
            .rows
            .iter()
            .filter_map(|row| row[column].as_str()?.get(..10)?.parse().ok());
        days.min()
    }

    /// What a number means that the threshold holds back.
    pub(crate) fn few(&self) -> String {
        let least = match self.role.sees_all() {
            true => self.filters.min_crews,
            false => self.filters.min_crews.max(PUBLIC_MIN_CREWS),
        };
        match least {
            ..=1 => "–".to_owned(),
            least => format!("fewer than {least}"),
        }
    }

    /// The address of this page with every value, or empty where these are shown or the role may not see them.
    pub(crate) fn all_values_address(&self) -> String {
        if !self.role.sees_all() || self.filters.min_crews <= 1 {
            return String::new();
        }
        let mut filters = self.filters.clone();
        filters.min_crews = 1;
        format!("{}?{}", self.page.path(), filters.query())
    }

    /// Whether the last of `periods` is not over.
    pub(crate) fn is_last_running(&self, periods: &[NaiveDate]) -> bool {
        !periods.is_empty()
            && self
                .filters
                .range
                .last
                .is_none_or(|last| last >= self.today)
    }

    /// The periods of a chart, with the text for what is not known in one of them.
    pub(crate) fn periods_of<'a>(&self, days: &'a [NaiveDate], unknown: &'a str) -> Periods<'a> {
        Periods {
            days,
            is_last_running: self.is_last_running(days),
            unknown,
        }
    }

    /// The report `name` over the range.
    pub(crate) async fn report(&self, name: &'static str) -> ReportView {
        self.query(name, self.filters.parameters()).await
    }

    /// The report by period of the range.
    pub(crate) async fn by_period(&self, name: &'static str) -> ReportView {
        self.query(name, self.filters.parameters_by_period()).await
    }

    /// The report over the previous range, if the page compares.
    pub(crate) async fn previous(&self, name: &'static str) -> Option<ReportView> {
        let parameters = self.previous_parameters()?;
        Some(self.query(name, parameters).await)
    }

    /// The report by period of the previous range, if the page compares.
    pub(crate) async fn previous_by_period(&self, name: &'static str) -> Option<ReportView> {
        let parameters = ReportParameters {
            by: Some(self.filters.by),
            ..self.previous_parameters()?
        };
        Some(self.query(name, parameters).await)
    }

    fn previous_parameters(&self) -> Option<ReportParameters> {
        let (first, last) = self.previous_range?;
        Some(self.filters.parameters_between(first, last))
    }

    /// The fresh or stale answer, as it is stored.
    pub(crate) async fn answer(&self, key: QueryKey) -> Result<Arc<Answer>, QueryError> {
        let cached = self.state.answers.fresh_or_stale(key).await?;
        if cached.is_stale() {
            self.is_stale.store(true, Ordering::Relaxed);
        }
        let mut oldest = self.lock_computed_at();
        *oldest = cached.computed_at.min(*oldest);
        Ok(cached.answer)
    }

    /// Whether newer answers than those on the page are being computed.
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Relaxed)
    }

    /// The time of the oldest answer so far.
    pub(crate) fn computed_at(&self) -> DateTime<Utc> {
        *self.lock_computed_at()
    }

    fn lock_computed_at(&self) -> std::sync::MutexGuard<'_, DateTime<Utc>> {
        self.computed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The report `name` with these parameters.
    pub(crate) async fn query(
        &self,
        name: &'static str,
        parameters: ReportParameters,
    ) -> ReportView {
        let Some(header) = find_report(name) else {
            // The names are literals in this crate, and a test queries each.
            unreachable!("there is no report {name}");
        };
        let answer = self.answer(QueryKey::report(name, &parameters)).await;
        ReportView {
            header,
            answer: answer
                .map(|answer| self.role.visible(header, answer))
                .map_err(|error| self.role.error_text(&error)),
            parameters,
        }
    }

    /// The first days of the range's periods since the first record; for all time, from the first period in `view`.
    pub(crate) fn periods(&self, view: &ReportView) -> Vec<NaiveDate> {
        let rows = view.answer.iter().flat_map(|answer| &answer.rows);
        let first_in_view = rows
            .filter_map(|row| row.first()?.as_str()?.parse().ok())
            .min();
        let last = self.filters.range.last.unwrap_or(self.today);
        // Nobody knows anything of the days before the first record.
        let first_known = self.filters.range.first.max(self.first_record);
        let first = first_known.or(first_in_view).unwrap_or(last);
        periods(first, last, self.filters.by)
    }

    /// As [`Self::periods`], for the previous range.
    pub(crate) fn previous_periods(&self) -> Vec<NaiveDate> {
        self.previous_range
            .map(|(first, last)| periods(first, last, self.filters.by))
            .unwrap_or_default()
    }

    /// The text for a report without rows.
    pub(crate) fn empty_message(&self) -> String {
        let filters = &self.filters;
        let has_selection = !(filters.framework.is_empty()
            && filters.version.is_empty()
            && filters.environment.is_empty());
        if has_selection {
            "No data matches these filters. Remove one, or choose a longer range."
        } else if filters.range.first.is_some() {
            "No data in this range. Choose a longer one."
        } else {
            "No data of this kind has been received."
        }
        .to_owned()
    }

    async fn load_options(&self) -> FilterOptions {
        let all = ReportParameters::default();
        let (versions, environments) = futures::join!(
            self.query("versions", all.clone()),
            self.query("environment", all)
        );
        let mut options = FilterOptions {
            frameworks: distinct(versions.texts("framework")),
            versions: distinct(versions.texts("version")),
            environments: Vec::new(),
        };
        // Tool spans name no crew.
        if self.page != Page::Shared {
            let (aspects, values) = (environments.texts("aspect"), environments.texts("value"));
            let pairs = aspects.into_iter().zip(values);
            options.environments = pairs
                .filter(|(aspect, _)| aspect != "tool")
                .map(|(aspect, value)| format!("{aspect}:{value}"))
                .collect();
        }
        options
    }
}

/// The first [`MAX_OPTIONS`] distinct texts.
fn distinct(texts: Vec<String>) -> Vec<String> {
    let mut distinct = Vec::new();
    for text in texts {
        if !distinct.contains(&text) && distinct.len() < MAX_OPTIONS {
            distinct.push(text);
        }
    }
    distinct
}
