//! A table for people, whole on a terminal of any width: no word is broken into letters, and no column is left out unsaid.

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width,
};
use headcount_answer::{Answer, ColumnKind};

use crate::cell::{on_one_line, plain};

/// A line under the header and nothing else: rows stay rows for `grep`.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The space around a cell.
const PADDING: u16 = 2;

/// A longer text is wrapped between its words where the terminal is narrow.
const WRAPPED: u16 = 20;

/// What becomes of a table that is wider than the terminal.
#[derive(Debug, Clone, Copy)]
pub enum TooWide<'a> {
    /// Each row is a block of lines, one for each column.
    Blocks,
    /// These columns are shown, or the first ones if none are named: as many as fit. A single row is a block.
    FewerColumns(&'a [String]),
    /// The lines are longer than the terminal.
    LongLines,
}

/// A table as text, and the columns that it leaves out.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    pub(crate) text: String,
    pub(crate) left_out: Vec<String>,
}

/// The answer as a table on a terminal of `width` characters, or on none.
pub(crate) fn draw(answer: &Answer, width: Option<u16>, too_wide: TooWide<'_>) -> Drawn {
    if answer.rows.is_empty() {
        return Drawn {
            text: String::from("(no rows)\n"),
            left_out: Vec::new(),
        };
    }
    let all: Vec<usize> = (0..answer.columns.len()).collect();
    let whole = |columns: &[usize], arrangement: Arrangement| Drawn {
        text: lines(answer, columns, arrangement),
        left_out: Vec::new(),
    };
    let Some(width) = width else {
        return whole(&all, Arrangement::LongLines);
    };
    let needed = needed_widths(answer);
    let sum = |columns: &[usize]| {
        columns
            .iter()
            .map(|index| u32::from(needed[*index]))
            .sum::<u32>()
    };
    let fits = |columns: &[usize]| sum(columns) <= u32::from(width);
    match too_wide {
        TooWide::LongLines => whole(&all, Arrangement::LongLines),
        _ if fits(&all) => whole(&all, Arrangement::Within(width, &needed)),
        TooWide::FewerColumns(brief) if answer.rows.len() > 1 => {
            let mut shown = preferred(answer, brief);
            while shown.len() > 1 && !fits(&shown) {
                shown.pop();
            }
            let is_left_out = |index: &usize| !shown.contains(index);
            let names = all.into_iter().filter(is_left_out);
            Drawn {
                text: lines(answer, &shown, Arrangement::Within(width, &needed)),
                left_out: names
                    .map(|index| on_one_line(&answer.columns[index].name))
                    .collect(),
            }
        }
        TooWide::Blocks | TooWide::FewerColumns(_) => Drawn {
            text: blocks(answer),
            left_out: Vec::new(),
        },
    }
}

/// The columns to show first: the period, then those of `brief`; all without these.
fn preferred(answer: &Answer, brief: &[String]) -> Vec<usize> {
    let names = ["period"]
        .into_iter()
        .chain(brief.iter().map(String::as_str));
    let named: Vec<usize> = names.filter_map(|name| answer.column_index(name)).collect();
    match brief.is_empty() {
        true => (0..answer.columns.len()).collect(),
        false => named,
    }
}

/// How the columns share a line.
#[derive(Clone, Copy)]
enum Arrangement<'a> {
    LongLines,
    /// In so many characters, each column in at least those that it needs.
    Within(u16, &'a [u16]),
}

/// The columns as aligned lines.
fn lines(answer: &Answer, columns: &[usize], arrangement: Arrangement<'_>) -> String {
    let mut table = table_of(answer, columns);
    if let Arrangement::Within(width, needed) = arrangement {
        let _: &mut Table = table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
        for (place, index) in columns.iter().enumerate() {
            if let Some(column) = table.column_mut(place) {
                let least = needed[*index].min(width);
                let _ = column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
            }
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn table_of(answer: &Answer, columns: &[usize]) -> Table {
    let cell = |text: &str, kind: ColumnKind| Cell::new(text).set_alignment(alignment(kind));
    let mut table = Table::new();
    let head = columns.iter().map(|index| {
        let column = &answer.columns[*index];
        cell(&on_one_line(&column.name), column.kind)
    });
    let _: &mut Table = table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head);
    for row in &answer.rows {
        let cells = columns.iter().map(|index| {
            let kind = answer.columns[*index].kind;
            cell(&plain(&row[*index], kind), kind)
        });
        let _: &mut Table = table.add_row(cells);
    }
    table
}

fn alignment(kind: ColumnKind) -> CellAlignment {
    match kind {
        ColumnKind::Integer | ColumnKind::Number => CellAlignment::Right,
        _ => CellAlignment::Left,
    }
}

/// The characters that each column needs with its space: numbers and times whole, texts at least their longest word.
fn needed_widths(answer: &Answer) -> Vec<u16> {
    let all: Vec<usize> = (0..answer.columns.len()).collect();
    let natural = table_of(answer, &all).column_max_content_widths();
    let columns = answer.columns.iter().zip(natural).enumerate();
    let needed = |(index, (column, natural)): (usize, (&headcount_answer::AnswerColumn, u16))| {
        let is_text = matches!(
            column.kind,
            ColumnKind::Text | ColumnKind::List | ColumnKind::Other
        );
        let content = if is_text && natural > WRAPPED {
            let cells = answer
                .rows
                .iter()
                .map(|row| longest_word(&plain(&row[index], column.kind)));
            let longest = cells.chain([longest_word(&column.name)]).max().unwrap_or(0);
            // A word that is longer than half a line is broken all the same.
            natural.min(longest.clamp(WRAPPED, 2 * WRAPPED))
        } else {
            natural
        };
        content.saturating_add(PADDING)
    };
    columns.map(needed).collect()
}

fn longest_word(text: &str) -> u16 {
    let words = text.split_whitespace().map(|word| word.chars().count());
    words.max().unwrap_or(0).try_into().unwrap_or(u16::MAX)
}

/// Each row as a block, a line for each column.
fn blocks(answer: &Answer) -> String {
    let names: Vec<String> = answer.column_names().map(on_one_line).collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (number, row) in answer.rows.iter().enumerate() {
        if answer.rows.len() > 1 {
            text.push_str(&format!("─── {} ───\n", number + 1));
        }
        for ((name, column), value) in names.iter().zip(&answer.columns).zip(row) {
            let line = format!("{name:width$}  {}", plain(value, column.kind));
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use headcount_answer::AnswerColumn;
    use serde_json::{Value, json};

    use super::*;

    fn answer(columns: &[(&str, ColumnKind)], rows: Vec<Vec<Value>>) -> Answer {
        let column = |(name, kind): &(&str, ColumnKind)| AnswerColumn {
            name: (*name).to_owned(),
            kind: *kind,
        };
        Answer {
            columns: columns.iter().map(column).collect(),
            rows,
            notes: Vec::new(),
        }
    }

    /// A report of eighteen columns.
    fn wide(rows: usize) -> Answer {
        let columns: Vec<String> = (0..17).map(|index| format!("quality_{index:02}")).collect();
        let mut named = vec![("model", ColumnKind::Text)];
        named.extend(
            columns
                .iter()
                .map(|name| (name.as_str(), ColumnKind::Integer)),
        );
        let row = |index: usize| {
            let mut row: Vec<Value> = vec![json!(format!("azure/gpt-4o-mini number {index}"))];
            row.extend((0..17).map(|number| json!(1000 + number)));
            row
        };
        answer(&named, (0..rows).map(row).collect())
    }

    fn widest(text: &str) -> usize {
        text.lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn columns_that_do_not_fit_are_left_out_whole_and_named() {
        let drawn = draw(&wide(3), Some(80), TooWide::FewerColumns(&[]));
        assert!(widest(&drawn.text) <= 80, "{}", drawn.text);
        for word in ["model", "quality_00", "azure/gpt-4o-mini", "1000"] {
            assert!(drawn.text.contains(word), "{word}: {}", drawn.text);
        }
        let shown = (0..17).filter(|index| drawn.text.contains(&format!("quality_{index:02}")));
        assert_eq!(shown.count() + drawn.left_out.len(), 17);
        assert!(!drawn.left_out.is_empty());
        let all = draw(&wide(3), Some(80), TooWide::LongLines);
        assert!(all.left_out.is_empty() && all.text.contains("quality_16"));
        assert_eq!(all.text.lines().count(), 5, "a row is a line");
    }

    #[test]
    fn the_columns_that_a_report_names_come_first() {
        let brief = ["model".to_owned(), "quality_16".to_owned()];
        let drawn = draw(&wide(3), Some(80), TooWide::FewerColumns(&brief));
        assert!(drawn.text.contains("quality_16") && !drawn.text.contains("quality_00"));
        assert_eq!(drawn.left_out.len(), 16);
        // Where all fit, all are shown.
        let drawn = draw(&wide(3), Some(400), TooWide::FewerColumns(&brief));
        assert!(drawn.left_out.is_empty() && drawn.text.contains("quality_00"));
    }

    #[test]
    fn a_single_row_and_what_is_not_a_report_are_blocks() {
        let one = draw(&wide(1), Some(80), TooWide::FewerColumns(&[])).text;
        assert_eq!(one.lines().count(), 18, "{one}");
        assert!(
            one.contains("model       azure/gpt-4o-mini number 0\n"),
            "{one}"
        );
        let two = draw(&wide(2), Some(80), TooWide::Blocks).text;
        assert_eq!(two.lines().count(), 2 * 19, "{two}");
        assert!(two.starts_with("─── 1 ───\nmodel "), "{two}");
    }

    #[test]
    fn long_texts_are_wrapped_between_words() {
        let columns = [("title", ColumnKind::Text), ("question", ColumnKind::Text)];
        let long = "Which tools are crews equipped with, and which of them are used by whom and how often?";
        let answer = answer(&columns, vec![vec![json!("Tools"), json!(long)]; 2]);
        let drawn = draw(&answer, Some(60), TooWide::FewerColumns(&[]));
        assert!(widest(&drawn.text) <= 60, "{}", drawn.text);
        assert!(drawn.left_out.is_empty());
        for word in long.split(' ') {
            assert!(drawn.text.contains(word), "{word}: {}", drawn.text);
        }
    }
}
