//! The HTTP API: each report, free SQL, the tables and the catalog, as programs read them.

mod format;
mod openapi;
mod parameters;
mod query;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use headcount_catalog::Catalog;
use headcount_reports::{
    Answer, ReportHeader, ReportParameters, catalog_of_reports, find_report, publish,
};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::access::Reader;
use crate::answers::Question;
use crate::problem::Problem;
use crate::site::Site;
use format::Format;
pub(crate) use parameters::PUBLIC_MIN_CREWS;
pub(crate) use query::receive;

/// How long a published answer may be kept by anyone, in seconds.
const PUBLIC_SECONDS: &str = "public, max-age=300";

/// The API's addresses.
pub(crate) fn routes() -> Router<Site> {
    Router::new()
        .route("/api/v1/reports", get(list))
        .route("/api/v1/reports/{name}", get(report))
        .route("/api/v1/tables", get(tables))
        .route("/api/v1/catalog", get(catalog))
        .route("/api/v1/sql", post(sql))
        .route("/api/openapi.json", get(description))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(wrong_method)
}

async fn wrong_method() -> Problem {
    let detail = "reports and tables are read with GET, SQL is sent with POST";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", detail)
}

async fn list(Extension(reader): Extension<Reader>, headers: HeaderMap) -> Response {
    let offered = |report: &&ReportHeader| reader.is_owner() || report.is_publishable();
    let reports: Vec<&ReportHeader> = catalog_of_reports().iter().filter(offered).collect();
    json(&reports, reader, &headers)
}

async fn report(
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
    name: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|error| Problem::not_found(error.body_text()))?;
    let query = query.unwrap_or_default();
    let format = Format::of(&query, &headers)?;
    let parameters = parameters::read(&query, reader)?;
    let header = find_report(&name)
        .filter(|header| reader.is_owner() || header.is_publishable())
        .ok_or_else(|| unknown_report(&name, reader))?;
    parameters.check().map_err(|error| Problem::from(&error))?;
    let answer = answer(&site, reader, header, &parameters).await?;
    let mut response = format.write(&answer)?;
    cache_headers(&mut response, reader);
    Ok(conditional(response, &headers).await)
}

/// The report's answer as of now, as this reader may see it.
async fn answer(
    site: &Site,
    reader: Reader,
    header: &ReportHeader,
    parameters: &ReportParameters,
) -> Result<Arc<Answer>, Problem> {
    let known = site
        .answers
        .exact(Question::report(&header.name, parameters));
    let known = known.await.map_err(|error| Problem::from(&*error))?;
    Ok(match reader {
        Reader::Owner => known.answer,
        Reader::Public => Arc::new(publish(header, &known.answer, PUBLIC_MIN_CREWS)),
    })
}

fn unknown_report(name: &str, reader: Reader) -> Problem {
    let offered = |report: &&ReportHeader| reader.is_owner() || report.is_publishable();
    let names: Vec<&str> = catalog_of_reports()
        .iter()
        .filter(offered)
        .map(|report| report.name.as_str())
        .collect();
    let detail = format!(
        "there is no report {name:?}; the reports are {}",
        names.join(", ")
    );
    Problem::not_found(detail)
}

async fn tables(
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    owners_only(reader)?;
    let format = Format::of(&query.unwrap_or_default(), &headers)?;
    let reports = site.answers.reports(reader).await;
    let reports = reports.map_err(|error| Problem::from(&error))?;
    let response = format.write(&reports.tables())?;
    Ok(conditional(response, &headers).await)
}

async fn catalog(Extension(reader): Extension<Reader>, headers: HeaderMap) -> Response {
    json(&Catalog::embedded().json(), reader, &headers)
}

async fn description(
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let reports = site.answers.reports(Reader::Owner).await;
    let reports = reports.map_err(|error| Problem::from(&error))?;
    let mut described = Vec::new();
    for header in catalog_of_reports() {
        if reader.is_owner() || header.is_publishable() {
            let columns = reports.columns(&header.name).await;
            described.push((header, columns.map_err(|error| Problem::from(&error))?));
        }
    }
    Ok(json(&openapi::document(&described), reader, &headers))
}

async fn metrics(
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
) -> Result<Response, Problem> {
    owners_only(reader)?;
    let text = (site.answers.store().metrics)();
    let media_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(CONTENT_TYPE, media_type)], text).into_response())
}

async fn sql(
    State(site): State<Site>,
    Extension(reader): Extension<Reader>,
    request: Request,
) -> Result<Response, Problem> {
    owners_only(reader)?;
    let named = request.uri().query().unwrap_or_default().to_owned();
    let headers = request.headers().clone();
    let asked = query::read(request, site.patience).await?;
    let format = match &asked.format {
        Some(format) => Format::named(format)?,
        None => Format::of(&named, &headers)?,
    };
    let answer = site.answers.once(&asked.query).await;
    let mut response = format.write(&answer.map_err(|error| Problem::from(&error))?)?;
    if asked.is_form {
        let file = format!("attachment; filename=\"answer.{}\"", format.extension());
        if let Ok(value) = HeaderValue::from_str(&file) {
            let _none = response.headers_mut().insert(CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}

/// Refuses the public.
pub(crate) fn owners_only(reader: Reader) -> Result<(), Problem> {
    if reader.is_owner() {
        return Ok(());
    }
    let detail =
        "this collector shows its reports to everybody, and the rest to those with its token";
    Err(Problem::new(StatusCode::FORBIDDEN, "not public", detail))
}

fn json(value: &impl serde::Serialize, reader: Reader, headers: &HeaderMap) -> Response {
    let Ok(text) = serde_json::to_vec(value) else {
        return Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "there is no answer",
            "it cannot be written as JSON",
        )
        .into_response();
    };
    let tag = tag_of(&text);
    let media_type = HeaderValue::from_static("application/json");
    let mut response = ([(CONTENT_TYPE, media_type)], text).into_response();
    cache_headers(&mut response, reader);
    tagged(response, &tag, headers)
}

fn cache_headers(response: &mut Response, reader: Reader) {
    let value = match reader {
        Reader::Owner => "private, no-cache",
        Reader::Public => PUBLIC_SECONDS,
    };
    let _none = response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static(value));
}

/// Gives the answer its entity tag, or says that the asker has it already (RFC 9110 §13.1.2).
async fn conditional(response: Response, headers: &HeaderMap) -> Response {
    use http_body_util::BodyExt as _;
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let bytes = body.to_bytes();
    let tag = tag_of(&bytes);
    tagged(Response::from_parts(parts, bytes.into()), &tag, headers)
}

fn tagged(mut response: Response, tag: &str, headers: &HeaderMap) -> Response {
    let asked = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let has_it = asked.is_some_and(|tags| {
        let mut tags = tags.split(',').map(str::trim);
        tags.any(|known| {
            known == "*" || known.trim_start_matches("W/") == tag.trim_start_matches("W/")
        })
    });
    if has_it {
        *response.body_mut() = axum::body::Body::empty();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        let _type = response.headers_mut().remove(CONTENT_TYPE);
    }
    if let Ok(value) = HeaderValue::from_str(tag) {
        let _none = response.headers_mut().insert(ETAG, value);
    }
    response
}

/// A weak tag: the same answer may travel packed or not.
fn tag_of(bytes: &[u8]) -> String {
    format!("W/\"{}\"", &blake3::hash(bytes).to_hex()[..24])
}
