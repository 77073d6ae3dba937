//! What changed between two answers of one report.

use std::collections::HashMap;

use crate::answer::{Answer, AnswerColumn, ColumnKind};

/// Names with a count now and before: columns `name`, `now`, `before` and `change`, the greatest change first. A name that
/// only one answer has counts as zero in the other. Rows without a name, and rows that stand for folded names, are left
/// out. Empty where an answer lacks one of the columns.
pub fn changes(now: &Answer, before: &Answer, name: &str, count: &str) -> Answer {
    let mut counts: Vec<(String, i64, i64)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (answer, is_now) in [(now, true), (before, false)] {
        for (name, count) in named_counts(answer, name, count) {
            let place = *places.entry(name.clone()).or_insert_with(|| {
                counts.push((name, 0, 0));
                counts.len() - 1
            });
            let (_, now, before) = &mut counts[place];
            let sum = if is_now { now } else { before };
            *sum = sum.saturating_add(count);
        }
    }
    let change = |(_, now, before): &(String, i64, i64)| now.saturating_sub(*before);
    counts.sort_by(|left, right| {
        let (left_size, right_size) = (change(left).unsigned_abs(), change(right).unsigned_abs());
        right_size
            .cmp(&left_size)
            .then_with(|| left.0.cmp(&right.0))
    });
    let column = |name: &str, kind| AnswerColumn {
        name: name.to_owned(),
        kind,
    };
    let row = |counted: &(String, i64, i64)| {
        let (name, now, before) = counted;
        vec![
            name.as_str().into(),
            (*now).into(),
            (*before).into(),
            change(counted).into(),
        ]
    };
    Answer {
        columns: vec![
            column("name", ColumnKind::Text),
            column("now", ColumnKind::Integer),
            column("before", ColumnKind::Integer),
            column("change", ColumnKind::Integer),
        ],
        rows: counts.iter().map(row).collect(),
        notes: Vec::new(),
    }
}

fn named_counts<'a>(
    answer: &'a Answer,
    name: &str,
    count: &str,
) -> impl Iterator<Item = (String, i64)> + use<'a> {
    let columns = answer.column_index(name).zip(answer.column_index(count));
    answer.rows.iter().filter_map(move |row| {
        let (name, count) = columns?;
        let name = row[name].as_str().filter(|name| !name.starts_with('('))?;
        Some((name.to_owned(), row[count].as_i64()?))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(rows: &[(Value, Value)]) -> Answer {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        Answer {
            columns: vec![
                column("tool", ColumnKind::Text),
                column("crews", ColumnKind::Integer),
            ],
            rows: rows
                .iter()
                .map(|(name, count)| vec![name.clone(), count.clone()])
                .collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_came_and_what_went_counts() {
        let now = answer(&[
            (json!("search"), json!(10)),
            (json!("new"), json!(7)),
            (json!(null), json!(100)),
            (json!("(3 values from fewer than 5 crews)"), json!(50)),
        ]);
        let before = answer(&[
            (json!("search"), json!(12)),
            (json!("gone"), json!(9)),
            (json!("unknown"), json!(null)),
        ]);
        let changed = changes(&now, &before, "tool", "crews");
        assert_eq!(
            changed.rows,
            [
                vec![json!("gone"), json!(0), json!(9), json!(-9)],
                vec![json!("new"), json!(7), json!(0), json!(7)],
                vec![json!("search"), json!(10), json!(12), json!(-2)],
            ]
        );
        assert!(changes(&now, &before, "nothing", "crews").rows.is_empty());
    }
}
