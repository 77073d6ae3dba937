//! A table's leading numbers with those of the previous range.

use std::collections::HashMap;

use headcount_reports::{Answer, is_grouped};
use serde_json::Value;

use super::panel::{Panel, change};
use super::report_view::ReportView;
use super::table::{Cell, Column, text_of};

/// The previous numbers of a column by the texts that identify rows.
struct PreviousValues {
    values: HashMap<Vec<String>, f64>,
    /// Whether a name that is missing may be among grouped ones.
    has_folded: bool,
}

/// The previous number of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum PreviousValue {
    /// The number.
    Known(f64),
    /// Unknown: the name may be among grouped ones, or is the label of a grouped row.
    Unknown,
}

impl Panel {
    /// Adds two columns after `measured`: its previous number and the change. Rows correspond where their texts in the
    /// columns `keys` are equal. Without a previous answer the panel stays as it is, with a note.
    pub(crate) fn compared(
        mut self,
        current: &ReportView,
        previous: Option<&ReportView>,
        keys: &[&str],
        measured: &str,
    ) -> Self {
        let (Ok(current), Some(previous)) = (&current.answer, previous) else {
            return self;
        };
        if self.table.columns.is_empty() {
            return self;
        }
        match &previous.answer {
            Err(error) => {
                let note = format!("The previous period is not available: {error}");
                self.notes.push(note);
            }
            Ok(previous) if previous.rows.is_empty() => {
                let note = "The previous period has no data.";
                self.notes.push(note.to_owned());
            }
            Ok(previous) => self.add_columns(current, previous, keys, measured),
        }
        self
    }

    fn add_columns(&mut self, current: &Answer, previous: &Answer, keys: &[&str], measured: &str) {
        let (Some(index), Some(previous_values)) = (
            current.column_index(measured),
            PreviousValues::of(previous, keys, measured),
        ) else {
            return;
        };
        let column = |label: &str, meaning: &str| Column {
            label: label.to_owned(),
            meaning: meaning.to_owned(),
            is_number: true,
        };
        let columns = [
            column(
                "previous",
                "the number in the previous period of equal length",
            ),
            column("change", "the change since the previous period, in percent"),
        ];
        let after = index + 1;
        self.table.columns.splice(after..after, columns);
        self.widen_for_table();
        for (cells, row) in self.table.rows.iter_mut().zip(&current.rows) {
            let name = name_of(current, row, keys);
            let added = cells_for(row[index].as_f64(), previous_values.get(&name), measured);
            cells.splice(after..after, added);
        }
    }
}

impl PreviousValues {
    /// `None` where the answer has no column `measured`.
    fn of(answer: &Answer, keys: &[&str], measured: &str) -> Option<Self> {
        let index = answer.column_index(measured)?;
        let named = |row: &Vec<Value>| (name_of(answer, row, keys), row[index].as_f64());
        let (folded, known): (Vec<_>, Vec<_>) = answer
            .rows
            .iter()
            .map(named)
            .partition(|(name, _)| is_folded(name));
        let values = known.into_iter();
        Some(Self {
            values: values
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            has_folded: !folded.is_empty(),
        })
    }

    fn get(&self, name: &[String]) -> PreviousValue {
        match self.values.get(name) {
            Some(value) => PreviousValue::Known(*value),
            None if self.has_folded || is_folded(name) => PreviousValue::Unknown,
            None => PreviousValue::Known(0.0),
        }
    }
}

fn name_of(answer: &Answer, row: &[Value], keys: &[&str]) -> Vec<String> {
    let text = |key: &&str| {
        let index = answer.column_index(key)?;
        Some(row[index].as_str().unwrap_or_default().to_owned())
    };
    keys.iter().filter_map(text).collect()
}

fn is_folded(name: &[String]) -> bool {
    name.iter().any(|text| is_grouped(text))
}

/// The two cells: the previous number, and the change.
fn cells_for(current: Option<f64>, previous: PreviousValue, measured: &str) -> [Cell; 2] {
    let unknown = || Cell {
        text: "–".to_owned(),
        is_number: true,
        is_null: true,
        ..Cell::default()
    };
    let (Some(current), PreviousValue::Known(previous)) = (current, previous) else {
        return [unknown(), unknown()];
    };
    let (text, _) = change(current, previous);
    let formatted = text_of(&Value::from(previous), measured);
    [
        Cell::number(previous, formatted),
        Cell::number(current - previous, text),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use headcount_reports::{AnswerColumn, ColumnKind, ReportParameters, find_report};
    use serde_json::json;

    use super::super::table::Table;
    use super::*;

    fn view(rows: &[(&str, i64)]) -> ReportView {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        let answer = Answer {
            columns: vec![
                column("tool", ColumnKind::Text),
                column("crews", ColumnKind::Integer),
                column("uses", ColumnKind::Integer),
            ],
            rows: rows
                .iter()
                .map(|(name, crews)| vec![json!(name), json!(crews), json!(7)])
                .collect(),
            notes: Vec::new(),
        };
        ReportView {
            header: find_report("tools").unwrap(),
            answer: Ok(Arc::new(answer)),
            parameters: ReportParameters::default(),
        }
    }

    fn compared(current: &[(&str, i64)], previous: Option<&[(&str, i64)]>) -> Panel {
        let (current, previous) = (view(current), previous.map(view));
        let panel = Panel {
            table: Table::of(
                current.header,
                current.answer.as_ref().unwrap(),
                Some("crews"),
            ),
            ..Panel::default()
        };
        panel.compared(&current, previous.as_ref(), &["tool"], "crews")
    }

    fn texts(panel: &Panel) -> Vec<Vec<&str>> {
        let rows = panel.table.rows.iter();
        rows.map(|row| row.iter().map(|cell| cell.text.as_str()).collect())
            .collect()
    }

    #[test]
    fn the_previous_number_and_the_change_follow_the_number() {
        let panel = compared(
            &[("search", 12), ("scrape", 8), ("files", 6)],
            Some(&[("scrape", 16), ("search", 10)]),
        );
        let labels = panel.table.columns.iter();
        let labels: Vec<&str> = labels.map(|column| column.label.as_str()).collect();
        assert_eq!(labels, ["tool", "crews", "previous", "change", "uses"]);
        assert_eq!(
            texts(&panel),
            [
                ["search", "12", "10", "+20 %", "7"],
                ["scrape", "8", "16", "−50 %", "7"],
                ["files", "6", "0", "new", "7"],
            ]
        );
    }

    #[test]
    fn a_name_that_may_have_been_folded_has_no_change() {
        let panel = compared(
            &[
                ("search", 12),
                ("files", 6),
                ("(2 values from fewer than 5 crews)", 4),
            ],
            Some(&[("search", 10), ("(3 values from fewer than 5 crews)", 9)]),
        );
        assert_eq!(
            texts(&panel),
            [
                ["search", "12", "10", "+20 %", "7"],
                ["files", "6", "–", "–", "7"],
                ["(2 values from fewer than 5 crews)", "4", "–", "–", "7"],
            ]
        );
    }

    #[test]
    fn without_a_previous_answer_no_column_is_added() {
        assert_eq!(compared(&[("search", 12)], None).table.columns.len(), 3);
        let panel = compared(&[("search", 12)], Some(&[]));
        assert_eq!(panel.table.columns.len(), 3);
        assert_eq!(panel.notes.len(), 1);
    }
}
