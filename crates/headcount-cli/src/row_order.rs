//! The order of a report's rows, as `--sort` names it.

use std::cmp::Ordering;
use std::str::FromStr;

use headcount_reports::{Answer, ColumnKind, ReportHeader};
use serde_json::Value;

/// A column, and a direction if one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowOrder {
    column: String,
    is_descending: Option<bool>,
}

impl FromStr for RowOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (column, is_descending) = match text.rsplit_once(':') {
            None => (text, None),
            Some((column, "asc")) => (column, Some(false)),
            Some((column, "desc")) => (column, Some(true)),
            Some(_) => return Err("expected a column, or a column with :asc or :desc".to_owned()),
        };
        Ok(Self {
            column: column.to_owned(),
            is_descending,
        })
    }
}

impl RowOrder {
    /// Checks that the report has the column; `period` is that of `--by`.
    ///
    /// # Errors
    /// It has not; the text names those that it has.
    pub(crate) fn check(&self, report: &ReportHeader) -> Result<(), String> {
        let names: Vec<&str> = report
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        if self.column == "period" || names.contains(&self.column.as_str()) {
            return Ok(());
        }
        Err(format!(
            "the report {} has no column `{}` to sort by; it has {}",
            report.name,
            self.column,
            names.join(", ")
        ))
    }

    /// Orders the rows; rows without a value come last, and equal ones stay in their order.
    pub(crate) fn apply(&self, answer: &mut Answer) {
        let Some(index) = answer.column_index(&self.column) else {
            return;
        };
        let is_text = matches!(
            answer.columns[index].kind,
            ColumnKind::Text | ColumnKind::Boolean
        );
        let is_descending = self.is_descending.unwrap_or(!is_text);
        answer.rows.sort_by(|left, right| {
            let (left, right) = (&left[index], &right[index]);
            match (left.is_null(), right.is_null()) {
                (false, false) if is_descending => compared(right, left),
                (false, false) => compared(left, right),
                (left, right) => left.cmp(&right),
            }
        });
    }
}

fn compared(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left
                .as_f64()
                .unwrap_or(0.0)
                .total_cmp(&right.as_f64().unwrap_or(0.0)),
        },
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (left, right) => left.to_string().cmp(&right.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use headcount_reports::AnswerColumn;
    use serde_json::json;

    use super::*;

    fn sorted(order: &str) -> Vec<Value> {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        let mut answer = Answer {
            columns: vec![
                column("tool", ColumnKind::Text),
                column("errors", ColumnKind::Integer),
                column("rate", ColumnKind::Number),
            ],
            rows: vec![
                vec![json!("b"), json!(9), json!(0.5)],
                vec![json!("a"), json!(null), json!(null)],
                vec![json!("c"), json!(10), json!(0.25)],
            ],
            notes: Vec::new(),
        };
        order.parse::<RowOrder>().unwrap().apply(&mut answer);
        answer
            .rows
            .into_iter()
            .map(|mut row| row.swap_remove(0))
            .collect()
    }

    #[test]
    fn numbers_come_from_the_greatest_texts_from_a_and_what_is_missing_last() {
        assert_eq!(sorted("errors"), ["c", "b", "a"]);
        assert_eq!(sorted("errors:asc"), ["b", "c", "a"]);
        assert_eq!(sorted("rate"), ["b", "c", "a"]);
        assert_eq!(sorted("tool"), ["a", "b", "c"]);
        assert_eq!(sorted("tool:desc"), ["c", "b", "a"]);
    }

    #[test]
    fn a_column_that_is_not_there_is_refused_with_those_that_are() {
        let report = headcount_reports::find_report("tools").unwrap();
        let check = |order: &str| order.parse::<RowOrder>().unwrap().check(report);
        assert!(check("errors:asc").is_ok() && check("period").is_ok());
        assert!(check("eroors").unwrap_err().contains("repeats"));
        assert!("errors:up".parse::<RowOrder>().is_err());
    }
}
