//! The answer to a question: columns, rows and notes, and how they are written as JSON, CSV and Markdown.
//!
//! A crate of its own, so that commands that ask no engine (`headcount status` and the like) show what they know in the
//! same way and never wait for DataFusion to be compiled.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// How a column's values are best shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text.
    Text,
    /// ISO 8601 text: a moment in UTC or a day.
    Moment,
    /// An array of values.
    List,
    /// Anything else.
    Other,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerColumn {
    /// Its name, different from every other column's.
    pub name: String,
    /// How its values are best shown.
    pub kind: ColumnKind,
}

/// The answer to a report or a query. Serializes as `{"columns": …, "rows": …, "notes": …}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The columns, in order.
    pub columns: Vec<AnswerColumn>,
    /// The rows; each has one value a column.
    pub rows: Vec<Vec<Value>>,
    /// What a reader of the answer should know: what was folded, what releases do not report.
    pub notes: Vec<String>,
}

impl Answer {
    /// The columns' names, in order.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The position of the column `name`.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.column_names().position(|column| column == name)
    }

    /// The rows as an array of objects with the columns' names.
    pub fn to_json_rows(&self) -> Value {
        let object = |row: &Vec<Value>| {
            let names = self.column_names().map(str::to_owned);
            Value::Object(Map::from_iter(names.zip(row.iter().cloned())))
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    /// As [`Self::to_json_rows`], written as it is serialized: no second copy of the answer is made.
    pub fn json_rows(&self) -> impl Serialize {
        JsonRows(self)
    }

    /// The rows as CSV (RFC 4180, but lines end in `\n`) with a line of names. Null is an empty cell, a list is JSON.
    ///
    /// Cells are opened in spreadsheets, and texts are other people's: one that a spreadsheet would take for a formula
    /// begins with an apostrophe. Numbers stay numbers, and the other forms hold every text as it is.
    pub fn to_csv(&self) -> String {
        let mut csv = String::new();
        let names = self.column_names().map(|name| quoted(&harmless(name)));
        push_line(&mut csv, names, ",");
        for row in &self.rows {
            let cells = row.iter().map(|value| match value {
                // An empty text is quoted, so that it differs from null (promise 9).
                Value::String(text) if text.is_empty() => "\"\"".to_owned(),
                Value::String(text) => quoted(&harmless(text)),
                value => quoted(&cell_text(value)),
            });
            push_line(&mut csv, cells, ",");
        }
        csv
    }

    /// The rows as a Markdown table. Null is an empty cell.
    pub fn to_markdown(&self) -> String {
        let mut markdown = String::new();
        let mut push = |cells: &mut dyn Iterator<Item = String>| {
            markdown.push_str("| ");
            push_line(&mut markdown, cells, " | ");
            let _: Option<char> = markdown.pop();
            markdown.push_str(" |\n");
        };
        push(&mut self.column_names().map(escaped));
        push(&mut self.columns.iter().map(|column| match column.kind {
            ColumnKind::Integer | ColumnKind::Number => "---:".to_owned(),
            _ => "---".to_owned(),
        }));
        for row in &self.rows {
            push(&mut row.iter().map(|value| escaped(&cell_text(value))));
        }
        markdown
    }
}

/// The rows as objects, without building any.
struct JsonRows<'a>(&'a Answer);

impl Serialize for JsonRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows.iter().map(|row| JsonRow(self.0, row)))
    }
}

struct JsonRow<'a>(&'a Answer, &'a [Value]);

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.column_names().zip(self.1))
    }
}

/// A value as a cell's text: null is empty, text is itself, everything else is JSON.
#[must_use]
pub fn cell_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn push_line(text: &mut String, cells: impl Iterator<Item = String>, separator: &str) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push_str(separator);
        }
        text.push_str(&cell);
    }
    text.push('\n');
}

/// A text that no spreadsheet takes for a formula (CWE-1236).
fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) || cell.trim() != cell {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn escaped(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    for letter in cell.chars() {
        match letter {
            '|' | '\\' | '<' | '`' | '*' | '[' => {
                text.push('\\');
                text.push(letter);
            }
            '\n' | '\r' => text.push(' '),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(rows: Vec<Vec<Value>>) -> Answer {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        Answer {
            columns: vec![
                column("role", ColumnKind::Text),
                column("change", ColumnKind::Number),
            ],
            rows,
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_text_is_no_formula_and_a_negative_number_stays_one() {
        let roles = ["=1+1", "+1", "-1", "@a", "\ta", "\ra", "a=1"];
        let rows = roles.map(|role| vec![json!(role), json!(-1.5)]);
        let csv = answer(rows.to_vec()).to_csv();
        let expected = "role,change\n'=1+1,-1.5\n'+1,-1.5\n'-1,-1.5\n'@a,-1.5\n'\ta,-1.5\n\"'\ra\",-1.5\na=1,-1.5\n";
        assert_eq!(csv, expected);
    }

    #[test]
    fn rows_are_written_as_they_would_be_built() {
        let answer = answer(vec![
            vec![json!("a\"b"), json!(null)],
            vec![json!(""), json!(2)],
        ]);
        assert_eq!(
            serde_json::to_string(&answer.json_rows()).unwrap(),
            answer.to_json_rows().to_string()
        );
    }
}
