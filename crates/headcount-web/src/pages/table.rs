//! An answer as an HTML table, with labels and formatted values.

use headcount_answer::visible;
use headcount_charts::{bar, format_count, format_duration, format_share};
use headcount_reports::{Answer, ColumnKind, ReportHeader, is_grouped};
use serde_json::Value;

/// The most rows of a table on a page; the CSV has all of them.
const MAX_ROWS: usize = 200;

/// Longer texts, in bytes, get a wide column: in a narrow one each of their words would be a line.
const LONG_TEXT: usize = 20;

/// A table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// The number of rows that are left out.
    pub(crate) more: usize,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) label: String,
    pub(crate) meaning: String,
    pub(crate) is_number: bool,
}

/// A cell. It sorts by its value as in the API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) sort: String,
    pub(crate) is_number: bool,
    pub(crate) is_null: bool,
    /// Whether it is a time or a day, which must not wrap.
    pub(crate) is_time: bool,
    /// A note on the value, or empty.
    pub(crate) title: String,
    /// A bar as SVG, or empty.
    pub(crate) bar: String,
    pub(crate) href: String,
}

impl Table {
    /// A report's answer, with bars in the column `measured`.
    pub(crate) fn of(header: &ReportHeader, answer: &Answer, measured: Option<&str>) -> Self {
        let meaning = |name: &str| {
            let column = header.columns.iter().find(|column| column.name == name);
            column.map(|column| column.meaning.clone())
        };
        let mut table = Self::plain(&header.title, answer);
        for (column, known) in table.columns.iter_mut().zip(&answer.columns) {
            column.meaning = meaning(&known.name).unwrap_or_default();
        }
        for (name, note) in &header.when_null {
            if let Some(index) = answer.column_index(name) {
                table.explain_missing(index, answer.columns[index].kind, note);
            }
        }
        if let Some(index) = measured.and_then(|name| answer.column_index(name)) {
            table.add_bars(index, answer);
        }
        table
    }

    /// An answer without a report.
    pub(crate) fn plain(caption: &str, answer: &Answer) -> Self {
        let column = |column: &headcount_reports::AnswerColumn| Column {
            label: label(&column.name),
            meaning: String::new(),
            is_number: matches!(column.kind, ColumnKind::Integer | ColumnKind::Number),
        };
        let columns: Vec<Column> = answer.columns.iter().map(column).collect();
        let row = |row: &Vec<Value>| {
            let cells = row.iter().zip(&answer.columns);
            let cells = cells.map(|(value, column)| Cell::of(value, &column.name, column.kind));
            cells.collect()
        };
        Self {
            caption: caption.to_owned(),
            columns,
            rows: answer.rows.iter().take(MAX_ROWS).map(row).collect(),
            more: answer.rows.len().saturating_sub(MAX_ROWS),
        }
    }

    /// Transposes an answer of one row that is too wide to read.
    pub(crate) fn transposed(mut self) -> Self {
        let Some(row) = self.rows.pop() else {
            return self;
        };
        let pairs = std::mem::take(&mut self.columns).into_iter().zip(row);
        self.rows = pairs
            .map(|(column, value)| {
                vec![Cell::text(column.label), value, Cell::text(column.meaning)]
            })
            .collect();
        let column = |label: &str, is_number| Column {
            label: label.to_owned(),
            meaning: String::new(),
            is_number,
        };
        self.columns = vec![
            column("name", false),
            column("value", true),
            column("meaning", false),
        ];
        self
    }

    /// Whether a row stands for names that are grouped.
    pub(crate) fn has_grouped(&self) -> bool {
        let mut cells = self.rows.iter().flatten();
        cells.any(|cell| is_grouped(&cell.sort))
    }

    /// Says at a value that is missing why it is.
    fn explain_missing(&mut self, index: usize, kind: ColumnKind, note: &str) {
        let cells = self.rows.iter_mut().filter_map(|row| row.get_mut(index));
        for cell in cells.filter(|cell| cell.is_null) {
            note.clone_into(&mut cell.title);
            if kind == ColumnKind::Text {
                "(no name)".clone_into(&mut cell.text);
            }
        }
    }

    /// Adds bars to a column, but none to a row of grouped names: it is no name that others can be compared with.
    fn add_bars(&mut self, index: usize, answer: &Answer) {
        let stands_for_names = |row: &Vec<Value>| {
            let mut texts = row.iter().filter_map(Value::as_str);
            texts.any(is_grouped)
        };
        let number = |row: &Vec<Value>| row[index].as_f64().filter(|_| !stands_for_names(row));
        let numbers = || answer.rows.iter().map(number);
        let greatest = numbers().flatten().fold(0.0, f64::max);
        for (row, number) in self.rows.iter_mut().zip(numbers()) {
            if let (Some(cell), Some(number)) = (row.get_mut(index), number) {
                cell.bar = bar(number, greatest);
            }
        }
    }
}

impl Cell {
    /// A value of the column `name`.
    pub(crate) fn of(value: &Value, name: &str, kind: ColumnKind) -> Self {
        let is_number = matches!(kind, ColumnKind::Integer | ColumnKind::Number);
        let sort = match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        Self {
            text: text_of(value, name),
            sort,
            is_number,
            is_null: value.is_null(),
            is_time: kind == ColumnKind::Moment && !value.is_null(),
            title: String::new(),
            bar: String::new(),
            href: String::new(),
        }
    }

    /// Whether a narrow column would wrap its text into many lines.
    pub(crate) fn is_long(&self) -> bool {
        !self.is_number && self.text.len() > LONG_TEXT
    }

    /// A cell of text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            text: visible(&text).into_owned(),
            sort: text,
            ..Self::default()
        }
    }

    /// A cell with a number and its formatted text.
    pub(crate) fn number(number: f64, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            sort: number.to_string(),
            is_number: true,
            ..Self::default()
        }
    }
}

/// The label of a column.
pub(crate) fn label(name: &str) -> String {
    let words = visible(name).replace('_', " ");
    words
        .replace(" p50", ", median")
        .replace(" p95", ", 95th percentile")
        .replace(" avg", ", mean")
}

/// A value formatted for people.
pub(crate) fn text_of(value: &Value, name: &str) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(0.0);
            if is_share(name) {
                format_share(number)
            } else if is_seconds(name) {
                format_duration(number)
            } else if number.fract() == 0.0 {
                format_count(number)
            } else {
                trimmed(number)
            }
        }
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => short_time(text).unwrap_or_else(|| visible(text).into_owned()),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(|item| text_of(item, name)).collect();
            texts.join(", ")
        }
        Value::Object(_) => visible(&value.to_string()).into_owned(),
    }
}

/// Whether the column holds shares.
pub(crate) fn is_share(name: &str) -> bool {
    name.ends_with("share") || matches!(name, "of_created" | "ratio" | "rate" | "can_say")
}

/// Whether the column holds seconds.
fn is_seconds(name: &str) -> bool {
    name.starts_with("duration")
        || name.starts_with("time_")
        || matches!(name, "execution_time" | "time")
}

fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `2026-11-22T23:31:43Z` as `2026-11-22 23:31`.
fn short_time(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_time = text.is_ascii()
        && bytes.len() >= 20
        && bytes[4] == b'-'
        && bytes[10] == b'T'
        && bytes[bytes.len() - 1] == b'Z';
    is_time.then(|| format!("{} {}", &text[..10], &text[11..16]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tools(rows: Vec<Vec<Value>>) -> Table {
        let column = |name: &str, kind| headcount_reports::AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        let answer = Answer {
            columns: vec![
                column("tool", ColumnKind::Text),
                column("uses", ColumnKind::Integer),
            ],
            rows,
            notes: Vec::new(),
        };
        let header = headcount_reports::find_report("tools").unwrap();
        Table::of(header, &answer, Some("uses"))
    }

    #[test]
    fn bars_are_of_names_and_the_longest_is_that_of_the_first() {
        let grouped = "(3 values from fewer than 5 crews)";
        let table = tools(vec![
            vec![json!("search"), json!(20)],
            vec![json!(grouped), json!(80)],
        ]);
        assert_eq!(table.rows[0][1].bar, bar(20.0, 20.0));
        assert_eq!(table.rows[1][1].bar, "");
        assert!(table.has_grouped());
    }

    #[test]
    fn a_row_without_a_name_says_why() {
        let table = tools(vec![vec![json!(null), json!(239)]]);
        assert_eq!(table.rows[0][0].text, "(no name)");
        assert!(table.rows[0][0].title.contains("1.14.6"));
    }

    #[test]
    fn values_are_formatted_for_people() {
        for (value, name, expected) in [
            (json!(null), "crews", "–"),
            (json!(false), "memory", "no"),
            (json!(0), "crews", "0"),
            (json!(1234567), "runs", "1,234,567"),
            (json!(0.637), "share", "63.7 %"),
            (json!(3.667), "tasks_per_run", "3.67"),
            (json!(""), "framework", "(empty)"),
            (json!("\u{202e}evil, good"), "roles", "\u{fffd}evil, good"),
            (
                json!("2026-11-22T23:31:43Z"),
                "last_seen",
                "2026-11-22 23:31",
            ),
            (
                json!(["python 3.12", null]),
                "runtime_versions",
                "python 3.12, –",
            ),
        ] {
            assert_eq!(text_of(&value, name), expected, "{value}");
        }
    }
}
