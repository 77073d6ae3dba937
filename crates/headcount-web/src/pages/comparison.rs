//! A table's leading numbers beside what they were in the span before.

use std::collections::HashMap;

use headcount_reports::Answer;
use serde_json::Value;

use super::desk::Shown;
use super::panel::{Panel, change};
use super::table::{Cell, Column, text_of};

/// How the label of a row begins that stands for values that were folded.
const FOLDED: char = '(';

/// What the numbers of one column were, by the texts that tell rows apart.
struct Before {
    values: HashMap<Vec<String>, f64>,
    /// Whether a name that is not among them may be one that was folded.
    has_folded: bool,
}

/// What a row's number was.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Past {
    /// It was this number.
    Known(f64),
    /// Nobody can say: the row's name may have been folded then, or is now.
    Unknown,
}

impl Panel {
    /// With two columns beside `measured`: what it was in the span before, and its change. Rows are the same where
    /// their texts in the columns `keys` are. Without an answer to compare with, the panel stays as it is, and says so.
    pub(crate) fn compared(
        mut self,
        now: &Shown,
        before: Option<&Shown>,
        keys: &[&str],
        measured: &str,
    ) -> Self {
        let (Ok(now), Some(before)) = (&now.answer, before) else {
            return self;
        };
        if self.table.columns.is_empty() {
            return self;
        }
        match &before.answer {
            Err(error) => {
                let note = format!("The time before could not be compared with: {error}");
                self.notes.push(note);
            }
            Ok(before) if before.rows.is_empty() => {
                let note =
                    "Nothing was reported in the time before: there is nothing to compare with.";
                self.notes.push(note.to_owned());
            }
            Ok(before) => self.put_beside(now, before, keys, measured),
        }
        self
    }

    fn put_beside(&mut self, now: &Answer, before: &Answer, keys: &[&str], measured: &str) {
        let (Some(place), Some(past)) = (
            now.column_index(measured),
            Before::read(before, keys, measured),
        ) else {
            return;
        };
        let column = |label: &str, meaning: &str| Column {
            label: label.to_owned(),
            meaning: meaning.to_owned(),
            is_number: true,
        };
        let columns = [
            column("before", "the number in the time of equal length before"),
            column("change", "since the time before, as a share of what it was"),
        ];
        let after = place + 1;
        let _none = self.table.columns.splice(after..after, columns);
        for (cells, row) in self.table.rows.iter_mut().zip(&now.rows) {
            let name = name_of(now, row, keys);
            let cells_beside = beside(row[place].as_f64(), past.of(&name), measured);
            let _none = cells.splice(after..after, cells_beside);
        }
    }
}

impl Before {
    /// None where the answer has no column `measured`.
    fn read(answer: &Answer, keys: &[&str], measured: &str) -> Option<Self> {
        let place = answer.column_index(measured)?;
        let named = |row: &Vec<Value>| (name_of(answer, row, keys), row[place].as_f64());
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

    fn of(&self, name: &[String]) -> Past {
        match self.values.get(name) {
            Some(value) => Past::Known(*value),
            None if self.has_folded || is_folded(name) => Past::Unknown,
            None => Past::Known(0.0),
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
    name.iter().any(|text| text.starts_with(FOLDED))
}

/// The two cells: the number before, and the change.
fn beside(now: Option<f64>, before: Past, measured: &str) -> [Cell; 2] {
    let nothing = || Cell {
        text: "–".to_owned(),
        is_number: true,
        is_nothing: true,
        ..Cell::default()
    };
    let (Some(now), Past::Known(before)) = (now, before) else {
        return [nothing(), nothing()];
    };
    let (text, _) = change(now, before);
    let shown = text_of(&Value::from(before), measured);
    [
        Cell::number(before, shown),
        Cell::number(now - before, text),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use headcount_reports::{AnswerColumn, ColumnKind, ReportParameters, find_report};
    use serde_json::json;

    use super::super::table::Table;
    use super::*;

    fn shown(rows: &[(&str, i64)]) -> Shown {
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
        Shown {
            header: find_report("tools").unwrap(),
            answer: Ok(Arc::new(answer)),
            parameters: ReportParameters::default(),
        }
    }

    fn compared(now: &[(&str, i64)], before: Option<&[(&str, i64)]>) -> Panel {
        let (now, before) = (shown(now), before.map(shown));
        let panel = Panel {
            table: Table::of(now.header, now.answer.as_ref().unwrap(), Some("crews")),
            ..Panel::default()
        };
        panel.compared(&now, before.as_ref(), &["tool"], "crews")
    }

    fn texts(panel: &Panel) -> Vec<Vec<&str>> {
        let rows = panel.table.rows.iter();
        rows.map(|row| row.iter().map(|cell| cell.text.as_str()).collect())
            .collect()
    }

    #[test]
    fn what_it_was_and_how_it_changed_stand_beside_the_number() {
        let panel = compared(
            &[("search", 12), ("scrape", 8), ("files", 6)],
            Some(&[("scrape", 16), ("search", 10)]),
        );
        let labels = panel.table.columns.iter();
        let labels: Vec<&str> = labels.map(|column| column.label.as_str()).collect();
        assert_eq!(labels, ["tool", "crews", "before", "change", "uses"]);
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
    fn nothing_is_claimed_about_a_name_that_may_have_been_folded() {
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
    fn without_a_time_before_nothing_is_put_beside() {
        assert_eq!(compared(&[("search", 12)], None).table.columns.len(), 3);
        let panel = compared(&[("search", 12)], Some(&[]));
        assert_eq!(panel.table.columns.len(), 3);
        assert_eq!(panel.notes.len(), 1);
    }
}
