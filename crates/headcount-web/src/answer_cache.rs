//! A cache of answers in front of the reports engine.
//!
//! An answer is fresh while the stored data is unchanged, for at most [`FRESH_FOR`]. Pages also accept a stale report
//! ([`MAX_STALE`]) and have it recomputed in the background, as `stale-while-revalidate` does for HTTP (RFC 5861), so that
//! nobody waits for a report that was viewed before. A page prints the time of its answers, and after [`STALE_AFTER`](crate::computed::STALE_AFTER) that
//! newer ones are being computed.
//!
//! A question is computed by one at a time ([`SingleFlight`]), and refreshed for at most a tenth of the time, however many
//! view it and whatever arrives meanwhile. Reports that differ by the threshold for free text alone are one question.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use headcount_access::Right;
use headcount_catalog::Tier;
use headcount_lake::{Audit, LakeSnapshot};
use headcount_observe::Page;
use headcount_reports::{
    Answer, AnswerColumn, PartialAggregateCache, QueryLimits, ReportError, ReportHeader,
    ReportParameters, Reports, Sandbox, catalog_of_reports,
};
use moka::future::Cache;
use tokio::sync::{OnceCell, Semaphore};

use crate::answer_memory::{AnswerMemory, AnswerRoom};
use crate::computed::{Begun, Computed, FRESH_FOR, Latest};
use crate::role::Role;
use crate::single_flight::SingleFlight;
use crate::store::{Erasures, Store};

pub(crate) use crate::computed::{CachedAnswer, QueryError};
pub(crate) use crate::question::QueryKey;

/// The greatest age of a report that a page shows instead of waiting. Rows, which may hold data that was erased since, are
/// never older than [`STALE_AFTER`](crate::computed::STALE_AFTER).
const MAX_STALE: Duration = Duration::from_secs(60 * 60);

/// The capacity of the cache, in bytes.
const CACHE_BYTES: u64 = 64 << 20;

/// The most queries that run at once; more wait. Each may take its whole memory limit ([`QueryLimits`]).
const MAX_CONCURRENT_QUERIES: usize = 8;

/// The most refreshes among those: whoever waits for an answer goes first.
const MAX_CONCURRENT_REFRESHES: usize = 1;

/// A report with its columns.
pub(crate) type ReportColumns = (&'static ReportHeader, Vec<AnswerColumn>);

/// Runs queries and caches their answers.
#[derive(Debug, Clone)]
pub(crate) struct AnswerCache {
    store: Arc<Store>,
    limits: QueryLimits,
    /// Runs SQL of clients; without one it runs in this process.
    sandbox: Option<Sandbox>,
    /// Memory for their answers.
    answer_memory: AnswerMemory,
    /// The columns of each report, which depend on no data.
    columns: Arc<OnceCell<Vec<ReportColumns>>>,
    /// Partial aggregates by file.
    partial_aggregates: PartialAggregateCache,
    permits: Arc<Semaphore>,
    refreshes: Arc<Semaphore>,
    /// The latest answer to each question.
    latest: Cache<QueryKey, Latest>,
    flights: SingleFlight<QueryKey, QueryError>,
    /// When rows were last seen in the anonymous tier.
    rows_seen: Arc<Mutex<Option<Instant>>>,
}

impl AnswerCache {
    pub(crate) fn new(store: Store, limits: QueryLimits, sandbox: Option<Sandbox>) -> Self {
        Self {
            store: Arc::new(store),
            limits,
            sandbox,
            answer_memory: AnswerMemory::new(limits.answer_bytes),
            columns: Arc::default(),
            partial_aggregates: PartialAggregateCache::default(),
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT_QUERIES)),
            refreshes: Arc::new(Semaphore::new(MAX_CONCURRENT_REFRESHES)),
            latest: Cache::builder()
                .max_capacity(CACHE_BYTES)
                .time_to_live(MAX_STALE)
                .weigher(|_, latest: &Latest| latest.computed.weight())
                .build(),
            flights: SingleFlight::default(),
            rows_seen: Arc::default(),
        }
    }

    /// The metrics of the collector, and of free SQL, in Prometheus' text format.
    pub(crate) fn metrics(&self) -> String {
        let mut text = (self.store.metrics)();
        if let Some(sandbox) = &self.sandbox {
            let mut page = Page::new();
            sandbox.write_metrics(&mut page);
            text.push_str(&page.into_text());
        }
        text
    }

    /// Reports over the tables that `role` may see, as of now.
    pub(crate) async fn reports(&self, role: Role) -> Result<Reports, ReportError> {
        let snapshot = self.snapshot().await?;
        self.partial_aggregates.retain_files_of(&snapshot);
        let reports = Reports::new(&snapshot, self.limits)
            .with_partial_aggregates(self.partial_aggregates.clone());
        Ok(match role.may(Right::ReadSharedTier) {
            true => reports,
            false => reports.without_tier(Tier::Shared),
        })
    }

    /// The account of the store, as of now. One is computed at a time: it opens every file.
    pub(crate) async fn audit(&self) -> Result<Audit, ReportError> {
        // The semaphores are never closed.
        let _permit = self.refreshes.acquire().await;
        let audited = (self.store.audit)().await;
        audited.map_err(|error| ReportError::Engine(format!("cannot audit the store: {error}")))
    }

    /// How crews are erased.
    pub(crate) fn erasures(&self) -> Option<&Erasures> {
        self.store.erasures.as_ref()
    }

    /// Every table as it is now.
    pub(crate) async fn snapshot(&self) -> Result<LakeSnapshot, ReportError> {
        let snapshot = (self.store.snapshot)().await;
        snapshot.map_err(|error| ReportError::Engine(format!("cannot read the store: {error}")))
    }

    /// Every report with its columns, planned once.
    pub(crate) async fn columns(&self) -> Result<&[ReportColumns], ReportError> {
        let planning = async {
            // The semaphore is never closed.
            let _permit = self.permits.acquire().await;
            let reports = self.reports(Role::Admin).await?;
            let mut planned = Vec::new();
            for header in catalog_of_reports() {
                planned.push((header, reports.columns(&header.name).await?));
            }
            Ok(planned)
        };
        self.columns
            .get_or_try_init(|| planning)
            .await
            .map(Vec::as_slice)
    }

    /// Whether `role` sees tables without rows alone. Once there are rows, it is not asked again for some time.
    pub(crate) async fn is_empty(&self, role: Role) -> Result<bool, ReportError> {
        let lock = || {
            self.rows_seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let is_recent = |seen: Instant| seen.elapsed() < FRESH_FOR;
        if lock().is_some_and(is_recent) {
            return Ok(false);
        }
        let snapshot = self.snapshot().await?;
        let has_rows = |tier| {
            let mut of_tier = snapshot
                .schema()
                .iter()
                .filter(|(_, table)| table.tier == tier);
            of_tier.any(|(id, _)| snapshot.row_count(id) != Some(0))
        };
        if has_rows(Tier::Default) {
            *lock() = Some(Instant::now());
            return Ok(false);
        }
        Ok(!(role.may(Right::ReadSharedTier) && has_rows(Tier::Shared)))
    }

    /// The answer with everything that was stored before the call.
    pub(crate) async fn fresh(&self, key: QueryKey) -> Result<CachedAnswer, QueryError> {
        let (arrived, revision) = (Instant::now(), (self.store.revision)());
        let question = key.question();
        if let Some(latest) = self.current(&question, revision).await {
            return latest.answer(&key).await;
        }
        let asker = self.flights.ask(&question);
        let mut last_failure = asker.flight.turn.lock().await;
        // Whoever had the turn before may have computed what this one needs.
        if let Some(latest) = self.current(&question, revision).await {
            return latest.answer(&key).await;
        }
        if let Some((failed, error)) = &*last_failure
            && *failed >= arrived
        {
            return Err(Arc::clone(error));
        }
        match self.compute(&question).await {
            Ok(latest) => {
                *last_failure = None;
                self.latest.insert(question, latest.clone()).await;
                drop(last_failure);
                latest.answer(&key).await
            }
            Err(error) => {
                let error = Arc::new(error);
                *last_failure = Some((Instant::now(), Arc::clone(&error)));
                Err(error)
            }
        }
    }

    /// A fresh answer, or a stale one that is recomputed in the background.
    pub(crate) async fn fresh_or_stale(&self, key: QueryKey) -> Result<CachedAnswer, QueryError> {
        let revision = (self.store.revision)();
        let question = key.question();
        let latest = self.latest.get(&question).await;
        let is_acceptable =
            |latest: &Latest| matches!(question, QueryKey::Report(..)) || !latest.is_stale();
        let Some(latest) = latest.filter(is_acceptable) else {
            return self.fresh(key).await;
        };
        if !latest.is_current(revision) && latest.is_due() {
            self.refresh(&question);
        }
        latest.answer(&key).await
    }

    /// Computes the question in the background, unless that is planned already.
    fn refresh(&self, question: &QueryKey) {
        let Some(asker) = self.flights.refresh(question) else {
            return;
        };
        let (this, question) = (self.clone(), question.clone());
        let _task = tokio::spawn(async move {
            // The semaphore is never closed.
            let _permit = this.refreshes.acquire().await;
            // A failure is shown to whoever asks when the answer is too old.
            let _ = this.fresh(question).await;
            drop(asker);
        });
    }

    async fn current(&self, question: &QueryKey, revision: u64) -> Option<Latest> {
        let latest = self.latest.get(question).await;
        latest.filter(|latest| latest.is_current(revision))
    }

    /// The answer to a client's SQL query, bypassing the cache, with the room that it takes until its client has read it. Room is reserved by
    /// those alone whose turn it is: who waits for other queries is not told that answers are unread.
    pub(crate) async fn sql(&self, query: &str) -> Result<(Answer, AnswerRoom), ReportError> {
        let Some(sandbox) = &self.sandbox else {
            // The semaphore is never closed.
            let _permit = self.permits.acquire().await;
            let room = self.answer_memory.reserve().await?;
            let answer = self.reports(Role::Admin).await?.sql(query).await?;
            return Ok((answer, room));
        };
        let slot = sandbox.enter().await?;
        let room = self.answer_memory.reserve().await?;
        let answer = sandbox.sql(slot, self.snapshot().await?, query).await?;
        Ok((answer, room))
    }

    async fn compute(&self, question: &QueryKey) -> Result<Latest, ReportError> {
        let computed = match question {
            QueryKey::Sql(query) => {
                let begun = self.begin();
                // The answer goes to the cache, which has a capacity of its own, and of a page it makes a short part.
                let (answer, _room) = self.sql(query).await?;
                begun.end(Computed::Answer(Arc::new(answer)))
            }
            own => {
                // The semaphore is never closed.
                let _permit = self.permits.acquire().await;
                let begun = self.begin();
                begun.end(self.compute_own(own).await?)
            }
        };
        Ok(computed)
    }

    async fn compute_own(&self, question: &QueryKey) -> Result<Computed, ReportError> {
        let reports = self.reports(Role::Admin).await?;
        match question {
            QueryKey::Report(name, parameters, _) => {
                let rows = reports.report_rows(name, &parse(parameters)?).await?;
                Ok(Computed::Report(Box::new(rows), Mutex::default()))
            }
            QueryKey::Fixed(query) | QueryKey::Sql(query) => {
                let answer = reports.sql(query).await?;
                Ok(Computed::Answer(Arc::new(answer)))
            }
        }
    }

    fn begin(&self) -> Begun {
        Begun::now((self.store.revision)())
    }
}

fn parse(parameters: &str) -> Result<ReportParameters, ReportError> {
    serde_json::from_str(parameters).map_err(|error| ReportError::Engine(error.to_string()))
}
