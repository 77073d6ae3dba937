//! Errors of queries.

use std::sync::Arc;
use std::time::Duration;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use headcount_lake::LakeError;
use parquet::errors::ParquetError;

use crate::engine_words::{in_our_words, size};

/// The reason for having no answer. The text names the problem and, where there is one, the way out.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No report has this name.
    #[error("there is no report {name:?}{}; the reports are {known}", hint.as_deref().unwrap_or_default())]
    UnknownReport {
        /// The requested name.
        name: String,
        /// The name that was probably meant, as [`crate::did_you_mean`] puts it.
        hint: Option<String>,
        /// The existing names, separated by commas.
        known: String,
    },
    /// A parameter of the report cannot be read.
    #[error("cannot read the parameter {parameter}: {reason}")]
    Parameter {
        /// The parameter's name, as in [`crate::ReportParameters`].
        parameter: String,
        /// The problem, or the expected form.
        reason: String,
    },
    /// The query is not SQL, names something that does not exist, or does more than read.
    #[error("the query was refused: {0}")]
    Refused(String),
    /// The query's text is longer than the limit.
    #[error("the query is {bytes} bytes long; the limit is {}", size(*limit))]
    QueryTooLong {
        /// Length of the query in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The query ran longer than the limit.
    #[error("the query timed out after {} s; narrow it, for example by time", limit.as_secs_f64())]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// The query needed more memory than the limit.
    #[error("the query needs more than {} of memory; group by fewer values or narrow it", size(*limit))]
    TooMuchMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is larger than the limit.
    #[error("the answer is larger than {}; add a LIMIT or aggregate", size(*limit))]
    AnswerTooLarge {
        /// The limit in bytes, see [`crate::QueryLimits::answer_bytes`].
        limit: usize,
    },
    /// Too many queries run and wait; this one was not started.
    #[error(
        "{running} queries are running, and this one did not get its turn; try again in {} s",
        retry_after.as_secs()
    )]
    Busy {
        /// How many queries run at once.
        running: usize,
        /// When to try again.
        retry_after: Duration,
    },
    /// Other callers have not read their large answers yet, so that there is no memory for another one.
    #[error(
        "other clients have not read their large answers yet; try again in {} s, or ask for fewer rows",
        retry_after.as_secs()
    )]
    UnreadAnswers {
        /// When to try again.
        retry_after: Duration,
    },
    /// The query failed on the data: a cast, a division.
    #[error("the query failed: {0}")]
    Failed(String),
    /// A table of the store cannot be read, although nothing is wrong with the query. The text may name files.
    #[error("the store cannot be read: {0}")]
    Unreadable(String),
    /// The query engine failed: a fault of Headcount, not of the query.
    #[error("the query engine failed: {0}")]
    Engine(String),
}

impl ReportError {
    /// Whether the caller can correct it (an HTTP handler then answers 400, otherwise 500; 503 for [`Self::Busy`], [`Self::UnreadAnswers`] and [`Self::Unreadable`]).
    pub fn is_client_error(&self) -> bool {
        !matches!(
            self,
            Self::Engine(_) | Self::Unreadable(_) | Self::Busy { .. } | Self::UnreadAnswers { .. }
        )
    }

    /// An error while planning: the query's own fault.
    pub(crate) fn planning(error: &DataFusionError, memory_limit: usize) -> Self {
        Self::from_engine(error, memory_limit, Self::Refused)
    }

    /// An error while running.
    pub(crate) fn running(error: &DataFusionError, memory_limit: usize) -> Self {
        Self::from_engine(error, memory_limit, Self::Failed)
    }

    fn from_engine(
        error: &DataFusionError,
        memory_limit: usize,
        otherwise: fn(String) -> Self,
    ) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::TooMuchMemory {
                limit: memory_limit,
            },
            DataFusionError::Internal(_) => Self::Engine(error.strip_backtrace()),
            root if is_of_storage(root) => Self::Unreadable(error.strip_backtrace()),
            _ => otherwise(in_our_words(error)),
        }
    }
}

/// Whether the error came from reading a file of the store.
fn is_of_storage(root: &DataFusionError) -> bool {
    match root {
        DataFusionError::ParquetError(_)
        | DataFusionError::ObjectStore(_)
        | DataFusionError::IoError(_) => true,
        // Functions return errors of other crates in the same way, such as of a regular expression that cannot be read.
        DataFusionError::External(error) => is_of_the_lake(&**error),
        DataFusionError::ArrowError(error, _) => match &**error {
            ArrowError::ParquetError(_) | ArrowError::IoError(..) => true,
            ArrowError::ExternalError(error) => is_of_the_lake(&**error),
            _ => false,
        },
        _ => false,
    }
}

/// Whether the error is one of the store's own, such as of a table that another program made unreadable, or of a file.
fn is_of_the_lake(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LakeError>()
        || error.is::<Arc<LakeError>>()
        || error.is::<ParquetError>()
        || error.is::<std::io::Error>()
}
