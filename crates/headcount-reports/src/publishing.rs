//! What of an answer may be shown to everybody.
//!
//! The k-threshold of [`crate::ReportParameters::min_crews`] hides words that few crews sent. Publishing hides numbers as
//! well: a row about fewer than `k` is folded with its like, and where one row alone would be folded, or rows about fewer
//! than `k` together, the smallest row beside them is folded too, so that nobody gets the hidden number by subtracting
//! what is shown from a total (complementary suppression). What counts crews and what counts runs is never added up.
//! Beside what a row counts, a number below `k`, and one that leaves fewer than `k` of the row, is left out; so are lists,
//! and extremes, which are those of a single crew.

use std::collections::BTreeMap;

use headcount_answer::{Answer, AnswerColumn, ColumnKind, cell_text};
use serde_json::Value;

use crate::header::ReportHeader;
use crate::reports::HOW_TO_UNFOLD;

/// The fewest rows that are folded into one: of two nobody knows which is which.
const FEWEST_ROWS: usize = 2;

/// `answer` as everybody may see it: no number about fewer than `k` of what the report is published by. An answer of a
/// report that is never published has no rows.
pub fn publish(report: &ReportHeader, answer: &Answer, k: u64) -> Answer {
    // What is not offered is not advertised.
    let note = |note: &String| note.strip_suffix(HOW_TO_UNFOLD).unwrap_or(note).to_owned();
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
    let mut folded = 0;
    for rows in groups.values_mut() {
        if !report.published_alone {
            hide(rows, k);
        }
        let hidden: Vec<&Row> = rows.iter().filter(|row| row.is_hidden).collect();
        folded += hidden.len();
        if let Some(last) = hidden.last() {
            shown.push((last.place, publisher.fold(&hidden)));
        }
        let open = rows.iter().filter(|row| !row.is_hidden);
        let is_whole = hidden.is_empty();
        shown.extend(open.map(|row| (row.place, publisher.open(row, is_whole))));
    }
    shown.sort_by_key(|(place, _)| *place);
    published.rows = shown.into_iter().map(|(_, row)| row).collect();
    if folded > 0 {
        let noun = if folded == 1 { "row" } else { "rows" };
        published.notes.push(format!(
            "{folded} {noun} about fewer than {k}, or beside such a row, are folded together"
        ));
    }
    published.notes.push(format!(
        "in public, numbers below {k} and those that leave fewer than {k}, lists and extremes are left out"
    ));
    published
}

/// A row of the answer.
#[derive(Debug, Clone, Copy)]
struct Row {
    place: usize,
    /// What it is about: the place among the columns of the measure, and its value.
    measure: usize,
    count: u64,
    is_hidden: bool,
}

/// Marks what must not be shown.
fn hide(rows: &mut [Row], k: u64) {
    for row in rows.iter_mut() {
        row.is_hidden = row.count < k;
    }
    while let Some(next) = next_to_hide(rows, k) {
        rows[next].is_hidden = true;
    }
}

/// The row that has to be hidden beside those that are: the smallest of the same measure where what is hidden of it is too
/// little, else the smallest of all where a row would be hidden alone.
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

/// What is known of the answer's columns.
struct Publisher<'a> {
    answer: &'a Answer,
    k: u64,
    period: Option<usize>,
    measures: Vec<usize>,
    /// Columns that tell of all rows together: what is hidden could be had from them.
    wholes: Vec<usize>,
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
        }
    }

    /// The first measure that is not null says what a row is about.
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

    /// One row for `rows`: the sums of what they are about, where these are enough, and nothing else.
    fn fold(&self, rows: &[&Row]) -> Vec<Value> {
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

    /// A row that is shown, without what would tell of few; `is_whole` where none is hidden beside it.
    fn open(&self, row: &Row, is_whole: bool) -> Vec<Value> {
        let values = &self.answer.rows[row.place];
        let columns = self.answer.columns.iter().zip(values).enumerate();
        let value = |(index, (column, value)): (usize, (&AnswerColumn, &Value))| {
            let tells = is_extreme(&column.name)
                || column.kind == ColumnKind::List
                || (!is_whole && self.wholes.contains(&index))
                || (column.kind == ColumnKind::Integer && self.is_of_few(row, index, value));
            if tells { Value::Null } else { value.clone() }
        };
        columns.map(value).collect()
    }

    /// Whether the number of the column `index` is about few, or what it leaves of the row is.
    fn is_of_few(&self, row: &Row, index: usize, value: &Value) -> bool {
        let Some(number) = value.as_u64() else {
            return false;
        };
        let few = 1..self.k;
        if index == row.measure {
            // Rows that are not folded are of many kinds; none of them may be about few.
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

#[cfg(test)]
mod tests {
    use headcount_answer::AnswerColumn;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::library::find_report;

    const K: u64 = 5;

    fn answer(counts: &[Option<u64>]) -> Answer {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        let row = |(index, count): (usize, &Option<u64>)| {
            vec![
                json!(format!("tool {index}")),
                json!(count),
                json!(90),
                json!(1.5),
            ]
        };
        Answer {
            columns: vec![
                column("tool", ColumnKind::Text),
                column("crews", ColumnKind::Integer),
                column("uses", ColumnKind::Integer),
                column("attempts", ColumnKind::Number),
            ],
            rows: counts.iter().enumerate().map(row).collect(),
            notes: Vec::new(),
        }
    }

    fn published(counts: &[Option<u64>]) -> Vec<Vec<Value>> {
        publish(find_report("tools").unwrap(), &answer(counts), K).rows
    }

    #[test]
    fn one_small_row_takes_the_next_with_it() {
        let rows = published(&[Some(40), Some(9), Some(6), Some(2)]);
        assert_eq!(rows.len(), 3);
        assert_eq!(
            rows[2],
            [
                json!("(2 together, some of fewer than 5)"),
                json!(8),
                json!(null),
                json!(null)
            ]
        );
        assert_eq!(rows[1], [json!("tool 1"), json!(9), json!(90), json!(1.5)]);
    }

    #[test]
    fn small_rows_that_are_enough_together_are_folded_alone() {
        let rows = published(&[Some(40), Some(4), Some(3)]);
        assert_eq!(rows[1][1], json!(7));
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn where_all_are_few_not_even_the_sum_is_told() {
        let rows = published(&[Some(2), None]);
        assert_eq!(
            rows,
            [vec![
                json!("(2 together, some of fewer than 5)"),
                json!(null),
                json!(null),
                json!(null)
            ]]
        );
        assert!(published(&[]).is_empty());
    }

    /// Crews where the release names them, runs where it does not.
    fn crews_and_runs(rows: &[(Option<u64>, u64)]) -> Answer {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        let row = |(index, (crews, runs)): (usize, &(Option<u64>, u64))| {
            vec![json!(format!("1.{index}")), json!(crews), json!(runs)]
        };
        Answer {
            columns: vec![
                column("version", ColumnKind::Text),
                column("crews", ColumnKind::Integer),
                column("runs", ColumnKind::Integer),
            ],
            rows: rows.iter().enumerate().map(row).collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn crews_of_one_row_and_runs_of_another_are_no_sum() {
        let answer = crews_and_runs(&[(Some(1), 1), (None, 6)]);
        let rows = publish(find_report("versions").unwrap(), &answer, K).rows;
        let label = json!("(2 together, some of fewer than 5)");
        assert_eq!(rows, [vec![label, json!(null), json!(6)]]);
    }

    #[test]
    fn small_numbers_beside_a_row_and_what_leaves_few_of_it_are_left_out() {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        let answer = Answer {
            columns: vec![
                column("step", ColumnKind::Text),
                column("count", ColumnKind::Integer),
                column("deployments", ColumnKind::Integer),
                column("from_cli", ColumnKind::Integer),
                column("from_tui", ColumnKind::Integer),
                column("details", ColumnKind::List),
            ],
            rows: vec![
                vec![
                    json!("create"),
                    json!(42),
                    json!(30),
                    json!(40),
                    json!(2),
                    json!(["quota: 2"]),
                ],
                vec![
                    json!("start"),
                    json!(42),
                    json!(42),
                    json!(42),
                    json!(0),
                    json!(null),
                ],
            ],
            notes: vec!["few are folded; --min-crews 1 shows every value".to_owned()],
        };
        let published = publish(find_report("deployments").unwrap(), &answer, K);
        let expected = [
            vec![
                json!("create"),
                json!(42),
                json!(30),
                json!(null),
                json!(null),
                json!(null),
            ],
            vec![
                json!("start"),
                json!(42),
                json!(42),
                json!(42),
                json!(0),
                json!(null),
            ],
        ];
        assert_eq!(published.rows, expected);
        assert_eq!(published.notes[0], "few are folded");
    }

    #[test]
    fn a_share_of_all_is_not_told_beside_a_folded_row() {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        let answer = Answer {
            columns: vec![
                column("value", ColumnKind::Text),
                column("runs", ColumnKind::Integer),
                column("share", ColumnKind::Number),
            ],
            rows: vec![
                vec![json!("a"), json!(80), json!(0.8)],
                vec![json!("b"), json!(18), json!(0.18)],
                vec![json!("c"), json!(2), json!(0.02)],
            ],
            notes: Vec::new(),
        };
        let report = find_report("environment").unwrap();
        let rows = publish(report, &answer, K).rows;
        assert_eq!(rows[0], [json!("a"), json!(80), json!(null)]);
        assert_eq!(rows[1][1..], [json!(20), json!(null)]);
    }

    #[test]
    fn rows_of_different_things_are_not_added_up() {
        let mut answer = answer(&[Some(40), Some(3), Some(0), Some(2)]);
        answer.columns[1].name = "value".to_owned();
        let rows = publish(find_report("overview").unwrap(), &answer, K).rows;
        let values: Vec<&Value> = rows.iter().map(|row| &row[1]).collect();
        assert_eq!(values, [&json!(40), &json!(null), &json!(0), &json!(null)]);
    }

    #[test]
    fn what_is_shared_is_never_published() {
        let shared = find_report("shared").unwrap();
        assert!(publish(shared, &answer(&[Some(40)]), K).rows.is_empty());
    }

    proptest! {
        #[test]
        fn no_number_of_crews_or_runs_is_below_the_threshold(
            rows in prop::collection::vec((prop::option::of(0_u64..12), 0_u64..12), 0..8)
        ) {
            let rows: Vec<(Option<u64>, u64)> =
                rows.into_iter().map(|(crews, more)| (crews, crews.unwrap_or(0) + more)).collect();
            let published = publish(find_report("versions").unwrap(), &crews_and_runs(&rows), K).rows;
            for row in &published {
                for number in &row[1..] {
                    prop_assert!(number.as_u64().is_none_or(|number| number == 0 || number >= K), "{row:?}");
                }
            }
            // Who knows all crews learns those of the folded rows: enough of them, of two rows, or all there are.
            let shown: u64 = published.iter().filter(|row| !row[0].as_str().unwrap().starts_with('(')).filter_map(|row| row[1].as_u64()).sum();
            let total: u64 = rows.iter().filter_map(|(crews, _)| *crews).sum();
            prop_assert!(total == shown || total - shown >= K || shown == 0);
        }

        #[test]
        fn nothing_about_few_can_be_subtracted(counts in prop::collection::vec(prop::option::of(0_u64..40), 0..12)) {
            let rows = published(&counts);
            let total: u64 = counts.iter().flatten().sum();
            let shown: u64 = rows.iter().filter(|row| !row[0].as_str().unwrap().starts_with('(')).map(|row| row[1].as_u64().unwrap()).sum();
            let folded = rows.iter().find(|row| row[0].as_str().unwrap().starts_with('('));
            for row in &rows {
                prop_assert!(row[1].as_u64().is_none_or(|count| count >= K), "{row:?}");
            }
            // Who knows the total learns the sum of the folded rows: at least two of them, and about enough, or all.
            if let Some(folded) = folded {
                let hidden = counts.len() - (rows.len() - 1);
                prop_assert!(hidden >= 2 || counts.len() == 1);
                prop_assert!(total - shown >= K || shown == 0);
                prop_assert!(folded[1].is_null() || folded[1] == json!(total - shown));
            } else {
                prop_assert_eq!(shown, total);
            }
        }
    }
}
