//! The one path from a request's bytes to an acknowledgement, whichever door they came through.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use headcount_catalog::{Admission, Catalog, Dialect, Outcome, Secret};
use headcount_lake::{
    AppendError, Lake, LakeError, LakeOptions, LakeSnapshot, load_or_create_secret,
};
use headcount_wire::{JsonError, RequestError, json_to_protobuf};

use crate::body::Notation;
use crate::counters::Counters;
use crate::error::ServeError;

/// Bodies larger than this are read on a thread of their own, so that they do not hold up other connections.
const INLINE_BYTES: usize = 128 * 1024;

/// Admission and the store behind it.
#[derive(Debug)]
pub struct Intake {
    admission: Arc<Admission>,
    lake: Lake,
    counters: Counters,
}

/// What became of a request that was acknowledged: its admitted rows are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Spans that were read.
    pub accepted: u64,
    /// Spans that were refused whole.
    pub rejected: u64,
    /// Spans that had been stored before and were not stored again.
    pub duplicates: u64,
    /// What the sender should know: counts and reasons. Empty where there is nothing to say.
    pub message: String,
}

/// Why a request was not acknowledged; nothing of it counts as stored.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The body is not an `ExportTraceServiceRequest` in protobuf.
    #[error("the body is not an ExportTraceServiceRequest: {0}")]
    Protobuf(#[from] RequestError),
    /// The body is not an `ExportTraceServiceRequest` in JSON.
    #[error("the body is not an ExportTraceServiceRequest: {0}")]
    Json(#[from] JsonError),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] AppendError),
    /// Reading the body came to an end that it never should.
    #[error("reading the body failed inside the collector; nothing of it was stored")]
    Broken,
}

impl Intake {
    /// Opens the data folder `data` with the embedded catalog and dialects.
    ///
    /// # Errors
    /// The folder is in use, damaged or not writable.
    pub async fn open(data: &std::path::Path, options: LakeOptions) -> Result<Self, ServeError> {
        let catalog = Catalog::embedded();
        let lake = Lake::open(data, Arc::clone(catalog.schema()), options).await?;
        let secret = load_or_create_secret(data).map_err(|source| ServeError::Secret {
            folder: data.display().to_string(),
            source,
        })?;
        let admission = Admission::new(catalog, Dialect::embedded()?, Secret::new(secret))?;
        Ok(Self {
            admission: Arc::new(admission),
            lake,
            counters: Counters::default(),
        })
    }

    /// Admits and stores a decompressed body; resolves after its rows are on disk.
    ///
    /// # Errors
    /// The body is no OTLP request, or the store cannot take it now.
    pub async fn take(&self, body: Bytes, notation: Notation) -> Result<Taken, IntakeError> {
        let size = body.len();
        let admission = Arc::clone(&self.admission);
        let outcome = if size <= INLINE_BYTES {
            admit(&admission, &body, notation)
        } else {
            let work = tokio::task::spawn_blocking(move || admit(&admission, &body, notation));
            work.await.unwrap_or(Err(IntakeError::Broken))
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.counters.refused();
                return Err(error);
            }
        };
        let (accepted, rejected, message) = (
            outcome.spans_accepted,
            outcome.spans_rejected,
            outcome.message,
        );
        let appended = match self.lake.append(outcome.batch).await {
            Ok(appended) => appended,
            Err(error) => {
                self.counters.put_off();
                return Err(error.into());
            }
        };
        self.counters
            .acknowledged(size, accepted, rejected, appended.duplicates);
        Ok(Taken {
            accepted,
            rejected,
            duplicates: appended.duplicates,
            message,
        })
    }

    /// What is stored now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn snapshot(&self) -> Result<LakeSnapshot, LakeError> {
        self.lake.snapshot().await
    }

    /// Counts since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Flushes and closes the store.
    ///
    /// # Errors
    /// The last flush failed; the rows are safe in the log.
    pub async fn close(self) -> Result<(), LakeError> {
        self.lake.close().await
    }
}

fn admit(admission: &Admission, body: &[u8], notation: Notation) -> Result<Outcome, IntakeError> {
    let received = now_microseconds();
    match notation {
        Notation::Protobuf => Ok(admission.admit(body, 0, received)?),
        Notation::Json => {
            let transcoded = json_to_protobuf(body)?;
            Ok(admission.admit(&transcoded.bytes, transcoded.malformed_spans, received)?)
        }
    }
}

/// Microseconds since 1970 UTC; a clock before that counts as 1970.
fn now_microseconds() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}
