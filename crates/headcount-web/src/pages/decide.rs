//! The questions that maintainers decide with: a list, and a page for each with the parameters of its report.

use askama::Template;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::Response;
use headcount_problem::Problem;
use headcount_reports::{OwnKind, OwnParameter, ReportHeader, ReportParameters, find_report};

use super::context::PageContext;
use super::error_page;
use super::layout::{Layout, SelectOption};
use super::page::Page;
use super::panel::Panel;
use super::render::render;
use super::visitor::Visitor;
use super::welcome;
use crate::problem::report_problem;
use crate::role::{Role, Visibility as _};
use crate::state::SiteState;

/// The reports that answer them, in the order of the list.
const QUESTIONS: [&str; 12] = [
    "removal",
    "release-health",
    "adoption",
    "new-values",
    "failing",
    "lifecycle",
    "retention",
    "stickiness",
    "crosstab",
    "shapes",
    "scores",
    "completeness",
];

/// The list.
#[derive(Template)]
#[template(path = "decide.html")]
struct ListPage {
    layout: Layout,
    questions: Vec<Question>,
}

struct Question {
    href: String,
    question: &'static str,
    title: &'static str,
}

/// One question with its answer.
#[derive(Template)]
#[template(path = "question.html")]
struct QuestionPage {
    layout: Layout,
    question: &'static str,
    action: String,
    /// The page's filters, which the form of the parameters keeps.
    kept: Vec<(String, String)>,
    fields: Vec<Field>,
    findings: Vec<String>,
    panel: Panel,
}

/// A parameter of the report in the form.
struct Field {
    name: &'static str,
    label: String,
    meaning: &'static str,
    /// The choices, or none where it is a text.
    options: Vec<SelectOption>,
    value: String,
}

/// The list of questions.
pub(crate) async fn list(visitor: Visitor) -> Result<Response, Response> {
    let role = visitor.role;
    let context = visitor.open(Page::Decide).await?;
    if context.is_empty {
        return Ok(welcome::page(&context));
    }
    let query = context.filters.query();
    let questions = readable(role).map(|header| Question {
        href: address(&header.name, &query),
        question: &header.question,
        title: &header.title,
    });
    let page = ListPage {
        questions: questions.collect(),
        layout: Layout::titled(&context, Page::Decide.title()),
    };
    Ok(render(role, &page))
}

/// One question.
pub(crate) async fn show(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let base = state.base.clone();
    let answered = answer(state, role, &name, &query.unwrap_or_default()).await;
    answered.unwrap_or_else(|problem| error_page::response(&base, &problem))
}

async fn answer(
    state: SiteState,
    role: Role,
    name: &str,
    query: &str,
) -> Result<Response, Problem> {
    let header = readable(role).find(|header| header.name == name);
    let header = header.ok_or_else(|| {
        Problem::not_found(format!("there is no question {name:?}; /decide lists them"))
    })?;
    let (own, filters) = split(query, header);
    let context = PageContext::open(state, role, &filters, Page::Decide).await?;
    if context.is_empty {
        return Ok(welcome::page(&context));
    }
    let parameters = ReportParameters {
        own: own.into_iter().collect(),
        ..context.filters.parameters()
    };
    let checked = parameters.check(header);
    checked.map_err(|error| report_problem(&error, role))?;
    role.check_own(&parameters, header)?;
    let view = context.query(&header.name, parameters).await;
    let measured = header.published_by.first();
    let fields = header.parameters.iter().filter(|own| is_offered(role, own));
    let mut layout = Layout::with_filters(&context);
    let action = format!("/decide/{name}");
    if let Some(form) = &mut layout.filters {
        form.action.clone_from(&action);
        form.kept = view.parameters.own.clone().into_iter().collect();
        form.can_compare = false;
    }
    let mut findings = match &header.said_first {
        Some(column) => view.texts(column),
        None => Vec::new(),
    };
    findings.retain(|finding| !finding.is_empty());
    findings.dedup();
    let page = QuestionPage {
        question: &header.question,
        action,
        kept: url::form_urlencoded::parse(context.filters.query().as_bytes())
            .into_owned()
            .collect(),
        fields: fields.map(|own| Field::of(own, &view.parameters)).collect(),
        findings,
        panel: Panel::of(&context, &view, measured.map(String::as_str)).wide(),
        layout,
    };
    Ok(render(role, &page))
}

fn readable(role: Role) -> impl Iterator<Item = &'static ReportHeader> {
    let headers = QUESTIONS.into_iter().filter_map(find_report);
    headers.filter(move |header| role.may_read(header))
}

/// The public chooses among the ways to count alone.
fn is_offered(role: Role, own: &OwnParameter) -> bool {
    role.sees_all() || matches!(own.kind, OwnKind::Choice { .. })
}

fn address(name: &str, query: &str) -> String {
    let joint = if query.is_empty() { "" } else { "?" };
    format!("/decide/{name}{joint}{query}")
}

/// The report's own parameters in a query string, without empty ones, and the rest of it.
fn split(query: &str, header: &ReportHeader) -> (Vec<(String, String)>, String) {
    let mut own = Vec::new();
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let mut parameters = header.parameters.iter();
        if !parameters.any(|parameter| parameter.name == name) {
            rest.append_pair(&name, &value);
        } else if !value.trim().is_empty() {
            own.push((name.into_owned(), value.trim().to_owned()));
        }
    }
    (own, rest.finish())
}

impl Field {
    fn of(own: &'static OwnParameter, parameters: &ReportParameters) -> Self {
        let given = parameters.own.get(&own.name).map(String::as_str);
        let (options, default) = match &own.kind {
            OwnKind::Choice { choices, default } => {
                let chosen = given.unwrap_or(default);
                let options = choices.iter().map(|choice| SelectOption {
                    value: choice.clone(),
                    label: choice.replace('_', " "),
                    is_selected: choice == chosen,
                });
                (options.collect(), default.clone())
            }
            OwnKind::Number { default, .. } => (Vec::new(), default.to_string()),
            OwnKind::Days { default, .. } => (Vec::new(), format!("{default}d")),
            OwnKind::Text => (Vec::new(), String::new()),
        };
        Self {
            name: &own.name,
            label: super::table::label(&own.name),
            meaning: &own.meaning,
            options,
            value: given.map_or(default, str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_a_report() {
        assert_eq!(readable(Role::Admin).count(), QUESTIONS.len());
    }

    #[test]
    fn a_reports_own_parameters_are_told_from_the_filters() {
        let header = find_report("removal").unwrap();
        let (own, rest) = split("since=7d&value=a%26b&unused_for=&x=1", header);
        assert_eq!(own, [("value".to_owned(), "a&b".to_owned())]);
        assert_eq!(rest, "since=7d&x=1");
    }
}
