//! The layout around a page: the navigation, the filter form, the footer.

use chrono::NaiveDate;
use headcount_answer::visible;
use headcount_reports::{DEFAULT_MIN_CREWS, Period};

use super::context::PageContext;
use super::filters::{Filters, RANGES};
use super::page::Page;
use crate::assets::{Addresses, addresses};
use crate::base::Base;
use crate::role::{PUBLIC_MIN_CREWS, Role, Visibility as _};

/// The layout around a page.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) title: String,
    /// What the addresses on the page begin with.
    pub(crate) base: Base,
    pub(crate) assets: &'static Addresses,
    pub(crate) navigation: Vec<NavigationItem>,
    pub(crate) filters: Option<FilterForm>,
    /// When the answers were computed, such as `2026-11-23 14:05:09`; empty without answers.
    pub(crate) computed_at: String,
    /// Whether newer answers are being computed.
    pub(crate) is_stale: bool,
    pub(crate) is_public: bool,
    /// The fewest crews that a public row may have.
    pub(crate) min_crews: u64,
    /// Whether the user can sign out.
    pub(crate) has_session: bool,
    /// Where the public can sign in, without the base path; empty for everybody else.
    pub(crate) sign_in: String,
    /// Whether the page reloads until data arrives.
    pub(crate) is_waiting: bool,
}

/// An entry of the navigation.
#[derive(Debug)]
pub(crate) struct NavigationItem {
    pub(crate) href: String,
    pub(crate) title: &'static str,
    pub(crate) is_current: bool,
}

/// The filters as a form.
#[derive(Debug)]
pub(crate) struct FilterForm {
    pub(crate) action: String,
    /// Parameters that the form keeps: name and value.
    pub(crate) kept: Vec<(String, String)>,
    pub(crate) ranges: Vec<SelectOption>,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) has_custom_range: bool,
    /// The filters beside the range, which the form of a custom range keeps: name and value.
    pub(crate) beside_range: Vec<(String, String)>,
    pub(crate) periods: Vec<SelectOption>,
    pub(crate) frameworks: Vec<SelectOption>,
    pub(crate) versions: Vec<SelectOption>,
    pub(crate) environments: Vec<SelectOption>,
    /// The thresholds for names; none for the public, for whom it is fixed.
    pub(crate) thresholds: Vec<SelectOption>,
    pub(crate) compares: bool,
    pub(crate) can_compare: bool,
    /// The previous range as text; empty if the page does not compare.
    pub(crate) previous: String,
    /// Why it does not compare although it could be asked to; or empty.
    pub(crate) why_not_compared: String,
}

/// An option of a select element.
#[derive(Debug)]
pub(crate) struct SelectOption {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) is_selected: bool,
}

impl Layout {
    /// With the title of the context's page, and filters.
    pub(crate) fn with_filters(context: &PageContext) -> Self {
        let mut layout = Self::titled(context, context.page.title());
        layout.filters = Some(filter_form(context));
        layout
    }

    /// With another title, without filters.
    pub(crate) fn titled(context: &PageContext, title: &str) -> Self {
        let mut layout = Self::bare(&context.state.base, title);
        layout.navigation = navigation(context);
        layout.computed_at = context
            .computed_at()
            .format("%Y-%m-%d %H:%M:%S")
            .to_string();
        layout.is_stale = context.is_stale();
        layout.is_public = !context.role.sees_all();
        layout.has_session =
            context.role != Role::Public && context.state.access.session_cookie().is_some();
        if context.role == Role::Public {
            layout.sign_in = sign_in(context);
        }
        layout
    }

    /// Without navigation, for pages outside of it.
    pub(crate) fn bare(base: &Base, title: &str) -> Self {
        Self {
            title: title.to_owned(),
            base: base.clone(),
            assets: addresses(),
            navigation: Vec::new(),
            filters: None,
            computed_at: String::new(),
            is_stale: false,
            is_public: false,
            min_crews: PUBLIC_MIN_CREWS,
            has_session: false,
            sign_in: String::new(),
            is_waiting: false,
        }
    }
}

/// The sign-in page, which leads back here.
fn sign_in(context: &PageContext) -> String {
    let query = context.filters.query();
    let next = match query.is_empty() {
        true => context.page.path().to_owned(),
        false => format!("{}?{query}", context.page.path()),
    };
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    format!("/login?{}", pairs.append_pair("next", &next).finish())
}

fn navigation(context: &PageContext) -> Vec<NavigationItem> {
    let query = context.filters.query();
    let visible = Page::ALL
        .into_iter()
        .filter(|page| page.right().is_none_or(|right| context.role.may(right)));
    let item = |page: Page| {
        let keeps_filters = !query.is_empty() && page != Page::Sql;
        NavigationItem {
            href: if keeps_filters {
                format!("{}?{query}", page.path())
            } else {
                page.path().to_owned()
            },
            title: page.title(),
            is_current: context.page == page,
        }
    };
    visible.map(item).collect()
}

fn filter_form(context: &PageContext) -> FilterForm {
    let (filters, options) = (&context.filters, &context.options);
    let frameworks = select(&options.frameworks, &filters.framework, "all frameworks");
    let versions = select(&options.versions, &filters.version, "all releases");
    let environments = select(
        &options.environments,
        &filters.environment,
        "all environments",
    );
    FilterForm {
        action: context.page.path().to_owned(),
        kept: Vec::new(),
        ranges: range_options(filters),
        first: day_text(filters.range.first),
        last: day_text(filters.range.last),
        has_custom_range: filters.range.is_custom(),
        beside_range: filters.beside_range(),
        periods: period_options(filters),
        frameworks,
        versions,
        environments,
        thresholds: thresholds(context),
        compares: filters.compare,
        can_compare: filters.range.first.is_some(),
        previous: context
            .previous_range
            .map(|(first, last)| format!("{first} – {last}"))
            .unwrap_or_default(),
        why_not_compared: context.why_not_compared.clone(),
    }
}

/// The thresholds to choose from: the default, every value, and the one that is selected.
fn thresholds(context: &PageContext) -> Vec<SelectOption> {
    if !context.role.sees_all() {
        return Vec::new();
    }
    let selected = context.filters.min_crews;
    let mut offered = vec![DEFAULT_MIN_CREWS, 1];
    if !offered.contains(&selected) {
        offered.push(selected);
    }
    let option = |least: u64| SelectOption {
        value: match least {
            DEFAULT_MIN_CREWS => String::new(),
            least => least.to_string(),
        },
        label: match least {
            ..=1 => "any number of crews".to_owned(),
            least => format!("{least} crews or more"),
        },
        is_selected: least == selected,
    };
    offered.into_iter().map(option).collect()
}

fn range_options(filters: &Filters) -> Vec<SelectOption> {
    let range = &filters.range;
    let named = RANGES.iter().map(|(value, label, _)| SelectOption {
        value: (*value).to_owned(),
        label: (*label).to_owned(),
        is_selected: !range.is_custom() && range.name == *value,
    });
    let mut options: Vec<SelectOption> = named.collect();
    if range.is_custom() {
        let first = day_text(range.first);
        let last = range.last.map_or("today".to_owned(), |day| day.to_string());
        options.push(SelectOption {
            label: format!("{first} – {last}"),
            value: match range.first {
                Some(_) => first,
                None => range.name.clone(),
            },
            is_selected: true,
        });
    }
    options
}

fn period_options(filters: &Filters) -> Vec<SelectOption> {
    let mut options = vec![SelectOption {
        value: String::new(),
        label: format!("automatic: {}", filters.by),
        is_selected: !filters.by_is_explicit,
    }];
    let periods = [Period::Day, Period::Week, Period::Month];
    options.extend(periods.map(|period| SelectOption {
        value: period.name().to_owned(),
        label: format!("by {period}"),
        is_selected: filters.by_is_explicit && filters.by == period,
    }));
    options
}

fn day_text(day: Option<NaiveDate>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

/// The options of a filter, including a selected value that is unknown; empty where there are none.
fn select(values: &[String], selected: &str, all: &str) -> Vec<SelectOption> {
    if values.is_empty() && selected.is_empty() {
        return Vec::new();
    }
    let mut options = vec![SelectOption {
        value: String::new(),
        label: all.to_owned(),
        is_selected: selected.is_empty(),
    }];
    let mut names: Vec<&str> = values.iter().map(String::as_str).collect();
    if !selected.is_empty() && !names.contains(&selected) {
        names.insert(0, selected);
    }
    options.extend(names.into_iter().map(|name| SelectOption {
        value: name.to_owned(),
        label: visible(name).replace('_', " ").replace(':', ": "),
        is_selected: name == selected,
    }));
    options
}
