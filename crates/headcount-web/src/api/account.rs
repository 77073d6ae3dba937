//! `GET /api/v1/audit`: the account of all records, beside what the tables hold.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use headcount_access::Right;
use headcount_problem::Problem;
use headcount_reports::{AuditView, audit_answer};
use http::HeaderMap;

use super::format::Format;
use super::respond::{set_cache_control, write};
use crate::problem::report_problem;
use crate::role::{Role, Visibility as _};
use crate::state::SiteState;

pub(super) async fn show(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    role.require(Right::ReadAccount)?;
    let query = query.unwrap_or_default();
    let format = Format::requested(&query, &headers)?;
    let view = view(&query)?;
    let audit = state.answers.audit().await;
    let audit = audit.map_err(|error| report_problem(&error, role))?;
    let mut response = write(format, Arc::new(audit_answer(&audit, view))).await?;
    set_cache_control(&mut response, role);
    Ok(response)
}

fn view(query: &str) -> Result<AuditView, Problem> {
    let mut view = AuditView::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let bad = |detail: &str| Problem::bad_request("invalid parameter", detail);
        match name.as_ref() {
            "view" => view = value.parse().map_err(|error: String| bad(&error))?,
            "format" => {}
            _ => return Err(bad("the parameters are view and format")),
        }
    }
    Ok(view)
}
