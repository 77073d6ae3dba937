//! Error pages: the problem and how to fix it.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use headcount_problem::Problem;
use http::{StatusCode, Uri};

use super::layout::Layout;

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
pub(crate) fn response(problem: &Problem) -> Response {
    let page = ErrorPage {
        layout: Layout::bare(problem.title),
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
pub(crate) fn not_found(address: &Uri) -> Response {
    let path: String = address.path().chars().take(100).collect();
    response(&Problem::not_found(format!(
        "there is no page {path}; the navigation of the overview lists the pages"
    )))
}

/// 405 for a method that a page does not support.
pub(crate) async fn method_not_allowed() -> Response {
    response(&Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method not allowed",
        "use GET for pages",
    ))
}
