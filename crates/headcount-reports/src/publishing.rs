//! Statistical disclosure control: the part of an answer that may be shown to everybody.
//!
//! The k-threshold of [`crate::ReportParameters::min_crews`] hides words that few crews sent. Publishing hides numbers as
//! well: rows about fewer than `k` are grouped, and where only one row would be grouped, or rows about fewer than `k`
//! together, the smallest row beside them is grouped too, so that nobody gets the hidden number by subtracting
//! the shown rows from a total (complementary suppression). Counts of crews and counts of runs are never added up.
//! Beside what a row counts, a number below `k`, and one that leaves fewer than `k` of the row, is left out, and with it the
//! shares of that row that would tell it; so are lists, and extremes, which are those of a single crew.

use std::collections::BTreeMap;

use headcount_answer::{Answer, AnswerColumn, ColumnKind, cell_text};
use serde_json::Value;

use crate::damage::MISSING;
use crate::header::ReportHeader;
use crate::held_back::HOW_TO_SHOW_ALL;

/// The fewest rows that are grouped into one: of two nobody knows which is which.
const FEWEST_ROWS: usize = 2;

/// `answer` as everybody may see it: no number about fewer than `k` of what the report is published by. An answer of a
/// report that is never published has no rows.
pub fn publish(report: &ReportHeader, answer: &Answer, k: u64) -> Answer {
    // Public readers cannot lower the threshold, and the rows that are missing may be few.
    let note = |note: &String| match note.split_once(MISSING) {
        Some((rows, _)) => format!("{rows}{MISSING}"),
        None => note
            .strip_suffix(HOW_TO_SHOW_ALL)
            .unwrap_or(note)
            .to_owned(),
    };
    let mut published = Answer {
        columns: answer.columns.clone(),
        rows: Vec::new(),
        notes: answer.notes.iter().map(note).collect(),
    };
    let publisher = Publisher::of(report, answer, k);
    if publisher.measures.is_empty() {
        return published;
    }
    let mut groups: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for (place, values) in answer.rows.iter().enumerate() {
        let group = publisher
            .period
            .map(|period| cell_text(&values[period]))
            .unwrap_or_default();
        let row = publisher.row(place, values);
        groups.entry(group).or_default().push(row);
    }
    let mut shown: Vec<(usize, Vec<Value>)> = Vec::new();
    let mut grouped = 0;
    for rows in groups.values_mut() {
        if !report.published_alone {
            hide(rows, k);
        }
        let hidden: Vec<&Row> = rows.iter().filter(|row| row.is_hidden).collect();
        grouped += hidden.len();
        if let Some(last) = hidden.last() {
            shown.push((last.place, publisher.group(&hidden)));
        }
        let open = rows.iter().filter(|row| !row.is_hidden);
        let is_whole = hidden.is_empty();
        shown.extend(open.map(|row| (row.place, publisher.open(row, is_whole))));
    }
    shown.sort_by_key(|(place, _)| *place);
    published.rows = shown.into_iter().map(|(_, row)| row).collect();
    if grouped > 0 {
        let noun = if grouped == 1 { "row" } else { "rows" };
        published.notes.push(format!(
            "{grouped} {noun} about fewer than {k}, or beside such a row, are grouped together"
        ));
    }
    published.notes.push(format!(
        "public answers omit numbers below {k}, numbers that leave fewer than {k}, lists and extremes"
    ));
    published
}

/// A row of the answer.
#[derive(Debug, Clone, Copy)]
struct Row {
    place: usize,
    /// The column of its measure, and the measure's value.
    measure: usize,
    count: u64,
    is_hidden: bool,
}

/// Marks the rows that must not be shown.
fn hide(rows: &mut [Row], k: u64) {
    for row in rows.iter_mut() {
        row.is_hidden = row.count < k;
    }
    while let Some(next) = next_to_hide(rows, k) {
        rows[next].is_hidden = true;
    }
}

/// The next row to hide beside the hidden ones: the smallest of the same measure where the hidden rows of that measure are
/// too few or too small together, else the smallest of all where a row would be hidden alone.
fn next_to_hide(rows: &[Row], k: u64) -> Option<usize> {
    let smallest = |measure: Option<usize>| {
        let open = rows.iter().enumerate().filter(|(_, row)| {
            !row.is_hidden && measure.is_none_or(|measure| measure == row.measure)
        });
        let least = open.min_by_key(|(_, row)| (row.count, std::cmp::Reverse(row.place)));
        least.map(|(index, _)| index)
    };
    let mut sums: BTreeMap<usize, (usize, u64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_hidden) {
        let (count, sum) = sums.entry(row.measure).or_default();
        *count += 1;
        *sum = sum.saturating_add(row.count);
    }
    let short = |(count, sum): &(usize, u64)| *count < FEWEST_ROWS || *sum < k;
    let beside = sums
        .iter()
        .filter(|(_, hidden)| short(hidden))
        .find_map(|(measure, _)| smallest(Some(*measure)));
    let hidden: usize = sums.values().map(|(count, _)| count).sum();
    let is_alone = hidden > 0 && hidden < FEWEST_ROWS;
    beside.or_else(|| is_alone.then(|| smallest(None)).flatten())
}

/// The roles of the answer's columns.
struct Publisher<'a> {
    answer: &'a Answer,
    k: u64,
    period: Option<usize>,
    measures: Vec<usize>,
    /// Columns that reveal a total: hidden numbers could be derived from them.
    wholes: Vec<usize>,
    /// Columns of whole numbers that count nobody.
    not_counts: Vec<usize>,
}

impl<'a> Publisher<'a> {
    fn of(report: &ReportHeader, answer: &'a Answer, k: u64) -> Self {
        let indices = |names: &[String]| {
            let indices = names.iter().filter_map(|name| answer.column_index(name));
            indices.collect()
        };
        Self {
            answer,
            k,
            period: answer.column_index("period"),
            measures: indices(&report.published_by),
            wholes: indices(&report.tells_the_whole),
            not_counts: indices(&report.not_a_count),
        }
    }

    /// A row is about its first measure that is not null.
    fn row(&self, place: usize, values: &[Value]) -> Row {
        let mut known = self
            .measures
            .iter()
            .filter_map(|index| Some((*index, values[*index].as_u64()?)));
        let (measure, count) = known.next().unwrap_or((self.measures[0], 0));
        Row {
            place,
            measure,
            count,
            is_hidden: false,
        }
    }

    /// One row for `rows`: the sums of their measures, where these are large enough, and nothing else.
    fn group(&self, rows: &[&Row]) -> Vec<Value> {
        let label = format!("({} together, some of fewer than {})", rows.len(), self.k);
        let mut label = Some(label);
        let sum = |measure: usize| -> u64 {
            let about = rows.iter().filter(|row| row.measure == measure);
            about
                .map(|row| row.count)
                .fold(0, |sum, count| sum.saturating_add(count))
        };
        let value = |(index, column): (usize, &AnswerColumn)| {
            if Some(index) == self.period {
                let first = rows.first();
                return first.map_or(Value::Null, |row| {
                    self.answer.rows[row.place][index].clone()
                });
            }
            match column.kind {
                ColumnKind::Text => label.take().map_or(Value::Null, Value::String),
                _ if sum(index) >= self.k => Value::from(sum(index)),
                _ => Value::Null,
            }
        };
        self.answer.columns.iter().enumerate().map(value).collect()
    }

    /// A row that is shown, without values about few; `is_whole` where none is hidden beside it.
    fn open(&self, row: &Row, is_whole: bool) -> Vec<Value> {
        let values = &self.answer.rows[row.place];
        let columns = || self.answer.columns.iter().zip(values).enumerate();
        let is_left_out = |(index, (column, value)): (usize, (&AnswerColumn, &Value))| {
            column.kind == ColumnKind::Integer
                && !self.not_counts.contains(&index)
                && self.is_of_few(row, index, value)
        };
        let misses_a_number = columns().any(is_left_out);
        let value = |cell: (usize, (&AnswerColumn, &Value))| {
            let (index, (column, value)) = cell;
            let is_share = self.wholes.contains(&index) && column.kind == ColumnKind::Number;
            let tells = is_extreme(&column.name)
                || column.kind == ColumnKind::List
                || (!is_whole && self.wholes.contains(&index))
                // The number that is left out is the share times what is shown beside it.
                || (misses_a_number && is_share)
                || is_left_out(cell);
            if tells { Value::Null } else { value.clone() }
        };
        columns().map(value).collect()
    }

    /// Whether the number of the column `index` is about few, or the rest of the row beside it is.
    fn is_of_few(&self, row: &Row, index: usize, value: &Value) -> bool {
        let Some(number) = value.as_u64() else {
            return false;
        };
        let few = 1..self.k;
        if index == row.measure {
            // Rows that are never grouped count different things; none of them may be about few.
            return few.contains(&number);
        }
        let values = &self.answer.rows[row.place];
        let leaves_few = |measure: &usize| {
            let Some(all) = values[*measure].as_u64().filter(|_| *measure != index) else {
                return false;
            };
            let (whole, part) = if self.wholes.contains(&index) {
                (number, all)
            } else {
                (all, number)
            };
            few.contains(&whole.saturating_sub(part))
        };
        few.contains(&number)
            || (!self.measures.contains(&index) && self.measures.iter().any(leaves_few))
    }
}

/// Whether a single crew decides the column's values.
fn is_extreme(name: &str) -> bool {
    name.ends_with("_min") || name.ends_with("_max") || name.ends_with("_seen")
}
