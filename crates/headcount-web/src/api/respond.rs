//! What the endpoints that answer with rows share: encoding off the runtime's workers, and `Cache-Control`.

use std::sync::Arc;

use axum::response::Response;
use headcount_problem::Problem;
use headcount_reports::Answer;
use http::HeaderValue;
use http::header::CACHE_CONTROL;

use super::format::Format;
use crate::problem::panicked;
use crate::role::{Role, Visibility as _};

/// Encodes the answer on a thread for blocking work: a large one takes longer than a runtime worker may be blocked.
pub(super) async fn write(format: Format, answer: Arc<Answer>) -> Result<Response, Problem> {
    on_blocking_thread(move || format.write(&answer)).await
}

/// The result of `work`. If it panics, the client learns that and no more: the message may quote data.
pub(super) async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|_| Err(panicked()))
}

pub(super) fn set_cache_control(response: &mut Response, role: Role) {
    let value = HeaderValue::from_static(role.cache_control());
    response.headers_mut().insert(CACHE_CONTROL, value);
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn the_message_of_a_panic_is_not_for_the_client() {
        let work = || -> Result<(), Problem> { panic!("the role is Anna Example") };
        let problem = on_blocking_thread(work).await.unwrap_err();
        assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(problem.detail.contains("standard error"), "{problem:?}");
        assert!(!problem.detail.contains("Anna"), "{problem:?}");
        assert_eq!(on_blocking_thread(|| Ok(7)).await, Ok(7));
    }
}
