//! The page that explains captured telemetry: what of it would be stored, and what refused. For those who may; it shows names and kinds,
//! and no values. What is uploaded is admitted by an admission of its own, and nothing of it is kept.

use std::io::{self, Cursor};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use bytes::Bytes;
use headcount_access::Right;
use headcount_catalog::{Policy, Secret};
use headcount_explain::{CapturedFile, Summary, TextSink, explain};
use headcount_problem::Problem;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Limited};
use tokio::sync::Semaphore;

use super::context::PageContext;
use super::error_page;
use super::layout::Layout;
use super::page::Page;
use super::render::render;
use crate::role::{Role, Visibility as _};
use crate::state::SiteState;

/// The page's path.
pub(super) const PATH: &str = "/explain";

/// The largest upload, in bytes: the largest request that a collector takes, and the form around it.
const MAX_UPLOAD: usize = (16 << 20) + (64 << 10);
/// The most requests of a file that are explained.
const MAX_REQUESTS: usize = 50;
/// The largest explanation, in bytes.
const MAX_TEXT: usize = 4 << 20;
/// The name of the form's field.
const FIELD: &str = "file";

/// One upload at a time, so that all of them together need the memory of one.
static RUNNING: Semaphore = Semaphore::const_new(1);

/// The page.
#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    layout: Layout,
    /// Empty before anything was uploaded.
    explanation: String,
    /// Why a file, or requests in it, cannot be explained.
    failures: Vec<String>,
}

pub(crate) async fn show(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
) -> Response {
    let base = state.base.clone();
    page(state, role, Explained::default())
        .await
        .unwrap_or_else(|problem| error_page::response(&base, &problem))
}

/// Explains the file of the form.
pub(crate) async fn run(
    State(state): State<SiteState>,
    Extension(role): Extension<Role>,
    request: Request,
) -> Response {
    let base = state.base.clone();
    let explained = async {
        role.require(Right::ExplainTelemetry)?;
        // Before the file is read: those who wait hold no memory.
        let _permit = RUNNING.acquire().await;
        let file = upload(request, state.timeout).await?;
        let explained = tokio::task::spawn_blocking(move || explain_file(file)).await;
        explained.map_err(|_| Problem::internal("page failed", "the file cannot be explained"))?
    };
    let answered = match explained.await {
        Ok(explained) => page(state, role, explained).await,
        Err(problem) => Err(problem),
    };
    answered.unwrap_or_else(|problem| error_page::response(&base, &problem))
}

async fn page(state: SiteState, role: Role, explained: Explained) -> Result<Response, Problem> {
    role.require(Right::ExplainTelemetry)?;
    let context = PageContext::open(state, role, "", Page::Policy).await?;
    let page = ExplainPage {
        layout: Layout::titled(&context, "Explain"),
        explanation: explained.text,
        failures: explained.failures,
    };
    Ok(render(role, &page))
}

/// An explanation, and what could not be explained.
#[derive(Debug, Default)]
struct Explained {
    text: String,
    failures: Vec<String>,
}

/// The file in the body of `request`.
async fn upload(request: Request, timeout: Duration) -> Result<Bytes, Problem> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok());
    let Some(boundary) = boundary else {
        let detail = "send the file as a form does: multipart/form-data with the field `file`";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "unsupported media type", detail));
    };
    let body = Limited::new(request.into_body(), MAX_UPLOAD).collect();
    let collected = tokio::time::timeout(timeout, body).await.map_err(|_| {
        let detail = format!("the file did not arrive within {} s", timeout.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request timeout", detail)
    })?;
    let collected = collected.map_err(|_| {
        let detail = "a file may have at most 16 MiB";
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request too large", detail)
    })?;
    let body = collected.to_bytes();
    let parts = futures::stream::once(async move { Ok::<Bytes, io::Error>(body) });
    let mut form = multer::Multipart::new(parts, boundary);
    let malformed =
        |error: multer::Error| Problem::bad_request("malformed form", error.to_string());
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        if field.name() == Some(FIELD) {
            return field.bytes().await.map_err(malformed);
        }
    }
    let detail = "the form has no field `file`";
    Err(Problem::bad_request("malformed form", detail))
}

fn explain_file(file: Bytes) -> Result<Explained, Problem> {
    let mut explained = Explained::default();
    let captured = match CapturedFile::read_from("the file".to_owned(), Cursor::new(file)) {
        Ok(captured) => captured,
        Err(error) => {
            explained.failures.push(in_full(&error));
            return Ok(explained);
        }
    };
    let policy = Policy::in_force();
    // Of this upload alone: that of the collector must not learn from it who shares content.
    let admission = policy
        .admission(Secret::new([0; 32]))
        .map_err(|error| Problem::internal("page failed", error.to_string()))?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_us = i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX);
    let mut summary = Summary::default();
    for (number, request) in captured.enumerate() {
        if number == MAX_REQUESTS || explained.text.len() > MAX_TEXT {
            let more = "the file has more requests; `headcount explain` shows all of them";
            explained.failures.push(more.to_owned());
            break;
        }
        let mut sink = TextSink::new(false);
        match request {
            Err(error) => explained.failures.push(in_full(&error)),
            Ok(request) => match explain(&request, &admission, now_us, false, &mut sink) {
                Err(error) => explained.failures.push(in_full(&error)),
                Ok(outcome) => {
                    summary.add(policy.catalog(), &outcome, &sink);
                    explained.text.push_str(&sink.text(&request.place));
                    explained.text.push('\n');
                }
            },
        }
    }
    if !explained.text.is_empty() {
        explained.text.push_str(&summary.text());
    }
    Ok(explained)
}

/// The error with its cause.
fn in_full(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
