//! Request bodies within limits of size and time.

use std::time::Duration;

use axum::extract::Request;
use bytes::Bytes;
use headcount_problem::Problem;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};

/// The largest request body, in bytes.
const MAX_BYTES: usize = 128 * 1024;

/// Reads the body of `request`.
///
/// # Errors
/// 408 after `timeout`, 413 above [`MAX_BYTES`].
pub(crate) async fn read_body(request: Request, timeout: Duration) -> Result<Bytes, Problem> {
    let body = Limited::new(request.into_body(), MAX_BYTES).collect();
    let collected = tokio::time::timeout(timeout, body)
        .await
        .map_err(|_| {
            let detail = format!(
                "the request body did not arrive within {} s",
                timeout.as_secs()
            );
            Problem::new(StatusCode::REQUEST_TIMEOUT, "request timeout", detail)
        })?
        .map_err(|_| {
            let detail = format!("a request body may have at most {} KiB", MAX_BYTES >> 10);
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            Problem::new(status, "request too large", detail)
        })?;
    Ok(collected.to_bytes())
}
