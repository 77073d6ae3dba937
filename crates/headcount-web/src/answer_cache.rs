//! A cache of answers in front of the reports engine.
//!
//! An answer is fresh while the store's revision is unchanged, for at most [`FRESH_FOR`]. Pages also accept a stale report
//! ([`MAX_STALE`]) and have it recomputed in the background, as `stale-while-revalidate` does for HTTP (RFC 5861), so that
//! nobody waits for a report that was viewed before. A page prints the time of its answers, and after [`STALE_AFTER`] that
//! newer ones are being computed. Identical queries that arrive together are computed once.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use headcount_catalog::Tier;
use headcount_reports::{
    Answer, PartialAggregateCache, QueryLimits, ReportError, ReportParameters, Reports,
};
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::role::Role;
use crate::store::Store;

/// The age from which an answer is marked as stale.
const STALE_AFTER: TimeDelta = TimeDelta::minutes(2);

/// The greatest age of a report that a page shows instead of waiting. Rows, which may hold data that was erased since, are
/// never older than [`STALE_AFTER`].
const MAX_STALE: Duration = Duration::from_secs(60 * 60);

/// How long an answer stays fresh while nothing arrives: "the last 36 hours" moves on, and rows expire.
const FRESH_FOR: Duration = Duration::from_secs(30);

/// The capacity of each cache, in bytes.
const CACHE_BYTES: u64 = 32 << 20;

/// The most queries that run at once; more wait. Each may take its whole memory limit ([`QueryLimits`]).
const MAX_CONCURRENT_QUERIES: usize = 8;

/// A query as a cache key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum QueryKey {
    /// A report: its name and its parameters as JSON.
    Report(String, String),
    /// A SQL query.
    Sql(String),
}

/// An answer with the time of its computation.
#[derive(Debug, Clone)]
pub(crate) struct CachedAnswer {
    pub(crate) answer: Arc<Answer>,
    pub(crate) computed_at: DateTime<Utc>,
}

/// Runs queries and caches their answers.
#[derive(Debug, Clone)]
pub(crate) struct AnswerCache {
    store: Arc<Store>,
    limits: QueryLimits,
    /// Partial aggregates by file.
    partial_aggregates: PartialAggregateCache,
    permits: Arc<Semaphore>,
    /// Answers by query and revision.
    fresh: Cache<(QueryKey, u64), CachedAnswer>,
    /// The latest answer to each query.
    latest: Cache<QueryKey, CachedAnswer>,
}

/// Why a query failed, shared by everybody who waited for it.
pub(crate) type QueryError = Arc<ReportError>;

impl AnswerCache {
    pub(crate) fn new(store: Store, limits: QueryLimits) -> Self {
        Self {
            store: Arc::new(store),
            limits,
            partial_aggregates: PartialAggregateCache::default(),
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT_QUERIES)),
            fresh: cache(FRESH_FOR),
            latest: cache(MAX_STALE),
        }
    }

    /// The collector's metrics in Prometheus' text format.
    pub(crate) fn metrics(&self) -> String {
        (self.store.metrics)()
    }

    /// Reports over the tables that `role` may see, as of now.
    pub(crate) async fn reports(&self, role: Role) -> Result<Reports, ReportError> {
        let snapshot = (self.store.snapshot)().await.map_err(|error| {
            let text = format!("cannot read the store: {error}");
            ReportError::Engine(text)
        })?;
        self.partial_aggregates.retain_files_of(&snapshot);
        let reports = Reports::new(&snapshot, self.limits)
            .with_partial_aggregates(self.partial_aggregates.clone());
        Ok(match role {
            Role::Owner => reports,
            Role::Public => reports.without_tier(Tier::Shared),
        })
    }

    /// The answer as of the current revision.
    pub(crate) async fn fresh(&self, key: QueryKey) -> Result<CachedAnswer, QueryError> {
        let revision = (self.store.revision)();
        let computing = self.compute(&key);
        let cached = self
            .fresh
            .try_get_with((key.clone(), revision), computing)
            .await?;
        self.latest.insert(key, cached.clone()).await;
        Ok(cached)
    }

    /// A fresh answer, or a stale one that is recomputed in the background.
    pub(crate) async fn fresh_or_stale(&self, key: QueryKey) -> Result<CachedAnswer, QueryError> {
        let revision = (self.store.revision)();
        if let Some(cached) = self.fresh.get(&(key.clone(), revision)).await {
            return Ok(cached);
        }
        let latest = self.latest.get(&key).await;
        let is_acceptable =
            |cached: &CachedAnswer| matches!(key, QueryKey::Report(..)) || !cached.is_stale();
        let Some(cached) = latest.filter(is_acceptable) else {
            return self.fresh(key).await;
        };
        let this = self.clone();
        tokio::spawn(async move { this.fresh(key).await.is_ok() });
        Ok(cached)
    }

    /// The answer to a SQL query, bypassing the cache.
    pub(crate) async fn uncached(&self, query: &str) -> Result<Answer, ReportError> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        self.reports(Role::Owner).await?.sql(query).await
    }

    async fn compute(&self, key: &QueryKey) -> Result<CachedAnswer, ReportError> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let computed_at = Utc::now();
        let reports = self.reports(Role::Owner).await?;
        let answer = match key {
            QueryKey::Report(name, parameters) => reports.report(name, &parse(parameters)?).await?,
            QueryKey::Sql(query) => reports.sql(query).await?,
        };
        Ok(CachedAnswer {
            answer: Arc::new(answer),
            computed_at,
        })
    }
}

impl CachedAnswer {
    /// Whether the page should say that a newer answer is being computed.
    pub(crate) fn is_stale(&self) -> bool {
        Utc::now() - self.computed_at > STALE_AFTER
    }
}

impl QueryKey {
    pub(crate) fn report(name: &str, parameters: &ReportParameters) -> Self {
        let parameters = serde_json::to_string(parameters).unwrap_or_default();
        Self::Report(name.to_owned(), parameters)
    }
}

fn parse(parameters: &str) -> Result<ReportParameters, ReportError> {
    serde_json::from_str(parameters).map_err(|error| ReportError::Engine(error.to_string()))
}

fn cache<K: Hash + Eq + Send + Sync + 'static>(time_to_live: Duration) -> Cache<K, CachedAnswer> {
    Cache::builder()
        .max_capacity(CACHE_BYTES)
        .time_to_live(time_to_live)
        .weigher(|_, cached: &CachedAnswer| weight(&cached.answer))
        .build()
}

/// The approximate size of an answer in memory, in bytes.
fn weight(answer: &Answer) -> u32 {
    let cells = answer.rows.iter().flatten();
    let texts: usize = cells
        .map(|value| 32 + value.as_str().map_or(0, str::len))
        .sum();
    u32::try_from(texts + 1024).unwrap_or(u32::MAX)
}
