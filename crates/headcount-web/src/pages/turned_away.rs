//! Pages that say what is wrong, and what to do.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode, Uri};

use super::chrome::Chrome;
use super::login;
use crate::problem::Problem;

/// A page about a problem.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    chrome: Chrome,
    status: u16,
    title: &'static str,
    detail: String,
}

/// The problem as a page.
pub(crate) fn page(problem: &Problem) -> Response {
    let page = ProblemPage {
        chrome: Chrome::bare(problem.title),
        status: problem.status.as_u16(),
        title: problem.title,
        detail: problem.detail.clone(),
    };
    match page.render() {
        Ok(html) => (problem.status, Html(html)).into_response(),
        Err(_) => problem.clone().into_response(),
    }
}

/// For a reader who may not see the address: the form where a token helps, else the problem.
pub(crate) fn turn_away(problem: &Problem, address: &Uri) -> Response {
    if problem.status != StatusCode::UNAUTHORIZED {
        return page(problem);
    }
    let next = address.path_and_query().map_or("/", |path| path.as_str());
    let mut response = login::page(next, false, StatusCode::UNAUTHORIZED);
    let challenge = HeaderValue::from_static("Bearer");
    let _none = response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// For an address that is none.
pub(crate) fn nothing_here(address: &Uri) -> Response {
    let shown: String = address.path().chars().take(100).collect();
    page(&Problem::not_found(format!(
        "there is no page {shown}; the navigation names those there are"
    )))
}

/// For a method that a page does not know.
pub(crate) async fn wrong_method() -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    page(&Problem::new(
        status,
        "method not allowed",
        "pages are read with GET",
    ))
}
