//! Admits a captured request, and tells what becomes of it.

use headcount_catalog::{Admission, ExplanationSink, Outcome};
use headcount_wire::{JsonError, RequestError};

use crate::captured::CapturedRequest;

/// Why a request cannot be explained: a collector would answer it with HTTP 400.
#[derive(Debug, thiserror::Error)]
#[error("{place} would be rejected whole")]
pub struct ExplainError {
    place: String,
    source: Unreadable,
}

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error(transparent)]
    Protobuf(#[from] RequestError),
}

/// Admits `request` at `now_us`, microseconds since 1970 UTC, and tells `sink` what becomes of it; nothing is stored.
///
/// # Errors
/// The request would be rejected whole.
pub fn explain(
    request: &CapturedRequest,
    admission: &Admission,
    now_us: i64,
    wants_values: bool,
    sink: &mut dyn ExplanationSink,
) -> Result<Outcome, ExplainError> {
    let rejected = |source| ExplainError {
        place: request.place.clone(),
        source,
    };
    let protobuf = request.protobuf().map_err(|error| rejected(error.into()))?;
    admission
        .explain(
            &protobuf.bytes,
            protobuf.malformed_spans,
            now_us,
            wants_values,
            sink,
        )
        .map_err(|error| rejected(error.into()))
}
