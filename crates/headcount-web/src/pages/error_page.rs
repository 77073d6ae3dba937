//! Error pages: the problem and how to fix it.

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use headcount_problem::Problem;
use http::{StatusCode, Uri};

use super::layout::Layout;
use crate::base::Base;
use crate::state::SiteState;

/// A page about a problem.
#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    layout: Layout,
    status: u16,
    title: &'static str,
    detail: String,
}

/// The problem as a page.
pub(crate) fn response(base: &Base, problem: &Problem) -> Response {
    let page = ErrorPage {
        layout: Layout::bare(base, problem.title),
        status: problem.status.as_u16(),
        title: problem.title,
        detail: problem.detail.clone(),
    };
    match page.render() {
        Ok(html) => (problem.status, Html(html)).into_response(),
        Err(_) => problem.clone().into_response(),
    }
}

/// 404 for an address without a page.
pub(crate) fn not_found(base: &Base, address: &Uri) -> Response {
    let path: String = address.path().chars().take(100).collect();
    let detail = format!("there is no page {path}; the navigation of the overview lists the pages");
    response(base, &Problem::not_found(detail))
}

/// 405 for a method that a page does not support.
pub(crate) async fn method_not_allowed(State(state): State<SiteState>) -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let problem = Problem::new(status, "method not allowed", "use GET for pages");
    response(&state.base, &problem)
}
