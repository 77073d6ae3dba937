//! `GET /api/v1/audit-log`: who read the shared tier, erased and changed tokens.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use chrono::NaiveDate;
use headcount_access::Right;
use headcount_problem::Problem;
use http::HeaderMap;

use super::format::Format;
use super::respond::{on_blocking_thread, set_cache_control, write};
use crate::role::{Role, Visibility as _};
use crate::state::SiteState;

/// The most events that are shown, and how many are by default.
const MAX_EVENTS: usize = 100_000;
const DEFAULT_EVENTS: usize = 1000;

pub(super) async fn show(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    role.require(Right::ReadAuditLog)?;
    let query = query.unwrap_or_default();
    let format = Format::requested(&query, &headers)?;
    let (since, limit) = parameters(&query)?;
    let Some(reader) = state.audit_reader else {
        return Err(Problem::not_found("this collector keeps no audit log"));
    };
    let answer = on_blocking_thread(move || {
        let read = reader.read(since, limit);
        read.map_err(|error| Problem::internal("audit log not readable", error.to_string()))
    });
    let mut response = write(format, Arc::new(answer.await?)).await?;
    set_cache_control(&mut response, role);
    Ok(response)
}

fn parameters(query: &str) -> Result<(Option<NaiveDate>, usize), Problem> {
    let (mut since, mut limit) = (None, DEFAULT_EVENTS);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let bad = |detail: &str| Problem::bad_request("invalid parameter", detail);
        match name.as_ref() {
            "since" => {
                let day = value.parse();
                since = Some(day.map_err(|_| bad("since must be a day such as 2026-11-01"))?);
            }
            "limit" => {
                let number = value.parse().ok();
                let number = number.filter(|number| (1..=MAX_EVENTS).contains(number));
                let detail = format!("limit must be a number from 1 to {MAX_EVENTS}");
                limit = number.ok_or_else(|| bad(&detail))?;
            }
            "format" => {}
            _ => return Err(bad("the parameters are since, limit and format")),
        }
    }
    Ok((since, limit))
}
