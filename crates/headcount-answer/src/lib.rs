//! The answer to a query: columns, rows and notes, with JSON, CSV and Markdown output.
//!
//! A separate crate, so that commands without the query engine (such as `headcount status`) have the same output and do
//! not depend on DataFusion.

mod visible;

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

pub use visible::visible;

/// The kind of a column's values, for display.
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
    /// ISO 8601 text: a time in UTC or a day.
    Moment,
    /// An array of values.
    List,
    /// Anything else.
    Other,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerColumn {
    /// Its unique name.
    pub name: String,
    /// The kind of its values.
    pub kind: ColumnKind,
}

/// The answer to a report or a query. Serializes as `{"columns": …, "rows": …, "notes": …}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The columns, in order.
    pub columns: Vec<AnswerColumn>,
    /// The rows, each with one value for each column.
    pub rows: Vec<Vec<Value>>,
    /// Notes on the answer, such as grouped values and fields that some releases do not report.
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

    /// The rows as an array of objects by column name.
    pub fn to_json_rows(&self) -> Value {
        let object = |row: &Vec<Value>| {
            let names = self.column_names().map(str::to_owned);
            Value::Object(Map::from_iter(names.zip(row.iter().cloned())))
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    /// As [`Self::to_json_rows`], serialized without copying the answer.
    pub fn json_rows(&self) -> impl Serialize {
        JsonRows(self)
    }

    /// The rows as CSV (RFC 4180, but lines end in `\n`) with a header line. Null is an empty cell, a list is JSON.
    ///
    /// Texts come from third parties and may be opened in a spreadsheet, so a text that a spreadsheet would interpret as a
    /// formula gets a leading apostrophe. Numbers are unchanged, and the other formats do not change texts.
    pub fn to_csv(&self) -> String {
        let mut csv = String::new();
        let names = self
            .column_names()
            .map(|name| quoted(&without_formula(name)));
        push_line(&mut csv, names, ",");
        for row in &self.rows {
            let cells = row.iter().map(|value| match value {
                // An empty text is quoted, so that it differs from null (promise 9).
                Value::String(text) if text.is_empty() => "\"\"".to_owned(),
                Value::String(text) => quoted(&without_formula(text)),
                value => quoted(&cell_text(value)),
            });
            push_line(&mut csv, cells, ",");
        }
        csv
    }

    /// The rows as a Markdown table. Null is an empty cell. What cannot be seen in a text is replaced (see [`visible`]).
    pub fn to_markdown(&self) -> String {
        let mut markdown = String::new();
        let mut push = |cells: &mut dyn Iterator<Item = String>| {
            markdown.push_str("| ");
            push_line(&mut markdown, cells, " | ");
            markdown.pop();
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

/// The rows as objects, serialized without building them.
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

/// The text of a cell: empty for null, the text itself, else JSON.
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

/// A text that no spreadsheet interprets as a formula (CWE-1236).
fn without_formula(text: &str) -> Cow<'_, str> {
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
    for letter in visible(cell).chars() {
        match letter {
            '|' | '\\' | '<' | '`' | '*' | '[' => {
                text.push('\\');
                text.push(letter);
            }
            '\n' | '\r' | '\t' => text.push(' '),
            letter if letter.is_control() => text.push(char::REPLACEMENT_CHARACTER),
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
    fn texts_are_not_formulas_and_negative_numbers_are_unchanged() {
        let roles = ["=1+1", "+1", "-1", "@a", "\ta", "\ra", "a=1"];
        let rows = roles.map(|role| vec![json!(role), json!(-1.5)]);
        let csv = answer(rows.to_vec()).to_csv();
        let expected = "role,change\n'=1+1,-1.5\n'+1,-1.5\n'-1,-1.5\n'@a,-1.5\n'\ta,-1.5\n\"'\ra\",-1.5\na=1,-1.5\n";
        assert_eq!(csv, expected);
    }

    #[test]
    fn serialized_rows_equal_built_rows() {
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
