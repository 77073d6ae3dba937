//! Output: answers on standard output, notes and progress on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::ValueEnum;
use comfy_table::Table;
use headcount_answer::{Answer, AnswerColumn, ColumnKind};
use serde_json::Value;

pub use crate::cell::on_one_line;
pub use crate::terminal_table::TooWide;
use crate::terminal_table::{Drawn, draw};

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
    show_as(answer, format, TooWide::Blocks)
}

/// As [`show`], with a choice for a table that is wider than the terminal. A note names the columns that are left out.
pub fn show_as(answer: &Answer, format: Format, too_wide: TooWide<'_>) -> anyhow::Result<()> {
    // Only a terminal has a width.
    let width = io::stdout()
        .is_terminal()
        .then(|| Table::new().width())
        .flatten();
    let drawn = render(answer, format, width, too_wide)?;
    print(&drawn.text)?;
    if !drawn.left_out.is_empty() {
        let columns = if drawn.left_out.len() == 1 {
            "column does"
        } else {
            "columns do"
        };
        note(&format!(
            "note: {} more {columns} not fit here: {}; --wide shows every column",
            drawn.left_out.len(),
            drawn.left_out.join(", ")
        ));
    }
    for text in &answer.notes {
        note(&format!("note: {}", on_one_line(text)));
    }
    Ok(())
}

fn render(
    answer: &Answer,
    format: Format,
    width: Option<u16>,
    too_wide: TooWide<'_>,
) -> anyhow::Result<Drawn> {
    let text = match format {
        Format::Table => return Ok(draw(answer, width, too_wide)),
        Format::Json => serde_json::to_string_pretty(&answer.to_json_rows())? + "\n",
        Format::Csv => answer.to_csv(),
        Format::Markdown => answer.to_markdown(),
    };
    Ok(Drawn {
        text,
        left_out: Vec::new(),
    })
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

    fn written(answer: &Answer, format: Format, width: Option<u16>) -> String {
        render(answer, format, width, TooWide::Blocks)
            .expect("a text")
            .text
    }

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
        let text = written(&tools(), Format::Json, None);
        let read: Value = serde_json::from_str(&text).expect("pure JSON");
        assert_eq!(read[0]["uses"], json!(3));
        assert_eq!(read[0]["memory"], json!(false));
        assert_eq!(read[1]["uses"], Value::Null);
        let keys: Vec<&String> = read[0].as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["tool", "uses", "memory", "names"]);
    }

    #[test]
    fn a_table_shows_false_and_leaves_absent_empty() {
        let text = written(&tools(), Format::Table, None);
        assert!(
            text.contains("word counter      3   false    a, b"),
            "{text}"
        );
        assert!(!text.contains("null"), "{text}");
    }

    #[test]
    fn a_stranger_s_text_cannot_control_the_terminal() {
        let text = written(&tools(), Format::Table, Some(80));
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
            let text = written(&answer, format, None);
            let is_hostile = |letter: char| hostile.contains(letter) && !letter.is_ascii();
            assert!(!text.contains(is_hostile), "{text:?}");
            assert!(text.contains("\u{fffd}exe.loot"), "{text:?}");
        }
        let text = written(&answer, Format::Json, None);
        assert!(text.contains(hostile), "programs get what was sent");
    }

    #[test]
    fn an_answer_without_rows_says_so() {
        let mut empty = tools();
        empty.rows.clear();
        assert_eq!(written(&empty, Format::Table, None), "(no rows)\n");
        assert_eq!(written(&empty, Format::Json, None), "[]\n");
    }
}
