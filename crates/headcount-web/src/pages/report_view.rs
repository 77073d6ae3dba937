//! A report's answer for display.

use std::sync::Arc;

use chrono::NaiveDate;
use headcount_reports::{Answer, ReportHeader, ReportParameters, is_grouped};
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
        let flat = |cells: Vec<Option<Option<f64>>>| cells.into_iter().map(Option::flatten);
        let cells = self.cells(name, value, periods).into_iter();
        cells
            .map(|(name, cells)| (name, flat(cells).collect()))
            .collect()
    }

    /// The counts of the column `value` by period, for each name in the column `name`. A period without a row of the name is
    /// a zero, unless names are grouped in it: then nobody knows. A count that is null is not known either.
    pub(crate) fn counts(
        &self,
        name: Option<&str>,
        value: &str,
        periods: &[NaiveDate],
    ) -> Vec<(String, Vec<Option<f64>>)> {
        let series = self.cells(name, value, periods);
        let (grouped, named): (Vec<_>, Vec<_>) =
            series.into_iter().partition(|(name, _)| is_grouped(name));
        let is_hiding = |place: usize| grouped.iter().any(|(_, cells)| cells[place].is_some());
        let hiding: Vec<bool> = (0..periods.len()).map(is_hiding).collect();
        let count = |(cell, hides): (Option<Option<f64>>, &bool)| match cell {
            Some(count) => count,
            None => (!hides).then_some(0.0),
        };
        named
            .into_iter()
            .map(|(name, cells)| (name, cells.into_iter().zip(&hiding).map(count).collect()))
            .collect()
    }

    /// The numbers of the column `value` in the periods' rows of each name; `None` where there is no row.
    fn cells(
        &self,
        name: Option<&str>,
        value: &str,
        periods: &[NaiveDate],
    ) -> Vec<(String, Vec<Option<Option<f64>>>)> {
        let names = name.map_or_else(Vec::new, |name| self.texts(name));
        let mut series: Vec<(String, Vec<Option<Option<f64>>>)> = Vec::new();
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
            series[index].1[place] = Some(value);
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use headcount_reports::{AnswerColumn, ColumnKind, find_report};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_day_on_which_names_are_grouped_is_not_a_day_without_them() {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        let row = |day: &str, tool: &str, crews: Value| vec![json!(day), json!(tool), crews];
        let grouped = "(1 value from fewer than 5 crews)";
        let answer = Answer {
            columns: vec![
                column("period", ColumnKind::Moment),
                column("tool", ColumnKind::Text),
                column("crews", ColumnKind::Integer),
            ],
            rows: vec![
                row("2026-11-02", "search", json!(9)),
                row("2026-11-03", grouped, json!(4)),
                row("2026-11-05", "search", json!(null)),
            ],
            notes: Vec::new(),
        };
        let view = ReportView {
            header: find_report("tools").unwrap(),
            answer: Ok(Arc::new(answer)),
            parameters: ReportParameters::default(),
        };
        let first: NaiveDate = "2026-11-02".parse().unwrap();
        let days: Vec<NaiveDate> = first.iter_days().take(4).collect();
        let expected = vec![Some(9.0), None, Some(0.0), None];
        let counts = view.counts(Some("tool"), "crews", &days);
        assert_eq!(counts, [("search".to_owned(), expected)]);
    }
}
