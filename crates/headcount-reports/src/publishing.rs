//! What of an answer may be shown to everybody.
//!
//! The k-threshold of [`crate::ReportParameters::min_crews`] hides words that few crews sent. Publishing hides numbers as
//! well: a row about fewer than `k` is folded with its like, and where one row alone would be folded, or rows about fewer
//! than `k` together, the smallest row beside them is folded too, so that nobody gets the hidden number by subtracting
//! what is shown from a total (complementary suppression). Extremes are those of a single crew: they are left out.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::header::ReportHeader;
use headcount_answer::{Answer, ColumnKind, cell_text};

/// The fewest rows that are folded into one: of two nobody knows which is which.
const FEWEST_ROWS: usize = 2;

/// `answer` as everybody may see it: no row about fewer than `k` of what the report is published by. An answer of a
/// report that is never published has no rows.
pub fn publish(report: &ReportHeader, answer: &Answer, k: u64) -> Answer {
    let mut published = Answer {
        columns: answer.columns.clone(),
        rows: Vec::new(),
        notes: answer.notes.clone(),
    };
    let measures: Vec<usize> = report
        .published_by
        .iter()
        .filter_map(|column| answer.column_index(column))
        .collect();
    if measures.is_empty() {
        return published;
    }
    let period = answer.column_index("period");
    let mut groups: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for (place, row) in answer.rows.iter().enumerate() {
        let group = period
            .map(|period| cell_text(&row[period]))
            .unwrap_or_default();
        groups.entry(group).or_default().push(Row {
            place,
            count: measures
                .iter()
                .find_map(|index| row[*index].as_u64())
                .unwrap_or(0),
            is_hidden: false,
        });
    }
    let mut shown: Vec<(usize, Vec<Value>)> = Vec::new();
    let mut folded = 0;
    for rows in groups.values_mut() {
        hide(rows, k);
        let hidden: Vec<&Row> = rows.iter().filter(|row| row.is_hidden).collect();
        folded += hidden.len();
        if let Some(last) = hidden.last() {
            let values: Vec<&Vec<Value>> =
                hidden.iter().map(|row| &answer.rows[row.place]).collect();
            let sum: u64 = hidden.iter().map(|row| row.count).sum();
            let row = fold(answer, &values, period, (sum >= k).then_some(&measures), k);
            shown.push((last.place, row));
        }
        let open = rows.iter().filter(|row| !row.is_hidden);
        shown
            .extend(open.map(|row| (row.place, without_extremes(answer, &answer.rows[row.place]))));
    }
    shown.sort_by_key(|(place, _)| *place);
    published.rows = shown.into_iter().map(|(_, row)| row).collect();
    if folded > 0 {
        let noun = if folded == 1 { "row" } else { "rows" };
        published.notes.push(format!(
            "{folded} {noun} about fewer than {k}, or beside such a row, are folded together; extremes are left out"
        ));
    }
    published
}

/// A row of the answer.
struct Row {
    place: usize,
    count: u64,
    is_hidden: bool,
}

/// Marks what must not be shown.
fn hide(rows: &mut [Row], k: u64) {
    for row in rows.iter_mut() {
        row.is_hidden = row.count < k;
    }
    loop {
        let hidden = rows.iter().filter(|row| row.is_hidden);
        let (count, sum) = hidden.fold((0, 0_u64), |(count, sum), row| {
            (count + 1, sum.saturating_add(row.count))
        });
        if count == 0 || (count >= FEWEST_ROWS && sum >= k) {
            return;
        }
        let open = rows.iter_mut().filter(|row| !row.is_hidden);
        let Some(smallest) = open.min_by_key(|row| (row.count, std::cmp::Reverse(row.place)))
        else {
            return;
        };
        smallest.is_hidden = true;
    }
}

/// One row for `rows`. Only where they are about enough, and of whole numbers alone, is there a sum: that of the columns
/// that the report is published by.
fn fold(
    answer: &Answer,
    rows: &[&Vec<Value>],
    period: Option<usize>,
    measures: Option<&Vec<usize>>,
    k: u64,
) -> Vec<Value> {
    let mut label = Some(format!("({} together, some of fewer than {k})", rows.len()));
    let columns = answer.columns.iter().enumerate();
    let value = |(index, column): (usize, &headcount_answer::AnswerColumn)| {
        if Some(index) == period {
            return rows.first().map_or(Value::Null, |row| row[index].clone());
        }
        match column.kind {
            ColumnKind::Text => label.take().map_or(Value::Null, Value::String),
            ColumnKind::Integer if measures.is_some_and(|measures| measures.contains(&index)) => {
                let known: Vec<u64> = rows.iter().filter_map(|row| row[index].as_u64()).collect();
                if known.is_empty() {
                    Value::Null
                } else {
                    Value::from(known.into_iter().fold(0, u64::saturating_add))
                }
            }
            _ => Value::Null,
        }
    };
    columns.map(value).collect()
}

/// The row without what a single crew decides.
fn without_extremes(answer: &Answer, row: &[Value]) -> Vec<Value> {
    let is_extreme =
        |name: &str| name.ends_with("_min") || name.ends_with("_max") || name.ends_with("_seen");
    let columns = answer.columns.iter().zip(row);
    let value = |(column, value): (&headcount_answer::AnswerColumn, &Value)| {
        if is_extreme(&column.name) {
            Value::Null
        } else {
            value.clone()
        }
    };
    columns.map(value).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::library::find_report;
    use headcount_answer::AnswerColumn;

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
                json!(7),
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
        assert_eq!(rows[1], [json!("tool 1"), json!(9), json!(7), json!(1.5)]);
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

    #[test]
    fn what_is_shared_is_never_published() {
        let shared = find_report("shared").unwrap();
        assert!(publish(shared, &answer(&[Some(40)]), K).rows.is_empty());
    }

    proptest! {
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
