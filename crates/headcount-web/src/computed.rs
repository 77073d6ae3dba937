//! What a question computed, and how long it may be used.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use headcount_reports::{Answer, ReportError, ReportRows};
use tokio::task::{JoinError, spawn_blocking};

use crate::question::QueryKey;

/// The age from which an answer is marked as stale.
pub(crate) const STALE_AFTER: TimeDelta = TimeDelta::minutes(2);

/// How long an answer stays fresh while nothing arrives: "the last 36 hours" moves on, and rows expire.
pub(crate) const FRESH_FOR: Duration = Duration::from_secs(30);

/// A stale answer is computed again after this many times the time that it took. So all refreshes of one question take a tenth
/// of a core, and a cheap one follows the data closely.
const PAUSE_FACTOR: u32 = 10;

/// Reports with more rows are made into an answer on a thread for blocking work.
const MANY_ROWS: usize = 1000;

/// Answers by threshold that are kept beside a report's rows.
const KEPT_THRESHOLDS: usize = 4;

/// An answer with the time of its computation.
#[derive(Debug, Clone)]
pub(crate) struct CachedAnswer {
    pub(crate) answer: Arc<Answer>,
    pub(crate) computed_at: DateTime<Utc>,
}

/// The latest answer to a question, for any threshold.
#[derive(Debug, Clone)]
pub(crate) struct Latest {
    pub(crate) computed: Arc<Computed>,
    computed_at: DateTime<Utc>,
    /// The revision of the data that it at least has.
    revision: u64,
    begun: Instant,
    took: Duration,
}

/// What a query computed.
#[derive(Debug)]
pub(crate) enum Computed {
    /// A report's rows, and their answers by threshold.
    Report(Box<ReportRows>, Mutex<Vec<(u64, Arc<Answer>)>>),
    Answer(Arc<Answer>),
}

/// Why a query failed, shared by everybody who waited for it.
pub(crate) type QueryError = Arc<ReportError>;

/// The beginning of a computation. What is stored later may be missing in it.
pub(crate) struct Begun {
    computed_at: DateTime<Utc>,
    revision: u64,
    begun: Instant,
}

impl Begun {
    /// Begins with the data of `revision`.
    pub(crate) fn now(revision: u64) -> Self {
        Self {
            computed_at: Utc::now(),
            revision,
            begun: Instant::now(),
        }
    }

    pub(crate) fn end(self, computed: Computed) -> Latest {
        Latest {
            computed: Arc::new(computed),
            computed_at: self.computed_at,
            revision: self.revision,
            begun: self.begun,
            took: self.begun.elapsed(),
        }
    }
}

impl Latest {
    /// Whether it has everything up to `revision`, and is not old.
    pub(crate) fn is_current(&self, revision: u64) -> bool {
        self.revision >= revision && self.begun.elapsed() < FRESH_FOR
    }

    /// Whether a refresh would not be too soon.
    pub(crate) fn is_due(&self) -> bool {
        self.begun.elapsed() >= self.took.saturating_mul(PAUSE_FACTOR)
    }

    pub(crate) fn is_stale(&self) -> bool {
        Utc::now() - self.computed_at > STALE_AFTER
    }

    /// The answer to `key`, whose question this answers.
    pub(crate) async fn answer(&self, key: &QueryKey) -> Result<CachedAnswer, QueryError> {
        let threshold = match key {
            QueryKey::Report(_, _, threshold) => *threshold,
            QueryKey::Fixed(_) | QueryKey::Sql(_) => 0,
        };
        let answer = match &*self.computed {
            Computed::Answer(answer) => Arc::clone(answer),
            Computed::Report(rows, _) if rows.count() > MANY_ROWS => {
                let computed = Arc::clone(&self.computed);
                let presenting = spawn_blocking(move || computed.present(threshold));
                let failed = |error: JoinError| ReportError::Engine(error.to_string());
                presenting.await.map_err(failed)??
            }
            Computed::Report(..) => self.computed.present(threshold)?,
        };
        Ok(CachedAnswer {
            answer,
            computed_at: self.computed_at,
        })
    }
}

impl Computed {
    /// The answer for a threshold of free text.
    fn present(&self, threshold: u64) -> Result<Arc<Answer>, ReportError> {
        let (rows, kept) = match self {
            Self::Report(rows, kept) => (rows, kept),
            Self::Answer(answer) => return Ok(Arc::clone(answer)),
        };
        let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock()
            .iter()
            .find(|(known, _)| *known == threshold)
            .cloned();
        if let Some((_, answer)) = known {
            return Ok(answer);
        }
        let answer = Arc::new(rows.present(threshold)?);
        let mut kept = lock();
        kept.truncate(KEPT_THRESHOLDS - 1);
        kept.insert(0, (threshold, Arc::clone(&answer)));
        Ok(answer)
    }

    /// The approximate size in memory, in bytes.
    pub(crate) fn weight(&self) -> u32 {
        let bytes = match self {
            // Rows as JSON take a few times what they take as columns.
            Self::Report(rows, _) => 4 * rows.bytes(),
            Self::Answer(answer) => {
                let values = answer.rows.iter().flatten();
                let size = |value: &serde_json::Value| 32 + value.as_str().map_or(0, str::len);
                values.map(size).sum()
            }
        };
        u32::try_from(bytes + 1024).unwrap_or(u32::MAX)
    }
}

impl CachedAnswer {
    /// Whether the page should say that a newer answer is being computed.
    pub(crate) fn is_stale(&self) -> bool {
        Utc::now() - self.computed_at > STALE_AFTER
    }
}
