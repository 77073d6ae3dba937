//! The context of a page: the role, the filters and the queries behind its panels.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use headcount_problem::Problem;
use headcount_reports::{Answer, ReportParameters, find_report};

use super::filters::Filters;
use super::page::Page;
use super::periods::periods;
use super::report_view::ReportView;
use crate::answer_cache::{QueryError, QueryKey};
use crate::problem::report_problem;
use crate::role::{Role, Visibility as _};
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
            computed_at: Mutex::new(now),
            is_stale: AtomicBool::new(false),
        };
        // The public cannot select a part ([`Role::check`]).
        if !is_empty && role.sees_all() {
            context.options = context.load_options().await;
        }
        Ok(context)
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
        let parameters = self.filters.previous_parameters(self.today)?;
        Some(self.query(name, parameters).await)
    }

    /// The report by period of the previous range, if the page compares.
    pub(crate) async fn previous_by_period(&self, name: &'static str) -> Option<ReportView> {
        let parameters = ReportParameters {
            by: Some(self.filters.by),
            ..self.filters.previous_parameters(self.today)?
        };
        Some(self.query(name, parameters).await)
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

    /// The first days of the range's periods; for all time, from the first period in `view`.
    pub(crate) fn periods(&self, view: &ReportView) -> Vec<NaiveDate> {
        let rows = view.answer.iter().flat_map(|answer| &answer.rows);
        let first_in_view = rows
            .filter_map(|row| row.first()?.as_str()?.parse().ok())
            .min();
        let last = self.filters.range.last.unwrap_or(self.today);
        let first = self.filters.range.first.or(first_in_view).unwrap_or(last);
        periods(first, last, self.filters.by)
    }

    /// As [`Self::periods`], for the previous range.
    pub(crate) fn previous_periods(&self) -> Vec<NaiveDate> {
        let range = self.filters.previous_range(self.today);
        range
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
