//! Reports' errors and panics as problem details.

use headcount_problem::Problem;
use headcount_reports::ReportError;
use http::StatusCode;

/// The problem for a query that failed: 404 for an unknown report, 400 for an invalid query, 503 where too many run, else 500.
pub(crate) fn report_problem(error: &ReportError) -> Problem {
    let status = match error {
        ReportError::UnknownReport { .. } => StatusCode::NOT_FOUND,
        ReportError::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        error if error.is_client_error() => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let problem = Problem::new(status, "query failed", error.to_string());
    match error {
        ReportError::Busy { retry_after, .. } => problem.retry_after(*retry_after),
        _ => problem,
    }
}

/// The problem for a handler that panicked, without the panic's message; the panic hook has printed it.
pub(crate) fn panicked() -> Problem {
    let detail = "the request handler panicked; the collector's standard error has the message";
    Problem::internal("internal error", detail)
}
