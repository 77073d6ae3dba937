//! The one path from a request's bytes to an acknowledgement, whichever door they came through.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use headcount_catalog::{Admission, Catalog, Dialect, Outcome, Secret};
use headcount_lake::{
    AppendError, Appended, Lake, LakeError, LakeOptions, LakeSnapshot, OrderError,
    load_or_create_secret,
};
use headcount_wire::{JsonError, Receipt, RequestError, ErasureToken, json_to_protobuf};

use crate::body::Notation;
use crate::counters::Counters;
use crate::error::ServeError;

/// Bodies larger than this are read on a thread of their own, so that they do not hold up other connections.
const INLINE_BYTES: usize = 128 * 1024;

/// How long a failure of the store is told to those who ask whether the collector is ready.
const STALE: Duration = Duration::from_secs(10);

/// Admission and the store behind it.
#[derive(Debug)]
pub struct Intake {
    admission: Arc<Admission>,
    lake: Lake,
    /// Keys receipts; admission has the same.
    secret: Secret,
    counters: Counters,
    /// When and why the store last failed to take a batch, until it takes one.
    ailment: Mutex<Option<(Instant, &'static str)>>,
}

/// What became of a request that was acknowledged: its admitted rows are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Spans that were read and not refused whole.
    pub accepted: u64,
    /// Spans that were refused whole.
    pub rejected: u64,
    /// Spans of which something was stored now.
    pub stored: u64,
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
        let secret = Secret::new(secret);
        let admission = Admission::new(catalog, Dialect::embedded()?, secret.clone())?;
        Ok(Self {
            admission: Arc::new(admission),
            lake,
            secret,
            counters: Counters::default(),
            ailment: Mutex::default(),
        })
    }

    /// Admits and stores a decompressed body; resolves after its rows are on disk.
    ///
    /// # Errors
    /// The body is no OTLP request, or the store cannot take it now.
    pub async fn take(&self, body: Bytes, notation: Notation) -> Result<Taken, IntakeError> {
        self.take_holding(body, notation, None, ()).await
    }

    /// As [`Intake::take`] for a body that came with `receipt`, if it did, with the body's share of the memory: it is given back when neither the reading nor the store
    /// holds anything of the body, also where the caller has gone away meanwhile.
    pub(crate) async fn take_holding<H: Send + 'static>(
        &self,
        body: Bytes,
        notation: Notation,
        receipt: Option<Receipt>,
        share: H,
    ) -> Result<Taken, IntakeError> {
        let size = body.len();
        let admission = Arc::clone(&self.admission);
        let (outcome, share) = if size <= INLINE_BYTES {
            (admit(&admission, &body, notation, receipt)?, share)
        } else {
            let work = tokio::task::spawn_blocking(move || {
                let outcome = admit(&admission, &body, notation, receipt);
                drop(body);
                (outcome, share)
            });
            let (outcome, share) = work.await.map_err(|_| IntakeError::Broken)?;
            (outcome?, share)
        };
        let (accepted, rejected, message) = (
            outcome.spans_accepted,
            outcome.spans_rejected,
            outcome.message,
        );
        let appended = self.lake.append_holding(outcome.batch, share).await;
        self.note_health(&appended);
        let Appended {
            stored, duplicates, ..
        } = appended?;
        self.counters
            .acknowledged(size, accepted, rejected, duplicates);
        Ok(Taken {
            accepted,
            rejected,
            stored,
            duplicates,
            message,
        })
    }

    /// Why the store cannot take anything now, as far as its last batches tell. What is longer ago than
    /// [`STALE`] does not count: somebody has to try again.
    pub(crate) fn ailment(&self) -> Option<&'static str> {
        let ailment = *self.ailment.lock().unwrap_or_else(PoisonError::into_inner);
        ailment
            .filter(|(since, _)| since.elapsed() < STALE)
            .map(|(_, text)| text)
    }

    fn note_health(&self, appended: &Result<Appended, AppendError>) {
        let ailment = match appended {
            // A batch of nothing new is not written, and so says nothing about the disk.
            Ok(Appended { written: false, .. }) | Err(AppendError::TooLarge(_)) => return,
            Ok(_) => None,
            Err(AppendError::DiskFull) => Some("the disk is full"),
            Err(AppendError::Overloaded) => Some("the store cannot keep up"),
            Err(AppendError::Log(_)) => Some("the write-ahead log cannot be written"),
            Err(AppendError::Closed) => Some("the store is closed"),
        };
        let mut noted = self.ailment.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = ailment.map(|text| (Instant::now(), text));
    }

    /// Has everything erased that came, or still comes, under the receipts of `tokens`. When this resolves, the order is on
    /// the disk. Whether there is anything under them, it does not say.
    ///
    /// # Errors
    /// The order was not taken.
    pub async fn order_erasure(&self, tokens: &[ErasureToken]) -> Result<(), OrderError> {
        let keyed = |token: &ErasureToken| self.secret.receipt(&token.receipt());
        let receipts = tokens.iter().map(keyed).collect();
        self.lake.order_erasure(receipts).await
    }

    /// What is stored now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn snapshot(&self) -> Result<LakeSnapshot, LakeError> {
        self.lake.snapshot().await
    }

    /// Files of what could not be read of the store's log.
    pub(crate) fn damaged_files(&self) -> u64 {
        self.lake.damaged_files()
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

fn admit(
    admission: &Admission,
    body: &[u8],
    notation: Notation,
    receipt: Option<Receipt>,
) -> Result<Outcome, IntakeError> {
    let received = now_microseconds();
    match notation {
        Notation::Protobuf => Ok(admission.admit_under(receipt, body, 0, received)?),
        Notation::Json => {
            let transcoded = json_to_protobuf(body)?;
            let malformed = transcoded.malformed_spans;
            Ok(admission.admit_under(receipt, &transcoded.bytes, malformed, received)?)
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
