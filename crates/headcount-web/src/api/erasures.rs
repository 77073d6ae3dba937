//! `/api/v1/erasures`: orders to erase crews, and how far they are.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::response::Response;
use chrono::{DateTime, SecondsFormat};
use headcount_access::{AuditEvent, Principal, Right};
use headcount_answer::{Answer, AnswerColumn, ColumnKind};
use headcount_lake::{CrewOrder, CrewRows, CrewSelection, OrderError};
use headcount_problem::Problem;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::crew_request::CrewRequest;
use super::format::Format;
use super::respond::{on_blocking_thread, set_cache_control, write};
use crate::problem::report_problem;
use crate::role::{Role, Visibility as _};
use crate::state::SiteState;
use crate::store::Erasures;

/// When an order that was not accepted may be given again.
const RETRY: Duration = Duration::from_secs(60);

/// `GET`: the orders.
pub(super) async fn list(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    role.require(Right::EraseCrews)?;
    let format = Format::requested(&query.unwrap_or_default(), &headers)?;
    let answer = erasure_states(&(erasures(&state)?.all)());
    let mut response = write(format, Arc::new(answer)).await?;
    set_cache_control(&mut response, role);
    Ok(response)
}

/// `POST`: accepts an order, which is in the audit log before it counts, and on disk before the response; or counts the rows that it
/// would erase.
pub(super) async fn order(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    Extension(principal): Extension<Principal>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Problem> {
    role.require(Right::EraseCrews)?;
    let format = Format::requested(&query.unwrap_or_default(), request.headers())?;
    let body = CrewRequest::read(request, state.timeout).await?;
    let (selection, is_dry_run) = body.for_erasure()?;
    if is_dry_run {
        let counted = count(&state, role, selection).await?;
        return write(format, Arc::new(counted)).await;
    }
    let erasures = erasures(&state)?;
    let values = selection.values().count() as u64;
    record(&state, &principal, values, StatusCode::ACCEPTED).await?;
    let number = match (erasures.order)(selection).await {
        Ok(number) => number,
        Err(error) => {
            let problem = not_accepted(&error);
            // The log has said that the order was accepted. If it cannot be corrected, it names an erasure too many, and none too few.
            let _ = record(&state, &principal, values, problem.status).await;
            return Err(problem);
        }
    };
    let mut response = Response::new(Body::from(json!({ "order": number }).to_string()));
    *response.status_mut() = StatusCode::ACCEPTED;
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}

/// Records the order in the audit log, on disk: an order that cannot be recorded is not given.
async fn record(
    state: &SiteState,
    principal: &Principal,
    values: u64,
    status: StatusCode,
) -> Result<(), Problem> {
    let Some(log) = &state.audit else {
        return Ok(());
    };
    let endpoint = "POST /api/v1/erasures";
    let event = AuditEvent::erase_ordered(principal, values, endpoint, status.as_u16());
    let recorded = log.record_durably(&event).await;
    recorded.map_err(|error| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, "not recorded, retry later", error.to_string())
    })
}

/// The rows of each table that an erasure would erase.
async fn count(state: &SiteState, role: Role, selection: CrewSelection) -> Result<Answer, Problem> {
    let snapshot = state.answers.snapshot().await;
    let snapshot = snapshot.map_err(|error| report_problem(&error, role))?;
    on_blocking_thread(move || {
        let crews = snapshot.crew_rows(&selection);
        crews.and_then(|crews| row_counts(&crews)).map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot count the rows of a crew"
            );
            Problem::internal(
                "cannot count",
                "the collector cannot read its store; its log has the reason",
            )
        })
    })
    .await
}

/// The rows of the crews in each table.
///
/// # Errors
/// The operating system refuses to read a file.
pub fn row_counts(crews: &CrewRows) -> Result<Answer, headcount_lake::LakeError> {
    let schema = crews.snapshot().schema();
    let mut rows = Vec::new();
    for id in crews.tables() {
        if let Some(table) = schema.table(id) {
            rows.push(vec![
                Value::from(table.name.as_str()),
                Value::from(table.tier.name()),
                Value::from(crews.count(id)?),
            ]);
        }
    }
    let columns = [
        ("table_name", ColumnKind::Text),
        ("tier", ColumnKind::Text),
        ("rows", ColumnKind::Integer),
    ];
    Ok(answer(&columns, rows))
}

fn erasures(state: &SiteState) -> Result<&Erasures, Problem> {
    let erasures = state.answers.erasures();
    erasures.ok_or_else(|| Problem::not_found("this server erases nothing"))
}

fn not_accepted(error: &OrderError) -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "not accepted, retry later", error.to_string()).retry_after(RETRY)
}

/// Orders to erase crews as rows: number, times, state and rows; what they name is in no answer.
pub fn erasure_states(orders: &[CrewOrder]) -> Answer {
    let moment = |seconds: u64| {
        let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        let moment = DateTime::from_timestamp(seconds, 0)?;
        Some(moment.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let row = |order: &CrewOrder| {
        let state = if order.is_done() { "done" } else { "pending" };
        vec![
            Value::from(order.number),
            Value::from(moment(order.accepted)),
            Value::from(state),
            Value::from(moment(order.finished)),
            Value::from(order.rows),
        ]
    };
    let columns = [
        ("order", ColumnKind::Integer),
        ("accepted", ColumnKind::Moment),
        ("state", ColumnKind::Text),
        ("done", ColumnKind::Moment),
        ("rows", ColumnKind::Integer),
    ];
    answer(&columns, orders.iter().map(row).collect())
}

fn answer(columns: &[(&str, ColumnKind)], rows: Vec<Vec<Value>>) -> Answer {
    let column = |(name, kind): &(&str, ColumnKind)| AnswerColumn {
        name: (*name).to_owned(),
        kind: *kind,
    };
    Answer {
        columns: columns.iter().map(column).collect(),
        rows,
        notes: Vec::new(),
    }
}
