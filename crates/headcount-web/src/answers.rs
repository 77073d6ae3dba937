//! Answers that are asked again and again, computed once.
//!
//! An answer stands as long as nothing was taken in since it was computed. A page also shows an older one ([`KEPT`]) and has
//! it computed anew behind its back, so that a reader waits for no report that was read before; it says which moment it
//! shows, and after [`RECENT`] that a newer one is coming. Equal questions that come together are computed once.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use headcount_catalog::Tier;
use headcount_reports::{
    Answer, FilePartials, QueryLimits, ReportError, ReportParameters, Reports,
};
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::access::Reader;
use crate::site::Store;

/// How old an answer may be without a word about it.
const RECENT: TimeDelta = TimeDelta::minutes(2);

/// How old a report's answer may be where a reader would otherwise wait. Rows, which may hold what somebody has had
/// erased since, are never older than [`RECENT`].
const KEPT: Duration = Duration::from_secs(60 * 60);

/// How long an answer stands when nothing was taken in: time passes in "the last 36 hours", and rows expire.
const STANDS: Duration = Duration::from_secs(30);

/// Memory for the answers of each cache, in bytes.
const KEPT_BYTES: u64 = 32 << 20;

/// Questions that are computed at a time. More wait: each may take its whole memory ([`QueryLimits`]), and two cores are
/// not faster at nine.
const AT_A_TIME: usize = 8;

/// A question that can be asked again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// A report: its name and its parameters, as `serde_json` writes them.
    Report(String, String),
    /// A query.
    Sql(String),
}

/// An answer and the moment that it shows.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) answer: Arc<Answer>,
    /// When it was computed.
    pub(crate) moment: DateTime<Utc>,
}

/// Asks the store, and keeps what it said.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    store: Arc<Store>,
    limits: QueryLimits,
    /// What the store's files contribute to reports.
    partials: FilePartials,
    gate: Arc<Semaphore>,
    /// Answers by question and by what had been taken in: equal questions that come together are computed once.
    exact: Cache<(Question, u64), Known>,
    /// The last answer to each question.
    last: Cache<Question, Known>,
}

/// Why a question has no answer, for everybody who asked it at that time.
pub(crate) type Failure = Arc<ReportError>;

impl Answers {
    pub(crate) fn new(store: Store, limits: QueryLimits) -> Self {
        Self {
            store: Arc::new(store),
            limits,
            partials: FilePartials::default(),
            gate: Arc::new(Semaphore::new(AT_A_TIME)),
            exact: cache(STANDS),
            last: cache(KEPT),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The tables as they are now.
    pub(crate) async fn reports(&self, reader: Reader) -> Result<Reports, ReportError> {
        let snapshot = (self.store.snapshot)().await.map_err(|error| {
            let text = format!("the store cannot be read: {error}");
            ReportError::Engine(text)
        })?;
        self.partials.keep_only(&snapshot);
        let reports = Reports::new(&snapshot, self.limits).with_partials(self.partials.clone());
        Ok(match reader {
            Reader::Owner => reports,
            Reader::Public => reports.without_tier(Tier::Shared),
        })
    }

    /// The answer as of now.
    pub(crate) async fn exact(&self, question: Question) -> Result<Known, Failure> {
        let stamp = (self.store.stamp)();
        let asked = self.ask(&question);
        let known = self
            .exact
            .try_get_with((question.clone(), stamp), asked)
            .await?;
        self.last.insert(question, known.clone()).await;
        Ok(known)
    }

    /// The answer as of now, or as of a moment ago where it would have to be computed: it is computed behind the
    /// reader's back then, for the next one.
    pub(crate) async fn recent(&self, question: Question) -> Result<Known, Failure> {
        let stamp = (self.store.stamp)();
        if let Some(known) = self.exact.get(&(question.clone(), stamp)).await {
            return Ok(known);
        }
        let known = self.last.get(&question).await;
        let is_for_show =
            |known: &Known| matches!(question, Question::Report(..)) || !known.is_old();
        let Some(known) = known.filter(is_for_show) else {
            return self.exact(question).await;
        };
        let this = self.clone();
        let _refresh = tokio::spawn(async move { this.exact(question).await.is_ok() });
        Ok(known)
    }

    /// A query whose answer is not kept, as of now.
    pub(crate) async fn once(&self, query: &str) -> Result<Answer, ReportError> {
        let _turn = self.gate.acquire().await;
        self.reports(Reader::Owner).await?.sql(query).await
    }

    async fn ask(&self, question: &Question) -> Result<Known, ReportError> {
        // The gate is never closed.
        let _turn = self.gate.acquire().await;
        let moment = Utc::now();
        let reports = self.reports(Reader::Owner).await?;
        let answer = match question {
            Question::Report(name, parameters) => reports.report(name, &read(parameters)?).await?,
            Question::Sql(query) => reports.sql(query).await?,
        };
        Ok(Known {
            answer: Arc::new(answer),
            moment,
        })
    }
}

impl Known {
    /// Whether a reader should be told that a newer answer is coming.
    pub(crate) fn is_old(&self) -> bool {
        Utc::now() - self.moment > RECENT
    }
}

impl Question {
    pub(crate) fn report(name: &str, parameters: &ReportParameters) -> Self {
        let parameters = serde_json::to_string(parameters).unwrap_or_default();
        Self::Report(name.to_owned(), parameters)
    }
}

fn read(parameters: &str) -> Result<ReportParameters, ReportError> {
    serde_json::from_str(parameters).map_err(|error| ReportError::Engine(error.to_string()))
}

/// A cache whose answers live so long.
fn cache<K: Hash + Eq + Send + Sync + 'static>(lives: Duration) -> Cache<K, Known> {
    Cache::builder()
        .max_capacity(KEPT_BYTES)
        .time_to_live(lives)
        .weigher(|_, known: &Known| weight(&known.answer))
        .build()
}

/// About the bytes of an answer in memory.
fn weight(answer: &Answer) -> u32 {
    let cells = answer.rows.iter().flatten();
    let texts: usize = cells
        .map(|value| 32 + value.as_str().map_or(0, str::len))
        .sum();
    u32::try_from(texts + 1024).unwrap_or(u32::MAX)
}
