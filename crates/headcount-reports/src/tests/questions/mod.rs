//! The reports that maintainers decide with: by hand over a few rows, and against plain counting over generated ones.

mod by_hand;
mod fleet;
mod health;
mod installations;
mod plain_counts;
mod plain_tables;

use super::*;

/// The last day of every answer here: a Sunday.
const TODAY: &str = "2026-11-15";

/// The answer as of [`TODAY`], with the report's own parameters.
fn ask_with(reports: &Reports, name: &str, min_crews: u64, own: &[(&str, &str)]) -> Answer {
    let own = own
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let parameters = ReportParameters {
        until: Some(TODAY.to_owned()),
        own: own.collect(),
        ..parameters(min_crews)
    };
    ask(reports, name, &parameters)
}

/// The cell of the first row that has these values, in a column.
fn cell(answer: &Answer, wanted: &[(&str, &str)], column: &str) -> Value {
    let index = |name: &str| answer.column_index(name).unwrap();
    let is_wanted = |row: &&Vec<Value>| {
        let mut wanted = wanted.iter();
        wanted.all(|(name, value)| match &row[index(name)] {
            Value::Null => value.is_empty(),
            Value::String(text) => text == value,
            _ => false,
        })
    };
    let row = answer.rows.iter().find(is_wanted);
    row.unwrap_or_else(|| panic!("no row {wanted:?} in\n{}", answer.to_csv()))[index(column)]
        .clone()
}

/// Rows as text, for comparing.
fn texts(answer: &Answer, columns: &[&str]) -> Vec<String> {
    let rows = answer.rows.iter().map(|row| {
        let cells = columns.iter().map(|column| {
            let index = answer.column_index(column).unwrap();
            match &row[index] {
                Value::String(text) => text.clone(),
                Value::Number(number) if number.is_f64() => rounded(number.as_f64()),
                other => other.to_string(),
            }
        });
        cells.collect::<Vec<_>>().join(" ")
    });
    rows.collect()
}

/// A share as text: sums of doubles may differ in their last digits.
fn rounded(value: Option<f64>) -> String {
    value.map_or("null".to_owned(), |value| format!("{value:.6}"))
}

fn share(part: usize, whole: usize) -> String {
    rounded((whole > 0).then(|| part as f64 / whole as f64))
}
