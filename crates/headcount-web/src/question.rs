//! Questions, as the cache of answers knows them.

use headcount_reports::{ReportHeader, ReportParameters, find_report};

/// A query as a cache key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum QueryKey {
    /// A report: its name, its parameters as JSON, and the threshold for free text.
    Report(String, String, u64),
    /// SQL of this program: bounded work over rows of one day or one crew.
    Fixed(String),
    /// SQL of a client.
    Sql(String),
}

impl QueryKey {
    pub(crate) fn report(name: &str, parameters: &ReportParameters) -> Self {
        let threshold = parameters.threshold();
        let reads_it = find_report(name).is_none_or(ReportHeader::reads_min_crews);
        let of_question = ReportParameters {
            min_crews: reads_it.then_some(threshold),
            ..parameters.clone()
        };
        let of_question = serde_json::to_string(&of_question).unwrap_or_default();
        Self::Report(name.to_owned(), of_question, threshold)
    }

    /// What is computed for it: the same for every threshold.
    pub(crate) fn question(&self) -> Self {
        match self {
            Self::Report(name, parameters, _) => Self::Report(name.clone(), parameters.clone(), 0),
            other => other.clone(),
        }
    }
}
