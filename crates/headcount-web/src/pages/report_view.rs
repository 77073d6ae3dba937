//! A report's answer for display.

use std::sync::Arc;

use chrono::NaiveDate;
use headcount_reports::{Answer, ReportHeader, ReportParameters};
use serde_json::Value;

/// A report with its answer, or the error.
#[derive(Debug, Clone)]
pub(crate) struct ReportView {
    pub(crate) header: &'static ReportHeader,
    pub(crate) answer: Result<Arc<Answer>, String>,
    pub(crate) parameters: ReportParameters,
}

impl ReportView {
    /// The texts of a column by row; empty where there is no such column.
    pub(crate) fn texts(&self, column: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.column(column).into_iter().map(text).collect()
    }

    /// The numbers of a column by row.
    pub(crate) fn numbers(&self, column: &str) -> Vec<Option<f64>> {
        self.column(column).into_iter().map(Value::as_f64).collect()
    }

    /// The number of `column` in the row where the column `key` is `value`.
    pub(crate) fn number_where(&self, key: &str, value: &str, column: &str) -> Option<f64> {
        let position = self.texts(key).iter().position(|text| text == value)?;
        self.numbers(column).get(position).copied().flatten()
    }

    fn column(&self, column: &str) -> Vec<&Value> {
        let Ok(answer) = &self.answer else {
            return Vec::new();
        };
        let Some(index) = answer.column_index(column) else {
            return Vec::new();
        };
        answer.rows.iter().map(|row| &row[index]).collect()
    }

    /// The values of the column `value` by period, for each name in the column `name`; `None` in periods without a row.
    pub(crate) fn series(
        &self,
        name: Option<&str>,
        value: &str,
        periods: &[NaiveDate],
    ) -> Vec<(String, Vec<Option<f64>>)> {
        let names = name.map_or_else(Vec::new, |name| self.texts(name));
        let mut series: Vec<(String, Vec<Option<f64>>)> = Vec::new();
        let days = self.texts("period");
        for (row, (day, value)) in days.iter().zip(self.numbers(value)).enumerate() {
            let name = names.get(row).cloned().unwrap_or_default();
            let Some(place) = day
                .parse()
                .ok()
                .and_then(|day| periods.iter().position(|period| *period == day))
            else {
                continue;
            };
            let known = series.iter().position(|(known, _)| *known == name);
            let index = known.unwrap_or_else(|| {
                series.push((name, vec![None; periods.len()]));
                series.len() - 1
            });
            series[index].1[place] = value;
        }
        series
    }
}
