//! Named reports and free SQL over the tables of the store.
//!
//! A report is one file in `reports/*.sql`: a header that names its question and its columns, then plain SQL over the
//! store's tables. This crate plans and runs them with DataFusion, within limits of time and memory, and hands back an
//! [`Answer`]: columns and rows that are JSON values already, so that a terminal, a file and an HTTP response show the same.
//! It never writes to the store. It knows nothing of transport or of the command line.

mod accumulator;
mod answer;
mod answer_size;
mod arrow_export;
mod audit;
mod checked_arithmetic;
mod comparison;
mod condition;
mod constant_period;
mod crew_export;
mod damage;
mod distinct;
mod distinct_lists;
mod engine;
mod engine_words;
mod error;
mod filters;
mod free_sql;
mod header;
mod held_back;
mod json;
mod library;
mod own_parameters;
mod own_values;
mod parameters;
mod partial_aggregates;
mod percentile;
mod publishing;
mod rare_values;
mod report_plan;
mod report_rows;
mod reports;
mod sandbox;
mod shared_tier;
mod source;
mod statement;
mod suggestion;
mod sums;
#[cfg(test)]
mod tests;
mod tool_key;
mod unmatched;
mod usage;
mod version_key;
mod views;

pub use arrow_export::{to_arrow_ipc, to_parquet, to_record_batch};
pub use audit::{AuditView, audit_answer, is_account_whole};
pub use comparison::{compare_answers, is_grouped};
pub use crew_export::{ExportError, ExportFormat, export_crews, missing_from};
pub use damage::is_about_missing_rows;
pub use engine::{QueryLimits, are_queries_stuck};
pub use error::ReportError;
pub use headcount_answer::{Answer, AnswerColumn, ColumnKind};
pub use header::{FreeText, HeldBack, Holder, ReportColumn, ReportHeader};
pub use library::{catalog_of_reports, find_report};
pub use own_parameters::{OwnKind, OwnParameter};
pub use parameters::{DEFAULT_MIN_CREWS, ENVIRONMENTS, Period, ReportParameters};
pub use partial_aggregates::PartialAggregateCache;
pub use publishing::publish;
pub use report_rows::ReportRows;
pub use reports::Reports;
pub use sandbox::{QuerySlot, Sandbox, answer_one_query};
pub use source::Source;
pub use statement::{filter_conditions, statement};
pub use suggestion::did_you_mean;
pub use unmatched::{
    REPORTS_OF_FILTER_VALUES, every_filter_value, may_be_unmatched, unmatched_filters,
};
pub use usage::{Field, fields_used};
