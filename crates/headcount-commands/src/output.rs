//! Output: answers on standard output, notes and progress on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use headcount_answer::{Answer, AnswerColumn, ColumnKind, visible};
use serde_json::Value;

/// A line under the header and nothing else: rows stay rows for `grep`.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns, for people; long numbers and times are shortened.
    Table,
    /// An array of objects, for scripts.
    Json,
    /// RFC 4180 with a header line.
    Csv,
    /// A table for a document.
    Markdown,
}

/// Builds an answer from rows, with one text or number per column.
pub fn answer(columns: &[(&str, ColumnKind)], rows: Vec<Vec<Value>>) -> Answer {
    let column = |&(name, kind): &(&str, ColumnKind)| AnswerColumn {
        name: name.to_owned(),
        kind,
    };
    Answer {
        columns: columns.iter().map(column).collect(),
        rows,
        notes: Vec::new(),
    }
}

/// Writes an answer to standard output and its notes to standard error.
pub fn show(answer: &Answer, format: Format) -> anyhow::Result<()> {
    print(&render(answer, format, io::stdout().is_terminal())?)?;
    for text in &answer.notes {
        note(&format!("note: {}", on_one_line(text)));
    }
    Ok(())
}

fn render(answer: &Answer, format: Format, on_terminal: bool) -> anyhow::Result<String> {
    Ok(match format {
        Format::Table => table(answer, on_terminal),
        Format::Json => serde_json::to_string_pretty(&answer.to_json_rows())? + "\n",
        Format::Csv => answer.to_csv(),
        Format::Markdown => answer.to_markdown(),
    })
}

fn table(answer: &Answer, on_terminal: bool) -> String {
    if answer.rows.is_empty() {
        return String::from("(no rows)\n");
    }
    let arrangement = if on_terminal {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    };
    let cell = |text: &str, kind: ColumnKind| Cell::new(text).set_alignment(alignment(kind));
    let mut table = Table::new();
    let _: &mut Table = table
        .load_style(STYLE)
        .set_content_arrangement(arrangement)
        .set_header(
            answer
                .columns
                .iter()
                .map(|column| cell(&on_one_line(&column.name), column.kind)),
        );
    for row in &answer.rows {
        let cells = answer.columns.iter().zip(row);
        let _: &mut Table = table
            .add_row(cells.map(|(column, value)| cell(&plain(value, column.kind), column.kind)));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn alignment(kind: ColumnKind) -> CellAlignment {
    match kind {
        ColumnKind::Integer | ColumnKind::Number => CellAlignment::Right,
        _ => CellAlignment::Left,
    }
}

/// A value for people: null is empty, text has no quotes, a list has commas, times are to the second, numbers to three
/// decimals.
fn plain(value: &Value, kind: ColumnKind) -> String {
    match (value, kind) {
        (Value::Null, _) => String::new(),
        (Value::String(moment), ColumnKind::Moment) => to_the_second(moment),
        (Value::String(text), _) => on_one_line(text),
        (Value::Array(items), _) => {
            let items = items.iter().map(|item| plain(item, ColumnKind::Other));
            items.collect::<Vec<_>>().join(", ")
        }
        (Value::Number(number), ColumnKind::Number) => number
            .as_f64()
            .filter(|number| number.abs() >= 0.01 || *number == 0.0)
            .map_or_else(|| number.to_string(), to_three_decimals),
        (other, _) => on_one_line(&other.to_string()),
    }
}

/// `2026-11-16T00:10:39.932099Z` without the fraction of the second.
fn to_the_second(moment: &str) -> String {
    match moment.split_once('.') {
        Some((seconds, fraction)) if fraction.ends_with('Z') => on_one_line(seconds) + "Z",
        _ => on_one_line(moment),
    }
}

fn to_three_decimals(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text that strangers sent must not move the cursor, recolour the terminal of the person who reads it, or turn the text
/// around it (see [`visible`]).
pub fn on_one_line(text: &str) -> String {
    visible(text)
        .chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

/// Writes text to standard output.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot write to standard output")
}

/// Writes a note to standard error.
pub fn note(text: &str) {
    // A note that cannot be written must not fail the command.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tools() -> Answer {
        let columns = [
            ("tool", ColumnKind::Text),
            ("uses", ColumnKind::Integer),
            ("memory", ColumnKind::Boolean),
            ("names", ColumnKind::List),
        ];
        let rows = vec![
            vec![
                json!("word counter"),
                json!(3),
                json!(false),
                json!(["a", "b"]),
            ],
            vec![json!("\u{1b}[31mred"), json!(null), json!(true), json!([])],
        ];
        answer(&columns, rows)
    }

    #[test]
    fn json_keeps_types_and_the_order_of_columns() {
        let text = render(&tools(), Format::Json, false).expect("json");
        let read: Value = serde_json::from_str(&text).expect("pure JSON");
        assert_eq!(read[0]["uses"], json!(3));
        assert_eq!(read[0]["memory"], json!(false));
        assert_eq!(read[1]["uses"], Value::Null);
        let keys: Vec<&String> = read[0].as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["tool", "uses", "memory", "names"]);
    }

    #[test]
    fn a_table_shows_false_and_leaves_absent_empty() {
        let text = render(&tools(), Format::Table, false).expect("table");
        assert!(
            text.contains("word counter      3   false    a, b"),
            "{text}"
        );
        assert!(!text.contains("null"), "{text}");
    }

    #[test]
    fn a_stranger_s_text_cannot_control_the_terminal() {
        let text = render(&tools(), Format::Table, true).expect("table");
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.contains("\u{fffd}[31mred"), "{text}");
    }

    #[test]
    fn a_stranger_s_text_cannot_turn_or_hide_what_people_read() {
        let hostile = "\u{202e}exe.loot\u{2066}a\u{2028}b\u{200b}c\u{feff}";
        let columns = [(hostile, ColumnKind::Text), ("names", ColumnKind::List)];
        let rows = vec![vec![json!(hostile), json!([hostile, { "key": hostile }])]];
        let mut answer = answer(&columns, rows);
        answer.rows[0].push(json!({ hostile: 1 }));
        answer.columns.push(AnswerColumn {
            name: "other".to_owned(),
            kind: ColumnKind::Other,
        });
        for format in [Format::Table, Format::Markdown] {
            let text = render(&answer, format, false).expect("a table");
            let is_hostile = |letter: char| hostile.contains(letter) && !letter.is_ascii();
            assert!(!text.contains(is_hostile), "{text:?}");
            assert!(text.contains("\u{fffd}exe.loot"), "{text:?}");
        }
        let text = render(&answer, Format::Json, false).expect("json");
        assert!(text.contains(hostile), "programs get what was sent");
    }

    #[test]
    fn people_get_short_numbers_and_times() {
        let number = |number: f64| plain(&json!(number), ColumnKind::Number);
        assert_eq!(number(1.099_706_744_868_035), "1.1");
        assert_eq!(number(1200.0), "1200");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(0.000_25), "0.00025");
        let moment = json!("2026-11-16T00:10:39.932099Z");
        assert_eq!(plain(&moment, ColumnKind::Moment), "2026-11-16T00:10:39Z");
        assert_eq!(
            plain(&json!("2026-11-16"), ColumnKind::Moment),
            "2026-11-16"
        );
    }

    #[test]
    fn an_answer_without_rows_says_so() {
        let mut empty = tools();
        empty.rows.clear();
        assert_eq!(table(&empty, false), "(no rows)\n");
        assert_eq!(render(&empty, Format::Json, false).expect("json"), "[]\n");
    }
}
