//! Reports' errors and panics as problem details.

use headcount_observe::ReportLimit;
use headcount_problem::Problem;
use headcount_reports::ReportError;
use http::StatusCode;

use crate::role::{Role, Visibility as _};

/// The problem for a query that failed: 404 for an unknown report, 400 for an invalid query, 503 where too many run, answers
/// are unread or the store cannot be read, else 500.
pub(crate) fn report_problem(error: &ReportError, role: Role) -> Problem {
    let status = match error {
        ReportError::UnknownReport { .. } => StatusCode::NOT_FOUND,
        ReportError::Busy { .. }
        | ReportError::UnreadAnswers { .. }
        | ReportError::Unreadable(_) => StatusCode::SERVICE_UNAVAILABLE,
        error if error.is_client_error() => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if let ReportError::Unreadable(reason) = error {
        static UNREADABLE: ReportLimit = ReportLimit::new();
        if let Some(withheld) = UNREADABLE.pass() {
            tracing::error!(
                reason,
                withheld,
                "a query failed because the store cannot be read"
            );
        }
    }
    let problem = Problem::new(status, "query failed", role.error_text(error));
    match error {
        ReportError::Busy { retry_after, .. } | ReportError::UnreadAnswers { retry_after } => {
            problem.retry_after(*retry_after)
        }
        _ => problem,
    }
}

/// The problem for a handler that panicked, without the panic's message; the panic hook has printed it.
pub(crate) fn panicked() -> Problem {
    let detail = "the request handler panicked; the collector's standard error has the message";
    Problem::internal("internal error", detail)
}
