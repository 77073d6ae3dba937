//! What stands around every page: the navigation, the filters, the moment that the page shows.

use headcount_reports::{DEFAULT_MIN_CREWS, Period};

use super::Page;
use super::desk::Desk;
use crate::access::Reader;
use crate::assets::{Addresses, addresses};
use crate::filters::SPANS;

/// What stands around a page.
#[derive(Debug)]
pub(crate) struct Chrome {
    pub(crate) title: String,
    pub(crate) assets: &'static Addresses,
    pub(crate) navigation: Vec<Item>,
    pub(crate) filters: Option<Form>,
    /// When the answers were computed, as `2026-11-23 14:05:09`; empty where there are none.
    pub(crate) moment: String,
    /// Whether newer answers than those on the page are on their way.
    pub(crate) is_old: bool,
    pub(crate) is_public: bool,
    /// Whether a session can be ended.
    pub(crate) has_session: bool,
    /// Whether the page asks again by itself.
    pub(crate) is_waiting: bool,
}

/// An entry of the navigation.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) href: String,
    pub(crate) title: &'static str,
    pub(crate) is_current: bool,
}

/// The filters as a form.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) spans: Vec<Choice>,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) has_days: bool,
    pub(crate) periods: Vec<Choice>,
    pub(crate) frameworks: Vec<Choice>,
    pub(crate) versions: Vec<Choice>,
    pub(crate) environments: Vec<Choice>,
    pub(crate) min_crews: u64,
    pub(crate) usual_min_crews: u64,
    pub(crate) compares: bool,
    pub(crate) can_compare: bool,
    /// The span before, in words; empty where nothing is compared.
    pub(crate) before: String,
}

/// An option of a list.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) is_chosen: bool,
}

impl Chrome {
    /// For a page with filters.
    pub(crate) fn of(desk: &Desk) -> Self {
        let mut chrome = Self::plain(desk, desk.page.title());
        chrome.filters = Some(form(desk));
        chrome
    }

    /// For a page without filters, with a title of its own.
    pub(crate) fn plain(desk: &Desk, title: &str) -> Self {
        let mut chrome = Self::bare(title);
        chrome.navigation = navigation(Some(desk.page), desk.reader, &desk.filters.query());
        chrome.moment = desk.moment().format("%Y-%m-%d %H:%M:%S").to_string();
        chrome.is_old = desk.is_old();
        chrome.is_public = !desk.reader.is_owner();
        chrome.has_session = desk.reader.is_owner() && desk.site.access.token.is_some();
        chrome
    }

    /// For a page that belongs to nothing.
    pub(crate) fn bare(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            assets: addresses(),
            navigation: Vec::new(),
            filters: None,
            moment: String::new(),
            is_old: false,
            is_public: false,
            has_session: false,
            is_waiting: false,
        }
    }
}

fn navigation(current: Option<Page>, reader: Reader, query: &str) -> Vec<Item> {
    let offered = Page::ALL
        .into_iter()
        .filter(|page| reader.is_owner() || !page.is_for_owners());
    let item = |page: Page| {
        let keeps_filters = !query.is_empty() && page != Page::Sql;
        Item {
            href: if keeps_filters {
                format!("{}?{query}", page.path())
            } else {
                page.path().to_owned()
            },
            title: page.title(),
            is_current: current == Some(page),
        }
    };
    offered.map(item).collect()
}

fn form(desk: &Desk) -> Form {
    let filters = &desk.filters;
    let days = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let before = filters.span_before(desk.today);
    let spans = SPANS.iter().map(|(value, label, _)| Choice {
        value: (*value).to_owned(),
        label: (*label).to_owned(),
        is_chosen: filters.span == *value,
    });
    let periods = [Period::Day, Period::Week, Period::Month].map(|period| Choice {
        value: period.name().to_owned(),
        label: format!("by {period}"),
        is_chosen: filters.by_is_chosen && filters.by == period,
    });
    let mut all_periods = vec![Choice {
        value: String::new(),
        label: format!("automatic: {}", filters.by),
        is_chosen: !filters.by_is_chosen,
    }];
    all_periods.extend(periods);
    let mut spans: Vec<Choice> = spans.collect();
    if filters.span.is_empty() {
        let label = format!(
            "{} – {}",
            days(filters.first),
            filters
                .last
                .map_or("today".to_owned(), |day| day.to_string())
        );
        spans.push(Choice {
            value: days(filters.first),
            label,
            is_chosen: true,
        });
    }
    Form {
        action: desk.page.path().to_owned(),
        spans,
        first: days(filters.first),
        last: days(filters.last),
        has_days: filters.span.is_empty() || filters.last.is_some(),
        periods: all_periods,
        frameworks: list(
            &desk.choices.frameworks,
            &filters.framework,
            "every framework",
        ),
        versions: list(&desk.choices.versions, &filters.version, "every release"),
        environments: list(
            &desk.choices.environments,
            &filters.environment,
            "every environment",
        ),
        min_crews: filters.min_crews,
        usual_min_crews: DEFAULT_MIN_CREWS,
        compares: filters.compare,
        can_compare: filters.first.is_some(),
        before: before
            .map(|(first, last)| format!("{first} – {last}"))
            .unwrap_or_default(),
    }
}

/// The values that can be chosen, the chosen one among them even where it is not known; none where nobody sent any.
fn list(values: &[String], chosen: &str, all: &str) -> Vec<Choice> {
    if values.is_empty() && chosen.is_empty() {
        return Vec::new();
    }
    let mut choices = vec![Choice {
        value: String::new(),
        label: all.to_owned(),
        is_chosen: chosen.is_empty(),
    }];
    let mut names: Vec<&str> = values.iter().map(String::as_str).collect();
    if !chosen.is_empty() && !names.contains(&chosen) {
        names.insert(0, chosen);
    }
    choices.extend(names.into_iter().map(|name| Choice {
        value: name.to_owned(),
        label: name.replace('_', " ").replace(':', ": "),
        is_chosen: name == chosen,
    }));
    choices
}
