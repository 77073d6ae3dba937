//! The HTTP API: reports, SQL, the tables and the catalog, for programs.

mod account;
mod audit_log;
mod conditional;
mod crew_request;
mod erasures;
mod export;
mod format;
mod openapi;
mod report_parameters;
mod respond;
mod sql_request;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use headcount_access::Right;
use headcount_catalog::Catalog;
use headcount_problem::Problem;
use headcount_reports::{
    Answer, REPORTS_OF_FILTER_VALUES, ReportHeader, ReportParameters, catalog_of_reports,
    did_you_mean, every_filter_value, find_report, may_be_unmatched, unmatched_filters,
};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;

use crate::answer_cache::{QueryKey, ReportColumns};
use crate::problem::{panicked, report_problem};
use crate::role::{Role, Visibility as _};
use crate::state::SiteState;
use conditional::{conditional, entity_tag, tagged};
use format::Format;
use respond::{set_cache_control, write};

pub use erasures::{erasure_states, row_counts};

/// The API's routes.
pub(crate) fn routes() -> Router<SiteState> {
    Router::new()
        .route("/api/v1/reports", get(list))
        .route("/api/v1/reports/{name}", get(report))
        .route("/api/v1/tables", get(tables))
        .route("/api/v1/catalog", get(catalog))
        .route("/api/v1/sql", post(sql))
        .route("/api/v1/audit", get(account::show))
        .route("/api/v1/export", post(export::export))
        .route("/api/v1/audit-log", get(audit_log::show))
        .route(
            "/api/v1/erasures",
            get(erasures::list).post(erasures::order),
        )
        .route("/api/openapi.json", get(description))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(method_not_allowed)
}

async fn method_not_allowed() -> Problem {
    let detail = "use GET for reports and tables, POST for SQL, exports and orders to erase";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", detail)
}

async fn list(Extension(role): Extension<Role>, headers: HeaderMap) -> Response {
    let reports: Vec<&ReportHeader> = readable_reports(role).collect();
    json(&reports, role, &headers)
}

async fn report(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|error| Problem::not_found(error.body_text()))?;
    let query = query.unwrap_or_default();
    let format = Format::requested(&query, &headers)?;
    let header = find_report(&name)
        .filter(|header| role.may_read(header))
        .ok_or_else(|| unknown_report(&name, role))?;
    let parameters = report_parameters::parse(&query, header, role)?;
    let key = QueryKey::report(&header.name, &parameters);
    let cached = state.answers.fresh(key).await;
    let answer = cached.map_err(|error| report_problem(&error, role))?.answer;
    let answer = with_unmatched(&state, role, &parameters, answer).await?;
    let mut response = write(format, role.visible(header, answer)).await?;
    set_cache_control(&mut response, role);
    Ok(conditional(response, &headers).await)
}

/// The answer, with notes on filters that nothing meets.
async fn with_unmatched(
    state: &SiteState,
    role: Role,
    parameters: &ReportParameters,
    answer: Arc<Answer>,
) -> Result<Arc<Answer>, Problem> {
    if !may_be_unmatched(parameters, &answer) {
        return Ok(answer);
    }
    let every = every_filter_value();
    let [versions, environments] =
        REPORTS_OF_FILTER_VALUES.map(|name| state.answers.fresh(QueryKey::report(name, &every)));
    let known = futures::try_join!(versions, environments);
    let (versions, environments) = known.map_err(|error| report_problem(&error, role))?;
    let notes = unmatched_filters(parameters, &versions.answer, &environments.answer);
    let mut answer = Arc::unwrap_or_clone(answer);
    answer.notes.extend(notes);
    Ok(Arc::new(answer))
}

fn readable_reports(role: Role) -> impl Iterator<Item = &'static ReportHeader> {
    let reports = catalog_of_reports().iter();
    reports.filter(move |report| role.may_read(report))
}

fn unknown_report(name: &str, role: Role) -> Problem {
    let names: Vec<&str> = readable_reports(role)
        .map(|report| report.name.as_str())
        .collect();
    let hint = did_you_mean(name, names.iter().copied()).unwrap_or_default();
    let names = names.join(", ");
    Problem::not_found(format!(
        "unknown report {name:?}{hint}; the reports are {names}"
    ))
}

async fn tables(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    role.require(Right::ReadAnonymousTier)?;
    let format = Format::requested(&query.unwrap_or_default(), &headers)?;
    let reports = state.answers.reports(role).await;
    let reports = reports.map_err(|error| report_problem(&error, role))?;
    let response = write(format, Arc::new(reports.tables())).await?;
    Ok(conditional(response, &headers).await)
}

async fn catalog(Extension(role): Extension<Role>, headers: HeaderMap) -> Response {
    json(&Catalog::in_force().json(), role, &headers)
}

async fn description(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let described = state.descriptions.of(role);
    let described = described.get_or_try_init(|| describe(&state, role)).await?;
    Ok(json(described, role, &headers))
}

async fn describe(state: &SiteState, role: Role) -> Result<Value, Problem> {
    let columns = state.answers.columns().await;
    let columns = columns.map_err(|error| report_problem(&error, role))?;
    let readable = columns.iter().filter(|(header, _)| role.may_read(header));
    let described: Vec<ReportColumns> = readable.cloned().collect();
    Ok(openapi::document(
        &described,
        state.access.needs_token(),
        &state.base,
    ))
}

async fn metrics(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
) -> Result<Response, Problem> {
    role.require(Right::ReadAnonymousTier)?;
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    // They ask the file system, which may take its time.
    let metrics = tokio::task::spawn_blocking(move || state.answers.metrics()).await;
    let metrics = metrics.map_err(|_| panicked())?;
    Ok(([(CONTENT_TYPE, media_type)], metrics).into_response())
}

async fn sql(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    request: Request,
) -> Result<Response, Problem> {
    role.require(Right::RunSql)?;
    let address_query = request.uri().query().unwrap_or_default().to_owned();
    let headers = request.headers().clone();
    let sql_request = sql_request::read(request, state.timeout).await?;
    let format = match &sql_request.format {
        Some(format) => Format::parse(format)?,
        None => Format::requested(&address_query, &headers)?,
    };
    let answered = state.answers.sql(&sql_request.query).await;
    let (answer, room) = answered.map_err(|error| report_problem(&error, role))?;
    let mut response = room.hold_for(write(format, Arc::new(answer)).await?);
    if sql_request.is_form {
        let file = format!("attachment; filename=\"answer.{}\"", format.extension());
        if let Ok(value) = HeaderValue::from_str(&file) {
            response.headers_mut().insert(CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

fn json(value: &impl serde::Serialize, role: Role, headers: &HeaderMap) -> Response {
    let Ok(text) = serde_json::to_vec(value) else {
        return Problem::internal("query failed", "cannot encode the answer as JSON")
            .into_response();
    };
    let tag = entity_tag(&text);
    let media_type = HeaderValue::from_static("application/json");
    let mut response = ([(CONTENT_TYPE, media_type)], text).into_response();
    set_cache_control(&mut response, role);
    tagged(response, &tag, headers)
}
