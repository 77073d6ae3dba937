//! The rows of a report, and the answers that they become.

use arrow::array::RecordBatch;
use headcount_answer::Answer;
use serde_json::Value;

use crate::answer::of_schema;
use crate::error::ReportError;
use crate::header::{Holder, ReportHeader};
use crate::held_back::{HOW_TO_SHOW_ALL, hold_back, said_first};
use crate::json::rows_of;
use crate::parameters::Selection;
use crate::rare_values::group_rare_values;

/// The rows of a report before rare values are grouped.
#[derive(Debug)]
pub struct ReportRows {
    report: &'static ReportHeader,
    selection: Selection,
    rows: RecordBatch,
    /// The limit that an error names.
    memory_bytes: usize,
    /// Notes on rows that the store could not read.
    missing: Vec<String>,
}

impl ReportRows {
    pub(crate) fn new(
        report: &'static ReportHeader,
        selection: Selection,
        rows: RecordBatch,
        memory_bytes: usize,
    ) -> Self {
        Self {
            report,
            selection,
            rows,
            memory_bytes,
            missing: Vec::new(),
        }
    }

    /// The same, with notes on rows that the store could not read.
    pub(crate) fn with_missing(mut self, missing: Vec<String>) -> Self {
        self.missing = missing;
        self
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.num_rows()
    }

    /// Their size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.rows.get_array_memory_size()
    }

    /// The answer in which free text of fewer than `min_crews` crews is grouped, ordered and with notes. For a report whose
    /// query reads the threshold ([`ReportHeader::reads_min_crews`]), `min_crews` is that of the parameters.
    ///
    /// # Errors
    /// Arrow refuses an operation, which is a defect.
    pub fn present(&self, min_crews: u64) -> Result<Answer, ReportError> {
        let Self {
            report, selection, ..
        } = self;
        let mut answer = of_schema(&self.rows.schema());
        answer.notes.clone_from(&self.missing);
        answer.rows = match &report.free_text {
            None => rows_of(&self.rows),
            Some(free_text) => {
                let grouped = group_rare_values(&self.rows, report, free_text, min_crews);
                let grouped = grouped
                    .map_err(|error| ReportError::running(&error.into(), self.memory_bytes))?;
                let note = grouping_note(report, min_crews, grouped.values, selection.by.is_some());
                answer.notes.extend(note);
                grouped.rows
            }
        };
        let held_back = hold_back(&mut answer, &report.held_back, &report.sums, min_crews);
        answer.notes.extend(held_back);
        if selection.by.is_some() {
            // Grouped rows come last; each belongs to its period. ISO 8601 dates sort as text.
            answer.rows.sort_by(|left, right| {
                let day = |row: &[Value]| row[0].as_str().map(str::to_owned);
                day(left).cmp(&day(right))
            });
        }
        if let Some(column) = &report.said_first {
            let said = said_first(&answer, column);
            answer.notes.splice(0..0, said);
        }
        for (column, note) in &report.when_null {
            let index = answer.column_index(column);
            let is_null = |row: &Vec<Value>| index.is_some_and(|index| row[index].is_null());
            if answer.rows.iter().any(is_null) {
                answer.notes.push(note.clone());
            }
        }
        answer.notes.extend(report.notes.iter().cloned());
        if let Some((column, _)) = &selection.environment {
            answer.notes.push(match report.reads_shared_tier() {
                true => "shared records name no environment: that filter is ignored".to_owned(),
                false => format!(
                    "only records with a known {column} count; lost and refused records have none"
                ),
            });
        }
        Ok(answer)
    }
}

fn grouping_note(
    report: &ReportHeader,
    min_crews: u64,
    values: u64,
    is_by_period: bool,
) -> Option<String> {
    let free_text = report.free_text.as_ref()?;
    if values == 0 {
        return None;
    }
    let column = &free_text.column;
    Some(match &free_text.holder {
        Holder::Column(holder) => format!(
            "{values} of the values of {column} are not known to come from {min_crews} {holder} and are grouped{}; their \
             whole numbers are added up, but not {holder} and other distinct ones: one may have several of the \
             values{HOW_TO_SHOW_ALL}",
            if is_by_period {
                ", in each period those of few"
            } else {
                ""
            }
        ),
        // The number is that of each row alone, and a value may come again in another period.
        Holder::NoCrew => format!(
            "{} of {column} are grouped: the framework's spans name no crew, so none is known to come from {min_crews} \
             different crews{HOW_TO_SHOW_ALL}",
            if is_by_period {
                "values".to_owned()
            } else {
                format!("{values} values")
            }
        ),
    })
}
