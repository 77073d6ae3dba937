//! Templates as responses.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use headcount_problem::Problem;
use http::header::CACHE_CONTROL;

use crate::role::{Role, Visibility as _};

/// The rendered template, cacheable as `role` permits.
pub(crate) fn render(role: Role, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => ([(CACHE_CONTROL, role.cache_control())], Html(html)).into_response(),
        Err(error) => {
            let detail = format!("cannot render the page: {error}");
            Problem::internal("page failed", detail).into_response()
        }
    }
}
