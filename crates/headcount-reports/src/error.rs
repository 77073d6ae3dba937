//! What can go wrong with a question.

use std::time::Duration;

use datafusion::error::DataFusionError;

/// Why there is no answer. The text says what was wrong and, where there is one, the way out.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is no report of that name.
    #[error("there is no report {name:?}; the reports are {known}")]
    UnknownReport {
        /// The name that was asked for.
        name: String,
        /// The names there are, separated by commas.
        known: String,
    },
    /// A parameter of the report cannot be read.
    #[error("cannot read the parameter {parameter}: {reason}")]
    Parameter {
        /// The parameter's name, as in [`crate::ReportParameters`].
        parameter: &'static str,
        /// What was expected.
        reason: String,
    },
    /// The query is not SQL, names what does not exist, or asks for more than reading.
    #[error("the query was refused: {0}")]
    Refused(String),
    /// The query's text is longer than the limit.
    #[error("the query is {bytes} bytes long, the limit is {limit}; ask for less in one query")]
    QueryTooLong {
        /// Length of the query in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The query ran longer than the limit.
    #[error("the query was stopped after {} s; narrow it, for example by time", limit.as_secs_f64())]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// The query needed more memory than the limit.
    #[error(
        "the query was stopped, it needs more than {limit} bytes of memory; group by fewer values or narrow it"
    )]
    TooMuchMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is larger than the limit.
    #[error("the answer is larger than {limit} bytes; add a LIMIT or aggregate")]
    AnswerTooLarge {
        /// The limit in bytes, see [`crate::QueryLimits::answer_bytes`].
        limit: usize,
    },
    /// Running the query failed on the data: a cast, a division, a file that cannot be read.
    #[error("the query failed: {0}")]
    Failed(String),
    /// The query engine gave up; a fault of ours, not of the question.
    #[error("the query engine stopped: {0}")]
    Engine(String),
}

impl ReportError {
    /// Whether the one who asked can repair it (an HTTP door answers 400 then, 500 otherwise).
    pub fn is_the_askers(&self) -> bool {
        !matches!(self, Self::Engine(_))
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
            _ => otherwise(error.strip_backtrace()),
        }
    }
}
