//! The ingest pipeline: the one path from a request's bytes to an acknowledgement, for every receiver.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use headcount_catalog::{Admission, Outcome, Policy, Secret};
use headcount_lake::{
    AppendError, Appended, Audit, CrewOrder, CrewSelection, Lake, LakeError, LakeOptions,
    LakeSnapshot, OrderError, load_or_create_secret,
};
use headcount_wire::{ErasureToken, JsonError, Receipt, RequestError, json_to_protobuf};

use crate::clock::ClockWatch;
use crate::connections::Connections;
use crate::counters::{Counters, RejectionReason};
use crate::error::ServeError;
use crate::heartbeat::{Heartbeat, STUCK_AFTER};
use crate::memory_budget::MemoryBudget;
use crate::payload_format::PayloadFormat;
use crate::store_health::StoreHealth;
use crate::tls::Tls;

/// Larger bodies are parsed on the blocking pool, so that they do not delay other connections.
const INLINE_BYTES: usize = 128 * 1024;

/// Admission and the store behind it.
#[derive(Debug)]
pub struct IngestPipeline {
    admission: Arc<Admission>,
    lake: Lake,
    /// Keys receipts; admission uses the same.
    secret: Secret,
    counters: Counters,
    store_health: StoreHealth,
    heartbeat: Heartbeat,
    clock: Mutex<ClockWatch>,
    server: OnceLock<ServerState>,
}

/// The outcome of an acknowledged request: its admitted rows are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestOutcome {
    /// Spans that were not rejected as a whole.
    pub accepted: u64,
    /// Spans that were rejected as a whole.
    pub rejected: u64,
    /// Spans of which rows were stored now.
    pub stored: u64,
    /// Spans that were already stored.
    pub duplicates: u64,
    /// A message for the sender: counts and reasons of rejected spans. Empty if there is nothing to report.
    pub message: String,
}

/// Why a request was not acknowledged. Its rows may be missing; the sender retries.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The body is not an `ExportTraceServiceRequest` in protobuf.
    #[error("the body is not an ExportTraceServiceRequest: {0}")]
    Protobuf(#[from] RequestError),
    /// The body is not an `ExportTraceServiceRequest` in JSON.
    #[error("the body is not an ExportTraceServiceRequest: {0}")]
    Json(#[from] JsonError),
    /// The store could not append it.
    #[error(transparent)]
    Store(#[from] AppendError),
    /// The task that parsed the body panicked.
    #[error("internal error while parsing the body; nothing of it was stored")]
    Panicked,
}

/// What the server in front of the pipeline keeps, for its metrics and its readiness.
#[derive(Debug)]
pub(crate) struct ServerState {
    pub(crate) budget: MemoryBudget,
    pub(crate) connections: Arc<Connections>,
    pub(crate) tls: Option<Tls>,
    /// Why queries cannot be answered now, if they cannot.
    pub(crate) query_failure: fn() -> Option<&'static str>,
}

impl IngestPipeline {
    /// Opens the data folder `data` under the policy in force.
    ///
    /// # Errors
    /// The folder is in use, damaged or not writable.
    pub async fn open(data: &std::path::Path, options: LakeOptions) -> Result<Self, ServeError> {
        let policy = Policy::in_force();
        let catalog = policy.catalog();
        let lake = Lake::open(data, Arc::clone(catalog.schema()), options).await?;
        // The folder is this process's alone by now. Whoever reads it later knows its tables by this.
        policy.keep_in(data).map_err(|source| ServeError::Policy {
            folder: data.display().to_string(),
            source,
        })?;
        let secret = load_or_create_secret(data).map_err(|source| ServeError::Secret {
            folder: data.display().to_string(),
            source,
        })?;
        let secret = Secret::new(secret);
        let admission = policy.admission(secret.clone())?;
        Ok(Self {
            admission: Arc::new(admission),
            lake,
            secret,
            counters: Counters::default(),
            store_health: StoreHealth::default(),
            heartbeat: Heartbeat::default(),
            clock: Mutex::default(),
            server: OnceLock::new(),
        })
    }

    /// Admits and stores a decompressed body; resolves when its rows are on disk.
    ///
    /// # Errors
    /// The body is not an OTLP request, or the store cannot append it now.
    pub async fn ingest(
        &self,
        body: Bytes,
        format: PayloadFormat,
    ) -> Result<IngestOutcome, IngestError> {
        self.ingest_reserved(body, format, None, ()).await
    }

    /// Like [`IngestPipeline::ingest`], for a body that may have come with a receipt. The memory reservation of the body
    /// is released when neither the parser nor the store holds any part of it, even if the caller is gone by then.
    pub(crate) async fn ingest_reserved<H: Send + 'static>(
        &self,
        body: Bytes,
        format: PayloadFormat,
        receipt: Option<Receipt>,
        reservation: H,
    ) -> Result<IngestOutcome, IngestError> {
        let (size, began) = (body.len(), Instant::now());
        let admission = Arc::clone(&self.admission);
        let (outcome, reservation) = if size <= INLINE_BYTES {
            (admit(&admission, &body, format, receipt)?, reservation)
        } else {
            let work = tokio::task::spawn_blocking(move || {
                let outcome = admit(&admission, &body, format, receipt);
                drop(body);
                (outcome, reservation)
            });
            let (outcome, reservation) = work.await.map_err(|_| IngestError::Panicked)?;
            (outcome?, reservation)
        };
        self.note_clock(&outcome);
        let (spans_ahead, refusals) = (outcome.spans_ahead, outcome.refusals);
        let (accepted, rejected, message) = (
            outcome.spans_accepted,
            outcome.spans_rejected,
            outcome.message,
        );
        let appended = self.lake.append_holding(outcome.batch, reservation).await;
        self.store_health.record(&appended);
        let Appended {
            stored, duplicates, ..
        } = appended?;
        self.counters
            .acknowledged(size, accepted, rejected, duplicates);
        self.counters.refused(&refusals);
        tracing::debug!(
            bytes = size,
            accepted,
            rejected,
            stored,
            duplicates,
            spans_ahead,
            ms = began.elapsed().as_millis() as u64,
            "acknowledged a request"
        );
        Ok(IngestOutcome {
            accepted,
            rejected,
            stored,
            duplicates,
            message,
        })
    }

    /// Why the store failed lately; `None` if it did not, or has succeeded since.
    pub(crate) fn store_failure(&self) -> Option<&'static str> {
        self.store_health.failure()
    }

    /// Why telemetry and queries should not be sent here now: the log has stopped or is stuck, the store failed, this machine's clock is
    /// probably behind, or queries cannot be answered. `/readyz`, gRPC's health check, the metric and the service manager all say this.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.lake.has_log_stopped() {
            return Some("the write-ahead log has stopped: restart the collector");
        }
        if self.heartbeat.silence() >= STUCK_AFTER {
            return Some("the write-ahead log does not answer: its disk is probably stuck");
        }
        let clock = || {
            self.is_clock_suspect().then_some(
                "nearly all spans are refused because they begin more than a day in the future: this machine's clock is probably behind",
            )
        };
        let queries = || (self.server.get()?.query_failure)();
        self.store_failure().or_else(clock).or_else(queries)
    }

    /// Damage of stored data that does not keep the collector from its work, a sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let lake = self.lake();
        let refused = lake.refused_tables().into_iter();
        let refused = refused.map(|table| {
            format!("table {table} cannot be read; the collector's log has the reason")
        });
        let lost = lake.tables_with_lost_commits().into_iter();
        let lost = lost.map(|table| {
            format!("table {table} has lost its last commits; restore its folder from a backup")
        });
        let counts = [
            (
                lake.unreadable_files(),
                "files of tables that cannot be read",
            ),
            (
                lake.damaged_files(),
                "damaged files outside the tables, set aside",
            ),
            (
                lake.missing_groups(),
                "missing groups of acknowledged requests",
            ),
        ];
        let damage = counts.into_iter().filter(|(count, _)| *count > 0);
        let damage = damage.map(|(count, kind)| format!("{kind}: {count}; run headcount check"));
        let disk = lake
            .disk_room()
            .filter(|disk| disk.free_bytes < lake.disk_reserve_bytes());
        let disk = disk.map(|disk| {
            let free = disk.free_bytes >> 20;
            format!("the disk has {free} MiB left: files are no longer merged, and soon nothing can be stored")
        });
        refused.chain(lost).chain(damage).chain(disk).collect()
    }

    /// Whether this machine's clock is probably behind, by what the last requests say.
    pub(crate) fn is_clock_suspect(&self) -> bool {
        let clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.is_suspect(Instant::now())
    }

    fn note_clock(&self, outcome: &Outcome) {
        let spans = outcome.spans_accepted + outcome.spans_rejected;
        if spans == 0 {
            return;
        }
        let is_ahead = outcome.spans_ahead == spans;
        // What was refused for another reason tells nothing.
        if is_ahead || outcome.spans_accepted > 0 {
            let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
            clock.note(Instant::now(), is_ahead);
        }
    }

    /// Counts a request that was rejected. The log names each only at level debug: whoever sends many must not fill it.
    pub(crate) fn rejected(&self, reason: RejectionReason) {
        self.counters.rejected(reason);
        tracing::debug!(
            status = reason.http_status(),
            reason = reason.label(),
            "rejected a request"
        );
    }

    /// Orders the erasure of everything that was, or will be, sent under the receipts of `tokens`. When this resolves,
    /// the order is on disk. The result does not reveal whether there is anything to erase.
    ///
    /// # Errors
    /// The order was not accepted.
    pub async fn order_erasure(&self, tokens: &[ErasureToken]) -> Result<(), OrderError> {
        let keyed = |token: &ErasureToken| self.secret.receipt(&token.receipt());
        let receipts = tokens.iter().map(keyed).collect();
        self.lake.order_erasure(receipts).await
    }

    /// The account of the store beside what it holds.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit(&self) -> Result<Audit, LakeError> {
        self.lake.audit().await
    }

    /// Orders the erasure of crews. When this resolves, the order is on disk under the number that is returned.
    ///
    /// # Errors
    /// The order was not accepted.
    pub async fn order_crew_erasure(&self, selection: CrewSelection) -> Result<u64, OrderError> {
        self.lake.order_crew_erasure(selection).await
    }

    /// The orders to erase crews, pending or done, the oldest first.
    pub fn crew_erasures(&self) -> Vec<CrewOrder> {
        self.lake.crew_erasures()
    }

    /// A snapshot of the stored rows.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn snapshot(&self) -> Result<LakeSnapshot, LakeError> {
        self.lake.snapshot().await
    }

    /// A number that is another one once queries may answer otherwise: see [`Lake::revision`].
    pub fn revision(&self) -> u64 {
        self.lake.revision()
    }

    /// Signs of life of the log.
    pub(crate) fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// What the server in front of the pipeline keeps, once there is one.
    pub(crate) fn server(&self) -> &OnceLock<ServerState> {
        &self.server
    }

    /// The store.
    pub(crate) fn lake(&self) -> &Lake {
        &self.lake
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
    format: PayloadFormat,
    receipt: Option<Receipt>,
) -> Result<Outcome, IngestError> {
    let received = now_microseconds();
    match format {
        PayloadFormat::Protobuf => Ok(admission.admit_under(receipt, body, 0, received)?),
        PayloadFormat::Json => {
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
